//! Asks endpoints in the background how they treat conditions.

mod watch;

use super::{Core, Protocol};
use crate::{
    model::clock::{self, Instant},
    provider::{Capabilities, Capability, Conditional},
    request::{OpClass, bit, members},
    telemetry::{Audience, Event, Reporter},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::{
    runtime::Handle,
    sync::{Notify, futures::Notified},
    task::JoinSet,
};
use watch::Watch;

/// A client's questions in the background. They end when the client is closed or dropped.
pub(crate) struct Verifier {
    lanes: Vec<Arc<Lane>>,
    tasks: Mutex<JoinSet<()>>,
    changed: Arc<Notify>,
    /// No conditional write goes to an endpoint that is not known to keep to the condition.
    required: bool,
}

/// One endpoint that may be asked.
struct Lane {
    reporter: Reporter,
    watch: Mutex<Watch>,
}

impl Lane {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verifier {
    pub(super) fn new(names: impl Iterator<Item = Arc<str>>, audience: Audience, required: bool) -> Self {
        let lane = |name| {
            Arc::new(Lane {
                reporter: Reporter::new(name, audience.clone()),
                watch: Mutex::default(),
            })
        };
        Self {
            lanes: names.map(lane).collect(),
            tasks: Mutex::default(),
            changed: Arc::default(),
            required,
        }
    }

    /// The reporter of an endpoint.
    pub(crate) fn reporter(&self, endpoint: usize) -> &Reporter {
        &self.lanes[endpoint].reporter
    }

    /// Resolves at the next finding.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Wakes those that wait for a finding.
    pub(crate) fn tell(&self) {
        self.changed.notify_waiters();
    }

    /// Whether some of these endpoints are being asked.
    pub(crate) fn is_asking(&self, among: u64) -> bool {
        members(among).any(|index| self.lanes[index].watch().is_running())
    }

    pub(super) fn stop(&self) {
        self.tasks().abort_all();
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Protocol> Core<P> {
    /// The endpoints that cannot be trusted with this condition.
    pub(crate) fn lacking(&self, condition: Conditional) -> u64 {
        self.having(condition, Capability::Lacking)
    }

    /// The endpoints whose treatment of this condition is unknown.
    pub(crate) fn unknown(&self, condition: Conditional) -> u64 {
        self.having(condition, Capability::Unknown)
    }

    fn having(&self, condition: Conditional, capability: Capability) -> u64 {
        let known = |provider| P::capabilities(provider).get(condition);
        self.engine
            .roster
            .set_of(|index, _| self.provider(index).map(known) == Some(capability))
    }

    /// A conditional write is about to go to one of these endpoints, whose treatment of the condition is unknown.
    /// Starts the questions; returns the endpoints that the write must not go to before the answer.
    pub(crate) fn have_asked(&self, unknown: u64) -> u64 {
        let now = clock::now();
        let askable = self.writable() & !self.engine.operator.barred(OpClass::Write, now);
        let runtime = Handle::try_current().ok().filter(|_| !self.engine.is_closed());
        members(unknown).fold(0, |held, index| {
            let startable = runtime.is_some() && askable & bit(index) != 0;
            let well_at = OpClass::ALL
                .iter()
                .filter_map(|&class| self.engine.vitals[index].tracker.last_success(class));
            let admission =
                self.verifier.lanes[index]
                    .watch()
                    .admit(now, startable, self.verifier.required, well_at.max());
            if let (true, Some(runtime)) = (admission.start, &runtime) {
                self.ask_in_the_background(index, runtime);
            }
            if admission.go { held } else { held | bit(index) }
        })
    }

    /// How long a conditional write waits for the answer. Unless an answer is required, the write goes on after a
    /// quarter of its time: a slow store is not refused.
    pub(crate) fn hold(&self, deadline: Instant) -> Instant {
        let now = clock::now();
        match self.verifier.required {
            true => deadline,
            false => now + deadline.saturating_duration_since(now) / 4,
        }
    }

    /// Why these endpoints could not tell, as a clause with each one's name.
    pub(crate) fn why_unknown(&self, endpoints: u64) -> Vec<String> {
        let clause = |index: usize| {
            let watch = self.verifier.lanes[index].watch();
            Some(format!("{}: {}", self.engine.roster.name(index), watch.why_unknown()?))
        };
        members(endpoints).filter_map(clause).collect()
    }

    /// Notes writes that went to these endpoints before the answer.
    pub(crate) fn let_go(&self, held: u64) {
        members(held).for_each(|index| self.verifier.lanes[index].watch().let_go());
    }

    fn ask_in_the_background(&self, index: usize, runtime: &Handle) {
        let Some(provider) = self.provider(index).cloned() else {
            return;
        };
        // From here on whatever happens ends the asking: also when the adapter panics, which is asked for what it knows.
        let end = End {
            lane: self.verifier.lanes[index].clone(),
            changed: self.verifier.changed.clone(),
            found: None,
        };
        let id = self.draw_name();
        let known = P::capabilities(&provider);
        self.verifier.lanes[index].watch().unknown_because(None);
        // It keeps no part of the client alive but the endpoint's adapter.
        let task = async move {
            let changed = end.changed.clone();
            let why = P::verify(&provider, &id, known, move || changed.notify_waiters()).await;
            end.lane.watch().unknown_because(why);
            end.with(P::capabilities(&provider));
        };
        let mut tasks = self.verifier.tasks();
        // Those that have ended.
        while tasks.try_join_next().is_some() {}
        let asking = tasks.spawn_on(task, runtime);
        drop(tasks);
        // Closed in between: nobody else would end it.
        if self.engine.is_closed() {
            asking.abort();
        }
    }
}

/// Ends the questions to an endpoint, even when their task is dropped half-way; then another call asks anew.
struct End {
    lane: Arc<Lane>,
    changed: Arc<Notify>,
    found: Option<Capabilities>,
}

impl End {
    fn with(mut self, found: Capabilities) {
        self.found = Some(found);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let is_known = |found: Capabilities| {
            let of_uploads = found.parts.map(|_| Conditional::Complete);
            let mut asked = Conditional::ASKED.into_iter().chain(of_uploads);
            asked.all(|condition| found.get(condition) != Capability::Unknown)
        };
        let Some(found) = self.found else {
            // Dropped half-way, which says nothing of the endpoint: another call begins anew.
            self.lane.watch().dropped();
            self.changed.notify_waiters();
            return;
        };
        let unverified = self.lane.watch().ended(clock::now(), is_known(found));
        self.changed.notify_waiters();
        self.lane.reporter.report(Event::ConditionsVerified {
            endpoint: self.lane.reporter.endpoint(),
            found,
            unverified,
        });
    }
}
