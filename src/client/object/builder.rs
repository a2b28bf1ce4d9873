use super::{ObjectClient, ObjectParts, assemble, door, probe};
use crate::{
    BoxError, Endpoint,
    client::{
        ObjectStack,
        settings::{Settings, stack_setters},
        stack::compose,
    },
    endpoint::{Constraints, InvalidRoster, Profile, Roster, Violation},
    provider::{AnyObjectProvider, ObjectProvider, ObjectService, ObjectVerdicts},
    replicate::{Mode, Plan, Replication},
    request::{
        Call,
        object::{ObjectRequest, ObjectResponse},
    },
};
use std::sync::Arc;
use tower::{Layer, Service};

/// Builds an [`ObjectClient`]. Every default is fit for production; only [`replication`](Self::replication) has none.
#[derive(Default)]
pub struct ObjectClientBuilder {
    endpoints: Vec<Endpoint<AnyObjectProvider>>,
    replication: Option<Replication>,
    constraints: Constraints,
    settings: Settings,
    around_endpoints: Vec<AroundEndpoint>,
    around_calls: Vec<AroundCall>,
}

/// Wraps one endpoint's service in a layer of the user's.
type AroundEndpoint = Box<dyn Fn(&Profile, ObjectStack) -> ObjectStack + Send + Sync>;
/// Wraps the whole stack in one.
type AroundCall = Box<dyn FnOnce(ObjectStack) -> ObjectStack + Send + Sync>;

/// Why a client could not be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The list of endpoints is not valid.
    #[error(transparent)]
    Endpoints(#[from] InvalidRoster),
    /// Two or more endpoints may be written to, and nothing says how data gets from one to the other.
    #[error(
        "{0} may all be written to: say with `.replication(..)` how data gets from one to the others, or mark copies \
         `.read_only()`"
    )]
    ReplicationRequired(String),
    /// Every endpoint breaks a constraint.
    #[error("no endpoint is left under the constraints: {0}")]
    NothingPermitted(String),
    /// The home that was named is no endpoint of this client.
    #[error("the home `{0}` is not among the endpoints")]
    UnknownHome(Arc<str>),
    /// The home that was named is read-only.
    #[error("the home `{0}` is read-only")]
    HomeReadOnly(Arc<str>),
    /// The home that was named breaks a constraint.
    #[error("the home `{home}` may not be used, as {violation}")]
    HomeBarred {
        /// The home.
        home: Arc<str>,
        /// What it breaks.
        violation: Violation,
    },
    /// A home was named for a replication that has none.
    #[error("`write_once` has no home: a put goes to whichever endpoint takes it")]
    NoHomeHere,
    /// A [`Failover`](crate::Failover)'s `classify` was given after its `probe`, which it then cannot judge.
    #[error("give `.classify(..)` before `.probe(..)`, whose results it must judge")]
    ProbeBeforeClassify,
    /// A deadline of nothing, or beyond a day.
    #[error("{0}")]
    Deadline(String),
}

impl BuildError {
    /// Some endpoint must be left.
    pub(in crate::client) fn unless_some_permitted(
        roster: &Roster,
        violations: &[Option<Violation>],
    ) -> Result<(), Self> {
        let broken: Vec<_> = roster
            .iter()
            .zip(violations)
            .filter_map(|(profile, violation)| Some(format!("{}: {}", profile.name(), violation.as_ref()?)))
            .collect();
        if broken.len() == roster.len() {
            return Err(Self::NothingPermitted(broken.join("; ")));
        }
        Ok(())
    }
}

impl ObjectClientBuilder {
    /// Adds an endpoint. The order is the order of preference.
    #[must_use]
    pub fn endpoint<P: ObjectProvider>(mut self, endpoint: Endpoint<P>) -> Self {
        self.endpoints.push(endpoint.erased());
        self
    }

    /// Adds endpoints of one type; several types go through [`Endpoint::erased`] or [`endpoint`](Self::endpoint).
    #[must_use]
    pub fn endpoints<P: ObjectProvider>(mut self, endpoints: impl IntoIterator<Item = Endpoint<P>>) -> Self {
        self.endpoints.extend(endpoints.into_iter().map(Endpoint::erased));
        self
    }

    /// How data gets from one endpoint to the others. Required with two or more writable endpoints.
    #[must_use]
    pub fn replication(mut self, replication: Replication) -> Self {
        self.replication = Some(replication);
        self
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

    /// Puts a layer of your own around every endpoint, nearest the provider: within its time limit, its health and its
    /// breaker. `make` is called once per endpoint. The last one added is nearest the provider.
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
        L: Layer<ObjectStack>,
        L::Service:
            Service<Call<ObjectRequest>, Response = ObjectResponse, Error = BoxError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call<ObjectRequest>>>::Future: Send + 'static,
    {
        self.around_endpoints.push(Box::new(move |profile, inner| {
            ObjectStack::new(make(profile).layer(inner))
        }));
        self
    }

    /// Puts a layer of your own around the whole stack: it sees each call once, with all its attempts within.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<ObjectStack> + Send + Sync + 'static,
        L::Service:
            Service<Call<ObjectRequest>, Response = ObjectResponse, Error = BoxError> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call<ObjectRequest>>>::Future: Send + 'static,
    {
        self.around_calls
            .push(Box::new(move |inner| ObjectStack::new(layer.layer(inner))));
        self
    }

    /// Checks everything and makes the client. Nothing is sent.
    ///
    /// # Errors
    /// [`BuildError`] says what does not fit.
    pub fn build(mut self) -> Result<ObjectClient, BuildError> {
        let around_endpoints = std::mem::take(&mut self.around_endpoints);
        let around_calls = std::mem::take(&mut self.around_calls);
        let parts = self.parts()?;
        let services = parts.roster.iter().zip(&parts.providers).map(|(profile, provider)| {
            let bridge = ObjectService::new(profile.shared_name().clone(), provider.clone());
            around_endpoints
                .iter()
                .fold(ObjectStack::new(bridge), |inner, around| around(profile, inner))
        });
        let composed = compose(&parts.roster, services, ObjectVerdicts, &parts.settings);
        let prober = probe::start(&parts, &composed);
        let stack = around_calls
            .into_iter()
            .fold(ObjectStack::new(composed.service), |inner, around| around(inner));
        Ok(assemble(parts, stack, composed.vitals, composed.operator, prober))
    }

    pub(crate) fn parts(self) -> Result<ObjectParts, BuildError> {
        door::deadline(self.settings.deadline).map_err(BuildError::Deadline)?;
        let (profiles, providers): (Vec<_>, Vec<_>) = self.endpoints.into_iter().map(Endpoint::into_parts).unzip();
        let roster = Roster::new(profiles)?;
        let mode = mode(&roster, &self.constraints, self.replication)?;
        Ok(ObjectParts {
            roster,
            providers,
            constraints: self.constraints,
            mode,
            settings: self.settings,
        })
    }
}

impl std::fmt::Debug for ObjectClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectClientBuilder")
            .field("endpoints", &self.endpoints)
            .field("replication", &self.replication)
            .field("constraints", &self.constraints)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn mode(roster: &Roster, constraints: &Constraints, replication: Option<Replication>) -> Result<Mode, BuildError> {
    let violations: Vec<_> = roster.iter().map(|profile| constraints.check(profile).err()).collect();
    BuildError::unless_some_permitted(roster, &violations)?;
    let mut writable = roster
        .iter()
        .enumerate()
        .filter(|(_, profile)| !profile.is_read_only() && constraints.check(profile).is_ok());
    let Some(replication) = replication else {
        let names: Vec<_> = writable.clone().map(|(_, profile)| profile.name()).collect();
        if names.len() > 1 {
            return Err(BuildError::ReplicationRequired(names.join(" and ")));
        }
        return Ok(Mode::ProviderManaged {
            home: writable.next().map(|(index, _)| index),
        });
    };
    match (replication.plan, replication.home) {
        (Plan::WriteOnce, None) => Ok(Mode::WriteOnce),
        (Plan::WriteOnce, Some(_)) => Err(BuildError::NoHomeHere),
        (Plan::ProviderManaged, None) => Ok(Mode::ProviderManaged {
            home: writable.next().map(|(index, _)| index),
        }),
        (Plan::ProviderManaged, Some(home)) => {
            let Some((index, profile)) = roster.index_of(&home).and_then(|i| Some((i, roster.get(i)?))) else {
                return Err(BuildError::UnknownHome(home));
            };
            if profile.is_read_only() {
                return Err(BuildError::HomeReadOnly(home));
            }
            match constraints.check(profile) {
                Ok(()) => Ok(Mode::ProviderManaged { home: Some(index) }),
                Err(violation) => Err(BuildError::HomeBarred { home, violation }),
            }
        }
    }
}
