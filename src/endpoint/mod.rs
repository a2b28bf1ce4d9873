//! A place where calls can go, and what is known of it beforehand.
//!
//! An [`Endpoint`] is a client together with its name, its place in the tree of failure domains (provider ⊃ region ⊃
//! endpoint), where its data lies, whose law reaches its operator, its tier and its capacity.
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
//! [`Constraints`] are hard: an endpoint that breaks one is never used, in failover least of all; one of which the
//! location or the jurisdiction is not known breaks it.

mod constraint;
mod host;
mod profile;
mod roster;

pub use constraint::{Constraints, EU, Violation};
pub use host::{Host, Role};
pub use profile::Profile;
pub use roster::{InvalidRoster, Roster};

use std::sync::Arc;

/// A client and what is known of the place it talks to.
#[derive(Clone, Debug)]
pub struct Endpoint<C> {
    client: C,
    profile: Profile,
}

impl<C> Endpoint<C> {
    /// The most endpoints that one client can have.
    pub const MAX: usize = 64;

    /// `client` under this name. Names are unique within one evenkeel client; they stand in errors, logs and metrics.
    pub fn new(name: impl Into<Arc<str>>, client: C) -> Self {
        Self {
            client,
            profile: Profile::named(name),
        }
    }

    /// Who runs it: `"aws"`, `"azure"`, `"stackit"`. Outermost failure domain.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<Arc<str>>) -> Self {
        self.profile.provider = Some(provider.into());
        self
    }

    /// The provider's name for the region: `"us-east-1"`. A failure domain within the provider's.
    #[must_use]
    pub fn region(mut self, region: impl Into<Arc<str>>) -> Self {
        self.profile.region = Some(region.into());
        self
    }

    /// Where its bytes lie, as an ISO 3166 country code: `"DE"`. Unknown by default, and unknown satisfies no constraint.
    #[must_use]
    pub fn location(mut self, location: impl Into<Arc<str>>) -> Self {
        self.profile.location = Some(location.into());
        self
    }

    /// Whose law reaches its operator: `["US", "DE", "EU"]` for a US company's region in Frankfurt. The list is taken as
    /// complete. Unknown by default, and unknown satisfies no constraint.
    #[must_use]
    pub fn jurisdictions<J: Into<Arc<str>>>(mut self, jurisdictions: impl IntoIterator<Item = J>) -> Self {
        self.profile.jurisdictions = Some(jurisdictions.into_iter().map(Into::into).collect());
        self
    }

    /// Lower tiers are preferred; endpoints of one tier share its load. Default: its position in the list, so that the
    /// order of listing is the order of preference.
    #[must_use]
    pub const fn tier(mut self, tier: u8) -> Self {
        self.profile.tier = Some(tier);
        self
    }

    /// How many calls per second it may be sent at most. Calls above spill to the next endpoint, or fail at once when
    /// there is none. Unlimited by default.
    #[must_use]
    pub const fn capacity(mut self, calls_per_second: f64) -> Self {
        self.profile.capacity = Some(calls_per_second);
        self
    }

    /// How many attempts may be under way there at once, at least 1. Default: [`MAX_IN_FLIGHT`](crate::limit::MAX_IN_FLIGHT). More are of
    /// use where many calls take long (at 20,000 a second of 300 ms each, 6,000 are under way); fewer, where its client has a
    /// queue of its own that is better not filled. Calls above go to the next endpoint; with nowhere else to go they wait for their turn, up
    /// to half of what is left until their deadline.
    #[must_use]
    pub const fn max_in_flight(mut self, attempts: u32) -> Self {
        self.profile.max_in_flight = Some(attempts);
        self
    }

    /// It is never written to: a secondary that the provider fills.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.profile.read_only = true;
        self
    }

    /// The keeper of the credentials that its client uses: what this endpoint refuses is then fetched anew, its trouble is told
    /// to the client's [`on_event`](crate::ObjectClient::builder), its state is in the snapshot, and the hosts that it
    /// asks are in the client's dependencies. This does not give the client the credentials.
    #[must_use]
    pub fn credentials<T: Clone + Send + 'static>(mut self, keeper: &crate::credentials::Keeper<T>) -> Self {
        self.profile.credentials = Some(keeper.standing().clone());
        self
    }

    /// Says that it needs this host: what `dependencies()` of a client
    /// [cannot know](crate::call::dependencies) by itself.
    #[must_use]
    pub fn depends_on(mut self, host: impl Into<Host>, role: Role) -> Self {
        self.profile.depends_on.push((host.into(), role));
        self
    }

    /// What is known of it.
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
