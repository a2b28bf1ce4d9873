use super::{
    Condition, KeeperSettings,
    policy::{Policy, Step, Turn},
};
use crate::{
    model::{
        Why,
        bounds::Bounded,
        clock::{self, Instant},
    },
    telemetry::{Audience, Event, EventRecord, Listener, Reporter, aside, register_credentials},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::Notify;

/// The state of some credentials, as a [`Keeper`](super::Keeper) and the clients that use it know it: never the
/// credentials themselves. Clones share the state.
#[derive(Clone)]
pub struct Standing(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    /// The setting that makes no sense, if any.
    wrong: Option<String>,
    state: Mutex<State>,
    /// Wakes the waiting calls when a fetch ends.
    ended: Notify,
    reporter: Reporter,
}

/// What a [`Listener`] holds.
type Ear = dyn Fn(&EventRecord) + Send + Sync;

struct State {
    policy: Policy,
    rng: fastrand::Rng,
    why: Why,
    hosts: Vec<Arc<str>>,
    /// The clients that want to hear of changes, as long as they live.
    listeners: Vec<Weak<Ear>>,
}

/// The state of credentials at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialsSnapshot {
    /// The name of the credentials' [`Keeper`](super::Keeper).
    pub name: String,
    /// Whether the credentials are well, kept or lost.
    pub condition: Condition,
    /// Whether there are credentials that can be used.
    pub valid: bool,
    /// How long the held credentials can be used; `None`: without end, or there are none.
    pub valid_for: Option<Duration>,
    /// How many fetches failed since the last success.
    pub failures: u32,
}

impl fmt::Display for CredentialsSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let condition = match (self.condition, self.valid) {
            (Condition::Well, true) => "valid",
            (Condition::Well, false) => "not loaded",
            (Condition::Kept, _) => "kept",
            (Condition::Lost, _) => "lost",
        };
        write!(f, "credentials `{}` {condition}", self.name)?;
        match self.valid_for {
            Some(left) => write!(f, " for {} s", left.as_secs()),
            None => Ok(()),
        }
    }
}

impl Standing {
    pub(super) fn new(name: Arc<str>, settings: KeeperSettings) -> Self {
        let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..));
        let reporter = Reporter::new(name.clone(), Audience::default());
        register_credentials(reporter.client(), &name);
        Self(Arc::new(Shared {
            reporter,
            wrong: settings.wrong(),
            name,
            state: Mutex::new(State {
                policy: Policy::new(settings.bounded(), clock::now()),
                rng: fastrand::Rng::with_seed(seed),
                why: Why::Pending,
                hosts: Vec::new(),
                listeners: Vec::new(),
            }),
            ended: Notify::new(),
        }))
    }

    /// The name of the keeper.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether both are the state of the same credentials.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The keeper's setting that makes no sense, if any.
    pub(crate) fn wrong(&self) -> Option<&str> {
        self.0.wrong.as_deref()
    }

    /// The state at this moment.
    pub fn snapshot(&self) -> CredentialsSnapshot {
        let now = clock::now();
        let state = self.lock();
        let valid_for = state.policy.valid_for(now);
        CredentialsSnapshot {
            name: self.name().to_owned(),
            condition: state.policy.condition(now),
            valid: valid_for.is_some(),
            valid_for: valid_for.flatten(),
            failures: state.policy.failures(),
        }
    }

    /// The hosts that the credentials are declared to be fetched from.
    pub fn hosts(&self) -> Vec<Arc<str>> {
        self.lock().hosts.clone()
    }

    pub(super) fn asks(&self, host: Arc<str>) {
        self.lock().hosts.push(host);
    }

    /// Reports to a client's listener from now on, as long as the listener lives. (The wall clock is the system's: the
    /// credentials belong to no client.)
    pub(crate) fn tell(&self, listener: &Listener) {
        let mut state = self.lock();
        state.listeners.retain(|known| known.strong_count() > 0);
        let new = Arc::downgrade(listener);
        if !state.listeners.iter().any(|known| known.ptr_eq(&new)) {
            state.listeners.push(new);
        }
    }

    /// Notes that a provider refused the credentials of an attempt that started then.
    pub(crate) fn refused(&self, started: Instant) {
        self.lock().policy.refused(started, clock::now());
    }

    pub(super) fn step(&self) -> Step {
        self.with(|state, now| state.policy.step(now))
    }

    pub(super) fn begin(&self) -> bool {
        self.with(|state, now| state.policy.begin(now))
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.lock().policy.is_under_way()
    }

    /// The number for fetches that begin now: see [`fetched`](Self::fetched).
    pub(super) fn forgotten(&self) -> u64 {
        self.lock().policy.forgotten()
    }

    /// Notes that the fetch of this number brought credentials. `put` keeps them, unless they have expired or the fetch
    /// has been overtaken. Value and life change in one step, so that nobody finds one without the other.
    pub(super) fn fetched(&self, number: u64, life: Option<Duration>, put: impl FnOnce()) {
        self.with(|state, now| {
            if number != state.policy.forgotten() {
                state.policy.dropped();
            } else if state.policy.fetched(now, life, &mut state.rng) {
                state.why = Why::Pending;
                put();
            } else {
                state.why = Why::Expired;
            }
        });
        self.0.ended.notify_waiters();
    }

    pub(super) fn failed(&self, why: Why) {
        self.with(|state, now| {
            state.policy.failed(now, &mut state.rng);
            state.why = why;
        });
        self.0.ended.notify_waiters();
    }

    pub(super) fn dropped(&self) {
        self.lock().policy.dropped();
        self.0.ended.notify_waiters();
    }

    /// Calls `clear` to drop the held credentials, in one step with their life.
    pub(super) fn forget(&self, clear: impl FnOnce()) {
        self.with(|state, _| {
            state.policy.forget();
            clear();
        });
    }

    pub(super) fn is_valid(&self) -> bool {
        self.lock().policy.is_valid(clock::now())
    }

    pub(super) fn failures(&self) -> u32 {
        self.lock().policy.failures()
    }

    pub(super) fn successes(&self) -> u64 {
        self.lock().policy.successes()
    }

    pub(super) fn why(&self) -> Why {
        self.lock().why.clone()
    }

    pub(super) fn limit(&self) -> Duration {
        self.lock().policy.settings().limit
    }

    /// Resolves at the next end of a fetch. Get this future before you check whether to wait.
    pub(super) fn ended(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.ended.notified()
    }

    /// Applies a step, and reports once the lock is released.
    fn with<R>(&self, step: impl FnOnce(&mut State, Instant) -> R) -> R {
        let (result, told) = {
            let mut state = self.lock();
            let now = clock::now();
            let result = step(&mut state, now);
            let turn = state.policy.turn(now);
            let told = turn.map(|turn| (self.event(turn, &state.why), state.listeners.clone()));
            (result, told)
        };
        if let Some((event, listeners)) = told {
            self.0.reporter.write_down(&event);
            let record = EventRecord::now(None, clock::wall(), event);
            for listener in listeners.iter().filter_map(Weak::upgrade) {
                // Each a client's own: none keeps it from the others.
                aside(|| listener(&record));
            }
        }
        result
    }

    fn event(&self, turn: Turn, why: &Why) -> Event {
        let credentials = self.0.name.clone();
        match turn.to {
            Condition::Well => Event::CredentialsRenewed {
                credentials,
                after: turn.after,
            },
            Condition::Kept => Event::CredentialsKept {
                credentials,
                valid_for: turn.valid_for,
                cause: why.as_str(),
            },
            Condition::Lost => Event::CredentialsLost {
                credentials,
                cause: why.as_str(),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the name and the condition.
impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let condition = self.lock().policy.condition(clock::now());
        f.debug_struct("Standing")
            .field("name", &self.name())
            .field("condition", &condition)
            .finish_non_exhaustive()
    }
}
