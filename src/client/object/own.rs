//! Calls on evenkeel's own keys, which no caller can make. Metrics and listeners of calls do not hear of them.

use super::{GetObject, ObjectClient, Objects, PutObject, Stored, values::Fetched};
use crate::{
    call::{Error, Mode, Operation, enter, options::CallOptions},
    endpoint::Profile,
    provider::AnyObjectProvider,
    request::{Key, bit, object::PutMode},
};
use bytes::Bytes;

impl ObjectClient {
    /// Stores `body` under a key of evenkeel's own.
    pub(crate) async fn own_put(&self, key: Key, body: Bytes, mode: PutMode) -> Result<Stored, Error> {
        let mut put = PutObject::new(Ok(key), body);
        put.set_mode(mode);
        self.own(put).await
    }

    /// Fetches what lies under a key of evenkeel's own.
    pub(crate) async fn own_get(&self, key: Key) -> Result<Fetched, Error> {
        self.own(GetObject::new(Ok(key))).await
    }

    /// The adapters of the endpoints that may be used, for requests that pass no station.
    pub(crate) fn stores(&self) -> impl Iterator<Item = (&Profile, &AnyObjectProvider)> {
        self.core.providers()
    }

    /// The adapters of the endpoints to which the client writes, and then those of the others that may be used.
    pub(crate) fn stores_by_role(&self) -> [Vec<(&Profile, &AnyObjectProvider)>; 2] {
        let mut roles = [Vec::new(), Vec::new()];
        for (index, profile) in self.core.engine.roster.iter().enumerate() {
            if let Some(store) = self.core.provider(index) {
                let writes = self.core.plan.write_to & bit(index) != 0;
                roles[usize::from(!writes)].push((profile, store));
            }
        }
        roles
    }

    /// Whether a stored object can be replaced.
    pub(crate) fn overwrites(&self) -> bool {
        self.core.plan.mode != Mode::WriteOnce
    }

    /// A name of 32 hex digits that nobody else has.
    pub(crate) fn draw_name(&self) -> String {
        self.core.draw_name().as_str().to_owned()
    }

    async fn own<O: Operation<Protocol = Objects>>(&self, operation: O) -> Result<O::Value, Error> {
        let (cx, admitted) = enter(self.core.clone(), operation.name(), &CallOptions::default());
        match admitted {
            Ok(()) => operation.run(&cx).await.map(|(value, _)| value),
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        }
    }
}
