use super::{
    ObjectCall, Objects,
    door::{self, Checked},
    terms::Asked,
    values::{Fetched, FetchedMeta, Stored},
};
use crate::{
    call::{Answer, Context, Error, Operation},
    replicate::{self, Condition, Write},
    request::{
        OpClass,
        object::{
            Attributes, ByteRange, Delete, ETag, Encryption, Get, Head, ObjectRequest, ObjectResponse, Put, PutMode,
            Terms, WriteId,
        },
    },
};
use bytes::Bytes;
use std::sync::Arc;

/// A put that has not been sent yet.
pub struct PutObject {
    key: Checked,
    body: Bytes,
    mode: PutMode,
    attributes: Attributes,
    terms: Asked,
    write_id: Option<WriteId>,
    fenced: bool,
}

/// A get that has not been sent yet.
pub struct GetObject {
    key: Checked,
    range: Option<ByteRange>,
    if_none_match: Option<ETag>,
}

/// A head that has not been sent yet.
pub struct HeadObject {
    key: Checked,
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
            mode: PutMode::Create,
            attributes: Attributes::default(),
            terms: Asked::default(),
            write_id: None,
            fenced: false,
        }
    }
}

impl GetObject {
    pub(super) const fn new(key: Checked) -> Self {
        Self {
            key,
            range: None,
            if_none_match: None,
        }
    }
}

impl HeadObject {
    pub(super) const fn new(key: Checked) -> Self {
        Self { key }
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
    /// `Content-Type`.
    pub fn content_type(mut self, value: impl Into<String>) -> Self {
        self.operation.attributes.content_type = Some(value.into());
        self
    }

    /// `Cache-Control`.
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.operation.attributes.cache_control = Some(value.into());
        self
    }

    /// A pair of the user's own: names are lower-case ASCII letters, digits and `-`; values visible ASCII.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.operation.attributes.metadata.insert(name.into(), value.into());
        self
    }

    /// One more tag, at every endpoint. See [`Terms`] for what a tag may look like and who keeps them.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.operation.terms.everywhere = self.operation.terms.everywhere.tag(name, value);
        self
    }

    /// The class to store it in, at every endpoint. Classes are each provider's own: with endpoints of several, use
    /// [`terms_at`](Self::terms_at).
    pub fn storage_class(mut self, class: impl Into<String>) -> Self {
        self.operation.terms.everywhere = self.operation.terms.everywhere.storage_class(class);
        self
    }

    /// How it is to be encrypted, at every endpoint. Keys are each provider's own: with endpoints of several, use
    /// [`terms_at`](Self::terms_at).
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.operation.terms.everywhere = self.operation.terms.everywhere.encryption(encryption);
        self
    }

    /// On these terms at the endpoint of this name, or at every endpoint of this provider.
    ///
    /// An endpoint's terms win over its provider's, these over those for every endpoint, and these over the endpoint's own
    /// defaults: class and encryption each as a whole, tags name by name.
    ///
    /// Nothing that is asked for is dropped, because a call that fails over must not lose its key on the way. So the put is
    /// refused before anything is sent, with the endpoint's name,
    /// - as [`Unsupported`](crate::ErrorKind::Unsupported), when an endpoint that it may go to cannot keep the terms;
    /// - as [`InvalidInput`](crate::ErrorKind::InvalidInput), when it says a class, an encryption or tags for some endpoints,
    ///   and another that it may go to is not among them. `Terms::new()` for that one says that its defaults will do.
    ///
    /// ```
    /// use evenkeel::request::object::{Encryption, Terms};
    /// use evenkeel::{Endpoint, ErrorKind, ObjectClient, Replication, provider::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (virginia, azure) = (Memory::new(), Memory::new());
    /// let orders = ObjectClient::builder()
    ///     .endpoint(Endpoint::new("virginia", virginia.clone()).provider("aws"))
    ///     .endpoint(Endpoint::new("west europe", azure).provider("azure"))
    ///     .replication(Replication::write_once())
    ///     .build()?;
    /// let amazons = Terms::new().encryption(Encryption::kms("alias/orders"));
    /// let error = orders.put("42", "{}").terms_at("aws", amazons.clone()).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput); // and at `west europe`?
    ///
    /// let azures = Terms::new().encryption(Encryption::kms("orders-scope"));
    /// orders.put("42", "{}").tag("team", "billing").terms_at("aws", amazons).terms_at("azure", azures).await?;
    /// assert_eq!(virginia.terms_of("42").unwrap().tags["team"], "billing");
    /// # Ok(()) }
    /// ```
    pub fn terms_at(mut self, endpoint_or_provider: impl Into<Arc<str>>, terms: Terms) -> Self {
        self.operation.terms.at.push((endpoint_or_provider.into(), terms));
        self
    }

    /// Store it whatever is there. After a lost answer it is sent again, which may undo a write of somebody else's in
    /// between: where the order of concurrent writes matters, use [`if_match`](Self::if_match).
    ///
    /// Where this client has read or written the object in the last five minutes, every attempt carries the tag that it had,
    /// so that none of them undoes a later write when it lands late. If somebody else has written meanwhile, that costs two
    /// requests more and no error, and no tag is tried for five minutes. Where none is known, or two writes of this client cross,
    /// see [`fenced`](Self::fenced) and [`Stored::earlier_attempt_unresolved`].
    pub fn overwrite(mut self) -> Self {
        self.operation.mode = PutMode::Overwrite;
        self
    }

    /// An overwrite that always carries the tag of what it replaces: where that is not known, a HEAD asks for it first. Then
    /// no attempt of it undoes what was acknowledged after it, however late it lands. See
    /// [late attempts](crate::client#late-attempts), also for what that does not cover: a store whose tags are a function of the
    /// bytes, and keys that are removed.
    ///
    /// A create and an [`if_match`](Self::if_match) carry a condition anyway, so that it changes nothing there. Refused as
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the store has no such condition. Each race that is lost to another
    /// client costs two more requests, paid from the [budget](crate::retry::Budget), for which it waits until the deadline. After
    /// eight of them it is [`Unavailable`](crate::ErrorKind::Unavailable).
    pub fn fenced(mut self) -> Self {
        self.operation.fenced = true;
        self
    }

    /// Store it only if the object still has this tag. The tag's endpoint must be the home. A weak tag (`W/"…"`) is refused
    /// as [`InvalidInput`](crate::ErrorKind::InvalidInput), as a condition with it never holds.
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.operation.mode = PutMode::IfMatch(tag);
        self
    }

    /// Sends it under this id instead of a new one, so that it recognises what an earlier call with the same id stored:
    /// use the id of the [error](Error::write_id), or one that is derived from your own request.
    pub fn write_id(mut self, id: WriteId) -> Self {
        self.operation.write_id = Some(id);
        self
    }
}

impl ObjectCall<DeleteObject> {
    /// Remove it only if the object still has this tag; else
    /// [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed). If nothing is there (any more), it succeeds.
    ///
    /// The tag's endpoint must be the home. Refused as [`Unsupported`](crate::ErrorKind::Unsupported) under `write_once`,
    /// where no endpoint can speak for the others, and by a store without conditional deletes. A weak tag (`W/"…"`) is
    /// refused as [`InvalidInput`](crate::ErrorKind::InvalidInput).
    ///
    /// When an answer was lost and something else is there by now, the error is
    /// [`MaybeApplied`](crate::ErrorKind::MaybeApplied): it may have been removed before the other was stored.
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

    /// Removes what is there now and nothing that is stored later: every attempt carries the tag of what it removes, which a
    /// HEAD asks for where it is not known. Without it an attempt that lands late removes what was stored meanwhile, and
    /// [`Explanation::earlier_attempt_unresolved`](crate::Explanation::earlier_attempt_unresolved) says that one may. See
    /// [late attempts](crate::client#late-attempts).
    ///
    /// Refused as [`Unsupported`](crate::ErrorKind::Unsupported) where the store has no conditional delete. Under
    /// `write_once`, where nothing is ever stored in its place, it changes nothing.
    pub fn fenced(mut self) -> Self {
        self.operation.fenced = true;
        self
    }
}

impl ObjectCall<GetObject> {
    /// Only these bytes: `0..100`, `100..`, or a [`ByteRange`].
    pub fn range(mut self, range: impl Into<ByteRange>) -> Self {
        self.operation.range = Some(range.into());
        self
    }

    /// Only the last so many bytes.
    pub fn suffix(self, bytes: u64) -> Self {
        self.range(ByteRange::Suffix(bytes))
    }

    /// Fail with [`ErrorKind::NotModified`](crate::ErrorKind::NotModified) if the object still has this tag.
    ///
    /// The endpoint that gave the tag is asked first, for at most a quarter of the call's time. When it cannot answer,
    /// the read goes on elsewhere, where the tag means nothing and is never shown: the whole object then comes back,
    /// which is a right answer too.
    pub fn if_none_match(mut self, tag: ETag) -> Self {
        self.operation.if_none_match = Some(tag);
        self
    }
}

impl Operation for PutObject {
    type Protocol = Objects;
    type Value = Stored;
    const NAME: &'static str = "put";
    const CLASS: OpClass = OpClass::Write;

    async fn run(self, cx: &Context<Objects>) -> Result<(Stored, Answer), Error> {
        let key = door::addressable(cx, self.key)?;
        if let PutMode::IfMatch(tag) = &self.mode {
            cx.checked(door::condition(tag))?;
        }
        let known_id = self.write_id.is_some();
        let id = self.write_id.unwrap_or_else(|| cx.core.draw_write_id());
        cx.checked(door::attributes(&self.attributes, &id))?;
        let (terms, terms_at) = self.terms.settled(cx)?;
        let put = Put {
            mode: self.mode,
            attributes: Arc::new(self.attributes),
            terms,
            terms_at,
            write_id: Some(id.clone()),
            ..Put::new(key, self.body)
        };
        let write = Write {
            condition: match &put.mode {
                PutMode::Create => Condition::Create,
                PutMode::Overwrite => Condition::None,
                PutMode::IfMatch(tag) => Condition::Match {
                    given_by: tag.endpoint().into(),
                },
            },
            look: ObjectRequest::Head(Head::new(put.key.clone())),
            request: ObjectRequest::Put(put),
            known_id,
            id,
            removes: false,
            fenced: self.fenced,
        };
        let accepted = replicate::write(cx, write).await?;
        let answer = accepted.answer(cx);
        let stored = Stored {
            etag: accepted.tag,
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

    async fn run(self, cx: &Context<Objects>) -> Result<(Fetched, Answer), Error> {
        let key = door::addressable(cx, self.key)?;
        if let Some(range) = &self.range {
            cx.checked(door::range(range))?;
        }
        let get = Get {
            range: self.range,
            if_none_match: self.if_none_match,
            ..Get::new(key)
        };
        match replicate::read(cx, ObjectRequest::Get(get)).await? {
            (ObjectResponse::Get(object), answer) => Ok((
                Fetched {
                    object,
                    answer: answer.clone(),
                },
                answer,
            )),
            _ => Err(cx.nonsense()),
        }
    }
}

impl Operation for HeadObject {
    type Protocol = Objects;
    type Value = FetchedMeta;
    const NAME: &'static str = "head";
    const CLASS: OpClass = OpClass::Read;

    async fn run(self, cx: &Context<Objects>) -> Result<(FetchedMeta, Answer), Error> {
        let key = door::addressable(cx, self.key)?;
        match replicate::read(cx, ObjectRequest::Head(Head::new(key))).await? {
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

    async fn run(self, cx: &Context<Objects>) -> Result<((), Answer), Error> {
        let key = door::addressable(cx, self.key)?;
        if let Some(tag) = &self.if_match {
            cx.checked(door::condition(tag))?;
        }
        let look = ObjectRequest::Head(Head::new(key.clone()));
        let given_by = self.if_match.as_ref().map(|tag| tag.endpoint().into());
        let delete = ObjectRequest::Delete(Delete {
            if_match: self.if_match,
            ..Delete::new(key)
        });
        let accepted = match given_by {
            None => {
                let write = Write {
                    request: delete,
                    look,
                    condition: Condition::None,
                    id: cx.core.draw_write_id(),
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
