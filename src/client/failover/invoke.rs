use super::{
    Ask, EndpointError, Op,
    layer::{Layered, OpaqueStack, injected},
};
use crate::request::Call;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower::Service;

/// One endpoint's client as a tower service that calls the closure with the client.
#[derive(Clone)]
pub struct Invoke<C> {
    client: C,
    /// The user's layers, where there are any.
    layers: Option<OpaqueStack>,
}

impl<C> Invoke<C> {
    /// Calls closures with `client`, within these layers.
    pub(super) const fn new(client: C, layers: Option<OpaqueStack>) -> Self {
        Self { client, layers }
    }
}

/// Never prints the client's own Debug output, which may hold credentials.
impl<C> fmt::Debug for Invoke<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invoke")
    }
}

impl<C, F> Service<Call<Op<F>>> for Invoke<C>
where
    C: Clone,
    F: Ask<C>,
{
    type Response = F::Response;
    type Error = EndpointError<F::Error>;
    type Future = Invoked<C, F>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match &mut self.layers {
            None => Poll::Ready(Ok(())),
            Some(layers) => {
                let refused = |error| EndpointError::Injected(Box::new(injected(error, false)));
                layers.poll_ready(cx).map_err(refused)
            }
        }
    }

    #[inline]
    fn call(&mut self, call: Call<Op<F>>) -> Self::Future {
        match &mut self.layers {
            None => Invoked::Direct {
                future: call.request().operation().ask(self.client.clone(), || call.progress()),
            },
            Some(layers) => Invoked::Layered {
                attempt: Box::new(Layered::enter(layers, call, self.client.clone())),
            },
        }
    }
}

pin_project! {
    /// An attempt under way.
    #[project = InvokedProjection]
    pub enum Invoked<C, F>
    where
        F: Ask<C>,
    {
        /// The closure's own future.
        Direct { #[pin] future: F::Future },
        /// The closure's future within layers. Boxed: nobody measures what a test costs.
        Layered { attempt: Box<Layered<C, F>> },
    }
}

impl<C: Clone, F: Ask<C>> Future for Invoked<C, F> {
    type Output = Result<F::Response, EndpointError<F::Error>>;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            InvokedProjection::Direct { future } => future.poll(cx).map_err(EndpointError::Theirs),
            InvokedProjection::Layered { attempt } => attempt.poll(cx),
        }
    }
}
