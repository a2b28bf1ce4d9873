use super::{
    Keys, KvCall,
    door::{self, Checked},
    values::{Fetched, Stored},
};
use crate::{
    call::{Answer, Context, Error, Operation},
    replicate::{self, Accepted, Mark, Write},
    request::{
        OpClass, WriteId,
        kv::{Condition, Delete, Get, Key, KvRequest, KvResponse, Put, Version},
    },
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

/// A get that has not been sent yet.
pub struct GetValue {
    key: Checked<Key>,
    fresh: bool,
}

/// A put, conditional or not, that has not been sent yet.
pub struct PutValue {
    key: Checked<Key>,
    value: Bytes,
    wanted: Wanted,
    time_to_live: Option<Duration>,
    without_expiry: bool,
    write_id: Option<WriteId>,
    fenced: bool,
}

/// A delete that has not been sent yet.
pub struct DeleteValue {
    key: Checked<Key>,
    if_version: Option<Version>,
    fenced: bool,
}

/// The mode of a put.
pub(super) enum Wanted {
    Store,
    Create,
    Replace(Version),
}

impl GetValue {
    pub(super) const fn new(key: Checked<Key>) -> Self {
        Self { key, fresh: true }
    }
}

impl PutValue {
    pub(super) const fn new(key: Checked<Key>, value: Bytes, wanted: Wanted) -> Self {
        Self {
            key,
            value,
            wanted,
            time_to_live: None,
            without_expiry: false,
            write_id: None,
            fenced: false,
        }
    }
}

impl DeleteValue {
    pub(super) const fn new(key: Checked<Key>, if_version: Option<Version>) -> Self {
        Self {
            key,
            if_version,
            fenced: false,
        }
    }
}

impl KvCall<GetValue> {
    /// Accepts the value that the endpoint has at hand, though it may miss the latest write (DynamoDB's eventually
    /// consistent read, at half the price). Changes nothing at a provider that makes no difference.
    pub const fn eventual(mut self) -> Self {
        self.operation.fresh = false;
        self
    }
}

impl KvCall<PutValue> {
    /// Makes the key absent after this time, kept to the second or better, rounded up. Without a time to live, the
    /// value of a put or a create stays, whatever was there; the value of a
    /// [`compare_and_set`](super::KvClient::compare_and_set) expires when the replaced version would have. Between this
    /// and [`without_expiry`](Self::without_expiry) the last one called wins.
    pub const fn time_to_live(mut self, time_to_live: Duration) -> Self {
        self.operation.time_to_live = Some(time_to_live);
        self.operation.without_expiry = false;
        self
    }

    /// Makes the value stay, even if the replaced version would have expired, and even if an earlier option set a time
    /// to live.
    pub const fn without_expiry(mut self) -> Self {
        self.operation.time_to_live = None;
        self.operation.without_expiry = true;
        self
    }

    /// Sends the put under this id instead of a new one. The put then recognises what an earlier call with the same id
    /// stored. Use the id of the [error](Error::write_id). An id belongs to one write of one key.
    ///
    /// An id of your own is stored as a [stamp](crate::request::Stamp) that is made of it. The stamp names this key and
    /// the length of this value, too: under the same id, a value of another length is another write.
    pub fn write_id(mut self, id: WriteId) -> Self {
        self.operation.write_id = Some(id);
        self
    }

    /// Makes the `put` always carry the version of the value that it replaces. If the client does not know the version,
    /// a get asks for the version first. Then no attempt of the put undoes what was acknowledged later, however late
    /// the attempt lands. [Late attempts](crate::client#late-attempts) names the exception: keys that are removed.
    ///
    /// `put_if_absent` and `compare_and_set` carry a condition anyway; `fenced` changes nothing there. Each race lost
    /// to another client costs two more requests, paid from the [budget](crate::stack::retry::Budget); the put waits for the
    /// budget until the deadline. After eight lost races the put fails with
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub const fn fenced(mut self) -> Self {
        self.operation.fenced = true;
        self
    }
}

impl KvCall<DeleteValue> {
    /// Removes what is there now, and nothing that is stored later. Every attempt carries the version of the value that
    /// it removes; if the client does not know the version, a get asks for it. See [late
    /// attempts](crate::client#late-attempts). `fenced` changes nothing under `write_once`, where nothing ever replaces
    /// a stored value, and nothing for a `delete_if`, which carries its version anyway.
    pub const fn fenced(mut self) -> Self {
        self.operation.fenced = true;
        self
    }
}

/// The write, and the read that shows what is there, for one put.
pub(super) fn write_of(put: Put, known_id: bool) -> Write<Keys> {
    Write {
        condition: match &put.condition {
            Condition::Always => replicate::Condition::None,
            Condition::Absent => replicate::Condition::Create,
            Condition::Version(version) => replicate::Condition::Match {
                given_by: version.endpoint().into(),
            },
        },
        look: KvRequest::Get(Get::new(put.key.clone())),
        mark: Mark {
            id: put.write_id.clone(),
            length: None,
        },
        known_id,
        request: KvRequest::Put(put),
        removes: false,
        fenced: false,
    }
}

pub(super) fn answer_of(cx: &Context<Keys>, endpoint: Option<usize>) -> Answer {
    Answer {
        endpoint: endpoint.map(|endpoint| cx.name(endpoint)),
        possibly_stale: false,
        unresolved: false,
        served: Vec::new(),
    }
}

pub(super) fn stored(cx: &Context<Keys>, accepted: Accepted<Keys>) -> Stored {
    Stored {
        answer: accepted.answer(cx),
        version: accepted.tag,
    }
}

impl Operation for GetValue {
    type Protocol = Keys;
    type Value = Fetched;
    const NAME: &'static str = "get";
    const CLASS: OpClass = OpClass::Read;

    async fn run(self, cx: &Arc<Context<Keys>>) -> Result<(Fetched, Answer), Error> {
        let key = cx.checked(self.key)?;
        cx.checked(door::fits(cx, &key))?;
        let get = Get {
            fresh: self.fresh,
            ..Get::new(key)
        };
        match replicate::read(cx, KvRequest::Get(get)).await? {
            (KvResponse::Get(value), answer) => Ok((
                Fetched {
                    value,
                    answer: answer.clone(),
                },
                answer,
            )),
            _ => Err(cx.nonsense()),
        }
    }
}

impl Operation for PutValue {
    type Protocol = Keys;
    type Value = Stored;
    const NAME: &'static str = "put";
    const CLASS: OpClass = OpClass::Write;

    fn name(&self) -> &'static str {
        match self.wanted {
            Wanted::Store => Self::NAME,
            Wanted::Create => "put_if_absent",
            Wanted::Replace(_) => "compare_and_set",
        }
    }

    async fn run(self, cx: &Arc<Context<Keys>>) -> Result<(Stored, Answer), Error> {
        let key = cx.checked(self.key)?;
        cx.checked(door::item_fits(cx, &key, self.value.len()))?;
        cx.checked(Put::check_life(self.time_to_live))?;
        if let Some(id) = &self.write_id {
            cx.checked(id.check())?;
        }
        let condition = match self.wanted {
            Wanted::Store if cx.plan.creates => Condition::Absent,
            Wanted::Store => Condition::Always,
            Wanted::Create => {
                replicate::authority(cx)?;
                Condition::Absent
            }
            Wanted::Replace(version) => {
                replicate::authority(cx)?;
                Condition::Version(version)
            }
        };
        let known_id = self.write_id.is_some();
        let id = cx
            .core
            .write_id(self.write_id.as_ref(), key.as_str(), Some(self.value.len()));
        let put = Put {
            condition,
            time_to_live: self.time_to_live,
            without_expiry: self.without_expiry,
            ..Put::new(key, self.value, id)
        };
        let write = Write {
            fenced: self.fenced,
            ..write_of(put, known_id)
        };
        let accepted = replicate::write(cx, write).await?;
        let stored = stored(cx, accepted);
        let answer = stored.answer.clone();
        Ok((stored, answer))
    }
}

impl Operation for DeleteValue {
    type Protocol = Keys;
    type Value = ();
    const NAME: &'static str = "delete";
    const CLASS: OpClass = OpClass::Write;

    fn name(&self) -> &'static str {
        match self.if_version {
            None => Self::NAME,
            Some(_) => "delete_if",
        }
    }

    async fn run(self, cx: &Arc<Context<Keys>>) -> Result<((), Answer), Error> {
        let key = cx.checked(self.key)?;
        cx.checked(door::fits(cx, &key))?;
        let id = cx.core.write_id(None, key.as_str(), None);
        let look = KvRequest::Get(Get::new(key.clone()));
        let delete = Delete {
            if_version: self.if_version,
            ..Delete::new(key, id.clone())
        };
        let given_by = delete.if_version.as_ref().map(|version| version.endpoint().into());
        let write = |condition| Write {
            condition,
            request: KvRequest::Delete(delete),
            look,
            mark: Mark { id, length: None },
            known_id: false,
            removes: true,
            fenced: self.fenced,
        };
        let accepted = match given_by {
            None => replicate::delete(cx, write(replicate::Condition::None)).await?,
            Some(given_by) => {
                replicate::authority(cx)?;
                replicate::write(cx, write(replicate::Condition::Match { given_by })).await?
            }
        };
        Ok(((), accepted.answer(cx)))
    }
}
