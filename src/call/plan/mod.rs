//! Where requests may go and whose word counts, and in which order the pages of several endpoints are merged. Pure.

mod listing;
mod progress;
mod replication;

pub(crate) use listing::{Line, Merge, Next};
pub(crate) use progress::Progress;
pub(crate) use replication::Mode;
pub use replication::Replication;

use crate::{
    call::BuildError,
    endpoint::{Roster, Violation},
    request::{bit, members},
};
use std::sync::Arc;

/// Where a client's requests may go, and whose word counts there: its [`Replication`] for these endpoints. The rest
/// of the crate reads these fields. Only `replicate/mod.rs` asks for the mode: it chooses how to write.
///
/// | | `provider_managed` | `write_once` | `strong` |
/// |---|---|---|---|
/// | `write_to` | the home | the writable | the writable |
/// | `authority` | the home | nobody | any replica |
/// | `voters` | the home | the writable | the writable |
/// | `absence_quorum` | 1 | all voters | 1 |
/// | `holders` | the home | all | the writable |
/// | `lags` | all but the home | none: what is written once cannot be outdated | the read-only |
/// | `witness` | knows its own writes; a foreign one may have replaced ours | knows its own; nothing is replaced | knows all writes; a foreign one may have replaced ours |
/// | `tags` | yes | no: nothing is replaced | yes |
/// | `creates` | no | yes | no |
/// | `merge` | no | yes | no |
///
/// *The writable* are the endpoints that are not read-only; if all are read-only, everybody votes and holds. Endpoints
/// that break a constraint of the client are in no set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    /// The endpoints to which writes may go.
    pub(crate) write_to: u64,
    /// Who judges a condition on what is stored.
    pub(crate) authority: Authority,
    /// The endpoints whose *absent* counts. A read-only copy lags behind its source, so it has no vote beside a
    /// writable endpoint.
    pub(crate) voters: u64,
    /// How many voters must say *absent*.
    pub(crate) absence_quorum: u32,
    /// The endpoints that may hold a key which another endpoint calls absent.
    pub(crate) holders: u64,
    /// The endpoints whose answers may lag behind acknowledged writes.
    pub(crate) lags: u64,
    /// What an endpoint can say about a write whose answer was lost.
    pub(crate) witness: Witness,
    /// Whether a tag can fence a write: a newer write takes the tag away.
    pub(crate) tags: bool,
    /// Whether every put is a create.
    pub(crate) creates: bool,
    /// Whether a listing merges the holders' pages. Else one endpoint's pages are the listing.
    pub(crate) merge: bool,
}

/// Who judges a condition on what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    Home(usize),
    /// Any endpoint that takes writes: a tag means the same at each.
    Replicas,
    Nobody,
}

/// What an endpoint can say about a write whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    /// The endpoint shows what any other endpoint has applied.
    pub(crate) knows_all: bool,
    /// Nothing can have replaced our own write, so a foreign write proves that ours never was there.
    pub(crate) foreign_is_definite: bool,
}

/// What narrows a plan for one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// The endpoints that break a constraint of the client or of the call.
    pub(crate) barred: u64,
    pub(crate) pin: Option<usize>,
}

impl Plan {
    /// The plan of a client with these endpoints. Only a client with at most one writable endpoint needs no
    /// replication.
    pub(crate) fn of(
        roster: &Roster,
        violations: &[Option<Violation>],
        replication: Option<Replication>,
    ) -> Result<Self, BuildError> {
        let permitted = roster.set_of(|index, _| violations[index].is_none());
        let writable = permitted & roster.set_of(|_, profile| !profile.is_read_only());
        let names = || members(writable).map(|index| roster.name(index)).collect::<Vec<_>>();
        let Some(Replication { mode, home }) = replication else {
            if writable.count_ones() > 1 {
                return Err(BuildError::ReplicationRequired(names().join(" and ")));
            }
            return Ok(Self::provider_managed(permitted, members(writable).next()));
        };
        match (mode, home) {
            (Mode::WriteOnce, None) => Ok(Self::write_once(permitted, writable)),
            (Mode::WriteOnce, Some(_)) => Err(BuildError::NoHomeHere),
            (Mode::Strong, None) => Ok(Self::strong(permitted, writable)),
            (Mode::Strong, Some(_)) => Err(BuildError::NoHomeAmongReplicas),
            (Mode::ProviderManaged, None) => Ok(Self::provider_managed(permitted, members(writable).next())),
            (Mode::ProviderManaged, Some(home)) => {
                let home = Self::home(roster, violations, home)?;
                Ok(Self::provider_managed(permitted, Some(home)))
            }
        }
    }

    /// The home of this name, if it can be one.
    fn home(roster: &Roster, violations: &[Option<Violation>], home: Arc<str>) -> Result<usize, BuildError> {
        let Some((index, profile)) = roster
            .index_of(&home)
            .and_then(|index| Some((index, roster.get(index)?)))
        else {
            return Err(BuildError::UnknownHome(home));
        };
        if profile.is_read_only() {
            return Err(BuildError::HomeReadOnly(home));
        }
        match violations[index].clone() {
            None => Ok(index),
            Some(violation) => Err(BuildError::HomeBarred { home, violation }),
        }
    }

    /// `home` is `None` if every endpoint is read-only.
    fn provider_managed(permitted: u64, home: Option<usize>) -> Self {
        let speaks = home.map_or(permitted, bit);
        Self {
            mode: Mode::ProviderManaged,
            write_to: home.map_or(0, bit),
            authority: home.map_or(Authority::Nobody, Authority::Home),
            voters: speaks,
            absence_quorum: speaks.count_ones(),
            holders: speaks,
            lags: permitted & !home.map_or(0, bit),
            witness: Witness {
                knows_all: false,
                foreign_is_definite: false,
            },
            tags: true,
            creates: false,
            merge: false,
        }
    }

    const fn write_once(permitted: u64, writable: u64) -> Self {
        let voters = if writable == 0 { permitted } else { writable };
        Self {
            mode: Mode::WriteOnce,
            write_to: writable,
            authority: Authority::Nobody,
            voters,
            absence_quorum: voters.count_ones(),
            holders: permitted,
            lags: 0,
            witness: Witness {
                knows_all: false,
                foreign_is_definite: true,
            },
            tags: false,
            creates: true,
            merge: true,
        }
    }

    const fn strong(permitted: u64, writable: u64) -> Self {
        let voters = if writable == 0 { permitted } else { writable };
        Self {
            mode: Mode::Strong,
            write_to: writable,
            authority: Authority::Replicas,
            voters,
            absence_quorum: 1,
            holders: voters,
            lags: permitted & !writable,
            witness: Witness {
                knows_all: true,
                foreign_is_definite: false,
            },
            tags: true,
            creates: false,
            merge: false,
        }
    }

    /// The plan for one call: where this call's writes may go, and whom the call may ask. Who has a vote stays the
    /// same: a voter that may not be asked is missed.
    pub(crate) fn for_call(self, standing: Standing) -> Self {
        let reach = !standing.barred & standing.pin.map_or(u64::MAX, bit);
        Self {
            write_to: self.write_to & reach,
            holders: self.holders & reach,
            ..self
        }
    }

    /// The voters whose word is still needed after these endpoints said *absent*.
    pub(crate) const fn missing(&self, absent: u64) -> u64 {
        if (self.voters & absent).count_ones() >= self.absence_quorum {
            0
        } else {
            self.voters & !absent
        }
    }

    /// Whether an answer of this endpoint may lag behind acknowledged writes. `None`: the answering endpoint is not
    /// known, and the answer may lag if any endpoint's may.
    pub(crate) fn may_lag(&self, endpoint: Option<usize>) -> bool {
        self.lags & endpoint.map_or(u64::MAX, bit) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three endpoints, of which the last is read-only.
    const ALL: u64 = 0b111;
    const WRITABLE: u64 = 0b011;

    fn plans() -> [Plan; 3] {
        [
            Plan::provider_managed(ALL, Some(0)),
            Plan::write_once(ALL, WRITABLE),
            Plan::strong(ALL, WRITABLE),
        ]
    }

    #[test]
    fn absence_takes_every_voter_under_write_once_and_one_elsewhere() {
        let [managed, once, strong] = plans();
        assert_eq!((managed.missing(0b110), managed.missing(0b001)), (0b001, 0));
        assert_eq!(
            (once.missing(0b100), once.missing(0b101), once.missing(0b111)),
            (0b011, 0b010, 0)
        );
        assert_eq!((strong.missing(0b100), strong.missing(0b010)), (0b011, 0));
    }

    #[test]
    fn read_only_endpoints_vote_only_among_themselves() {
        let managed = Plan::provider_managed(ALL, None);
        assert_eq!(
            (managed.write_to, managed.missing(0b011), managed.missing(ALL)),
            (0, 0b100, 0)
        );
        let once = Plan::write_once(ALL, 0);
        assert_eq!((once.write_to, once.missing(0b011), once.missing(ALL)), (0, 0b100, 0));
        assert_eq!(Plan::strong(ALL, 0).missing(0b010), 0);
    }

    #[test]
    fn copies_lag_and_write_once_does_not() {
        let lags = plans().map(|plan| [Some(0), Some(1), Some(2), None].map(|endpoint| plan.may_lag(endpoint)));
        assert_eq!(lags[0], [false, true, true, true]);
        assert_eq!(lags[1], [false; 4]);
        assert_eq!(lags[2], [false, false, true, true]);
    }

    #[test]
    fn a_call_narrows_the_asked_endpoints_but_not_the_voters() {
        for plan in plans() {
            let narrowed = plan.for_call(Standing {
                barred: 0b001,
                pin: None,
            });
            assert_eq!(narrowed.write_to, plan.write_to & !1);
            assert_eq!(narrowed.holders, plan.holders & !1);
            assert_eq!(
                (narrowed.voters, narrowed.absence_quorum),
                (plan.voters, plan.absence_quorum)
            );
            let pinned = plan.for_call(Standing {
                barred: 0,
                pin: Some(1),
            });
            assert_eq!(pinned.write_to, plan.write_to & 0b010);
        }
    }
}
