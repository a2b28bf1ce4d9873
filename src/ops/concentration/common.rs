//! What endpoints of different providers have in common.

use super::{
    InCommon,
    counted::{Counted, jurisdictions, location, provider},
    needs::{by_host, distinct, needs},
};

/// Hosts, credentials, locations and laws. An endpoint without a provider is left out: nobody knows whether it is
/// another's.
pub(super) fn in_common(all: &[Counted<'_>]) -> Vec<InCommon> {
    let mut found = Vec::new();
    let needs: Vec<_> = needs(all).collect();
    for (host, who) in by_host(&needs) {
        let roles = distinct(who.iter().map(|(_, need)| need.role));
        let roles = roles.into_iter().map(|role| role.as_str().to_owned()).collect();
        let endpoints = who.iter().map(|(one, _)| *one);
        found.extend(of_several("host", &host.to_string(), roles, endpoints));
    }
    for (index, one) in all.iter().enumerate() {
        let Some(credentials) = one.seen.profile.credentials() else {
            continue;
        };
        let uses_them = |other: &&Counted<'_>| {
            let theirs = other.seen.profile.credentials();
            theirs.is_some_and(|theirs| theirs.is(credentials))
        };
        let is_first = !all[..index].iter().any(|other| uses_them(&other));
        if is_first {
            let users = all.iter().filter(uses_them);
            found.extend(of_several("credentials", credentials.name(), Vec::new(), users));
        }
    }
    for place in distinct(all.iter().filter_map(|one| location(&one.seen.profile))) {
        let there = all
            .iter()
            .filter(|one| location(&one.seen.profile).as_ref() == Some(&place));
        found.extend(of_several("location", &place, Vec::new(), there));
    }
    let reaches = |one: &Counted<'_>| jurisdictions(&one.seen.profile).unwrap_or_default();
    for law in distinct(all.iter().flat_map(reaches)) {
        let there = all.iter().filter(|one| reaches(one).contains(&law));
        found.extend(of_several("jurisdiction", &law, Vec::new(), there));
    }
    found
}

/// `None`: all of them are of one provider, as far as is known.
fn of_several<'r>(
    kind: &str,
    name: &str,
    roles: Vec<String>,
    endpoints: impl Iterator<Item = &'r Counted<'r>>,
) -> Option<InCommon> {
    let known: Vec<_> = endpoints
        .filter_map(|one| Some((provider(&one.seen.profile)?, one.client.named(one.seen))))
        .collect();
    let providers = distinct(known.iter().map(|(provider, _)| provider.clone()));
    (providers.len() > 1).then(|| InCommon {
        kind: kind.to_owned(),
        name: name.to_owned(),
        roles,
        providers,
        endpoints: distinct(known.into_iter().map(|(_, endpoint)| endpoint)),
    })
}
