use crate::model::clock::Instant;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// How many attempts may be under way at an endpoint of unknown capacity. Pure: `now` comes in.
///
/// An endpoint that is sent more than it can do queues, then answers everything too late: its goodput collapses. The
/// sign is that *most* attempts take more than four times the usual time and more than 100 ms, with many under way.
/// (The usual time is an average over half a minute, which stands still while there is a limit. A server that does one
/// thing after the other takes sixteen times as long for sixteen at once; while those answers are in time, sending
/// less gains nothing.)
///
/// The limit then starts just below the number under way, and is cut by 15 % every 50 ms until attempts take twice the
/// usual time. From there the limit grows again by a sixteenth. (Vegas' and Netflix' gradient limits, with a wider
/// band: here nothing must be refused that would have been answered in time.)
///
/// Slowness may have another cause than a queue: the requests have become heavier, or the endpoint slower. A limit
/// would then only refuse attempts that would have been answered. A queue shows when less is under way: each attempt
/// takes less time, and as many end a second as before. Without that sign the limit goes, and the new time is the
/// usual one. A confirmed limit under which fewer attempts later end, while others wait, is doubled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adaptive {
    window: Window,
    /// What an attempt usually takes, in seconds.
    usual: Option<f64>,
    /// Windows in a row that were too slow.
    slow: u32,
    /// How many attempts ended a second, in the last window.
    rate: Option<f64>,
    limit: Option<Limit>,
}

/// Attempts that ended since the last window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    since: Option<Instant>,
    attempts: u32,
    /// How many attempts ended, as estimated from the samples.
    ended: u32,
    /// How many of these were too slow.
    slow: u32,
    /// How long they took together, in seconds.
    took: f64,
    /// The sum of the attempts that each found under way.
    under_way: f64,
    /// How many attempts found no place.
    refused: u32,
    /// How many attempts waited for a place, at most.
    waiting: u32,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    at: f64,
    /// The state when the limit was set.
    before: Seen,
    /// The queue is confirmed.
    confirmed: bool,
    /// The attempts that ended while the limit kept others out, since the last check: how many, over how many seconds,
    /// in how many windows.
    ended: (f64, f64, u32),
    /// How often in a row the limit was doubled because fewer attempts ended.
    doubled: u32,
    /// Windows in a row in which the limit was far away.
    spare: u32,
}

/// A window's result.
#[derive(Clone, Copy, Debug)]
struct Seen {
    under_way: f64,
    took: f64,
    /// Attempts that ended a second.
    rate: f64,
    /// Attempts that ended or found no place, a second.
    wanted: f64,
}

/// The shortest window: some answers of a near endpoint, and a fifth of the shortest attempt limit.
const WINDOW: Duration = Duration::from_millis(50);
/// The fewest samples of a window: the mean of fewer is chance.
const ENOUGH: u32 = 12;
/// Fewer attempts under way are never limited: a few connections' worth overload no endpoint.
const LEAST_UNDER_WAY: u32 = 8;
/// The limit is never below this.
const LEAST: f64 = 4.0;
/// Too slow: this many times the usual time, plus two timer ticks. An attempt's own limit is eight times the p99.
const TOO_SLOW: f64 = 4.0;
/// Slow enough under a limit: this many times the usual time.
const SLOW_ENOUGH: f64 = 2.0;
const TICKS: f64 = 0.004;
/// Too slow is also more than this, in seconds: well below the shortest limit of an attempt (250 ms), in time for any
/// use.
const BEARABLE: f64 = 0.1;
/// One slow window is a pause of a garbage collector; two are a queue.
const WINDOWS: u32 = 2;
const CUT: f64 = 0.85;
const GROWTH: f64 = 1.0 / 16.0;
/// With this share of the attempts under way, a queue's time would have shrunk as well, and by more than a fifth.
const TRIED: f64 = 0.6;
const SHRUNK: f64 = 0.8;
/// As many end a second as before: over this many windows, up to a fifth less is chance.
const KEPT: f64 = 0.8;
/// The limit keeps attempts out where the attempts that want in are this many times those that end, or as many as ended
/// before.
const PRESSED: f64 = 2.0;
const SEEN: u32 = 3;
/// A limit under which fewer attempts still end after this many doublings goes.
const DOUBLED: u32 = 2;
/// A limit that for this many windows is twice the number under way has done its work.
const SPARE: u32 = 10;
/// A limit under which no attempt ended for this long is forgotten: traffic went elsewhere.
const FORGOTTEN: Duration = Duration::from_secs(5);
/// The usual time follows a longer time over half a minute, so that a growing queue is not taken for usual. The usual
/// time follows a shorter time three times as fast.
const FOLLOWS: (f64, f64) = (30.0, 10.0);

impl Adaptive {
    /// The most attempts that may be under way; `None`: no limit.
    pub(crate) fn limit(&self, now: Instant) -> Option<u32> {
        let stale = |since: Instant| now.saturating_duration_since(since) >= FORGOTTEN;
        let limit = self.limit.filter(|_| !self.window.since.is_some_and(stale))?;
        Some(limit.at as u32)
    }

    /// Attempts that ended a second, in the last window. Infinite while the queue is not confirmed: no attempt is to
    /// be refused for it then.
    pub(super) fn rate(&self) -> Option<f64> {
        match self.limit {
            Some(limit) if !limit.confirmed => Some(f64::INFINITY),
            _ => self.rate,
        }
    }

    /// This many attempts have found no place since the last time, and this many wait for a place now.
    pub(crate) fn refused(&mut self, attempts: u32, waiting: u32) {
        self.window.refused = self.window.refused.saturating_add(attempts);
        self.window.waiting = self.window.waiting.max(waiting);
    }

    /// An attempt ended, after this time and with this many under way when it began. The sample stands for
    /// `stands_for` attempts; `None`: the attempt was given up.
    pub(crate) fn ended(&mut self, now: Instant, took: Duration, under_way: u32, stands_for: Option<u32>) {
        if self.limit.is_some() && self.limit(now).is_none() {
            self.lift();
        }
        let took = took.as_secs_f64();
        let too_slow = self
            .usual
            .is_some_and(|usual| took > (TOO_SLOW * usual + TICKS).max(BEARABLE));
        let window = &mut self.window;
        let since = *window.since.get_or_insert(now);
        window.attempts += 1;
        window.ended = window.ended.saturating_add(stands_for.unwrap_or(0));
        window.slow += u32::from(too_slow);
        window.took += took;
        window.under_way += f64::from(under_way);
        let lasted = now.saturating_duration_since(since);
        if lasted < WINDOW || window.attempts < ENOUGH {
            return;
        }
        let full = std::mem::take(window);
        self.window.since = Some(now);
        let seconds = lasted.as_secs_f64();
        let attempts = f64::from(full.attempts);
        let now = Seen {
            under_way: full.under_way / attempts,
            took: full.took / attempts,
            rate: f64::from(full.ended) / seconds,
            wanted: (f64::from(full.ended) + f64::from(full.refused) + f64::from(full.waiting)) / seconds,
        };
        self.rate = Some(now.rate);
        match self.limit {
            None => {
                let many = now.under_way >= f64::from(LEAST_UNDER_WAY) && full.slow * 2 > full.attempts;
                self.unlimited(seconds, now, many);
            }
            Some(limit) => self.limited(seconds, limit, now),
        }
    }

    fn unlimited(&mut self, seconds: f64, now: Seen, too_slow: bool) {
        let usual = *self.usual.get_or_insert(now.took);
        self.slow = if too_slow { self.slow + 1 } else { 0 };
        if self.slow >= WINDOWS {
            self.limit = Some(Limit {
                at: (now.under_way * CUT).max(LEAST),
                before: now,
                confirmed: false,
                ended: Default::default(),
                doubled: 0,
                spare: 0,
            });
            return;
        }
        let over = if now.took > usual { FOLLOWS.0 } else { FOLLOWS.1 };
        // After an idle night one window must not count for all of it.
        let weight = (seconds / over).min(0.1);
        self.usual = Some(usual + weight * (now.took - usual));
    }

    fn limited(&mut self, seconds: f64, mut limit: Limit, now: Seen) {
        let usual = self.usual.unwrap_or(now.took);
        let slow = now.took > SLOW_ENOUGH * usual + TICKS;
        if !limit.confirmed && !slow {
            // It passed before the limit had any effect.
            self.lift();
            return;
        }
        if now.wanted >= limit.before.rate || now.wanted >= PRESSED * now.rate {
            let (ended, seconds_so_far, windows) = limit.ended;
            limit.ended = (ended + now.rate * seconds, seconds_so_far + seconds, windows + 1);
        }
        let (ended, over, windows) = limit.ended;
        let fewer = windows >= SEEN && ended < KEPT * limit.before.rate * over;
        if windows >= SEEN {
            limit.ended = Default::default();
        }
        let tried = now.under_way <= limit.before.under_way * TRIED;
        let shrunk = now.took <= limit.before.took * SHRUNK;
        if !limit.confirmed && tried && (fewer || !shrunk) {
            self.lift();
            self.usual = Some(now.took);
            return;
        }
        limit.confirmed |= tried;
        if limit.confirmed && fewer {
            limit.doubled += 1;
            if limit.doubled > DOUBLED {
                // It was no queue after all, or can do less than before: that is learnt anew.
                self.lift();
                self.usual = Some(now.took.max(usual));
                return;
            }
            limit.at *= 2.0;
            self.limit = Some(limit);
            return;
        }
        if windows >= SEEN {
            limit.doubled = 0;
        }
        limit.at = if slow {
            (limit.at * CUT).max(LEAST)
        } else {
            limit.at + (limit.at * GROWTH).max(1.0)
        };
        limit.spare = if now.under_way * 2.0 < limit.at {
            limit.spare + 1
        } else {
            0
        };
        self.limit = Some(limit);
        if limit.spare >= SPARE {
            self.lift();
        }
    }

    const fn lift(&mut self) {
        self.limit = None;
        self.slow = 0;
    }
}

/// An [`Adaptive`] that all attempts at one endpoint share. An attempt costs one load and one addition. A sample also
/// costs a lock: one attempt in eight, and every other where many are under way.
#[derive(Debug)]
pub(super) struct Shared {
    limit: AtomicU32,
    admitted: AtomicU32,
    /// Attempts that found no place since the last sample.
    refused: AtomicU32,
    policy: Mutex<Adaptive>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            limit: AtomicU32::new(u32::MAX),
            admitted: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            policy: Mutex::default(),
        }
    }

    /// Whether an attempt that finds this many under way may join them, and if so, whether it is a sample.
    pub(super) fn admits(&self, now: impl FnOnce() -> Instant, under_way: u32) -> Option<bool> {
        if under_way >= self.limit.load(Ordering::Relaxed) && self.limit(now()).is_some_and(|limit| under_way >= limit)
        {
            return None;
        }
        // Two that race may count as one: that only shifts which is the sample.
        let number = self.admitted.load(Ordering::Relaxed);
        self.admitted.store(number.wrapping_add(1), Ordering::Relaxed);
        Some(number & (every(under_way) - 1) == 0)
    }

    /// Notes an attempt that found no place.
    #[cold]
    pub(super) fn note_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many attempts that end a second give room to others, as far as is known.
    pub(super) fn rate(&self) -> Option<f64> {
        let policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        policy.rate()
    }

    /// A sample ended.
    pub(super) fn ended(&self, now: Instant, took: Duration, under_way: u32, answered: bool, waiting: u32) {
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        policy.refused(self.refused.swap(0, Ordering::Relaxed), waiting);
        policy.ended(now, took, under_way, answered.then(|| every(under_way)));
        let limit = policy.limit(now).unwrap_or(u32::MAX);
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(super) fn is_bounded(&self, now: Instant) -> bool {
        self.limit.load(Ordering::Relaxed) != u32::MAX && self.limit(now).is_some()
    }

    pub(super) fn limit(&self, now: Instant) -> Option<u32> {
        let policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        policy.limit(now)
    }
}

/// One attempt in this many is a sample.
const fn every(under_way: u32) -> u32 {
    if under_way < LEAST_UNDER_WAY { 8 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    /// Runs this many attempts, one a millisecond.
    fn run(policy: &mut Adaptive, now: &mut Instant, attempts: u32, took: Duration, under_way: u32) {
        for _ in 0..attempts {
            *now += MS;
            policy.ended(*now, took, under_way, Some(1));
        }
    }

    /// A policy that has seen a thousand attempts of this time.
    fn used_to(took: Duration, under_way: u32) -> (Adaptive, Instant) {
        let (mut policy, mut now) = (Adaptive::default(), crate::model::clock::now());
        run(&mut policy, &mut now, 1_000, took, under_way);
        (policy, now)
    }

    #[test]
    fn a_queueing_endpoint_is_limited_and_later_released() {
        let (mut policy, mut now) = used_to(12 * MS, 4);
        assert_eq!(policy.limit(now), None);
        // A server of 300 a second: each attempt takes as long as all that are under way.
        let mut under_way = 40;
        for _ in 0..5_000 {
            now += Duration::from_micros(3_333);
            under_way = policy.limit(now).unwrap_or(under_way + 1);
            policy.ended(
                now,
                (12 * MS).max(under_way * Duration::from_micros(3_333)),
                under_way,
                Some(1),
            );
        }
        let limit = policy.limit(now).unwrap();
        assert!((4..=12).contains(&limit), "{limit}");
        // The others are back, hardly anything comes.
        run(&mut policy, &mut now, 2_000, 12 * MS, 1);
        assert_eq!(policy.limit(now), None);
    }

    #[test]
    fn a_merely_slower_endpoint_is_not_kept_limited() {
        let (mut policy, mut now) = used_to(10 * MS, 10);
        let mut limited = 0;
        for _ in 0..3_000 {
            now += MS;
            let limit = policy.limit(now);
            limited += u32::from(limit.is_some());
            policy.ended(now, 160 * MS, limit.unwrap_or(80).min(80), Some(1));
        }
        assert_eq!(policy.limit(now), None);
        assert!((1..500).contains(&limited), "{limited} ms");
    }

    /// Objects of all sizes look like a queue by chance. Under a limit fewer attempts end, while many wait.
    #[test]
    fn a_limit_that_lowers_throughput_is_lifted() {
        let (mut policy, mut now) = used_to(20 * MS, 10);
        run(&mut policy, &mut now, 110, 600 * MS, 100);
        run(&mut policy, &mut now, 60, 300 * MS, 50);
        assert!(policy.limit(now).is_some());
        let gone = (0..2_000).find(|_| {
            now += 20 * MS;
            policy.refused(10, 100);
            let under_way = policy.limit(now).unwrap_or(50);
            policy.ended(now, 300 * MS, under_way, Some(1));
            policy.limit(now).is_none()
        });
        assert!(gone.is_some(), "{:?}", policy.limit(now));
    }

    #[test]
    fn an_unused_limit_is_forgotten() {
        let (mut policy, mut now) = used_to(12 * MS, 4);
        run(&mut policy, &mut now, 150, 200 * MS, 60);
        assert!(policy.limit(now).is_some());
        assert_eq!(policy.limit(now + FORGOTTEN), None);
    }

    proptest! {
        /// Whatever comes: with few under way, or with most of the answers in time, there is no limit; and there is none
        /// that lets nothing pass.
        #[test]
        fn a_steady_endpoint_is_never_limited(
            attempts in proptest::collection::vec((0_u64..50, 1_u64..2_000, any::<bool>(), 0_u32..1_024), 100..1_000),
        ) {
            let start = crate::model::clock::now();
            let (mut few, mut in_time, mut any) = (Adaptive::default(), Adaptive::default(), Adaptive::default());
            let mut now = start;
            for (number, (gap, took, slow, under_way)) in attempts.into_iter().enumerate() {
                now += Duration::from_micros(100 * gap);
                any.ended(now, Duration::from_millis(took), under_way, Some(1));
                few.ended(now, Duration::from_millis(took), under_way % 8, Some(1));
                let took = if slow && number % 3 == 0 { took } else { 10 };
                in_time.ended(now, Duration::from_millis(took), under_way, Some(1));
                prop_assert_eq!(few.limit(now), None);
                prop_assert_eq!(in_time.limit(now), None);
                prop_assert!(any.limit(now).is_none_or(|limit| limit >= LEAST as u32));
            }
        }
    }
}
