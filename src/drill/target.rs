use super::Fault;
use crate::endpoint::{Host, Need, Profile, Role};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the credentials of an endpoint last in a drill after the loss of the host that they come from, if the
/// endpoint has no [`Keeper`](crate::credentials::Keeper) that knows: an hour, which is the usual life of a token of
/// AWS STS, Google and Entra ID.
pub const CREDENTIALS_LAST: Duration = Duration::from_secs(3600);

/// Selects endpoints by their profile. Every field that is set must match. A target without fields selects all
/// endpoints. What an endpoint did not declare matches nothing.
///
/// A target with a [`host`](#structfield.host) selects the endpoints that need the host. What they meet depends on what they
/// need the host for:
///
/// | the endpoint needs the host for | calls to the endpoint |
/// |---|---|
/// | the data, its name, or the keys that encrypt it | meet the fault |
/// | credentials | pass until the credentials expire that the endpoint had when the fault began; then the endpoint refuses them (`ExpiredToken`) |
/// | its control plane | pass: reads and writes do not need the host |
///
/// A target with a region and without a host also selects the endpoints of other regions that need a host which
/// [stands there](crate::Endpoint::depends_on_at), in the same way.
///
/// How long credentials last, the endpoint's [`Keeper`](crate::Endpoint::credentials) knows; without a keeper they last
/// [`CREDENTIALS_LAST`]. Credentials outlive a fault that lets a token through: one that only slows or changes an
/// answer, or does not hit every call.
///
/// ```
/// use evenkeel::{Endpoint, drill::Target, endpoint::Role};
///
/// let frankfurt = Endpoint::new("frankfurt", ()).provider("aws").jurisdictions(["US", "DE", "EU"])
///     .depends_on("login.example.com", Role::Credentials);
/// let us_law = Target { jurisdiction: Some("US".into()), ..Target::default() };
/// let login = Target { host: Some("login.example.com".into()), ..Target::default() };
/// assert!(us_law.selects(frankfurt.profile()) && login.selects(frankfurt.profile()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// The endpoint's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The provider that runs the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The provider's name for its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where the endpoint's bytes lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// A jurisdiction whose law reaches the endpoint's operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// A host that the endpoint needs, as [`Host`] takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// How a rule reaches an endpoint that its target selects. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Calls meet the fault.
    Calls,
    /// The endpoint gets no new credentials.
    Credentials,
    /// The endpoint loses what no call needs.
    Nothing,
}

impl Target {
    /// Whether the target selects this endpoint.
    pub fn selects(&self, profile: &Profile) -> bool {
        self.reach(profile).is_some()
    }

    /// `None`: the target does not select the endpoint.
    pub(super) fn reach(&self, profile: &Profile) -> Option<Reach> {
        let matches = |wanted: &Option<String>, found: Option<&str>| match wanted {
            Some(wanted) => found == Some(wanted),
            None => true,
        };
        let is_under = |law: &String| profile.jurisdictions().is_some_and(|mut all| all.any(|one| one == law));
        let is_one = matches(&self.endpoint, Some(profile.name()))
            && matches(&self.provider, profile.provider())
            && matches(&self.location, profile.location())
            && self.jurisdiction.as_ref().is_none_or(is_under);
        if !is_one {
            return None;
        }
        match (&self.host, &self.region) {
            (Some(host), _) if matches(&self.region, profile.region()) => Self::host(&Host::from(&**host), profile),
            (Some(_), _) => None,
            (None, Some(region)) if profile.region() != Some(region) => {
                let stands_there = |need: &&Need| need.region.as_deref() == Some(region);
                Self::without(profile.depends_on().iter().filter(stands_there).map(|need| need.role))
            }
            (None, _) => Some(Reach::Calls),
        }
    }

    /// What the loss of this host does to the endpoint.
    fn host(host: &Host, profile: &Profile) -> Option<Reach> {
        let data = profile.data_hosts().map(|known| (known.clone(), Role::Data));
        let tokens = profile.credentials().map(|keeper| keeper.hosts()).unwrap_or_default();
        let tokens = tokens.iter().map(|known| (Host::from(&**known), Role::Credentials));
        let declared = profile.depends_on().iter().map(|need| (need.host.clone(), need.role));
        let all = data.chain(tokens).chain(declared);
        Self::without(all.filter(|(known, _)| known.meets(host)).map(|(_, role)| role))
    }

    /// What the loss of hosts that are needed for this does to an endpoint. `None`: it needs none of them.
    fn without(roles: impl Iterator<Item = Role>) -> Option<Reach> {
        let reach = |role| match role {
            Role::Data | Role::Keys | Role::Dns => Reach::Calls,
            Role::Credentials => Reach::Credentials,
            Role::ControlPlane => Reach::Nothing,
        };
        roles.map(reach).min()
    }

    /// The field that makes no sense, and the reason.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let fields = [
            ("location", &self.location),
            ("jurisdiction", &self.jurisdiction),
            ("host", &self.host),
        ];
        let empty = fields
            .into_iter()
            .find(|(_, value)| value.as_ref().is_some_and(|value| value.trim().is_empty()));
        match empty {
            Some((field, _)) => Err((field, format!("an empty {field} selects nothing: leave `{field}` out"))),
            None => Ok(()),
        }
    }
}

impl Fault {
    /// Whether a token service with this fault for every call gives no token.
    pub(super) const fn keeps_tokens(&self) -> bool {
        match self {
            Self::Hang
            | Self::HangConnect
            | Self::Refuse
            | Self::DnsEmpty
            | Self::ResetBeforeRequest
            | Self::ResetAfterRequest
            | Self::Status { .. }
            | Self::Authentication { .. } => true,
            Self::Slow { .. }
            | Self::Delay { .. }
            | Self::Throttle { .. }
            | Self::Drip { .. }
            | Self::Truncate { .. }
            | Self::StaleReads => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, credentials::Keeper};

    fn selects(profile: &Profile, fields: &[(&str, &str)]) -> bool {
        let json: serde_json::Map<_, _> = fields.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let target: Target = serde_json::from_value(json.into()).unwrap();
        target.selects(profile)
    }

    #[test]
    fn a_target_matches_on_every_given_field() {
        let (virginia, ()) = Endpoint::new("virginia", ())
            .provider("aws")
            .region("us-east-1")
            .location("US")
            .jurisdictions(["US", "VA"])
            .into_parts();
        let selects = |fields: &[(&str, &str)]| selects(&virginia, fields);
        assert!(selects(&[]));
        assert!(selects(&[("provider", "aws")]));
        assert!(selects(&[
            ("endpoint", "virginia"),
            ("provider", "aws"),
            ("region", "us-east-1")
        ]));
        assert!(!selects(&[("provider", "aws"), ("region", "eu-west-1")]));
        assert!(selects(&[("jurisdiction", "VA"), ("location", "US")]));
        assert!(!selects(&[("jurisdiction", "DE")]) && !selects(&[("location", "DE"), ("provider", "aws")]));
    }

    #[test]
    fn what_was_not_declared_matches_nothing() {
        let bare = Profile::new("x");
        for field in ["provider", "region", "location", "jurisdiction", "host"] {
            assert!(!selects(&bare, &[(field, "aws")]), "{field}");
        }
    }

    #[test]
    fn the_loss_of_a_host_reaches_an_endpoint_by_the_purpose_of_the_host() {
        let keeper =
            Keeper::new("role", || async { Err::<crate::credentials::Lease<()>, _>("no") }).asks("sts.example");
        let (profile, ()) = Endpoint::new("a", ())
            .depends_on("data.example:443", Role::Data)
            .depends_on("kms.example", Role::Keys)
            .depends_on("login.example", Role::Credentials)
            .credentials(&keeper)
            .into_parts();
        let reach = |host: &str| {
            let target = Target {
                host: Some(host.into()),
                ..Target::default()
            };
            target.reach(&profile)
        };
        assert_eq!(reach("DATA.example"), Some(Reach::Calls));
        assert_eq!(reach("data.example:80"), None, "another port is another host");
        assert_eq!(reach("kms.example"), Some(Reach::Calls));
        assert_eq!(reach("login.example"), Some(Reach::Credentials));
        assert_eq!(reach("sts.example"), Some(Reach::Credentials));
        assert_eq!(reach("elsewhere.example"), None);
    }

    #[test]
    fn the_loss_of_a_region_reaches_those_who_need_a_host_there() {
        let (frankfurt, ()) = Endpoint::new("frankfurt", ())
            .provider("aws")
            .region("eu-central-1")
            .depends_on_at("sts.amazonaws.com", Role::Credentials, "us-east-1")
            .depends_on_at("iam.amazonaws.com", Role::ControlPlane, "us-west-2")
            .into_parts();
        let reach = |provider: &str, region: &str| {
            let target = Target {
                provider: Some(provider.into()),
                region: Some(region.into()),
                ..Target::default()
            };
            target.reach(&frankfurt)
        };
        assert_eq!(reach("aws", "eu-central-1"), Some(Reach::Calls));
        assert_eq!(reach("aws", "us-east-1"), Some(Reach::Credentials));
        assert_eq!(reach("aws", "us-west-2"), Some(Reach::Nothing));
        assert_eq!((reach("aws", "eu-west-1"), reach("azure", "us-east-1")), (None, None));
    }

    #[test]
    fn a_host_for_data_and_credentials_takes_the_calls_with_it() {
        let (both, ()) = Endpoint::new("a", ())
            .depends_on("one.example", Role::Credentials)
            .depends_on("one.example", Role::Data)
            .into_parts();
        let target = Target {
            host: Some("one.example".into()),
            ..Target::default()
        };
        assert_eq!(target.reach(&both), Some(Reach::Calls));
    }
}
