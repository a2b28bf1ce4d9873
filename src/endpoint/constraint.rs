use super::{Profile, Roster};
use std::{collections::BTreeSet, sync::Arc};

/// The member states of the European Union (ISO 3166), and `"EU"` itself: for
/// [`only_locations`](Constraints::only_locations).
pub const EU: [&str; 28] = [
    "EU", "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
    "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Where data may go, on two axes. *Location* is where bytes, keys and metadata lie. *Jurisdiction* is whose law
/// reaches the operator. "EU only" is about location; "not under US jurisdiction" excludes a US company's region in
/// Frankfurt.
///
/// ```
/// use evenkeel::endpoint::{Constraints, EU};
/// use evenkeel::{Endpoint, provider::Memory};
///
/// let eu_only = Constraints::new().only_locations(EU);
/// let frankfurt = Endpoint::new("frankfurt", Memory::new()).location("DE").jurisdictions(["US", "DE", "EU"]);
/// assert!(eu_only.check(frankfurt.profile()).is_ok());
/// assert!(eu_only.not_under_jurisdiction_of("US").check(frankfurt.profile()).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    locations: Option<BTreeSet<Arc<str>>>,
    excluded_jurisdictions: BTreeSet<Arc<str>>,
}

/// The constraint that an endpoint breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The endpoint lies outside the permitted locations.
    #[error("it lies in {0}, which is not among the permitted locations")]
    Location(Arc<str>),
    /// The endpoint's location was not declared.
    #[error("its location was not declared")]
    UnknownLocation,
    /// The endpoint's operator is under an excluded jurisdiction.
    #[error("its operator is under the jurisdiction of {0}")]
    Jurisdiction(Arc<str>),
    /// The jurisdictions of the endpoint's operator were not declared.
    #[error("its jurisdictions were not declared")]
    UnknownJurisdiction,
}

impl Constraints {
    /// No constraint.
    pub fn new() -> Self {
        Self::default()
    }

    /// Permits only endpoints that lie in one of these places. After two such calls both must hold.
    #[must_use]
    pub fn only_locations<L: Into<Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
        let asked: BTreeSet<_> = locations.into_iter().map(Into::into).collect();
        self.locations = Some(match self.locations {
            Some(before) => before.intersection(&asked).cloned().collect(),
            None => asked,
        });
        self
    }

    /// Permits no endpoint whose operator this law reaches.
    #[must_use]
    pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<Arc<str>>) -> Self {
        self.excluded_jurisdictions.insert(jurisdiction.into());
        self
    }

    /// Whether nothing is constrained.
    pub(crate) fn is_empty(&self) -> bool {
        self.locations.is_none() && self.excluded_jurisdictions.is_empty()
    }

    /// The first constraint that each endpoint breaks, by endpoint.
    pub(crate) fn violations(&self, roster: &Roster) -> Arc<[Option<Violation>]> {
        roster.iter().map(|profile| self.check(profile).err()).collect()
    }

    /// Whether an endpoint satisfies every constraint.
    ///
    /// # Errors
    /// The first constraint that the endpoint breaks.
    pub fn check(&self, profile: &Profile) -> Result<(), Violation> {
        if let Some(permitted) = &self.locations {
            let location = profile.location.as_ref().ok_or(Violation::UnknownLocation)?;
            if !permitted.contains(location) {
                return Err(Violation::Location(location.clone()));
            }
        }
        if !self.excluded_jurisdictions.is_empty() {
            let declared = profile.jurisdictions.as_ref().ok_or(Violation::UnknownJurisdiction)?;
            if let Some(excluded) = self.excluded_jurisdictions.intersection(declared).next() {
                return Err(Violation::Jurisdiction(excluded.clone()));
            }
        }
        Ok(())
    }
}

/// For people: `only in DE, FR; not under the jurisdiction of US`.
impl std::fmt::Display for Constraints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |places: &BTreeSet<Arc<str>>| places.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
        let locations = self
            .locations
            .as_ref()
            .map(|places| format!("only in {}", list(places)));
        let excluded = Some(&self.excluded_jurisdictions).filter(|laws| !laws.is_empty());
        let excluded = excluded.map(|laws| format!("not under the jurisdiction of {}", list(laws)));
        match (locations, excluded) {
            (None, None) => f.write_str("none"),
            (Some(one), None) | (None, Some(one)) => f.write_str(&one),
            (Some(locations), Some(excluded)) => write!(f, "{locations}; {excluded}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;

    #[test]
    fn constraints_are_shown_in_words() {
        let constraints = Constraints::new().only_locations(["FR", "DE"]);
        assert_eq!(constraints.to_string(), "only in DE, FR");
        let constraints = constraints.not_under_jurisdiction_of("US");
        assert_eq!(
            constraints.to_string(),
            "only in DE, FR; not under the jurisdiction of US"
        );
        assert_eq!(Constraints::new().to_string(), "none");
    }

    #[test]
    fn an_undeclared_endpoint_is_refused() {
        let nowhere = Endpoint::new("nowhere", ());
        assert_eq!(Constraints::new().check(nowhere.profile()), Ok(()));
        assert_eq!(
            Constraints::new().only_locations(EU).check(nowhere.profile()),
            Err(Violation::UnknownLocation)
        );
        assert_eq!(
            Constraints::new()
                .not_under_jurisdiction_of("US")
                .check(nowhere.profile()),
            Err(Violation::UnknownJurisdiction)
        );
    }

    #[test]
    fn location_and_jurisdiction_constraints_hold_together() {
        let dublin = Endpoint::new("dublin", ())
            .location("IE")
            .jurisdictions(["US", "IE", "EU"]);
        let both = Constraints::new().only_locations(EU).only_locations(["DE"]);
        assert_eq!(both.check(dublin.profile()), Err(Violation::Location("IE".into())));
        assert_eq!(
            Constraints::new()
                .only_locations(EU)
                .not_under_jurisdiction_of("US")
                .check(dublin.profile()),
            Err(Violation::Jurisdiction("US".into()))
        );
    }
}
