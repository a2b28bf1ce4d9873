//! The state of a client at one moment.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, provider::Memory, request::OpClass, stack::breaker::State};
//!
//! let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build().unwrap();
//! let snapshot = client.snapshot();
//! assert_eq!(snapshot.viable(OpClass::Read).count(), 1);
//! let here = snapshot.endpoint("here").unwrap();
//! assert_eq!(here.in_flight, 0);
//! let reads = here.classes.iter().find(|class| class.class == OpClass::Read).unwrap();
//! assert_eq!(reads.breaker, State::Closed);
//! ```

use crate::{
    credentials::{CredentialsSnapshot, Standing},
    endpoint::Profile,
    model::{
        Action,
        clock::{self, Instant},
    },
    request::{OpClass, Work},
    stack::{
        breaker::{self, Admission},
        health::{AttemptCounts, ByteCounts, Tracker},
        orders::Order,
        retry::Exception,
        route::Vitals,
    },
    telemetry::{Decisions, EventRecord, Instance, Latest},
};
use metrics::gauge;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The state of a client's endpoints at this moment. `Display` prints a small table, without keys and secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The process. The snapshot is about this process only.
    pub instance: Instance,
    /// The name of the client.
    pub client: Arc<str>,
    /// When the snapshot was taken, by the monotonic clock.
    pub at: Instant,
    /// When the snapshot was taken, by the [wall clock](crate::client::StoreBuilder::wall_clock).
    pub wall: SystemTime,
    /// For each class for which every endpoint looks bad: the [event](crate::telemetry::Event::AllBad) that said so
    /// first. This host's own network, DNS or credentials are suspected.
    pub all_bad: Vec<EventRecord>,
    /// The endpoints, in the order of listing.
    pub endpoints: Vec<EndpointSnapshot>,
    /// How many whole retries or hedges the budget would grant now.
    pub budget: u64,
    /// How many requests that no budget may refuse this client has sent, by [reason](Exception).
    pub beyond_the_budget: Vec<(Exception, u64)>,
    /// The operator's orders in force, oldest first.
    pub orders: Vec<OrderSnapshot>,
}

impl Snapshot {
    /// The endpoint of this name.
    pub fn endpoint(&self, name: &str) -> Option<&EndpointSnapshot> {
        self.endpoints.iter().find(|endpoint| endpoint.profile.name() == name)
    }

    /// Sets the gauges `evenkeel_breaker_state`, `evenkeel_share`, `evenkeel_in_flight` and `evenkeel_budget`, which
    /// [`telemetry`](crate::telemetry) describes. Call `publish` where your service is scraped, or from a timer: nothing
    /// else sets the gauges.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// let photos = ObjectClient::builder()
    ///     .client_name("photos")
    ///     .endpoint(Endpoint::new("here", Memory::new()))
    ///     .build()
    ///     .unwrap();
    /// photos.snapshot().publish();
    /// ```
    pub fn publish(&self) {
        let client = &self.client;
        gauge!("evenkeel_budget", "client" => client.clone()).set(self.budget as f64);
        for one in self.endpoints.iter().filter(|one| one.barred.is_none()) {
            let endpoint = one.profile.shared_name();
            let of_the_endpoint =
                |name: &'static str| gauge!(name, "client" => client.clone(), "endpoint" => endpoint.clone());
            of_the_endpoint("evenkeel_in_flight").set(f64::from(one.in_flight));
            let takes = |class: OpClass| class != OpClass::Write || !one.profile.is_read_only();
            for class in one.classes.iter().filter(|class| takes(class.class)) {
                let of_the_class = |name: &'static str| {
                    gauge!(
                        name,
                        "client" => client.clone(), "endpoint" => endpoint.clone(), "class" => class.class.as_str()
                    )
                };
                of_the_class("evenkeel_share").set(class.share);
                of_the_class("evenkeel_breaker_state").set(match class.breaker {
                    breaker::State::Closed => 0.0,
                    breaker::State::HalfOpen => 1.0,
                    breaker::State::Open => 2.0,
                });
            }
        }
    }

    /// The endpoints that calls of this class go to now, in their order. No constraint bars them, no order keeps calls
    /// from them, and their breaker is closed. (For writes, read-only endpoints are left out.)
    ///
    /// Even without a viable endpoint, calls are tried at the least bad endpoint, and may succeed. For the readiness of
    /// a service, `viable` must fail open: all replicas see an outage at once, and if all of them are unready, nobody
    /// is left to answer (`docs/operations` says where it helps). Do not use it for the liveness: restarting a process
    /// mends no cloud.
    pub fn viable(&self, class: OpClass) -> impl Iterator<Item = &EndpointSnapshot> {
        self.endpoints.iter().filter(move |endpoint| {
            let name = endpoint.profile.name();
            let ordered_away = self.orders.iter().any(|order| {
                let about = order.endpoints.iter().any(|other| other == name);
                order.action.keeps_away(class, about)
            });
            let takes_it = class != OpClass::Write || !endpoint.profile.is_read_only();
            endpoint.barred.is_none()
                && !endpoint.unreachable
                && takes_it
                && !ordered_away
                && endpoint.classes[class.index()].breaker == breaker::State::Closed
        })
    }
}

/// One of the operator's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderSnapshot {
    /// The order's number, for [`lift`](crate::ops::operator::Operator::lift).
    pub number: u64,
    /// The order's action.
    pub action: Action,
    /// The target: an endpoint's name, a provider, or a provider and its region.
    pub selector: String,
    /// The names of the endpoints that the order affects.
    pub endpoints: Vec<String>,
    /// The reason, in the operator's words.
    pub reason: String,
    /// Who gave the order, if the author was [said](crate::ops::operator::Operator::by).
    pub by: Option<String>,
    /// How long ago the order was given.
    pub given: Duration,
    /// How long until the order expires by itself.
    pub expires_in: Duration,
}

/// The state of one endpoint's [probes](crate::ops::probe) in the background, for one class.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProbeSnapshot {
    /// The class.
    pub class: OpClass,
    /// Whether a probe is under way.
    pub under_way: bool,
    /// How many probes were sent. (Probes that were refused in this process were not sent.)
    pub sent: u64,
    /// How the last probe ended: a verdict, or `not sent`.
    pub last: Option<&'static str>,
    /// When the last probe ended.
    pub last_at: Option<Instant>,
}

impl ProbeSnapshot {
    pub(crate) const fn new(class: OpClass) -> Self {
        Self {
            class,
            under_way: false,
            sent: 0,
            last: None,
            last_at: None,
        }
    }

    pub(crate) fn ended(&mut self, now: Instant, how: &'static str, sent: bool) {
        self.under_way = false;
        self.sent += u64::from(sent);
        self.last = Some(how);
        self.last_at = Some(now);
    }
}

impl OrderSnapshot {
    pub(crate) fn of(order: &Order, endpoints: Vec<String>, now: Instant) -> Self {
        Self {
            number: order.number(),
            action: order.action(),
            selector: order.selector().to_string(),
            endpoints,
            reason: order.reason().to_owned(),
            by: order.by().map(str::to_owned),
            given: now.saturating_duration_since(order.since()),
            expires_in: order.until().saturating_duration_since(now),
        }
    }
}

/// The state of one endpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointSnapshot {
    /// What was declared about the endpoint.
    pub profile: Profile,
    /// Why the endpoint is never used, if a constraint bars it.
    pub barred: Option<String>,
    /// The state of the endpoint's credentials, if a keeper was [set](crate::Endpoint::credentials).
    pub credentials: Option<CredentialsSnapshot>,
    /// The endpoint could not be reached when it was last asked, within the last 5 s. Where this holds for all
    /// endpoints, this host's network is likelier to be at fault, and no breaker opens for that.
    pub unreachable: bool,
    /// How many attempts are under way. Attempts that wait up to 50 ms for their turn at a `capacity` count; attempts
    /// that wait for a place do not.
    pub in_flight: u32,
    /// How many attempts may be under way at the moment.
    pub limit: u32,
    /// How many attempts may be under way at the moment, if evenkeel had to learn a limit because the endpoint gets
    /// more than it can do.
    pub learnt_limit: Option<u32>,
    /// How many bytes attempts have moved.
    pub bytes: ByteCounts,
    /// The state by class of operation, in the order of [`OpClass::ALL`].
    pub classes: [ClassSnapshot; 3],
    /// The endpoint's probes in the background; empty if there are none.
    pub probes: Vec<ProbeSnapshot>,
}

/// The state of one endpoint for one class of operation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClassSnapshot {
    /// The class.
    pub class: OpClass,
    /// The state of the breaker.
    pub breaker: breaker::State,
    /// The last change of the breaker, if there was one: since when it is in its state.
    pub changed: Option<EventRecord>,
    /// The last decision on the endpoint for this class, if there was one: a change of the breaker, an order, or another
    /// event that says why calls come or do not come.
    pub decided: Option<EventRecord>,
    /// The order that keeps calls of this class from the endpoint, as a clause.
    pub ordered_away: Option<&'static str>,
    /// How long until the next probe may pass, where the breaker is not closed. Zero: a probe is due, or under way.
    pub next_probe: Option<Duration>,
    /// The share of its normal traffic that the endpoint may carry now, 0–1. 1 before the first attempt.
    pub share: f64,
    /// The share of its traffic that the endpoint may be sent because it throttles, 0.02–1. 1 before the first attempt.
    pub admitted: f64,
    /// The share of recent attempts that failed or were late, 0–1 over about 5 s; 0 before the first attempt.
    pub fault_share: f64,
    /// The median latency, after 20 attempts.
    pub p50: Option<Duration>,
    /// The 99th percentile of latency, after 20 attempts.
    pub p99: Option<Duration>,
    /// The same for calls with a [name](crate::request::Options::name), by name, after 20 attempts.
    pub named: Vec<NamedSnapshot>,
    /// How long ago an attempt last ended, however it ended: the age of what attempts have shown. `None`: nothing has
    /// been seen yet.
    pub last_seen: Option<Duration>,
    /// How long ago an attempt last succeeded.
    pub last_success: Option<Duration>,
    /// How many attempts have ended, by kind and end.
    pub attempts: AttemptCounts,
}

/// The latency of the calls of one name at one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedSnapshot {
    /// The name.
    pub name: &'static str,
    /// The median latency.
    pub p50: Duration,
    /// The 99th percentile of latency.
    pub p99: Duration,
}

impl NamedSnapshot {
    fn each(tracker: &Tracker, class: OpClass) -> Vec<Self> {
        let known = |name| {
            let work = Work {
                class,
                name: Some(name),
            };
            let (p50, p99) = tracker.p50(work).zip(tracker.p99(work))?;
            Some(Self { name, p50, p99 })
        };
        tracker.names().filter_map(known).collect()
    }
}

impl EndpointSnapshot {
    /// `ordered_away`: the order that keeps calls of a class away.
    pub(crate) fn of(
        profile: &Profile,
        vitals: &Vitals,
        barred: Option<String>,
        probes: Vec<ProbeSnapshot>,
        latest: &Latest,
        ordered_away: impl Fn(OpClass) -> Option<&'static str>,
    ) -> Self {
        let now = clock::now();
        Self {
            profile: profile.clone(),
            barred,
            probes,
            credentials: profile.credentials().map(Standing::snapshot),
            unreachable: vitals.tracker.is_unreachable(now),
            in_flight: vitals.tracker.in_flight(),
            limit: vitals.admission.most(),
            learnt_limit: vitals.admission.learnt_limit(),
            bytes: vitals.tracker.bytes(),
            classes: OpClass::ALL.map(|class| {
                let decisions = latest.decisions(profile.shared_name(), class);
                ClassSnapshot {
                    ordered_away: ordered_away(class),
                    ..ClassSnapshot::of(class, vitals, decisions, now)
                }
            }),
        }
    }
}

impl ClassSnapshot {
    fn of(class: OpClass, vitals: &Vitals, decisions: Decisions, now: Instant) -> Self {
        let Vitals { tracker, breaker, .. } = vitals;
        let ago = |at: Instant| now.saturating_duration_since(at);
        Self {
            class,
            breaker: breaker.state(class),
            changed: decisions.breaker,
            decided: decisions.any,
            ordered_away: None,
            next_probe: match breaker.peek(class, now) {
                Admission::Pass => None,
                Admission::Probe => Some(Duration::ZERO),
                Admission::Refuse { until } => Some(until.saturating_duration_since(now)),
            },
            share: breaker.share(class, now),
            admitted: tracker.admitted(class, now),
            fault_share: tracker.fault_share(class),
            p50: tracker.p50(class),
            p99: tracker.p99(class),
            named: NamedSnapshot::each(tracker, class),
            last_seen: tracker.last_seen(class).map(ago),
            last_success: tracker.last_success(class).map(ago),
            attempts: tracker.attempts(class),
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for endpoint in &self.endpoints {
            write!(f, "{:<16}", endpoint.profile.name())?;
            if let Some(why) = &endpoint.barred {
                writeln!(f, " never used: {why}")?;
                continue;
            }
            for class in &endpoint.classes {
                write!(f, "  {} {}", class.class, class.breaker)?;
                if class.share < 1.0 && class.breaker == breaker::State::Closed {
                    write!(f, " (ramp {:.0} %)", class.share * 100.0)?;
                }
                if let Some(p99) = class.p99 {
                    write!(f, " p99 {p99:.1?}")?;
                }
                for named in &class.named {
                    write!(f, " p99 of {} {:.1?}", named.name, named.p99)?;
                }
            }
            write!(f, "  {} in flight", endpoint.in_flight)?;
            if let Some(limit) = endpoint.learnt_limit {
                write!(f, " of at most {limit}")?;
            }
            for probe in &endpoint.probes {
                if let (Some(last), Some(at)) = (probe.last, probe.last_at) {
                    let ago = clock::now().saturating_duration_since(at);
                    write!(f, "  {} probe {last} {} s ago", probe.class, ago.as_secs())?;
                }
            }
            if let Some(credentials) = &endpoint.credentials {
                write!(f, "  {credentials}")?;
            }
            writeln!(f)?;
        }
        for order in &self.orders {
            let (action, selector) = (order.action.as_str(), &order.selector);
            let minutes = order.expires_in.as_secs().div_ceil(60);
            writeln!(
                f,
                "order {}: {action} {selector} for {minutes} min more ({})",
                order.number, order.reason
            )?;
        }
        write!(f, "retries and hedges left: {}", self.budget)?;
        let sent = self.beyond_the_budget.iter().filter(|(_, count)| *count > 0);
        for (at, (why, count)) in sent.enumerate() {
            let lead = if at == 0 { "; beyond the budget:" } else { "," };
            write!(f, "{lead} {count} {}", why.as_str())?;
        }
        Ok(())
    }
}
