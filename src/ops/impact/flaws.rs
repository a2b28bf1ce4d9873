//! Mistakes that a test seeds into the prediction. Each must show as a difference to the play.

use super::{
    analysis::{Analysis, ClientImpact, LossImpact},
    judge::{Effect, Operation},
    loss::Loss,
    reach::Reach,
    roles::Data,
};
use crate::{
    Endpoint,
    endpoint::{Host, Profile, Role},
    request::bit,
};

/// One mistake of a predictor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Writes go to endpoints that are read-only.
    ForgetsReadOnly,
    /// Endpoints that break a constraint are used.
    ForgetsConstraints,
    /// Any endpoint takes the writes of the home.
    IgnoresTheHome,
    /// Reads need an endpoint that takes writes.
    ReadsNeedAWriter,
    /// The loss of a login is harmless.
    IgnoresLogins,
    /// The loss of a login is felt at once.
    IgnoresExpiry,
    /// All credentials expire.
    IgnoresCredentialsWithoutEnd,
    /// A keeper without credentials has some.
    IgnoresCredentialsNotLoaded,
    /// A region is lost at every provider.
    IgnoresTheProviderOfARegion,
    /// A host that stands in a lost region stays.
    IgnoresTheRegionOfAHost,
    /// What was not declared is not hit.
    SparesTheUndeclared,
    /// What was not declared is hit.
    HitsTheUndeclared,
    /// One endpoint proves an absence.
    IgnoresTheAbsenceQuorum,
    /// A copy is as fresh as its source.
    TakesCopiesForFresh,
    /// The order of the list decides who is preferred.
    IgnoresTiers,
    /// Of a tier, one endpoint answers reads.
    ForgetsTheOthersOfATier,
    /// One endpoint confirms a delete.
    DeletesLikeWrites,
    /// A listing is whole without an endpoint.
    TakesListingsForWhole,
    /// Every key can be read everywhere.
    TakesKeysForCopied,
    /// Only the first jurisdiction counts.
    KnowsOneJurisdiction,
    /// Keys that encrypt are not needed.
    IgnoresKeys,
    /// A control plane is needed for data.
    NeedsTheControlPlane,
    /// Nobody can do conditional writes under `write_once`, and the predictor thinks that they end.
    EndsWhatWasNeverServed,
}

impl Flaw {
    pub(crate) const ALL: [Self; 23] = [
        Self::ForgetsReadOnly,
        Self::ForgetsConstraints,
        Self::IgnoresTheHome,
        Self::ReadsNeedAWriter,
        Self::IgnoresLogins,
        Self::IgnoresExpiry,
        Self::IgnoresCredentialsWithoutEnd,
        Self::IgnoresCredentialsNotLoaded,
        Self::IgnoresTheProviderOfARegion,
        Self::IgnoresTheRegionOfAHost,
        Self::SparesTheUndeclared,
        Self::HitsTheUndeclared,
        Self::IgnoresTheAbsenceQuorum,
        Self::TakesCopiesForFresh,
        Self::IgnoresTiers,
        Self::ForgetsTheOthersOfATier,
        Self::DeletesLikeWrites,
        Self::TakesListingsForWhole,
        Self::TakesKeysForCopied,
        Self::KnowsOneJurisdiction,
        Self::IgnoresKeys,
        Self::NeedsTheControlPlane,
        Self::EndsWhatWasNeverServed,
    ];
}

impl Analysis {
    /// The report of a predictor with this mistake.
    pub(crate) fn flawed_report(&self, flaw: Flaw) -> ClientImpact {
        let mut flawed = self.clone();
        flawed.flaw_roles(flaw);
        if flaw == Flaw::KnowsOneJurisdiction {
            flawed.profiles = self.profiles.iter().map(with_one_jurisdiction).collect();
        }
        let losses = self.losses();
        ClientImpact {
            client: self.client.to_string(),
            losses: losses
                .iter()
                .map(|loss| {
                    let reach = flawed.flawed_reach(loss, flaw);
                    let mut impact = flawed.with(loss, &reach);
                    flawed.flaw_effects(&mut impact, flaw);
                    impact
                })
                .collect(),
        }
    }

    fn flaw_roles(&mut self, flaw: Flaw) {
        let roles = &mut self.roles;
        let all = self
            .profiles
            .iter()
            .enumerate()
            .fold(0, |set, (index, _)| set | bit(index));
        match flaw {
            Flaw::ForgetsReadOnly => {
                (roles.writers, roles.takers) = (roles.permitted, roles.permitted);
                if roles.creators != 0 {
                    roles.creators = roles.permitted;
                }
                if roles.data != Data::Scattered {
                    roles.judges = roles.permitted;
                }
            }
            Flaw::ForgetsConstraints => {
                let barred = all & !roles.permitted;
                roles.permitted = all;
                if roles.data == Data::Scattered {
                    roles.voters |= barred;
                    roles.writers |= barred;
                    roles.takers |= barred;
                    roles.absence_quorum = roles.voters.count_ones();
                }
            }
            Flaw::IgnoresTheHome => (roles.writers, roles.takers, roles.judges) = (all, all, all),
            Flaw::IgnoresTheAbsenceQuorum => roles.absence_quorum = 1,
            Flaw::TakesCopiesForFresh => roles.lags = 0,
            Flaw::IgnoresTiers => roles.tiers = (0..).take(self.profiles.len()).collect(),
            Flaw::ForgetsTheOthersOfATier => {
                let mut order: Vec<_> = (0..roles.tiers.len()).collect();
                order.sort_by_key(|index| roles.tiers[*index]);
                for (place, index) in (0..).zip(order) {
                    roles.tiers[index] = place;
                }
            }
            Flaw::TakesKeysForCopied if roles.data == Data::Scattered => roles.data = Data::Copied,
            _ => {}
        }
    }

    fn flawed_reach(&self, loss: &Loss, flaw: Flaw) -> Reach {
        let loss = match (flaw, loss) {
            (Flaw::IgnoresTheProviderOfARegion, Loss::Region { name, .. }) => Loss::Region {
                provider: None,
                name: name.clone(),
            },
            _ => loss.clone(),
        };
        let mut reach = Reach::of(&loss, &self.profiles);
        let each = |is: &dyn Fn(&Profile) -> bool| {
            let found = self.profiles.iter().enumerate().filter(|(_, profile)| is(profile));
            found.fold(0, |set, (index, _)| set | bit(index))
        };
        match flaw {
            Flaw::IgnoresLogins => (reach.later, reach.perhaps_later) = (0, 0),
            Flaw::IgnoresExpiry => {
                reach.now |= reach.later;
                reach.perhaps_now |= reach.perhaps_later;
            }
            Flaw::IgnoresCredentialsWithoutEnd => reach.later |= each(&|profile| asks(profile, &loss)),
            Flaw::IgnoresCredentialsNotLoaded => {
                let asking = each(&|profile| asks(profile, &loss));
                reach.later |= reach.now & asking;
                reach.now &= !asking;
            }
            Flaw::SparesTheUndeclared => (reach.perhaps_now, reach.perhaps_later) = (0, 0),
            Flaw::HitsTheUndeclared => {
                reach.now |= reach.perhaps_now;
                reach.later |= reach.perhaps_later;
            }
            Flaw::IgnoresTheRegionOfAHost => {
                if let Loss::Region { name, .. } = &loss {
                    let here = each(&|profile| profile.region() == Some(name));
                    (reach.now, reach.later) = (reach.now & here, reach.later & here);
                }
            }
            Flaw::IgnoresKeys => reach.now &= !each(&|profile| needs_keys(profile, &loss)),
            Flaw::NeedsTheControlPlane => reach.now |= reach.unmanaged,
            _ => {}
        }
        reach
    }

    fn flaw_effects(&self, impact: &mut LossImpact, flaw: Flaw) {
        let writes = impact.operation(Operation::Write).cloned();
        for one in &mut impact.operations {
            let reads = matches!(one.operation, Operation::Read | Operation::List);
            match flaw {
                Flaw::DeletesLikeWrites if one.operation == Operation::Delete => {
                    if let Some(writes) = &writes {
                        (one.now, one.later) = (writes.now.clone(), writes.later.clone());
                    }
                }
                Flaw::TakesListingsForWhole if one.operation == Operation::List => {
                    for judged in [&mut one.now, &mut one.later] {
                        if judged.effect == Effect::KeysHeldOnlyThereEnd {
                            judged.effect = Effect::GoesOn;
                        }
                    }
                }
                Flaw::ReadsNeedAWriter if reads => {
                    if let Some(writes) = &writes
                        && writes.now.effect == Effect::Ends
                    {
                        (one.now.effect, one.later.effect) = (Effect::Ends, Effect::Ends);
                    }
                }
                Flaw::EndsWhatWasNeverServed => {
                    for judged in [&mut one.now, &mut one.later] {
                        if judged.effect == Effect::NotServed {
                            judged.effect = Effect::Ends;
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn with_one_jurisdiction(profile: &Profile) -> Profile {
    let first = profile
        .jurisdictions()
        .map(|all| all.take(1).map(str::to_owned).collect::<Vec<_>>());
    match first {
        Some(first) => Endpoint::of(profile.clone(), ()).jurisdictions(first).into_parts().0,
        None => profile.clone(),
    }
}

/// Whether the endpoint's keeper asks the lost host, and nothing else of the endpoint needs it.
fn asks(profile: &Profile, loss: &Loss) -> bool {
    let Loss::Host { name } = loss else { return false };
    let lost = Host::from(name.as_str());
    let hosts = profile.credentials().map(|keeper| keeper.hosts()).unwrap_or_default();
    let of_data = profile
        .depends_on()
        .iter()
        .any(|need| need.role != Role::Credentials && need.host.meets(&lost));
    hosts.iter().any(|host| Host::from(&**host).meets(&lost)) && !of_data
}

fn needs_keys(profile: &Profile, loss: &Loss) -> bool {
    let Loss::Host { name } = loss else { return false };
    let lost = Host::from(name.as_str());
    let mut needs = profile
        .depends_on()
        .iter()
        .filter(|need| need.host.meets(&lost))
        .peekable();
    needs.peek().is_some() && needs.all(|need| need.role == Role::Keys)
}
