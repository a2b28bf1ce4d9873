//! A value in the form in which a server stores it: the arguments of commands, and the meaning of answers.

use super::{
    cluster::Reply,
    error::{failed, foreign, nonsense},
    script,
};
use crate::{
    provider::{ProviderError, ProviderErrorKind},
    request::{
        WriteId,
        kv::{Condition, Expiry, Put, PutAnswer, Value, Version},
    },
};
use redis::{Cmd, Value as Answer};
use std::time::{Duration, SystemTime};

pub(super) fn read(key: &[u8]) -> Cmd {
    let mut read = redis::cmd("HMGET");
    read.arg(key).arg(&["v", "i", "e"]);
    read
}

/// The arguments of [`script::PUT`], beside the value.
pub(super) struct Arguments<'p> {
    put: &'p Put,
    life: String,
}

impl<'p> Arguments<'p> {
    pub(super) fn new(put: &'p Put) -> Self {
        let life = match put.expiry() {
            Expiry::Never => String::new(),
            Expiry::After(life) => life.as_nanos().div_ceil(1_000_000).to_string(),
            Expiry::Kept => "kept".to_owned(),
        };
        Self { put, life }
    }

    pub(super) fn list(&self) -> [&[u8]; 5] {
        let (condition, version) = match &self.put.condition {
            Condition::Always => ("always", ""),
            Condition::Absent => ("absent", ""),
            Condition::Version(version) => ("version", version.token()),
        };
        [
            &self.put.value,
            self.put.write_id.as_str().as_bytes(),
            condition.as_bytes(),
            version.as_bytes(),
            self.life.as_bytes(),
        ]
    }
}

/// The result of a put.
pub(super) fn put_answer(answer: &Answer, put: &Put) -> Result<PutAnswer, ProviderError> {
    match answer {
        Answer::Int(script::DONE | script::OWN) => Ok(PutAnswer::new(Version::new(put.write_id.as_str(), ""))),
        Answer::Int(script::EXISTS) => Err(ProviderError::answer(ProviderErrorKind::AlreadyExists)),
        Answer::Int(script::CHANGED) => Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed)),
        Answer::Int(script::FOREIGN) => Err(foreign()),
        _ => Err(nonsense()),
    }
}

/// The result of a read. `None`: there is no value.
pub(super) fn value(answer: Answer) -> Result<Option<Value>, ProviderError> {
    let Answer::Array(fields) = answer else {
        return Err(nonsense());
    };
    let mut fields = fields.into_iter();
    let (Some(bytes), Some(id), Some(expires), None) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(nonsense());
    };
    let (bytes, id) = match (bytes, id) {
        (Answer::Nil, Answer::Nil) => return Ok(None),
        (Answer::BulkString(bytes), Answer::BulkString(id)) => (bytes, id),
        (Answer::Nil | Answer::BulkString(_), Answer::Nil | Answer::BulkString(_)) => return Err(foreign()),
        _ => return Err(nonsense()),
    };
    let id = String::from_utf8(id).map_err(|_| foreign())?;
    Ok(Some(Value {
        expires_at: expiry(expires)?,
        write_id: Some(WriteId::new(id.as_str())),
        ..Value::new(bytes, Version::new(id, ""))
    }))
}

fn expiry(field: Answer) -> Result<Option<SystemTime>, ProviderError> {
    match field {
        Answer::Nil => Ok(None),
        Answer::BulkString(text) => {
            let text = std::str::from_utf8(&text).ok();
            let millis = text.and_then(|text| text.parse().ok()).ok_or_else(foreign)?;
            Ok(SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis)))
        }
        _ => Err(nonsense()),
    }
}

pub(super) fn answered(reply: Reply) -> Result<Answer, ProviderError> {
    reply?.map_err(|error| failed(&error))
}

pub(super) fn found(reply: Reply) -> Result<Value, ProviderError> {
    value(answered(reply)?)?.ok_or_else(ProviderError::not_found)
}
