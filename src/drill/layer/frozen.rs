//! The earlier answers that stale reads show.

use super::subject::{Answer, Asked, Subject};
use crate::{
    BoxError,
    provider::{ProviderError, ProviderErrorKind},
};
use std::collections::BTreeMap;

/// Answers as they were first seen while a copy lags.
///
/// Before the copy lags, this follows the calls: a read stores its answer, and a write removes the key. A copy that
/// begins to lag thus shows what was there when the lag began. An answer that was not seen is fetched once and then
/// stays.
#[derive(Debug, Default)]
pub(super) struct Frozen {
    lagging: bool,
    seen: BTreeMap<Asked, Kept>,
    /// The bodies of all that is kept.
    bytes: u64,
}

/// The most answers that are kept. Further answers stay fresh: a drill must not take the memory that a process needs.
const MOST: usize = 10_000;
/// The most bytes of bodies that are kept, for the same reason: those of 10,000 small answers, or of eight large ones.
const MOST_BYTES: u64 = 64 << 20;

/// What was seen, and the size of its body.
#[derive(Debug)]
struct Kept {
    seen: Seen,
    bytes: u64,
}

#[derive(Clone, Debug)]
enum Seen {
    Answer(Box<Answer>),
    Absent,
}

/// What a request gets to see.
pub(super) enum View<A> {
    /// An answer from before.
    Stale(Result<A, BoxError>),
    /// The provider's own answer, which is to be noted.
    Fresh(Note),
}

/// What is to be noted when the provider has answered.
#[derive(Debug)]
pub(super) struct Note(Option<Noting>);

#[derive(Debug)]
enum Noting {
    Read(Asked),
    Write(Vec<String>),
}

impl Frozen {
    /// The answer that `request` gets. `lagging`: some reads are stale at present. `stale`: this request is stale, if
    /// it is a read.
    pub(super) fn show<R: Subject>(&mut self, request: &R, lagging: bool, stale: bool) -> View<R::Response> {
        if self.lagging && !lagging {
            // The copy has caught up: what it showed while it lagged is no view of now.
            self.seen.clear();
            self.bytes = 0;
        }
        self.lagging = lagging;
        let Some(asked) = request.asked() else {
            return View::Fresh(Note(Some(Noting::Write(request.written()))));
        };
        let seen = self.seen.get(&asked).filter(|_| stale);
        match seen.and_then(|kept| kept.seen.answer_to(request)) {
            Some(answer) => View::Stale(answer),
            // An answer to a conditional read can be "not modified", which is nobody else's answer.
            _ if request.is_conditional() => View::Fresh(Note(None)),
            _ => View::Fresh(Note(Some(Noting::Read(asked)))),
        }
    }

    /// The provider has answered.
    pub(super) fn note<R: Subject>(&mut self, Note(noting): Note, answer: &Result<R::Response, BoxError>) {
        match noting {
            None => {}
            Some(Noting::Write(keys)) if !self.lagging => {
                self.seen.retain(|asked, _| !keys.iter().any(|key| asked.shows(key)));
                self.bytes = self.seen.values().map(|kept| kept.bytes).sum();
            }
            // A copy that lags does not see it.
            Some(Noting::Write(_)) => {}
            Some(Noting::Read(asked)) => {
                // While the copy lags, what was seen first is the view: another read may have been under way.
                if self.lagging && self.seen.contains_key(&asked) {
                    return;
                }
                let kept = match answer {
                    Ok(answer) => Kept {
                        seen: Seen::Answer(Box::new(R::keep(answer))),
                        bytes: R::body_bytes(answer),
                    },
                    Err(error) if is_absent(error) => Kept {
                        seen: Seen::Absent,
                        bytes: 0,
                    },
                    Err(_) => return,
                };
                // Without room no older answer may stay either: it would be older than what was seen since.
                let before = self.seen.remove(&asked).map_or(0, |kept| kept.bytes);
                self.bytes -= before;
                if self.seen.len() < MOST && self.bytes.saturating_add(kept.bytes) <= MOST_BYTES {
                    self.bytes += kept.bytes;
                    self.seen.insert(asked, kept);
                }
            }
        }
    }
}

impl Seen {
    /// `None`: the kept answer belongs to another request.
    fn answer_to<R: Subject>(&self, request: &R) -> Option<Result<R::Response, BoxError>> {
        match self {
            Self::Absent => Some(Err(ProviderError::not_found().into())),
            Self::Answer(answer) => request.answered_by(answer),
        }
    }
}

fn is_absent(error: &BoxError) -> bool {
    error
        .downcast_ref::<ProviderError>()
        .is_some_and(|error| error.kind() == ProviderErrorKind::NotFound)
}
