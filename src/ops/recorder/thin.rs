//! Leaves out events that only repeat what is known, so that a week of failed probes does not push out the outage's begin.
//!
//! Of a run of equal events the first is kept, the second, the fourth, the eighth and so on, and one an hour. A kept event
//! tells how many were left out before it. Whatever changes the endpoint's state ends its runs.

use crate::{
    model::{Cause, clock::Instant},
    request::OpClass,
    telemetry::{Event, EventRecord},
    verdict::Observed,
};
use std::{sync::Arc, time::Duration};

/// The run is over after so long without the event.
const QUIET: Duration = Duration::from_secs(600);
/// One is kept after so long, however many there were.
const LONGEST: Duration = Duration::from_secs(3_600);
/// So many runs are known at a time.
const RUNS: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Thinner(Vec<Run>);

#[derive(Debug)]
struct Run {
    key: Key,
    seen: u64,
    left_out: u64,
    kept: Instant,
    last: Instant,
}

#[derive(Debug, PartialEq)]
struct Key {
    kind: &'static str,
    class: Option<OpClass>,
    observed: Option<Observed>,
    place: Option<Arc<str>>,
    left: Option<Arc<str>>,
    client: Option<Arc<str>>,
}

impl Thinner {
    /// Whether the event is to be kept, and how many like it were left out before it.
    pub(super) fn admit(&mut self, record: &EventRecord) -> Option<u64> {
        let Some(key) = Key::of(record) else {
            self.end_runs(record);
            return Some(0);
        };
        let now = record.at;
        let since = |at: Instant| now.saturating_duration_since(at);
        let Some(run) = self.0.iter_mut().find(|run| run.key == key) else {
            self.begin(key, now);
            return Some(0);
        };
        if since(run.last) > QUIET {
            run.seen = 0;
        }
        run.seen += 1;
        run.last = now;
        if run.seen.is_power_of_two() || since(run.kept) >= LONGEST {
            run.kept = now;
            Some(std::mem::take(&mut run.left_out))
        } else {
            run.left_out += 1;
            None
        }
    }

    fn begin(&mut self, key: Key, now: Instant) {
        if self.0.len() == RUNS {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, run)| run.last);
            if let Some((oldest, _)) = oldest {
                self.0.swap_remove(oldest);
            }
        }
        self.0.push(Run {
            key,
            seen: 1,
            left_out: 0,
            kept: now,
            last: now,
        });
    }

    /// The endpoint's state has changed: what comes now is news, even if it was there before.
    fn end_runs(&mut self, record: &EventRecord) {
        let (endpoints, classes) = (record.event.endpoints(), record.event.classes());
        let about = |key: &Key| {
            let place = key.place.as_ref().is_some_and(|place| endpoints.contains(place));
            place && key.client == record.client && key.class.is_some_and(|class| classes.contains(&class))
        };
        for run in self.0.iter_mut().filter(|run| about(&run.key)) {
            run.seen = 0;
        }
    }
}

impl Key {
    /// `None`: the event is always kept.
    fn of(record: &EventRecord) -> Option<Self> {
        let mut key = Self {
            kind: record.event.kind(),
            class: None,
            observed: None,
            place: None,
            left: None,
            client: record.client.clone(),
        };
        match &record.event {
            Event::BreakerOpened {
                cause: Cause::ProbeFailed,
                endpoint,
                class,
                observed,
                ..
            } => {
                key.observed = *observed;
                key.place = Some(endpoint.clone());
                key.class = Some(*class);
            }
            Event::BreakerHalfOpened { endpoint, class } | Event::IdleProbeFailed { endpoint, class } => {
                key.place = Some(endpoint.clone());
                key.class = Some(*class);
            }
            Event::DownloadResumed { endpoint, left, .. } => {
                key.place = Some(endpoint.clone());
                key.left = left.clone();
            }
            Event::UploadRestarted { endpoint, left } => {
                key.place = Some(endpoint.clone());
                key.left = Some(left.clone());
            }
            Event::PassedOver { endpoint, .. } => key.place = Some(endpoint.clone()),
            Event::CredentialsKept { credentials, .. } => key.place = Some(credentials.clone()),
            Event::BudgetExhausted { class } => key.class = Some(*class),
            _ => return None,
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    fn probe_failed(endpoint: &str, observed: Observed) -> Event {
        Event::BreakerOpened {
            endpoint: endpoint.into(),
            class: OpClass::Read,
            cause: Cause::ProbeFailed,
            observed: Some(observed),
            duration: Duration::from_secs(30),
        }
    }

    fn hear(thinner: &mut Thinner, event: Event) -> Option<u64> {
        thinner.admit(&EventRecord::now(Some("a".into()), std::time::UNIX_EPOCH, event))
    }

    #[tokio::test(start_paused = true)]
    async fn a_fortnight_of_failed_probes_leaves_a_record_an_hour() {
        let mut thinner = Thinner::default();
        let (mut kept, mut told) = (0, 0);
        let all = 14 * 24 * 120;
        for _ in 0..all {
            if let Some(left_out) = hear(&mut thinner, probe_failed("home", Observed::Silent)) {
                kept += 1;
                told += 1 + left_out;
            }
            tokio::time::advance(Duration::from_secs(30)).await;
        }
        assert!((14 * 24..14 * 24 + 20).contains(&kept), "{kept}");
        assert!(told > all - 120, "{told} of {all} are accounted for");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_new_is_kept() {
        let mut thinner = Thinner::default();
        let faulty = Observed::Answer {
            verdict: Verdict::Faulty,
            code: None,
        };
        for _ in 0..3 {
            hear(&mut thinner, probe_failed("home", Observed::Silent));
        }
        assert_eq!(
            hear(&mut thinner, probe_failed("other", Observed::Silent)),
            Some(0),
            "another endpoint"
        );
        assert_eq!(
            hear(&mut thinner, probe_failed("home", faulty)),
            Some(0),
            "another cause"
        );
        // The third was left out, and after the return the next is news.
        let closed = Event::BreakerClosed {
            endpoint: "home".into(),
            class: OpClass::Read,
            outage: Duration::from_secs(90),
        };
        for _ in 0..2 {
            assert_eq!(
                hear(&mut thinner, closed.clone()),
                Some(0),
                "changes of state are always kept"
            );
        }
        assert_eq!(hear(&mut thinner, probe_failed("home", Observed::Silent)), Some(1));
        // And after a while without any.
        hear(&mut thinner, probe_failed("home", Observed::Silent));
        assert_eq!(hear(&mut thinner, probe_failed("home", Observed::Silent)), None);
        tokio::time::advance(QUIET + Duration::from_secs(1)).await;
        assert_eq!(hear(&mut thinner, probe_failed("home", Observed::Silent)), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn runs_are_bounded() {
        let mut thinner = Thinner::default();
        for n in 0..10 * RUNS {
            assert_eq!(
                hear(&mut thinner, probe_failed(&format!("e{n}"), Observed::Late)),
                Some(0)
            );
        }
        assert_eq!(thinner.0.len(), RUNS);
    }
}
