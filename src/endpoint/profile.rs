use super::{Host, Role};
use crate::{credentials::Standing, telemetry::Labels};
use std::{collections::BTreeSet, sync::Arc};

/// What is known of an endpoint beforehand.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(super) name: Arc<str>,
    pub(super) provider: Option<Arc<str>>,
    pub(super) region: Option<Arc<str>>,
    pub(super) location: Option<Arc<str>>,
    pub(super) jurisdictions: Option<BTreeSet<Arc<str>>>,
    pub(super) tier: Option<u8>,
    pub(super) capacity: Option<f64>,
    pub(super) max_in_flight: Option<u32>,
    pub(super) read_only: bool,
    pub(super) credentials: Option<Standing>,
    pub(super) depends_on: Vec<(Host, Role)>,
    /// Where its client's configuration says that its data is asked for.
    pub(super) client_hosts: Option<Vec<Host>>,
}

impl Profile {
    /// An endpoint of which only the name is known.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            provider: None,
            region: None,
            location: None,
            jurisdictions: None,
            tier: None,
            capacity: None,
            max_in_flight: None,
            read_only: false,
            credentials: None,
            depends_on: Vec::new(),
            client_hosts: None,
        }
    }

    /// How it is called in spans and metrics.
    pub(crate) fn labels(&self, client: Arc<str>) -> Labels {
        Labels {
            client,
            endpoint: self.name.clone(),
            provider: self.provider.clone(),
            region: self.region.clone(),
        }
    }

    /// Its unique name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its unique name, shared.
    pub const fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Who runs it.
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The provider's name for its region.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Where its bytes lie.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Whose law reaches its operator; `None` if that is unknown.
    pub fn jurisdictions(&self) -> Option<impl Iterator<Item = &str>> {
        self.jurisdictions.as_ref().map(|all| all.iter().map(|j| &**j))
    }

    /// Its tier, where one was given.
    pub const fn tier(&self) -> Option<u8> {
        self.tier
    }

    /// Calls per second it may be sent, where a bound was given.
    pub const fn capacity(&self) -> Option<f64> {
        self.capacity
    }

    /// How many attempts may be under way at once, where that was said.
    pub const fn max_in_flight(&self) -> Option<u32> {
        self.max_in_flight
    }

    /// How the credentials stand that it is called with, where they were given.
    pub const fn credentials(&self) -> Option<&Standing> {
        self.credentials.as_ref()
    }

    /// The hosts that it was declared to need.
    pub fn depends_on(&self) -> &[(Host, Role)] {
        &self.depends_on
    }

    /// Where its client's configuration says that its data is asked for; `None` where it does not say.
    pub(crate) fn client_hosts(&self) -> Option<&[Host]> {
        self.client_hosts.as_deref()
    }

    /// See [`client_hosts`](Self::client_hosts).
    pub(crate) fn found_in_client(mut self, hosts: Option<Vec<Host>>) -> Self {
        self.client_hosts = hosts;
        self
    }

    /// Where its data is asked for, as far as that was declared or is known.
    pub(crate) fn data_hosts(&self) -> impl Iterator<Item = &Host> {
        let declared = self.depends_on.iter().filter(|(_, role)| *role == Role::Data);
        declared.map(|(host, _)| host).chain(self.client_hosts.iter().flatten())
    }

    /// Whether it is never written to.
    pub const fn is_read_only(&self) -> bool {
        self.read_only
    }
}
