use super::{Settings, rate::Rate};
use crate::{
    bounds::Bounded,
    clock::Instant,
    health::{Ramp, Window},
};
use std::{collections::VecDeque, time::Duration};

/// What an attempt's end means to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The endpoint did its work.
    Good,
    /// It did not.
    Fault,
    /// The connection broke under the attempt, which had begun then. Those that were under way when the first of them broke
    /// are one fault together: a server that is replaced closes all its connections at once, and the next one works.
    Broken {
        /// When the attempt began.
        began: Instant,
    },
    /// The attempt was dropped when it was later than the endpoint's own p99: its hedge, which started later, was done.
    Late,
    /// The same at four times the p99: two of these in a row weigh as much as four faults.
    VeryLate,
    /// Says nothing: throttled, the caller's mistake, dropped young.
    Nothing,
}

/// Where a breaker is. *Closed* is when traffic flows.
#[derive(Clone, Debug)]
enum State {
    /// → `Open` on too many faults.
    Closed {
        /// Faults since the last good attempt; a very late one counts twice.
        strikes: u32,
        ramp: Option<Ramp>,
        /// When it closed, after the outage that began when.
        recovered: Option<Recovery>,
    },
    /// → `HalfOpen` when a probe is admitted after `until`; → `HalfOpen` at once when a forced attempt succeeds.
    Open { until: Instant, outage: Outage },
    /// → `Closed` after enough good probes in a row; → `Open` on a bad one.
    HalfOpen {
        successes: u32,
        probing: bool,
        /// The next probe is due then: at once, unless the endpoint flaps.
        next: Instant,
        outage: Outage,
    },
}

/// An outage, with the recoveries that did not last.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: Instant,
    relapses: u32,
}

/// The end of an outage.
#[derive(Clone, Copy, Debug)]
struct Recovery {
    at: Instant,
    outage: Outage,
}

/// What the breaker says to an attempt that wants to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Go.
    Pass,
    /// Go as the one probe; its end must be reported as a probe's.
    Probe,
    /// Do not go before then (or, in half-open, before the probe under way has ended).
    Refuse {
        /// When the next probe may pass.
        until: Instant,
    },
}

/// What stands before a probe from the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Traffic flows; `wary`: a neighbour is in trouble, and no attempt has gone well since.
    Closed { wary: bool },
    /// Nobody may pass before then.
    Shut { until: Instant },
    /// A probe is under way.
    Probing,
    /// A probe has been due since then; `alive`: one has succeeded since it opened.
    Due { since: Instant, alive: bool },
}

/// A change worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// It opened.
    Opened {
        /// Why.
        cause: Cause,
        /// For how long.
        duration: Duration,
    },
    /// A probe passes.
    HalfOpened,
    /// Traffic flows again, beginning with a tenth.
    Closed {
        /// How long the endpoint was out.
        outage: Duration,
    },
}

/// Why a breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Several faults in a row.
    Consecutive,
    /// Too large a share of faults in the window.
    Ratio,
    /// A probe failed.
    ProbeFailed,
}

impl Cause {
    /// The words used in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consecutive => "faults in a row",
            Self::Ratio => "too large a share of faults",
            Self::ProbeFailed => "the probe failed",
        }
    }
}

/// One breaker's policy: pure; time and chance come in as arguments.
#[derive(Clone, Debug)]
pub struct Policy {
    settings: Settings,
    state: State,
    window: Window,
    /// The last attempts while it was closed, for low rates: when they ended and whether they were faults.
    recent: VecDeque<(Instant, bool)>,
    rate: Rate,
    /// When it was last told of good attempts.
    told: Option<Instant>,
    /// Until then half the faults are enough: a neighbour is in trouble.
    wary_until: Option<Instant>,
    /// When connections began to break, and when one last did.
    breaking: Option<(Instant, Instant)>,
    /// When the latest outages began, newest first.
    outages: [Option<Instant>; REMEMBERED],
}

/// The most that relapses add to the successes wanted.
const MORE_SUCCESSES: u32 = 6;
/// A probe from the background is this late: it says nothing, or nobody sends it. Calls are lent again.
const OVERDUE: Duration = Duration::from_secs(2);
/// Outages within this time are flapping.
const FLAPPING_WITHIN: Duration = Duration::from_secs(60);
/// The hold-down doubles with each of them: with six it is at its maximum.
const REMEMBERED: usize = 7;

impl Policy {
    /// A closed breaker.
    pub fn new(settings: Settings) -> Self {
        let settings = settings.bounded();
        Self {
            window: Window::new(settings.window),
            settings,
            state: State::Closed {
                strikes: 0,
                ramp: None,
                recovered: None,
            },
            recent: VecDeque::new(),
            rate: Rate::default(),
            told: None,
            wary_until: None,
            breaking: None,
            outages: [None; REMEMBERED],
        }
    }

    /// Whether an attempt may pass now, without letting it pass.
    pub fn peek(&self, now: Instant) -> Admission {
        match &self.state {
            State::Closed { .. } => Admission::Pass,
            State::Open { until, .. } if now < *until => Admission::Refuse { until: *until },
            State::HalfOpen { probing: true, .. } => Admission::Refuse { until: now },
            State::HalfOpen { next, .. } if now < *next => Admission::Refuse { until: *next },
            State::Open { .. } | State::HalfOpen { .. } => Admission::Probe,
        }
    }

    /// What stands before a probe from the background.
    pub(crate) fn gate(&self, now: Instant) -> Gate {
        match self.state {
            State::Closed { .. } => Gate::Closed {
                wary: self.wary_until.is_some_and(|until| now < until),
            },
            State::Open { until, .. } if now < until => Gate::Shut { until },
            State::Open { until, .. } => Gate::Due {
                since: until,
                alive: false,
            },
            State::HalfOpen { probing: true, .. } => Gate::Probing,
            State::HalfOpen { next, .. } if now < next => Gate::Shut { until: next },
            State::HalfOpen { next, successes, .. } => Gate::Due {
                since: next,
                alive: successes > 0,
            },
        }
    }

    /// Not closed, no probe has succeeded since it opened, and the background, if there is any, is not overdue with one.
    pub(crate) fn is_lifeless(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { until, .. } => now < until + OVERDUE,
            State::HalfOpen { successes, next, .. } => successes == 0 && now < next + OVERDUE,
        }
    }

    /// Half-open, and a probe has succeeded.
    pub(crate) const fn shows_life(&self) -> bool {
        matches!(self.state, State::HalfOpen { successes: 1.., .. })
    }

    /// An attempt wants to pass. `Probe` takes the one probe's place until [`probed`](Self::probed) or
    /// [`probe_dropped`](Self::probe_dropped).
    pub fn admit(&mut self, now: Instant) -> (Admission, Option<Transition>) {
        let admission = self.peek(now);
        if admission != Admission::Probe {
            return (admission, None);
        }
        match &mut self.state {
            State::Open { outage, .. } => {
                self.state = State::HalfOpen {
                    successes: 0,
                    probing: true,
                    next: now,
                    outage: *outage,
                };
                (admission, Some(Transition::HalfOpened))
            }
            State::HalfOpen { probing, .. } => {
                *probing = true;
                (admission, None)
            }
            State::Closed { .. } => (Admission::Pass, None),
        }
    }

    /// An ordinary attempt ended.
    pub fn ended(&mut self, now: Instant, signal: Signal, rng: &mut fastrand::Rng) -> Option<Transition> {
        if matches!(self.state, State::Closed { .. }) {
            self.rate.count(now);
        }
        self.watched(now, signal, rng)
    }

    /// A probe from the background ended while it was closed: evidence like any other, but it says nothing of the rate.
    pub fn watched(&mut self, now: Instant, signal: Signal, rng: &mut fastrand::Rng) -> Option<Transition> {
        let signal = self.heard(now, signal);
        let strikes_before = match &mut self.state {
            State::Closed { strikes, .. } => strikes,
            // Sent before it opened, and back only now: old news.
            State::Open { .. } | State::HalfOpen { .. } => return None,
        };
        let weight = match signal {
            Signal::Nothing => return None,
            Signal::Good => {
                *strikes_before = 0;
                self.wary_until = None;
                self.window.record(now, true);
                self.remember(now, false);
                return None;
            }
            Signal::Fault | Signal::Broken { .. } | Signal::Late => 1,
            Signal::VeryLate => 2,
        };
        *strikes_before += weight;
        let strikes = *strikes_before;
        self.window.record(now, false);
        self.remember(now, true);
        let counts = self.window.counts(now);
        let enough = if counts.total() < self.settings.min_count {
            self.settings.consecutive_at_low_rate
        } else {
            self.settings.consecutive
        };
        let wary = self.wary_until.is_some_and(|until| now < until);
        let (enough, ratio) = match wary {
            true => (enough.div_ceil(2), self.settings.ratio / 2.0),
            false => (enough, self.settings.ratio),
        };
        if strikes >= enough {
            return Some(self.open(now, Cause::Consecutive, rng));
        }
        if counts.total() >= self.settings.min_count && counts.bad_share() >= ratio {
            return Some(self.open(now, Cause::Ratio, rng));
        }
        if counts.total() < self.settings.min_count && self.recent_share(now) >= self.settings.ratio_at_low_rate {
            return Some(self.open(now, Cause::Ratio, rng));
        }
        None
    }

    /// `attempts` ordinary attempts went well since the breaker was last told anything. Telling of them in bulk is what
    /// keeps the healthy path free of its lock.
    pub fn good_since_last_told(&mut self, now: Instant, attempts: u32) {
        let since = self.told.replace(now).unwrap_or(now);
        let State::Closed { strikes, .. } = &mut self.state else {
            return;
        };
        if attempts == 0 {
            return;
        }
        *strikes = 0;
        self.wary_until = None;
        self.window.record_good_since(since, now, attempts);
        self.rate.count_evenly(since, now, attempts);
        for _ in 0..attempts.min(self.settings.min_count) {
            self.remember(now, false);
        }
    }

    /// A neighbour is in trouble: until then half the faults are enough, unless an attempt goes well before.
    pub fn be_wary(&mut self, until: Instant) {
        self.wary_until = Some(until);
    }

    /// Closed, off its ramp, and no fault within memory: a good attempt changes nothing that matters soon.
    pub fn is_clean(&mut self, now: Instant) -> bool {
        matches!(
            self.state,
            State::Closed {
                strikes: 0,
                ramp: None,
                ..
            }
        ) && self.wary_until.is_none()
            && self.window.counts(now).bad == 0
            && self.recent.iter().all(|(_, fault)| !fault)
    }

    /// The probe ended.
    pub fn probed(&mut self, now: Instant, signal: Signal, rng: &mut fastrand::Rng) -> Option<Transition> {
        self.probe_dropped();
        self.forced(now, signal, rng)
    }

    /// An attempt ended that was forced through a breaker that was not closed.
    pub fn forced(&mut self, now: Instant, signal: Signal, rng: &mut fastrand::Rng) -> Option<Transition> {
        let (successes, probing, outage, was_open) = match &self.state {
            State::HalfOpen {
                successes,
                probing,
                outage,
                ..
            } => (*successes, *probing, *outage, false),
            State::Open { outage, .. } => (0, false, *outage, true),
            State::Closed { .. } => return self.ended(now, signal, rng),
        };
        match signal {
            Signal::Good if successes + 1 >= self.successes_wanted(outage) => {
                let lasted = now.saturating_duration_since(outage.since);
                self.window = Window::new(self.settings.window);
                self.recent.clear();
                self.state = State::Closed {
                    strikes: 0,
                    ramp: Some(Ramp::after(lasted, now, rng)),
                    recovered: Some(Recovery { at: now, outage }),
                };
                Some(Transition::Closed { outage: lasted })
            }
            Signal::Good => {
                self.state = State::HalfOpen {
                    successes: successes + 1,
                    probing,
                    next: now + self.hold_down(now) / self.successes_wanted(outage).saturating_sub(1).max(1),
                    outage,
                };
                was_open.then_some(Transition::HalfOpened)
            }
            Signal::Nothing => None,
            // A forced attempt that fails while the breaker is open tells nothing new.
            Signal::Fault | Signal::Broken { .. } | Signal::Late | Signal::VeryLate if was_open => None,
            Signal::Fault | Signal::Broken { .. } | Signal::Late | Signal::VeryLate => {
                Some(self.open(now, Cause::ProbeFailed, rng))
            }
        }
    }

    /// The probe was dropped without an end: the next one may pass.
    pub fn probe_dropped(&mut self) {
        if let State::HalfOpen { probing, .. } = &mut self.state {
            *probing = false;
        }
    }

    /// The share of its normal traffic that the endpoint may carry: 0 unless closed, 0.1–1 on the ramp, else 1.
    pub fn share(&mut self, now: Instant) -> f64 {
        match &mut self.state {
            State::Closed { ramp, .. } => {
                if ramp.is_some_and(|ramp| ramp.is_over(now)) {
                    *ramp = None;
                }
                ramp.map_or(1.0, |ramp| ramp.share(now))
            }
            State::Open { .. } | State::HalfOpen { .. } => 0.0,
        }
    }

    /// Closed and off its ramp: every attempt passes.
    pub const fn is_untroubled(&self) -> bool {
        matches!(self.state, State::Closed { ramp: None, .. })
    }

    /// `"closed"`, `"open"` or `"half-open"`.
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            State::Closed { .. } => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half-open",
        }
    }

    /// The share of faults in the window, 0–1.
    pub fn fault_share(&mut self, now: Instant) -> f64 {
        self.window.counts(now).bad_share()
    }

    /// A broken connection that is part of a burst says nothing more. A burst is over when none has broken for a window.
    fn heard(&mut self, now: Instant, signal: Signal) -> Signal {
        let Signal::Broken { began } = signal else {
            return signal;
        };
        let going_on = |last: Instant| now.saturating_duration_since(last) < self.settings.window;
        match self.breaking {
            Some((first, last)) if going_on(last) => {
                self.breaking = Some((first, now));
                if began <= first { Signal::Nothing } else { signal }
            }
            _ => {
                self.breaking = Some((now, now));
                signal
            }
        }
    }

    fn remember(&mut self, now: Instant, fault: bool) {
        if self.recent.len() >= self.settings.min_count as usize {
            self.recent.pop_front();
        }
        self.recent.push_back((now, fault));
    }

    /// The share of faults among the last attempts, counted as if there had been `min_count` of them.
    fn recent_share(&self, now: Instant) -> f64 {
        let young = |at: Instant| now.saturating_duration_since(at) < self.settings.window * 30;
        let faults = self.recent.iter().filter(|(at, fault)| *fault && young(*at)).count();
        faults as f64 / f64::from(self.settings.min_count.max(1))
    }

    /// How many probes in a row must succeed: more after each recovery that did not last, as an endpoint that fails a third
    /// of its calls passes three probes one time in three.
    fn successes_wanted(&self, outage: Outage) -> u32 {
        self.settings.successes + (2 * outage.relapses).min(MORE_SUCCESSES)
    }

    /// Over which time the probes must succeed.
    fn hold_down(&self, now: Instant) -> Duration {
        let recent = |at: &&Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < FLAPPING_WITHIN);
        let before = self.outages.iter().filter(recent).count().saturating_sub(1) as u32;
        match before.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => (self.settings.hold_down * 2_u32.pow(doublings)).min(self.settings.open_max),
        }
    }

    fn open(&mut self, now: Instant, cause: Cause, rng: &mut fastrand::Rng) -> Transition {
        let outage = match &self.state {
            // A relapse on the ramp, or soon after, is the same outage going on.
            State::Closed {
                ramp,
                recovered: Some(recovery),
                ..
            } if ramp.is_some_and(|ramp| !ramp.is_over(now))
                || now.saturating_duration_since(recovery.at) < self.settings.stable_after =>
            {
                Outage {
                    relapses: recovery.outage.relapses.saturating_add(1),
                    ..recovery.outage
                }
            }
            State::Closed { .. } => {
                self.outages.rotate_right(1);
                self.outages[0] = Some(now);
                Outage {
                    since: now,
                    relapses: 0,
                }
            }
            State::Open { outage, .. } | State::HalfOpen { outage, .. } => *outage,
        };
        let s = &self.settings;
        let age = now.saturating_duration_since(outage.since);
        let by_rate = self
            .rate
            .gap
            .map_or(Duration::ZERO, |gap| gap.saturating_mul(s.open_calls));
        let duration = s
            .open_min
            .max(by_rate)
            .max(age.mul_f64(s.open_share_of_outage))
            .min(s.open_max)
            .mul_f64(1.0 - s.jitter + 2.0 * s.jitter * rng.f64())
            .min(s.open_max);
        self.state = State::Open {
            until: now + duration,
            outage,
        };
        // The silence that begins now says nothing of the rate.
        self.rate.last = None;
        Transition::Opened { cause, duration }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
