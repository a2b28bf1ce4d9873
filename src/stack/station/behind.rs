use super::Station;
use crate::{request::Call, stack::striped::Striped};
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
/// `Behind` keeps an instance for each thread (up to eight, fewer where fewer run at once), used in turn: a clone per
/// call would cost more than the call's own bookkeeping. The instance that is made ready is also the instance that is
/// called. An instance that is not ready leaves with the call, and the next call makes a clone, which must earn its
/// own readiness. State that instances must share, such as a limit, is theirs to share, as always with tower.
///
/// No code of the service runs under a lock: the instance is taken out while it is in use. Another call meanwhile,
/// from another thread or from within that very call, gets a clone.
#[derive(Debug)]
pub struct Behind<S> {
    /// The original from which instances are cloned.
    origin: Slot<S>,
    instances: Striped<Slot<S>>,
}

/// Empty while the service is in use.
type Slot<S> = Mutex<Option<S>>;

fn take<S>(slot: &Slot<S>) -> Option<S> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Puts the service into the slot. A service that lies there meanwhile is dropped after the lock is released.
fn put<S>(slot: &Slot<S>, service: S) {
    let _former = slot.lock().unwrap_or_else(PoisonError::into_inner).replace(service);
}

/// Puts the service back at the end, even after a panic.
struct Borrowed<'s, S> {
    slot: &'s Slot<S>,
    service: Option<S>,
}

impl<S> Drop for Borrowed<'_, S> {
    fn drop(&mut self) {
        if let Some(service) = self.service.take() {
            put(self.slot, service);
        }
    }
}

impl<S: Clone> Behind<S> {
    /// A station of this service.
    pub fn new(service: S) -> Self {
        Self {
            instances: Striped::new(|| Mutex::new(Some(service.clone()))),
            origin: Mutex::new(Some(service)),
        }
    }

    /// An instance for this call. `None`: another thread clones at this very moment.
    fn instance(&self) -> Option<S> {
        take(self.instances.mine()).or_else(|| self.another())
    }

    #[cold]
    fn another(&self) -> Option<S> {
        let origin = Borrowed {
            service: take(&self.origin),
            slot: &self.origin,
        };
        origin.service.clone()
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

    /// Does nothing: the first poll asks the service. So the service's future, which may be large, is made where it
    /// stays. And when the service panics, every station before this one can be told of the end.
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
                    let Some(mut service) = self.instance() else {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    };
                    match service.poll_ready(cx) {
                        Poll::Ready(Ok(())) => {
                            state.set(State::Sent {
                                future: service.call(call.clone()),
                            });
                            put(self.instances.mine(), service);
                        }
                        // Such an instance is to be thrown away.
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => {
                            let future = Box::pin(service.oneshot(call.clone()));
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

    /// Drops the future at once, so that no other attempt takes its place before the future is gone.
    #[inline]
    fn abandon(&self, _call: &Call<R>, (): &mut (), pinned: Pin<&mut Self::Pinned>) {
        let_go(pinned.project().state);
    }
}

/// Uses a stack frame of its own: an unoptimised build holds there another state as large as the dropped one.
fn let_go<A, B>(mut state: Pin<&mut State<A, B>>) {
    state.set(State::Over);
}

pin_project! {
    /// A request to the service.
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
