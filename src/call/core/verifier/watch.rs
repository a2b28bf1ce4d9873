use crate::model::clock::Instant;
use std::time::Duration;

/// How many conditional writes an endpoint gets while it is being asked; further writes wait. The writes that a busy
/// service sends in the second that the questions take stay possible, and the writes that may overwrite have a bound.
pub(super) const UNVERIFIED: u64 = 100;

/// How long until an endpoint that could not be asked is asked again, the first time; each further time doubles the
/// pause, up to the longest.
const PAUSE: Duration = Duration::from_secs(60);
/// The same pause after an ordinary call has gone well there: the endpoint was out, and no longer is. An endpoint that
/// answers everything but these questions is asked a few more times for that reason.
const PAUSE_WHEN_WELL: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// When one endpoint is asked how it treats conditions, and which writes it gets before the answer. Pure.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// The endpoint is being asked.
    running: bool,
    /// How often in a row the endpoint could not be asked.
    failures: u32,
    /// When the endpoint last could not be asked, and why.
    failed_at: Option<Instant>,
    why: Option<String>,
    /// Conditional writes since the last report.
    unverified: u64,
    /// Those of them that went while the endpoint was being asked.
    meanwhile: u64,
}

/// The decision on a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    /// Ask the endpoint from now on.
    pub(super) start: bool,
    /// The write may go there.
    pub(super) go: bool,
}

impl Watch {
    /// A conditional write is about to go to the endpoint, whose treatment of conditions is unknown. `startable`: the
    /// endpoint can be asked now; `well_at`: when an ordinary call went well there.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        startable: bool,
        required: bool,
        well_at: Option<Instant>,
    ) -> Admission {
        let is_due = |failed_at| {
            let first = if well_at >= Some(failed_at) {
                PAUSE_WHEN_WELL
            } else {
                PAUSE
            };
            let doubled = first.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
            failed_at + doubled.min(LONGEST_PAUSE) <= now
        };
        let start = startable && !self.running && self.failed_at.is_none_or(is_due);
        if start {
            self.running = true;
            self.meanwhile = 0;
        }
        let go = !required && (!self.running || self.meanwhile < UNVERIFIED);
        if go {
            self.unverified += 1;
            self.meanwhile += 1;
        }
        Admission { start, go }
    }

    /// Notes a held write that has waited long enough.
    pub(super) const fn let_go(&mut self) {
        self.unverified += 1;
    }

    pub(super) const fn is_running(&self) -> bool {
        self.running
    }

    /// Notes that the questions were dropped half-way.
    pub(super) const fn dropped(&mut self) {
        self.running = false;
    }

    /// Notes the end of the questions. `known`: the endpoint has answered. Returns how many writes went there before.
    pub(super) fn ended(&mut self, now: Instant, known: bool) -> u64 {
        self.running = false;
        if known {
            self.failures = 0;
            self.failed_at = None;
        } else {
            self.failures += 1;
            self.failed_at = Some(now);
        }
        std::mem::take(&mut self.unverified)
    }

    /// Notes why the endpoint could not tell.
    pub(super) fn unknown_because(&mut self, why: Option<String>) {
        self.why = why;
    }

    pub(super) fn why_unknown(&self) -> Option<&str> {
        self.why.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Admission = Admission { start: true, go: true };
    const GO: Admission = Admission { start: false, go: true };
    const WAIT: Admission = Admission {
        start: false,
        go: false,
    };

    #[test]
    fn a_bounded_number_of_writes_goes_during_verification() {
        let now = crate::model::clock::now();
        let mut watch = Watch::default();
        assert_eq!(watch.admit(now, true, false, None), START);
        for _ in 1..UNVERIFIED {
            assert_eq!(watch.admit(now, true, false, None), GO);
        }
        assert_eq!(watch.admit(now, true, false, None), WAIT);
        assert!(watch.is_running());
        assert_eq!(watch.ended(now, true), UNVERIFIED);
        assert!(!watch.is_running());
    }

    #[test]
    fn failed_verification_backs_off_and_holds_up_no_write() {
        let mut now = crate::model::clock::now();
        let mut watch = Watch::default();
        let mut before = 0;
        for pause in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            assert_eq!(watch.admit(now, true, false, None), START);
            assert_eq!(watch.ended(now, false), before + 1);
            now += Duration::from_secs(pause) - Duration::from_nanos(1);
            for _ in 0..UNVERIFIED * 2 {
                assert_eq!(watch.admit(now, true, false, None), GO);
            }
            before = UNVERIFIED * 2;
            now += Duration::from_nanos(1);
        }
    }

    #[test]
    fn a_recovered_endpoint_is_verified_soon_with_backoff() {
        let mut now = crate::model::clock::now();
        let mut watch = Watch::default();
        for pause in [1, 2, 4, 8, 16] {
            assert!(watch.admit(now, true, true, None).start);
            watch.ended(now, false);
            let well_at = Some(now + Duration::from_millis(1));
            now += Duration::from_secs(pause);
            let before = now - Duration::from_millis(1);
            assert!(!watch.admit(before, true, true, well_at).start);
            assert!(
                !watch.admit(now, true, true, None).start,
                "nothing shows that it is well"
            );
            let asked = watch.clone().admit(now, true, true, well_at);
            assert!(asked.start);
            // The next round begins as this one would have.
            watch.failed_at = None;
        }
    }

    #[test]
    fn required_verification_precedes_every_write() {
        let now = crate::model::clock::now();
        let mut watch = Watch::default();
        assert_eq!(watch.admit(now, false, true, None), WAIT);
        let asked = Admission { start: true, go: false };
        assert_eq!(watch.admit(now, true, true, None), asked);
        assert_eq!(watch.admit(now, true, true, None), WAIT);
        assert_eq!(watch.ended(now, false), 0);
        assert_eq!(watch.admit(now, true, true, None), WAIT);
    }
}
