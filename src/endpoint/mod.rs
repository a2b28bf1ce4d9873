//! The endpoints that calls go to, and what you declare about them.
//!
//! An [`Endpoint`] is a client together with its name, its place in the tree of failure domains (provider ⊃ region ⊃
//! endpoint), the location of its data, the jurisdictions of its operator, its tier and its capacity.
//!
//! ```
//! use evenkeel::Endpoint;
//! use evenkeel::provider::Memory;
//!
//! let eu01 = Endpoint::new("stackit", Memory::new())
//!     .provider("stackit")
//!     .region("eu01")
//!     .location("DE")
//!     .jurisdictions(["DE", "EU"])
//!     .tier(1)
//!     .capacity(500.0);
//! assert_eq!(eu01.profile().name(), "stackit");
//! ```
//!
//! [`Constraints`] are hard: an endpoint that breaks a constraint is never used, least of all in a failover. An
//! endpoint of unknown location or jurisdiction breaks a constraint on it.

mod constraint;
mod dependencies;
mod host;
mod profile;
mod roster;

pub use constraint::{Constraints, EU, Violation};
pub(crate) use dependencies::several_providers;
pub use dependencies::{Dependencies, Dependency, Known, SharedHost};
pub use host::{Host, Need, Role};
pub use profile::Profile;
pub use roster::InvalidRoster;
pub(crate) use roster::Roster;

use std::sync::Arc;

fn declared(text: impl Into<Arc<str>>) -> Option<Arc<str>> {
    Some(text.into()).filter(|text: &Arc<str>| !text.trim().is_empty())
}

/// A client, and what you declare about the place that the client talks to.
#[derive(Clone, Debug)]
pub struct Endpoint<C> {
    client: C,
    profile: Profile,
}

impl<C> Endpoint<C> {
    /// The most endpoints that one client can have.
    pub const MAX: usize = 64;

    /// An endpoint of this name with `client`. Names are unique within one evenkeel client; errors, logs and metrics
    /// show them.
    pub fn new(name: impl Into<Arc<str>>, client: C) -> Self {
        Self {
            client,
            profile: Profile::new(name),
        }
    }

    /// Sets the provider that runs the endpoint: `"aws"`, `"azure"`, `"stackit"`. The provider is the outermost failure
    /// domain. A blank text declares none.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<Arc<str>>) -> Self {
        self.profile.provider = declared(provider);
        self
    }

    /// Sets the provider's name for the region: `"us-east-1"`. The region is a failure domain within the provider's. A
    /// blank text declares none.
    #[must_use]
    pub fn region(mut self, region: impl Into<Arc<str>>) -> Self {
        self.profile.region = declared(region);
        self
    }

    /// Sets where the endpoint's bytes lie, as an ISO 3166 country code: `"DE"`. The default is unknown, and unknown
    /// satisfies no constraint. A blank text declares none.
    #[must_use]
    pub fn location(mut self, location: impl Into<Arc<str>>) -> Self {
        self.profile.location = declared(location);
        self
    }

    /// Sets the jurisdictions whose law reaches the operator: `["US", "DE", "EU"]` for a US company's region in
    /// Frankfurt. The list is taken as complete. The default is unknown, and unknown satisfies no constraint.
    #[must_use]
    pub fn jurisdictions<J: Into<Arc<str>>>(mut self, jurisdictions: impl IntoIterator<Item = J>) -> Self {
        self.profile.jurisdictions = Some(jurisdictions.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the tier. Lower tiers are preferred; endpoints of one tier share its load. The default is the endpoint's
    /// position in the list, so that the order of listing is the order of preference.
    #[must_use]
    pub const fn tier(mut self, tier: u8) -> Self {
        self.profile.tier = Some(tier);
        self
    }

    /// Sets how many calls per second the endpoint gets at most. Further calls spill to the next endpoint. If there
    /// is none, they wait up to 50 ms for their turn and then fail. The default is unlimited.
    #[must_use]
    pub const fn capacity(mut self, calls_per_second: f64) -> Self {
        self.profile.capacity = Some(calls_per_second);
        self
    }

    /// Sets how many attempts may be under way at the endpoint at once, at least 1. Default:
    /// [`MAX_IN_FLIGHT`](crate::stack::limit::MAX_IN_FLIGHT). Raise the limit if many calls take long (at 20,000 a second of
    /// 300 ms each, 6,000 are under way). Lower the limit if the endpoint's client has a queue of its own that should
    /// stay empty. Further calls go to the next endpoint. With nowhere else to go, they wait for their turn, up to half
    /// of the time left until their deadline.
    #[must_use]
    pub const fn max_in_flight(mut self, attempts: u32) -> Self {
        self.profile.max_in_flight = Some(attempts);
        self
    }

    /// Keeps all writes away from the endpoint: a secondary that the provider fills.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.profile.read_only = true;
        self
    }

    /// Sets the keeper of the credentials that the endpoint's client uses. The keeper then fetches credentials anew
    /// when the endpoint refuses them, and reports trouble to the client's [`on_event`](crate::ObjectClient::builder).
    /// The snapshot shows the keeper's state, and the client's dependencies list the hosts that the keeper asks. This
    /// method does not pass the credentials to the endpoint's client.
    #[must_use]
    pub fn credentials<T: Clone + Send + 'static>(mut self, keeper: &crate::credentials::Keeper<T>) -> Self {
        self.profile.credentials = Some(keeper.standing().clone());
        self
    }

    /// Takes the keeper of the credentials away again: refusals are not reported to it.
    #[cfg(feature = "drill")]
    pub(crate) fn without_credentials(mut self) -> Self {
        self.profile.credentials = None;
        self
    }

    /// Declares that the endpoint needs this host, for the hosts that a client's `dependencies()` [cannot
    /// know](crate::client::Dependencies) by itself.
    #[must_use]
    pub fn depends_on(mut self, host: impl Into<Host>, role: Role) -> Self {
        self.profile.depends_on.push(Need {
            host: host.into(),
            role,
            region: None,
        });
        self
    }

    /// Declares that the endpoint needs this host, which stands in this region of the endpoint's provider. A data plane
    /// in Frankfurt may have its control plane in Virginia:
    ///
    /// ```
    /// use evenkeel::{Endpoint, endpoint::Role};
    ///
    /// let frankfurt = Endpoint::new("frankfurt", ())
    ///     .provider("aws")
    ///     .region("eu-central-1")
    ///     .depends_on_at("iam.amazonaws.com", Role::ControlPlane, "us-east-1");
    /// assert_eq!(frankfurt.profile().depends_on()[0].region.as_deref(), Some("us-east-1"));
    /// ```
    #[must_use]
    pub fn depends_on_at(mut self, host: impl Into<Host>, role: Role, region: impl Into<Arc<str>>) -> Self {
        self.profile.depends_on.push(Need {
            host: host.into(),
            role,
            region: Some(region.into()),
        });
        self
    }

    /// An endpoint of this profile.
    #[cfg(feature = "drill")]
    pub(crate) const fn of(profile: Profile, client: C) -> Self {
        Self { client, profile }
    }

    /// The same endpoint without a bound on its load.
    #[cfg(feature = "drill")]
    pub(crate) const fn unbounded(mut self) -> Self {
        self.profile.capacity = None;
        self.profile.max_in_flight = None;
        self
    }

    /// What was declared about the endpoint.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The client.
    pub const fn client(&self) -> &C {
        &self.client
    }

    /// Both parts.
    pub fn into_parts(self) -> (Profile, C) {
        (self.profile, self.client)
    }

    /// The same endpoint with another client.
    pub fn map<D>(self, change: impl FnOnce(C) -> D) -> Endpoint<D> {
        Endpoint {
            client: change(self.client),
            profile: self.profile,
        }
    }
}
