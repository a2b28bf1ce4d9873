use super::{LONGEST, Source};
use crate::{
    call::{Aim, Context, Core, Error, Reply, enter, options::CallOptions},
    client::object::Objects,
    model::{
        ErrorKind,
        clock::{self, Instant},
    },
    provider::ProviderErrorKind,
    replicate::copy::is_copy_of,
    request::{
        Key, LegKind, OpClass, bit,
        object::{ByteRange, ETag, Get, Object, ObjectMeta, ObjectRequest, ObjectResponse},
    },
    telemetry::Event,
};
use bytes::Bytes;
use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often a part is asked for at the endpoint that has it, before the download fails. The waits between double from
/// [`PAUSE`], so that an endpoint that restarts has about ten seconds.
const ROUNDS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

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
    ends: Option<Instant>,
    key: Key,
    meta: ObjectMeta,
    home: Mutex<Home>,
}

/// The endpoint that serves the download.
#[derive(Clone, Debug)]
struct Home {
    endpoint: Option<usize>,
    tag: Option<ETag>,
    /// Endpoints that have answered, and have other content or none.
    unfit: u64,
}

/// What an answer to a part's request is.
enum Got {
    /// The part, and who gave it.
    Same(Object, usize),
    /// The object is another one there, or is gone.
    Other,
    Failed(Reply<Objects>),
}

impl Shared {
    pub(super) fn new(
        core: Arc<Core<Objects>>,
        options: CallOptions,
        ends: Option<Instant>,
        key: Key,
        meta: ObjectMeta,
        home: Option<usize>,
    ) -> Self {
        let home = Home {
            endpoint: home,
            tag: meta.etag.clone(),
            unfit: 0,
        };
        Self {
            core,
            options,
            ends,
            key,
            meta,
            home: Mutex::new(home),
        }
    }

    pub(super) const fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    /// Fetches one part. Counts as one call.
    pub(super) async fn fetch(self: Arc<Self>, range: Range<u64>) -> Result<(Bytes, Source), Error> {
        let left = self
            .ends
            .map_or(LONGEST, |ends| ends.saturating_duration_since(clock::now()));
        let options = CallOptions {
            deadline: Some(left.max(Duration::from_nanos(1))),
            ..self.options.clone()
        };
        let (cx, admitted) = enter(self.core.clone(), "get_stream", &options);
        let fetched = match admitted {
            Ok(()) => self.part(&cx, range).await,
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        cx.ended(OpClass::Read, fetched.as_ref().err());
        fetched
    }

    async fn part(&self, cx: &Arc<Context<Objects>>, range: Range<u64>) -> Result<(Bytes, Source), Error> {
        let mut last = None;
        for round in 0..ROUNDS {
            if round > 0 {
                let most = (PAUSE * 2_u32.pow(round - 1)).min(LONGEST_PAUSE);
                // Both ends: others that lost the same endpoint come back at another time.
                if cx.pause(most).await.is_err() {
                    break;
                }
            }
            let home = self.home();
            if let Some(endpoint) = home.endpoint
                && (last.is_none() || self.granted(cx).await)
                && (self.is_in_use(endpoint) || !self.may_move(cx, &home))
            {
                match self.ask(cx, &range, Some(endpoint), &home, last.is_some()).await {
                    Got::Same(object, _) => return Ok(self.delivered(cx, object, range, endpoint)),
                    Got::Other => return Err(self.replaced(cx)),
                    Got::Failed(reply) if cx.ends_with(&reply) => return Err(cx.fail(reply)),
                    Got::Failed(reply) => last = Some(reply),
                }
            }
            let mut home = self.home();
            while self.may_move(cx, &home) && (last.is_none() || self.granted(cx).await) {
                match self.ask(cx, &range, None, &home, last.is_some()).await {
                    Got::Same(object, endpoint) => {
                        self.moves(&home, endpoint, &object, range.start);
                        return Ok(self.delivered(cx, object, range, endpoint));
                    }
                    // Noted as unfit: the next one is asked.
                    Got::Other => home = self.home(),
                    Got::Failed(reply) if cx.ends_with(&reply) => return Err(cx.fail(reply)),
                    Got::Failed(reply) => {
                        last = Some(reply);
                        break;
                    }
                }
            }
            if clock::now() >= cx.deadline {
                break;
            }
        }
        Err(match last {
            Some(reply) => cx.fail(reply),
            None => cx.refuse(
                ErrorKind::Unavailable,
                "no endpoint that has the same object could be asked",
            ),
        })
    }

    /// Sends one request, without the stack's own retries: at this endpoint, or at any that may have the same content.
    async fn ask(
        &self,
        cx: &Arc<Context<Objects>>,
        range: &Range<u64>,
        at: Option<usize>,
        home: &Home,
        again: bool,
    ) -> Got {
        let get = Get {
            range: Some(ByteRange::Bounded(range.clone())),
            if_match: at.and(home.tag.clone()),
            ..Get::new(self.key.clone())
        };
        let aim = Aim {
            pin: at,
            barred: if at.is_none() {
                home.unfit | home.endpoint.map_or(0, bit)
            } else {
                0
            },
            kind: if again { LegKind::Retry } else { LegKind::First },
            spent: self.core.retry.max_attempts.saturating_sub(1),
            ..Aim::default()
        };
        let reply = cx.ask(ObjectRequest::Get(get), aim).await;
        let endpoint = reply.endpoint();
        match reply.refusal() {
            Some(ProviderErrorKind::PreconditionFailed | ProviderErrorKind::RangeNotSatisfiable) if at.is_some() => {
                return Got::Other;
            }
            Some(ProviderErrorKind::NotFound) if at.is_some() => return Got::Other,
            Some(ProviderErrorKind::NotFound | ProviderErrorKind::RangeNotSatisfiable) => {
                self.note_unfit(endpoint);
                return Got::Other;
            }
            _ => {}
        }
        match reply.result {
            Ok(ObjectResponse::Get(object)) if self.is_same(&object, at.and(home.tag.as_ref()), range) => {
                match endpoint {
                    Some(endpoint) => Got::Same(object, endpoint),
                    None => Got::Other,
                }
            }
            Ok(_) if at.is_some() => Got::Other,
            Ok(_) => {
                self.note_unfit(endpoint);
                Got::Other
            }
            Err(_) => Got::Failed(reply),
        }
    }

    /// Whether these are the same object's bytes, provably: by the write id, which may name the version that was copied,
    /// or by the tag at its own endpoint.
    fn is_same(&self, object: &Object, tag: Option<&ETag>, range: &Range<u64>) -> bool {
        let by_id = self.meta.write_id.is_some() && object.meta.write_id == self.meta.write_id;
        let by_copy = is_copy_of(&object.meta, &self.meta) || is_copy_of(&self.meta, &object.meta);
        // A tag has its endpoint's name in it.
        let found = object.meta.etag.as_ref();
        let by_tag = found.is_some() && (found == tag || found == self.meta.etag.as_ref());
        let length = range.end - range.start;
        (by_id || by_tag || by_copy)
            && object.meta.size == self.meta.size
            && object.range == *range
            && object.body.len() as u64 == length
    }

    /// Whether another endpoint may have the same content, as far as is known.
    fn may_move(&self, cx: &Context<Objects>, home: &Home) -> bool {
        let others = cx.reach(self.core.permitted()) & !home.unfit & !home.endpoint.map_or(0, bit);
        others != 0
    }

    /// Whether calls go there: the breaker is closed, and the operator has not drained the endpoint.
    fn is_in_use(&self, endpoint: usize) -> bool {
        self.core.engine.operator.out_of_use(endpoint, OpClass::Read).is_none()
    }

    /// Waits until the budget grants another request, or the download's time is up.
    async fn granted(&self, cx: &Context<Objects>) -> bool {
        while !cx.may_ask_more(OpClass::Read) {
            if cx.pause(PAUSE).await.is_err() {
                return false;
            }
        }
        true
    }

    fn home(&self) -> Home {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_unfit(&self, endpoint: Option<usize>) {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        home.unfit |= endpoint.map_or(u64::MAX, bit);
    }

    /// The download goes on at this endpoint, unless another part has moved it meanwhile.
    fn moves(&self, from: &Home, to: usize, object: &Object, at: u64) {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        if home.endpoint != from.endpoint {
            return;
        }
        home.endpoint = Some(to);
        home.tag.clone_from(&object.meta.etag);
        drop(home);
        let roster = &self.core.engine.roster;
        self.core.verifier.reporter(to).report(Event::DownloadResumed {
            endpoint: roster.shared_name(to),
            left: from.endpoint.map(|left| roster.shared_name(left)),
            at,
        });
    }

    fn delivered(&self, cx: &Context<Objects>, object: Object, range: Range<u64>, endpoint: usize) -> (Bytes, Source) {
        let endpoint = cx.name(endpoint);
        (object.body, Source { range, endpoint })
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
