use super::Station;
use crate::{request::Call, striped::Striped};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};
use tower::{Service, ServiceExt, util::Oneshot};

/// A tower service as the last station.
///
/// It has an instance for each thread (up to eight, fewer where fewer run at once), used in turn: a clone per call would cost more
/// than the call's own bookkeeping. The instance that is made ready is the one that is called; one that is not ready leaves with
/// the call, and a clone, which must earn its own readiness, takes its place. What instances must share, as a limit, is theirs to
/// share, as always with tower.
#[derive(Debug)]
pub struct Behind<S> {
    service: Striped<Mutex<S>>,
}

impl<S: Clone> Behind<S> {
    /// This service.
    pub fn new(service: S) -> Self {
        Self {
            service: Striped::new(|| Mutex::new(service.clone())),
        }
    }
}

impl<R, S> Station<R> for Behind<S>
where
    S: Service<Call<R>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Attempt = ();
    type Pinned = Asked<S::Future, Oneshot<S, Call<R>>>;

    /// The service is asked in the first poll: its future, which may be large, is made where it stays, and when it panics, every
    /// station before this one can be told that this is over.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, _call: &Call<R>) {}

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(
        &self,
        call: &Call<R>,
        (): &mut (),
        pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>> {
        let mut state = pinned.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::NotYet => {
                    let mut service = self.service.mine().lock().unwrap_or_else(PoisonError::into_inner);
                    match service.poll_ready(cx) {
                        Poll::Ready(Ok(())) => {
                            state.set(State::Sent {
                                future: service.call(call.clone()),
                            });
                        }
                        Poll::Ready(Err(error)) => {
                            // Such an instance is to be thrown away.
                            let clone = service.clone();
                            *service = clone;
                            return Poll::Ready(Err(error));
                        }
                        Poll::Pending => {
                            let clone = service.clone();
                            let asked = std::mem::replace(&mut *service, clone);
                            let future = Box::pin(asked.oneshot(call.clone()));
                            state.set(State::Waiting { future });
                            return Poll::Pending;
                        }
                    }
                }
                // What is over is dropped at once: it may hold a permit that the next attempt needs.
                StateProjection::Sent { future } => {
                    let result = ready!(future.poll(cx));
                    let_go(state);
                    return Poll::Ready(result);
                }
                StateProjection::Waiting { future } => {
                    let result = ready!(future.as_mut().poll(cx));
                    let_go(state);
                    return Poll::Ready(result);
                }
                StateProjection::Over => return Poll::Pending,
            }
        }
    }

    /// The future is dropped at once, so that nobody takes its place before it is gone.
    #[inline]
    fn abandon(&self, _call: &Call<R>, (): &mut (), pinned: Pin<&mut Self::Pinned>) {
        let_go(pinned.project().state);
    }
}

/// On a stack of its own: in a build that is not optimised, it holds another state as large as the one that is dropped.
fn let_go<A, B>(mut state: Pin<&mut State<A, B>>) {
    state.set(State::Over);
}

pin_project! {
    /// What the service was asked.
    pub struct Asked<A, B> {
        #[pin]
        state: State<A, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<A, B> {
        NotYet,
        Sent { #[pin] future: A },
        // Its instance was not ready. Boxed: hardly any.
        Waiting { future: Pin<Box<B>> },
        Over,
    }
}

impl<A, B> Default for Asked<A, B> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn default() -> Self {
        Self { state: State::NotYet }
    }
}

impl<A, B> fmt::Debug for Asked<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}
