use super::Breaker;
use crate::{
    endpoint::{Host, Profile},
    model::clock::Instant,
    request::OpClass,
    stack::sync::{Mutex, MutexGuard},
};
use std::{
    collections::BTreeMap,
    ptr,
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

/// Where clients of one process tell each other of trouble.
///
/// Clients that name the *same* endpoint share the verdict: when one client leaves the endpoint, the others leave too,
/// except those that saw the endpoint work within the last second. Each client comes back by probes of its own. So a
/// new client, or one with little traffic, does not spend seconds on an endpoint that another client knows to be dead.
/// Two endpoints are the same if they share provider, region and a host of their data. The adapter reads that host
/// from its client's configuration, or the endpoint [declares](crate::Endpoint::depends_on) it. Two endpoints whose
/// hosts are not known (as in a `Failover` that declares none) are not the same.
///
/// Between *different* endpoints of one place, trouble is only a suspicion. When an endpoint is left, the others of
/// the same provider's region become *wary*: for at most 30 s half the faults are enough to leave them, too. Wariness
/// never opens a breaker by itself, and any success ends it: in 2021 S3 and DynamoDB were healthy and only a path was
/// not, and in 2025 a fault that began in DynamoDB reached 141 services. An endpoint's domain is provider *and*
/// region, because two clouds can both call their region `us-east-1`.
///
/// Every client has its own registry. To let several clients share what they see, give them the same one:
///
/// ```
/// use evenkeel::{Endpoint, Failover, stack::breaker::Registry};
///
/// let registry = Registry::new();
/// let virginia = |name, client| Endpoint::new(name, client).provider("aws").region("us-east-1");
/// let tables = Failover::builder().endpoint(virginia("dynamodb", ())).registry(registry.clone()).build();
/// let queues = Failover::builder().endpoint(virginia("sqs", ())).registry(registry).build();
/// assert!(tables.is_ok() && queues.is_ok());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<Domain, Vec<Member>>>>);

#[derive(Debug)]
struct Member {
    /// The hosts of the endpoint's data. They tell the endpoint from the others of its domain.
    hosts: Vec<Host>,
    breaker: Weak<super::Shared>,
}

/// A provider's region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Domain {
    provider: Arc<str>,
    region: Arc<str>,
}

impl Member {
    /// Whether both are breakers of one endpoint: they ask for its data at one host. A member without a known host
    /// stands alone.
    fn is_of_the_endpoint(&self, other: &Self) -> bool {
        let meets = |host: &Host| other.hosts.iter().any(|theirs| host.meets(theirs));
        self.hosts.iter().any(meets)
    }
}

impl Domain {
    pub(super) fn of(profile: &Profile) -> Option<Self> {
        Some(Self {
            provider: profile.provider()?.into(),
            region: profile.region()?.into(),
        })
    }
}

/// A neighbour's trouble is old evidence after this time.
pub(super) const WARY_FOR: Duration = Duration::from_secs(30);

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a client's breaker of this endpoint. The breaker learns what the others know of the endpoint.
    pub(super) fn enter(&self, domain: Domain, profile: &Profile, breaker: &Breaker, now: Instant) {
        let comer = Member {
            hosts: profile.data_hosts().cloned().collect(),
            breaker: Arc::downgrade(&breaker.0),
        };
        let out: Vec<OpClass> = {
            let mut domains = self.lock();
            let members = domains.entry(domain).or_default();
            members.retain(|member| member.breaker.strong_count() > 0);
            let same = members.iter().filter(|member| member.is_of_the_endpoint(&comer));
            let known: Vec<Breaker> = same
                .filter_map(|member| member.breaker.upgrade())
                .map(Breaker)
                .collect();
            members.push(comer);
            let is_out = |class: &OpClass| known.iter().any(|breaker| !breaker.is_closed(*class));
            OpClass::ALL.into_iter().filter(is_out).collect()
        };
        out.into_iter().for_each(|class| breaker.follow(class, now));
    }

    /// A client left `origin` for this class. The breakers of the same endpoint in other clients follow; the others of
    /// its domain become wary.
    pub(super) fn trouble(&self, domain: &Domain, origin: &Breaker, class: OpClass, now: Instant) {
        let (same, others): (Vec<_>, Vec<_>) = {
            let domains = self.lock();
            let members = domains.get(domain).map(Vec::as_slice).unwrap_or_default();
            let is_origin = |member: &&Member| ptr::eq(member.breaker.as_ptr(), Arc::as_ptr(&origin.0));
            let left = members.iter().find(is_origin);
            let alive = members.iter().filter_map(|member| {
                let breaker = Breaker(member.breaker.upgrade()?);
                let other = !Arc::ptr_eq(&breaker.0, &origin.0);
                // One client may reach two endpoints of its own by one host: it sees of each how it is.
                let same =
                    left.is_some_and(|left| left.is_of_the_endpoint(member)) && !origin.is_in_company_of(&breaker);
                other.then_some((same, breaker))
            });
            alive.partition(|(same, _)| *same)
        };
        for (_, neighbour) in others {
            neighbour.be_wary(now + WARY_FOR);
        }
        for (_, neighbour) in same {
            neighbour.be_wary(now + WARY_FOR);
            neighbour.follow(class, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Domain, Vec<Member>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
