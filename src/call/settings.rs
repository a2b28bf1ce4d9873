use super::{
    BuildError,
    options::{valid_attempt_limit, valid_time},
};
use crate::{model::bounds::Bounded, ops::probe, stack, telemetry::CallListener};

/// Everything that a builder can set. The defaults are documented where each is defined.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) stack: stack::Settings,
    pub(crate) name: Option<&'static str>,
    pub(crate) probes: probe::ProbeSettings,
    pub(crate) call_listener: Option<CallListener>,
}

impl Settings {
    /// The settings of a client that is built now, if each number makes sense.
    pub(crate) fn checked(mut self) -> Result<Self, BuildError> {
        self.stack.audience = self.stack.audience.of_a_client();
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), BuildError> {
        valid_time("a deadline", self.stack.deadline).map_err(BuildError::Deadline)?;
        let settings = self.stack.wrong().or_else(|| self.probes.wrong());
        let wrong = settings.or_else(|| valid_attempt_limit(self.stack.attempt_limit?).err());
        wrong.map_or(Ok(()), |wrong| Err(BuildError::Setting(wrong)))
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("stack", &self.stack)
            .field("probes", &self.probes)
            .finish_non_exhaustive()
    }
}

/// The setters that every builder has, on its field `settings`.
macro_rules! stack_setters {
    () => {
        /// Sets how long a whole call may take, with all its attempts. Default 10 s; a call can set its own deadline.
        #[must_use]
        pub const fn deadline(mut self, deadline: std::time::Duration) -> Self {
            self.settings.stack.deadline = deadline;
            self
        }

        /// Sets how long each attempt may take, in place of the [learnt](crate::stack::timeout) limit. Default: the learnt
        /// limit. A call can set its own limit; that option's docs say more. The limit holds for probes, too.
        ///
        /// The limit also holds for attempts with many bytes, for which the learnt limit allows more time: choose a
        /// limit that fits the largest. Unlike a call's own limit, this one defines what the client calls late: an
        /// endpoint that keeps running into the limit is left.
        #[must_use]
        pub const fn attempt_limit(mut self, limit: std::time::Duration) -> Self {
            self.settings.stack.attempt_limit = Some(limit);
            self
        }

        /// Sets the client's name in metrics: the value of their label `client`. Default `"default"`. To tell the
        /// clients of one process apart, give each its own name. Install the recorder before [`build`](Self::build),
        /// which takes the handles.
        #[must_use]
        pub fn client_name(mut self, name: impl Into<std::sync::Arc<str>>) -> Self {
            self.settings.stack.audience.client = name.into();
            self
        }

        /// Sets the name that explanations and errors use for calls of this client without a name of their own.
        /// Default: `get`, `read` and the like. (Such calls are measured per client anyway.)
        #[must_use]
        pub const fn operation_name(mut self, name: &'static str) -> Self {
            self.settings.name = Some(name);
            self
        }

        /// Uses only endpoints that lie in one of these places (ISO 3166); see
        /// [`Constraints::only_locations`](crate::endpoint::Constraints::only_locations).
        #[must_use]
        pub fn only_locations<L: Into<std::sync::Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
            self.constraints = self.constraints.only_locations(locations);
            self
        }

        /// Uses no endpoint whose operator this law reaches; see
        /// [`Constraints::not_under_jurisdiction_of`](crate::endpoint::Constraints::not_under_jurisdiction_of).
        #[must_use]
        pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<std::sync::Arc<str>>) -> Self {
            self.constraints = self.constraints.not_under_jurisdiction_of(jurisdiction);
            self
        }

        /// Demands that the client survives this loss: writes and fresh reads go on, at once and after the credentials
        /// have expired that cannot be renewed then. A text is a provider. [`build`](Self::build) refuses a client that
        /// does not survive, or of which that cannot be known, because an endpoint does not declare what it must:
        /// see [`impact`](mod@crate::ops::impact). A loss that no endpoint declares is an error as well.
        ///
        /// ```
        /// use evenkeel::{BuildError, Endpoint, Failover, ops::impact::Loss};
        ///
        /// let virginia = Endpoint::new("virginia", ()).provider("aws").region("us-east-1");
        /// let stackit = Endpoint::new("stackit", ()).provider("stackit").region("eu01");
        /// let both = Failover::builder().endpoint(virginia.clone()).endpoint(stackit.clone());
        /// assert!(both.survives("aws").survives(Loss::region("stackit", "eu01")).build().is_ok());
        ///
        /// let copy = Failover::builder().endpoint(virginia).endpoint(stackit.read_only());
        /// let error = copy.survives("aws").build().unwrap_err();
        /// assert_eq!(
        ///     error.to_string(),
        ///     "the client does not survive the loss of provider aws: writes end: nothing but virginia takes them, \
        ///      and that is lost",
        /// );
        /// ```
        ///
        /// Under `write_once` no client with two endpoints survives the loss of one of them: what lies there cannot be
        /// read. Under `provider_managed` a client survives every loss that spares the home. Under `strong` one
        /// replica that takes writes is enough. A [`Failover`](crate::Failover) survives where its calls reach an
        /// endpoint; whether the data is there, it cannot know.
        #[must_use]
        pub fn survives(mut self, loss: impl Into<crate::ops::impact::Loss>) -> Self {
            self.survival.demand(loss.into());
            self
        }

        /// Demands that the client [survives](Self::survives) the loss of any one region: of each that its endpoints
        /// declare, and of the region of each endpoint that declares none.
        #[must_use]
        pub fn survives_any_region(mut self) -> Self {
            self.survival.demand_any_region();
            self
        }

        /// Demands that the client [survives](Self::survives) the loss of any one provider: of each that its endpoints
        /// declare, and of the provider of each endpoint that declares none.
        #[must_use]
        pub fn survives_any_provider(mut self) -> Self {
            self.survival.demand_any_provider();
            self
        }

        /// Sets what happens if the client does not [survive](Self::survives) what it should, or that cannot be known.
        /// Default: [`Unmet::Fails`](crate::client::Unmet::Fails).
        #[must_use]
        pub const fn if_not_survived(mut self, unmet: crate::client::Unmet) -> Self {
            self.survival.unmet = unmet;
            self
        }

        /// Sets the constraints, in place of those before.
        #[cfg(feature = "drill")]
        pub(crate) fn constrained_to(mut self, constraints: crate::endpoint::Constraints) -> Self {
            self.constraints = constraints;
            self
        }

        /// Sets when a call is tried again, and after what wait. See [`retry::RetrySettings`](crate::stack::retry::RetrySettings).
        #[must_use]
        pub fn retry(mut self, settings: crate::stack::retry::RetrySettings) -> Self {
            self.settings.stack.retry = settings;
            self
        }

        /// Sets when an endpoint is left, for how long, and what brings the endpoint back. See
        /// [`breaker::BreakerSettings`](crate::stack::breaker::BreakerSettings).
        #[must_use]
        pub fn breaker(mut self, settings: crate::stack::breaker::BreakerSettings) -> Self {
            self.settings.stack.breaker = settings;
            self
        }

        /// Sets the budget for retries, hedges and all other requests beyond those that calls need. Default: 10 % of
        /// the calls and one a second, banked for 10 s, for each client. Clients of one process may share one budget.
        /// [`retry::Exception`](crate::stack::retry::Exception) names the requests that the budget cannot refuse.
        #[must_use]
        pub fn budget(mut self, budget: crate::stack::retry::Budget) -> Self {
            self.settings.stack.budget = budget;
            self
        }

        /// Sets the registry through which this client tells other clients of trouble, and hears of theirs. Default: a
        /// registry of its own.
        #[must_use]
        pub fn registry(mut self, registry: crate::stack::breaker::Registry) -> Self {
            self.settings.stack.registry = registry;
            self
        }

        /// Sets whether late reads are sent to a second endpoint as well. Default `true`; a call can set its own.
        #[must_use]
        pub const fn hedging(mut self, hedging: bool) -> Self {
            self.settings.stack.hedging = hedging;
            self
        }

        /// Sets what the client probes in the background. See [`probe`](mod@crate::ops::probe).
        #[must_use]
        pub fn probes(mut self, settings: crate::ops::probe::ProbeSettings) -> Self {
            self.settings.probes = settings;
            self
        }

        /// Seeds every random choice (jitter, spill), for simulations. By default the seed comes from the operating
        /// system. Two processes with one seed would move in step. The ids of writes do not come from the seed.
        #[must_use]
        pub const fn seed(mut self, seed: u64) -> Self {
            self.settings.stack.seed = seed;
            self
        }

        /// Adds a listener for every [`Event`](crate::telemetry::Event). A client has any number of listeners.
        ///
        /// A listener runs on the task that caused the event, after the listeners that were added before: a slow
        /// listener delays that task's call and the later listeners. Be quick, do not block; put what takes long into a
        /// queue of your own, with a bound. Where credentials are shared, another client's call may cause the event; a
        /// panic in a listener therefore goes no further than the panic hook, and every other listener still hears of
        /// the event.
        #[must_use]
        pub fn on_event(self, listener: impl Fn(&crate::telemetry::Event) + Send + Sync + 'static) -> Self {
            self.on_event_record(move |record| listener(&record.event))
        }

        /// Like [`on_event`](Self::on_event), and tells when and where the event happened.
        ///
        /// ```
        /// use evenkeel::{Endpoint, Failover, ops::operator::Selector};
        /// use std::{sync::mpsc, time::Duration};
        ///
        /// let (tell, heard) = mpsc::sync_channel(256);
        /// let tables = Failover::builder()
        ///     .client_name("tables")
        ///     .endpoint(Endpoint::new("virginia", ()))
        ///     .endpoint(Endpoint::new("ireland", ()))
        ///     .on_event_record(move |record| drop(tell.try_send(record.clone())))
        ///     .build()
        ///     .unwrap();
        /// let operator = tables.operator().by("anna");
        /// operator.drain(Selector::endpoint("virginia"), "change 4711", Duration::from_secs(60)).apply().unwrap();
        /// let record = heard.try_recv().unwrap();
        /// assert_eq!(record.client.as_deref(), Some("tables"));
        /// assert_eq!(record.event.to_string(), "anna ordered: drain virginia for at most 60s (change 4711)");
        /// ```
        #[must_use]
        pub fn on_event_record(
            mut self,
            listener: impl Fn(&crate::telemetry::EventRecord) + Send + Sync + 'static,
        ) -> Self {
            self.settings.stack.audience.add(listener);
            self
        }

        /// Sets the wall clock of [event records](crate::telemetry::EventRecord), [statuses](crate::ops::status) and
        /// the [stamps](crate::request::Stamp) of writes. Default: the system's. For simulations, whose time is paused.
        /// If the clock panics, it is 1970.
        #[must_use]
        pub fn wall_clock(mut self, now: impl Fn() -> std::time::SystemTime + Send + Sync + 'static) -> Self {
            self.settings.stack.audience.stamp_with(now);
            self
        }

        /// Adds a listener for the end of every [attempt](crate::telemetry::AttemptEnd), of calls and of probes in the
        /// background. It runs on the task that made the attempt: be quick, do not block. A panic in the listener goes
        /// no further than the panic hook. Without a listener nothing is gathered; with one, each attempt costs some
        /// allocations.
        #[must_use]
        pub fn on_attempt_end(
            mut self,
            listener: impl Fn(&crate::telemetry::AttemptEnd) + Send + Sync + 'static,
        ) -> Self {
            self.settings.stack.audience.follow(listener);
            self
        }

        /// Sets a listener for the end of every call, as the caller sees that end. The listener runs on the task that
        /// made the call: be quick, do not block. A panic in the listener is the call's panic. A dropped call has no
        /// end. A client has one such listener; a second one replaces the first.
        #[must_use]
        pub fn on_call_end(mut self, listener: impl Fn(&crate::telemetry::CallEnd) + Send + Sync + 'static) -> Self {
            self.settings.call_listener = Some(std::sync::Arc::new(listener));
            self
        }
    };
}
pub(crate) use stack_setters;
