use super::{
    Checksum, Counts, KeyName, Report,
    progress::{Event, Meter, Progress},
    settings::Settings,
};
use crate::{
    model::clock::{self, Instant},
    request::WriteId,
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The user's function that is called with every event.
pub(super) type Observer = Box<dyn FnMut(&Event, &Progress) + Send>;

/// Which of the two sides an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Target,
}

/// What all copies of one run share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    run: String,
    rng: Mutex<fastrand::Rng>,
    tally: Mutex<Tally>,
}

struct Tally {
    counts: Counts,
    source_changes: u64,
    foreign: u64,
    requests: [u64; 2],
    position: Option<KeyName>,
    started: Instant,
    meter: Meter,
    observer: Option<Observer>,
}

impl Shared {
    pub(super) fn new(settings: Settings, rng: fastrand::Rng, observer: Option<Observer>) -> Self {
        let started = clock::now();
        Self {
            settings,
            run: String::new(),
            rng: Mutex::new(rng),
            tally: Mutex::new(Tally {
                counts: Counts::default(),
                source_changes: 0,
                foreign: 0,
                requests: [0; 2],
                position: None,
                started,
                meter: Meter::new(started),
                observer,
            }),
        }
    }

    /// Goes on where another run ended.
    pub(super) fn resume(&mut self, run: String, counts: Counts, position: Option<KeyName>) {
        self.run = run;
        let mut tally = self.tally();
        tally.counts = counts;
        tally.position = position;
    }

    /// A name for a run that no other run has.
    pub(super) fn draw_run(&self) -> String {
        let mut run = format!("{:016x}", self.rng().u64(..));
        run.truncate(15);
        run
    }

    /// The id under which the backfill puts a source's version at the target: the same in every attempt and after every
    /// resume. It has 32 characters, as evenkeel's other write ids.
    pub(super) fn write_id(&self, version: &str) -> WriteId {
        let version = Checksum::of(version.as_bytes()).short();
        WriteId::new(format!("{}.{version}", self.run))
    }

    /// Whether this write was one of this backfill's.
    pub(super) fn is_ours(&self, id: Option<&WriteId>) -> bool {
        let rest = id.and_then(|id| id.as_str().strip_prefix(&*self.run));
        rest.is_some_and(|rest| rest.starts_with('.'))
    }

    pub(super) fn wait(&self, failures: u32) -> Duration {
        super::policy::wait(failures, &mut self.rng())
    }

    pub(super) fn count_request(&self, role: Role) {
        self.tally().requests[role as usize] += 1;
    }

    pub(super) fn count_key(&self, counts: Counts, now: Instant) {
        let mut tally = self.tally();
        tally.counts.add(counts);
        tally.meter.note(now, counts.bytes);
    }

    /// Counts the foreign items that a page of the listing left out.
    pub(super) fn left_out(&self, foreign: u64) {
        if foreign > 0 {
            self.tally().foreign += foreign;
            self.tell(&Event::Foreign { items: foreign });
        }
    }

    pub(super) fn move_to(&self, position: Option<&KeyName>) {
        let mut tally = self.tally();
        if tally.position.as_ref() != position {
            tally.position = position.cloned();
        }
    }

    pub(super) fn tell(&self, event: &Event) {
        let mut tally = self.tally();
        if matches!(event, Event::SourceChanged { .. }) {
            tally.source_changes += 1;
        }
        // Its code runs under no lock.
        let Some(mut observer) = tally.observer.take() else {
            return;
        };
        let progress = tally.progress(clock::now());
        drop(tally);
        observer(event, &progress);
        self.tally().observer = Some(observer);
    }

    pub(super) fn report(&self) -> Report {
        let tally = self.tally();
        Report {
            counts: tally.counts,
            source_changes: tally.source_changes,
            foreign: tally.foreign,
            source_requests: tally.requests[Role::Source as usize],
            target_requests: tally.requests[Role::Target as usize],
            position: tally.position.clone(),
            elapsed: tally.started.elapsed(),
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rng(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn progress(&self, now: Instant) -> Progress {
        let (keys_per_second, bytes_per_second) = self.meter.rates(now);
        Progress {
            counts: self.counts,
            source_changes: self.source_changes,
            foreign: self.foreign,
            source_requests: self.requests[Role::Source as usize],
            target_requests: self.requests[Role::Target as usize],
            position: self.position.clone(),
            elapsed: now.saturating_duration_since(self.started),
            keys_per_second,
            bytes_per_second,
        }
    }
}
