use super::{Budget, Decision, Purse, RetrySettings, decide_by, policy};
use crate::{
    BoxError,
    model::{bounds::Bounded, clock},
    request::{After, Call, CallRecord, Ended, Leg, LegKind, Own},
    stack::{
        route::Exhausted,
        station::{Apart, Behind, Served, Station},
        timeout::Limit,
    },
    telemetry::Reporter,
};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};
use tower::Layer;

/// Puts retries before a service.
#[derive(Clone, Debug)]
pub struct RetryLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: RetrySettings,
    purse: Purse,
    rng: Mutex<fastrand::Rng>,
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new(RetrySettings::default(), Budget::default(), 0)
    }
}

impl RetryLayer {
    /// Retries by these settings from this budget. `seed` is for the jitter.
    pub fn new(settings: RetrySettings, budget: Budget, seed: u64) -> Self {
        Self::paying_from(Purse::new(budget, Reporter::silent()), settings, seed)
    }

    pub(crate) fn paying_from(purse: Purse, settings: RetrySettings, seed: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings: settings.bounded(),
                purse,
                rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            }),
        }
    }

    /// The station before this one.
    pub(crate) fn before<N>(&self, inner: N) -> Retry<N> {
        Retry {
            inner,
            shared: self.shared.clone(),
        }
    }
}

impl<S: Clone> Layer<S> for RetryLayer {
    type Service = Served<Retry<Behind<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.before(Behind::new(inner)))
    }
}

/// Tries again. See the [module](self).
#[derive(Debug)]
pub struct Retry<N> {
    inner: N,
    shared: Arc<Shared>,
}

/// A call under way.
pub struct Attempt<R, N: Station<R>> {
    leg: Leg,
    attempts: u32,
    /// How often the call has returned to an endpoint already tried.
    returns: u32,
    /// The best failure so far, returned when no further attempt is possible. Boxed, as few calls have one.
    last: Option<Box<Result<N::Response, BoxError>>>,
    state: State<R, N>,
}

enum State<R, N: Station<R>> {
    First {
        attempt: N::Attempt,
    },
    /// Boxed: this future would be larger than the first, and few calls have one.
    Again {
        attempt: Pin<Box<Apart<R, N>>>,
    },
    Waiting {
        until: After,
        own: Own,
    },
}

impl<R, N: Station<R>> std::fmt::Debug for Attempt<R, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("retry::Attempt").finish_non_exhaustive()
    }
}

impl<R, N> Station<R> for Retry<N>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<R, N>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        if call.record().earns() {
            self.shared.purse.budget().deposit();
        }
        Attempt {
            leg: call.leg(),
            attempts: call.record().spent().saturating_add(1),
            returns: 0,
            last: None,
            state: State::First {
                attempt: self.inner.enter(call),
            },
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut Self::Attempt,
        mut pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<N::Response, BoxError>> {
        let this = attempt;
        let (record, shared) = (call.record(), &self.shared);
        loop {
            let result = match &mut this.state {
                State::First { attempt } => {
                    ready!(self.inner.poll(call, attempt, pinned.as_mut(), cx)).map_err(Into::into)
                }
                State::Again { attempt } => ready!(attempt.as_mut().poll(&self.inner, cx)).map_err(Into::into),
                State::Waiting { until, own } => {
                    ready!(record.poll_until(*until, own, cx));
                    let call = call.clone().on_leg(this.leg, clock::now()).revisiting(true);
                    this.state = self.again(call);
                    continue;
                }
            };
            let returning = if matches!(&result, Err(error) if error.is::<Exhausted>()) && this.last.is_some() {
                // Everything was tried: the attempt that was granted goes to one of them again, after a wait.
                true
            } else {
                let ended = record.result_of(this.leg);
                let refused = ended.is_none() && matches!(&result, Err(error) if crate::stack::is_local_refusal(error));
                if refused {
                    // Nothing was sent and nothing is known; an earlier failure says more.
                    return Poll::Ready(this.last.take().map_or(result, |last| *last));
                }
                let lost = matches!(ended, Some(Ended::Judged(outcome)) if outcome.may_have_been_applied());
                let rule = record.options().retry_when.or(shared.settings.when);
                if decide_by(rule, ended, result.is_ok(), record.safety()) == Decision::Return
                    || (lost && record.gives_back_lost())
                    || record.has_beginning()
                    || is_a_vain_proof(record, ended)
                    || this.attempts >= shared.settings.max_attempts
                {
                    return Poll::Ready(result);
                }
                this.last = Some(Box::new(result));
                if shared.purse.grants(record, clock::now()).is_none() {
                    record.note_withheld();
                    return Poll::Ready(last(&mut this.last));
                }
                this.attempts += 1;
                this.leg = record.next_leg(LegKind::Retry);
                // Without a router below there is no elsewhere.
                record.picked() == 0
            };
            if returning {
                let wait = {
                    let mut rng = shared.rng.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.settings.waits(&mut rng).nth(this.returns as usize)
                };
                this.returns += 1;
                let most = shared.settings.max_backoff;
                let wait = wait.unwrap_or(most).max(policy::asked_for(&record.legs()).min(most));
                let until = record.after(clock::now()).plus(wait);
                if record.deadline_after().is_some_and(|deadline| until >= deadline)
                    || this.returns > shared.settings.max_attempts
                {
                    return Poll::Ready(last(&mut this.last));
                }
                this.state = State::Waiting {
                    until,
                    own: Own::default(),
                };
            } else {
                let call = call.clone().on_leg(this.leg, clock::now());
                this.state = self.again(call);
            }
        }
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        match &mut attempt.state {
            State::First { attempt } => self.inner.abandon(call, attempt, pinned),
            State::Again { attempt } => attempt.as_mut().abandon(&self.inner),
            State::Waiting { .. } => {}
        }
    }
}

impl<N> Retry<N> {
    fn again<R>(&self, call: Call<R>) -> State<R, N>
    where
        N: Station<R>,
    {
        State::Again {
            attempt: Box::pin(Apart::enter(&self.inner, call)),
        }
    }
}

/// Whether only one endpoint can give the proof, and has been silent for a second. A caller who waits for *not found*
/// has then waited long enough.
fn is_a_vain_proof(record: &CallRecord, ended: Option<Ended>) -> bool {
    let silent = matches!(ended, Some(Ended::Judged(outcome)) if outcome.timed_out);
    silent && record.proves() && record.after(clock::now()) >= After::START.plus(Limit::UNLEARNT)
}

/// The best failure so far.
fn last<T>(kept: &mut Option<Box<Result<T, BoxError>>>) -> Result<T, BoxError> {
    kept.take()
        .map_or_else(|| Err(Exhausted::default().into()), |last| *last)
}
