use crate::telemetry::{EventRecord, Instance, Once};
use bytes::Bytes;
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many events are kept: what a person reads, and what a reader can miss that loses its connection for a while.
pub(crate) const RING: usize = 256;

/// The last events of all clients whose builder got the listener. An event has a position: the events that were heard
/// before it, and 1. Positions of events that are not kept are missing, so that a reader knows how many it has missed.
#[derive(Debug, Default)]
pub(super) struct Feed {
    heard: Mutex<Heard>,
    /// The same as text, made off the tasks of calls.
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Heard {
    count: u64,
    told: Once,
    /// The last of them.
    ring: VecDeque<EventRecord>,
}

#[derive(Debug, Default)]
struct Written {
    /// The position of the last one.
    newest: u64,
    ring: VecDeque<Event>,
}

/// An event as JSON.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) position: u64,
    pub(super) json: Bytes,
}

/// What a reader has not got yet.
pub(super) struct News {
    /// How many events are no longer kept.
    pub(super) missed: u64,
    pub(super) events: Vec<Event>,
}

impl Feed {
    /// Runs on the task of a call: keeps the event and writes nothing. Waits at most for another thread to copy
    /// [`RING`] events.
    pub(super) fn hear(&self, record: &EventRecord) {
        let mut heard = lock(&self.heard);
        if !heard.told.is_news(record) {
            return;
        }
        heard.count += 1;
        if heard.ring.len() == RING {
            heard.ring.pop_front();
        }
        heard.ring.push_back(record.clone());
    }

    /// How many events were heard.
    pub(super) fn count(&self) -> u64 {
        lock(&self.heard).count
    }

    /// The events after this position.
    pub(super) fn after(&self, position: u64) -> News {
        let mut written = lock(&self.written);
        self.write(&mut written);
        let events: Vec<_> = written
            .ring
            .iter()
            .filter(|event| event.position > position)
            .cloned()
            .collect();
        News {
            missed: written
                .newest
                .saturating_sub(position)
                .saturating_sub(events.len() as u64),
            events,
        }
    }

    fn write(&self, written: &mut Written) {
        let (count, new) = {
            let heard = lock(&self.heard);
            let new = usize::try_from(heard.count - written.newest)
                .unwrap_or(RING)
                .min(heard.ring.len());
            let from = heard.ring.len() - new;
            (heard.count, heard.ring.range(from..).cloned().collect::<Vec<_>>())
        };
        let first = count + 1 - new.len() as u64;
        for (position, record) in (first..).zip(new) {
            let line = Line {
                id: id(position),
                entry: record.entry(),
            };
            // Strings, numbers and maps with text for keys always become JSON.
            let json = serde_json::to_vec(&line).unwrap_or_else(|_| b"null".to_vec());
            if written.ring.len() == RING {
                written.ring.pop_front();
            }
            written.ring.push_back(Event {
                position,
                json: json.into(),
            });
        }
        written.newest = count;
    }
}

/// A listener for a builder.
pub(super) fn listener(feed: &Arc<Feed>) -> impl Fn(&EventRecord) + Clone + Send + Sync + 'static + use<> {
    let feed = feed.clone();
    move |record| feed.hear(record)
}

#[derive(Serialize)]
struct Line {
    id: String,
    entry: crate::telemetry::Entry,
}

/// The id of the event at this position. A process that starts again counts anew: its ids are others.
pub(super) fn id(position: u64) -> String {
    format!("{}-{position}", Instance::current())
}

/// The position of this id; `None` if another process gave it, or nobody did.
pub(super) fn position(id: &str) -> Option<u64> {
    let (instance, position) = id.split_once('-')?;
    (instance == Instance::current().to_string()).then_some(())?;
    position.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{request::OpClass, telemetry};
    use std::time::SystemTime;

    fn hear(feed: &Feed, count: usize) {
        let event = telemetry::Event::AllBad { class: OpClass::Read };
        let record = EventRecord::now(Some("photos".into()), SystemTime::UNIX_EPOCH, event);
        (0..count).for_each(|_| feed.hear(&record));
    }

    #[test]
    fn a_reader_gets_each_event_once_and_hears_how_many_it_missed() {
        let feed = Feed::default();
        hear(&feed, 3);
        let news = feed.after(0);
        assert_eq!((news.missed, news.events.len()), (0, 3));
        assert_eq!(feed.after(3).events.len(), 0);
        hear(&feed, 2);
        let positions: Vec<_> = feed.after(3).events.iter().map(|event| event.position).collect();
        assert_eq!(positions, [4, 5]);
        hear(&feed, 10_000);
        let news = feed.after(5);
        assert_eq!((news.missed, news.events.len()), (10_000 - RING as u64, RING));
        assert_eq!(news.events.last().map(|event| event.position), Some(10_005));
        assert_eq!(feed.count(), 10_005);
    }

    #[test]
    fn credentials_that_many_clients_share_are_listed_once() {
        let feed = Feed::default();
        let lost = telemetry::Event::CredentialsLost {
            credentials: "aws".into(),
            cause: "silent",
        };
        for count in 1..=2 {
            let record = EventRecord::now(None, SystemTime::UNIX_EPOCH, lost.clone());
            (0..3).for_each(|_| feed.hear(&record));
            assert_eq!(feed.count(), count);
        }
    }

    #[test]
    fn an_id_of_another_process_is_no_position() {
        assert_eq!(position(&id(17)), Some(17));
        for other in [
            "",
            "-",
            "17",
            "0000000000000000-17",
            "a-b",
            &format!("{}-", Instance::current()),
        ] {
            assert_eq!(position(other), None, "{other}");
        }
    }
}
