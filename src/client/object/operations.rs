use super::{
    ObjectCall, Objects,
    door::{self, Checked},
    download,
    values::{Fetched, FetchedMeta, Stored},
    writing::{Writing, write_setters},
};
use crate::{
    call::{Answer, Context, Error, Operation},
    replicate::{self, Condition, Mark, Write},
    request::{
        OpClass,
        object::{ByteRange, Delete, ETag, Get, Head, ObjectRequest, ObjectResponse, PutMode},
    },
};
use bytes::Bytes;
use std::sync::Arc;

/// A put that has not been sent yet.
pub struct PutObject {
    key: Checked,
    body: Bytes,
    write: Writing,
    fenced: bool,
}

/// A get that has not been sent yet.
pub struct GetObject {
    key: Checked,
    range: Option<ByteRange>,
    if_match: Option<ETag>,
    if_none_match: Option<ETag>,
}

/// A head that has not been sent yet.
pub struct HeadObject {
    key: Checked,
    if_match: Option<ETag>,
}

/// A delete that has not been sent yet.
pub struct DeleteObject {
    key: Checked,
    if_match: Option<ETag>,
    fenced: bool,
}

impl PutObject {
    pub(super) fn new(key: Checked, body: Bytes) -> Self {
        Self {
            key,
            body,
            write: Writing::default(),
            fenced: false,
        }
    }

    #[cfg(feature = "drill")]
    pub(super) fn set_mode(&mut self, mode: PutMode) {
        self.write.mode = mode;
    }
}

impl GetObject {
    pub(super) const fn new(key: Checked) -> Self {
        Self {
            key,
            range: None,
            if_match: None,
            if_none_match: None,
        }
    }
}

impl HeadObject {
    pub(super) const fn new(key: Checked) -> Self {
        Self { key, if_match: None }
    }
}

impl DeleteObject {
    pub(super) const fn new(key: Checked) -> Self {
        Self {
            key,
            if_match: None,
            fenced: false,
        }
    }
}

impl ObjectCall<PutObject> {
    write_setters!(operation.write);

    /// Stores the object whatever is there. After a lost answer the put is sent again, which may undo another writer's
    /// write in between. Where the order of concurrent writes matters, use [`if_match`](Self::if_match).
    ///
    /// If this client has read or written the object in the last five minutes, every attempt carries the tag that the
    /// object had then, so that no late attempt undoes a later write. If another writer has written meanwhile, the
    /// overwrite costs two more requests and no error, and the client tries no tag for five minutes. If the client
    /// knows no tag, or two writes of this client cross, see [`fenced`](Self::fenced) and
    /// [`Stored::earlier_attempt_unresolved`].
    pub fn overwrite(mut self) -> Self {
        self.operation.write.mode = PutMode::Overwrite;
        self
    }

    /// Makes the overwrite always carry the tag of the object that it replaces. If the client does not know the tag, a
    /// HEAD asks for the tag first. Then no attempt of the overwrite undoes what was acknowledged later, however late
    /// the attempt lands. [Late attempts](crate::client#late-attempts) names the exceptions: a store whose tags are a
    /// function of the bytes, and keys that are removed.
    ///
    /// A create and an [`if_match`](Self::if_match) carry a condition anyway; `fenced` changes nothing there. If the
    /// store has no such condition, the put is refused as [`Unsupported`](crate::ErrorKind::Unsupported). Each race
    /// lost to another client costs two more requests, paid from the [budget](crate::stack::retry::Budget); the put waits for
    /// the budget until the deadline. After eight lost races the put fails with
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub fn fenced(mut self) -> Self {
        self.operation.fenced = true;
        self
    }

    /// Stores the object only if it still has this tag. The tag's endpoint must be the home. A weak tag (`W/"…"`) is
    /// refused as [`InvalidInput`](crate::ErrorKind::InvalidInput), because a condition with a weak tag never holds.
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.operation.write.mode = PutMode::IfMatch(tag);
        self
    }
}

impl ObjectCall<DeleteObject> {
    /// Removes the object only if it still has this tag; otherwise the error is
    /// [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed). If the object is absent (by now), the delete
    /// succeeds.
    ///
    /// The tag's endpoint must be the home. The delete is refused as [`Unsupported`](crate::ErrorKind::Unsupported)
    /// under `write_once`, where no endpoint can speak for the others, and by a store without conditional deletes. A
    /// weak tag (`W/"…"`) is refused as [`InvalidInput`](crate::ErrorKind::InvalidInput).
    ///
    /// If an answer was lost and another object is there by now, the error is
    /// [`MaybeApplied`](crate::ErrorKind::MaybeApplied): the delete may have removed the old object before the other
    /// one was stored.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ErrorKind, ObjectClient, provider::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// let old = client.put("lock", "me").await?.etag().unwrap().clone();
    /// client.put("lock", "somebody else").overwrite().await?;
    /// let error = client.delete("lock").if_match(old).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::PreconditionFailed); // the lock is no longer mine
    /// # Ok(()) }
    /// ```
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.operation.if_match = Some(tag);
        self
    }

    /// Removes what is there now, and nothing that is stored later. Every attempt carries the tag of the object that it
    /// removes; if the client does not know the tag, a HEAD asks for it. Without `fenced`, a late attempt removes an
    /// object that was stored meanwhile, and
    /// [`Explanation::earlier_attempt_unresolved`](crate::Explanation::earlier_attempt_unresolved) says that one may.
    /// See [late attempts](crate::client#late-attempts).
    ///
    /// If the store has no conditional delete, the delete is refused as [`Unsupported`](crate::ErrorKind::Unsupported).
    /// Under `write_once`, where nothing ever replaces a stored object, `fenced` changes nothing.
    pub fn fenced(mut self) -> Self {
        self.operation.fenced = true;
        self
    }
}

impl ObjectCall<GetObject> {
    /// Fetches only these bytes: `0..100`, `100..`, or a [`ByteRange`].
    pub fn range(mut self, range: impl Into<ByteRange>) -> Self {
        self.operation.range = Some(range.into());
        self
    }

    /// Fetches only the last `bytes` bytes.
    pub fn suffix(self, bytes: u64) -> Self {
        self.range(ByteRange::Suffix(bytes))
    }

    /// Fetches the object only if it still has this tag, and else fails with
    /// [`ErrorKind::PreconditionFailed`](crate::ErrorKind::PreconditionFailed). Only the endpoint that gave the tag can
    /// answer, so the read does not fail over.
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.operation.if_match = Some(tag);
        self
    }

    /// Fails with [`ErrorKind::NotModified`](crate::ErrorKind::NotModified) if the object still has this tag.
    ///
    /// The endpoint that gave the tag is asked first, for at most a quarter of the call's time. If that endpoint cannot
    /// answer, the read goes on at another endpoint, where the tag means nothing and is never shown. The whole object
    /// then comes back, which is a right answer too.
    pub fn if_none_match(mut self, tag: ETag) -> Self {
        self.operation.if_none_match = Some(tag);
        self
    }
}

impl ObjectCall<HeadObject> {
    /// As for a [get](ObjectCall::<GetObject>::if_match).
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.operation.if_match = Some(tag);
        self
    }
}

impl Operation for PutObject {
    type Protocol = Objects;
    type Value = Stored;
    const NAME: &'static str = "put";
    const CLASS: OpClass = OpClass::Write;

    async fn run(self, cx: &Arc<Context<Objects>>) -> Result<(Stored, Answer), Error> {
        let checks = self.write.checked(cx, self.key, None, Some(&self.body))?;
        let write_id = checks.id.clone();
        let written = checks.put(self.body, self.fenced);
        let accepted = replicate::write(cx, written).await?;
        let answer = accepted.answer(cx);
        let stored = Stored {
            etag: accepted.tag,
            write_id,
            answer: answer.clone(),
        };
        Ok((stored, answer))
    }
}

impl Operation for GetObject {
    type Protocol = Objects;
    type Value = Fetched;
    const NAME: &'static str = "get";
    const CLASS: OpClass = OpClass::Read;

    async fn run(self, cx: &Arc<Context<Objects>>) -> Result<(Fetched, Answer), Error> {
        let key = door::addressable(cx, self.key)?;
        if let Some(range) = &self.range {
            cx.checked(door::range(range))?;
        }
        if let Some(tag) = &self.if_match {
            cx.checked(door::condition(tag))?;
        }
        let get = Get {
            range: self.range,
            if_match: self.if_match,
            if_none_match: self.if_none_match,
            ..Get::new(key)
        };
        let (object, answer) = download::get(cx, get).await?;
        let fetched = Fetched {
            object,
            answer: answer.clone(),
        };
        Ok((fetched, answer))
    }
}

impl Operation for HeadObject {
    type Protocol = Objects;
    type Value = FetchedMeta;
    const NAME: &'static str = "head";
    const CLASS: OpClass = OpClass::Read;

    async fn run(self, cx: &Arc<Context<Objects>>) -> Result<(FetchedMeta, Answer), Error> {
        let key = door::addressable(cx, self.key)?;
        if let Some(tag) = &self.if_match {
            cx.checked(door::condition(tag))?;
        }
        let head = Head {
            if_match: self.if_match,
            ..Head::new(key)
        };
        match replicate::read(cx, ObjectRequest::Head(head)).await? {
            (ObjectResponse::Head(meta), answer) => Ok((
                FetchedMeta {
                    meta,
                    answer: answer.clone(),
                },
                answer,
            )),
            _ => Err(cx.nonsense()),
        }
    }
}

impl Operation for DeleteObject {
    type Protocol = Objects;
    type Value = ();
    const NAME: &'static str = "delete";
    const CLASS: OpClass = OpClass::Write;

    async fn run(self, cx: &Arc<Context<Objects>>) -> Result<((), Answer), Error> {
        let key = door::addressable(cx, self.key)?;
        if let Some(tag) = &self.if_match {
            cx.checked(door::condition(tag))?;
        }
        let look = ObjectRequest::Head(Head::new(key.clone()));
        let given_by = self.if_match.as_ref().map(|tag| tag.endpoint().into());
        let delete = ObjectRequest::Delete(Delete {
            if_match: self.if_match,
            ..Delete::new(key.clone())
        });
        let accepted = match given_by {
            None => {
                let write = Write {
                    request: delete,
                    look,
                    condition: Condition::None,
                    mark: Mark {
                        id: cx.core.write_id(None, key.as_str(), None),
                        length: None,
                    },
                    known_id: false,
                    removes: true,
                    fenced: self.fenced,
                };
                replicate::delete(cx, write).await?
            }
            Some(given_by) => replicate::delete_if(cx, delete, look, given_by).await?,
        };
        Ok(((), accepted.answer(cx)))
    }
}
