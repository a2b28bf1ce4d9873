//! The view that stale reads show.

use crate::{
    BoxError,
    provider::{ProviderError, ProviderErrorKind},
    request::object::{ByteRange, List, ObjectRequest, ObjectResponse},
};
use std::collections::BTreeMap;

/// Answers as they were first seen while a copy lags.
///
/// Before, it follows what passes: a read leaves its answer, a write makes the key forgotten, so that a copy that begins
/// to lag shows what was there when it began. What it has not seen is asked for once and then stays.
#[derive(Debug, Default)]
pub(super) struct Frozen {
    lagging: bool,
    seen: BTreeMap<Asked, Seen>,
}

/// How many answers are kept. More are let through fresh: a drill must not take the memory that a process needs.
const MOST: usize = 10_000;

/// The parts of a read that decide its answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Get(String, Option<String>),
    Head(String),
    List([Option<String>; 4], Option<usize>),
}

#[derive(Clone, Debug)]
enum Seen {
    Answer(Box<ObjectResponse>),
    Absent,
}

/// What a request gets to see.
pub(super) enum View {
    /// An answer from before.
    Stale(Result<ObjectResponse, BoxError>),
    /// The provider's own; what comes of it is to be noted.
    Fresh(Note),
}

/// What is to be noted when the provider has answered.
#[derive(Debug)]
pub(super) struct Note(Option<Noting>);

#[derive(Debug)]
enum Noting {
    Read(Asked),
    Write(String),
}

impl Frozen {
    /// What `request` gets to see. `lagging`: some reads are stale at present; `stale`: this one is, if it is a read.
    pub(super) fn show(&mut self, request: &ObjectRequest, lagging: bool, stale: bool) -> View {
        if self.lagging && !lagging {
            // The copy has caught up: what it showed while it lagged is no view of now.
            self.seen.clear();
        }
        self.lagging = lagging;
        let Some(asked) = asked(request) else {
            return View::Fresh(Note(written(request).map(Noting::Write)));
        };
        match self.seen.get(&asked) {
            Some(seen) if stale => View::Stale(seen.answer_to(request)),
            // An answer to a conditional read can be "not modified", which is nobody else's answer.
            _ if is_conditional(request) => View::Fresh(Note(None)),
            _ => View::Fresh(Note(Some(Noting::Read(asked)))),
        }
    }

    /// The provider has answered.
    pub(super) fn note(&mut self, Note(noting): Note, answer: &Result<ObjectResponse, BoxError>) {
        match noting {
            None => {}
            Some(Noting::Write(key)) if !self.lagging => {
                self.seen.retain(|asked, _| !asked.shows(&key));
            }
            // A copy that lags does not see it.
            Some(Noting::Write(_)) => {}
            Some(Noting::Read(asked)) => {
                let seen = match answer {
                    Ok(answer) => Seen::Answer(Box::new(answer.clone())),
                    Err(error) if is_absent(error) => Seen::Absent,
                    Err(_) => return,
                };
                // While the copy lags, what was seen first is the view: another read may have been under way.
                if self.seen.len() < MOST && !(self.lagging && self.seen.contains_key(&asked)) {
                    self.seen.insert(asked, seen);
                }
            }
        }
    }
}

impl Asked {
    /// Whether a write of `key` can change this answer.
    fn shows(&self, key: &str) -> bool {
        match self {
            Self::Get(own, _) | Self::Head(own) => own == key,
            Self::List([prefix, ..], _) => key.starts_with(prefix.as_deref().unwrap_or_default()),
        }
    }
}

impl Seen {
    fn answer_to(&self, request: &ObjectRequest) -> Result<ObjectResponse, BoxError> {
        match (self, request) {
            (Self::Absent, _) => Err(ProviderError::not_found().into()),
            (Self::Answer(answer), ObjectRequest::Get(get)) => match &**answer {
                ObjectResponse::Get(object) if get.if_none_match.is_some() && object.meta.etag == get.if_none_match => {
                    Err(ProviderError::answer(ProviderErrorKind::NotModified).into())
                }
                answer => Ok(answer.clone()),
            },
            (Self::Answer(answer), _) => Ok((**answer).clone()),
        }
    }
}

fn asked(request: &ObjectRequest) -> Option<Asked> {
    match request {
        ObjectRequest::Get(get) => Some(Asked::Get(
            get.key.as_str().into(),
            get.range.as_ref().map(ByteRange::to_header),
        )),
        ObjectRequest::Head(head) => Some(Asked::Head(head.key.as_str().into())),
        ObjectRequest::List(List {
            prefix,
            start_after,
            delimiter,
            limit,
            continuation,
        }) => Some(Asked::List(
            [
                Some(prefix.clone()),
                start_after.clone(),
                delimiter.clone(),
                continuation.clone(),
            ],
            *limit,
        )),
        ObjectRequest::Put(_) | ObjectRequest::Delete(_) => None,
    }
}

fn written(request: &ObjectRequest) -> Option<String> {
    match request {
        ObjectRequest::Put(put) => Some(put.key.as_str().into()),
        ObjectRequest::Delete(delete) => Some(delete.key.as_str().into()),
        _ => None,
    }
}

fn is_conditional(request: &ObjectRequest) -> bool {
    matches!(request, ObjectRequest::Get(get) if get.if_none_match.is_some())
}

fn is_absent(error: &BoxError) -> bool {
    error
        .downcast_ref::<ProviderError>()
        .is_some_and(|error| error.kind() == ProviderErrorKind::NotFound)
}
