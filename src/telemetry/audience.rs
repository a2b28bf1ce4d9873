use super::{AttemptEnd, AttemptListener, Event, EventRecord, Instance, Latest, aside};
use crate::model::clock;
use std::{fmt, sync::Arc, time::SystemTime};

/// A function that hears of events.
pub(crate) type Listener = Arc<dyn Fn(&EventRecord) + Send + Sync>;

/// A wall clock.
pub(crate) type Wall = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Who hears of a client's events, the client's name, and the wall clock that stamps them.
#[derive(Clone)]
pub(crate) struct Audience {
    pub(crate) client: Arc<str>,
    /// What the client deals in: see [`AttemptEnd::noun`].
    pub(crate) noun: &'static str,
    listeners: Arc<Vec<Listener>>,
    /// Who hears of attempts.
    followers: Arc<Vec<AttemptListener>>,
    wall: Wall,
    latest: Latest,
}

/// The name in metrics of a client without a name.
const UNNAMED: &str = "default";

impl Default for Audience {
    fn default() -> Self {
        Self {
            client: UNNAMED.into(),
            noun: "call",
            listeners: Arc::default(),
            followers: Arc::default(),
            wall: Arc::new(clock::wall),
            latest: Latest::default(),
        }
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audience")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Audience {
    /// Adds a listener.
    pub(crate) fn add(&mut self, listener: impl Fn(&EventRecord) + Send + Sync + 'static) {
        Arc::make_mut(&mut self.listeners).push(Arc::new(listener));
    }

    /// Adds a listener for attempts.
    pub(crate) fn follow(&mut self, listener: impl Fn(&AttemptEnd) + Send + Sync + 'static) {
        Arc::make_mut(&mut self.followers).push(Arc::new(listener));
    }

    /// Whether anybody hears of attempts.
    pub(super) fn is_followed(&self) -> bool {
        !self.followers.is_empty()
    }

    /// Tells who hears of attempts of one.
    pub(super) fn tell_attempt(&self, end: &AttemptEnd) {
        for listener in &*self.followers {
            aside(|| listener(end));
        }
    }

    pub(crate) fn stamp_with(&mut self, wall: impl Fn() -> SystemTime + Send + Sync + 'static) {
        self.wall = Arc::new(wall);
    }

    /// The audience of a client that is built now. A builder that is cloned makes clients that share listeners, and not
    /// what was decided last.
    pub(crate) fn of_a_client(mut self) -> Self {
        let _ = Instance::current();
        self.latest = Latest::default();
        self
    }

    pub(crate) fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// What was decided last.
    pub(crate) const fn latest(&self) -> &Latest {
        &self.latest
    }

    /// What the wall clock says. The clock may be a user's: if it panics, that is 1970.
    pub(crate) fn wall(&self) -> SystemTime {
        aside(|| (self.wall)()).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Tells every listener of an event that happens now.
    pub(super) fn tell(&self, event: Event) {
        let record = EventRecord::now(Some(self.client.clone()), self.wall(), event);
        self.latest.note(&record);
        for listener in &*self.listeners {
            aside(|| listener(&record));
        }
    }
}
