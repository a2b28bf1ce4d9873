use super::{
    Admission, Full, PATIENCE,
    admission::{Called, LOOK_EVERY, Sample},
};
use crate::{
    BoxError,
    model::clock::{self},
    request::{After, Call, Own},
    stack::station::{Behind, Served, Station},
};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::Layer;

/// Puts one endpoint's admission before its service.
#[derive(Clone, Debug)]
pub struct LimitLayer {
    admission: Admission,
}

impl LimitLayer {
    /// A layer with this admission.
    pub const fn new(admission: Admission) -> Self {
        Self { admission }
    }

    /// The station before this one.
    pub(crate) fn before<N>(self, inner: N) -> Limit<N> {
        Limit {
            inner,
            admission: self.admission,
        }
    }
}

impl<S: Clone> Layer<S> for LimitLayer {
    type Service = Served<Limit<Behind<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.clone().before(Behind::new(inner)))
    }
}

/// One endpoint behind its admission. See the [module](self).
#[derive(Debug)]
pub struct Limit<N> {
    inner: N,
    admission: Admission,
}

impl<R, N> Station<R> for Limit<N>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<R, N::Attempt>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        let patience = if call.may_queue() { PATIENCE } else { Duration::ZERO };
        match self.admission.admit(call, patience) {
            Err(retry_after) => Attempt {
                place: None,
                state: match self.admission.patience(call).filter(|_| call.may_queue()) {
                    Some(patience) => {
                        self.admission.wait();
                        State::Waiting {
                            called: self.admission.called(),
                            next: call.at_after(),
                            until: call.at_after().plus(patience),
                            own: Own::default(),
                        }
                    }
                    None => State::Refused { retry_after },
                },
            },
            Ok((wait, sample)) => Attempt {
                place: Some(Place { sample }),
                state: if wait.is_zero() {
                    State::Sent {
                        inner: self.inner.enter(call),
                        later: None,
                    }
                } else {
                    State::Queued {
                        turn: call.at_after().plus(wait),
                        own: Own::default(),
                    }
                },
            },
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
        let Attempt { place, state } = attempt;
        while let State::Waiting {
            called,
            next,
            until,
            own,
        } = state
        {
            let admission = &self.admission;
            if called.as_mut().poll(cx).is_ready() {
                *called = admission.called();
                *next = call.at_after();
                continue;
            }
            ready!(call.record().poll_until(*next, own, cx));
            let later = call.clone().handed_down(clock::now());
            match admission.enter(&later, Duration::ZERO) {
                Ok((_, sample)) => {
                    *place = Some(Place { sample });
                    *state = State::Sent {
                        inner: self.inner.enter(&later),
                        later: Some(Box::new(later)),
                    };
                    admission.waits_no_longer();
                }
                Err(retry_after) if later.at_after() >= *until => {
                    *state = State::Refused { retry_after };
                    admission.waits_no_longer();
                }
                Err(_) => *next = later.at_after().plus(LOOK_EVERY).min(*until),
            }
        }
        if let State::Queued { turn, own } = state {
            ready!(call.record().poll_until(*turn, own, cx));
            let later = call.clone().handed_down(clock::now());
            *state = State::Sent {
                inner: self.inner.enter(&later),
                later: Some(Box::new(later)),
            };
        }
        match state {
            State::Sent { inner, later } => {
                let sent = later.as_deref().unwrap_or(call);
                let result = ready!(self.inner.poll(sent, inner, pinned, cx));
                self.give_back(call, place);
                Poll::Ready(result.map_err(Into::into))
            }
            State::Refused { retry_after } => {
                let retry_after = *retry_after;
                Poll::Ready(Err(Full { retry_after }.into()))
            }
            State::Queued { .. } | State::Waiting { .. } => Poll::Pending,
        }
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        let Attempt { place, state } = attempt;
        match state {
            State::Sent { inner, later } => self.inner.abandon(later.as_deref().unwrap_or(call), inner, pinned),
            State::Waiting { .. } => {
                *state = State::Refused { retry_after: PATIENCE };
                self.admission.waits_no_longer();
            }
            State::Refused { .. } | State::Queued { .. } => {}
        }
        self.give_back(call, place);
    }
}

impl<N> Limit<N> {
    #[inline]
    fn give_back<R>(&self, call: &Call<R>, place: &mut Option<Place>) {
        let Some(place) = place.take() else { return };
        self.admission.leave();
        if let Some(sample) = place.sample {
            self.admission.learn(call, sample);
        }
    }
}

/// A place among the attempts under way.
#[derive(Debug)]
struct Place {
    /// The sample, for one attempt in eight.
    sample: Option<Sample>,
}

/// An attempt on its way, waiting for its turn, or refused.
pub struct Attempt<R, A> {
    /// Until the place is given back.
    place: Option<Place>,
    state: State<R, A>,
}

enum State<R, A> {
    Refused {
        retry_after: Duration,
    },
    Queued {
        turn: After,
        own: Own,
    },
    /// There was no place, and no other endpoint.
    Waiting {
        called: Pin<Box<Called>>,
        next: After,
        until: After,
        own: Own,
    },
    Sent {
        inner: A,
        /// The call as of its turn, if it queued: the attempt's time counts from there. Boxed: few calls queue.
        later: Option<Box<Call<R>>>,
    },
}

impl<R, A> std::fmt::Debug for Attempt<R, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("limit::Attempt").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Endpoint, Failover,
        request::{CallRecord, OpClass, Safety},
    };
    use std::sync::{Arc, atomic::Ordering};
    use tower::{ServiceExt, service_fn};

    #[tokio::test(start_paused = true)]
    async fn an_attempt_without_an_alternative_waits_for_a_slot() {
        let slow = service_fn(|_: Call<()>| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, BoxError>(())
        });
        let service = LimitLayer::new(Admission::with(None, 1)).layer(slow);
        let call = |may_queue| service.clone().oneshot(Call::read(()).dispatched(false, may_queue));
        let (first, waits, turns) = tokio::join!(call(false), call(true), call(false));
        assert!(first.is_ok() && waits.is_ok());
        assert!(turns.unwrap_err().is::<Full>());
        // Not for ever.
        let (first, second, third, last) = tokio::join!(call(true), call(true), call(true), call(true));
        assert!(first.is_ok() && second.is_ok() && third.is_ok());
        assert!(last.unwrap_err().is::<Full>());
    }

    /// A hundred attempts at once where the endpoint serves one at a time, with no other endpoint: each is sent when
    /// its turn comes, in the order of arrival. Attempts that leave meanwhile cost the others nothing.
    #[tokio::test(start_paused = true)]
    async fn waiting_attempts_are_served_in_order() {
        let served = Arc::new(std::sync::Mutex::new(Vec::new()));
        let all = served.clone();
        let slow = service_fn(move |call: Call<usize>| {
            let served = all.clone();
            async move {
                served.lock().unwrap().push(*call.request());
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok::<_, BoxError>(())
            }
        });
        let admission = Admission::with(None, 1);
        let service = LimitLayer::new(admission.clone()).layer(slow);
        let call = |number: usize| {
            let service = service.clone();
            async move {
                let record = CallRecord::new(OpClass::Read, Safety::ReadOnly);
                record.set_deadline(clock::now() + Duration::from_secs(10));
                let call = Call::on_record(number, record).dispatched(false, true);
                // Every fourth leaves.
                let patience = Duration::from_millis(if number % 4 == 3 { 5 } else { 60_000 });
                tokio::time::timeout(patience, service.oneshot(call))
                    .await
                    .is_ok_and(|answer| answer.is_ok())
            }
        };
        //
        let answered = futures_util::future::join_all((0..8).map(call)).await;
        assert_eq!(answered.iter().filter(|ok| **ok).count(), 6);
        assert_eq!(*served.lock().unwrap(), [0, 1, 2, 4, 5, 6]);
        assert_eq!(
            (admission.in_flight(), admission.0.waiting.load(Ordering::Relaxed)),
            (0, 0)
        );
    }

    /// The standby has one place, free again after 50 ms. A hedge that waited for the place would be back before the
    /// first.
    #[tokio::test(start_paused = true)]
    async fn a_hedge_never_queues() {
        let ms = Duration::from_millis;
        let client = Failover::builder()
            .endpoint(Endpoint::new("home", 100))
            .endpoint(Endpoint::new("away", 5).max_in_flight(1))
            .seed(1)
            .build()
            .unwrap();
        let takes = |time: u64| async move {
            tokio::time::sleep(ms(time)).await;
            Ok::<_, std::io::Error>(())
        };
        for _ in 0..50 {
            client.read(move |_| takes(5)).await.unwrap();
        }
        let holds = client.read(move |_| takes(50)).pin("away");
        let start = clock::now();
        let slow = async {
            client.read(takes).await.unwrap();
            start.elapsed()
        };
        let (held, took) = tokio::join!(holds, slow);
        held.unwrap();
        assert_eq!(took, ms(100));
    }
}
