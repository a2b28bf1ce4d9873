use super::{
    Keys, KvCall,
    door::{self, Checked},
    values::{Fetched, Stored},
};
use crate::{
    call::{Answer, Context, Error, Mode, Operation},
    replicate::{self, Accepted, Write},
    request::{
        OpClass, WriteId,
        kv::{Condition, Delete, Get, Key, KvRequest, KvResponse, Put, Version},
    },
};
use bytes::Bytes;
use std::time::Duration;

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

/// What a put is to do.
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
    /// What the endpoint has at hand is good enough, though it may miss the latest write (DynamoDB's eventually consistent
    /// read, at half the price). Changes nothing at a provider that makes no difference.
    pub const fn eventual(mut self) -> Self {
        self.operation.fresh = false;
        self
    }
}

impl KvCall<PutValue> {
    /// After this the key is absent. Kept to the second or better, rounded up. Without it a put and a create stay, whatever
    /// was there, and a [`compare_and_set`](super::KvClient::compare_and_set) expires when what it replaces would have. Of this
    /// and [`without_expiry`](Self::without_expiry) the last word holds.
    pub const fn time_to_live(mut self, time_to_live: Duration) -> Self {
        self.operation.time_to_live = Some(time_to_live);
        self.operation.without_expiry = false;
        self
    }

    /// It stays, also if the version that it replaces would have expired, and if a time to live was given before.
    pub const fn without_expiry(mut self) -> Self {
        self.operation.time_to_live = None;
        self.operation.without_expiry = true;
        self
    }

    /// Sends it under this id instead of a new one, so that it recognises what an earlier call with the same id stored: use
    /// the id of the [error](Error::write_id). An id belongs to one write of one key.
    pub fn write_id(mut self, id: WriteId) -> Self {
        self.operation.write_id = Some(id);
        self
    }

    /// A `put` that always carries the version of what it replaces: where that is not known, a get asks for it first. Then no
    /// attempt of it undoes what was acknowledged after it, however late it lands. See
    /// [late attempts](crate::client#late-attempts), also for what that does not cover: keys that are removed.
    ///
    /// `put_if_absent` and `compare_and_set` carry a condition anyway, so that it changes nothing there. Each race that is lost
    /// to another client costs two more requests, paid from the [budget](crate::retry::Budget), for which it waits until the
    /// deadline. After eight of them it is [`Unavailable`](crate::ErrorKind::Unavailable).
    pub const fn fenced(mut self) -> Self {
        self.operation.fenced = true;
        self
    }
}

impl KvCall<DeleteValue> {
    /// Removes what is there now and nothing that is stored later: every attempt carries the version of what it removes, which
    /// a get asks for where it is not known. See [late attempts](crate::client#late-attempts). Under `write_once`, where nothing
    /// is ever stored in its place, it changes nothing; a `delete_if` carries its version anyway.
    pub const fn fenced(mut self) -> Self {
        self.operation.fenced = true;
        self
    }
}

/// The write and the look at what is there, for one put.
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
        id: put.write_id.clone(),
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

    async fn run(self, cx: &Context<Keys>) -> Result<(Fetched, Answer), Error> {
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

    async fn run(self, cx: &Context<Keys>) -> Result<(Stored, Answer), Error> {
        let key = cx.checked(self.key)?;
        cx.checked(door::item_fits(cx, &key, self.value.len()))?;
        cx.checked(Put::check_life(self.time_to_live))?;
        if let Some(id) = &self.write_id {
            cx.checked(id.check())?;
        }
        let condition = match self.wanted {
            Wanted::Store if cx.core.mode == Mode::WriteOnce => Condition::Absent,
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
        let put = Put {
            condition,
            time_to_live: self.time_to_live,
            without_expiry: self.without_expiry,
            ..Put::new(
                key,
                self.value,
                self.write_id.unwrap_or_else(|| cx.core.draw_write_id()),
            )
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

    async fn run(self, cx: &Context<Keys>) -> Result<((), Answer), Error> {
        let key = cx.checked(self.key)?;
        cx.checked(door::fits(cx, &key))?;
        let id = cx.core.draw_write_id();
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
            id,
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
