use super::Breaker;
use crate::{
    clock::Instant,
    endpoint::Profile,
    sync::{Mutex, MutexGuard},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

/// Where clients of one process tell each other of trouble.
///
/// When an endpoint is left, the others of the same provider's region become *wary*: for at most 30 s half the faults are
/// enough to leave them, too. It never opens a breaker by itself, and any success ends it: in 2021 S3 and DynamoDB were
/// healthy and only a path was not, and in 2025 what began in DynamoDB reached 141 services. An endpoint's domain is provider
/// *and* region, because two clouds can both call their region `us-east-1`.
///
/// Every client has one of its own; to let several share what they see, give them the same:
///
/// ```
/// use evenkeel::{Endpoint, Failover, breaker::Registry};
///
/// let registry = Registry::new();
/// let virginia = |name, client| Endpoint::new(name, client).provider("aws").region("us-east-1");
/// let tables = Failover::builder().endpoint(virginia("dynamodb", ())).registry(registry.clone()).build();
/// let queues = Failover::builder().endpoint(virginia("sqs", ())).registry(registry).build();
/// assert!(tables.is_ok() && queues.is_ok());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<Domain, Vec<Weak<super::Shared>>>>>);

/// A provider's region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Domain {
    provider: Arc<str>,
    region: Arc<str>,
}

impl Domain {
    pub(super) fn of(profile: &Profile) -> Option<Self> {
        Some(Self {
            provider: profile.provider()?.into(),
            region: profile.region()?.into(),
        })
    }
}

/// Evidence from next door is old after this.
pub(super) const WARY_FOR: Duration = Duration::from_secs(30);

impl Registry {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn enter(&self, domain: Domain, breaker: &Breaker) {
        let mut domains = self.lock();
        let members = domains.entry(domain).or_default();
        members.retain(|member| member.strong_count() > 0);
        members.push(Arc::downgrade(&breaker.0));
    }

    /// `origin` was left: the others of its domain become wary.
    pub(super) fn trouble(&self, domain: &Domain, origin: &Breaker, now: Instant) {
        let neighbours: Vec<Breaker> = {
            let domains = self.lock();
            let members = domains.get(domain).into_iter().flatten();
            let alive = members.filter_map(Weak::upgrade).map(Breaker);
            alive.filter(|breaker| !Arc::ptr_eq(&breaker.0, &origin.0)).collect()
        };
        for neighbour in neighbours {
            neighbour.be_wary(now, now + WARY_FOR);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Domain, Vec<Weak<super::Shared>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
