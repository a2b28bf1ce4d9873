use super::{Endpoint, Profile};
use std::{collections::HashSet, sync::Arc};

/// The endpoints of one client, in the order of listing. An endpoint's index is its place in the roster.
#[derive(Clone, Debug)]
pub(crate) struct Roster(Arc<[Profile]>);

/// Why a list of endpoints was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoster {
    /// The list is empty.
    #[error("a client needs at least one endpoint")]
    Empty,
    /// The list has more than [`Endpoint::MAX`] endpoints.
    #[error("a client can have at most 64 endpoints; this client has {0}")]
    TooMany(usize),
    /// The endpoint at this place (counted from 1) has an empty name.
    #[error("endpoint number {0} has an empty name")]
    Unnamed(usize),
    /// Two endpoints share a name.
    #[error("two endpoints are named `{0}`; names must be unique because errors and metrics show them")]
    Duplicate(Arc<str>),
    /// A capacity that is not above 0, or beyond 10⁹.
    #[error(
        "the capacity of endpoint `{name}` must be a positive number of calls per second, at most 1e9, not {capacity}"
    )]
    Capacity {
        /// The endpoint.
        name: Arc<str>,
        /// The capacity that was set.
        capacity: f64,
    },
    /// `max_in_flight` permits no attempt.
    #[error("endpoint `{0}` permits no attempt: `max_in_flight` must be at least 1")]
    NoneInFlight(Arc<str>),
}

/// The most calls per second, more than one process can make: a limiter's spacing is at least a whole nanosecond.
const MOST_CAPACITY: f64 = 1e9;

impl Roster {
    /// Checks a list of endpoints.
    ///
    /// # Errors
    /// [`InvalidRoster`] says what is wrong with the list.
    pub(crate) fn new(profiles: impl IntoIterator<Item = Profile>) -> Result<Self, InvalidRoster> {
        let profiles: Arc<[Profile]> = profiles.into_iter().collect();
        if profiles.is_empty() {
            return Err(InvalidRoster::Empty);
        }
        if profiles.len() > Endpoint::<()>::MAX {
            return Err(InvalidRoster::TooMany(profiles.len()));
        }
        let mut names = HashSet::new();
        for (index, profile) in profiles.iter().enumerate() {
            if profile.name().is_empty() {
                return Err(InvalidRoster::Unnamed(index + 1));
            }
            if !names.insert(profile.name()) {
                return Err(InvalidRoster::Duplicate(profile.shared_name().clone()));
            }
            if let Some(capacity) = profile.capacity()
                && !(capacity > 0.0 && capacity <= MOST_CAPACITY)
            {
                return Err(InvalidRoster::Capacity {
                    name: profile.shared_name().clone(),
                    capacity,
                });
            }
            if profile.max_in_flight() == Some(0) {
                return Err(InvalidRoster::NoneInFlight(profile.shared_name().clone()));
            }
        }
        Ok(Self(profiles))
    }

    /// How many endpoints the roster has: 1 to 64.
    #[allow(clippy::len_without_is_empty, reason = "a roster is never empty")]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The endpoint at `index`.
    pub(crate) fn get(&self, index: usize) -> Option<&Profile> {
        self.0.get(index)
    }

    /// The name of the endpoint at `index`; an index out of range reads `?`.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.get(index).map_or("?", Profile::name)
    }

    /// The name of the endpoint at `index`, shared.
    pub(crate) fn shared_name(&self, index: usize) -> Arc<str> {
        self.get(index).map_or_else(|| "?".into(), |p| p.shared_name().clone())
    }

    /// The index of the endpoint of this name.
    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|profile| profile.name() == name)
    }

    /// All endpoints in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Profile> {
        self.0.iter()
    }

    /// A set with the bit of every endpoint for which `which` holds.
    pub(crate) fn set_of(&self, which: impl Fn(usize, &Profile) -> bool) -> u64 {
        let chosen = self
            .0
            .iter()
            .enumerate()
            .filter(|&(index, profile)| which(index, profile));
        chosen.fold(0, |set, (index, _)| set | crate::request::bit(index))
    }
}

impl<'r> IntoIterator for &'r Roster {
    type Item = &'r Profile;
    type IntoIter = std::slice::Iter<'r, Profile>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(endpoint: Endpoint<()>) -> Profile {
        endpoint.into_parts().0
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let said = |profiles: Vec<Profile>| Roster::new(profiles).unwrap_err().to_string();
        assert_eq!(said(vec![]), "a client needs at least one endpoint");
        assert_eq!(said(vec![Profile::new("")]), "endpoint number 1 has an empty name");
        assert_eq!(
            said((0..65).map(|i| Profile::new(format!("e{i}"))).collect()),
            "a client can have at most 64 endpoints; this client has 65"
        );
        assert_eq!(
            said(vec![profile(Endpoint::new("a", ()).max_in_flight(0))]),
            "endpoint `a` permits no attempt: `max_in_flight` must be at least 1"
        );
        for capacity in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let said = said(vec![profile(Endpoint::new("a", ()).capacity(capacity))]);
            assert!(
                said.starts_with("the capacity of endpoint `a` must be a positive number"),
                "{said}"
            );
        }
    }
}
