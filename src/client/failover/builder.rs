use super::{Core, Failover, Invoke};
use crate::{
    BuildError, Endpoint,
    client::{
        settings::{Settings, stack_setters},
        stack::compose,
        store::valid_deadline,
    },
    endpoint::{Constraints, Roster},
    telemetry::CallMetrics,
    verdict::Standard,
};
use std::sync::{Arc, atomic::AtomicBool};

/// Builds a [`Failover`]. Every default is fit for production.
#[derive(Clone, Debug)]
pub struct FailoverBuilder<C, K = Standard> {
    endpoints: Vec<Endpoint<C>>,
    constraints: Constraints,
    classify: K,
    settings: Settings,
}

impl<C> FailoverBuilder<C> {
    pub(super) fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            constraints: Constraints::new(),
            classify: Standard,
            settings: Settings::default(),
        }
    }
}

impl<C, K> FailoverBuilder<C, K> {
    /// Adds an endpoint. The order is the order of preference, unless tiers say otherwise.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint<C>) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Adds several.
    #[must_use]
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = Endpoint<C>>) -> Self {
        self.endpoints.extend(endpoints);
        self
    }

    /// Judges results with `classify` instead of [`Standard`]. [How to write one](crate::guide::classify).
    #[must_use]
    pub fn classify<L>(self, classify: L) -> FailoverBuilder<C, L> {
        FailoverBuilder {
            endpoints: self.endpoints,
            constraints: self.constraints,
            classify,
            settings: self.settings,
        }
    }

    /// Only endpoints that lie in one of these places (ISO 3166) are ever used; see
    /// [`Constraints::only_locations`].
    #[must_use]
    pub fn only_locations<L: Into<Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
        self.constraints = self.constraints.only_locations(locations);
        self
    }

    /// No endpoint whose operator this law reaches is ever used; see [`Constraints::not_under_jurisdiction_of`].
    #[must_use]
    pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<Arc<str>>) -> Self {
        self.constraints = self.constraints.not_under_jurisdiction_of(jurisdiction);
        self
    }

    stack_setters!();

    /// Checks everything and makes the client. Nothing is sent.
    ///
    /// # Errors
    /// [`BuildError`] says what does not fit.
    pub fn build(self) -> Result<Failover<C, K>, BuildError>
    where
        C: Clone,
        K: Clone,
    {
        valid_deadline(self.settings.deadline).map_err(BuildError::Deadline)?;
        let (profiles, clients): (Vec<_>, Vec<_>) = self.endpoints.into_iter().map(Endpoint::into_parts).unzip();
        let roster = Roster::new(profiles)?;
        let violations = Core::<C, K>::violations(&roster, &self.constraints);
        BuildError::unless_some_permitted(&roster, &violations)?;
        let barred = roster.set_of(|index, _| violations[index].is_some());
        let services = clients.iter().cloned().map(Invoke::new);
        let composed = compose(&roster, services, self.classify, &self.settings);
        Ok(Failover {
            core: Arc::new(Core {
                roster,
                violations,
                barred,
                composed,
                clients,
                metrics: CallMetrics::new(),
                closed: AtomicBool::new(false),
            }),
        })
    }
}
