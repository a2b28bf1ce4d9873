//! What the layers are made of.
//!
//! A call passes the stations of the stack one after the other, and its answer climbs back. A [`Station`] holds what all calls
//! share (settings, a breaker, an admission) and the station behind it; what belongs to one attempt is an
//! [`Attempt`](Station::Attempt), which holds neither: both the station and the call are *lent* to it at every step. So a call
//! through the whole stack costs two reference counts and not two at every station, and threads that share a client do not
//! meet there.
//!
//! [`Served`] makes a tower service of a station, and with it of all that are behind it; [`Behind`] makes a station of a
//! tower service. Every layer of this crate uses both, so that it can be put around any service.
//!
//!
//! **Readiness**: a served station is always ready. It asks the service behind it in the call, with the instance that it then
//! calls; one that is not ready leaves with the call and waits there, within the call's limits.
//!
//! **Cancel safety**: dropping a served station's future [abandons](Station::abandon) the attempt at each of them, the
//! innermost first. The same happens when the service behind panics, in its call or later, its drop included: the panic is the
//! caller's.
//!
//! **Inlining**: every `enter` and `poll` is made part of the one before it, so that an attempt is built where it stays and not
//! handed up eight times: a fifth of what the stack costs (`benches/overhead`). What few calls need is out of line.

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
/// The call that is lent to an attempt is always the one that it entered with. Whoever lets go of an attempt that has not come
/// back abandons it first.
pub trait Station<R> {
    /// What it gives back.
    type Response;
    /// How it fails.
    type Error;
    /// One attempt on its way through this station and those behind it.
    type Attempt;
    /// What of an attempt must stay where it is: timers, and the future of the service behind, which may be large and is made
    /// there.
    type Pinned: Default;

    /// The call comes in. Nothing is waited for, and no code runs that is not the station's own: what those before it hold for
    /// the call (a permit, a probe) is nobody's until it returns.
    fn enter(&self, call: &Call<R>) -> Self::Attempt;

    /// Goes on. What is ready has let go of everything behind it, and is not asked again.
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut Self::Attempt,
        pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Response, Self::Error>>;

    /// Nobody waits for it any more: those behind it give back what they hold for it, then this one. Does nothing to an attempt
    /// that came back or was abandoned before.
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

/// A station, and those behind it, as a tower service. Cloning shares them.
#[derive(Debug)]
pub struct Served<N> {
    holds: Arc<Striped<Arc<Hold<N>>>>,
}

/// What one thread's calls hold: threads that share a station do not count on the same reference.
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
    /// Serves this station.
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

    /// What tower's `call` does. It needs no instance of its own, as a station is always ready.
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

/// Abandons an attempt even if what is dropped with it panics on the way: then once more, for those that were not told.
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
