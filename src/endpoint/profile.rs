use super::{Host, Need, Role};
use crate::{credentials::Standing, telemetry::Labels};
use std::{collections::BTreeSet, sync::Arc};

/// What was declared about an endpoint.
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
    pub(super) depends_on: Vec<Need>,
    /// The data hosts from the configuration of the endpoint's client.
    pub(super) client_hosts: Option<Vec<Host>>,
}

impl Profile {
    /// A profile with nothing but a name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
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

    /// The endpoint's labels in spans and metrics.
    pub(crate) fn labels(&self, client: Arc<str>) -> Labels {
        Labels {
            client,
            endpoint: self.name.clone(),
            provider: self.provider.clone(),
            region: self.region.clone(),
        }
    }

    /// The endpoint's unique name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The endpoint's unique name, shared.
    pub const fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// The provider that runs the endpoint.
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The provider's name for the endpoint's region.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Where the endpoint's bytes lie.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// The jurisdictions whose law reaches the operator; `None` if unknown.
    pub fn jurisdictions(&self) -> Option<impl Iterator<Item = &str>> {
        self.jurisdictions.as_ref().map(|all| all.iter().map(|j| &**j))
    }

    /// The endpoint's tier, if one was set.
    pub const fn tier(&self) -> Option<u8> {
        self.tier
    }

    /// How many calls per second the endpoint gets at most, if a bound was set.
    pub const fn capacity(&self) -> Option<f64> {
        self.capacity
    }

    /// How many attempts may be under way at once, if a bound was set.
    pub const fn max_in_flight(&self) -> Option<u32> {
        self.max_in_flight
    }

    /// The state of the endpoint's credentials, if a keeper was set.
    pub const fn credentials(&self) -> Option<&Standing> {
        self.credentials.as_ref()
    }

    /// The hosts that the endpoint was declared to need.
    pub fn depends_on(&self) -> &[Need] {
        &self.depends_on
    }

    /// The data hosts from the configuration of the endpoint's client; `None` if the configuration does not tell them.
    pub(crate) fn client_hosts(&self) -> Option<&[Host]> {
        self.client_hosts.as_deref()
    }

    /// See [`client_hosts`](Self::client_hosts).
    pub(crate) fn found_in_client(mut self, hosts: Option<Vec<Host>>) -> Self {
        self.client_hosts = hosts;
        self
    }

    /// The data hosts, as far as they were declared or are known.
    pub(crate) fn data_hosts(&self) -> impl Iterator<Item = &Host> {
        let declared = self.depends_on.iter().filter(|need| need.role == Role::Data);
        declared
            .map(|need| &need.host)
            .chain(self.client_hosts.iter().flatten())
    }

    /// Whether the endpoint is never written to.
    pub const fn is_read_only(&self) -> bool {
        self.read_only
    }
}
