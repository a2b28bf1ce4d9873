//! What a request may demand of the object that is there.

use crate::store::Object;
use http::{HeaderMap, HeaderValue, header};
use s3s::{
    S3Error, S3Result,
    dto::{ETagCondition, Timestamp, TimestampFormat},
    s3_error,
};

/// The conditions of a read, or of a copy's source.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// The conditions of a write.
#[derive(Debug, Default)]
pub(crate) struct Write {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl Read {
    /// A tag goes before a time.
    fn fails(&self, object: &Object) -> bool {
        let modified = Timestamp::from(object.modified);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => !matches(condition, object),
            (None, Some(since)) => modified > *since,
            (None, None) => false,
        }
    }

    fn is_unmodified(&self, object: &Object) -> bool {
        let modified = Timestamp::from(object.modified);
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches(condition, object),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        }
    }

    pub(crate) fn check(&self, object: &Object) -> S3Result<()> {
        if self.fails(object) {
            return Err(failed());
        }
        if self.is_unmodified(object) {
            return Err(not_modified(object));
        }
        Ok(())
    }

    /// A copy has no 304.
    pub(crate) fn check_source(&self, object: &Object) -> S3Result<()> {
        if self.fails(object) || self.is_unmodified(object) {
            return Err(failed());
        }
        Ok(())
    }
}

impl Write {
    /// From the headers themselves: s3s does not know the conditions of a copy's destination.
    pub(crate) fn of_headers(headers: &HeaderMap) -> S3Result<Self> {
        let condition = |name| match headers.get(name).map(HeaderValue::as_bytes) {
            None => Ok(None),
            Some(text) => match ETagCondition::parse_http_header(text) {
                Ok(condition) => Ok(Some(condition)),
                Err(_) => Err(s3_error!(InvalidArgument)),
            },
        };
        Ok(Self {
            if_match: condition(header::IF_MATCH)?,
            if_none_match: condition(header::IF_NONE_MATCH)?,
        })
    }

    pub(crate) fn check(&self, current: Option<&Object>) -> S3Result<()> {
        match &self.if_none_match {
            Some(ETagCondition::ETag(_)) => {
                return Err(s3_error!(
                    NotImplemented,
                    "A header you provided implies functionality that is not implemented"
                ));
            }
            Some(ETagCondition::Any) if current.is_some() => return Err(failed()),
            _ => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey)),
            (Some(condition), Some(object)) if matches(condition, object) => Ok(()),
            (Some(_), Some(_)) => Err(failed()),
        }
    }
}

/// May the object be deleted? Where there is none, S3 answers with success, unless one was demanded.
pub(crate) fn check_delete(condition: Option<&ETagCondition>, current: Option<&Object>) -> S3Result<()> {
    match (condition, current) {
        (Some(ETagCondition::Any), None) => Err(failed()),
        (Some(condition), Some(object)) if !matches(condition, object) => Err(failed()),
        _ => Ok(()),
    }
}

pub(crate) fn matches(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.strong_cmp(&object.tag()),
    }
}

fn failed() -> S3Error {
    s3_error!(
        PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold"
    )
}

fn not_modified(object: &Object) -> S3Error {
    let mut headers = HeaderMap::new();
    let mut add = |name, text: &[u8]| {
        if let Ok(value) = HeaderValue::from_bytes(text) {
            headers.insert(name, value);
        }
    };
    add(header::ETAG, format!("\"{}\"", object.etag).as_bytes());
    let mut modified = Vec::new();
    if Timestamp::from(object.modified)
        .format(TimestampFormat::HttpDate, &mut modified)
        .is_ok()
    {
        add(header::LAST_MODIFIED, &modified);
    }
    let mut error = s3_error!(NotModified);
    error.set_headers(headers);
    error
}
