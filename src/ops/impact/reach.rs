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
            match loss {
                Loss::Provider { name } => reach.note(index, Is::of(profile.provider(), name)),
                Loss::Region { provider, name } => {
                    let provider = provider.as_deref();
                    let of_provider = provider.map_or(Is::There, |lost| Is::of(profile.provider(), lost));
                    reach.note(index, of_provider.and(Is::of(profile.region(), name)));
                    reach.standing_in(name, of_provider, index, profile);
                }
                Loss::Location { name } => reach.note(index, Is::of(profile.location(), name)),
                Loss::Jurisdiction { name } => {
                    let reaches = profile.jurisdictions().map(|mut all| all.any(|one| one == name));
                    reach.note(
                        index,
                        match reaches {
                            None => Is::Perhaps,
                            Some(true) => Is::There,
                            Some(false) => Is::Elsewhere,
                        },
                    );
                }
                Loss::Host { name } => reach.host(&Host::from(name.as_str()), index, profile),
            }
        }
        reach
    }

    fn note(&mut self, index: usize, is: Is) {
        match is {
            Is::There => self.now |= bit(index),
            Is::Perhaps => self.perhaps_now |= bit(index),
            Is::Elsewhere => {}
        }
    }

    /// The endpoint loses the hosts that stand in this region of its provider.
    fn standing_in(&mut self, region: &str, of_provider: Is, index: usize, profile: &Profile) {
        let there = profile
            .depends_on()
            .iter()
            .filter(|need| need.region.as_deref() == Some(region));
        for need in there {
            match (of_provider, need.role) {
                (Is::There, role) => self.need(role, index, profile),
                (Is::Elsewhere, _) | (Is::Perhaps, Role::ControlPlane) => {}
                (Is::Perhaps, Role::Credentials) => {
                    // Where it has none, or for good, is told as for a certain loss.
                    let mut certain = Self::default();
                    certain.need(Role::Credentials, index, profile);
                    self.perhaps_now |= certain.now;
                    self.perhaps_later |= certain.later;
                }
                (Is::Perhaps, _) => self.perhaps_now |= bit(index),
            }
        }
    }

    fn host(&mut self, lost: &Host, index: usize, profile: &Profile) {
        let asks_for_tokens = || {
            let hosts = profile.credentials().map(|keeper| keeper.hosts()).unwrap_or_default();
            hosts.into_iter().any(|host| Host::from(&*host).meets(lost))
        };
        let needs = profile.depends_on().iter().filter(|need| need.host.meets(lost));
        let mut roles: Vec<_> = needs.map(|need| need.role).collect();
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
        match role {
            // Without its data, its keys or its name an endpoint cannot be used.
            Role::Data | Role::Keys | Role::Dns => {
                self.now |= bit(index);
                return;
            }
            Role::ControlPlane => {
                self.unmanaged |= bit(index);
                return;
            }
            Role::Credentials => {}
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
