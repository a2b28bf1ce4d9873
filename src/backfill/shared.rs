use super::{
    Counts, KeyName, Report, StopReason, pace,
    progress::{Event, Meter, Progress},
    settings::Settings,
    side::Side,
};
use crate::{
    model::clock::{self, Instant},
    provider::ProviderError,
    replicate::copy::{self, Pacer, Role},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Why a request was not answered.
pub(super) type Refusal = copy::Refusal<StopReason>;

/// The user's function that is called with every event.
pub(super) type Observer = Box<dyn FnMut(&Event, &Progress) + Send>;

/// A name for a run that no other run has. The operating system draws it, and no seed: by the name a run tells its own
/// copies from those that it must not replace.
pub(super) fn draw_run() -> Result<String, StopReason> {
    let drawn = getrandom::u64().map_err(|error| StopReason::Entropy(error.to_string()))?;
    Ok(format!("{:015x}", drawn >> 4))
}

/// What all copies of one run share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    sides: [Side; 2],
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
    pub(super) fn new(
        settings: Settings,
        names: [Arc<str>; 2],
        rng: fastrand::Rng,
        observer: Option<Observer>,
    ) -> Self {
        let started = clock::now();
        Self {
            sides: names.map(|name| Side::new(name, settings.rate)),
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

    /// The name of the run, which marks the ids of its copies.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    const fn side(&self, role: Role) -> &Side {
        &self.sides[role as usize]
    }

    fn count_request(&self, role: Role) {
        self.tally().requests[role as usize] += 1;
    }

    /// # Errors
    /// The endpoint has served nothing for too long, or asks for too long a pause.
    fn check_patience(&self, side: &Side, error: &ProviderError, now: Instant) -> Result<(), StopReason> {
        let silent = side
            .pace()
            .failed(now)
            .max(error.outcome().retry_after.unwrap_or_default());
        if silent < self.settings.patience {
            return Ok(());
        }
        Err(StopReason::Unavailable {
            endpoint: side.name.clone(),
            silent,
            error: Box::new(error.clone()),
        })
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

impl Pacer for Shared {
    type Stop = StopReason;

    async fn turn(&self, role: Role) {
        self.side(role).leave().await;
        self.count_request(role);
    }

    fn limit(&self, bytes: u64) -> Duration {
        self.settings.limit(bytes)
    }

    fn answered(&self, role: Role) {
        self.side(role).pace().healthy(clock::now());
    }

    /// A throttled attempt does not count as one of the request's attempts: many requests share one endpoint's
    /// patience.
    fn throttled(&self, role: Role, error: &ProviderError) -> Result<(), StopReason> {
        let (side, now, retry_after) = (self.side(role), clock::now(), error.outcome().retry_after);
        self.check_patience(side, error, now)?;
        let pause = side.pace().throttled(now, retry_after);
        self.tell(&Event::Throttled {
            endpoint: side.name.clone(),
            pause,
        });
        Ok(())
    }

    fn failed(&self, role: Role, error: &ProviderError, attempts: u32) -> Result<Option<Duration>, StopReason> {
        let side = self.side(role);
        self.check_patience(side, error, clock::now())?;
        if attempts >= self.settings.attempts {
            return Ok(None);
        }
        let wait = self.wait(attempts).max(error.outcome().retry_after.unwrap_or_default());
        self.tell(&Event::Retrying {
            endpoint: side.name.clone(),
            error: error.to_string().into(),
            wait,
        });
        Ok(Some(wait))
    }

    fn wait(&self, looks: u32) -> Duration {
        pace::wait(looks, &mut self.rng())
    }

    fn source_changed(&self, key: &str) {
        self.tell(&Event::SourceChanged { key: KeyName::new(key) });
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
