//! How a client stands at one moment.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, provider::Memory, request::OpClass};
//!
//! let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build().unwrap();
//! let snapshot = client.snapshot();
//! assert_eq!(snapshot.viable(OpClass::Read).count(), 1);
//! assert_eq!(snapshot.endpoints[0].in_flight, 0);
//! ```

use crate::{
    breaker,
    credentials::{CredentialsSnapshot, Standing},
    endpoint::Profile,
    health::Tracker,
    model::{
        Action,
        clock::{self, Instant},
    },
    request::{OpClass, Work},
    retry::Exception,
    route::Vitals,
    stack::orders::Order,
};
use metrics::gauge;
use std::{fmt, sync::Arc, time::Duration};

/// How a client's endpoints stand at this moment. `Display` is a small table; no keys, no secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The name of the client.
    pub client: Arc<str>,
    /// In the order of listing.
    pub endpoints: Vec<EndpointSnapshot>,
    /// Whole retries or hedges that the budget would grant now.
    pub budget: u64,
    /// How many requests this client has sent that no budget may refuse, by [reason](Exception).
    pub beyond_the_budget: Vec<(Exception, u64)>,
    /// The operator's orders in force, oldest first.
    pub orders: Vec<OrderSnapshot>,
}

impl Snapshot {
    /// Sets the gauges `evenkeel_breaker_state`, `evenkeel_share`, `evenkeel_in_flight` and `evenkeel_budget`, which
    /// [`telemetry`](crate::telemetry) describes. Call it where your service is scraped, or from a timer: nothing sets them otherwise.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// let photos = ObjectClient::builder()
    ///     .name("photos")
    ///     .endpoint(Endpoint::new("here", Memory::new()))
    ///     .build()
    ///     .unwrap();
    /// photos.snapshot().publish();
    /// ```
    pub fn publish(&self) {
        let client = &self.client;
        gauge!("evenkeel_budget", "client" => client.clone()).set(self.budget as f64);
        for one in &self.endpoints {
            let endpoint = one.profile.shared_name();
            let of_the_endpoint =
                |name: &'static str| gauge!(name, "client" => client.clone(), "endpoint" => endpoint.clone());
            of_the_endpoint("evenkeel_in_flight").set(f64::from(one.in_flight));
            for class in &one.classes {
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

    /// The endpoints that calls of this class are sent to now, in their order: no constraint bars them, no order keeps calls
    /// from them, and their breaker is closed. (Of writes, none that are read-only.)
    ///
    /// Where there are none, calls are still tried at the least bad one, and may succeed. It is the readiness of a service
    /// that hangs on this; its liveness must not: restarting a process mends no cloud.
    pub fn viable(&self, class: OpClass) -> impl Iterator<Item = &EndpointSnapshot> {
        self.endpoints.iter().filter(move |endpoint| {
            let name = endpoint.profile.name();
            let ordered_away = self.orders.iter().any(|order| {
                let about = order.endpoints.iter().any(|other| other == name);
                order.action.keeps_away(class, about)
            });
            let takes_it = class != OpClass::Write || !endpoint.profile.is_read_only();
            endpoint.barred.is_none()
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
    /// Its number, by which it is lifted.
    pub number: u64,
    /// What it does.
    pub action: Action,
    /// To whom: an endpoint's name, a provider, or a provider and its region.
    pub selector: String,
    /// The names of the endpoints that it is about.
    pub endpoints: Vec<String>,
    /// Why, in the operator's words.
    pub reason: String,
    /// When it expires by itself, from now.
    pub expires_in: Duration,
}

/// How the [probes](crate::probe) of one endpoint and class from the background stand.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProbeSnapshot {
    /// Which class.
    pub class: OpClass,
    /// One is under way.
    pub under_way: bool,
    /// How many were sent. (Those that were refused in this process were not.)
    pub sent: u64,
    /// How the last one ended: a verdict, or `not sent`.
    pub last: Option<&'static str>,
    /// When.
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
            expires_in: order.until().saturating_duration_since(now),
        }
    }
}

/// How one endpoint stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointSnapshot {
    /// What is known of it beforehand.
    pub profile: Profile,
    /// Why it is never used, if a constraint bars it.
    pub barred: Option<String>,
    /// How its credentials stand, where they were [given](crate::Endpoint::credentials).
    pub credentials: Option<CredentialsSnapshot>,
    /// Attempts under way, those included that wait up to 50 ms for their turn at a `capacity`, but not those that look for a place.
    pub in_flight: u32,
    /// The most that may be at the moment, where that had to be learnt because it is sent more than it can do.
    pub learnt_limit: Option<u32>,
    /// Per class of operation, in the order of [`OpClass::ALL`].
    pub classes: [ClassSnapshot; 3],
    /// Its probes from the background; empty where there are none.
    pub probes: Vec<ProbeSnapshot>,
}

/// How one endpoint stands for one class of operation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClassSnapshot {
    /// Which class.
    pub class: OpClass,
    /// Where its breaker is.
    pub breaker: breaker::State,
    /// The share of its normal traffic that it may carry now, 0–1.
    pub share: f64,
    /// The share of its recent attempts that failed or were late, 0–1 over about 5 s; 0 while nothing was seen.
    pub fault_share: f64,
    /// Its median latency, once 20 attempts were seen.
    pub p50: Option<Duration>,
    /// Its 99th percentile, once 20 attempts were seen.
    pub p99: Option<Duration>,
    /// The same of its calls that were [named](crate::request::Options::name), once 20 attempts were seen, by name.
    pub named: Vec<NamedSnapshot>,
    /// How long ago an attempt last succeeded.
    pub last_success: Option<Duration>,
}

/// How long calls of one name take at one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedSnapshot {
    /// The name.
    pub name: &'static str,
    /// Their median latency.
    pub p50: Duration,
    /// Their 99th percentile.
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
    pub(crate) fn of(profile: &Profile, vitals: &Vitals, barred: Option<String>, probes: Vec<ProbeSnapshot>) -> Self {
        let now = clock::now();
        Self {
            profile: profile.clone(),
            barred,
            probes,
            credentials: profile.credentials().map(Standing::snapshot),
            in_flight: vitals.tracker.in_flight(),
            learnt_limit: vitals.admission.learnt_limit(),
            classes: OpClass::ALL.map(|class| ClassSnapshot {
                class,
                breaker: vitals.breaker.state(class),
                share: vitals.breaker.share(class, now),
                fault_share: vitals.tracker.fault_share(class),
                p50: vitals.tracker.p50(class),
                p99: vitals.tracker.p99(class),
                named: NamedSnapshot::each(&vitals.tracker, class),
                last_success: vitals
                    .tracker
                    .last_success(class)
                    .map(|at| now.saturating_duration_since(at)),
            }),
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
