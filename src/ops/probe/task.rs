use super::{
    ProbeSettings,
    policy::{End, Step, View, Watch},
};
use crate::{
    endpoint::Roster,
    model::clock,
    ops::snapshot::ProbeSnapshot,
    request::{CallRecord, Ended, Leg, OpClass, bit},
    stack::{
        Composed,
        breaker::{Attendant, Gate},
        route::Vitals,
    },
    telemetry::{Audience, Event, Reporter},
    verdict::Verdict,
};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    fmt,
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::{runtime::Handle, task::AbortHandle};

/// Sends a probe of this class to the endpoint of this index.
pub(crate) type Sender = Arc<dyn Fn(usize, OpClass) -> Pin<Box<dyn Future<Output = Sent> + Send>> + Send + Sync>;

/// The result of a probe.
pub struct Sent {
    /// Whether the probe left this process.
    started: bool,
    ended: Option<Ended>,
}

impl Sent {
    pub(crate) fn of(record: &CallRecord) -> Self {
        Self {
            started: record.was_started(Leg::default()),
            ended: record.ended(Leg::default()),
        }
    }
}

/// One endpoint and class that is probed.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) endpoint: usize,
    pub(crate) class: OpClass,
    pub(crate) vitals: Vitals,
    /// Reports in the endpoint's name.
    pub(crate) reporter: Reporter,
}

/// The endpoints that are probed in the background: those that no constraint bars.
pub(crate) fn lanes<S, K>(
    roster: &Roster,
    composed: &Composed<S, K>,
    settings: &ProbeSettings,
    audience: &Audience,
) -> Vec<Lane> {
    let writes = settings.writes.then_some(OpClass::Write);
    let mut lanes = Vec::new();
    for (endpoint, (profile, vitals)) in roster.iter().zip(&*composed.vitals).enumerate() {
        if composed.violations[endpoint].is_some() {
            continue;
        }
        let writes = writes.filter(|_| !profile.is_read_only());
        lanes.extend([OpClass::Read].into_iter().chain(writes).map(|class| Lane {
            endpoint,
            class,
            vitals: vitals.clone(),
            reporter: Reporter::new(profile.shared_name().clone(), audience.clone()),
        }));
    }
    lanes
}

/// A client's probes in the background. They end when this is dropped. Inert without lanes.
pub(crate) struct Prober {
    shared: Option<Arc<Shared>>,
    task: Mutex<Option<AbortHandle>>,
    stopped: AtomicBool,
}

struct Shared {
    settings: ProbeSettings,
    lanes: Vec<Lane>,
    send: Sender,
    seed: u64,
    attendant: Arc<Attendant>,
    /// What the snapshot shows, by lane.
    shown: Vec<Mutex<ProbeSnapshot>>,
}

/// Lives as long as the task runs. Made before the task and dropped with it, whatever ends the task.
struct Attending(Arc<Attendant>);

impl Drop for Attending {
    fn drop(&mut self) {
        self.0.leaves();
    }
}

impl Prober {
    /// Probes nothing.
    pub(crate) const fn none() -> Self {
        Self {
            shared: None,
            task: Mutex::new(None),
            stopped: AtomicBool::new(false),
        }
    }

    /// Probes these lanes from now on, if there is a runtime; else from the next [`ensure_running`](Self::ensure_running).
    pub(crate) fn start(settings: ProbeSettings, lanes: Vec<Lane>, send: Sender, seed: u64) -> Self {
        if lanes.is_empty() || settings == ProbeSettings::off() {
            return Self::none();
        }
        let writes = settings.writes && lanes.iter().any(|lane| lane.class == OpClass::Write);
        let attendant = Arc::new(Attendant::new(settings.open, writes));
        for lane in &lanes {
            lane.vitals.breaker.attended_by(attendant.clone());
        }
        let shown = lanes.iter().map(|lane| Mutex::new(ProbeSnapshot::new(lane.class)));
        let prober = Self {
            shared: Some(Arc::new(Shared {
                shown: shown.collect(),
                settings,
                lanes,
                send,
                seed,
                attendant,
            })),
            task: Mutex::new(None),
            stopped: AtomicBool::new(false),
        };
        prober.ensure_running();
        prober
    }

    /// Starts the task if it does not run; costs one load if it does.
    pub(crate) fn ensure_running(&self) {
        if let Some(shared) = &self.shared
            && !shared.attendant.is_there()
        {
            self.spawn(shared);
        }
    }

    fn spawn(&self, shared: &Arc<Shared>) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.attendant.is_there() || self.stopped.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        shared.attendant.comes();
        let attending = Attending(shared.attendant.clone());
        // It holds the endpoints, not the client: the client's end is this one's.
        *task = Some(runtime.spawn(run(shared.clone(), attending)).abort_handle());
    }

    /// Ends the probes for good.
    pub(crate) fn stop(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(task) = &*task {
            task.abort();
        }
    }

    /// The state of this endpoint's probes.
    pub(crate) fn snapshot(&self, endpoint: usize) -> Vec<ProbeSnapshot> {
        let Some(shared) = &self.shared else { return Vec::new() };
        let lanes = shared.lanes.iter().zip(&shared.shown);
        lanes
            .filter(|(lane, _)| lane.endpoint == endpoint)
            .map(|(_, shown)| lock(shown).clone())
            .collect()
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober").finish_non_exhaustive()
    }
}

fn lock(shown: &Mutex<ProbeSnapshot>) -> MutexGuard<'_, ProbeSnapshot> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn view(&self, lane: &Lane) -> View {
        let vitals = &lane.vitals;
        View {
            last_seen: vitals.tracker.last_seen(lane.class),
            in_flight: vitals.tracker.in_flight(),
            gate: vitals.breaker.gate(lane.class, clock::now()),
        }
    }

    fn idle(&self, lane: &Lane) -> Option<Duration> {
        self.settings.idle.filter(|_| lane.class == OpClass::Read)
    }

    /// Sends one probe of lane `number` and waits for its end. A panic of the user's probe ends that probe only.
    async fn probe(&self, number: usize) -> (usize, Option<Sent>) {
        let lane = &self.lanes[number];
        let sent = AssertUnwindSafe(async { (self.send)(lane.endpoint, lane.class).await });
        (number, sent.catch_unwind().await.ok())
    }
}

/// The end of a probe, as a word and for the policy.
fn end_of(sent: Option<Sent>) -> (End, &'static str) {
    let Some(sent) = sent else {
        return (End::Nothing, "panicked");
    };
    if !sent.started {
        return (End::NotSent, "not sent");
    }
    match sent.ended {
        Some(Ended::Judged(outcome)) => {
            let end = match outcome.verdict {
                verdict if verdict.is_healthy() => End::Well,
                // It answered, with "slow down": alive.
                Verdict::Throttled => End::Well,
                verdict if verdict.is_fault() || outcome.credential => End::Ill,
                _ => End::Nothing,
            };
            (end, outcome.verdict.as_str())
        }
        Some(Ended::Abandoned(how)) => (End::Nothing, how.as_str()),
        None => (End::Nothing, "not judged"),
    }
}

async fn run(shared: Arc<Shared>, _attending: Attending) {
    let mut rng = fastrand::Rng::with_seed(shared.seed);
    let lanes = shared.lanes.iter();
    let mut watches: Vec<_> = lanes
        .map(|lane| Watch::new(shared.idle(lane), clock::now(), &mut rng))
        .collect();
    let mut under_way = FuturesUnordered::new();
    // One at a time per endpoint.
    let mut busy = 0;
    loop {
        let now = clock::now();
        let mut wake = None;
        for (number, lane) in shared.lanes.iter().enumerate() {
            if busy & bit(lane.endpoint) != 0 {
                continue;
            }
            let view = shared.view(lane);
            if !shared.settings.open && !matches!(view.gate, Gate::Closed { .. }) {
                continue;
            }
            let step = watches[number].next(now, view);
            let mut shown = lock(&shared.shown[number]);
            shown.under_way = step == Step::Probe;
            match step {
                Step::Probe => {
                    busy |= bit(lane.endpoint);
                    under_way.push(shared.probe(number));
                }
                Step::Wait(until) => wake = Some(wake.map_or(until, |earlier| until.min(earlier))),
                Step::Rest => {}
            }
        }
        let mut timer = pin!(wake.map(tokio::time::sleep_until));
        let mut changed = pin!(shared.attendant.woken());
        let ended = poll_fn(|cx| {
            if let Poll::Ready(Some(ended)) = under_way.poll_next_unpin(cx) {
                return Poll::Ready(Some(ended));
            }
            if changed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            match timer.as_mut().as_pin_mut() {
                Some(timer) => timer.poll(cx).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await;
        let Some((number, sent)) = ended else { continue };
        let (lane, now) = (&shared.lanes[number], clock::now());
        busy &= !bit(lane.endpoint);
        let (end, word) = end_of(sent);
        lock(&shared.shown[number]).ended(now, word, end != End::NotSent);
        let closed = matches!(shared.view(lane).gate, Gate::Closed { .. });
        if watches[number].ended(now, end, &mut rng) && closed {
            let (endpoint, class) = (lane.reporter.endpoint(), lane.class);
            lane.reporter.report(Event::IdleProbeFailed { endpoint, class });
        }
    }
}
