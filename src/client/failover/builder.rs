use super::{
    Core, Failover, Invoke, Judges, Opaque, OpaqueStack,
    layer::{Around, Gate},
    probe::{NoProbe, Probe, ProbeOf},
};
use crate::{
    BoxError, BuildError, Endpoint,
    call::{
        Engine,
        settings::{Settings, stack_setters},
        survival::Survival,
    },
    endpoint::{Constraints, Profile, Roster},
    ops::probe::{Prober, lanes},
    request::Call,
    stack::compose,
    telemetry::CallMetrics,
    verdict::Standard,
};
use std::{future::Future, sync::Arc};
use tower::{Layer, Service};

/// Builds a [`Failover`]. Every default is fit for production.
#[derive(Clone, Debug)]
pub struct FailoverBuilder<C, K = Standard, P = NoProbe> {
    endpoints: Vec<Endpoint<C>>,
    constraints: Constraints,
    classify: K,
    probe: P,
    around_endpoints: Vec<Around>,
    settings: Settings,
    survival: Survival,
}

impl<C> FailoverBuilder<C> {
    pub(super) fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            constraints: Constraints::new(),
            classify: Standard,
            probe: NoProbe,
            around_endpoints: Vec::new(),
            settings: Settings::default(),
            survival: Survival::default(),
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
            around_endpoints: self.around_endpoints,
            settings: self.settings,
            survival: self.survival,
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
        self.probe_if(Some(probe))
    }

    /// Sets a [`probe`](Self::probe) if there is one. Either way the builder has the same type, so that a setting can
    /// decide: `.probe_if(probing.then_some(Table::list))`.
    #[must_use]
    pub fn probe_if<F, Fut, T, E>(self, probe: Option<F>) -> FailoverBuilder<C, K, ProbeOf<F, T, E>>
    where
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        FailoverBuilder {
            endpoints: self.endpoints,
            constraints: self.constraints,
            classify: self.classify,
            probe: ProbeOf::new(probe),
            around_endpoints: self.around_endpoints,
            settings: self.settings,
            survival: self.survival,
        }
    }

    /// Puts a layer of your own around every endpoint, nearest the client: within the endpoint's time limit, health and
    /// breaker. `make` is called once per endpoint. The last layer added is outermost. By default there is none.
    ///
    /// A test plugs a drill in by one line, and the client's type stays the same:
    ///
    #[cfg_attr(feature = "drill", doc = "```")]
    #[cfg_attr(not(feature = "drill"), doc = "```ignore")]
    /// use evenkeel::{Endpoint, Failover, drill::{Fault, FaultLayer, Rule, Timeline}};
    /// use std::io;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn query(table: &'static str) -> io::Result<&'static str> { Ok(table) }
    /// let refusing = Timeline::always(Rule::new(Fault::Refuse).at("virginia"))?;
    /// let tables = Failover::builder()
    ///     .endpoint(Endpoint::new("virginia", "a client"))
    ///     .endpoint(Endpoint::new("ireland", "another"))
    ///     .endpoint_layer(move |endpoint| FaultLayer::new(refusing.clone(), endpoint.clone()))
    ///     .build()?;
    /// assert_eq!(tables.read(|table| query(table)).await?, "another");
    /// # Ok(()) }
    /// ```
    ///
    /// # What a layer sees and does
    /// Each call has a closure and an answer of its own type, and one layer serves them all. So a layer sees a
    /// `Call<`[`Opaque`]`>`: the class of work, how safe a repetition is, the deadline, and neither the closure nor its
    /// answer. The service behind the layer answers `()` for the closure's success. Its error stands for the client's
    /// own error, and is to be given back as it is. A layer may
    /// - ask the service behind it and give back what it answers: the attempt passes,
    /// - wait before that or after it, or for ever,
    /// - fail the attempt, before or after it asks, with a [`ProviderError`](crate::provider::ProviderError), whose
    ///   own [`outcome`](crate::provider::ProviderError::outcome) is the verdict. Once the client was asked, the
    ///   attempt counts as maybe sent, whatever the layer says. An error of any other type is a fault of the endpoint,
    /// - drop what it asked for, which drops the closure's future. If it asks again, the closure runs again.
    ///
    /// The error of a call that a layer failed has no [`provider_error`](crate::Error::provider_error), but an
    /// [`injected`](crate::Error::injected) one. Probes pass the layers, too; [`warm_up`](Failover::warm_up) does not.
    ///
    /// tower's own layers fit. A layer of your own is a few lines:
    ///
    /// ```
    /// use evenkeel::{Endpoint, Failover, client::failover::OpaqueStack, provider::ProviderError};
    /// use std::io;
    /// use tower::{ServiceExt, layer::layer_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn push(_: u8) -> io::Result<()> { Ok(()) }
    /// /// The queue has the message, and its answer is lost.
    /// let losing = |queue: OpaqueStack| {
    ///     queue.and_then(|()| async { Err(ProviderError::faulty("the answer was lost").into()) })
    /// };
    /// let queues = Failover::builder()
    ///     .endpoint(Endpoint::new("virginia", 1))
    ///     .endpoint_layer(move |_| layer_fn(losing))
    ///     .build()?;
    /// let error = queues.write(push).await.unwrap_err();
    /// assert!(error.may_have_been_applied());
    /// assert_eq!(error.injected().unwrap().to_string(), "the answer was lost");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn endpoint_layer<L, F>(mut self, make: F) -> Self
    where
        F: Fn(&Profile) -> L + Send + Sync + 'static,
        L: Layer<OpaqueStack>,
        L::Service: Service<Call<Opaque>, Response = (), Error = BoxError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call<Opaque>>>::Future: Send + 'static,
    {
        let around = move |profile: &Profile, inner| OpaqueStack::new(make(profile).layer(inner));
        self.around_endpoints.push(Around::new(around));
        self
    }

    stack_setters!();

    /// Checks everything and makes the client. Sends nothing.
    ///
    /// # Errors
    /// [`BuildError`] says which setting does not fit.
    pub fn build(mut self) -> Result<Failover<C, K>, BuildError>
    where
        C: Clone,
        K: Clone,
        P: Probe<C, K>,
    {
        self.settings = self.settings.checked()?;
        let (profiles, clients): (Vec<_>, Vec<_>) = self.endpoints.into_iter().map(Endpoint::into_parts).unzip();
        let roster = Roster::new(profiles)?;
        BuildError::unless_keepers_make_sense(&roster)?;
        BuildError::unless_some_permitted(&roster, &self.constraints.violations(&roster))?;
        let services = roster.iter().zip(&clients).map(|(profile, client)| {
            let layered = |inner, around: &Around| around.put(profile, inner);
            let layers =
                (!self.around_endpoints.is_empty()).then(|| self.around_endpoints.iter().fold(Gate::stack(), layered));
            Invoke::new(client.clone(), layers)
        });
        let takes_writes = roster.set_of(|_, profile| !profile.is_read_only());
        let composed = compose(
            &roster,
            services,
            Judges(self.classify),
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
        let (settings, survival) = (self.settings, self.survival);
        let engine = Engine::new(
            roster,
            &composed,
            takes_writes,
            prober,
            settings.name,
            CallMetrics::new(settings.stack.audience.client.clone(), settings.call_listener),
        );
        let audience = settings.stack.audience;
        engine.dependencies().warn(audience.clone());
        let core = Core {
            engine,
            stack: composed.service,
            clients,
            takes_writes,
        };
        survival.check(|| core.engine.impact_of_calls(takes_writes), &audience)?;
        Ok(Failover { core: Arc::new(core) })
    }
}
