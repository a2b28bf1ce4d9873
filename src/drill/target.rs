use super::Fault;
use crate::endpoint::{Host, Profile, Role};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the credentials of an endpoint last in a drill after the loss of the host that they come from, if the
/// endpoint has no [`Keeper`](crate::credentials::Keeper) that knows: an hour, which is the usual life of a token of
/// AWS STS, Google and Entra ID.
pub const CREDENTIALS_LAST: Duration = Duration::from_secs(3600);

/// Selects endpoints by their profile. Every field that is set must match. A target without fields selects all
/// endpoints. What an endpoint did not declare matches nothing.
///
/// A target with a [`host`](Self::host) selects the endpoints that need the host. What they meet depends on what they
/// need the host for:
///
/// | the endpoint needs the host for | calls to the endpoint |
/// |---|---|
/// | the data, or the keys that encrypt it | meet the fault |
/// | credentials | pass until the credentials expire that the endpoint had when the fault began; then the endpoint refuses them (`ExpiredToken`) |
/// | anything else, as its control plane | pass: reads and writes do not need the host |
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

/// How a rule reaches an endpoint that its target selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let is_here = matches(&self.endpoint, Some(profile.name()))
            && matches(&self.provider, profile.provider())
            && matches(&self.region, profile.region())
            && matches(&self.location, profile.location())
            && self.jurisdiction.as_ref().is_none_or(is_under);
        match &self.host {
            _ if !is_here => None,
            None => Some(Reach::Calls),
            Some(host) => Self::through(&Host::from(host.as_str()), profile),
        }
    }

    /// What the endpoint needs this host for.
    fn through(host: &Host, profile: &Profile) -> Option<Reach> {
        let needs = |role: Role| {
            let mut declared = profile.depends_on().iter();
            declared.any(|(known, purpose)| *purpose == role && known.meets(host))
        };
        let asked_for_tokens = || {
            let hosts = profile.credentials().map(|keeper| keeper.hosts()).unwrap_or_default();
            hosts.iter().any(|known| Host::from(&**known).meets(host))
        };
        if profile.data_hosts().any(|known| known.meets(host)) || needs(Role::Keys) {
            return Some(Reach::Calls);
        }
        if needs(Role::Credentials) || asked_for_tokens() {
            return Some(Reach::Credentials);
        }
        let is_needed = profile.depends_on().iter().any(|(known, _)| known.meets(host));
        is_needed.then_some(Reach::Nothing)
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
