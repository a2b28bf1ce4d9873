//! Copies and renames: on the store's own side where the store can, and through this process where it cannot.

use super::{
    ObjectClient, Objects, door,
    upload::{PutStreamCall, Source},
    values::Stored,
    writing::{Writing, write_setters},
};
use crate::{
    BoxError,
    call::{
        Authority, Context, Error, enter,
        options::{CallOptions, call_setters},
    },
    model::ErrorKind,
    provider::ObjectProvider as _,
    replicate,
    request::{
        Key, OpClass, bit,
        object::{Attributes, Copy, ETag, Head, ObjectMeta, ObjectRequest, ObjectResponse, PutMode},
    },
};
use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// The least rate at which a store copies on its own side, in bytes a second: an eighth of what S3 does with one large
/// object.
const LEAST_RATE: u64 = 8 << 20;
/// How often a copy is tried again because its source has changed meanwhile.
const CHANGES: usize = 4;

/// A copy or a rename that has not been sent yet. Options first, then `.await`.
#[derive(Clone)]
#[must_use = "a call does nothing until it is awaited"]
pub struct CopyCall {
    client: ObjectClient,
    from: door::Checked,
    to: door::Checked,
    /// Whether the source is removed afterwards.
    moves: bool,
    write: Writing,
    /// The only endpoint to which the copy may go.
    only_to: Option<Arc<str>>,
    options: CallOptions,
}

/// One state of the source.
struct Known {
    meta: ObjectMeta,
    /// The tag, if it can be a condition.
    tag: Option<ETag>,
    endpoint: Arc<str>,
}

impl CopyCall {
    pub(super) fn new(client: &ObjectClient, from: door::Checked, to: door::Checked, moves: bool) -> Self {
        Self {
            client: client.clone(),
            from,
            to,
            moves,
            write: Writing::default(),
            only_to: None,
            options: CallOptions::default(),
        }
    }

    write_setters!(write);

    /// Stores the copy at this endpoint, wherever the source is.
    #[cfg(feature = "object_store")]
    pub(in crate::client) fn only_to(mut self, endpoint: Arc<str>) -> Self {
        self.only_to = Some(endpoint);
        self
    }

    /// Stores the copy under this id, which an earlier call may have used.
    #[cfg(feature = "object_store")]
    pub(in crate::client) fn by_id(mut self, id: Option<crate::request::WriteId>) -> Self {
        self.write.write_id = id;
        self
    }

    /// Whether this is a rename.
    #[cfg(feature = "object_store")]
    pub(in crate::client) const fn moves(&self) -> bool {
        self.moves
    }

    /// Stores the copy whatever is there. Without this, the copy is a create.
    pub fn overwrite(mut self) -> Self {
        self.write.mode = PutMode::Overwrite;
        self
    }

    /// Stores the copy only if the object there still has this tag. As for a
    /// [put](super::ObjectCall::<super::PutObject>::if_match).
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.write.mode = PutMode::IfMatch(tag);
        self
    }

    call_setters! {
        deadline: "How long the copy may take. Default: the client's deadline for each request, and beyond it an eighth of a \
                   second for each mebibyte that the store copies on its own side.",
        pin: "Only this endpoint, for the source and for the copy."
    }

    /// The first step alone. The second step, if there is one, is [`remove_source`](Moved::remove_source).
    #[cfg(feature = "object_store")]
    pub(in crate::client) async fn first_step(self) -> Result<Moved, Error> {
        let (_, known) = self.store().await?;
        Ok(Moved { call: self, known })
    }

    const fn operation(&self) -> &'static str {
        if self.moves { "rename" } else { "copy" }
    }

    async fn run(self) -> Result<Stored, Error> {
        let (stored, known) = self.store().await?;
        if self.moves {
            self.remove(&known).await?;
        }
        Ok(stored)
    }

    /// Stores the copy, and says of which state it is.
    async fn store(&self) -> Result<(Stored, Known), Error> {
        for _ in 0..CHANGES {
            let known = self.source().await?;
            let stored = match self.on_the_store_s_side(&known).await {
                Some(stored) => stored,
                None => self.through_this_process(&known).await,
            };
            match stored {
                // The condition on the source, or the caller's own on the copy.
                Err(error) if error.kind() == ErrorKind::PreconditionFailed => {
                    let is_the_callers = matches!(self.write.mode, PutMode::IfMatch(_));
                    if is_the_callers && self.source().await?.meta.etag == known.meta.etag {
                        return Err(error);
                    }
                }
                stored => return stored.map(|stored| (stored, known)),
            }
        }
        Err(self.refuse("the source kept changing while it was copied"))
    }

    fn refuse(&self, message: &str) -> Error {
        let (cx, _) = enter(self.client.core.clone(), self.operation(), &self.options);
        cx.refuse(ErrorKind::Unavailable, message)
    }

    /// A context for one request.
    fn enter(&self, pin: Option<Arc<str>>, more: Duration) -> Result<Arc<Context<Objects>>, Error> {
        let core = &self.client.core;
        let options = CallOptions {
            deadline: self.options.deadline.or(Some(core.deadline + more)),
            pin: self.options.pin.clone().or(pin),
            ..self.options.clone()
        };
        let (cx, admitted) = enter(core.clone(), self.operation(), &options);
        match admitted {
            Ok(()) => Ok(cx),
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        }
    }

    /// What the source is now. Under `provider_managed` the home says so: it is the home's state that is copied.
    async fn source(&self) -> Result<Known, Error> {
        let core = &self.client.core;
        let home = match core.plan.authority {
            Authority::Home(home) => Some(core.engine.roster.shared_name(home)),
            Authority::Replicas | Authority::Nobody => None,
        };
        let cx = self.enter(home, Duration::ZERO)?;
        let found = self.look(&cx).await.map_err(|error| replicate::of_the_home(&cx, error));
        cx.ended(OpClass::Read, found.as_ref().err());
        found
    }

    async fn look(&self, cx: &Arc<Context<Objects>>) -> Result<Known, Error> {
        let from = door::addressable(cx, self.from.clone())?;
        let to = door::addressable(cx, self.to.clone())?;
        if from == to {
            return Err(cx.refuse(ErrorKind::InvalidInput, "an object cannot be copied onto itself"));
        }
        match replicate::read(cx, ObjectRequest::Head(Head::new(from))).await? {
            (ObjectResponse::Head(meta), answer) => Ok(Known {
                tag: meta.etag.clone().filter(|tag| tag.unfit().is_none()),
                endpoint: answer.endpoint().into(),
                meta,
            }),
            _ => Err(cx.nonsense()),
        }
    }

    /// The attributes of the copy: the caller's, or else the source's.
    fn writing(&self, known: &Known) -> Writing {
        let mut write = self.write.clone();
        if write.attributes == Attributes::default() {
            write.attributes = known.meta.attributes.clone();
        }
        write
    }

    /// `None`: the store that has the source cannot.
    async fn on_the_store_s_side(&self, known: &Known) -> Option<Result<Stored, Error>> {
        let core = &self.client.core;
        let endpoint = core.engine.roster.index_of(&known.endpoint)?;
        let can_copy = core.provider(endpoint)?.capabilities().copy;
        let is_elsewhere = self.only_to.as_ref().is_some_and(|only| *only != known.endpoint);
        if !can_copy || is_elsewhere || core.plan.write_to & bit(endpoint) == 0 {
            return None;
        }
        let time = Duration::from_secs(known.meta.size.div_ceil(LEAST_RATE));
        let cx = match self.enter(Some(known.endpoint.clone()), time) {
            Ok(cx) => cx,
            Err(error) => return Some(Err(error)),
        };
        let copied = self.copy(&cx, known).await;
        cx.ended(OpClass::Write, copied.as_ref().err());
        match copied {
            Err(error) if error.kind() == ErrorKind::Unsupported && !error.may_have_been_applied() => None,
            // Under write_once another endpoint may take the copy.
            Err(error)
                if core.plan.authority == Authority::Nobody
                    && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Throttled)
                    && !error.may_have_been_applied() =>
            {
                None
            }
            copied => Some(copied),
        }
    }

    async fn copy(&self, cx: &Arc<Context<Objects>>, known: &Known) -> Result<Stored, Error> {
        let from: Key = cx.checked(self.from.clone())?;
        let checks = self
            .writing(known)
            .checked(cx, self.to.clone(), usize::try_from(known.meta.size).ok(), None)?;
        let copy = Copy {
            if_match: known.tag.clone(),
            mode: checks.mode.clone(),
            attributes: checks.begin.attributes.clone(),
            terms: checks.begin.terms.clone(),
            terms_at: checks.begin.terms_at.clone(),
            write_id: checks.begin.write_id.clone(),
            ..Copy::new(from, checks.key().clone(), known.meta.size)
        };
        let write_id = checks.id.clone();
        let accepted = replicate::write(cx, checks.write(ObjectRequest::Copy(copy), false)).await?;
        Ok(Stored {
            answer: accepted.answer(cx),
            etag: accepted.tag,
            write_id,
        })
    }

    async fn through_this_process(&self, known: &Known) -> Result<Stored, Error> {
        let (client, from, tag) = (self.client.clone(), self.from.clone(), known.tag.clone());
        let options = self.options.clone();
        let called = self
            .client
            .core
            .engine
            .name_of(options.attempts.options(), self.operation());
        let source = Source::repeatable(move || {
            let download = client.download(from.clone(), tag.clone(), options.clone());
            async move {
                let opened = download.await.map_err(|error| error.called(called).into());
                opened.map(|download| Opened(download, called))
            }
        });
        let call = PutStreamCall::new(&self.client, self.to.clone(), source.size(known.meta.size));
        let options = CallOptions {
            pin: self.only_to.clone().or_else(|| self.options.pin.clone()),
            ..self.options.clone()
        };
        call.with(self.operation(), self.writing(known), options).await
    }

    /// Removes the source of a rename, if it is still what was copied.
    async fn remove(&self, known: &Known) -> Result<(), Error> {
        let cx = self.enter(None, Duration::ZERO)?;
        let from: Key = cx.checked(self.from.clone())?;
        let mut delete = self.client.delete(from.as_str());
        let judges = |tag: &&ETag| {
            let home = self.client.core.engine.roster.index_of(tag.endpoint());
            let is_home = home.is_some_and(|home| self.client.core.plan.authority == Authority::Home(home));
            let kept = |home: usize| {
                let store = self.client.core.provider(home);
                store.is_some_and(|store| store.capabilities().delete_if_match != crate::provider::Capability::Lacking)
            };
            is_home && home.is_some_and(kept)
        };
        if let Some(tag) = known.tag.as_ref().filter(judges) {
            delete = delete.if_match(tag.clone());
        }
        delete.with_options(self.options.clone()).await
    }
}

/// A copy that is stored, of a rename whose source is there yet.
#[cfg(feature = "object_store")]
pub(in crate::client) struct Moved {
    call: CopyCall,
    known: Known,
}

#[cfg(feature = "object_store")]
impl Moved {
    /// Removes the source of a rename, if it is still what was copied. Of a copy, does nothing.
    pub(in crate::client) async fn remove_source(&self) -> Result<(), Error> {
        match self.call.moves {
            true => self.call.remove(&self.known).await,
            false => Ok(()),
        }
    }
}

/// A download as a source, whose errors are those of the copy.
struct Opened(super::Download, &'static str);

impl futures_core::Stream for Opened {
    type Item = Result<bytes::Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
        let called = self.1;
        let polled = Pin::new(&mut self.0).poll_next(cx);
        polled.map_err(|error| error.called(called).into())
    }
}

impl IntoFuture for CopyCall {
    type Output = Result<Stored, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
