use super::{Breaker, Open, Passage};
use crate::{
    BoxError,
    model::{clock, evidence::Lesson},
    request::{After, Call},
    stack::{
        health::{Tracker, UNLEARNT},
        is_local_refusal,
        station::{Behind, Served, Station},
    },
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::Layer;

/// Puts one endpoint's breaker before its service.
#[derive(Clone, Debug)]
pub struct BreakerLayer {
    breaker: Breaker,
    tracker: Option<Arc<Tracker>>,
}

impl BreakerLayer {
    /// A layer with this breaker.
    pub const fn new(breaker: Breaker) -> Self {
        Self { breaker, tracker: None }
    }

    /// When traffic returns, this tracker forgets what it saw of the outage.
    #[must_use]
    pub fn clearing(mut self, tracker: Arc<Tracker>) -> Self {
        self.tracker = Some(tracker);
        self
    }

    /// The station before this one.
    pub(crate) fn before<N>(self, inner: N) -> Guarded<N> {
        Guarded {
            inner,
            breaker: self.breaker,
            tracker: self.tracker,
        }
    }
}

impl<S: Clone> Layer<S> for BreakerLayer {
    type Service = Served<Guarded<Behind<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.clone().before(Behind::new(inner)))
    }
}

/// One endpoint behind its breaker. See the [module](super).
#[derive(Debug)]
pub struct Guarded<N> {
    inner: N,
    breaker: Breaker,
    tracker: Option<Arc<Tracker>>,
}

impl<R, N> Station<R> for Guarded<N>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<N::Attempt>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        let class = call.class();
        let breaker = self.breaker.of(call.record().is_large());
        match breaker.admit(class, || call.at(), call.forced()) {
            Err(until) => Attempt(State::Refused { until }),
            Ok(passage) => {
                let passage = match passage {
                    Passage::Ordinary if call.record().is_background() => Passage::Watch,
                    _ => passage,
                };
                if passage == Passage::Probe {
                    call.record().note_probe();
                }
                Attempt(State::Passed {
                    inner: self.inner.enter(call),
                    passage,
                    settled: false,
                })
            }
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut Self::Attempt,
        pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<N::Response, BoxError>> {
        match &mut attempt.0 {
            State::Refused { until } => {
                let wait = until.saturating_duration_since(clock::now());
                Poll::Ready(Err(Open { retry_after: wait }.into()))
            }
            State::Passed {
                inner,
                passage,
                settled,
            } => {
                let result = ready!(self.inner.poll(call, inner, pinned, cx)).map_err(Into::into);
                *settled = true;
                let succeeded = match &result {
                    Ok(_) => Some(true),
                    Err(error) => (!is_local_refusal(error)).then_some(false),
                };
                self.settle(call, *passage, succeeded);
                Poll::Ready(result)
            }
        }
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        let State::Passed {
            inner,
            passage,
            settled,
        } = &mut attempt.0
        else {
            return;
        };
        // Health has judged it when that is done.
        self.inner.abandon(call, inner, pinned);
        if !std::mem::replace(settled, true) {
            self.settle(call, *passage, None);
        }
    }
}

/// An attempt on its way, or refused.
#[derive(Debug)]
pub struct Attempt<A>(State<A>);

#[derive(Debug)]
enum State<A> {
    Refused {
        until: clock::Instant,
    },
    Passed {
        inner: A,
        passage: Passage,
        /// The breaker knows how the attempt ended.
        settled: bool,
    },
}

impl<N> Guarded<N> {
    /// Tells the breaker how an attempt ended. `succeeded` counts where no layer below judged the attempt; `None` when
    /// the attempt was dropped.
    #[inline]
    fn settle<R>(&self, call: &Call<R>, passage: Passage, succeeded: Option<bool>) {
        let (record, leg, class) = (call.record(), call.leg(), call.class());
        let breaker = self.breaker.of(record.is_large());
        let (lesson, now) = match record.lesson(leg) {
            Some((lesson, elapsed)) => {
                let sent = record.sent_at(leg).unwrap_or_else(|| call.at());
                (Some(lesson), sent + elapsed)
            }
            None if record.was_started(leg) => (None, clock::now()),
            // Nobody below judges: any error is a fault.
            None => {
                let lesson = succeeded.map(|ok| if ok { Lesson::Good } else { Lesson::Fault });
                (lesson, clock::now())
            }
        };
        let long = || record.after(now) >= After::START.plus(UNLEARNT);
        let in_vain = (lesson == Some(Lesson::Late) && record.proves() && long()).then(|| call.at());
        let back = breaker.settle(class, passage, now, lesson, in_vain, || record.observed(leg));
        if let Some(tracker) = self.tracker.as_ref().filter(|_| back && !record.is_large()) {
            tracker.is_back(class);
        }
    }
}
