use crate::{model::clock::Instant, stack::breaker::Gate};
use std::time::Duration;

/// When one endpoint is probed for one class. Pure.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    idle: Option<Duration>,
    /// When the watch began, or the last probe ended.
    since: Instant,
    /// How long the endpoint may go without a call; jittered.
    patience: Duration,
    /// The last probe ended ill, and no call has come since.
    doubtful: bool,
    /// The endpoint was probed because a neighbour is in trouble.
    asked_for_neighbour: bool,
    not_before: Instant,
}

/// What is known about an endpoint at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// When an attempt of this class last ended, a call's or a probe's.
    pub(super) last_seen: Option<Instant>,
    /// Attempts under way at the endpoint.
    pub(super) in_flight: u32,
    pub(super) gate: Gate,
}

/// The next step of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Probe now.
    Probe,
    /// Look again then.
    Wait(Instant),
    /// Look again when something changes.
    Rest,
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The endpoint did its work, or asked for less.
    Well,
    /// The endpoint failed.
    Ill,
    /// The probe says nothing: denied, a wrong bucket.
    Nothing,
    /// The probe was refused in this process: drained, full, or a call is faster.
    NotSent,
}

/// The wait before the next probe after a failed idle probe. Three waits and probes, each with an attempt's first limit
/// of 1 s, fit into the 4 s that the idle time and its jitter leave of 70 s.
const FOLLOW_UP: Duration = Duration::from_millis(250);
/// How long an endpoint that a probe found alive is left to calls: real calls are the better evidence.
const CALLS_FIRST: Duration = Duration::from_secs(1);
/// How long until another probe after one that said nothing, or was refused here.
const SAYS_NOTHING: Duration = Duration::from_secs(60);
const REFUSED_HERE: Duration = Duration::from_secs(5);
/// The idle time is multiplied by a draw from 1 ± this.
const JITTER: f64 = 0.1;

impl Watch {
    pub(super) fn new(idle: Option<Duration>, now: Instant, rng: &mut fastrand::Rng) -> Self {
        Self {
            idle,
            since: now,
            patience: jittered(idle, rng),
            doubtful: false,
            asked_for_neighbour: false,
            not_before: now,
        }
    }

    pub(super) fn next(&mut self, now: Instant, view: View) -> Step {
        let exercised = view.last_seen.is_some_and(|at| at > self.since);
        let busy = view.last_seen.is_some_and(|at| now < at + CALLS_FIRST);
        self.asked_for_neighbour &= matches!(view.gate, Gate::Closed { wary: true });
        let due = match view.gate {
            Gate::Closed { .. } if self.doubtful && !exercised => self.not_before,
            Gate::Closed { .. } if self.idle.is_none() => return Step::Rest,
            Gate::Closed { wary: true } if !self.asked_for_neighbour && !busy => {
                self.asked_for_neighbour = true;
                self.not_before
            }
            Gate::Closed { .. } => {
                let met = view.last_seen.map_or(self.since, |at| at.max(self.since));
                let due = (met + self.patience).max(self.not_before);
                if due <= now && view.in_flight > 0 {
                    return Step::Wait(now + CALLS_FIRST);
                }
                due
            }
            Gate::Shut { until } => until.max(self.not_before),
            Gate::Probing => now + CALLS_FIRST,
            Gate::Due { alive: false, .. } => self.not_before,
            Gate::Due { alive: true, since } => (since.max(self.since) + CALLS_FIRST).max(self.not_before),
        };
        if due <= now { Step::Probe } else { Step::Wait(due) }
    }

    /// Notes the end of a probe. Returns whether the probe is the first sign that an endpoint thought well is ill.
    pub(super) fn ended(&mut self, now: Instant, end: End, rng: &mut fastrand::Rng) -> bool {
        let news = end == End::Ill && !self.doubtful;
        self.since = now;
        self.patience = jittered(self.idle, rng);
        self.doubtful = match end {
            End::Ill => true,
            End::Well | End::Nothing => false,
            End::NotSent => self.doubtful,
        };
        self.not_before = now
            + match end {
                End::Well => Duration::ZERO,
                End::Ill => FOLLOW_UP,
                End::Nothing => SAYS_NOTHING,
                End::NotSent => REFUSED_HERE,
            };
        news
    }
}

fn jittered(idle: Option<Duration>, rng: &mut fastrand::Rng) -> Duration {
    idle.unwrap_or_default()
        .mul_f64(1.0 - JITTER + 2.0 * JITTER * rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn closed(last_seen: Option<Instant>) -> View {
        View {
            last_seen,
            in_flight: 0,
            gate: Gate::Closed { wary: false },
        }
    }

    fn watch(now: Instant) -> (Watch, fastrand::Rng) {
        let mut rng = fastrand::Rng::with_seed(7);
        (Watch::new(Some(MINUTE), now, &mut rng), rng)
    }

    fn due(watch: &mut Watch, now: Instant, view: View) -> Duration {
        match watch.next(now, view) {
            Step::Probe => Duration::ZERO,
            Step::Wait(at) => at - now,
            Step::Rest => Duration::MAX,
        }
    }

    #[test]
    fn an_idle_endpoint_is_probed_after_about_a_minute() {
        let now = crate::model::clock::now();
        for seed in 0..100 {
            let mut watch = Watch::new(Some(MINUTE), now, &mut fastrand::Rng::with_seed(seed));
            let wait = due(&mut watch, now, closed(None));
            assert!((54..=66).contains(&wait.as_secs()), "{wait:?}");
            // A call meanwhile: the minute begins anew.
            let later = now + MINUTE * 2;
            assert_eq!(due(&mut watch, later, closed(Some(later))), wait);
        }
    }

    #[test]
    fn a_failed_probe_is_followed_up_until_a_call_settles_the_matter() {
        let now = crate::model::clock::now();
        let (mut watch, mut rng) = watch(now);
        assert!(watch.ended(now, End::Ill, &mut rng));
        assert_eq!(due(&mut watch, now, closed(Some(now))), FOLLOW_UP);
        assert!(!watch.ended(now, End::Ill, &mut rng), "it is no news any more");
        let later = now + Duration::from_millis(1);
        assert!(due(&mut watch, later, closed(Some(later))) > MINUTE / 2);
        watch.ended(now, End::Well, &mut rng);
        assert!(due(&mut watch, now, closed(Some(now))) > MINUTE / 2);
    }

    #[test]
    fn an_open_endpoint_is_probed_when_due_until_a_probe_succeeds() {
        let now = crate::model::clock::now();
        let (mut watch, mut rng) = watch(now);
        let with = |gate| View { gate, ..closed(None) };
        let until = now + Duration::from_secs(9);
        assert_eq!(watch.next(now, with(Gate::Shut { until })), Step::Wait(until));
        let dead = with(Gate::Due {
            since: now,
            alive: false,
        });
        assert_eq!(watch.next(now, dead), Step::Probe);
        watch.ended(now, End::Well, &mut rng);
        let alive = with(Gate::Due {
            since: now,
            alive: true,
        });
        assert_eq!(due(&mut watch, now, alive), CALLS_FIRST);
        assert_eq!(watch.next(now + CALLS_FIRST, alive), Step::Probe);
        watch.ended(now, End::Nothing, &mut rng);
        assert_eq!(due(&mut watch, now, dead), SAYS_NOTHING);
    }

    #[test]
    fn a_neighbours_trouble_causes_one_probe() {
        let now = crate::model::clock::now();
        let (mut watch, mut rng) = watch(now);
        let wary = |last_seen| View {
            gate: Gate::Closed { wary: true },
            ..closed(last_seen)
        };
        assert!(due(&mut watch, now, wary(Some(now))) > MINUTE / 2, "calls look at it");
        assert_eq!(watch.next(now, wary(None)), Step::Probe);
        watch.ended(now, End::Nothing, &mut rng);
        assert!(due(&mut watch, now, wary(None)) > MINUTE / 2, "once");
        assert!(due(&mut watch, now, closed(None)) > MINUTE / 2);
        let later = now + MINUTE;
        assert_eq!(
            watch.next(later, wary(None)),
            Step::Probe,
            "and at the next trouble again"
        );
    }

    #[test]
    fn disabled_probes_never_run() {
        let now = crate::model::clock::now();
        let mut watch = Watch::new(None, now, &mut fastrand::Rng::with_seed(1));
        assert_eq!(watch.next(now + MINUTE * 60, closed(None)), Step::Rest);
    }
}
