use super::{
    because::Names,
    capacity::{Bearing, Load},
    judge::{Effect, Operation},
    loss::Loss,
    reach::Reach,
    roles::Roles,
};
use crate::{
    endpoint::Profile,
    request::{bit, members},
};
use std::{fmt, sync::Arc};

/// What one client loses with what: made by a client's `impact()`.
#[derive(Clone, Debug)]
pub struct Analysis {
    pub(super) client: Arc<str>,
    pub(super) profiles: Arc<[Profile]>,
    pub(super) roles: Roles,
    load: Option<Load>,
}

/// What one client loses with everything that its endpoints declare.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ClientImpact {
    /// The name of the client. Two clients can have one name.
    pub client: String,
    /// One for each provider, region, location, jurisdiction and host that occurs.
    pub losses: Vec<LossImpact>,
}

/// What one client loses with one thing.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LossImpact {
    /// What is lost.
    pub loss: Loss,
    /// The endpoints that are lost at once.
    pub lost: Vec<String>,
    /// The endpoints that may be lost at once: whether they are, was not declared.
    pub perhaps_lost: Vec<String>,
    /// The endpoints that get no new credentials.
    pub expiring: Vec<Expiring>,
    /// The endpoints of which only the control plane is lost.
    pub unmanaged: Vec<String>,
    /// What becomes of each operation.
    pub operations: Vec<OperationImpact>,
    /// Whether the survivors can bear the load, before credentials expire.
    pub capacity: Bearing,
    /// Whether the survivors can bear the load after credentials have expired.
    pub capacity_later: Bearing,
}

/// An endpoint whose credentials cannot be renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Expiring {
    /// The endpoint.
    pub endpoint: String,
    /// How long the credentials last that it has now. `None`: no keeper knows.
    pub valid_for_ms: Option<u64>,
}

/// What becomes of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OperationImpact {
    /// The operation.
    pub operation: Operation,
    /// What becomes of it at once.
    pub now: Judgement,
    /// What becomes of it after the credentials have expired that cannot be renewed.
    pub later: Judgement,
}

/// What becomes of an operation, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Judgement {
    /// What becomes of it.
    pub effect: Effect,
    /// Why: a sentence that names endpoints.
    pub because: String,
}

impl Analysis {
    pub(crate) fn new(client: Arc<str>, profiles: Arc<[Profile]>, roles: Roles) -> Self {
        Self {
            client,
            profiles,
            roles,
            load: None,
        }
    }

    /// The same client, over these endpoints in place of its own.
    #[cfg(feature = "drill")]
    pub(crate) fn over(mut self, profiles: &[Profile]) -> Self {
        self.profiles = profiles.into();
        self
    }

    /// The same for this load: the survivors' declared capacity is compared with it.
    #[must_use]
    pub const fn under(mut self, load: Load) -> Self {
        self.load = Some(load);
        self
    }

    /// Everything that can be lost, as far as the endpoints that the client may use declare it.
    pub fn losses(&self) -> Vec<Loss> {
        let used: Vec<_> = members(self.roles.permitted)
            .map(|index| self.profiles[index].clone())
            .collect();
        Loss::all(&used)
    }

    /// Whether some endpoint declares what is lost.
    pub(crate) fn knows(&self, loss: &Loss) -> bool {
        loss.occurs(&self.profiles)
    }

    /// What the endpoints declare of the kind of what is lost.
    pub(crate) fn declared_like(&self, loss: &Loss) -> Vec<String> {
        loss.alternatives(&self.profiles)
    }

    /// What the client loses with each of the [`losses`](Self::losses).
    pub fn report(&self) -> ClientImpact {
        ClientImpact {
            client: self.client.to_string(),
            losses: self.losses().iter().map(|loss| self.of(loss)).collect(),
        }
    }

    /// What the client loses with this.
    pub fn of(&self, loss: &Loss) -> LossImpact {
        self.with(loss, &Reach::of(loss, &self.profiles))
    }

    pub(crate) fn with(&self, loss: &Loss, reach: &Reach) -> LossImpact {
        let names = Names(&self.profiles);
        let used = self.roles.permitted;
        let [(now, perhaps), (later, perhaps_later)] = self.taken(reach);
        let list = |set: u64| {
            members(set & used)
                .map(|index| self.profiles[index].name().to_owned())
                .collect()
        };
        let bearing = |lost: u64| {
            let writers = self.roles.able(Operation::Write);
            Bearing::of(self.load, (used & !lost, writers & !lost), names)
        };
        let expiring = reach.last.iter().filter(|(index, _)| later & !now & bit(*index) != 0);
        LossImpact {
            loss: loss.clone(),
            lost: list(now),
            perhaps_lost: list(perhaps),
            expiring: expiring
                .map(|(index, valid_for)| Expiring {
                    endpoint: self.profiles[*index].name().to_owned(),
                    valid_for_ms: valid_for.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
                })
                .collect(),
            unmanaged: list(reach.unmanaged),
            operations: self.operations(reach, loss),
            capacity: bearing(now | perhaps),
            capacity_later: bearing(later | perhaps_later),
        }
    }

    /// The permitted endpoints that are lost, and those that may be: at once, and later.
    const fn taken(&self, reach: &Reach) -> [(u64, u64); 2] {
        let used = self.roles.permitted;
        let (now, later) = (reach.now & used, (reach.now | reach.later) & used);
        let perhaps = reach.perhaps_now & used & !now;
        let perhaps_later = (reach.perhaps_now | reach.perhaps_later) & used & !later;
        [(now, perhaps), (later, perhaps_later)]
    }

    fn operations(&self, reach: &Reach, loss: &dyn fmt::Display) -> Vec<OperationImpact> {
        let [first, last] = self.taken(reach);
        let expired = (reach.later | reach.perhaps_later) & self.roles.permitted & !first.0;
        let operations = self.roles.operations().iter().map(|&operation| {
            let now = self.judged(operation, first, loss);
            let mut later = self.judged(operation, last, loss);
            if first != last && later != now {
                let expired = Names(&self.profiles).of(expired);
                later.because = format!("once the credentials of {expired} have expired, {}", later.because);
            }
            OperationImpact { operation, now, later }
        });
        operations.collect()
    }

    /// The losses that cannot be named: each permitted endpoint that declares no `place` (a provider, a region) is lost
    /// with its own. The others that declare none may be in the same.
    pub(crate) fn unnamed(
        &self,
        what: &str,
        place: fn(&Profile) -> Option<&str>,
    ) -> Vec<(String, Vec<OperationImpact>)> {
        let silent = |index: &usize| place(&self.profiles[*index]).is_none();
        let silent: Vec<_> = members(self.roles.permitted).filter(silent).collect();
        let may_share = |one: usize, other: usize| {
            let providers = self.profiles[one].provider().zip(self.profiles[other].provider());
            providers.is_none_or(|(one, other)| one == other)
        };
        let each = silent.iter().map(|&one| {
            let others = silent.iter().filter(|other| **other != one && may_share(one, **other));
            let reach = Reach {
                now: bit(one),
                perhaps_now: others.fold(0, |set, other| set | bit(*other)),
                ..Reach::default()
            };
            let lost = format!("the undeclared {what} of {}", self.profiles[one].name());
            let operations = self.operations(&reach, &lost);
            (lost, operations)
        });
        each.collect()
    }

    /// What becomes of an operation while `lost` are lost, and any of `perhaps` may be.
    ///
    /// More losses are not always worse: the loss of a copy that is preferred leaves reads to the home. Whatever subset
    /// of `perhaps` is lost, one of these has the same effect: all, none, one of them, or all but one. Reads are as
    /// fresh as one endpoint that answers them; the other effects need some endpoint of a set, or all of it.
    fn judged(&self, operation: Operation, (lost, perhaps): (u64, u64), loss: &dyn fmt::Display) -> Judgement {
        let names = Names(&self.profiles);
        let singles = members(perhaps).flat_map(|index| [bit(index), perhaps & !bit(index)]);
        let mut seen: Vec<(Effect, u64)> = Vec::new();
        for more in [0, perhaps].into_iter().chain(singles) {
            let effect = self.roles.effect(operation, lost | more);
            if seen.iter().all(|(known, _)| *known != effect) {
                seen.push((effect, lost | more));
            }
        }
        match seen[..] {
            [(effect, lost)] => Judgement {
                effect,
                because: self.roles.because(operation, effect, lost, names),
            },
            _ => {
                let effects: Vec<_> = seen.iter().map(|(effect, _)| effect.as_str()).collect();
                let who = names.of(perhaps);
                Judgement {
                    effect: Effect::Unknown,
                    because: format!(
                        "nobody declared whether the loss of {loss} reaches {who}: {operation} {}",
                        effects.join(", or ")
                    ),
                }
            }
        }
    }
}

impl LossImpact {
    /// What becomes of this operation. `None`: nothing is told of it, because the client does not look into its calls.
    pub fn operation(&self, operation: Operation) -> Option<&OperationImpact> {
        self.operations.iter().find(|one| one.operation == operation)
    }

    /// Whether all operations go on as before, now and later.
    pub fn is_harmless(&self) -> bool {
        let goes_on = |judged: &Judgement| matches!(judged.effect, Effect::GoesOn | Effect::NotServed);
        self.operations
            .iter()
            .all(|one| goes_on(&one.now) && goes_on(&one.later))
    }
}
