//! Which endpoints a loss takes away, and when. Pure.

use super::loss::Loss;
use crate::{
    endpoint::{Host, Profile, Role},
    request::bit,
};
use std::time::Duration;

/// The endpoints that one loss takes away. Bit i is endpoint i.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// They are lost at once.
    pub(crate) now: u64,
    /// They are lost once their credentials have expired.
    pub(crate) later: u64,
    /// They may be lost at once: what they need or belong to was not declared.
    pub(crate) perhaps_now: u64,
    /// They may be lost once their credentials have expired.
    pub(crate) perhaps_later: u64,
    /// Only what manages them is lost.
    pub(crate) unmanaged: u64,
    /// How long the credentials last of those in `later`, if that is known.
    pub(crate) last: Vec<(usize, Option<Duration>)>,
}

/// Whether an endpoint is where the loss is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    There,
    Perhaps,
    Elsewhere,
}

impl Is {
    fn of(declared: Option<&str>, lost: &str) -> Self {
        match declared {
            None => Self::Perhaps,
            Some(declared) if declared == lost => Self::There,
            Some(_) => Self::Elsewhere,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Elsewhere, _) | (_, Self::Elsewhere) => Self::Elsewhere,
            (Self::There, Self::There) => Self::There,
            _ => Self::Perhaps,
        }
    }
}

impl Reach {
    /// What the loss takes away of these endpoints.
    pub(crate) fn of(loss: &Loss, profiles: &[Profile]) -> Self {
        let mut reach = Self::default();
        for (index, profile) in profiles.iter().enumerate() {
            let is = match loss {
                Loss::Provider { name } => Is::of(profile.provider(), name),
                Loss::Region { provider, name } => {
                    let provider = provider
                        .as_ref()
                        .map_or(Is::There, |lost| Is::of(profile.provider(), lost));
                    provider.and(Is::of(profile.region(), name))
                }
                Loss::Location { name } => Is::of(profile.location(), name),
                Loss::Jurisdiction { name } => match profile.jurisdictions() {
                    None => Is::Perhaps,
                    Some(mut all) => match all.any(|one| one == name) {
                        true => Is::There,
                        false => Is::Elsewhere,
                    },
                },
                Loss::Host { name } => {
                    reach.host(&Host::from(name.as_str()), index, profile);
                    continue;
                }
            };
            match is {
                Is::There => reach.now |= bit(index),
                Is::Perhaps => reach.perhaps_now |= bit(index),
                Is::Elsewhere => {}
            }
        }
        reach
    }

    fn host(&mut self, lost: &Host, index: usize, profile: &Profile) {
        let asks_for_tokens = || {
            let hosts = profile.credentials().map(|keeper| keeper.hosts()).unwrap_or_default();
            hosts.into_iter().any(|host| Host::from(&*host).meets(lost))
        };
        let mut roles: Vec<_> = profile
            .depends_on()
            .iter()
            .filter(|(host, _)| host.meets(lost))
            .map(|(_, role)| *role)
            .collect();
        roles.extend(profile.data_hosts().any(|host| host.meets(lost)).then_some(Role::Data));
        roles.extend(asks_for_tokens().then_some(Role::Credentials));
        for role in &roles {
            self.need(*role, index, profile);
        }
        let is_known = profile.client_hosts().is_some() || profile.data_hosts().next().is_some();
        if roles.is_empty() && !is_known {
            self.perhaps_now |= bit(index);
        }
    }

    /// The endpoint loses a host that it needs for this.
    fn need(&mut self, role: Role, index: usize, profile: &Profile) {
        if role != Role::Credentials {
            // Without its data, its keys, its name: an endpoint that cannot be used.
            self.now |= bit(index);
            return;
        }
        let held = profile.credentials().map(|keeper| keeper.snapshot());
        match held {
            Some(held) if !held.valid => self.now |= bit(index),
            // They do not expire.
            Some(held) if held.valid_for.is_none() => {}
            _ => {
                self.later |= bit(index);
                self.last.push((index, held.and_then(|held| held.valid_for)));
            }
        }
    }
}
