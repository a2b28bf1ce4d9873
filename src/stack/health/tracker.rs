use super::{
    class::ClassHealth,
    counts::{AttemptCounts, ByteCounts, Counts},
    late::{UNLEARNT, late_after, limit_after},
    latency::Latency,
};
use crate::{
    model::{
        Names,
        clock::{Instant, nanos},
        evidence::{Ending, Facts, Lesson, lesson},
    },
    request::{Ended, LegKind, Moved, OpClass, Work},
    stack::limit::Admission,
    verdict::{Sent, Verdict},
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// What this process has seen of one endpoint, per class of operation. The layers around the endpoint share it: health
/// writes; router, timeout and hedge read.
#[derive(Debug)]
pub struct Tracker {
    classes: [Mutex<ClassHealth>; 3],
    views: [View; 3],
    named: Names<[Apart; 3]>,
    under_way: UnderWay,
    counts: Counts,
    /// The trackers of the client's other endpoints.
    company: OnceLock<Vec<Weak<Tracker>>>,
    /// The attempts' limit, where the client's builder set one.
    limit: Option<Duration>,
}

/// The state of one endpoint for one class.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    /// See [`Tracker::fault_share`].
    pub(crate) faults: f64,
    /// The last two attempts failed.
    pub(crate) dead: bool,
    /// See [`Tracker::p50`].
    pub(crate) p50: Option<Duration>,
    /// See [`Tracker::p99`].
    pub(crate) p99: Option<Duration>,
    /// See [`Tracker::admitted`].
    pub(crate) admitted: f64,
    /// See [`Tracker::is_bounded`].
    pub(crate) bounded: bool,
    /// See [`Tracker::cost`].
    pub(crate) cost: f64,
}

/// What counts the attempts under way.
#[derive(Debug)]
enum UnderWay {
    Counted(AtomicU32),
    /// The admission counts: it sees attempts earlier.
    By(Admission),
}

/// What the healthy path reads of one class without the lock. Published under the lock.
#[derive(Debug, Default)]
struct View {
    measured: Measured,
    /// The endpoint has a fault share, or throttles.
    unsound: AtomicBool,
    /// An attempt has ended.
    heard: AtomicBool,
    /// When the first attempt was sent.
    asked: OnceLock<Instant>,
}

/// The quantiles of a latency.
#[derive(Debug, Default)]
struct Measured {
    /// In nanoseconds; 0: not known.
    p50: AtomicU64,
    p99: AtomicU64,
    rising: AtomicBool,
}

impl Measured {
    #[inline]
    fn publish(&self, latency: &Latency) {
        self.p50.store(latency.p50().map_or(0, nanos), Ordering::Relaxed);
        self.p99.store(latency.p99().map_or(0, nanos), Ordering::Relaxed);
        self.rising.store(latency.is_rising(), Ordering::Relaxed);
    }
}

/// The latency of calls of one name and class.
#[derive(Debug, Default)]
struct Apart {
    latency: Mutex<Latency>,
    measured: Measured,
}

/// What is known of an attempt when it ends, beside the endpoint's own measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) work: Work,
    pub(crate) began: Instant,
    pub(crate) age: Duration,
    /// For how long the attempt had been silent when it ended.
    pub(crate) silent: Duration,
    /// How long the attempt took, where that is a sample.
    pub(crate) sample: Option<Duration>,
    /// How fast the attempt's body moved, in bytes a second, where that is a sample.
    pub(crate) rate: Option<f64>,
    /// The attempt was lent as a breaker's probe.
    pub(crate) probe: bool,
    /// A write of many bytes: a device on the path may lose large requests, and that says nothing of other writes.
    pub(crate) large: bool,
    pub(crate) background: bool,
    pub(crate) stood_still: bool,
    pub(crate) alike_elsewhere: bool,
    /// For how long another attempt of the call has been in vain elsewhere.
    pub(crate) in_vain_elsewhere: Duration,
}

/// Nearly every endpoint that needs no new connection answers by then. At 500 calls a second, 75 calls are under way
/// by then, which the retry budget can just repair.
const SILENT_AFTER: Duration = Duration::from_millis(150);

/// An endpoint that was unreachable this long ago may be reachable by now. At five calls a second the budget lets one
/// call in ten be asked elsewhere: one every two seconds.
const UNREACHABLE_FOR: Duration = Duration::from_secs(5);

const MIB: f64 = (1 << 20) as f64;

/// Beyond the cost of any endpoint that ever answered.
const UNKNOWN_AND_BUSY: f64 = 1e18;

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new() -> Self {
        Self::counting(UnderWay::Counted(AtomicU32::new(0)))
    }

    /// A tracker that counts as under way what this admission let in.
    pub(crate) fn behind(admission: Admission) -> Self {
        Self::counting(UnderWay::By(admission))
    }

    fn counting(under_way: UnderWay) -> Self {
        Self {
            classes: Default::default(),
            views: Default::default(),
            named: Names::default(),
            under_way,
            counts: Counts::default(),
            company: OnceLock::new(),
            limit: None,
        }
    }

    /// Sets the attempts' limit, in place of a learnt one.
    pub(crate) fn limited(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self
    }

    /// Makes these trackers, of one client's endpoints, known to each other.
    pub(crate) fn in_company(all: &[&Arc<Self>]) {
        for tracker in all {
            let others = all.iter().filter(|other| !Arc::ptr_eq(other, tracker));
            // A tracker that two clients share is in the company that it was in first.
            let _ = tracker.company.set(others.map(|other| Arc::downgrade(other)).collect());
        }
    }

    /// Whether no other endpoint is reached from here either.
    fn others_are_unreachable(&self, now: Instant) -> bool {
        let others = self.company.get().map(Vec::as_slice).unwrap_or_default();
        let unreachable = |other: &Weak<Self>| other.upgrade().is_some_and(|other| other.is_unreachable(now));
        !others.is_empty() && others.iter().all(unreachable)
    }

    /// Whether the endpoint was unreachable a short while ago, and no attempt of any class has succeeded since.
    pub(crate) fn is_unreachable(&self, now: Instant) -> bool {
        let classes = OpClass::ALL.map(|class| {
            let health = self.lock(class);
            (health.last_unreachable, health.last_success)
        });
        let unreachable = classes.iter().filter_map(|(unreachable, _)| *unreachable).max();
        let success = classes.iter().filter_map(|(_, success)| *success).max();
        unreachable.is_some_and(|at| now.saturating_duration_since(at) < UNREACHABLE_FOR) && success < unreachable
    }

    /// Attempts under way. With an admission before them, attempts that wait there for their turn count too.
    pub fn in_flight(&self) -> u32 {
        match &self.under_way {
            UnderWay::Counted(count) => count.load(Ordering::Relaxed),
            UnderWay::By(admission) => admission.in_flight(),
        }
    }

    /// The 99th percentile of the latency of this class, or of the calls of one [name](Work) in this class, once 20
    /// attempts were seen.
    #[inline]
    pub fn p99(&self, work: impl Into<Work>) -> Option<Duration> {
        known(&self.measured(work.into()).p99)
    }

    /// The median of that latency, once 20 attempts were seen.
    #[inline]
    pub fn p50(&self, work: impl Into<Work>) -> Option<Duration> {
        known(&self.measured(work.into()).p50)
    }

    /// The names that calls were given so far. The first [`NAMES`](super::NAMES) are told apart.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.named.each().map(|(name, _)| name)
    }

    #[inline]
    fn measured(&self, work: Work) -> &Measured {
        match work.name {
            None => &self.views[work.class.index()].measured,
            Some(name) => &self.apart(name, work.class).measured,
        }
    }

    /// Kept out of line: most calls have no name, and small functions are inlined where they are used.
    #[cold]
    #[inline(never)]
    fn apart(&self, name: &'static str, class: OpClass) -> &Apart {
        &self.named.of(name)[class.index()]
    }

    /// Whether the endpoint has no fault share worth a look at its neighbours, and does not throttle. Costs one load.
    #[inline]
    pub(crate) fn is_sound(&self, class: OpClass) -> bool {
        !self.views[class.index()].unsound.load(Ordering::Relaxed)
    }

    /// Nine attempts in ten take longer than this, once 20 were seen. (A quantile is exact to an eighth, upward.)
    pub(crate) fn quick(&self, work: Work) -> Option<Duration> {
        let tenth = match work.name {
            None => self.lock(work.class).latency.quantile(0.1),
            Some(name) => self.apart(name, work.class).lock().quantile(0.1),
        };
        Some(tenth? * 8 / 9)
    }

    /// The age from which on an attempt is *late*, and worth a hedge: the p99 plus a tenth, at least plus 1 ms (a
    /// timer's resolution). While the p99 is not known, a second. (Otherwise attempts at an endpoint that was dead
    /// before the first call would never be late.)
    #[inline]
    pub(crate) fn late_after(&self, work: impl Into<Work>) -> Duration {
        self.p99(work).map_or(UNLEARNT, late_after)
    }

    /// Whether the endpoint has become much slower than usual. Costs one load.
    #[inline]
    pub(crate) fn is_rising(&self, work: Work) -> bool {
        self.measured(work).rising.load(Ordering::Relaxed)
    }

    /// Whether a call at a [rising](Self::is_rising) endpoint is to be asked elsewhere as well, for comparison.
    pub(crate) fn wants_comparison(&self, class: OpClass, other_is_known: bool, now: Instant) -> bool {
        self.lock(class).compares(other_is_known, now)
    }

    /// The same for a lent probe of an endpoint that was out: 100 to 250 ms while nothing is known, as the endpoint is
    /// likely dead and the caller should not wait for it.
    pub(crate) fn probe_late_after(&self, work: Work) -> Duration {
        self.p99(work)
            .map_or_else(|| self.lock(work.class).unlearnt_probe(), late_after)
    }

    /// The rate below which a body is as good as silent, in bytes a second: an eighth of the first percentile of the
    /// measured rates, once there were twenty.
    pub(crate) fn least_rate(&self, class: OpClass) -> Option<f64> {
        let slowest = self.lock(class).pace.p99()?;
        Some(MIB / slowest.as_secs_f64() / 8.0)
    }

    /// How many attempts of this class have ended, by kind and end.
    pub fn attempts(&self, class: OpClass) -> AttemptCounts {
        self.counts.read(class)
    }

    /// How many bytes all attempts that ended have moved.
    pub fn bytes(&self) -> ByteCounts {
        self.counts.bytes()
    }

    /// Counts an attempt that ended, and the bytes that it moved, if they are known.
    #[inline]
    pub(crate) fn count(&self, class: OpClass, kind: LegKind, how: Ended, moved: Option<Moved>) {
        self.counts.ended(class, kind, how, moved);
    }

    /// A hedge at this endpoint brought the answer that its call took.
    pub(crate) fn hedge_won(&self, class: OpClass) {
        self.counts.hedge_won(class);
    }

    /// The share of its traffic that the endpoint may be sent because it throttles, 0.02–1.
    pub(crate) fn admitted(&self, class: OpClass, now: Instant) -> f64 {
        self.lock(class).throttle.share(now)
    }

    /// The share of recent attempts that failed or were late, 0–1, over about 5 s.
    pub fn fault_share(&self, class: OpClass) -> f64 {
        self.lock(class).faults.share()
    }

    /// The endpoint is left beside a faster one.
    pub(crate) fn is_left(&self, class: OpClass) {
        self.lock(class).latency.shorten();
    }

    /// The endpoint was out, and gets traffic again.
    pub(crate) fn is_back(&self, class: OpClass) {
        let mut health = self.lock(class);
        // With the next fault a write is left, with the second or so a read.
        health.faults.forgive(match class {
            OpClass::Write => 0.049,
            OpClass::Read | OpClass::List => 0.029,
        });
        self.publish(class, &health);
    }

    /// When an attempt last succeeded.
    pub fn last_success(&self, class: OpClass) -> Option<Instant> {
        self.lock(class).last_success
    }

    /// When an attempt last ended, however it ended; `None` while none has.
    pub(crate) fn last_seen(&self, class: OpClass) -> Option<Instant> {
        self.lock(class).last_seen
    }

    /// All that the router weighs, for the price of one look (two for a call with a name).
    pub(crate) fn standing(&self, work: Work, now: Instant) -> Standing {
        let health = self.lock(work.class);
        let apart = work.name.map(|name| self.apart(name, work.class).lock());
        let latency = apart.as_deref().unwrap_or(&health.latency);
        Standing {
            faults: health.faults.share(),
            dead: health.faults.is_failing(),
            p50: latency.p50(),
            p99: latency.p99(),
            admitted: health.throttle.share(now),
            bounded: self.is_bounded(now),
            cost: self.cost_of(latency.cost_nanos(now), health.last_seen.is_some()),
        }
    }

    /// Whether a learnt limit bounds the endpoint's admission.
    pub(crate) fn is_bounded(&self, now: Instant) -> bool {
        matches!(&self.under_way, UnderWay::By(admission) if admission.is_bounded(now))
    }

    fn cost_of(&self, latency: f64, seen: bool) -> f64 {
        match (latency, self.in_flight()) {
            // An unknown endpoint is tried, with one attempt at a time: until that is back it may as well be dead (Finagle). One that has
            // only failed so far is not cheap.
            (0.0, 0) if seen => UNKNOWN_AND_BUSY,
            (0.0, 0) => 0.0,
            (0.0, in_flight) => UNKNOWN_AND_BUSY * f64::from(in_flight),
            (latency, in_flight) => latency * f64::from(in_flight + 1),
        }
    }

    /// An attempt came back at once and well, as nearly all do.
    #[inline]
    pub(crate) fn went_well(&self, work: Work, now: Instant, took: Duration) {
        let sample = self.common(work, Lesson::Good, now, Some(took));
        let mut health = self.lock(work.class);
        health.learn(now, Lesson::Good, sample, None);
        self.publish(work.class, &health);
    }

    /// The sample of a call without a name. Samples of named calls are kept here.
    #[inline]
    fn common(&self, work: Work, lesson: Lesson, now: Instant, sample: Option<Duration>) -> Option<(Duration, u32)> {
        let sample = (sample?, self.in_flight());
        let Some(name) = work.name else { return Some(sample) };
        if lesson == Lesson::Good {
            let apart = self.apart(name, work.class);
            let mut latency = apart.lock();
            latency.record(now, sample.0, sample.1);
            apart.measured.publish(&latency);
        }
        None
    }

    /// An attempt ended. Returns the lesson, and the outcome as policy should see it: a refusal of credentials that
    /// never worked here is no suspected outage, and loses its mark.
    pub(crate) fn ended(&self, attempt: Attempt, mut ending: Ending) -> (Lesson, Ending) {
        let (work, now) = (attempt.work, attempt.began + attempt.age);
        let class = work.class;
        let mut unloaded = false;
        if let Ending::Judged(outcome) = &mut ending {
            unloaded = outcome.credential && outcome.sent == Sent::No;
            // Credentials are the endpoint's, whatever the class of the call that they worked for.
            outcome.credential &= OpClass::ALL
                .iter()
                .any(|class| self.lock(*class).believes_credentials(now));
        }
        let unreachable = matches!(ending, Ending::Judged(outcome) if outcome.verdict == Verdict::Unreachable);
        // Before its own lock: no two are held at once.
        let others_unreachable = unreachable && !attempt.background && self.others_are_unreachable(now);
        let mut health = self.lock(class);
        let broken = matches!(ending, Ending::Judged(outcome) if outcome.broken);
        let p99 = self.p99(work);
        let lesson = lesson(
            ending,
            Facts {
                age: attempt.silent,
                late: match attempt.probe {
                    true => p99.map_or_else(|| health.unlearnt_probe(), late_after),
                    false => p99.map_or(UNLEARNT, late_after),
                },
                limit: self.limit.unwrap_or_else(|| limit_after(p99)),
                stood_still: attempt.stood_still,
                alike_elsewhere: attempt.alike_elsewhere,
                others_unreachable,
                in_vain_elsewhere: attempt.in_vain_elsewhere,
                in_a_burst: broken && health.broke(now, attempt.began),
                background: attempt.background,
                unloaded,
            },
        );
        let overtaken = matches!(ending, Ending::Overtaken { .. });
        if attempt.probe && p99.is_none() && overtaken && lesson == Lesson::Late {
            health.overtaken_probes += 1;
        }
        let retry_after = match ending {
            Ending::Judged(outcome) => {
                health.judged(now, outcome);
                outcome.retry_after
            }
            Ending::Overtaken { .. } | Ending::Dropped => None,
        };
        let was_dropped = !matches!(ending, Ending::Judged(_));
        if was_dropped && !attempt.large && !attempt.probe && !attempt.stood_still && attempt.rate.is_none() {
            match work.name {
                Some(name) => self.apart(name, class).lock().record_dropped(attempt.age),
                None => health.latency.record_dropped(attempt.age),
            }
        }
        if !attempt.large || !matches!(lesson, Lesson::Fault | Lesson::Late) {
            let sample = self.common(work, lesson, now, attempt.sample);
            health.learn(now, lesson, sample, retry_after);
            if let Some(rate) = attempt.rate.filter(|rate| lesson == Lesson::Good && *rate > 0.0) {
                health
                    .pace
                    .record(now, Duration::from_secs_f64((MIB / rate).min(3_600.0)), 0);
            }
            self.publish(class, &health);
        }
        (lesson, ending)
    }

    /// Whether anything has been heard of the endpoint. Costs one load.
    #[inline]
    pub(crate) fn was_heard_of(&self, class: OpClass) -> bool {
        self.views[class.index()].heard.load(Ordering::Relaxed)
    }

    /// Whether the endpoint was asked a while ago and nothing was ever heard of it. Until something is heard, the
    /// endpoint may be dead, and gets no further attempts.
    pub(crate) fn is_silent(&self, class: OpClass, now: Instant) -> bool {
        let asked = self.views[class.index()].asked.get();
        let long_ago = asked.is_some_and(|at| now.saturating_duration_since(*at) >= SILENT_AFTER);
        long_ago && !self.was_heard_of(class) && self.in_flight() > 0
    }

    /// An attempt that began then is under way until it [leaves](Self::leave).
    #[inline]
    pub(crate) fn enter(&self, class: OpClass, at: impl FnOnce() -> Instant) {
        let asked = &self.views[class.index()].asked;
        if asked.get().is_none() {
            let _ = asked.set(at());
        }
        if let UnderWay::Counted(count) = &self.under_way {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An attempt that [entered](Self::enter) is no longer under way.
    #[inline]
    pub(crate) fn leave(&self) {
        if let UnderWay::Counted(count) = &self.under_way {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[inline]
    fn publish(&self, class: OpClass, health: &ClassHealth) {
        let view = &self.views[class.index()];
        view.measured.publish(&health.latency);
        view.unsound.store(!health.is_sound(), Ordering::Relaxed);
        view.heard.store(true, Ordering::Relaxed);
    }

    #[inline]
    fn lock(&self, class: OpClass) -> MutexGuard<'_, ClassHealth> {
        self.classes[class.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Apart {
    fn lock(&self) -> MutexGuard<'_, Latency> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[inline]
fn known(nanos: &AtomicU64) -> Option<Duration> {
    match nanos.load(Ordering::Relaxed) {
        0 => None,
        nanos => Some(Duration::from_nanos(nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::evidence::Whom,
        verdict::{Outcome, Sent, Verdict},
    };

    const FAULT: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);

    /// The lesson of `outcome` after `took`.
    fn judge(tracker: &Tracker, class: OpClass, now: Instant, took: Duration, outcome: Outcome) -> (Lesson, bool) {
        let attempt = Attempt {
            work: class.into(),
            began: now - took,
            age: took,
            silent: took,
            sample: Some(took),
            rate: None,
            probe: false,
            large: false,
            background: false,
            stood_still: false,
            alike_elsewhere: false,
            in_vain_elsewhere: Duration::ZERO,
        };
        let (lesson, ending) = tracker.ended(attempt, Ending::Judged(outcome));
        (lesson, matches!(ending, Ending::Judged(outcome) if outcome.credential))
    }

    #[test]
    fn refused_credentials_are_suspect_only_after_a_success() {
        let now = crate::model::clock::now() + Duration::from_secs(3_600);
        let tracker = Tracker::new();
        let refused = Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential();
        assert!(!judge(&tracker, OpClass::Read, now, Duration::ZERO, refused).1);
        tracker.went_well(OpClass::Read.into(), now, Duration::ZERO);
        assert_eq!(
            judge(&tracker, OpClass::Read, now, Duration::ZERO, refused),
            (Lesson::Fault, true)
        );
        let mut later = now;
        for _ in 0..100 {
            // An outage of hours, with a probe now and then: they stay believed.
            later += Duration::from_secs(10 * 60);
            assert!(judge(&tracker, OpClass::Write, later, Duration::ZERO, refused).1);
        }
        later += Duration::from_secs(16 * 60);
        assert!(!judge(&tracker, OpClass::Read, later, Duration::ZERO, refused).1);
    }

    #[test]
    fn an_unknown_endpoint_gets_one_attempt_at_a_time() {
        let now = crate::model::clock::now();
        let (unknown, known) = (Tracker::new(), Tracker::new());
        known.went_well(OpClass::Read.into(), now, Duration::from_secs(5));
        assert!(unknown.standing(OpClass::Read.into(), now).cost < known.standing(OpClass::Read.into(), now).cost);
        unknown.enter(OpClass::Read, || now);
        assert!(unknown.standing(OpClass::Read.into(), now).cost > known.standing(OpClass::Read.into(), now).cost);
    }

    #[test]
    fn connections_that_break_together_count_as_one_fault() {
        let t0 = crate::model::clock::now();
        let tracker = Tracker::new();
        let broken = Outcome { broken: true, ..FAULT };
        for ms in 0..40 {
            // All began before the first broke.
            let (lesson, _) = judge(
                &tracker,
                OpClass::Read,
                t0 + Duration::from_millis(100 + ms),
                Duration::from_millis(100),
                broken,
            );
            let expected = if ms == 0 {
                Lesson::Fault
            } else {
                Lesson::Of(Whom::Connection)
            };
            assert_eq!(lesson, expected);
        }
        // The next one works, or does not.
        let now = t0 + Duration::from_millis(200);
        assert_eq!(
            judge(&tracker, OpClass::Read, now, Duration::from_millis(1), broken).0,
            Lesson::Fault
        );
    }

    #[test]
    fn a_dropped_attempt_is_no_latency_sample() {
        let now = crate::model::clock::now() + Duration::from_secs(10);
        let tracker = Tracker::new();
        for _ in 0..30 {
            tracker.went_well(OpClass::Read.into(), now, Duration::from_millis(10));
        }
        let before = tracker.p99(OpClass::Read);
        for number in 0..1_000 {
            let attempt = Attempt {
                work: OpClass::Read.into(),
                began: now + Duration::from_millis(20 * number),
                age: Duration::from_millis(400),
                silent: Duration::from_millis(400),
                sample: Some(Duration::from_millis(400)),
                rate: None,
                probe: false,
                large: false,
                background: false,
                stood_still: false,
                alike_elsewhere: false,
                in_vain_elsewhere: Duration::ZERO,
            };
            assert_eq!(
                tracker
                    .ended(
                        attempt,
                        Ending::Overtaken {
                            after: Duration::from_millis(20),
                            usual: true,
                        }
                    )
                    .0,
                Lesson::Late
            );
        }
        assert_eq!(tracker.p99(OpClass::Read), before);
        assert!(tracker.fault_share(OpClass::Read) > 0.9);
    }

    /// The endpoint was dead before anything was learnt of it, and may only be far away.
    #[test]
    fn overtaken_probes_of_an_unknown_endpoint_get_more_time() {
        let now = crate::model::clock::now();
        let tracker = Tracker::new();
        let work: Work = OpClass::Read.into();
        let late: Vec<u128> = (0..40)
            .map(|_| {
                let late = tracker.probe_late_after(work);
                let attempt = Attempt {
                    work,
                    began: now,
                    age: late,
                    silent: late,
                    sample: None,
                    rate: None,
                    probe: true,
                    large: false,
                    background: false,
                    stood_still: false,
                    alike_elsewhere: false,
                    in_vain_elsewhere: Duration::ZERO,
                };
                let after = Duration::from_millis(12);
                tracker.ended(attempt, Ending::Overtaken { after, usual: true });
                late.as_millis()
            })
            .collect();
        assert_eq!((late[0], late[15], late[16], late[32]), (100, 100, 200, 250));
    }

    #[test]
    fn reads_and_writes_are_judged_apart() {
        let t0 = crate::model::clock::now();
        let tracker = Tracker::new();
        for i in 0..200 {
            let now = t0 + Duration::from_millis(300 * i);
            judge(&tracker, OpClass::Write, now, Duration::ZERO, FAULT);
        }
        assert!(tracker.fault_share(OpClass::Write) > 0.99 && tracker.fault_share(OpClass::Read) == 0.0);
    }
}
