use super::{Plan, Replication};
use crate::{
    call::BuildError,
    endpoint::{Constraints, Roster},
    request::bit,
};

/// A replication whose names have been looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `None`: every endpoint is read-only.
    ProviderManaged {
        home: Option<usize>,
    },
    WriteOnce,
    Strong,
}

impl Mode {
    /// The endpoints to which writes may go, as a set.
    pub(crate) fn takes_writes(self, roster: &Roster) -> u64 {
        match self {
            Self::ProviderManaged { home } => home.map_or(0, bit),
            Self::WriteOnce | Self::Strong => roster.set_of(|_, profile| !profile.is_read_only()),
        }
    }

    /// The mode of a client with these endpoints. Only a client with at most one writable endpoint needs no
    /// replication.
    pub(crate) fn of(
        roster: &Roster,
        constraints: &Constraints,
        replication: Option<Replication>,
    ) -> Result<Self, BuildError> {
        let violations: Vec<_> = roster.iter().map(|profile| constraints.check(profile).err()).collect();
        BuildError::unless_some_permitted(roster, &violations)?;
        let mut writable = roster
            .iter()
            .enumerate()
            .filter(|(_, profile)| !profile.is_read_only() && constraints.check(profile).is_ok());
        let Some(replication) = replication else {
            let names: Vec<_> = writable.clone().map(|(_, profile)| profile.name()).collect();
            if names.len() > 1 {
                return Err(BuildError::ReplicationRequired(names.join(" and ")));
            }
            return Ok(Self::ProviderManaged {
                home: writable.next().map(|(index, _)| index),
            });
        };
        match (replication.plan, replication.home) {
            (Plan::WriteOnce, None) => Ok(Self::WriteOnce),
            (Plan::WriteOnce, Some(_)) => Err(BuildError::NoHomeHere),
            (Plan::Strong, None) => Ok(Self::Strong),
            (Plan::Strong, Some(_)) => Err(BuildError::NoHomeAmongReplicas),
            (Plan::ProviderManaged, None) => Ok(Self::ProviderManaged {
                home: writable.next().map(|(index, _)| index),
            }),
            (Plan::ProviderManaged, Some(home)) => {
                let Some((index, profile)) = roster.index_of(&home).and_then(|i| Some((i, roster.get(i)?))) else {
                    return Err(BuildError::UnknownHome(home));
                };
                if profile.is_read_only() {
                    return Err(BuildError::HomeReadOnly(home));
                }
                match constraints.check(profile) {
                    Ok(()) => Ok(Self::ProviderManaged { home: Some(index) }),
                    Err(violation) => Err(BuildError::HomeBarred { home, violation }),
                }
            }
        }
    }
}
