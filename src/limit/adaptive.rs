use crate::clock::Instant;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// How many attempts may be under way at an endpoint of which no capacity is known. Pure: `now` comes in.
///
/// An endpoint that is sent more than it can do queues, then answers everything too late: its goodput collapses. The sign is
/// an answering time that grows with the attempts under way. It is had from Little's law, attempts under way divided by
/// attempts per second, so no attempt needs to be timed. At four times what is usual (an average over half a minute, which
/// stands still while there is a limit) a limit is set just below what is under way, and cut by 15 % every 50 ms until twice
/// the usual time is reached; then it grows again by a sixteenth. (Vegas' and Netflix' gradient limits, with a wider band:
/// here nothing must be refused that would have been answered in time.)
///
/// Where fewer attempts under way do not shorten the time, there is no queue: the requests have become heavier, or the
/// endpoint slower. Then the new time is the usual one and the limit goes.
#[derive(Clone, Debug)]
pub struct Adaptive {
    since: Option<Instant>,
    /// What an attempt usually takes, in seconds.
    usual: Option<f64>,
    /// Windows in a row that were too slow.
    slow: u32,
    limit: Option<Limit>,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    at: f64,
    /// What was under way, and what it took, when it was set; until it is known that there is a queue.
    suspicion: Option<(f64, f64)>,
    /// Windows in a row in which it was far away.
    spare: u32,
}

/// A window lasts at least so long: some answers of a near endpoint, and a fifth of the shortest attempt limit.
const WINDOW: Duration = Duration::from_millis(50);
/// And so many attempts: the mean of fewer is chance.
const ENOUGH: u32 = 16;
/// With fewer attempts under way, what is found is chance and says nothing of the time.
const KNOWABLE: f64 = 1.0;
/// Fewer attempts under way are never limited: a few connections' worth drown nobody.
const LEAST_UNDER_WAY: f64 = 8.0;
/// The limit is never below this.
const LEAST: f64 = 4.0;
/// Too slow, so many times the usual and two timer ticks. An attempt's own limit is eight times the p99.
const TOO_SLOW: f64 = 4.0;
/// So slow is good enough, under a limit.
const SLOW_ENOUGH: f64 = 2.0;
const TICKS: f64 = 0.004;
/// One slow window is a pause of a garbage collector; two are a queue.
const WINDOWS: u32 = 2;
const CUT: f64 = 0.85;
const GROWTH: f64 = 1.0 / 16.0;
/// With so much less under way, a queue's time would have shrunk as well, not just by a fifth.
const TRIED: f64 = 0.6;
const SHRUNK: f64 = 0.8;
/// A limit that is twice what is under way for so many windows has done its work.
const SPARE: u32 = 10;
/// The usual time follows a longer one over half a minute, so that a queue that builds up is not taken for usual, and a
/// shorter one three times as fast.
const FOLLOWS: (f64, f64) = (30.0, 10.0);

impl Default for Adaptive {
    fn default() -> Self {
        Self::new()
    }
}

impl Adaptive {
    /// No limit, nothing learnt.
    pub const fn new() -> Self {
        Self {
            since: None,
            usual: None,
            slow: 0,
            limit: None,
        }
    }

    /// The most attempts that may be under way; `None`: as many as come.
    pub fn limit(&self) -> Option<u32> {
        self.limit.map(|limit| limit.at as u32)
    }

    /// `attempts` were admitted since the last window ended, and found `under_way` in all before them. Whether that was a
    /// window; if not, say it again with the next.
    pub fn observe(&mut self, now: Instant, attempts: u32, under_way: u64) -> bool {
        let Some(since) = self.since else {
            self.since = Some(now);
            return true;
        };
        let lasted = now.saturating_duration_since(since);
        if lasted < WINDOW || attempts < ENOUGH {
            return false;
        }
        self.since = Some(now);
        let seconds = lasted.as_secs_f64();
        let mean = under_way as f64 / f64::from(attempts);
        let takes = mean * seconds / f64::from(attempts);
        match self.limit {
            None => self.unlimited(seconds, mean, takes),
            Some(limit) => self.limited(limit, mean, takes),
        }
        true
    }

    fn unlimited(&mut self, seconds: f64, mean: f64, takes: f64) {
        if mean < KNOWABLE {
            self.slow = 0;
            return;
        }
        let usual = *self.usual.get_or_insert(takes);
        if mean >= LEAST_UNDER_WAY && takes > TOO_SLOW * usual + TICKS {
            self.slow += 1;
        } else {
            self.slow = 0;
        }
        if self.slow >= WINDOWS {
            self.limit = Some(Limit {
                at: (mean * CUT).max(LEAST),
                suspicion: Some((mean, takes)),
                spare: 0,
            });
            return;
        }
        let over = if takes > usual { FOLLOWS.0 } else { FOLLOWS.1 };
        // After an idle night one window must not count for all of it.
        let weight = (seconds / over).min(0.1);
        self.usual = Some(usual + weight * (takes - usual));
    }

    fn limited(&mut self, mut limit: Limit, mean: f64, takes: f64) {
        let usual = self.usual.unwrap_or(takes);
        if let Some((was_under_way, took)) = limit.suspicion
            && mean <= was_under_way * TRIED
        {
            if takes > took * SHRUNK {
                self.lift();
                self.usual = Some(takes);
                return;
            }
            limit.suspicion = None;
        }
        limit.at = if takes > SLOW_ENOUGH * usual + TICKS {
            (limit.at * CUT).max(LEAST)
        } else {
            limit.at + (limit.at * GROWTH).max(1.0)
        };
        limit.spare = if mean * 2.0 < limit.at { limit.spare + 1 } else { 0 };
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

/// An [`Adaptive`] that all attempts at one endpoint share. Costs one load and one addition an attempt, and a lock for one
/// in sixteen.
#[derive(Debug)]
pub(super) struct Shared {
    limit: AtomicU32,
    /// Since the last window: attempts, and above them the sum of what they found under way.
    seen: AtomicU64,
    policy: Mutex<Adaptive>,
}

const SUM: u32 = 24;
const COUNT: u64 = (1 << SUM) - 1;

impl Shared {
    pub(super) const fn new() -> Self {
        Self {
            limit: AtomicU32::new(u32::MAX),
            seen: AtomicU64::new(0),
            policy: Mutex::new(Adaptive::new()),
        }
    }

    /// Whether an attempt that finds so many under way may join them.
    pub(super) fn admits(&self, now: Instant, under_way: u32) -> bool {
        if under_way >= self.limit.load(Ordering::Relaxed) {
            return false;
        }
        let one = u64::from(under_way) << SUM | 1;
        let seen = self.seen.fetch_add(one, Ordering::Relaxed).wrapping_add(one);
        if (seen & COUNT).is_multiple_of(u64::from(ENOUGH)) {
            self.observe(now, seen);
        }
        true
    }

    #[cold]
    fn observe(&self, now: Instant, seen: u64) {
        // Whoever holds it is doing the same.
        let Ok(mut policy) = self.policy.try_lock() else { return };
        let attempts = u32::try_from(seen & COUNT).unwrap_or(u32::MAX);
        if policy.observe(now, attempts, seen >> SUM) {
            self.seen.fetch_sub(seen, Ordering::Relaxed);
            self.limit.store(policy.limit().unwrap_or(u32::MAX), Ordering::Relaxed);
        }
    }

    pub(super) fn limit(&self) -> Option<u32> {
        let policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        policy.limit()
    }
}
