use crate::endpoint::{Host, Need, Profile};
use std::{collections::BTreeSet, fmt};

/// What is lost: everything that this names fails at once.
///
/// A text is a provider: `Loss::from("aws")` is [`Loss::provider("aws")`](Self::provider).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Loss {
    /// A provider, in all its regions.
    Provider {
        /// The provider.
        name: String,
    },
    /// A region.
    Region {
        /// The provider whose region it is. `None`: the region of this name at every provider.
        provider: Option<String>,
        /// The provider's name for the region.
        name: String,
    },
    /// Every endpoint whose bytes lie in one place: a country without power.
    Location {
        /// The place (ISO 3166).
        name: String,
    },
    /// Every endpoint whose operator one law reaches: an order of a court, or sanctions.
    Jurisdiction {
        /// The jurisdiction.
        name: String,
    },
    /// A host that endpoints need for their data or their credentials.
    Host {
        /// The host, as [`Host`] takes it.
        name: String,
    },
}

impl Loss {
    /// The loss of a provider.
    pub fn provider(name: impl Into<String>) -> Self {
        Self::Provider { name: name.into() }
    }

    /// The loss of a provider's region.
    pub fn region(provider: impl Into<String>, name: impl Into<String>) -> Self {
        Self::Region {
            provider: Some(provider.into()),
            name: name.into(),
        }
    }

    /// The loss of everything that lies in one place.
    pub fn location(name: impl Into<String>) -> Self {
        Self::Location { name: name.into() }
    }

    /// The loss of every operator whom this law reaches.
    pub fn jurisdiction(name: impl Into<String>) -> Self {
        Self::Jurisdiction { name: name.into() }
    }

    /// The loss of a host.
    pub fn host(name: impl Into<String>) -> Self {
        Self::Host { name: name.into() }
    }

    /// Every loss that names something that these endpoints declare: providers, regions, locations, jurisdictions,
    /// hosts. A region stands without a provider where it is not one provider's alone.
    pub(crate) fn all(profiles: &[Profile]) -> Vec<Self> {
        let owned = str::to_owned;
        let mut all = BTreeSet::new();
        for profile in profiles {
            all.extend(profile.provider().map(Self::provider));
            all.extend(profile.location().map(Self::location));
            all.extend(profile.jurisdictions().into_iter().flatten().map(Self::jurisdiction));
            all.extend(hosts(profile).map(|host| Self::host(host.to_string())));
            let stand = profile.depends_on().iter().filter_map(|need| need.region.as_deref());
            all.extend(stand.map(|region| Self::Region {
                provider: profile.provider().map(owned),
                name: owned(region),
            }));
            if let Some(region) = profile.region() {
                let everywhere = Self::Region {
                    provider: None,
                    name: owned(region),
                };
                let foreign =
                    |other: &&Profile| other.region() == Some(region) && other.provider() != profile.provider();
                match profile.provider() {
                    None => drop(all.insert(everywhere)),
                    Some(provider) => {
                        all.insert(Self::region(provider, region));
                        if profiles.iter().any(|other| foreign(&other)) {
                            all.insert(everywhere);
                        }
                    }
                }
            }
        }
        // An empty name is no name.
        all.into_iter().filter(|loss| !loss.name().trim().is_empty()).collect()
    }

    fn name(&self) -> &str {
        match self {
            Self::Provider { name }
            | Self::Region { name, .. }
            | Self::Location { name }
            | Self::Jurisdiction { name }
            | Self::Host { name } => name,
        }
    }

    /// Whether some endpoint declares what is lost: everything of [`all`](Self::all), and more.
    pub(crate) fn occurs(&self, profiles: &[Profile]) -> bool {
        profiles.iter().any(|profile| match self {
            Self::Provider { name } => profile.provider() == Some(name),
            Self::Region { provider, name } => {
                let stands_there = |need: &Need| need.region.as_deref() == Some(name);
                let is_of_provider = provider
                    .as_ref()
                    .is_none_or(|wanted| profile.provider() == Some(wanted));
                is_of_provider && (profile.region() == Some(name) || profile.depends_on().iter().any(stands_there))
            }
            Self::Location { name } => profile.location() == Some(name),
            Self::Jurisdiction { name } => profile
                .jurisdictions()
                .is_some_and(|mut all| all.any(|one| one == name)),
            Self::Host { name } => {
                let lost = Host::from(name.as_str());
                hosts(profile).any(|host| host.meets(&lost))
            }
        })
    }

    /// What these endpoints declare of the kind of what is lost.
    pub(crate) fn alternatives(&self, profiles: &[Profile]) -> Vec<String> {
        let same_kind = |other: &Self| std::mem::discriminant(other) == std::mem::discriminant(self);
        let all = Self::all(profiles).into_iter().filter(same_kind);
        all.map(|loss| loss.to_string()).collect()
    }
}

/// Every host that is known to be needed.
fn hosts(profile: &Profile) -> impl Iterator<Item = Host> {
    let asked = profile.credentials().map(|keeper| keeper.hosts()).unwrap_or_default();
    let asked: Vec<_> = asked.iter().map(|host| Host::from(&**host)).collect();
    let declared = profile.depends_on().iter().map(|need| need.host.clone());
    profile.data_hosts().cloned().chain(asked).chain(declared)
}

impl From<&str> for Loss {
    fn from(provider: &str) -> Self {
        Self::provider(provider)
    }
}

impl From<String> for Loss {
    fn from(provider: String) -> Self {
        Self::provider(provider)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider { name } => write!(f, "provider {name}"),
            Self::Region {
                provider: Some(provider),
                name,
            } => write!(f, "region {name} of {provider}"),
            Self::Region { provider: None, name } => write!(f, "region {name} of every provider"),
            Self::Location { name } => write!(f, "location {name}"),
            Self::Jurisdiction { name } => write!(f, "jurisdiction {name}"),
            Self::Host { name } => write!(f, "host {name}"),
        }
    }
}
