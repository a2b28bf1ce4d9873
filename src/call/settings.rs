use super::{
    BuildError,
    options::{valid_attempt_limit, valid_time},
};
use crate::{model::bounds::Bounded, probe, stack, telemetry::CallListener};

/// Everything that a builder can set. The defaults are documented where each is defined.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) stack: stack::Settings,
    pub(crate) name: Option<&'static str>,
    pub(crate) probes: probe::Settings,
    pub(crate) call_listener: Option<CallListener>,
}

impl Settings {
    /// Whether each number makes sense.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
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
        /// How long a whole call may take, with all its attempts. Default 10 s; a call can set its own.
        #[must_use]
        pub const fn deadline(mut self, deadline: std::time::Duration) -> Self {
            self.settings.stack.deadline = deadline;
            self
        }

        /// How long each attempt may take, in place of the limit that is [learnt](crate::timeout). Default: the learnt one; a call
        /// can set its own, and the rest is said there. Probes have it, too.
        ///
        /// It holds for attempts with many bytes as well, to which the learnt limit gives more time: choose it for the largest.
        /// Unlike a call's own, it is what this client calls late: an endpoint that keeps running into it is left.
        #[must_use]
        pub const fn attempt_limit(mut self, limit: std::time::Duration) -> Self {
            self.settings.stack.attempt_limit = Some(limit);
            self
        }

        /// What metrics call this client: the value of their label `client`. Default `"default"`. Clients of one process that are to be
        /// told apart need names of their own. Install the recorder before [`build`](Self::build): handles are taken there.
        #[must_use]
        pub fn name(mut self, name: impl Into<std::sync::Arc<str>>) -> Self {
            self.settings.stack.audience.client = name.into();
            self
        }

        /// What explanations and errors call the calls of this client that are not named themselves. Default: `get`, `read` and
        /// the like. (What they are measured with is this client's anyway.)
        #[must_use]
        pub const fn named(mut self, name: &'static str) -> Self {
            self.settings.name = Some(name);
            self
        }

        /// Only endpoints that lie in one of these places (ISO 3166) are ever used; see
        /// [`Constraints::only_locations`](crate::endpoint::Constraints::only_locations).
        #[must_use]
        pub fn only_locations<L: Into<std::sync::Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
            self.constraints = self.constraints.only_locations(locations);
            self
        }

        /// No endpoint whose operator this law reaches is ever used; see [`Constraints::not_under_jurisdiction_of`](crate::endpoint::Constraints::not_under_jurisdiction_of).
        #[must_use]
        pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<std::sync::Arc<str>>) -> Self {
            self.constraints = self.constraints.not_under_jurisdiction_of(jurisdiction);
            self
        }

        /// When a call is tried again, and after what wait. See [`retry::Settings`](crate::retry::Settings).
        #[must_use]
        pub fn retry(mut self, settings: crate::retry::Settings) -> Self {
            self.settings.stack.retry = settings;
            self
        }

        /// When an endpoint is left, for how long, and what brings it back. See
        /// [`breaker::Settings`](crate::breaker::Settings).
        #[must_use]
        pub fn breaker(mut self, settings: crate::breaker::Settings) -> Self {
            self.settings.stack.breaker = settings;
            self
        }

        /// The budget for retries, hedges and whatever else is asked beyond what a call needs. Default: 10 % of the calls and
        /// one a second, banked for 10 s, for each client; clients of one process may share one. What it may not refuse:
        /// [`retry::Exception`](crate::retry::Exception).
        #[must_use]
        pub fn budget(mut self, budget: crate::retry::Budget) -> Self {
            self.settings.stack.budget = budget;
            self
        }

        /// Where this client tells others of trouble, and hears of theirs. Default: one of its own.
        #[must_use]
        pub fn registry(mut self, registry: crate::breaker::Registry) -> Self {
            self.settings.stack.registry = registry;
            self
        }

        /// Whether late reads are asked a second time elsewhere. Default `true`; a call can say otherwise for itself.
        #[must_use]
        pub const fn hedging(mut self, hedging: bool) -> Self {
            self.settings.stack.hedging = hedging;
            self
        }

        /// What is probed in the background. See [`probe`](mod@crate::probe).
        #[must_use]
        pub fn probes(mut self, settings: crate::probe::Settings) -> Self {
            self.settings.probes = settings;
            self
        }

        /// Seeds every random choice (jitter, spill, write ids), for simulations. Drawn from the operating system by
        /// default: two processes with one seed would move in step and give their writes the same ids.
        #[must_use]
        pub const fn seed(mut self, seed: u64) -> Self {
            self.settings.stack.seed = seed;
            self
        }

        /// Is told every [`Event`](crate::telemetry::Event), on the task that caused it: be quick, do not block. What causes it may
        /// be another client's call, where credentials are shared; so a panic in it goes no further than the panic hook.
        #[must_use]
        pub fn on_event(mut self, listener: impl Fn(&crate::telemetry::Event) + Send + Sync + 'static) -> Self {
            self.settings.stack.audience.listener = Some(std::sync::Arc::new(listener));
            self
        }

        /// Is told how every call ended, as its caller sees it, on the task that made it: be quick, do not block. A panic in it
        /// is that call's. A call that was dropped has no end. One may be told; a second takes the first's place.
        #[must_use]
        pub fn on_call_end(mut self, listener: impl Fn(&crate::telemetry::CallEnd) + Send + Sync + 'static) -> Self {
            self.settings.call_listener = Some(std::sync::Arc::new(listener));
            self
        }
    };
}
pub(crate) use stack_setters;
