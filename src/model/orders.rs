use crate::request::OpClass;
use std::{fmt, sync::Arc};

/// What an order does with its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The endpoints get no calls.
    Drain,
    /// The endpoints get no writes. Reads and listings go on.
    DrainWrites,
    /// Only these endpoints get calls.
    Force,
    /// An endpoint that is out stays out: its breaker may close, but traffic does not return.
    FreezeFailback,
    /// The endpoints get exactly what they would get without evenkeel: the most preferred endpoint takes every call,
    /// nothing fails over, nothing is hedged. What evenkeel would have done is counted.
    Shadow,
}

impl Action {
    /// The word used in events and snapshots.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::DrainWrites => "drain writes",
            Self::Force => "force",
            Self::FreezeFailback => "freeze failback",
            Self::Shadow => "shadow",
        }
    }

    /// Whether the order keeps calls of this class from an endpoint. `about`: whether the order is about that
    /// endpoint.
    pub(crate) const fn keeps_away(self, class: OpClass, about: bool) -> bool {
        match self {
            Self::Drain => about,
            Self::DrainWrites => about && matches!(class, OpClass::Write),
            Self::Force => !about,
            Self::FreezeFailback | Self::Shadow => false,
        }
    }
}

/// Which endpoints an order is about: one endpoint, all of a region, or all of a provider.
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
        /// The provider's name for the region.
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
