//! Layers around one endpoint of a [`Failover`](super::Failover).
//!
//! Every call has a closure and an answer of its own type, which may borrow from the caller. A layer is made once, for
//! all of them. So the layer is not put around the closure: it is put around a [`Gate`], whose answer is `()`. The
//! attempt holds the closure's future and its result itself, and does what happens at the gate: it begins the closure
//! when the layer asks the service behind it, tells that service how the closure ended, and ends with what the layer
//! answers.

use super::{Ask, EndpointError, Op};
use crate::{
    BoxError,
    call::ErasedService,
    endpoint::Profile,
    provider::{ProviderError, ProviderErrorKind},
    request::{Call, CallRecord, OpClass},
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::sync::{mpsc, oneshot};
use tower::Service;

/// One attempt of a [`Failover`](super::Failover), as the layers around its endpoint see it: neither the closure nor
/// its answer.
#[derive(Clone)]
pub struct Opaque {
    class: OpClass,
    gate: mpsc::UnboundedSender<Asked>,
}

/// The service behind the layers wants the closure's answer.
type Asked = oneshot::Sender<Result<(), Theirs>>;

impl Opaque {
    /// The class of work: a read or a write.
    pub const fn class(&self) -> OpClass {
        self.class
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opaque").field("class", &self.class).finish()
    }
}

/// One endpoint's service with its type erased, for layers. `()` and the error stand for the closure's own.
pub type OpaqueStack = ErasedService<Opaque, ()>;

/// Stands for the client's own error, which only the attempt holds.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the client's own error")]
struct Theirs;

/// Nobody waits for the closure any more, or it was begun anew.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the attempt is over")]
struct Over;

/// The innermost service: lets the attempt call its closure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate;

impl Gate {
    /// The gate, for layers to be put around.
    pub(super) fn stack() -> OpaqueStack {
        OpaqueStack::new(Self)
    }
}

impl Service<Call<Opaque>> for Gate {
    type Response = ();
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<Opaque>) -> Answer {
        let (asked, answer) = oneshot::channel();
        // If nobody listens any more, the answer is that.
        let _ = call.request().gate.send(asked);
        Answer(answer)
    }
}

/// The closure's answer, of which only success or failure is told.
pub(super) struct Answer(oneshot::Receiver<Result<(), Theirs>>);

impl Future for Answer {
    type Output = Result<(), BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Over.into()),
        })
    }
}

/// Puts one of the user's layers around an endpoint's service.
#[derive(Clone)]
pub(super) struct Around(Arc<Put>);

type Put = dyn Fn(&Profile, OpaqueStack) -> OpaqueStack + Send + Sync;

impl Around {
    pub(super) fn new(put: impl Fn(&Profile, OpaqueStack) -> OpaqueStack + Send + Sync + 'static) -> Self {
        Self(Arc::new(put))
    }

    pub(super) fn put(&self, profile: &Profile, inner: OpaqueStack) -> OpaqueStack {
        self.0(profile, inner)
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Around")
    }
}

/// An attempt that passes an endpoint's layers.
///
/// Cancel safety: dropping the attempt drops the layers' future, and then the closure's.
pub struct Layered<C, F: Ask<C>> {
    // Dropped before the closure's future, as what lies around it.
    layers: Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>,
    asked: mpsc::UnboundedReceiver<Asked>,
    /// The closure was called.
    begun: bool,
    running: Option<Running<F::Future>>,
    result: Option<Result<F::Response, F::Error>>,
    call: Call<Op<F>>,
    client: C,
}

/// The closure's future, and who waits for its end.
struct Running<Fut> {
    future: Pin<Box<Fut>>,
    tell: Asked,
}

impl<C: Clone, F: Ask<C>> Layered<C, F> {
    /// Enters the layers, which are ready.
    pub(super) fn enter(layers: &mut OpaqueStack, call: Call<Op<F>>, client: C) -> Self {
        let (gate, asked) = mpsc::unbounded_channel();
        let class = call.class();
        let record = CallRecord::new(class, call.safety());
        if let Some(deadline) = call.deadline() {
            record.set_deadline(deadline);
        }
        Self {
            layers: Box::pin(layers.call(Call::on_record(Opaque { class, gate }, record))),
            asked,
            begun: false,
            running: None,
            result: None,
            call,
            client,
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<F::Response, EndpointError<F::Error>>> {
        loop {
            if let Poll::Ready(answer) = self.layers.as_mut().poll(cx) {
                return Poll::Ready(self.end(answer));
            }
            while let Poll::Ready(Some(tell)) = self.asked.poll_recv(cx) {
                if tell.is_closed() {
                    // The layer asked, and let go of it at once.
                    continue;
                }
                // What a layer asked for before is over.
                self.running = None;
                self.result = None;
                self.begun = true;
                let future = self
                    .call
                    .request()
                    .operation()
                    .ask(self.client.clone(), || self.call.progress());
                self.running = Some(Running {
                    future: Box::pin(future),
                    tell,
                });
            }
            let Some(running) = &mut self.running else {
                return Poll::Pending;
            };
            if running.tell.poll_closed(cx).is_ready() {
                // The layer has dropped what it asked for.
                self.running = None;
                return Poll::Pending;
            }
            let result = ready!(running.future.as_mut().poll(cx));
            if let Some(Running { future, tell }) = self.running.take() {
                drop(future);
                let _ = tell.send(result.as_ref().map(|_| ()).map_err(|_| Theirs));
            }
            self.result = Some(result);
        }
    }

    /// What the attempt ends with, where the layers answer this.
    fn end(&mut self, answer: Result<(), BoxError>) -> Result<F::Response, EndpointError<F::Error>> {
        let error = match (answer, self.result.take()) {
            (Ok(()), Some(result)) => return result.map_err(EndpointError::Theirs),
            (Err(error), Some(Err(theirs))) if error.is::<Theirs>() => return Err(EndpointError::Theirs(theirs)),
            (Ok(()), None) => injected("it answered without the client".into(), self.begun),
            (Err(error), _) => injected(error, self.begun),
        };
        Err(EndpointError::Injected(Box::new(error)))
    }
}

/// A layer's error. Once the closure was `begun`, no layer can know that nothing was sent.
pub(super) fn injected(error: BoxError, begun: bool) -> ProviderError {
    match error.downcast::<ProviderError>() {
        Ok(error) if begun => error.maybe_sent(),
        Ok(error) => *error,
        Err(other) => {
            let sent = if begun { Sent::Maybe } else { Sent::No };
            ProviderError::new(ProviderErrorKind::Failed, Outcome::new(Verdict::Faulty, sent))
                .with_message("a layer failed the attempt")
                .with_source(other)
        }
    }
}
