use super::Cohort;
use crate::{
    ObjectClient,
    drill::{Ended, Timeline},
    model::clock,
    telemetry::{Event, EventRecord},
};
use std::sync::{
    Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicBool, Ordering},
};

/// The drill under way, as callers and production's listener see it.
#[derive(Default)]
pub(super) struct UnderWay {
    /// Most of the time there is no drill, which costs a look.
    any: AtomicBool,
    drill: RwLock<Option<Drill>>,
}

/// One drill.
pub(super) struct Drill {
    pub(super) cohort: Cohort,
    pub(super) client: ObjectClient,
    pub(super) timeline: Timeline,
    /// What production reported meanwhile.
    pub(super) production: Mutex<Vec<EventRecord>>,
}

/// How many of production's events are kept: the first one has ended the drill.
const KEPT: usize = 100;

impl UnderWay {
    /// Takes the place of the one drill. Returns whether it was free.
    pub(super) fn enter(&self, drill: Drill) -> bool {
        let mut place = self.write();
        if place.is_some() {
            return false;
        }
        *place = Some(drill);
        self.any.store(true, Ordering::Release);
        true
    }

    /// Leaves the place. Returns what production reported meanwhile.
    pub(super) fn leave(&self) -> Vec<EventRecord> {
        let mut place = self.write();
        self.any.store(false, Ordering::Release);
        let left = place.take();
        drop(place);
        left.map(|drill| drill.production.into_inner().unwrap_or_else(PoisonError::into_inner))
            .unwrap_or_default()
    }

    /// The cohort's client, if the drill is not over and concerns the caller with this key.
    pub(super) fn client_of(&self, key: &[u8]) -> Option<ObjectClient> {
        self.look(|drill| drill.cohort.contains(key).then(|| drill.client.clone()))?
    }

    /// What `look` sees of the drill, if it is not over.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Drill) -> T) -> Option<T> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let place = self.read();
        let drill = place.as_ref()?;
        drill.timeline.is_under_way(clock::now()).then(|| look(drill))
    }

    /// Hears of an event of production's, and ends the drill for one that does not belong into a quiet day.
    pub(super) fn hear(&self, record: &EventRecord) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let timeline = {
            let place = self.read();
            let Some(drill) = place.as_ref() else { return };
            let mut heard = drill.production.lock().unwrap_or_else(PoisonError::into_inner);
            if heard.len() < KEPT {
                heard.push(record.clone());
            }
            drill.timeline.clone()
        };
        if is_trouble(&record.event) {
            // The guard's listener is a user's: under no lock.
            timeline.end_because(Ended::Production {
                event: record.event.kind(),
            });
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Drill>> {
        self.drill.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Drill>> {
        self.drill.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether production has something else to do than a drill.
const fn is_trouble(event: &Event) -> bool {
    matches!(
        event,
        Event::BreakerOpened { .. }
            | Event::LargeWritesOut { .. }
            | Event::AllBad { .. }
            | Event::BudgetExhausted { .. }
            | Event::CredentialsLost { .. }
            | Event::OrderGiven { .. }
    )
}
