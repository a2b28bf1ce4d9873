//! The building blocks of the layers.
//!
//! A call passes the stations of the stack one after the other, and its answer climbs back. A [`Station`] holds what
//! all calls share (settings, a breaker, an admission) and the station behind it. The state of one attempt is an
//! [`Attempt`](Station::Attempt), which holds neither the station nor the call: every step *lends* both to the
//! attempt. So a call through the whole stack costs two reference counts, and not two at every station, and threads
//! that share a client do not meet there.
//!
//! [`Served`] makes a tower service of a station and of all stations behind it. [`Behind`] makes a station of a tower
//! service. Every layer of this crate uses both, so that the layer can be put around any service.
//!
//! **Readiness**: a served station is always ready. In the call, the station asks the service behind it for readiness,
//! and calls that same instance. An instance that is not ready leaves with the call and waits there, within the call's
//! limits.
//!
//! **Cancel safety**: dropping a served station's future [abandons](Station::abandon) the attempt at each station, the
//! innermost first. The same happens when the service behind panics, in its call or later, its drop included. The
//! panic goes to the caller.
//!
//! **Inlining**: every `enter` and `poll` is inlined into the one before it. So an attempt is built where it stays and
//! not handed up eight times: a fifth of what the stack costs (`benches/overhead`). Code that few calls need is out of
//! line.

mod apart;
mod behind;

pub(crate) use apart::Apart;
pub(crate) use behind::Behind;

use crate::{request::Call, stack::striped::Striped};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::Service;

/// One place that a call passes on its way to an endpoint. See the [module](self).
///
/// The call that is lent to an attempt is always the call with which the attempt entered. An attempt that has not come
/// back must be abandoned before it is dropped.
pub trait Station<R> {
    /// The station's response.
    type Response;
    /// The station's error.
    type Error;
    /// One attempt on its way through this station and those behind it.
    type Attempt;
    /// The part of an attempt that must stay where it is: timers, and the future of the service behind, which may be
    /// large and is made there.
    type Pinned: Default;

    /// The call comes in. This function waits for nothing and runs no code but the station's own: until it returns,
    /// nothing guards what earlier stations hold for the call (a permit, a probe).
    fn enter(&self, call: &Call<R>) -> Self::Attempt;

    /// Drives the attempt on. A ready attempt has let go of everything behind it, and is not polled again.
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut Self::Attempt,
        pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Response, Self::Error>>;

    /// Nobody waits for the attempt any more: the stations behind give back what they hold for it, then this station
    /// does. An attempt that came back or was abandoned before is left unchanged.
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>);
}

impl<R, N: Station<R>> Station<R> for Arc<N> {
    type Response = N::Response;
    type Error = N::Error;
    type Attempt = N::Attempt;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> N::Attempt {
        N::enter(self, call)
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut N::Attempt,
        pinned: Pin<&mut N::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<N::Response, N::Error>> {
        N::poll(self, call, attempt, pinned, cx)
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut N::Attempt, pinned: Pin<&mut N::Pinned>) {
        N::abandon(self, call, attempt, pinned);
    }
}

/// A station, and the stations behind it, as a tower service. Clones share the stations.
#[derive(Debug)]
pub struct Served<N> {
    holds: Arc<Striped<Arc<Hold<N>>>>,
}

/// What one thread's calls hold, so that threads that share a station do not count on the same reference.
#[derive(Debug)]
struct Hold<N> {
    station: Arc<N>,
}

impl<N> Clone for Served<N> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            holds: self.holds.clone(),
        }
    }
}

impl<N> Served<N> {
    /// A service of this station.
    pub fn of(station: impl Into<Arc<N>>) -> Self {
        let station = station.into();
        let hold = || Hold {
            station: station.clone(),
        };
        Self {
            holds: Arc::new(Striped::new(|| Arc::new(hold()))),
        }
    }

    /// The station itself.
    pub fn station(&self) -> &N {
        &self.holds.mine().station
    }

    /// Sends a call, as tower's `call` does. `send` needs no instance of its own, as a station is always ready.
    #[inline]
    pub fn send<R>(&self, call: Call<R>) -> ResponseFuture<R, N>
    where
        N: Station<R>,
    {
        let hold = self.holds.mine();
        ResponseFuture {
            attempt: hold.station.enter(&call),
            pinned: N::Pinned::default(),
            hold: hold.clone(),
            call,
            came_back: false,
        }
    }
}

impl<R, N: Station<R>> Service<Call<R>> for Served<N> {
    type Response = N::Response;
    type Error = N::Error;
    type Future = ResponseFuture<R, N>;

    #[inline]
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), N::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, call: Call<R>) -> Self::Future {
        self.send(call)
    }
}

pin_project! {
    /// A call under way.
    pub struct ResponseFuture<R, N>
    where
        N: Station<R>,
    {
        attempt: N::Attempt,
        #[pin]
        pinned: N::Pinned,
        hold: Arc<Hold<N>>,
        call: Call<R>,
        came_back: bool,
    }

    impl<R, N: Station<R>> PinnedDrop for ResponseFuture<R, N> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if !*this.came_back {
                let (station, call, attempt) = (&this.hold.station, &*this.call, this.attempt);
                let mut abandoned = Abandoned { station, call, attempt, pinned: this.pinned, over: false };
                abandoned.now();
            }
        }
    }
}

/// Abandons an attempt even if a drop on the way panics: then once more, for the stations that were not yet told.
struct Abandoned<'a, R, N: Station<R>> {
    station: &'a N,
    call: &'a Call<R>,
    attempt: &'a mut N::Attempt,
    pinned: Pin<&'a mut N::Pinned>,
    over: bool,
}

impl<R, N: Station<R>> Abandoned<'_, R, N> {
    fn now(&mut self) {
        self.station.abandon(self.call, self.attempt, self.pinned.as_mut());
        self.over = true;
    }
}

impl<R, N: Station<R>> Drop for Abandoned<'_, R, N> {
    fn drop(&mut self) {
        if !self.over {
            self.now();
        }
    }
}

impl<R, N: Station<R>> fmt::Debug for ResponseFuture<R, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("station::ResponseFuture").finish_non_exhaustive()
    }
}

impl<R, N: Station<R>> Future for ResponseFuture<R, N> {
    type Output = Result<N::Response, N::Error>;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.hold.station.poll(this.call, this.attempt, this.pinned, cx));
        *this.came_back = true;
        Poll::Ready(result)
    }
}
