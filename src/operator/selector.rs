use crate::endpoint::{Profile, Roster};
use std::{fmt, sync::Arc};

/// Which endpoints an order is about: one, all of a region, or all of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The endpoint of this name.
    Endpoint(Arc<str>),
    /// Every endpoint of this provider.
    Provider(Arc<str>),
    /// Every endpoint of this provider's region. Two clouds can both call their region `us-east-1`, so a region never
    /// stands alone.
    Region {
        /// The provider.
        provider: Arc<str>,
        /// Its name for the region.
        region: Arc<str>,
    },
}

impl Selector {
    /// The endpoint of this name.
    pub fn endpoint(name: impl Into<Arc<str>>) -> Self {
        Self::Endpoint(name.into())
    }

    /// Every endpoint of this provider.
    pub fn provider(provider: impl Into<Arc<str>>) -> Self {
        Self::Provider(provider.into())
    }

    /// Every endpoint of this provider's region.
    pub fn region(provider: impl Into<Arc<str>>, region: impl Into<Arc<str>>) -> Self {
        Self::Region {
            provider: provider.into(),
            region: region.into(),
        }
    }

    fn matches(&self, profile: &Profile) -> bool {
        match self {
            Self::Endpoint(name) => profile.name() == &**name,
            Self::Provider(provider) => profile.provider() == Some(provider),
            Self::Region { provider, region } => {
                profile.provider() == Some(provider) && profile.region() == Some(region)
            }
        }
    }

    /// The endpoints it selects, as a set.
    pub(super) fn of(&self, roster: &Roster) -> u64 {
        roster.set_of(|_, profile| self.matches(profile))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(name) => write!(f, "{name}"),
            Self::Provider(provider) => write!(f, "provider {provider}"),
            Self::Region { provider, region } => write!(f, "{provider} {region}"),
        }
    }
}
