//! Plays a drill inside the stack, between the stack and the provider. The layer uses no sockets, so it works in paused
//! time.
//!
//! Place the layer nearest to the provider, where real outages strike. The layer forwards readiness to the inner
//! service. A call that is refused at once takes no ready instance of that service. A call that is held takes one,
//! because the call goes on to the provider if the drill ends meanwhile.
//!
//! In production, play the drill for a [cohort](super::cohort) of the callers, whose client has the layer. A
//! [share](FaultLayer::share) of the *calls* of one client is for faults that should not open a breaker.
//!
//! ```
//! use evenkeel::drill::{FaultLayer, Scenario, Timeline};
//! use evenkeel::provider::{AnyObjectProvider, Memory, ObjectService, ProviderError};
//! use evenkeel::request::{Call, Key, OpClass, Safety, object::{Get, ObjectRequest}};
//! use evenkeel::{Endpoint, verdict::Verdict};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let endpoint = Endpoint::new("virginia", Memory::new()).provider("aws").region("us-east-1");
//! let (profile, store) = endpoint.into_parts();
//! let service = ObjectService::new("virginia", AnyObjectProvider::new(store));
//!
//! let timeline = Timeline::new(Scenario::from_json(r#"{
//!     "name": "dark", "phases": [{ "name": "all", "duration": "1h", "rules": [{ "fault": "refuse" }] }]
//! }"#).unwrap(), 7).unwrap();
//! let service = FaultLayer::new(timeline.clone(), profile).layer(service);
//!
//! timeline.start_now();
//! let get = ObjectRequest::Get(Get::new(Key::new("a").unwrap()));
//! let error = service.oneshot(Call::with(get, OpClass::Read, Safety::ReadOnly)).await.unwrap_err();
//! let error = error.downcast::<ProviderError>().unwrap();
//! assert_eq!(error.outcome().verdict, Verdict::Unreachable);
//! assert_eq!(error.to_string(), "the connection was refused, as the drill says");
//! # }
//! ```
//!
//! - **Closures.** Around the endpoints of a [`Failover`](crate::Failover) the layer sees no answer: there it plays all
//!   faults but `stale_reads`, `truncate` and `drip`. A call that would meet one of these fails as
//!   [`Unsupported`](crate::ErrorKind::Unsupported), with the fault's name.
//! - **Connections.** The layer knows no connections, so every call counts as a call that must connect: `dns_empty` and
//!   `hang_connect` hit calls over open connections, too. A rule's probability can stand for the share of calls that
//!   find no open connection.
//! - **Cancel safety.** Dropping the returned future drops the inner call, if it was begun. The future holds nothing
//!   else.
//! - **Time.** `hang_connect` takes [`CONNECT_TIMEOUT`]. `hang` never ends: the stack's timeouts must end such a call.
//! - **The end.** When the timeline is stopped, expires or is started anew, the layer holds no call any longer. A call
//!   that has not reached the provider goes on to the provider. An answer that the layer holds passes unchanged. At the
//!   end of a phase, a hanging call goes on hanging, as in real outages.

mod ending;
mod frozen;
mod meet;
mod subject;

pub use meet::CONNECT_TIMEOUT;

use super::{
    Fault, Rule, Timeline,
    plan::{Dice, Plan},
};
use crate::{
    BoxError,
    endpoint::Profile,
    model::clock::{self, Instant},
    provider::ProviderError,
    request::{Call, OpClass},
};
use ending::Ending;
use frozen::{Frozen, View};
use futures_util::future::Either;
use meet::Before;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use subject::Subject;
use tower::{Layer, Service};

/// Puts a [`FaultService`] around one endpoint's service.
#[derive(Clone, Debug)]
pub struct FaultLayer {
    timeline: Timeline,
    profile: Profile,
    share: f64,
}

impl FaultLayer {
    /// Plays `timeline` at the endpoint that `profile` describes, for all calls.
    pub fn new(timeline: Timeline, profile: Profile) -> Self {
        Self {
            timeline,
            profile,
            share: 1.0,
        }
    }

    /// Sets the share of calls that can meet a fault (0 to 1; nonsense counts as 0). All other calls pass as if there
    /// were no drill. Use this for a drill in production that only some of the traffic should feel.
    #[must_use]
    pub const fn share(mut self, share: f64) -> Self {
        self.share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self
    }

    fn is_lag(&self, rule: &Rule) -> bool {
        rule.fault == Fault::StaleReads && rule.strikes(&self.profile)
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> FaultService<S> {
        let can_lag = self.timeline.scenario().is_some_and(|scenario| {
            let mut rules = scenario.phases.iter().flat_map(|phase| &phase.rules);
            rules.any(|rule| self.is_lag(rule))
        });
        FaultService {
            inner,
            shared: Arc::new(Shared {
                layer: self.clone(),
                dice: Mutex::new(Dice::new(self.timeline.rng("layer", &self.profile))),
                frozen: can_lag.then(Mutex::default),
            }),
        }
    }
}

/// One endpoint's service, with the drill's faults before it. Clones share dice, capacity and the frozen view.
#[derive(Clone)]
pub struct FaultService<S> {
    inner: S,
    shared: Arc<Shared>,
}

struct Shared {
    layer: FaultLayer,
    dice: Mutex<Dice>,
    /// Answers that were seen. `None` unless the scenario has stale reads.
    frozen: Option<Mutex<Frozen>>,
}

impl Shared {
    /// What a call meets, and the handle that tells whether the drill ends before that is over.
    fn plan(&self, class: OpClass, now: Instant) -> Option<(Plan, Ending)> {
        let FaultLayer {
            timeline,
            profile,
            share,
        } = &self.layer;
        timeline.end_if_expired(now);
        timeline.at(now)?;
        // Before the look at the rules, so that no end slips between.
        let ending = Ending::of(timeline);
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        // Thrown only where it can matter, so that a layer for all calls draws as if shares did not exist.
        if *share < 1.0 && !dice.throw(*share) {
            return None;
        }
        let plan = dice.plan(timeline.rules(now, profile, class), now)?;
        timeline.note_met();
        Some((plan, ending))
    }

    fn lags(&self, now: Instant) -> bool {
        let moment = self.layer.timeline.at(now);
        moment.is_some_and(|moment| moment.phase.rules.iter().any(|rule| self.layer.is_lag(rule)))
    }

    fn frozen(&self) -> Option<MutexGuard<'_, Frozen>> {
        let frozen = self.frozen.as_ref()?;
        Some(frozen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: fmt::Debug> fmt::Debug for FaultService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultService")
            .field("inner", &self.inner)
            .field("endpoint", &self.shared.layer.profile.name())
            .finish_non_exhaustive()
    }
}

/// For objects ([`ObjectRequest`](crate::request::object::ObjectRequest)), for keys
/// ([`KvRequest`](crate::request::kv::KvRequest)) and for closures ([`Opaque`](crate::client::failover::Opaque)).
impl<R, S> Service<Call<R>> for FaultService<S>
where
    R: Subject,
    S: Service<Call<R>, Response = R::Response, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = R::Response;
    type Error = BoxError;
    /// Boxed: nobody measures a drill's cost, and the faults read as a sequence of awaits.
    type Future = Pin<Box<dyn Future<Output = Result<R::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        if let Some(rule) = self.shared.layer.timeline.strikes_nowhere() {
            let error = ProviderError::unsupported(format!("the drill is of no use: {rule}"));
            return Box::pin(std::future::ready(Err(error.into())));
        }
        let now = clock::now();
        let Some((plan, mut ending)) = self.shared.plan(call.request().class(), now) else {
            return Box::pin(pass(&self.shared, &mut self.inner, call, now, false));
        };
        if let Some(error) = meet::unplayable::<R>(&plan, call.request().class()) {
            return Box::pin(std::future::ready(Err(error.into())));
        }
        match meet::before_the_request(&plan) {
            None => {
                let answer = pass(&self.shared, &mut self.inner, call, now, plan.stale);
                Box::pin(async move { meet::after_the_request::<R>(&plan, now, answer.await, ending).await })
            }
            Some(Before { wait, error }) if wait == Some(Duration::ZERO) => {
                Box::pin(std::future::ready(Err(error.into())))
            }
            Some(Before { wait, error }) => {
                // The ready instance waits with the call; a clone, which must earn its own readiness, stays.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                let shared = self.shared.clone();
                Box::pin(async move {
                    if ending.holds_for(wait).await {
                        return Err(error.into());
                    }
                    pass(&shared, &mut inner, call, clock::now(), false).await
                })
            }
        }
    }
}

/// Passes the call to the provider, or answers with what a read showed before.
fn pass<R, S>(
    shared: &Arc<Shared>,
    inner: &mut S,
    call: Call<R>,
    now: Instant,
    stale: bool,
) -> impl Future<Output = Result<R::Response, BoxError>> + Send + 'static + use<R, S>
where
    R: Subject,
    S: Service<Call<R>, Response = R::Response, Error = BoxError>,
    S::Future: Send + 'static,
{
    let shown = shared
        .frozen()
        .map(|mut frozen| frozen.show(call.request(), shared.lags(now), stale));
    match shown {
        // It does not reach the provider either, and keeps the readiness for the next.
        Some(View::Stale(answer)) => Either::Left(std::future::ready(answer)),
        Some(View::Fresh(note)) => {
            let inner = inner.call(call);
            let shared = shared.clone();
            Either::Right(Either::Left(async move {
                let answer = inner.await;
                if let Some(mut frozen) = shared.frozen() {
                    frozen.note::<R>(note, &answer);
                }
                answer
            }))
        }
        None => Either::Right(Either::Right(inner.call(call))),
    }
}
