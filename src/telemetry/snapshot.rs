use crate::{clock, endpoint::Profile, request::OpClass, route::Vitals};
use std::{fmt, time::Duration};

/// How a client's endpoints stand at this moment. `Display` is a small table; no keys, no secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// In the order of listing.
    pub endpoints: Vec<EndpointSnapshot>,
    /// Whole retries or hedges that the budget would grant now.
    pub budget: u64,
}

/// How one endpoint stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointSnapshot {
    /// What is known of it beforehand.
    pub profile: Profile,
    /// Why it is never used, if a constraint bars it.
    pub barred: Option<String>,
    /// Attempts under way.
    pub in_flight: u32,
    /// Per class of operation, in the order of [`OpClass::ALL`].
    pub classes: [ClassSnapshot; 3],
}

/// How one endpoint stands for one class of operation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClassSnapshot {
    /// Which class.
    pub class: OpClass,
    /// `"closed"` (traffic flows), `"open"` or `"half-open"`.
    pub breaker: &'static str,
    /// The share of its normal traffic that it may carry now, 0–1.
    pub share: f64,
    /// Its recent success share, 0–1; 1 while nothing was seen.
    pub score: f64,
    /// Its median latency, once 20 attempts were seen.
    pub p50: Option<Duration>,
    /// Its 99th percentile, once 20 attempts were seen.
    pub p99: Option<Duration>,
    /// How long ago an attempt last succeeded.
    pub last_success: Option<Duration>,
}

impl EndpointSnapshot {
    pub(crate) fn of(profile: &Profile, vitals: &Vitals, barred: Option<String>) -> Self {
        let now = clock::now();
        Self {
            profile: profile.clone(),
            barred,
            in_flight: vitals.tracker.in_flight(),
            classes: OpClass::ALL.map(|class| ClassSnapshot {
                class,
                breaker: vitals.breaker.state(class),
                share: vitals.breaker.share(class, now),
                score: vitals.tracker.score(class),
                p50: vitals.tracker.p50(class),
                p99: vitals.tracker.p99(class),
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
                if class.share < 1.0 && class.breaker == "closed" {
                    write!(f, " (ramp {:.0} %)", class.share * 100.0)?;
                }
                if let Some(p99) = class.p99 {
                    write!(f, " p99 {p99:.1?}")?;
                }
            }
            writeln!(f, "  {} in flight", endpoint.in_flight)?;
        }
        write!(f, "retries and hedges left: {}", self.budget)
    }
}
