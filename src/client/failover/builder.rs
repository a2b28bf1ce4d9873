use super::{
    Core, Failover, Invoke,
    probe::{NoProbe, Probe, ProbeOf},
};
use crate::{
    BuildError, Endpoint,
    call::{
        Engine,
        settings::{Settings, stack_setters},
    },
    endpoint::{Constraints, Roster},
    ops::probe::{Prober, lanes},
    stack::compose,
    telemetry::CallMetrics,
    verdict::Standard,
};
use std::{future::Future, sync::Arc};

/// Builds a [`Failover`]. Every default is fit for production.
#[derive(Clone, Debug)]
pub struct FailoverBuilder<C, K = Standard, P = NoProbe> {
    endpoints: Vec<Endpoint<C>>,
    constraints: Constraints,
    classify: K,
    probe: P,
    settings: Settings,
}

impl<C> FailoverBuilder<C> {
    pub(super) fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            constraints: Constraints::new(),
            classify: Standard,
            probe: NoProbe,
            settings: Settings::default(),
        }
    }
}

impl<C, K, P> FailoverBuilder<C, K, P> {
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
    pub fn classify<L>(self, classify: L) -> FailoverBuilder<C, L, P> {
        FailoverBuilder {
            endpoints: self.endpoints,
            constraints: self.constraints,
            classify,
            probe: self.probe,
            settings: self.settings,
        }
    }

    /// Sets a cheap read that shows whether an endpoint is well (`list_tables` with a limit of 1, a key that does not
    /// exist). The client sends the probe in the background, see [`probe`](mod@crate::ops::probe). The probe's result is
    /// judged like any call's. Without a probe, nothing checks idle
    /// endpoints, and an endpoint that is out is tested by a call now and then; that call is sent to another endpoint
    /// as well.
    #[must_use]
    pub fn probe<F, Fut, T, E>(self, probe: F) -> FailoverBuilder<C, K, ProbeOf<F, T, E>>
    where
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        FailoverBuilder {
            endpoints: self.endpoints,
            constraints: self.constraints,
            classify: self.classify,
            probe: ProbeOf::new(probe),
            settings: self.settings,
        }
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
        P: Probe<C, K>,
    {
        self.settings.check()?;
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
        let prober = match self.probe.sender(composed.route.clone()) {
            None => Prober::none(),
            Some(send) => {
                let mut probes = self.settings.probes.clone();
                // Only an object client knows a write that does no harm.
                probes.writes = false;
                let lanes = lanes(&roster, &composed, &probes, &self.settings.stack.audience);
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
