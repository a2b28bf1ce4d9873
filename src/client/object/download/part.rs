use super::LONGEST;
use crate::{
    call::{Aim, Attempt, Context, Core, Error, Reply, Served, enter, options::CallOptions},
    client::object::{
        Objects, rounds,
        same::{is_provable, is_same_state},
    },
    model::{
        ErrorKind, Human,
        clock::{self, Instant},
        crc,
    },
    provider::ProviderErrorKind,
    request::{
        Key, LegKind, OpClass, bit,
        object::{ByteRange, ETag, Get, Object, ObjectMeta, ObjectRequest, ObjectResponse},
    },
    telemetry::Event,
};
use bytes::Bytes;
use std::{
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The ranges that a download has yet to ask for. Pure.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    left: Range<u64>,
    last: u64,
    most: u64,
}

impl Parts {
    /// `last`: the length of the part before.
    pub(super) const fn new(left: Range<u64>, last: u64, most: u64) -> Self {
        Self { left, last, most }
    }

    pub(super) const fn none() -> Self {
        Self::new(0..0, 0, 1)
    }

    pub(super) fn next(&mut self) -> Option<Range<u64>> {
        if self.left.is_empty() {
            return None;
        }
        self.last = self.last.saturating_mul(2).clamp(1, self.most);
        let part = self.left.start..self.left.end.min(self.left.start.saturating_add(self.last));
        self.left.start = part.end;
        Some(part)
    }
}

/// Where the download is, and what it is of.
pub(super) struct Shared {
    core: Arc<Core<Objects>>,
    options: CallOptions,
    /// When the whole download must end, and how long it had.
    ends: Option<(Instant, Duration)>,
    key: Key,
    meta: ObjectMeta,
    home: Mutex<Home>,
    attempts: Arc<AtomicU64>,
    explains: bool,
    sums: bool,
}

/// The endpoint that serves the download.
#[derive(Clone, Debug)]
struct Home {
    endpoint: Option<usize>,
    tag: Option<ETag>,
    /// Endpoints that have other content or none, or refuse the caller.
    unfit: u64,
}

/// What an answer to a part's request is.
enum Got {
    /// The part, and who gave it.
    Same(Object, usize),
    /// The object is another one there, or is gone.
    Other,
    /// The endpoint of the part before says that there is no such object.
    Absent,
    Failed(Reply<Objects>),
    /// Nothing was asked: the budget, or the time for this part, is used up.
    Withheld,
}

/// A part that came.
pub(super) struct Part {
    pub(super) bytes: Bytes,
    pub(super) served: Served,
    /// What it took, if the download is explained.
    pub(super) attempts: Vec<Attempt>,
    /// Its checksum, and the call that fetched it, if the checksum of the whole is known.
    pub(super) crc: Option<(u64, Arc<Context<Objects>>)>,
}

/// How a part is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// In how many rounds, at most.
    pub(super) rounds: u32,
    /// The endpoint that has just failed to give these bytes: others are asked first, and asking is extra load.
    pub(super) failed: Option<usize>,
    /// How long to wait for the budget.
    pub(super) patience: Duration,
}

/// One part on its way.
struct Attempting {
    range: Range<u64>,
    /// Whether the part was asked for already, so that asking again is extra load.
    asked: bool,
    /// Until when the part may wait for the budget.
    patience: Instant,
    /// The endpoints that were asked in this round.
    tried: u64,
    /// Whether the home said in this round that there is no such object.
    gone: bool,
    last: Option<Reply<Objects>>,
}

impl Shared {
    pub(super) fn new(
        core: Arc<Core<Objects>>,
        options: CallOptions,
        ends: Option<(Instant, Duration)>,
        key: Key,
        meta: ObjectMeta,
        home: Option<usize>,
    ) -> Self {
        let home = Home {
            endpoint: home,
            tag: meta.etag.clone().filter(|tag| tag.unfit().is_none()),
            unfit: 0,
        };
        Self {
            core,
            options,
            ends,
            key,
            meta,
            home: Mutex::new(home),
            attempts: Arc::default(),
            explains: false,
            sums: false,
        }
    }

    /// Whether each part has its checksum.
    pub(super) const fn summing(mut self, sums: bool) -> Self {
        self.sums = sums;
        self
    }

    /// Whether each part says what it took.
    pub(super) const fn explaining(mut self, explains: bool) -> Self {
        self.explains = explains;
        self
    }

    pub(super) const fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    /// Counts requests that were sent.
    pub(super) fn count(&self, attempts: usize) {
        self.attempts.fetch_add(attempts as u64, Ordering::Relaxed);
    }

    pub(super) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// The count itself, for those who look while a part is on its way.
    #[cfg(feature = "object_store")]
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        self.attempts.clone()
    }

    /// Whether a further part can be told from a part of another object.
    pub(super) fn is_provable(&self) -> bool {
        is_provable(&self.meta)
    }

    /// Fetches one part. Counts as one call.
    pub(super) async fn fetch(self: Arc<Self>, range: Range<u64>) -> Result<Part, Error> {
        let left = self
            .ends
            .map_or(LONGEST, |(ends, _)| ends.saturating_duration_since(clock::now()));
        let options = CallOptions {
            deadline: Some(left.max(Duration::from_nanos(1))),
            ..self.options.clone()
        };
        let (cx, admitted) = enter(self.core.clone(), "get_stream", &options);
        let fetched = match admitted {
            Ok(()) if left.is_zero() => Err(self.late(&cx)),
            Ok(()) => {
                let terms = Terms {
                    rounds: rounds::MOST,
                    failed: None,
                    patience: self.core.deadline,
                };
                self.part(&cx, range, terms).await
            }
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        let fetched = fetched.map_err(|error| match error.kind() {
            ErrorKind::DeadlineExceeded => self.late(&cx),
            _ => error,
        });
        cx.ended(OpClass::Read, fetched.as_ref().err());
        let (bytes, served) = fetched?;
        let attempts = match self.explains {
            true => cx.explain().into_attempts(),
            false => Vec::new(),
        };
        // Here, as parts are fetched side by side.
        let crc = self.sums.then(|| (crc::of(&bytes), cx));
        Ok(Part {
            bytes,
            served,
            attempts,
            crc,
        })
    }

    /// The download's own time is up. (A part knows only what was left of it.)
    fn late(&self, cx: &Context<Objects>) -> Error {
        let total = self.ends.map_or(LONGEST, |(_, total)| total);
        let message = format!("the download's deadline of {} ran out", Human(total));
        cx.refuse(ErrorKind::DeadlineExceeded, message)
    }

    /// The runtime in which the download began has ended.
    pub(super) fn orphaned(&self) -> Error {
        let (cx, _) = enter(self.core.clone(), "get_stream", &self.options);
        cx.refuse(
            ErrorKind::Unavailable,
            "the runtime that fetched the download has ended",
        )
    }

    pub(super) async fn part(
        &self,
        cx: &Arc<Context<Objects>>,
        range: Range<u64>,
        terms: Terms,
    ) -> Result<(Bytes, Served), Error> {
        let mut this = Attempting {
            range,
            asked: terms.failed.is_some(),
            patience: clock::now() + terms.patience,
            tried: 0,
            gone: false,
            last: None,
        };
        for round in 0..terms.rounds {
            if round > 0 && cx.pause(rounds::longest_pause(round)).await.is_err() {
                break;
            }
            if self.core.engine.is_closed() {
                return Err(cx.refuse(ErrorKind::Closed, "the client is closed"));
            }
            this.tried = terms.failed.filter(|_| round == 0).map_or(0, bit);
            this.gone = false;
            let mut home = self.home();
            let is_fresh = |endpoint: &usize| this.tried & bit(*endpoint) == 0 && self.is_in_use(*endpoint);
            let mut at_home = home.endpoint.filter(is_fresh);
            loop {
                // The home, if it is in use; then all others that may have the same; then the home in any case.
                let at = match at_home.take() {
                    Some(endpoint) => Some(endpoint),
                    None if self.others(cx, &home) & !this.tried != 0 => None,
                    None => match home.endpoint.filter(|endpoint| this.tried & bit(*endpoint) == 0) {
                        Some(endpoint) => Some(endpoint),
                        None => break,
                    },
                };
                match self.ask(cx, &mut this, at, &home).await {
                    Got::Same(object, endpoint) => {
                        if at.is_none() {
                            self.moves(&home, endpoint, &object, this.range.start);
                        }
                        return Ok((object.body, Served::new(this.range, cx.name(endpoint))));
                    }
                    Got::Other if at.is_some() => return Err(self.replaced(cx)),
                    // At one endpoint alone it proves nothing: another may have the very same bytes.
                    Got::Absent => this.gone = true,
                    Got::Other => {}
                    Got::Withheld => {
                        return Err(match this.last {
                            Some(reply) => {
                                reply.record().note_withheld();
                                cx.fail(reply)
                            }
                            None => cx.refuse(ErrorKind::Unavailable, "the retry budget is used up"),
                        });
                    }
                    Got::Failed(reply) => {
                        if cx.ends_with(&reply) {
                            return Err(cx.fail(reply));
                        }
                        if at.is_none() && reply.record().picked() == 0 {
                            // None of them takes a call now.
                            this.tried |= !home.endpoint.map_or(0, bit);
                        }
                        if let (true, Some(endpoint)) = (rounds::is_lasting(&reply), reply.endpoint()) {
                            self.note_unfit(endpoint);
                        }
                        this.last = Some(reply);
                    }
                }
                home = self.home();
            }
            let home = self.home();
            let is_unfit = |endpoint| home.unfit & bit(endpoint) != 0;
            let hopeless = this.gone || home.endpoint.is_none_or(is_unfit);
            if clock::now() >= cx.deadline || (hopeless && self.others(cx, &home) == 0) {
                break;
            }
        }
        Err(match this.last {
            _ if this.gone => self.replaced(cx),
            Some(reply) => cx.fail(reply),
            None => cx.refuse(
                ErrorKind::Unavailable,
                "no endpoint that has the same object could be asked",
            ),
        })
    }

    /// Sends one request, without the stack's own retries: at this endpoint, or at any other that may have the same
    /// content and was not tried in this round.
    async fn ask(&self, cx: &Arc<Context<Objects>>, this: &mut Attempting, at: Option<usize>, home: &Home) -> Got {
        let paid = this.asked;
        if paid && !rounds::granted(cx, OpClass::Read, this.patience).await {
            return Got::Withheld;
        }
        let get = Get {
            range: Some(ByteRange::Bounded(this.range.clone())),
            if_match: at.and(home.tag.clone()),
            ..Get::new(self.key.clone())
        };
        let longest = rounds::longest(&self.core, this.range.end - this.range.start);
        let aim = Aim {
            pin: at,
            barred: match at {
                Some(_) => 0,
                None => home.unfit | this.tried | home.endpoint.map_or(0, bit),
            },
            kind: if paid { LegKind::Retry } else { LegKind::First },
            deadline: Some(clock::now() + longest),
            spent: self.core.retry.max_attempts.saturating_sub(1),
            ..Aim::default()
        };
        let reply = cx.ask(ObjectRequest::Get(get), aim).await;
        self.count(reply.record().attempts());
        if reply.record().attempts() > 0 {
            this.asked = true;
        } else if paid {
            cx.give_back();
        }
        this.tried |= reply.record().picked() | at.map_or(0, bit);
        use ProviderErrorKind::{NotFound, PreconditionFailed, RangeNotSatisfiable};
        let endpoint = reply.endpoint();
        let is_other = match (&reply.result, endpoint) {
            (Ok(ObjectResponse::Get(object)), Some(_)) => !self.is_same(object, &this.range),
            (Ok(_), _) => true,
            (Err(_), _) => matches!(
                reply.refusal(),
                Some(NotFound | PreconditionFailed | RangeNotSatisfiable)
            ),
        };
        if at.is_some() && reply.refusal() == Some(NotFound) {
            return Got::Absent;
        }
        if is_other {
            if let (None, Some(endpoint)) = (at, endpoint) {
                self.note_unfit(endpoint);
            }
            return Got::Other;
        }
        match (reply.result, endpoint) {
            (Ok(ObjectResponse::Get(object)), Some(endpoint)) => Got::Same(object, endpoint),
            (result, _) => Got::Failed(Reply {
                result,
                call: reply.call,
            }),
        }
    }

    /// Whether these are the same object's bytes, provably.
    fn is_same(&self, object: &Object, range: &Range<u64>) -> bool {
        let found = object.meta.etag.as_ref().filter(|tag| tag.unfit().is_none());
        let as_before = found.is_some() && found == self.home().tag.as_ref() && object.meta.size == self.meta.size;
        (as_before || is_same_state(&self.meta, &object.meta))
            && object.range == *range
            && object.body.len() as u64 == range.end - range.start
    }

    /// The other endpoints that may have the same content, as far as is known.
    fn others(&self, cx: &Context<Objects>, home: &Home) -> u64 {
        cx.reach(self.core.permitted()) & !home.unfit & !home.endpoint.map_or(0, bit)
    }

    /// Whether calls go there: the breaker is closed, and the operator has not drained the endpoint.
    fn is_in_use(&self, endpoint: usize) -> bool {
        self.core.engine.operator.out_of_use(endpoint, OpClass::Read).is_none()
    }

    fn home(&self) -> Home {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether an endpoint has other content or none, or refuses the caller.
    pub(super) fn met_unfit(&self) -> bool {
        self.home().unfit != 0
    }

    fn note_unfit(&self, endpoint: usize) {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        home.unfit |= bit(endpoint);
    }

    /// The download goes on at this endpoint, unless another part has moved it meanwhile.
    fn moves(&self, from: &Home, to: usize, object: &Object, at: u64) {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        if home.endpoint != from.endpoint {
            return;
        }
        home.endpoint = Some(to);
        home.tag = object.meta.etag.clone().filter(|tag| tag.unfit().is_none());
        drop(home);
        let roster = &self.core.engine.roster;
        self.core.verifier.reporter(to).report(Event::DownloadResumed {
            endpoint: roster.shared_name(to),
            left: from.endpoint.map(|left| roster.shared_name(left)),
            at,
        });
    }

    fn replaced(&self, cx: &Context<Objects>) -> Error {
        cx.refuse(
            ErrorKind::PreconditionFailed,
            "the object was replaced or removed while it was downloaded",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut parts: Parts) -> Vec<Range<u64>> {
        std::iter::from_fn(|| parts.next()).collect()
    }

    #[test]
    fn parts_grow_to_the_longest_and_cover_everything() {
        assert_eq!(all(Parts::new(4..100, 4, 32)), [4..12, 12..28, 28..60, 60..92, 92..100]);
        assert_eq!(all(Parts::new(5..5, 5, 8)), []);
        assert_eq!(all(Parts::new(1..4, 1, 1)), [1..2, 2..3, 3..4]);
        assert_eq!(all(Parts::new(0..3, 0, u64::MAX)), [0..1, 1..3]);
        assert_eq!(all(Parts::none()), []);
    }
}
