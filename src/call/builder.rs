use super::{Core, ErasedService, Protocol, StoreStack, probe};
use crate::{
    BoxError, Endpoint,
    call::{
        Authority, BuildError, Plan, Replication,
        core::Parts,
        settings::{Settings, stack_setters},
        survival::Survival,
    },
    endpoint::{Constraints, Profile, Roster, several_providers},
    provider::ObjectVerdicts,
    request::{Call, Writer},
    stack::{compose, deadline::DeadlineLayer, route::Exhausted},
};
use std::{fmt, future::ready, sync::Arc};
use tower::{Layer, Service, util::Either};

/// Builds an [`ObjectClient`](crate::ObjectClient) or a [`KvClient`](crate::KvClient). Every default is fit for
/// production; only [`replication`](Self::replication) has none.
pub struct StoreBuilder<P: Protocol> {
    pub(crate) endpoints: Vec<Endpoint<P::Provider>>,
    replication: Option<Replication>,
    constraints: Constraints,
    settings: Settings,
    survival: Survival,
    pub(crate) require_verified: bool,
    fenced: bool,
    /// `None`: the operating system tells the writers of clients apart.
    writer: Option<Writer>,
    around_endpoints: Vec<AroundEndpoint<P>>,
    around_calls: Vec<AroundCall<P>>,
}

/// Wraps one endpoint's service in a user's layer.
type AroundEndpoint<P> = Arc<dyn Fn(&Profile, StoreStack<P>) -> StoreStack<P> + Send + Sync>;
/// Wraps the whole stack in a user's layer.
type AroundCall<P> = Arc<dyn Fn(StoreStack<P>) -> StoreStack<P> + Send + Sync>;

impl<P: Protocol> Default for StoreBuilder<P> {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            replication: None,
            constraints: Constraints::default(),
            settings: Settings::default(),
            survival: Survival::default(),
            require_verified: false,
            fenced: false,
            writer: None,
            around_endpoints: Vec::new(),
            around_calls: Vec::new(),
        }
    }
}

impl<P: Protocol> StoreBuilder<P> {
    /// Sets how data gets from one endpoint to the others. Required with two or more writable endpoints.
    #[must_use]
    pub fn replication(mut self, replication: Replication) -> Self {
        self.replication = Some(replication);
        self
    }

    /// Fences every put and delete, as `.fenced()` on a call does for one. If the client does not know what is there,
    /// the write asks first, and pays for the request. No late attempt then undoes what was acknowledged since. See
    /// [late attempts](crate::client#late-attempts).
    #[must_use]
    pub const fn fenced(mut self) -> Self {
        self.fenced = true;
        self
    }

    /// Sets who stamps the writes, and by which clock: in tests and simulations, which repeat.
    #[cfg(test)]
    pub(crate) fn writer(mut self, writer: Writer) -> Self {
        self.writer = Some(writer);
        self
    }

    stack_setters!();

    /// Puts a layer of your own around every endpoint, nearest the provider: within the endpoint's time limit, health
    /// and breaker. `make` is called once per endpoint. The last layer added is outermost.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// let client = ObjectClient::builder()
    ///     .endpoint(Endpoint::new("here", Memory::new()))
    ///     .endpoint_layer(|_profile| tower::limit::ConcurrencyLimitLayer::new(8))
    ///     .build();
    /// assert!(client.is_ok());
    /// ```
    #[must_use]
    pub fn endpoint_layer<L, F>(mut self, make: F) -> Self
    where
        F: Fn(&Profile) -> L + Send + Sync + 'static,
        L: Layer<StoreStack<P>>,
        L::Service: Service<Call<P::Request>, Response = P::Response, Error = BoxError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call<P::Request>>>::Future: Send + 'static,
    {
        self.around_endpoints.push(Arc::new(move |profile, inner| {
            StoreStack::<P>::new(make(profile).layer(inner))
        }));
        self
    }

    /// Puts a layer of your own around the whole stack. The layer sees each call once, with all its attempts within.
    /// The call's deadline lies around the layer, and bounds the layer's waits.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<StoreStack<P>> + Send + Sync + 'static,
        L::Service: Service<Call<P::Request>, Response = P::Response, Error = BoxError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call<P::Request>>>::Future: Send + 'static,
    {
        self.around_calls
            .push(Arc::new(move |inner| StoreStack::<P>::new(layer.layer(inner))));
        self
    }

    /// A builder of one more client with all that was set here. The clients share what was set to be shared: adapters,
    /// listeners, layers, budget, registry, keepers of credentials.
    #[cfg(feature = "drill")]
    pub(crate) fn again(&self) -> Self {
        Self {
            endpoints: self.endpoints.clone(),
            replication: self.replication.clone(),
            constraints: self.constraints.clone(),
            settings: self.settings.clone(),
            survival: self.survival.clone(),
            require_verified: self.require_verified,
            fenced: self.fenced,
            // Each client is a writer of its own.
            writer: None,
            around_endpoints: self.around_endpoints.clone(),
            around_calls: self.around_calls.clone(),
        }
    }

    /// As [`again`](Self::again), for a client whose trouble must not reach the others: it has a registry and a budget
    /// of its own, and reports no refused credentials to a keeper, which would fetch others for everybody. Its name is
    /// the client's with this suffix. Of the listeners, those of events stay; those of calls go.
    #[cfg(feature = "drill")]
    pub(crate) fn apart(&self, suffix: &str) -> Self {
        let mut apart = self.again();
        let stack = &mut apart.settings.stack;
        stack.registry = crate::stack::breaker::Registry::new();
        stack.budget = stack.budget.anew();
        stack.audience.client = format!("{}-{suffix}", stack.audience.client).into();
        // Two clients with one seed would move in step. The golden ratio's bits are as good as any.
        stack.seed ^= 0x9e37_79b9_7f4a_7c15;
        apart.settings.call_listener = None;
        // The client itself has met its demands; without keepers nobody could tell when credentials expire.
        apart.survival = Survival::default();
        apart.endpoints = apart.endpoints.into_iter().map(Endpoint::without_credentials).collect();
        apart
    }

    /// Puts a layer nearest to the provider, below the user's own.
    #[cfg(feature = "drill")]
    pub(crate) fn innermost_layer<L, F>(self, make: F) -> Self
    where
        F: Fn(&Profile) -> L + Send + Sync + 'static,
        L: Layer<StoreStack<P>>,
        L::Service: Service<Call<P::Request>, Response = P::Response, Error = BoxError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call<P::Request>>>::Future: Send + 'static,
    {
        let mut layered = self.endpoint_layer(make);
        layered.around_endpoints.rotate_right(1);
        layered
    }

    /// What was declared of the endpoints, in their order.
    #[cfg(feature = "drill")]
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.endpoints.iter().map(Endpoint::profile)
    }

    /// The constraints.
    #[cfg(feature = "drill")]
    pub(crate) const fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// How data gets from one endpoint to the others, in words.
    #[cfg(feature = "drill")]
    pub(crate) fn replication_name(&self) -> &'static str {
        self.replication.as_ref().map_or("one endpoint", Replication::as_str)
    }

    /// The listener of calls, if one was set.
    #[cfg(feature = "drill")]
    pub(crate) fn call_listener(&self) -> Option<crate::telemetry::CallListener> {
        self.settings.call_listener.clone()
    }

    /// Checks everything and composes the stack.
    pub(crate) fn assemble(mut self) -> Result<Core<P>, BuildError> {
        let around_endpoints = std::mem::take(&mut self.around_endpoints);
        let around_calls = std::mem::take(&mut self.around_calls);
        let survival = std::mem::take(&mut self.survival);
        let parts = self.parts()?;
        let siblings: Arc<[Arc<str>]> = match parts.plan.authority {
            Authority::Replicas => parts
                .roster
                .iter()
                .map(|profile| profile.shared_name().clone())
                .collect(),
            _ => Arc::default(),
        };
        let services = parts.roster.iter().zip(&parts.providers).map(|(profile, provider)| {
            let around = around_endpoints.iter().map(|around| |inner| around(profile, inner));
            match provider {
                Some(provider) => layered(P::bridge(profile, provider, &siblings), around),
                // A layer may call what it was put around when it likes.
                None => Either::Right(around.fold(nowhere::<P>(), |inner, around| around(inner))),
            }
        });
        let composed = compose(
            &parts.roster,
            services,
            ObjectVerdicts,
            &parts.constraints,
            &parts.settings.stack,
        );
        let prober = probe::start(&parts, &composed);
        let deadline = DeadlineLayer::new(parts.settings.stack.deadline);
        let around_calls = around_calls.iter().map(|around| |inner| around(inner));
        let door = match layered(composed.service.clone(), around_calls) {
            Either::Left(stack) => Either::Left(stack),
            // What these wait for is within it, too.
            Either::Right(layered) => Either::Right(deadline.layer(layered)),
        };
        let audience = parts.settings.stack.audience.clone();
        let core = Core::new(parts, door, composed, prober);
        if several_providers(&core.engine.roster) {
            core.dependencies().warn(audience.clone());
        }
        survival.check(|| core.impact(), &audience)?;
        Ok(core)
    }

    fn parts(mut self) -> Result<Parts<P>, BuildError> {
        self.settings = self.settings.checked()?;
        self.settings.stack.audience.noun = P::NOUN;
        let (profiles, providers): (Vec<_>, Vec<_>) = self
            .endpoints
            .into_iter()
            .map(Endpoint::into_parts)
            .map(|(profile, provider)| {
                // Only a place that has a name can be shared. Some adapters ask their client by a request that is not sent.
                let is_named = profile.provider().is_some() && profile.region().is_some();
                let hosts = is_named.then(|| P::hosts(&provider)).flatten();
                (profile.found_in_client(hosts), provider)
            })
            .unzip();
        let roster = Roster::new(profiles)?;
        BuildError::unless_keepers_make_sense(&roster)?;
        let violations = self.constraints.violations(&roster);
        BuildError::unless_some_permitted(&roster, &violations)?;
        let plan = Plan::of(&roster, &violations, self.replication)?;
        let permitted = |(provider, violation): (_, &Option<_>)| violation.is_none().then_some(provider);
        let providers: Vec<_> = providers.into_iter().zip(violations.iter()).map(permitted).collect();
        if plan.authority == Authority::Replicas {
            strong::<P>(&roster, &providers)?;
        }
        let wall = self.settings.stack.audience.clone();
        let from_os = || Writer::from_os(move || wall.wall());
        Ok(Parts {
            roster,
            providers,
            constraints: self.constraints,
            plan,
            settings: self.settings,
            require_verified: self.require_verified,
            fenced: self.fenced,
            writer: self.writer.map_or_else(from_os, Ok).map_err(BuildError::Entropy)?,
        })
    }
}

/// The service with these layers around it. Without layers the type is not erased, which saves each call two
/// allocations.
fn layered<S, R, A>(
    service: S,
    layers: impl IntoIterator<Item = impl FnOnce(ErasedService<R, A>) -> ErasedService<R, A>>,
) -> Either<S, ErasedService<R, A>>
where
    S: Service<Call<R>, Response = A, Error = BoxError, Future: Send + 'static> + Clone + Send + Sync + 'static,
{
    let mut layers = layers.into_iter();
    let Some(first) = layers.next() else {
        return Either::Left(service);
    };
    Either::Right(layers.fold(first(ErasedService::new(service)), |inner, around| around(inner)))
}

/// The stand-in for an endpoint that must not be used.
fn nowhere<P: Protocol>() -> StoreStack<P> {
    let refuses = |_: Call<P::Request>| ready(Err::<P::Response, BoxError>(Exhausted::default().into()));
    StoreStack::<P>::new(tower::service_fn(refuses))
}

/// Checks that these endpoints can be replicas of one table.
fn strong<P: Protocol>(roster: &Roster, providers: &[Option<P::Provider>]) -> Result<(), BuildError> {
    let used = || {
        let all = roster.iter().zip(providers);
        all.filter_map(|(profile, provider)| Some((profile, provider.as_ref()?)))
    };
    let unfit = used().find(|(_, provider)| !P::has_strong_replicas(provider));
    if let Some((profile, _)) = unfit {
        return Err(BuildError::NotStrong(profile.shared_name().clone()));
    }
    let mut known = used()
        .map(|(profile, _)| profile)
        .filter(|profile| profile.provider().is_some());
    let Some(first) = known.next() else { return Ok(()) };
    match known.find(|other| other.provider() != first.provider()) {
        Some(other) => Err(BuildError::StrongAcrossProviders(
            first.shared_name().clone(),
            other.shared_name().clone(),
        )),
        None => Ok(()),
    }
}

impl<P: Protocol> fmt::Debug for StoreBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.profile().name())
            .collect();
        f.debug_struct("StoreBuilder")
            .field("endpoints", &names)
            .field("replication", &self.replication)
            .field("constraints", &self.constraints)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
