//! An upload of which this process holds nothing: its name says where it is, and the caller keeps the parts' tags.

use super::{
    UploadCall, advice,
    lane::{Fault, Lane},
    put_whole,
};
use crate::{
    Error,
    call::enter,
    client::object::values::Stored,
    model::ErrorKind,
    request::{
        WriteId, bit,
        object::{PartTag, UploadId},
    },
};
use bytes::Bytes;
use std::sync::Arc;

/// An upload under way at one endpoint. Dropping it leaves the upload as it is. Nothing restarts.
pub(in crate::client) struct Detached(Lane);

impl UploadCall {
    /// Begins the upload.
    pub(in crate::client) async fn begin_detached(self) -> Result<Detached, Error> {
        self.lane().await.map(Detached)
    }

    /// The upload of this name at this endpoint, which was begun with the same options under the same write id.
    pub(in crate::client) fn attach(mut self, endpoint: Arc<str>, upload: UploadId) -> Result<Detached, Error> {
        self.options.pin = Some(endpoint.clone());
        let (cx, admitted) = enter(self.core.clone(), "upload", &self.options);
        admitted.map_err(|(kind, message)| cx.refuse(kind, message))?;
        let checks = self.write.checked(&cx, self.key, None, None)?;
        match self.core.engine.roster.index_of(&endpoint) {
            Some(index) => Ok(Detached(Lane::resumed(self.core, self.options, checks, index, upload))),
            None => Err(cx.refuse(
                ErrorKind::InvalidInput,
                "the upload's endpoint is none of this client's",
            )),
        }
    }
}

impl Detached {
    pub(in crate::client) fn endpoint(&self) -> Arc<str> {
        self.0.endpoint_name()
    }

    pub(in crate::client) const fn upload(&self) -> &UploadId {
        self.0.upload()
    }

    pub(in crate::client) const fn write_id(&self) -> &WriteId {
        &self.0.checks().id
    }

    /// Whether writes may still go where the upload began: a client of another process may have chosen another home.
    fn may_go_on(&self) -> Result<(), Error> {
        let (cx, admitted) = self.0.enter();
        admitted?;
        match cx.reach(cx.plan.write_to) & bit(self.0.endpoint()) {
            0 => Err(cx.refuse(
                ErrorKind::Unsupported,
                "the upload began at an endpoint that takes no writes of this client",
            )),
            _ => Ok(()),
        }
    }

    /// Stores one part.
    pub(in crate::client) async fn part(&self, number: u32, body: Bytes) -> Result<PartTag, Error> {
        self.may_go_on()?;
        let stored = self.0.put(number, body, false).await;
        stored.map_err(|fault| self.advised(fault))
    }

    /// Makes the object visible.
    pub(in crate::client) async fn complete(&self, parts: Vec<PartTag>) -> Result<Stored, Error> {
        self.may_go_on()?;
        if parts.is_empty() {
            let (cx, admitted) = self.0.enter();
            admitted?;
            let stored = put_whole(&cx, self.0.checks().clone(), Bytes::new()).await?;
            // The object is there: what is left of the upload is for a sweep.
            let _ = self.abort().await;
            return Ok(stored);
        }
        self.0
            .complete(parts)
            .await
            .map(|(stored, _)| stored)
            .map_err(|fault| self.advised(fault))
    }

    /// A part that failed may be sent again, unless the upload is gone.
    fn advised(&self, fault: Fault) -> Error {
        match fault.is_gone {
            true => fault.error.advising(advice::NEW),
            false => advice::advised(fault.error, advice::Bytes::InSource, &self.0.checks().mode),
        }
    }

    pub(in crate::client) async fn abort(&self) -> Result<(), Error> {
        self.0.abort().await
    }
}
