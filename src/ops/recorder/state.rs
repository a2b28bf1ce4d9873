//! What the recorder's users and its disk thread share.

use super::{Gaps, Lost, Noted, Record, Recording, thin::Thinner};
use crate::telemetry::{EventRecord, Once, unix_millis};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// So many records wait for the disk at most; more are lost, and counted.
pub(super) const QUEUE: usize = 4_096;

/// A record as it is kept in memory: shared, so that reading the ring out holds no call up. An event becomes text off the
/// call's task.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    Event(Arc<EventRecord>, u64),
    Other(Arc<Record>),
}

impl Kept {
    fn is_reading(&self) -> bool {
        matches!(self, Self::Other(record) if matches!(**record, Record::Reading(_)))
    }

    pub(super) fn record(&self) -> Record {
        match self {
            Self::Event(record, left_out) => Record::Event(Noted {
                entry: record.entry(),
                left_out: *left_out,
            }),
            Self::Other(record) => Record::clone(record),
        }
    }
}

/// The figures of a recorder since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecorderStats {
    /// How many records were made.
    pub recorded: u64,
    /// How many events were left out because they only repeat what was kept. Kept events tell how many.
    pub left_out: u64,
    /// How many records newer ones have pushed out of memory.
    pub pushed_out: u64,
    /// How many records wait for the disk.
    pub waiting: u64,
    /// How many records are in the file.
    pub written: u64,
    /// How many records are lost to the file: the disk hung, or refused them.
    pub lost: u64,
    /// What the operating system said when it last refused a record. `None` if it has taken one since.
    pub refused: Option<io::ErrorKind>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// There is work for the disk thread.
    work: Condvar,
    /// The disk thread has done some.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ring: VecDeque<Kept>,
    most: usize,
    /// So many of the ring's records are readings.
    readings: usize,
    told: Once,
    thinner: Thinner,
    has_file: bool,
    queue: VecDeque<Kept>,
    stats: RecorderStats,
    /// Lost, and the file does not say so yet.
    unsaid: u64,
    /// Lost since the last flush.
    lost_lately: u64,
    /// How many records were queued, and how many of these the disk thread has finished with.
    queued: u64,
    finished: u64,
    /// The same as `finished`, when the file was last stored.
    stored: u64,
    flush: bool,
    not_stored: bool,
    closing: bool,
}

/// What the disk thread is to do.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) records: Vec<Kept>,
    pub(super) lost: u64,
    pub(super) flush: bool,
    pub(super) closing: bool,
}

/// What the disk thread has done.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) written: u64,
    pub(super) lost: u64,
    /// So many losses stand in the file now.
    pub(super) said: u64,
    pub(super) refused: Option<io::ErrorKind>,
    /// Whether the file was stored, and whether that worked.
    pub(super) stored: Option<bool>,
}

impl Shared {
    pub(super) fn new(most: usize, has_file: bool) -> Self {
        let state = State {
            most,
            has_file,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, record: &EventRecord) {
        let mut state = self.lock();
        if !state.told.is_news(record) {
            return;
        }
        match state.thinner.admit(record) {
            Some(left_out) => state.keep(Kept::Event(Arc::new(record.clone()), left_out)),
            None => state.stats.left_out += 1,
        }
        drop(state);
        self.work.notify_one();
    }

    pub(super) fn add(&self, record: Record) {
        self.lock().keep(Kept::Other(Arc::new(record)));
        self.work.notify_one();
    }

    pub(super) fn stats(&self) -> RecorderStats {
        let state = self.lock();
        RecorderStats {
            waiting: state.queued - state.finished,
            ..state.stats
        }
    }

    pub(super) fn recording(&self) -> Recording {
        let (ring, stats) = {
            let state = self.lock();
            (state.ring.clone(), state.stats)
        };
        Recording {
            records: ring.iter().map(Kept::record).collect(),
            gaps: Gaps {
                pushed_out: stats.pushed_out,
                ..Gaps::default()
            },
        }
    }

    /// Waits until all that was recorded before is stored. `Err(None)`: it takes longer.
    pub(super) fn flush(&self, within: Duration) -> Result<(), Option<Unflushed>> {
        let mut state = self.lock();
        if !state.has_file {
            return Ok(());
        }
        let until = state.queued;
        state.flush = true;
        state.not_stored = false;
        self.work.notify_one();
        let waiting = self.done.wait_timeout_while(state, within, |state| {
            state.stored < until && !state.not_stored || state.flush
        });
        let (mut state, time) = waiting.unwrap_or_else(PoisonError::into_inner);
        let lost = std::mem::take(&mut state.lost_lately);
        match (time.timed_out(), state.not_stored, lost) {
            (true, ..) => Err(None),
            (_, _, lost @ 1..) => Err(Some(Unflushed::Lost(lost))),
            (_, true, _) => Err(Some(Unflushed::NotStored)),
            _ => Ok(()),
        }
    }

    /// No more will be recorded.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// Waits for work, for at most this long.
    pub(super) fn work(&self, most: usize, patience: Option<Duration>) -> Work {
        let is_idle = |state: &mut State| state.queue.is_empty() && !state.flush && !state.closing;
        let state = self.lock();
        let mut state = match patience {
            Some(patience) => self
                .work
                .wait_timeout_while(state, patience, is_idle)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state),
            None => self
                .work
                .wait_while(state, is_idle)
                .unwrap_or_else(PoisonError::into_inner),
        };
        let count = state.queue.len().min(most);
        let records = state.queue.drain(..count).collect();
        let is_all = state.queue.is_empty();
        Work {
            records,
            lost: state.unsaid,
            flush: state.flush && is_all,
            closing: state.closing && is_all,
        }
    }

    pub(super) fn finished(&self, work: usize, done: &Done) {
        let mut state = self.lock();
        state.finished += work as u64;
        state.stats.written += done.written;
        state.lose(done.lost);
        state.unsaid -= done.said.min(state.unsaid);
        match done.refused {
            Some(refused) => state.stats.refused = Some(refused),
            None if done.written > 0 => state.stats.refused = None,
            None => {}
        }
        if let Some(worked) = done.stored {
            state.not_stored = !worked;
            state.stored = state.finished;
            state.flush = false;
        }
        drop(state);
        self.done.notify_all();
    }
}

/// Why a flush that ended in time did not succeed.
#[derive(Debug)]
pub(super) enum Unflushed {
    Lost(u64),
    NotStored,
}

impl State {
    fn keep(&mut self, kept: Kept) {
        self.stats.recorded += 1;
        if self.has_file {
            match self.queue.len() < QUEUE {
                true => {
                    self.queue.push_back(kept.clone());
                    self.queued += 1;
                }
                false => self.lose(1),
            }
        }
        if self.ring.len() == self.most {
            self.make_room();
        }
        self.readings += usize::from(kept.is_reading());
        self.ring.push_back(kept);
    }

    /// Readings come all the time: they must not push out how an outage began.
    fn make_room(&mut self) {
        let of_readings = self.readings > self.most / 2;
        let first = self.ring.iter().position(|kept| !of_readings || kept.is_reading());
        let gone = self.ring.remove(first.unwrap_or(0));
        self.readings -= usize::from(gone.is_some_and(|gone| gone.is_reading()));
        self.stats.pushed_out += 1;
    }

    fn lose(&mut self, count: u64) {
        self.stats.lost += count;
        self.unsaid += count;
        self.lost_lately += count;
    }
}

/// The record that says what is missing.
pub(super) fn lost(count: u64, wall: SystemTime) -> Record {
    Record::Lost(Lost {
        count,
        wall_ms: unix_millis(wall),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::Reading, *};
    use crate::{request::OpClass, telemetry::Event};

    fn event() -> EventRecord {
        EventRecord::now(
            Some("a".into()),
            SystemTime::UNIX_EPOCH,
            Event::AllBad { class: OpClass::Read },
        )
    }

    fn reading() -> Record {
        Record::Reading(Reading {
            instance: String::new(),
            wall_ms: 0,
            uptime_ms: 0,
            client: "a".to_owned(),
            places: Vec::new(),
        })
    }

    /// Nobody takes anything from the queue.
    #[test]
    fn a_disk_that_hangs_holds_nobody_up_and_its_losses_are_counted() {
        let shared = Shared::new(10, true);
        for _ in 0..QUEUE + 100 {
            shared.note(&event());
        }
        let stats = shared.stats();
        assert_eq!((stats.waiting, stats.lost, stats.written), (QUEUE as u64, 100, 0));
        assert!(matches!(shared.flush(Duration::from_millis(1)), Err(None)));
        // When it goes on, it hears how many are missing.
        let work = shared.work(QUEUE, None);
        assert_eq!((work.records.len(), work.lost, work.flush), (QUEUE, 100, true));
    }

    #[test]
    fn readings_do_not_push_out_events() {
        let shared = Shared::new(10, false);
        for _ in 0..4 {
            shared.note(&event());
        }
        for _ in 0..100 {
            shared.add(reading());
        }
        let events = |shared: &Shared| {
            let records = shared.recording().records;
            assert_eq!(records.len(), 10);
            records
                .iter()
                .filter(|record| matches!(record, Record::Event(_)))
                .count()
        };
        assert_eq!(events(&shared), 4);
        // Events may take all of it.
        for _ in 0..100 {
            shared.note(&event());
        }
        assert_eq!(events(&shared), 10);
        shared.add(reading());
        assert_eq!(events(&shared), 9);
    }

    #[test]
    fn credentials_that_many_clients_share_are_heard_of_once() {
        let shared = Shared::new(10, false);
        let lost = Event::CredentialsLost {
            credentials: "aws".into(),
            cause: "silent",
        };
        let record = EventRecord::now(None, SystemTime::UNIX_EPOCH, lost);
        for _ in 0..3 {
            shared.note(&record);
        }
        assert_eq!(shared.stats().recorded, 1);
    }

    #[test]
    fn a_failing_fetch_of_shared_credentials_is_counted_once_though_it_is_left_out() {
        let shared = Shared::new(10, false);
        let kept = Event::CredentialsKept {
            credentials: "aws".into(),
            valid_for: None,
            cause: "silent",
        };
        for _ in 0..3 {
            let record = EventRecord::now(None, SystemTime::UNIX_EPOCH, kept.clone());
            (0..3).for_each(|_| shared.note(&record));
        }
        let stats = shared.stats();
        assert_eq!(
            (stats.recorded, stats.left_out),
            (2, 1),
            "the first, the second, and not the third"
        );
    }
}
