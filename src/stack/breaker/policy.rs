use super::{BreakerSettings, State, rate::Rate};
use crate::{
    model::{Cause, bounds::Bounded, clock::Instant, evidence::Lesson},
    stack::health::{Ramp, Window},
};
use std::{collections::VecDeque, time::Duration};

/// The state of a breaker. *Closed* means that traffic flows.
#[derive(Clone, Debug)]
enum Phase {
    /// → `Open` on too many faults.
    Closed {
        /// Faults since the last good attempt, in quarters.
        strikes: u32,
        ramp: Option<Ramp>,
        /// When the breaker closed, and when the outage before that began.
        recovered: Option<Recovery>,
    },
    /// → `HalfOpen` when a probe is admitted after `until`, or when a forced attempt succeeds, though not soon after a
    /// probe failed.
    Open {
        until: Instant,
        outage: Outage,
        /// When a probe failed or a recovery did not last, if that is why the breaker is open.
        disproved: Option<Instant>,
    },
    /// → `Closed` after enough good probes in a row; → `Open` on a bad one.
    HalfOpen {
        successes: u32,
        probing: bool,
        /// When the next probe is due: at once, unless the endpoint flaps.
        next: Instant,
        /// Since when nothing has failed.
        well_since: Option<Instant>,
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
pub(crate) enum Admission {
    /// The attempt passes.
    Pass,
    /// The attempt passes as the one probe. Its end must be reported as a probe's.
    Probe,
    /// The attempt must wait until then (or, in half-open, until the probe under way has ended).
    Refuse {
        /// When the next probe may pass.
        until: Instant,
    },
}

/// What a probe from the background meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Traffic flows; `wary`: a neighbour is in trouble, and no attempt has gone well since.
    Closed { wary: bool },
    /// No probe may pass before then.
    Shut { until: Instant },
    /// A probe is under way.
    Probing,
    /// A probe has been due since then; `alive`: a probe has succeeded since the breaker opened.
    Due { since: Instant, alive: bool },
}

/// A change worth an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// The breaker opened.
    Opened {
        /// Why the breaker opened.
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

/// One breaker's policy. Pure: time and chance come in as arguments.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    settings: BreakerSettings,
    state: Phase,
    window: Window,
    /// How many attempts were evidence, and the latest faults among them: for low rates.
    attempts: u64,
    last_good: Option<Instant>,
    faults: VecDeque<(u64, Instant)>,
    rate: Rate,
    /// Until then half the faults are enough: a neighbour is in trouble.
    wary_until: Option<Instant>,
    /// When the latest outages began, newest first.
    outages: [Option<Instant>; REMEMBERED],
}

/// At low rates, evidence older than this many windows says nothing.
const OLD: u32 = 30;
/// A fault in strikes. A caller who left counts a quarter of one.
const FAULT: u32 = 4;
/// Where all other endpoints are out: how many more faults in a row open the breaker, and at what share. An endpoint
/// that does some of its work is worth more than none.
const ALONE: (u32, f64) = (8, 0.8);
/// Lateness without faults may have been a pause (a garbage collector's, a leader's election). The next probe comes
/// after this part of the shortest open time.
const PAUSE: f64 = 0.25;
/// An outage that was over this soon was a pause and does not count as flapping. (The probes that make sure of its end
/// take longer.)
const SHORT: Duration = Duration::from_secs(1);
/// The most good probes that relapses add to the number wanted.
const MORE_SUCCESSES: u32 = 6;
/// A background probe this late says nothing, or is not sent. Calls lend probes again.
const OVERDUE: Duration = Duration::from_secs(2);
/// Outages within this time are flapping.
const FLAPPING_WITHIN: Duration = Duration::from_secs(60);
/// The hold-down doubles with each outage: with six, the hold-down is at its maximum.
const REMEMBERED: usize = 7;

impl Policy {
    /// A closed breaker.
    pub(crate) fn new(settings: BreakerSettings) -> Self {
        let settings = settings.bounded();
        Self {
            window: Window::new(settings.window),
            settings,
            state: Phase::Closed {
                strikes: 0,
                ramp: None,
                recovered: None,
            },
            attempts: 0,
            last_good: None,
            faults: VecDeque::new(),
            rate: Rate::default(),
            wary_until: None,
            outages: [None; REMEMBERED],
        }
    }

    /// Whether an attempt may pass now, without letting it pass.
    pub(crate) fn peek(&self, now: Instant) -> Admission {
        match &self.state {
            Phase::Closed { .. } => Admission::Pass,
            Phase::Open { until, .. } if now < *until => Admission::Refuse { until: *until },
            Phase::HalfOpen { probing: true, .. } => Admission::Refuse { until: now },
            Phase::HalfOpen { next, .. } if now < *next => Admission::Refuse { until: *next },
            Phase::Open { .. } | Phase::HalfOpen { .. } => Admission::Probe,
        }
    }

    /// What a probe from the background meets.
    pub(crate) fn gate(&self, now: Instant) -> Gate {
        match self.state {
            Phase::Closed { .. } => Gate::Closed {
                wary: self.wary_until.is_some_and(|until| now < until),
            },
            Phase::Open { until, .. } if now < until => Gate::Shut { until },
            Phase::Open { until, .. } => Gate::Due {
                since: until,
                alive: false,
            },
            Phase::HalfOpen { probing: true, .. } => Gate::Probing,
            Phase::HalfOpen { next, .. } if now < next => Gate::Shut { until: next },
            Phase::HalfOpen { next, successes, .. } => Gate::Due {
                since: next,
                alive: successes > 0,
            },
        }
    }

    /// Whether the breaker is not closed, no probe has succeeded since it opened, and the background, if there is any,
    /// is not overdue with a probe.
    pub(crate) fn is_lifeless(&self, now: Instant) -> bool {
        match self.state {
            Phase::Closed { .. } => false,
            Phase::Open { until, .. } => now < until + OVERDUE,
            Phase::HalfOpen { successes, next, .. } => successes == 0 && now < next + OVERDUE,
        }
    }

    /// An attempt wants to pass. `Probe` takes the one probe's place until [`probed`](Self::probed) or
    /// [`probe_dropped`](Self::probe_dropped).
    pub(crate) fn admit(&mut self, now: Instant) -> (Admission, Option<Transition>) {
        let admission = self.peek(now);
        if admission != Admission::Probe {
            return (admission, None);
        }
        match &mut self.state {
            Phase::Open { outage, .. } => {
                self.state = Phase::HalfOpen {
                    successes: 0,
                    probing: true,
                    next: now,
                    well_since: None,
                    outage: *outage,
                };
                (admission, Some(Transition::HalfOpened))
            }
            Phase::HalfOpen { probing, .. } => {
                *probing = true;
                (admission, None)
            }
            Phase::Closed { .. } => (Admission::Pass, None),
        }
    }

    /// An ordinary attempt ended. `alone`: every other endpoint is out.
    pub(crate) fn ended(
        &mut self,
        now: Instant,
        lesson: Lesson,
        alone: bool,
        rng: &mut fastrand::Rng,
    ) -> Option<Transition> {
        if !matches!(self.state, Phase::Closed { .. }) {
            return None;
        }
        self.rate.count(now);
        let only_news = lesson == Lesson::Late && !alone && self.is_long_ago(now);
        let opened = self.watched(now, lesson, alone, rng);
        opened.or_else(|| only_news.then(|| self.open(now, Cause::Consecutive, true, rng)))
    }

    /// A call that needed just this endpoint has waited in vain for a second, from `since` on, and nothing went well
    /// meanwhile. The next call that needs this endpoint is told at once.
    pub(crate) fn waited_in_vain(
        &mut self,
        now: Instant,
        since: Instant,
        alone: bool,
        rng: &mut fastrand::Rng,
    ) -> Option<Transition> {
        let well = self.last_good.is_some_and(|at| at >= since);
        (self.is_closed() && !alone && !well).then(|| self.open(now, Cause::Consecutive, true, rng))
    }

    /// A probe from the background ended while the breaker was closed. Its end is evidence like any other, but says
    /// nothing of the rate.
    pub(crate) fn watched(
        &mut self,
        now: Instant,
        lesson: Lesson,
        alone: bool,
        rng: &mut fastrand::Rng,
    ) -> Option<Transition> {
        let strikes_before = match &mut self.state {
            Phase::Closed { strikes, .. } => strikes,
            // Sent before it opened, and back only now: old news.
            Phase::Open { .. } | Phase::HalfOpen { .. } => return None,
        };
        match lesson {
            Lesson::Good | Lesson::Alive => {
                *strikes_before = 0;
                self.wary_until = None;
                self.window.record(now, true);
                self.attempts += 1;
                self.last_good = Some(now);
                return None;
            }
            Lesson::Fault | Lesson::Late => {
                *strikes_before += FAULT;
                self.window.record(now, false);
                self.attempts += 1;
                self.faults.push_back((self.attempts, now));
            }
            Lesson::CallerLeft => *strikes_before += 1,
            Lesson::Throttled | Lesson::Of(_) => return None,
        }
        let strikes = *strikes_before;
        let BreakerSettings { consecutive, ratio, .. } = self.settings;
        let wary = !alone && self.wary_until.is_some_and(|until| now < until);
        let (consecutive, ratio) = match (alone, wary) {
            (true, _) => (consecutive + ALONE.0, ratio.max(ALONE.1)),
            (_, true) => (consecutive.div_ceil(2), ratio / 2.0),
            _ => (consecutive, ratio),
        };
        if strikes >= consecutive.saturating_mul(FAULT) {
            return Some(self.open(now, Cause::Consecutive, lesson == Lesson::Late, rng));
        }
        let counts = self.window.counts(now);
        if counts.total() >= self.settings.min_count {
            let often = counts.bad_share() >= ratio;
            return often.then(|| self.open(now, Cause::Ratio, lesson == Lesson::Late, rng));
        }
        let few = self.few_and_ill(now, wary);
        (few && !alone).then(|| self.open(now, Cause::Ratio, lesson == Lesson::Late, rng))
    }

    /// Whether the last success is so long ago that a late attempt now is all that is known.
    fn is_long_ago(&self, now: Instant) -> bool {
        let long = |at: Instant| now.saturating_duration_since(at) >= self.settings.window * OLD;
        self.last_good.is_none_or(long)
    }

    /// Whether, at low rates, the last attempts hold enough faults, all of them young.
    fn few_and_ill(&mut self, now: Instant, wary: bool) -> bool {
        let BreakerSettings {
            faults_at_low_rate: enough,
            min_count,
            window,
            ..
        } = self.settings;
        let enough = if wary { enough.div_ceil(2) } else { enough } as usize;
        while self.faults.len() > enough {
            self.faults.pop_front();
        }
        let recent = |(number, at): &(u64, Instant)| {
            number + u64::from(min_count) > self.attempts && now.saturating_duration_since(*at) < window * OLD
        };
        self.faults.len() >= enough && self.faults.iter().all(recent)
    }

    /// Another client of this process has left this very endpoint. So does this client, unless it just saw the
    /// endpoint work: for a moment, and until its own probe says otherwise.
    pub(crate) fn is_out_for_another(&mut self, now: Instant, rng: &mut fastrand::Rng) -> Option<Transition> {
        let just = |at: Instant| now.saturating_duration_since(at) < self.settings.window;
        if !self.is_closed() || self.last_good.is_some_and(just) {
            return None;
        }
        Some(self.open(now, Cause::Shared, true, rng))
    }

    /// A neighbour is in trouble: until then half the faults are enough, unless an attempt goes well before.
    pub(crate) fn be_wary(&mut self, until: Instant) {
        self.wary_until = Some(until);
    }

    /// The probe ended.
    pub(crate) fn probed(&mut self, now: Instant, lesson: Lesson, rng: &mut fastrand::Rng) -> Option<Transition> {
        self.probe_dropped();
        self.looked(now, lesson, true, rng)
    }

    /// An attempt ended that had been forced through a breaker that was not closed.
    pub(crate) fn forced(&mut self, now: Instant, lesson: Lesson, rng: &mut fastrand::Rng) -> Option<Transition> {
        self.looked(now, lesson, false, rng)
    }

    fn looked(&mut self, now: Instant, lesson: Lesson, probe: bool, rng: &mut fastrand::Rng) -> Option<Transition> {
        let (successes, probing, well_since, outage, was_open) = match &self.state {
            Phase::HalfOpen {
                successes,
                probing,
                well_since,
                outage,
                ..
            } => (*successes, *probing, well_since.unwrap_or(now), *outage, false),
            // One that succeeds here and there, among many that are forced and fail, is no news.
            Phase::Open {
                disproved: Some(at), ..
            } if now.saturating_duration_since(*at) < self.settings.open_min => return None,
            Phase::Open { outage, .. } => (0, false, now, *outage, true),
            // It closed meanwhile. What was forced was alone.
            Phase::Closed { .. } => return self.ended(now, lesson, !probe, rng),
        };
        let is_early = matches!(&self.state, Phase::HalfOpen { next, .. } if now < *next);
        // Who asks for less is there.
        let alive = matches!(lesson, Lesson::Good | Lesson::Alive | Lesson::Throttled);
        match lesson {
            // By force there are hundreds a second: they count as often as probes would.
            _ if alive && !probe && is_early => None,
            _ if alive && successes + 1 >= self.successes_wanted(outage) => {
                let lasted = now.saturating_duration_since(outage.since);
                self.window = Window::new(self.settings.window);
                self.faults.clear();
                if well_since.saturating_duration_since(outage.since) < SHORT && outage.relapses == 0 {
                    self.outages.rotate_left(1);
                    self.outages[REMEMBERED - 1] = None;
                }
                self.state = Phase::Closed {
                    strikes: 0,
                    ramp: Some(Ramp::after(lasted, now, rng)),
                    recovered: Some(Recovery { at: now, outage }),
                };
                Some(Transition::Closed { outage: lasted })
            }
            _ if alive => {
                self.state = Phase::HalfOpen {
                    successes: successes + 1,
                    probing,
                    next: now + self.hold_down(now) / self.successes_wanted(outage).saturating_sub(1).max(1),
                    well_since: Some(well_since),
                    outage,
                };
                was_open.then_some(Transition::HalfOpened)
            }
            // A forced attempt that fails tells nothing new: where nothing is closed there are hundreds a second of them.
            Lesson::Fault | Lesson::Late if !probe => {
                if let Phase::HalfOpen {
                    successes, well_since, ..
                } = &mut self.state
                {
                    (*successes, *well_since) = (0, None);
                }
                None
            }
            Lesson::Fault | Lesson::Late if !was_open => {
                Some(self.open(now, Cause::ProbeFailed, lesson == Lesson::Late, rng))
            }
            _ => None,
        }
    }

    /// The probe was dropped without an end. The next probe may pass.
    pub(crate) fn probe_dropped(&mut self) {
        if let Phase::HalfOpen { probing, .. } = &mut self.state {
            *probing = false;
        }
    }

    /// The share of its normal traffic that the endpoint may carry: 0 unless closed, 0.1–1 on the ramp, else 1.
    pub(crate) fn share(&mut self, now: Instant) -> f64 {
        match &mut self.state {
            Phase::Closed { ramp, .. } => {
                if ramp.is_some_and(|ramp| ramp.is_over(now)) {
                    *ramp = None;
                }
                ramp.map_or(1.0, |ramp| ramp.share(now))
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => 0.0,
        }
    }

    /// Whether the breaker is closed and off its ramp, so that every attempt passes.
    pub(crate) const fn is_untroubled(&self) -> bool {
        matches!(self.state, Phase::Closed { ramp: None, .. })
    }

    /// Whether the breaker is closed, on its ramp or off.
    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.state, Phase::Closed { .. })
    }

    /// When the outage began, while the breaker is not closed.
    pub(crate) const fn out_since(&self) -> Option<Instant> {
        match &self.state {
            Phase::Closed { .. } => None,
            Phase::Open { outage, .. } | Phase::HalfOpen { outage, .. } => Some(outage.since),
        }
    }

    /// The breaker's state.
    pub(crate) const fn state(&self) -> State {
        match &self.state {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// The share of faults in the window, 0–1.
    #[cfg(evenkeel_loom)]
    pub(crate) fn fault_share(&mut self, now: Instant) -> f64 {
        self.window.counts(now).bad_share()
    }

    /// How many probes in a row must succeed. Each recovery that did not last adds to them: an endpoint that fails a
    /// third of its calls passes three probes one time in three.
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

    /// Opens the breaker. `late`: the cause may have been a pause.
    fn open(&mut self, now: Instant, cause: Cause, late: bool, rng: &mut fastrand::Rng) -> Transition {
        let outage = match &self.state {
            // A relapse on the ramp, or soon after, is the same outage going on.
            Phase::Closed {
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
            Phase::Closed { .. } => {
                self.outages.rotate_right(1);
                self.outages[0] = Some(now);
                Outage {
                    since: now,
                    relapses: 0,
                }
            }
            Phase::Open { outage, .. } | Phase::HalfOpen { outage, .. } => *outage,
        };
        let s = &self.settings;
        let age = now.saturating_duration_since(outage.since);
        let by_rate = self
            .rate
            .gap
            .map_or(Duration::ZERO, |gap| gap.saturating_mul(s.open_calls));
        // A second look is one call of many, or too much of few.
        let many = || {
            self.rate
                .gap
                .is_some_and(|gap| gap.saturating_mul(s.min_count) <= s.window)
        };
        let pause = late && outage.relapses == 0 && (age.is_zero() || (age < SHORT && many()));
        let duration = match pause {
            true => s.open_min.mul_f64(PAUSE),
            false => s.open_min.max(by_rate),
        };
        let duration = duration
            .max(age.mul_f64(s.open_share_of_outage))
            .min(s.open_max)
            .mul_f64(1.0 - s.jitter + 2.0 * s.jitter * rng.f64())
            .min(s.open_max);
        self.state = Phase::Open {
            until: now + duration,
            disproved: (cause == Cause::ProbeFailed || outage.relapses > 0).then_some(now),
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
