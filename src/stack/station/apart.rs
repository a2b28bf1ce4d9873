use super::Station;
use crate::request::Call;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// An attempt with a call and a place of its own: its leg is not the leg that its station was lent.
    ///
    /// Out of line, as few calls have one.
    pub(crate) struct Apart<R, N>
    where
        N: Station<R>,
    {
        pub(crate) call: Call<R>,
        attempt: N::Attempt,
        #[pin]
        pinned: N::Pinned,
    }
}

impl<R, N: Station<R>> Apart<R, N> {
    #[inline(never)]
    pub(crate) fn enter(station: &N, call: Call<R>) -> Self {
        Self {
            attempt: station.enter(&call),
            pinned: N::Pinned::default(),
            call,
        }
    }

    #[inline(never)]
    pub(crate) fn poll(self: Pin<&mut Self>, station: &N, cx: &mut Context<'_>) -> Poll<Result<N::Response, N::Error>> {
        let this = self.project();
        station.poll(this.call, this.attempt, this.pinned, cx)
    }

    #[inline(never)]
    pub(crate) fn abandon(self: Pin<&mut Self>, station: &N) {
        let this = self.project();
        station.abandon(this.call, this.attempt, this.pinned);
    }
}
