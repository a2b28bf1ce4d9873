//! One probe for every layer: does the layer keep tower's contract?
//!
//! Some libraries have called services that were not ready. Some have kept a clone's readiness. Some have leaked
//! permits when a future was dropped. Each mistake cost their users an incident. The probe puts a watchful service
//! under a layer and tries all three. It also checks that an error or a panic passes through unchanged. And it checks
//! that a layer that ends a hang does so at the same time when another waker than that of the deadline above polls the
//! layer.
//!
//! ```
//! use evenkeel::stack::deadline::DeadlineLayer;
//! use evenkeel::testing::contract;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! contract::probe(|| DeadlineLayer::new(Duration::from_secs(10))).await;
//! # }
//! ```

use crate::{BoxError, model::clock, request::Call, stack::deadline::DeadlineLayer};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower::{Layer, Service, ServiceExt, util::Oneshot};

/// The error of the probe's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeError(pub u32);

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "probe error {}", self.0)
    }
}

impl std::error::Error for ProbeError {}

/// What the probe's service does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    AnswerAfter(u32),
    FailAfter(u32),
    Hang,
    PanicWhenCalled,
    PanicWhenPolled,
    PanicWhenDropped,
}

/// The payload of a panic of the probe's service.
struct ProbePanic;

#[derive(Debug, Default)]
struct Watch {
    unready_calls: AtomicU32,
    calls: AtomicU32,
    alive: AtomicI64,
}

/// The service at the bottom. Every instance must be made ready before each call, which takes two polls.
#[derive(Debug)]
pub struct Watchful {
    watch: Arc<Watch>,
    manner: Manner,
    readiness: Readiness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    No,
    Asked,
    Yes,
}

/// A clone is a new caller and needs a readiness of its own.
impl Clone for Watchful {
    fn clone(&self) -> Self {
        Self {
            watch: self.watch.clone(),
            manner: self.manner,
            readiness: Readiness::No,
        }
    }
}

impl<R> Service<Call<R>> for Watchful {
    type Response = u32;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.readiness {
            Readiness::No => {
                self.readiness = Readiness::Asked;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Readiness::Asked | Readiness::Yes => {
                self.readiness = Readiness::Yes;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, _call: Call<R>) -> Answer {
        if self.readiness != Readiness::Yes {
            self.watch.unready_calls.fetch_add(1, Ordering::Relaxed);
        }
        self.readiness = Readiness::No;
        if self.manner == Manner::PanicWhenCalled {
            // Unlike `panic!`, this prints nothing.
            resume_unwind(Box::new(ProbePanic));
        }
        self.watch.alive.fetch_add(1, Ordering::Relaxed);
        Answer {
            number: self.watch.calls.fetch_add(1, Ordering::Relaxed),
            watch: self.watch.clone(),
            manner: self.manner,
            polls: 0,
        }
    }
}

/// The answer of [`Watchful`].
#[derive(Debug)]
pub struct Answer {
    watch: Arc<Watch>,
    manner: Manner,
    number: u32,
    polls: u32,
}

impl Future for Answer {
    type Output = Result<u32, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls += 1;
        let (pause, result) = match self.manner {
            Manner::Hang | Manner::PanicWhenDropped => return Poll::Pending,
            Manner::PanicWhenCalled | Manner::PanicWhenPolled => resume_unwind(Box::new(ProbePanic)),
            Manner::AnswerAfter(pause) => (pause, Ok(self.number)),
            Manner::FailAfter(pause) => (pause, Err(ProbeError(self.number).into())),
        };
        if self.polls > pause {
            return Poll::Ready(result);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.watch.alive.fetch_sub(1, Ordering::Relaxed);
        if self.manner == Manner::PanicWhenDropped && !std::thread::panicking() {
            resume_unwind(Box::new(ProbePanic));
        }
    }
}

/// Probes the layers that `layer` makes: with reads, with writes that may be repeated, and with writes that may not.
/// Needs paused time, because a hang is part of the probe.
///
/// # Panics
/// With a sentence about the first rule that the layer breaks. This is a library for tests.
pub async fn probe<L>(layer: impl Fn() -> L)
where
    L: Layer<Watchful>,
    L::Service: Service<Call<()>, Response = u32> + Clone,
    <L::Service as Service<Call<()>>>::Error: Into<BoxError>,
{
    let calls: [fn() -> Call<()>; 3] = [|| Call::read(()), || Call::idempotent_write(()), || Call::new(())];
    for call in calls {
        answers_pass_and_readiness_is_earned(&layer, call).await;
        a_clone_of_a_ready_service_earns_its_own_readiness(&layer, call).await;
        errors_pass_through(&layer, call).await;
        for manner in [Manner::AnswerAfter(3), Manner::FailAfter(1), Manner::Hang] {
            nothing_leaks_when_dropped_at_any_await(&layer, call, manner);
        }
        nothing_leaks_when_a_hang_is_dropped_late(&layer, call).await;
        a_hang_ends_as_soon_behind_other_wakers(&layer, call).await;
        for manner in [
            Manner::PanicWhenCalled,
            Manner::PanicWhenPolled,
            Manner::PanicWhenDropped,
        ] {
            nothing_leaks_when_it_panics(&layer, call, manner);
        }
    }
}

fn under<L: Layer<Watchful>>(layer: &impl Fn() -> L, manner: Manner) -> (L::Service, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let service = layer().layer(Watchful {
        watch: watch.clone(),
        manner,
        readiness: Readiness::No,
    });
    (service, watch)
}

fn assert_clean(watch: &Watch, when: &str) {
    let unready = watch.unready_calls.load(Ordering::Relaxed);
    assert!(
        unready == 0,
        "{when}: the inner service was called {unready} times without being made ready"
    );
    let alive = watch.alive.load(Ordering::Relaxed);
    assert!(alive == 0, "{when}: {alive} inner futures are still alive");
}

async fn answers_pass_and_readiness_is_earned<L>(layer: &impl Fn() -> L, call: fn() -> Call<()>)
where
    L: Layer<Watchful>,
    L::Service: Service<Call<()>, Response = u32> + Clone,
    <L::Service as Service<Call<()>>>::Error: Into<BoxError>,
{
    let (mut service, watch) = under(layer, Manner::AnswerAfter(2));
    for expected in 0..3 {
        let ready = service.ready().await.map_err(Into::into).expect("is made ready");
        let answer = ready.call(call()).await.map_err(Into::into).expect("the answer passes");
        assert_eq!(answer, expected, "each call reaches the inner service once");
    }
    assert_clean(&watch, "after three answers");
}

async fn a_clone_of_a_ready_service_earns_its_own_readiness<L>(layer: &impl Fn() -> L, call: fn() -> Call<()>)
where
    L: Layer<Watchful>,
    L::Service: Service<Call<()>, Response = u32> + Clone,
    <L::Service as Service<Call<()>>>::Error: Into<BoxError>,
{
    let (mut service, watch) = under(layer, Manner::AnswerAfter(0));
    service.ready().await.map_err(Into::into).expect("is made ready");
    let clone = service.clone();
    service
        .call(call())
        .await
        .map_err(Into::into)
        .expect("the ready one answers");
    clone
        .oneshot(call())
        .await
        .map_err(Into::into)
        .expect("the clone answers");
    assert_clean(&watch, "after a clone was called");
}

async fn errors_pass_through<L>(layer: &impl Fn() -> L, call: fn() -> Call<()>)
where
    L: Layer<Watchful>,
    L::Service: Service<Call<()>, Response = u32> + Clone,
    <L::Service as Service<Call<()>>>::Error: Into<BoxError>,
{
    let (service, watch) = under(layer, Manner::FailAfter(1));
    let error: BoxError = match service.oneshot(call()).await {
        Ok(answer) => panic!("the inner service failed, and the layer answered {answer}"),
        Err(error) => error.into(),
    };
    assert!(
        error.is::<ProbeError>(),
        "the inner error came out as something else: {error}"
    );
    assert_clean(&watch, "after an error");
}

/// Polls 0, 1, 2, … times and drops.
fn nothing_leaks_when_dropped_at_any_await<L>(layer: &impl Fn() -> L, call: fn() -> Call<()>, manner: Manner)
where
    L: Layer<Watchful>,
    L::Service: Service<Call<()>, Response = u32> + Clone,
    <L::Service as Service<Call<()>>>::Error: Into<BoxError>,
{
    for polls in 0..12 {
        let (service, watch) = under(layer, manner);
        {
            let mut future = pin!(service.oneshot(call()));
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                if future.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
            }
        }
        assert_clean(&watch, &format!("dropped after {polls} polls of {manner:?}"));
    }
}

async fn nothing_leaks_when_a_hang_is_dropped_late<L>(layer: &impl Fn() -> L, call: fn() -> Call<()>)
where
    L: Layer<Watchful>,
    L::Service: Service<Call<()>, Response = u32> + Clone,
    <L::Service as Service<Call<()>>>::Error: Into<BoxError>,
{
    for millis in [1, 50, 300, 1_500, 30_000] {
        let (service, watch) = under(layer, Manner::Hang);
        let outcome = tokio::time::timeout(Duration::from_millis(millis), service.oneshot(call())).await;
        assert!(!matches!(outcome, Ok(Ok(_))), "a hang cannot be answered");
        assert_clean(&watch, &format!("a hang dropped after {millis} ms"));
    }
}

/// Longer than any layer should let a hang last.
const DEADLINE: Duration = Duration::from_secs(3_600);

/// Layers of one call may share a timer. A layer must not rely on the timer of a deadline above if a set of futures
/// lies between them: the set polls a future only when that future's own waker was called.
async fn a_hang_ends_as_soon_behind_other_wakers<L>(layer: &impl Fn() -> L, call: fn() -> Call<()>)
where
    L: Layer<Watchful>,
    L::Service: Service<Call<()>, Response = u32> + Clone,
    <L::Service as Service<Call<()>>>::Error: Into<BoxError>,
{
    let (alone, _watch) = under(layer, Manner::Hang);
    let expected = lasts(alone, call).await;
    let (behind, watch) = under(layer, Manner::Hang);
    let met = lasts(DeadlineLayer::new(DEADLINE).layer(InASet(behind)), call).await;
    let early = expected.min(DEADLINE);
    assert!(
        met >= early && met <= early + Duration::from_millis(3),
        "a hang ends after {expected:?}, and after {met:?} where a set of futures lies between a deadline and the layer"
    );
    assert_clean(&watch, "after a hang in a set of futures");
}

/// How long a hang lasts, up to twice the deadline.
async fn lasts<S>(service: S, call: fn() -> Call<()>) -> Duration
where
    S: Service<Call<()>, Response = u32>,
    S::Error: Into<BoxError>,
{
    let (call, started) = (call(), clock::now());
    // Some attempts' limits depend on it.
    call.record().set_deadline(started + DEADLINE);
    let outcome = tokio::time::timeout(2 * DEADLINE, service.oneshot(call)).await;
    assert!(!matches!(outcome, Ok(Ok(_))), "a hang cannot be answered");
    clock::now() - started
}

/// Calls its service in a set of futures.
#[derive(Clone, Debug)]
struct InASet<S>(S);

impl<S: Service<Call<()>> + Clone> Service<Call<()>> for InASet<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Set<Oneshot<S, Call<()>>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<()>) -> Self::Future {
        Set(FuturesUnordered::from_iter([self.0.clone().oneshot(call)]))
    }
}

/// A set of one future.
#[derive(Debug)]
struct Set<F>(FuturesUnordered<F>);

impl<F: Future> Future for Set<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.0.poll_next_unpin(cx) {
            Poll::Ready(Some(output)) => Poll::Ready(output),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// The panic belongs to the caller, as the service's own panic would, and no permit is lost with it.
fn nothing_leaks_when_it_panics<L>(layer: &impl Fn() -> L, call: fn() -> Call<()>, manner: Manner)
where
    L: Layer<Watchful>,
    L::Service: Service<Call<()>, Response = u32> + Clone,
    <L::Service as Service<Call<()>>>::Error: Into<BoxError>,
{
    let (service, watch) = under(layer, manner);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut future = pin!(service.oneshot(call()));
        let mut cx = Context::from_waker(Waker::noop());
        (0..12).any(|_| future.as_mut().poll(&mut cx).is_ready())
    }));
    match outcome {
        Ok(true) => panic!("the inner service panicked, and the layer answered"),
        // It holds the call back.
        Ok(false) => {}
        Err(payload) => assert!(
            payload.is::<ProbePanic>(),
            "the inner service's panic came out as another one"
        ),
    }
    assert_clean(&watch, &format!("after {manner:?}"));
}
