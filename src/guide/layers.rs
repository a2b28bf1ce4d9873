//! The layers by hand: for a service of your own that is no client of a store.
//!
//! [`Failover`](crate::Failover) puts the whole stack around any client, and is what most services want. If you build
//! tower services, put the same layers around services of your own, all layers or one alone:
//!
//! - **Around each endpoint**, from the outside: breaker, limit, health, timeout. The four share their knowledge of the
//!   endpoint, in [`Vitals`](crate::stack::route::Vitals).
//! - **Above the endpoints** a [`Route`](crate::stack::route::Route), which reads the same vitals.
//! - **Around the route**: deadline, retry, hedge. Retries and hedges draw on one [`Budget`](crate::stack::retry::Budget).
//!
//! Requests travel as [`Call`](crate::request::Call)s. `Call::read`, `Call::idempotent_write` or `Call::new` say how
//! safe a repetition is.
//!
//! ```
//! use evenkeel::{
//!     BoxError,
//!     request::Call,
//!     stack::{
//!         breaker::BreakerLayer,
//!         deadline::DeadlineLayer,
//!         health::HealthLayer,
//!         hedge::{Delay, HedgeLayer},
//!         limit::LimitLayer,
//!         retry::{Budget, RetryLayer, RetrySettings},
//!         route::{Member, Route, Vitals},
//!         timeout::{Limit, Timed, TimeoutLayer},
//!     },
//!     verdict::Standard,
//! };
//! use std::{io, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
//!
//! type Endpoint = BoxCloneSyncService<Call<&'static str>, String, BoxError>;
//!
//! /// One endpoint, in its own layers.
//! fn endpoint(name: &'static str, down: bool) -> Member<Endpoint> {
//!     let vitals = Vitals::default();
//!     let answers = service_fn(move |call: Call<&'static str>| async move {
//!         match down {
//!             true => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
//!             false => Ok(format!("{} from {name}", call.request())),
//!         }
//!     });
//!     let tracker = vitals.tracker.clone();
//!     let service = ServiceBuilder::new()
//!         .layer(BreakerLayer::new(vitals.breaker.clone()).clearing(tracker.clone()))
//!         .layer(LimitLayer::new(vitals.admission.clone()))
//!         .layer(HealthLayer::new(tracker.clone(), Timed(Standard)))
//!         .layer(TimeoutLayer::new(Limit::learnt(tracker)))
//!         .service(answers);
//!     Member::with(Endpoint::new(service), vitals)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
//! let members = [endpoint("virginia", true), endpoint("ireland", false)];
//! let trackers: Vec<_> = members.iter().map(|member| member.vitals().tracker.clone()).collect();
//! let budget = Budget::default();
//! let service = ServiceBuilder::new()
//!     .layer(DeadlineLayer::new(Duration::from_secs(10)))
//!     .layer(RetryLayer::new(RetrySettings::default(), budget.clone(), 7))
//!     .layer(HedgeLayer::new(Delay::learnt(trackers), budget))
//!     .service(Route::new(members, 7));
//!
//! // Virginia refuses the connection: the call goes on to Ireland.
//! assert_eq!(service.oneshot(Call::read("orders")).await?, "orders from ireland");
//! # Ok(()) }
//! ```
//!
//! A layer works alone, too. Without a tracker a layer learns nothing; its docs say so. Only the client around the
//! stack has constraints, orders, snapshots, probes in the background, and events.
