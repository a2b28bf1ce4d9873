use super::{Core, Failover, Invoke, probe::Probe};
use crate::{
    BuildError, Endpoint,
    call::{
        Engine,
        settings::{Settings, stack_setters},
    },
    endpoint::{Constraints, Roster},
    probe::{Prober, lanes},
    stack::compose,
    telemetry::CallMetrics,
    verdict::{Classify, Standard},
};
use std::sync::Arc;

/// Builds a [`Failover`]. Every default is fit for production.
#[derive(Clone, Debug)]
pub struct FailoverBuilder<C, K = Standard> {
    endpoints: Vec<Endpoint<C>>,
    constraints: Constraints,
    classify: K,
    probe: Option<Probe<C, K>>,
    /// A later `classify` cannot judge the probe.
    probe_lost: bool,
    settings: Settings,
}

impl<C> FailoverBuilder<C> {
    pub(super) fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            constraints: Constraints::new(),
            classify: Standard,
            probe: None,
            probe_lost: false,
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

    /// Adds several endpoints.
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
            probe: None,
            probe_lost: self.probe.is_some() || self.probe_lost,
            settings: self.settings,
        }
    }

    /// Sets a cheap read that shows whether an endpoint is well (`list_tables` with a limit of 1, a key that does not
    /// exist). The client sends the probe in the background, see [`probe`](mod@crate::probe). The probe's result is
    /// judged like any call's, so set [`classify`](Self::classify) first. Without a probe, nothing checks idle
    /// endpoints, and an endpoint that is out is tested by a call now and then; that call is sent to another endpoint
    /// as well.
    #[must_use]
    pub fn probe<F, Fut, T, E>(mut self, probe: F) -> Self
    where
        C: Clone + Send + Sync + 'static,
        K: Classify<T, E> + Clone + Send + Sync + 'static,
        F: Fn(C) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        (self.probe, self.probe_lost) = (Some(Probe::new(probe)), false);
        self
    }

    stack_setters!();

    /// Checks everything and makes the client. Sends nothing.
    ///
    /// # Errors
    /// [`BuildError`] says which setting does not fit.
    pub fn build(self) -> Result<Failover<C, K>, BuildError>
    where
        C: Clone,
        K: Clone,
    {
        self.settings.check()?;
        if self.probe_lost {
            return Err(BuildError::ProbeBeforeClassify);
        }
        let (profiles, clients): (Vec<_>, Vec<_>) = self.endpoints.into_iter().map(Endpoint::into_parts).unzip();
        let roster = Roster::new(profiles)?;
        BuildError::unless_keepers_make_sense(&roster)?;
        BuildError::unless_some_permitted(&roster, &self.constraints.violations(&roster))?;
        let services = clients.iter().cloned().map(Invoke::new);
        let takes_writes = roster.set_of(|_, profile| !profile.is_read_only());
        let composed = compose(
            &roster,
            services,
            self.classify,
            &self.constraints,
            &self.settings.stack,
        );
        let permitted = |(client, violation): (_, &Option<_>)| violation.is_none().then_some(client);
        let all = clients.into_iter().zip(composed.violations.iter());
        let clients = all.filter_map(permitted).collect();
        let prober = match self.probe {
            None => Prober::none(),
            Some(probe) => {
                let mut probes = self.settings.probes.clone();
                // Only an object client knows a write that does no harm.
                probes.writes = false;
                let lanes = lanes(&roster, &composed, &probes, &self.settings.stack.audience);
                let send = probe.sender(composed.route.clone());
                Prober::start(probes, lanes, send, !self.settings.stack.seed)
            }
        };
        let settings = self.settings;
        let engine = Engine::new(
            roster,
            &composed,
            takes_writes,
            prober,
            settings.name,
            CallMetrics::new(settings.stack.audience.client.clone(), settings.call_listener),
        );
        engine.dependencies().warn(settings.stack.audience);
        let core = Core {
            engine,
            stack: composed.service,
            clients,
        };
        Ok(Failover { core: Arc::new(core) })
    }
}
