use super::{
    class::{ClassHealth, Good, UNLEARNT, late_after},
    latency::REFRESH_EVERY,
};
use crate::{
    clock::{Instant, nanos},
    limit::Admission,
    request::OpClass,
    striped::Striped,
    verdict::{Outcome, Verdict},
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// What this process has seen of one endpoint, per class of operation. Shared by the layers around the endpoint: health
/// writes, the router, the timeout and the hedge read.
#[derive(Debug)]
pub struct Tracker {
    classes: [Mutex<ClassHealth>; 3],
    views: [View; 3],
    /// Good attempts that the class has not been told of.
    untold: Striped<[Mutex<Vec<Good>>; 3]>,
    under_way: UnderWay,
}

/// How one endpoint stands for one class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// See [`Tracker::score`].
    pub(crate) score: f64,
    /// See [`Tracker::admitted`].
    pub(crate) admitted: f64,
    /// See [`Tracker::cost`].
    pub(crate) cost: f64,
}

/// Who counts the attempts under way.
#[derive(Debug)]
enum UnderWay {
    Counted(AtomicU32),
    /// The admission does, which sees them earlier.
    By(Admission),
}

/// So many good attempts of one thread go untold at most: as many as the p99 waits for before it is computed anew.
const TELL_EVERY: usize = REFRESH_EVERY as usize;

/// What the healthy path reads of one class without its lock. Published under the lock.
#[derive(Debug, Default)]
struct View {
    /// In nanoseconds; 0: not known.
    p99: AtomicU64,
    /// See [`Tracker::late_after`], in nanoseconds; 0: not known.
    late: AtomicU64,
    /// Its score is low or it throttles.
    unsound: AtomicBool,
    /// One more good attempt would change nothing but the latency, and that only a little.
    calm: AtomicBool,
    timeouts: AtomicU32,
}

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

    /// The same; what is under way is what this admission let in.
    pub(crate) fn behind(admission: Admission) -> Self {
        Self::counting(UnderWay::By(admission))
    }

    fn counting(under_way: UnderWay) -> Self {
        Self {
            classes: Default::default(),
            views: Default::default(),
            untold: Striped::new(Default::default),
            under_way,
        }
    }

    /// Attempts under way; with an admission before them, those too that wait there for their turn.
    pub fn in_flight(&self) -> u32 {
        match &self.under_way {
            UnderWay::Counted(count) => count.load(Ordering::Relaxed),
            UnderWay::By(admission) => admission.in_flight(),
        }
    }

    /// The 99th percentile of this class' latency, once 20 attempts were seen.
    #[inline]
    pub fn p99(&self, class: OpClass) -> Option<Duration> {
        match self.views[class.index()].p99.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Its score and its throttling leave it its whole traffic. Costs one load.
    #[inline]
    pub(crate) fn is_sound(&self, class: OpClass) -> bool {
        !self.views[class.index()].unsound.load(Ordering::Relaxed)
    }

    /// The median of this class' latency, once 20 attempts were seen.
    pub fn p50(&self, class: OpClass) -> Option<Duration> {
        self.lock(class).latency.quantile(0.5)
    }

    /// Nine attempts in ten take longer than this, once 20 were seen. (A quantile is exact to an eighth, upward.)
    pub(crate) fn quick(&self, class: OpClass) -> Option<Duration> {
        let tenth = self.lock(class).latency.quantile(0.1)?;
        Some(tenth * 8 / 9)
    }

    /// From this age on an attempt is *late*, and worth a hedge: a tenth, and at least 1 ms (a timer's resolution), beyond
    /// the p99; 100 ms while that is not known. (An endpoint that was dead before the first call would otherwise never be
    /// late.)
    #[inline]
    pub fn late_after(&self, class: OpClass) -> Duration {
        match self.views[class.index()].late.load(Ordering::Relaxed) {
            0 => UNLEARNT,
            nanos => Duration::from_nanos(nanos),
        }
    }

    /// The share of recent attempts that went well, 0–1 (exponentially weighted over about 1 s); 1 while nothing is known.
    pub fn score(&self, class: OpClass) -> f64 {
        self.lock(class).score
    }

    /// The share of its normal traffic that a throttling endpoint bears, 0.02–1; 1 while it does not throttle.
    pub fn admitted(&self, class: OpClass, now: Instant) -> f64 {
        self.lock(class).throttle.share(now)
    }

    /// When an attempt last succeeded.
    pub fn last_success(&self, class: OpClass) -> Option<Instant> {
        self.lock(class).last_success
    }

    /// When an attempt last ended, however it did; `None` while none has.
    pub(crate) fn last_seen(&self, class: OpClass) -> Option<Instant> {
        self.lock(class).last_seen()
    }

    /// What one more attempt here would cost: peak-EWMA latency × (attempts under way + 1), in nanoseconds.
    pub fn cost(&self, class: OpClass, now: Instant) -> f64 {
        self.standing(class, now).cost
    }

    /// All that the router weighs, for the price of one look.
    pub(crate) fn standing(&self, class: OpClass, now: Instant) -> Standing {
        let health = self.lock(class);
        Standing {
            score: health.score,
            admitted: health.throttle.share(now),
            cost: self.cost_of(health.latency.cost_nanos(now)),
        }
    }

    fn cost_of(&self, latency: f64) -> f64 {
        match (latency, self.in_flight()) {
            // An unknown endpoint is tried, with one attempt at a time: until that is back it may as well be dead (Finagle).
            (0.0, 0) => 0.0,
            (0.0, in_flight) => UNKNOWN_AND_BUSY * f64::from(in_flight),
            (latency, in_flight) => latency * f64::from(in_flight + 1),
        }
    }

    /// An attempt came back. Gives the outcome back as policy should see it: a refusal of credentials that never
    /// worked here is no suspected outage, and loses its mark.
    #[inline]
    pub(crate) fn judged(&self, class: OpClass, now: Instant, took: Duration, outcome: Outcome) -> Outcome {
        if outcome.is_plain_success() && self.views[class.index()].calm.load(Ordering::Relaxed) {
            let mut untold = self.untold.mine()[class.index()]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if untold.len() < TELL_EVERY {
                untold.push(Good { at: now, took });
                return outcome;
            }
        }
        self.learn(class, now, Some(took), outcome)
    }

    /// A probe from the background came back: the same, but its time is no sample. A cheap read's would be too short a
    /// limit for others.
    pub(crate) fn probed(&self, class: OpClass, now: Instant, outcome: Outcome) -> Outcome {
        self.learn(class, now, None, outcome)
    }

    /// An attempt with many bytes failed: where it ran out of time, the limits of others grow as well, and that is all.
    pub(crate) fn large_failed(&self, class: OpClass, outcome: Outcome) -> Outcome {
        if outcome.timed_out {
            self.one_more_timeout(class);
        }
        outcome
    }

    fn one_more_timeout(&self, class: OpClass) {
        let view = &self.views[class.index()];
        let timeouts = view.timeouts.load(Ordering::Relaxed) + 1;
        view.timeouts.store(timeouts.min(2), Ordering::Relaxed);
        // The next that goes well must be told of at once, as it ends that.
        view.calm.store(false, Ordering::Relaxed);
    }

    fn learn(&self, class: OpClass, now: Instant, took: Option<Duration>, outcome: Outcome) -> Outcome {
        // Credentials are the endpoint's, whatever the class of the call that they worked for.
        let suspected = outcome.credential
            && OpClass::ALL
                .iter()
                .any(|class| self.lock(*class).believes_credentials(now));
        let mut health = self.lock(class);
        if suspected {
            health.last_suspicion = Some(now);
        }
        let outcome = Outcome {
            credential: suspected,
            ..outcome
        };
        match outcome.verdict {
            verdict if verdict.is_healthy() => {
                if took.is_some() {
                    self.views[class.index()].timeouts.store(0, Ordering::Relaxed);
                }
                health.went_well(now, took);
            }
            verdict if verdict.is_fault() || suspected => {
                if outcome.timed_out && took.is_some() {
                    self.one_more_timeout(class);
                }
                health.failed(now, took);
            }
            Verdict::Throttled => {
                health.throttle.throttled(now, outcome.retry_after);
                health.last_other = Some(now);
            }
            // The caller's own mistakes say nothing of speed or health.
            _ => health.last_other = Some(now),
        }
        self.publish(class, &health, now);
        outcome
    }

    /// Attempts in a row that ran into our own limit, at most 2; 0 again with the first success.
    #[inline]
    pub(crate) fn timeouts_in_a_row(&self, class: OpClass) -> u32 {
        self.views[class.index()].timeouts.load(Ordering::Relaxed)
    }

    /// An attempt was dropped at this age. Whether it was late by the endpoint's own measure. A probe's age is no sample:
    /// in an outage of hours there would soon be nothing but probes.
    pub(crate) fn abandoned(&self, class: OpClass, now: Instant, age: Duration, probe: bool, large: bool) -> bool {
        let mut health = self.lock(class);
        let late = age >= health.latency.p99().map_or(UNLEARNT, late_after);
        // Many bytes take long: that says nothing of other writes.
        if late && !large {
            health.was_late(now, age, probe);
            self.publish(class, &health, now);
        }
        late
    }

    /// Counts an attempt as under way until it [leaves](Self::leave), if nobody else does.
    #[inline]
    pub(crate) fn enter(&self) {
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

    fn publish(&self, class: OpClass, health: &ClassHealth, now: Instant) {
        let view = &self.views[class.index()];
        let p99 = health.latency.p99();
        view.p99.store(p99.map_or(0, nanos), Ordering::Relaxed);
        view.late.store(p99.map(late_after).map_or(0, nanos), Ordering::Relaxed);
        view.unsound.store(!health.is_sound(now), Ordering::Relaxed);
        let calm = health.is_calm() && view.timeouts.load(Ordering::Relaxed) == 0;
        view.calm.store(calm, Ordering::Relaxed);
    }

    /// One class, told of every attempt so far.
    fn lock(&self, class: OpClass) -> MutexGuard<'_, ClassHealth> {
        let mut health = self.classes[class.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that nobody tells of a fault between: that came later.
        let mut untold = Vec::new();
        for good in self.untold.iter() {
            untold.append(&mut good[class.index()].lock().unwrap_or_else(PoisonError::into_inner));
        }
        // They are in order, but for those of another thread.
        untold.sort_by_key(|good| good.at);
        if let Some(last) = untold.last() {
            let before = health.latency.p99();
            health.all_went_well(&untold);
            if health.latency.p99() != before {
                self.publish(class, &health, last.at);
            }
        }
        health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Sent;

    const FAULT: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);

    #[test]
    fn refused_credentials_are_suspect_only_if_they_worked() {
        let now = crate::clock::now();
        let tracker = Tracker::new();
        let refused = Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential();
        assert!(!tracker.judged(OpClass::Read, now, Duration::ZERO, refused).credential);
        tracker.judged(OpClass::Read, now, Duration::ZERO, Outcome::SUCCESS);
        assert!(tracker.judged(OpClass::Read, now, Duration::ZERO, refused).credential);
        let mut later = now;
        for _ in 0..100 {
            // An outage of hours, with a probe now and then: they stay believed.
            later += Duration::from_secs(10 * 60);
            assert!(
                tracker
                    .judged(OpClass::Write, later, Duration::ZERO, refused)
                    .credential
            );
        }
        later += Duration::from_secs(16 * 60);
        assert!(!tracker.judged(OpClass::Read, later, Duration::ZERO, refused).credential);
    }

    #[test]
    fn a_dropped_attempt_is_judged_by_its_age() {
        let now = crate::clock::now();
        let tracker = Tracker::new();
        for _ in 0..30 {
            tracker.judged(OpClass::Read, now, Duration::from_millis(10), Outcome::SUCCESS);
        }
        assert!(!tracker.abandoned(OpClass::Read, now, Duration::from_millis(5), false, false));
        assert!(tracker.abandoned(OpClass::Read, now, Duration::from_millis(15), false, false));
    }

    #[test]
    fn while_nothing_is_known_100_ms_are_late() {
        let now = crate::clock::now();
        let tracker = Tracker::new();
        assert!(!tracker.abandoned(OpClass::Read, now, Duration::from_millis(99), false, false));
        assert!(tracker.abandoned(OpClass::Read, now, Duration::from_millis(100), false, false));
    }

    #[test]
    fn an_unknown_endpoint_gets_one_attempt_at_a_time() {
        let now = crate::clock::now();
        let (unknown, known) = (Tracker::new(), Tracker::new());
        known.judged(OpClass::Read, now, Duration::from_secs(5), Outcome::SUCCESS);
        assert!(unknown.cost(OpClass::Read, now) < known.cost(OpClass::Read, now));
        unknown.enter();
        assert!(unknown.cost(OpClass::Read, now) > known.cost(OpClass::Read, now));
    }

    #[test]
    fn a_fast_failure_costs_more_than_a_slow_success() {
        let now = crate::clock::now();
        let (fast_failing, slow) = (Tracker::new(), Tracker::new());
        fast_failing.judged(OpClass::Read, now, Duration::from_micros(50), FAULT);
        slow.judged(OpClass::Read, now, Duration::from_millis(300), Outcome::SUCCESS);
        assert!(fast_failing.cost(OpClass::Read, now) > slow.cost(OpClass::Read, now));
    }

    #[test]
    fn what_is_untold_is_told_to_whoever_asks() {
        let t0 = crate::clock::now();
        let at = |ms: u64| t0 + Duration::from_millis(ms);
        let tracker = Tracker::new();
        for ms in 0..100 {
            tracker.judged(OpClass::Read, at(ms), Duration::from_millis(10), Outcome::SUCCESS);
        }
        // Not a multiple of what goes untold: some of these are.
        for ms in 100..105 {
            tracker.judged(OpClass::Read, at(ms), Duration::from_millis(80), Outcome::SUCCESS);
        }
        assert_eq!(tracker.last_success(OpClass::Read), Some(at(104)));
        assert_eq!(tracker.last_seen(OpClass::Read), Some(at(104)));
        assert_eq!(tracker.cost(OpClass::Read, at(104)), 80e6, "the peak is seen at once");
    }

    #[test]
    fn what_is_asked_at_every_pick_still_follows_the_endpoint() {
        let mut now = crate::clock::now();
        let tracker = Tracker::new();
        let slow_at_first = [(300, 20), (2, 5_000)];
        for (ms, attempts) in slow_at_first {
            for _ in 0..attempts {
                now += Duration::from_millis(2);
                tracker.judged(OpClass::Read, now, Duration::from_millis(ms), Outcome::SUCCESS);
                // As the router does where the usual pick is not open to it.
                tracker.standing(OpClass::Read, now);
            }
        }
        assert!(tracker.p99(OpClass::Read).unwrap() < Duration::from_millis(3));
        assert!(tracker.late_after(OpClass::Read) < Duration::from_millis(5));
    }

    #[test]
    fn what_other_threads_saw_is_told_in_the_order_of_time() {
        let t0 = crate::clock::now();
        let tracker = Tracker::new();
        let good = |ms: u64| {
            let now = t0 + Duration::from_millis(ms);
            tracker.judged(OpClass::Read, now, Duration::from_millis(10), Outcome::SUCCESS);
        };
        (0..40).for_each(good);
        std::thread::scope(|scope| {
            scope.spawn(|| (50..55).for_each(good));
            scope.spawn(|| (40..45).for_each(good));
        });
        assert_eq!(
            tracker.last_success(OpClass::Read),
            Some(t0 + Duration::from_millis(54))
        );
        assert_eq!(tracker.score(OpClass::Read), 1.0);
    }

    #[test]
    fn after_trouble_it_is_calm_again() {
        let mut now = crate::clock::now();
        let tracker = Tracker::new();
        let throttled = Outcome::new(Verdict::Throttled, Sent::Maybe);
        for outcome in [FAULT, throttled] {
            for _ in 0..30 {
                now += Duration::from_millis(10);
                tracker.judged(OpClass::Read, now, Duration::from_millis(10), outcome);
            }
            assert!(!tracker.views[OpClass::Read.index()].calm.load(Ordering::Relaxed));
            for _ in 0..3_000 {
                now += Duration::from_millis(50);
                tracker.judged(OpClass::Read, now, Duration::from_millis(10), Outcome::SUCCESS);
            }
            assert!(tracker.views[OpClass::Read.index()].calm.load(Ordering::Relaxed));
            assert_eq!(
                (tracker.score(OpClass::Read), tracker.admitted(OpClass::Read, now)),
                (1.0, 1.0)
            );
        }
    }

    #[test]
    fn reads_and_writes_are_judged_apart() {
        let t0 = crate::clock::now();
        let tracker = Tracker::new();
        for i in 0..20 {
            tracker.judged(
                OpClass::Write,
                t0 + Duration::from_millis(300 * i),
                Duration::ZERO,
                FAULT,
            );
        }
        assert!(tracker.score(OpClass::Write) < 0.01 && tracker.score(OpClass::Read) == 1.0);
    }
}
