//! URLs for those who have no credentials.

use super::{ObjectClient, Objects, door};
use crate::{
    call::{
        Authority, Context, Core, Error, enter,
        options::{CallOptions, call_setters},
    },
    model::ErrorKind,
    provider::ObjectProvider as _,
    request::{
        OpClass, bit, members,
        object::{Presign, PresignMethod, PresignedUrl},
    },
};
use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// A URL that has not been made yet. Options first, then `.await`.
#[must_use = "a call does nothing until it is awaited"]
pub struct PresignCall {
    core: Arc<Core<Objects>>,
    key: door::Checked,
    method: PresignMethod,
    expires_in: Duration,
    options: CallOptions,
}

/// A presigned URL, and the endpoint to which it leads. `Debug` shows no URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Presigned {
    /// The URL, with the headers that must go with it.
    pub url: PresignedUrl,
    /// The endpoint's name.
    pub endpoint: Arc<str>,
}

impl PresignCall {
    pub(super) fn new(client: &ObjectClient, key: door::Checked, method: PresignMethod, expires_in: Duration) -> Self {
        Self {
            core: client.core.clone(),
            key,
            method,
            expires_in,
            options: CallOptions::default(),
        }
    }

    call_setters! {
        deadline: "How long the adapter may take, which may have to load credentials.",
        pin: "Only this endpoint."
    }

    async fn run(self) -> Result<Presigned, Error> {
        let (cx, admitted) = enter(self.core.clone(), "presign", &self.options);
        if let Err((kind, message)) = admitted {
            return Err(cx.refuse(kind, message));
        }
        let key = door::addressable(&cx, self.key.clone())?;
        let endpoint = self.best(&cx)?;
        let name = cx.name(endpoint);
        let Some(store) = self.core.provider(endpoint) else {
            return Err(cx.nonsense());
        };
        let signing = store.presign(Presign::new(key, self.method, self.expires_in));
        match tokio::time::timeout_at(cx.deadline, signing).await {
            Ok(Ok(url)) => Ok(Presigned { url, endpoint: name }),
            Ok(Err(error)) => {
                let kind = match error.kind() {
                    crate::provider::ProviderErrorKind::Invalid => ErrorKind::InvalidInput,
                    crate::provider::ProviderErrorKind::Unsupported => ErrorKind::Unsupported,
                    _ => ErrorKind::Unavailable,
                };
                Err(cx.refuse(kind, format!("{name}: {error}")))
            }
            Err(_) => Err(cx.refuse(
                ErrorKind::DeadlineExceeded,
                format!("{name} was not ready to sign in time"),
            )),
        }
    }

    /// The first endpoint in the order of preference that can presign and is in use; else the first that can presign.
    fn best(&self, cx: &Context<Objects>) -> Result<usize, Error> {
        let (among, class) = match self.method {
            PresignMethod::Get => (self.core.permitted(), OpClass::Read),
            PresignMethod::Put => match self.core.plan.authority {
                Authority::Home(home) => (bit(home), OpClass::Write),
                Authority::Replicas | Authority::Nobody => {
                    let message = "a presigned PUT carries neither a condition nor a write id, so under write_once it could \
                                   replace what is stored";
                    return Err(cx.refuse(ErrorKind::Unsupported, message));
                }
            },
        };
        let can = |&endpoint: &usize| {
            self.core
                .provider(endpoint)
                .is_some_and(|store| store.capabilities().presign)
        };
        let able: Vec<usize> = members(cx.reach(among)).filter(can).collect();
        let in_use = |endpoint: &&usize| self.core.engine.operator.out_of_use(**endpoint, class).is_none();
        let best = able.iter().find(in_use).or(able.first()).copied();
        best.ok_or_else(|| {
            cx.refuse(
                ErrorKind::Unsupported,
                "no endpoint that this call may use can presign URLs",
            )
        })
    }
}

impl IntoFuture for PresignCall {
    type Output = Result<Presigned, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
