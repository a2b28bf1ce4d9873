use std::{cmp::Ordering, fmt, sync::Arc};

/// A host that a client contacts: a name, or a pattern for names that are not known beforehand, and the port if known.
///
/// One `*` stands for any characters but dots: `shop-*.documents.azure.com`.
///
/// ```
/// use evenkeel::endpoint::Host;
///
/// let regions = Host::from("shop-*.documents.azure.com");
/// assert!(regions.covers("shop-westeurope.documents.azure.com:443"));
/// assert!(!regions.covers("shop.documents.azure.com") && !regions.covers("shop-x.evil.documents.azure.com"));
/// assert!(!Host::from("127.0.0.1:9000").covers("127.0.0.1:9001"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host {
    name: Arc<str>,
    port: Option<u16>,
}

/// The purpose of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// The data itself.
    Data,
    /// Credentials: token services, metadata services.
    Credentials,
    /// Names: a name server, or the service that answers for the zone. Only what you declare: a client asks its system's
    /// resolver, which says nothing of whom it asks.
    Dns,
    /// What configures and scales the service, and is not asked for data. Nothing fails at once where it does, but what
    /// needs it: a failover that the provider makes, new capacity, new credentials. Often it stands in another region than
    /// the data: say where with [`depends_on_at`](crate::Endpoint::depends_on_at).
    ControlPlane,
    /// Keys that encrypt the data, if the client itself fetches them (client-side encryption). A host that the store
    /// asks on the server's side (SSE-KMS) is a dependency, too: declare the host to have it listed.
    Keys,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Data, Self::Credentials, Self::Dns, Self::ControlPlane, Self::Keys];
}

/// A host that an endpoint was declared to need.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Need {
    /// The host.
    pub host: Host,
    /// The purpose of the host.
    pub role: Role,
    /// The region of the endpoint's provider in which the host stands, if it was said.
    pub region: Option<Arc<str>>,
}

impl Host {
    /// A host with this name or address, in lower case, and this port.
    pub fn new(name: impl AsRef<str>, port: Option<u16>) -> Self {
        let name = name.as_ref().trim_start_matches('[').trim_end_matches(']');
        Self {
            name: name.trim_end_matches('.').to_ascii_lowercase().into(),
            port,
        }
    }

    /// The name, the address, or the pattern.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, if known.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether `host` (a name or an address, with or without a port) is this host. The ports are compared only if both
    /// have one.
    pub fn covers(&self, host: &str) -> bool {
        let other = Self::from(host);
        let ports = self.port.zip(other.port).is_none_or(|(mine, theirs)| mine == theirs);
        ports && matches(&self.name, &other.name)
    }

    /// Sorts the host that more others may mean before them: a pattern before a name, what has no port before what has
    /// one, and of patterns the shorter one.
    pub(crate) fn broadest_first(&self, other: &Self) -> Ordering {
        let key = |host: &Self| (!host.name.contains('*'), host.port.is_some(), host.name.len());
        key(self).cmp(&key(other)).then_with(|| self.cmp(other))
    }

    /// Whether both may mean the same host.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let ports = self.port.zip(other.port).is_none_or(|(mine, theirs)| mine == theirs);
        ports && (matches(&self.name, &other.name) || matches(&other.name, &self.name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|between| !between.contains('.')),
    }
}

/// Takes `name`, `name:port`, an address, `address:port`, or `[v6]:port`.
impl From<&str> for Host {
    fn from(host: &str) -> Self {
        let port_of = |port: &str| port.parse::<u16>().ok();
        match host.rsplit_once(':') {
            // The colons of an IPv6 address without brackets.
            Some((name, _)) if name.contains(':') && !name.ends_with(']') => Self::new(host, None),
            Some((name, port)) if port_of(port).is_some() => Self::new(name, port_of(port)),
            _ => Self::new(host, None),
        }
    }
}

impl From<String> for Host {
    fn from(host: String) -> Self {
        Self::from(host.as_str())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.name.contains(':')) {
            (None, _) => f.write_str(&self.name),
            (Some(port), false) => write!(f, "{}:{port}", self.name),
            (Some(port), true) => write!(f, "[{}]:{port}", self.name),
        }
    }
}

impl Role {
    /// The role in a word or two.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Credentials => "credentials",
            Self::Dns => "dns",
            Self::ControlPlane => "control plane",
            Self::Keys => "keys",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_prints_as_written() {
        for text in [
            "a.example",
            "a.example:9000",
            "127.0.0.1",
            "127.0.0.1:80",
            "fd00:ec2::254",
            "[fd00:ec2::254]:80",
        ] {
            assert_eq!(Host::from(text).to_string(), text);
        }
        assert_eq!(Host::from("S3.Example."), Host::from("s3.example"));
        assert_eq!(Host::from("[::1]").name(), "::1");
    }

    #[test]
    fn a_pattern_stands_for_part_of_one_label() {
        let any = Host::from("*.ddb.us-east-1.amazonaws.com");
        assert!(any.covers("123456789012.ddb.us-east-1.amazonaws.com"));
        assert!(!any.covers("a.b.ddb.us-east-1.amazonaws.com") && !any.covers("ddb.us-east-1.amazonaws.com"));
        assert!(!Host::from("ab*ba").covers("aba"), "no character is used twice");
        assert!(Host::from("127.0.0.1").covers("127.0.0.1:1") && Host::from("127.0.0.1:1").covers("127.0.0.1"));
    }
}
