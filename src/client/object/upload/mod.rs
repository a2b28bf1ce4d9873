//! Uploads: an object that is stored in parts, in bounded memory.
//!
//! Nothing is visible before the [completion](Upload::complete), and then the whole object at once. Each part is tried
//! again by itself, in nine rounds with about five seconds of waits in all. A part that cannot be stored fails the upload for good: no
//! later completion stores an object without it.
//!
//! | what happens | then |
//! |---|---|
//! | a part fails, or its answer is lost | the same part is sent again under its number, which replaces what arrived |
//! | a part fails for good | [`Upload`]: every later call fails with the first error. [`put_stream`]: the upload is made again, at most twice, if its [source](super::Source) can be read again, and if another endpoint takes writes or the store itself ended the upload |
//! | a completion's answer is lost | the object that lies there is looked at, and recognised by its write id; then the completion is sent again |
//! | the store has ended the upload meanwhile | as a part that fails for good |
//! | the endpoint is dead when its upload is given up | the parts that it has stay there, and cost, until [`sweep_uploads`] |
//! | the upload is dropped | the parts that were stored are given up in the background; what a crash leaves, [`sweep_uploads`] frees |
//!
//! Where an upload goes: to the home under [`provider_managed`](crate::Replication::provider_managed), to any endpoint
//! that takes writes under [`write_once`](crate::Replication::write_once). The whole upload stays at the endpoint at
//! which it began.
//!
//! [`put_stream`]: super::ObjectClient::put_stream
//! [`sweep_uploads`]: super::ObjectClient::sweep_uploads

mod advice;
mod chunks;
#[cfg(feature = "object_store")]
mod detached;
mod lane;
mod lanes;
mod source;
#[cfg(feature = "files")]
mod spool;
mod stream;
mod sweep;

#[cfg(feature = "object_store")]
pub(in crate::client) use detached::Detached;
pub use source::Source;
#[cfg(feature = "files")]
pub use spool::Spool;
pub use stream::PutStreamCall;
pub use sweep::{SweepCall, Swept};

use super::{
    ObjectClient, Objects, door,
    values::Stored,
    writing::{Writing, write_setters},
};
use crate::{
    call::{
        Context, Core, Error, enter,
        options::{CallOptions, call_setters, stall_setter},
    },
    model::ErrorKind,
    replicate,
    request::{
        OpClass, WriteId,
        object::{ETag, PutMode},
    },
};
use bytes::Bytes;
use lane::{Ends, Fault, Lane};
use lanes::Lanes;
use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context as TaskContext, Poll},
};
use tracing::Instrument;

/// An upload that has not begun yet. Options first, then `.await`, which begins it.
#[derive(Clone)]
#[must_use = "an upload does nothing until it is awaited"]
pub struct UploadCall {
    core: Arc<Core<Objects>>,
    key: door::Checked,
    write: Writing,
    options: CallOptions,
}

impl UploadCall {
    pub(super) fn new(client: &ObjectClient, key: door::Checked) -> Self {
        Self {
            core: client.core.clone(),
            key,
            write: Writing::default(),
            options: CallOptions::default(),
        }
    }

    write_setters!(write);

    /// Stores the object whatever is there. Without this, the completion is a create.
    pub fn overwrite(mut self) -> Self {
        self.write.mode = PutMode::Overwrite;
        self
    }

    /// Stores the object only if it still has this tag at the completion. As for a
    /// [put](super::ObjectCall::<super::PutObject>::if_match).
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.write.mode = PutMode::IfMatch(tag);
        self
    }

    call_setters! {
        deadline: "How long the upload may take, from now to the end of its completion. Default: no limit, because nobody \
                   knows how large the object is or how fast its bytes come. A part is tried nine times, with about five \
                   seconds of waits in all; at an endpoint that is silent, each try lasts its limit as well.",
        pin: "Only this endpoint."
    }

    stall_setter!();

    async fn begin(self) -> Result<Upload, Error> {
        self.lane().await.map(|lane| Upload::of(Lanes::one(lane, false)))
    }

    async fn lane(self) -> Result<Lane, Error> {
        let ends = Ends::after(self.options.deadline);
        let (cx, admitted) = enter(self.core.clone(), "upload", &self.options);
        let begun = match admitted {
            Ok(()) => match self.write.checked(&cx, self.key, None, None) {
                Ok(checks) => Lane::begin(&cx, self.options, ends, checks, 0).await,
                Err(error) => Err(error),
            },
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        cx.ended(OpClass::Write, begun.as_ref().err());
        begun
    }
}

impl IntoFuture for UploadCall {
    type Output = Result<Upload, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

/// An upload under way.
///
/// Dropping it gives it up, in the background of the tokio runtime in which it is dropped. Without a runtime, or after
/// a crash, its parts stay at the store until [`sweep_uploads`](ObjectClient::sweep_uploads) or a rule of the bucket
/// removes them.
pub struct Upload {
    shared: Arc<Shared>,
}

struct Shared {
    lanes: Lanes,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of parts that were given so far.
    given: u32,
    /// The lengths of the first part and of the latest.
    first: u64,
    latest: u64,
    failed: Option<Error>,
    is_over: bool,
}

impl State {
    /// Takes the place of the next part. `None`: an empty part needs none.
    fn next(&mut self, length: u64, rule: crate::provider::PartRule) -> Result<Option<u32>, String> {
        if length == 0 {
            return Ok(None);
        }
        if length > rule.most {
            return Err(format!(
                "a part has at most {} bytes at this store; this one has {length}",
                rule.most
            ));
        }
        if self.given > 0 && self.latest < rule.least {
            return Err(format!(
                "only the last part may have less than {} bytes at this store; part {} has {}",
                rule.least, self.given, self.latest
            ));
        }
        if self.given > 0 && rule.equal && (self.latest != self.first || length > self.first) {
            return Err(format!(
                "at this store all parts but the last have the same length, and the last is no longer; the first has {}",
                self.first
            ));
        }
        if self.given == rule.count {
            return Err(format!("an upload has at most {} parts at this store", rule.count));
        }
        self.given += 1;
        self.latest = length;
        if self.given == 1 {
            self.first = length;
        }
        Ok(Some(self.given))
    }
}

/// A part on its way. The part took its number when it was given; its future may be polled beside others and in any
/// order. Dropping the future leaves the part out: the upload then cannot be completed.
#[must_use = "a part is sent when its future is awaited"]
pub struct PartOnItsWay(Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>);

impl Future for PartOnItsWay {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PartOnItsWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartOnItsWay")
    }
}

impl Upload {
    fn of(lanes: Lanes) -> Self {
        Self {
            shared: Arc::new(Shared {
                lanes,
                state: Mutex::default(),
            }),
        }
    }

    /// The endpoint to which the parts go.
    pub fn endpoint(&self) -> Arc<str> {
        self.shared.lanes.first().endpoint_name()
    }

    /// The id of this write. It is stored with the object.
    pub fn write_id(&self) -> &WriteId {
        &self.shared.lanes.first().checks().id
    }

    /// Gives the next part. The parts make the object in the order in which they were given. Awaited one after the other
    /// they are sent one after the other; for more speed, keep several futures and await them together. Each holds its
    /// bytes.
    ///
    /// A store bounds the length of a part: see [`PartRule`](crate::provider::PartRule). S3 takes no part below 5 MiB but
    /// the last. An empty part is left out.
    ///
    /// # Errors
    /// The future fails if the part has a length that the store does not take
    /// ([`InvalidInput`](ErrorKind::InvalidInput)), or if it could not be stored. Then every further part and the
    /// completion fail, too, with the first error.
    pub fn part(&mut self, body: impl Into<Bytes>) -> PartOnItsWay {
        let (body, shared) = (body.into(), self.shared.clone());
        let number = shared.next(body.len());
        PartOnItsWay(Box::pin(async move {
            let stored = match number {
                Ok(Some(number)) => shared.put(number, body).await,
                Ok(None) => shared.usable(),
                Err(fault) => Err(fault),
            };
            stored.map_err(|fault| shared.advised(fault))
        }))
    }

    /// Makes the object visible. An upload without parts makes an empty object.
    ///
    /// # Errors
    /// As a put: [`AlreadyExists`](ErrorKind::AlreadyExists), [`PreconditionFailed`](ErrorKind::PreconditionFailed),
    /// [`MaybeApplied`](ErrorKind::MaybeApplied) if an answer was lost and the endpoint does not come back within
    /// about a minute. [`InvalidInput`](ErrorKind::InvalidInput) if the future of a part was dropped. The error of the first
    /// part that failed, if one did: nothing was stored then.
    ///
    /// Cancel safety: a completion that is dropped may have been applied. If it was not, the upload is given up.
    pub async fn complete(self) -> Result<Stored, Error> {
        let stored = self.shared.complete().await;
        stored.map_err(|fault| self.shared.advised(fault))
    }

    /// Gives the upload up, and frees what its parts occupy.
    ///
    /// # Errors
    /// The endpoint could not be asked: the parts stay until they are [swept](ObjectClient::sweep_uploads).
    pub async fn abort(self) -> Result<(), Error> {
        // If this future is dropped, or the endpoint does not answer, the upload's own drop tries once more.
        self.shared.lanes.abort().await?;
        self.shared.state().is_over = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let left_open = !std::mem::replace(&mut state.is_over, true);
        drop(state);
        if let (true, Ok(runtime)) = (left_open, tokio::runtime::Handle::try_current()) {
            let shared = self.shared.clone();
            let abort = async move { drop(shared.lanes.abort().await) };
            drop(runtime.spawn(abort.in_current_span()));
        }
    }
}

/// Shows no key.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("endpoint", &self.endpoint())
            .field("parts", &self.shared.state().given)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next part. A part that is refused fails the upload at once, whether or not its future is
    /// polled.
    fn next(&self, length: usize) -> Result<Option<u32>, Fault> {
        let number = self.state().next(length as u64, self.lanes.rule());
        number.map_err(|message| {
            let (cx, _) = self.lanes.first().enter();
            let error = cx.refuse(ErrorKind::InvalidInput, message);
            let sent_before = self.state().given > 0;
            self.latch(if sent_before { error.halfway() } else { error }.into())
        })
    }

    fn advised(&self, fault: Fault) -> Error {
        let mode = &self.lanes.first().checks().mode;
        advice::advised(fault.error, advice::Bytes::WithCaller, mode)
    }

    /// Whether the upload can still be completed.
    fn usable(&self) -> Result<(), Fault> {
        let state = self.state();
        match &state.failed {
            Some(first) => Err(first.shared().into()),
            None if state.is_over => {
                drop(state);
                let (cx, _) = self.lanes.first().enter();
                Err(cx
                    .refuse(ErrorKind::InvalidInput, "the upload was completed or given up")
                    .into())
            }
            None => Ok(()),
        }
    }

    /// Keeps the first failure.
    fn latch(&self, fault: Fault) -> Fault {
        let mut state = self.state();
        if state.failed.is_none() {
            state.failed = Some(fault.error.shared());
        }
        drop(state);
        fault
    }

    async fn put(&self, number: u32, body: Bytes) -> Result<(), Fault> {
        self.usable()?;
        let stored = self.lanes.put(number, body).await;
        stored.map_err(|fault| self.latch(fault))
    }

    async fn complete(&self) -> Result<Stored, Fault> {
        self.usable()?;
        let given = self.state().given;
        if given == 0 {
            // The upload stays open, and is given up when it is dropped.
            return Ok(self.put_nothing().await?);
        }
        if let Some(missing) = (1..=given).find(|number| !self.lanes.have(*number)) {
            let (cx, _) = self.lanes.first().enter();
            let message = format!("part {missing} was not stored: its future was dropped");
            return Err(self.latch(cx.refuse(ErrorKind::InvalidInput, message).halfway().into()));
        }
        // One lane owes nothing.
        let (stored, _owed) = self.lanes.complete().await.map_err(|fault| self.latch(fault))?;
        self.state().is_over = self.lanes.are_over();
        Ok(stored)
    }

    /// An empty object, which needs no parts.
    async fn put_nothing(&self) -> Result<Stored, Error> {
        let (cx, admitted) = self.lanes.first().enter();
        admitted?;
        put_whole(&cx, self.lanes.first().checks().clone(), Bytes::new()).await
    }
}

/// Stores a body in one request.
async fn put_whole(cx: &Context<Objects>, checks: super::writing::Checks, body: Bytes) -> Result<Stored, Error> {
    let write_id = checks.id.clone();
    let accepted = replicate::write(cx, checks.put(body, false)).await;
    cx.ended(OpClass::Write, accepted.as_ref().err());
    let accepted = accepted?;
    Ok(Stored {
        answer: accepted.answer(cx),
        etag: accepted.tag,
        write_id,
    })
}
