use super::{fault_share::FaultShare, latency::Latency, throttle::ThrottleShare};
use crate::{
    model::{clock::Instant, evidence::Lesson},
    verdict::{Outcome, Sent, Verdict},
};
use std::time::Duration;

/// What was seen of one endpoint for one class. Pure: `now` comes in.
#[derive(Clone, Debug, Default)]
pub(super) struct ClassHealth {
    pub(super) latency: Latency,
    /// The time that a MiB of a body takes.
    pub(super) pace: Latency,
    pub(super) throttle: ThrottleShare,
    pub(super) faults: FaultShare,
    pub(super) last_success: Option<Instant>,
    /// When an attempt last ended, however it did.
    pub(super) last_seen: Option<Instant>,
    /// When an attempt last could not reach the endpoint, if nothing was heard of the endpoint since.
    pub(super) last_unreachable: Option<Instant>,
    /// When credentials that had worked were last refused. While such refusals go on, the credentials stay believed.
    pub(super) last_suspicion: Option<Instant>,
    /// When connections began to break, and when one last did.
    breaking: Option<(Instant, Instant)>,
    /// When a call was last asked elsewhere as well for comparison, and how many calls came since.
    compared: Option<Instant>,
    since_compared: u32,
    /// Lent probes that were overtaken while nothing was learnt.
    pub(super) overtaken_probes: u32,
}

/// Credentials that worked this recently are believed over a refusal. The time is longer than the lifetime left to a
/// token when SDKs refresh it (5–15 min).
const CREDENTIALS_WORKED: Duration = Duration::from_secs(15 * 60);
const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// A burst of broken connections is over when none has broken for this long: the breaker's window.
const BURST: Duration = Duration::from_secs(1);
/// The same as [`UNLEARNT`](super::UNLEARNT) for a lent probe, whose endpoint is likely dead. The time doubles with each
/// sixteenth overtaken probe, as the endpoint may have come back and be far away. The largest value is what an answer
/// takes from the other end of the world.
const UNLEARNT_PROBE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));

impl ClassHealth {
    /// An attempt ended. `sample`: its time, where that is a sample, and how many attempts are still under way;
    /// `retry_after`: what the provider asked for.
    pub(super) fn learn(
        &mut self,
        now: Instant,
        lesson: Lesson,
        sample: Option<(Duration, u32)>,
        retry_after: Option<Duration>,
    ) {
        self.last_seen = self.last_seen.max(Some(now));
        match lesson {
            Lesson::Good | Lesson::Alive => {
                if let Some((took, under_way)) = sample.filter(|_| lesson == Lesson::Good) {
                    self.latency.record(now, took, under_way);
                }
                self.faults.good(now);
                self.throttle.passed(now);
                self.last_success = self.last_success.max(Some(now));
                self.last_unreachable = None;
            }
            Lesson::Throttled => self.throttle.throttled(now, retry_after),
            Lesson::Fault | Lesson::Late => self.faults.bad(now),
            Lesson::CallerLeft | Lesson::Of(_) => {}
        }
    }

    /// A connection broke under an attempt that began then. Returns whether the break is part of an earlier burst.
    /// Attempts that were under way when the first connection broke are one fault together: a server that is replaced
    /// closes all its connections at once, and the next connection works.
    pub(super) fn broke(&mut self, now: Instant, began: Instant) -> bool {
        match self.breaking {
            Some((first, last)) if now.saturating_duration_since(last) < BURST => {
                self.breaking = Some((first, now));
                began <= first
            }
            _ => {
                self.breaking = Some((now, now));
                false
            }
        }
    }

    /// Whether a call is to be asked elsewhere as well for comparison: one call in ten at most, one a second. While
    /// nothing is known of the other endpoint, four a second, so that twenty samples are there within five seconds.
    pub(super) fn compares(&mut self, other_is_known: bool, now: Instant) -> bool {
        self.since_compared += 1;
        let every = if other_is_known {
            COMPARE_EVERY
        } else {
            COMPARE_EVERY / 4
        };
        let due = self
            .compared
            .is_none_or(|at| now.saturating_duration_since(at) >= every);
        let due = due && self.since_compared >= 10;
        if due {
            (self.compared, self.since_compared) = (Some(now), 0);
        }
        due
    }

    /// The age from which on a lent probe is late while nothing is learnt.
    pub(super) fn unlearnt_probe(&self) -> Duration {
        let (least, most) = UNLEARNT_PROBE;
        least.saturating_mul(1 << (self.overtaken_probes / 16).min(8)).min(most)
    }

    /// An attempt was judged.
    pub(super) fn judged(&mut self, now: Instant, outcome: Outcome) {
        if outcome.credential {
            self.last_suspicion = Some(now);
        }
        match outcome.verdict {
            Verdict::Unreachable => self.last_unreachable = Some(now),
            // Nothing was heard.
            _ if outcome.timed_out || outcome.sent == Sent::No => {}
            _ => self.last_unreachable = None,
        }
    }

    /// Whether the endpoint bears its whole traffic, as far as this class shows.
    pub(super) fn is_sound(&self) -> bool {
        !self.faults.is_suspicious() && self.throttle.is_idle()
    }

    /// Whether the endpoint's credentials worked recently enough to be believed.
    pub(super) fn believes_credentials(&self, now: Instant) -> bool {
        [self.last_success, self.last_suspicion]
            .into_iter()
            .flatten()
            .any(|at| now.saturating_duration_since(at) < CREDENTIALS_WORKED)
    }
}
