//! The hosts that a client contacts, and the hosts that seemingly independent endpoints share.

use super::{Host, Profile, Role, Roster};
use crate::telemetry::{Audience, Event, Reporter};
use std::{fmt, sync::Arc};

/// Every host that a client will contact. `Display` prints a table.
///
/// Two providers are no two failure domains if both get their tokens from one host. A client's `dependencies()` lists
/// every host that the client will contact: for the data, for credentials, for keys. It lists as well what you declare
/// that the endpoint needs behind these: name servers, and the control plane of its service.
///
/// ```
/// use evenkeel::{Endpoint, Failover, endpoint::Role};
///
/// let client = Failover::builder()
///     .endpoint(Endpoint::new("aws", ()).provider("aws")
///         .depends_on("s3.eu-west-1.amazonaws.com", Role::Data)
///         .depends_on("login.example.com", Role::Credentials))
///     .endpoint(Endpoint::new("stackit", ()).provider("stackit")
///         .depends_on("object.storage.eu01.onstackit.cloud", Role::Data)
///         .depends_on("login.example.com", Role::Credentials))
///     .build()
///     .unwrap();
/// let dependencies = client.dependencies();
/// assert!(dependencies.allows("s3.eu-west-1.amazonaws.com:443") && !dependencies.allows("sts.amazonaws.com"));
///
/// // One login for both: if it is down, both are.
/// let shared = dependencies.shared();
/// assert_eq!(shared[0].to_string(), "login.example.com: aws (credentials), stackit (credentials)");
/// ```
///
/// # How they are known
/// - An adapter reads its data's host from its client's configuration, if the SDK tells it.
/// - A [`Keeper`](crate::credentials::Keeper) names the host that it [asks](crate::credentials::Keeper::asks). An
///   endpoint with the keeper as its [`credentials`](crate::Endpoint::credentials) depends on that host, too.
/// - You declare the rest with [`Endpoint::depends_on`](crate::Endpoint::depends_on): everything for a
///   [`Failover`](crate::Failover), whose clients are opaque; the data hosts of an adapter whose SDK does not tell them
///   (`Gcs`: `storage.googleapis.com`; `Cosmos`: `shop.documents.azure.com` and `shop-*.documents.azure.com`;
///   `GenericStore`: your store's); the hosts of an SDK's own credentials, see [`credentials`](crate::credentials).
///
/// [`Dependencies::unknown`] holds the endpoints whose data host is unknown. While there are any, the list is
/// incomplete. The list cannot show what stands behind a host: a provider's region depends on more than its name.
#[derive(Clone, Debug, Default)]
pub struct Dependencies {
    list: Vec<Dependency>,
    unknown: Vec<Arc<str>>,
}

/// A host that an endpoint needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependency {
    /// The endpoint that needs the host.
    pub endpoint: Arc<str>,
    /// The endpoint's provider, if known.
    pub provider: Option<Arc<str>>,
    /// The purpose of the host.
    pub role: Role,
    /// The host.
    pub host: Host,
    /// The region of the endpoint's provider in which the host stands, where it was
    /// [declared](crate::Endpoint::depends_on_at).
    pub region: Option<Arc<str>>,
    /// The source of this entry.
    pub known: Known,
}

/// The source of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Known {
    /// The configuration of the endpoint's client.
    Client,
    /// The keeper of the endpoint's credentials.
    Keeper,
    /// A declaration.
    Declared,
}

/// A host that endpoints of different providers need: if it is down, all of them are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedHost {
    /// The host.
    pub host: Host,
    /// The endpoints that need the host, and for what purpose.
    pub endpoints: Vec<(Arc<str>, Role)>,
}

impl Dependencies {
    /// The dependencies of these endpoints.
    pub(crate) fn of(endpoints: impl IntoIterator<Item = Profile>) -> Self {
        let mut all = Self::default();
        for profile in endpoints {
            let mut add = |role, host: Host, region, known| {
                let dependency = Dependency {
                    endpoint: profile.shared_name().clone(),
                    provider: profile.provider().map(Into::into),
                    role,
                    host,
                    region,
                    known,
                };
                all.list.push(dependency);
            };
            let hosts = profile.client_hosts();
            if hosts.is_none() && profile.data_hosts().next().is_none() {
                all.unknown.push(profile.shared_name().clone());
            }
            for host in hosts.unwrap_or_default() {
                add(Role::Data, host.clone(), None, Known::Client);
            }
            for host in profile.credentials().map(|c| c.hosts()).unwrap_or_default() {
                add(Role::Credentials, Host::from(&*host), None, Known::Keeper);
            }
            for need in profile.depends_on() {
                add(need.role, need.host.clone(), need.region.clone(), Known::Declared);
            }
        }
        all
    }

    /// Reports the hosts that endpoints of different providers share.
    pub(crate) fn warn(&self, audience: Audience) {
        let reporter = Reporter::new("".into(), audience);
        for SharedHost { host, mut endpoints } in self.shared() {
            endpoints.dedup_by(|one, other| one.0 == other.0);
            reporter.report(Event::SharedDependency {
                host: host.to_string().into(),
                endpoints: endpoints.into_iter().map(|(name, _)| name).collect(),
            });
        }
    }

    /// All dependencies, in the order of the endpoints.
    pub fn iter(&self) -> std::slice::Iter<'_, Dependency> {
        self.list.iter()
    }

    /// Whether the list holds this host (a name or an address, with or without a port): for your own test of every name
    /// that is looked up, or for an allow-list in a proxy.
    pub fn allows(&self, host: &str) -> bool {
        self.list.iter().any(|dependency| dependency.host.covers(host))
    }

    /// The endpoints whose data host is unknown.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(|name| &**name)
    }

    /// The hosts that endpoints of different providers share. (An endpoint without a
    /// [provider](crate::Endpoint::provider) is left out.)
    pub fn shared(&self) -> Vec<SharedHost> {
        let mut shared: Vec<SharedHost> = Vec::new();
        // A pattern stands for the names that it covers, in whatever order they come.
        let mut broadest_first: Vec<_> = self.list.iter().collect();
        broadest_first.sort_by(|one, other| one.host.broadest_first(&other.host));
        for one in broadest_first {
            if shared.iter().any(|known| known.host.meets(&one.host)) {
                continue;
            }
            let all: Vec<_> = self.list.iter().filter(|other| other.host.meets(&one.host)).collect();
            let foreign = all.iter().any(|other| {
                let providers = one.provider.as_ref().zip(other.provider.as_ref());
                providers.is_some_and(|(one, other)| one != other)
            });
            if foreign {
                let endpoints = all.iter().map(|other| (other.endpoint.clone(), other.role));
                shared.push(SharedHost {
                    host: one.host.clone(),
                    endpoints: endpoints.collect(),
                });
            }
        }
        shared
    }
}

/// Whether the endpoints belong to different providers, so that a comparison is worthwhile.
pub(crate) fn several_providers(roster: &Roster) -> bool {
    let mut providers = roster.iter().filter_map(Profile::provider);
    let first = providers.next();
    providers.any(|other| Some(other) != first)
}

impl<'d> IntoIterator for &'d Dependencies {
    type Item = &'d Dependency;
    type IntoIter = std::slice::Iter<'d, Dependency>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Dependencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let declared = |known| if known == Known::Declared { " (declared)" } else { "" };
        for one in &self.list {
            let (endpoint, role, said) = (&one.endpoint, one.role.as_str(), declared(one.known));
            let place = one
                .region
                .iter()
                .map(|region| format!(" in {region}"))
                .collect::<String>();
            writeln!(f, "{endpoint:<16} {role:<13} {}{place}{said}", one.host)?;
        }
        for endpoint in &self.unknown {
            writeln!(f, "{endpoint:<16} {:<13} not known", Role::Data.as_str())?;
        }
        for shared in self.shared() {
            writeln!(f, "shared by providers: {shared}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SharedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.host)?;
        for (nth, (endpoint, role)) in self.endpoints.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            write!(f, "{comma}{endpoint} ({})", role.as_str())?;
        }
        Ok(())
    }
}
