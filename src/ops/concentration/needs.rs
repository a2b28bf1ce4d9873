//! The hosts that endpoints need, by role.

use super::{
    HostShare, RoleHosts,
    counted::{Counted, location, named_region, provider, region},
    shares::share,
};
use crate::endpoint::{Dependency, Host, Role};
use std::collections::BTreeSet;

/// One need of one endpoint.
pub(super) type Needed<'r> = (&'r Counted<'r>, &'r Dependency);

/// All roles of which a host is known, and those that are asked about in any case.
pub(super) fn hosts(all: &[Counted<'_>]) -> Vec<RoleHosts> {
    Role::ALL.into_iter().map(|role| of_role(all, role)).collect()
}

fn of_role(all: &[Counted<'_>], role: Role) -> RoleHosts {
    let needs: Vec<Needed<'_>> = needs(all).filter(|(_, need)| need.role == role).collect();
    let mut hosts: Vec<_> = by_host(&needs)
        .into_iter()
        .map(|(host, who)| host_share(all, host, &who))
        .collect();
    hosts.sort_by(|one, other| other.attempts.unwrap_or(0.0).total_cmp(&one.attempts.unwrap_or(0.0)));
    RoleHosts {
        role: role.as_str().to_owned(),
        coverage: share_of(all, |one| one.seen.needs.iter().any(|need| need.role == role), attempts),
        hosts,
    }
}

pub(super) fn needs<'r>(all: &'r [Counted<'r>]) -> impl Iterator<Item = Needed<'r>> {
    all.iter()
        .flat_map(|one| one.seen.needs.iter().map(move |need| (one, need)))
}

/// Each host with the needs that mean it. A pattern takes the names that it covers, in whatever order they come.
pub(super) fn by_host<'r>(needs: &[Needed<'r>]) -> Vec<(&'r Host, Vec<Needed<'r>>)> {
    let mut found: Vec<(&Host, Vec<Needed<'_>>)> = Vec::new();
    let mut broadest_first = needs.to_vec();
    broadest_first.sort_by(|(_, one), (_, other)| one.host.broadest_first(&other.host));
    for (_, need) in broadest_first {
        if found.iter().any(|(known, _)| known.meets(&need.host)) {
            continue;
        }
        let same = needs.iter().filter(|(_, other)| other.host.meets(&need.host));
        found.push((&need.host, same.copied().collect()));
    }
    found
}

fn host_share(all: &[Counted<'_>], host: &Host, who: &[Needed<'_>]) -> HostShare {
    let profiles = || who.iter().map(|(one, _)| &one.seen.profile);
    let needs_it = |one: &Counted<'_>| who.iter().any(|(other, _)| std::ptr::eq(*other, one));
    let stands_in = who
        .iter()
        .filter_map(|(one, need)| named_region(&one.seen.profile, need.region.as_deref()));
    HostShare {
        host: host.to_string(),
        stands_in: distinct(stands_in),
        endpoints: distinct(who.iter().map(|(one, _)| one.client.named(one.seen))),
        providers: distinct(profiles().filter_map(provider)),
        regions: distinct(profiles().filter_map(region)),
        locations: distinct(profiles().filter_map(location)),
        attempts: share_of(all, needs_it, attempts),
        bytes: share_of(all, needs_it, |one| one.amounts[0].bytes()),
    }
}

pub(super) fn distinct<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The foreground's attempts.
const fn attempts(one: &Counted<'_>) -> Option<u64> {
    Some(one.amounts[0].attempts)
}

/// The share of the endpoints for which `which` holds.
fn share_of(
    all: &[Counted<'_>],
    which: impl Fn(&Counted<'_>) -> bool,
    amount: impl Fn(&Counted<'_>) -> Option<u64>,
) -> Option<f64> {
    let sum = |all: &mut dyn Iterator<Item = &Counted<'_>>| all.map(&amount).sum::<Option<u64>>();
    let total = sum(&mut all.iter())?;
    share(sum(&mut all.iter().filter(|one| which(one)))?, total)
}
