use super::{Event, EventRecord};
use crate::request::OpClass;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a client decided last, by endpoint and class, so that a snapshot can say why. Holds at most two events for each
/// of them. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latest(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    by_place: BTreeMap<(Arc<str>, OpClass), Decisions>,
    /// The last event that began or ended the suspicion of this host, by class.
    all_bad: [Option<EventRecord>; 3],
}

/// The last decisions on one endpoint and class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decisions {
    /// The last change of the breaker.
    pub(crate) breaker: Option<EventRecord>,
    /// The last decision of any kind.
    pub(crate) any: Option<EventRecord>,
}

impl Latest {
    pub(super) fn note(&self, record: &EventRecord) {
        match &record.event {
            Event::AllBad { class } | Event::NoLongerAllBad { class } => {
                keep(&mut self.lock().all_bad[class.index()], record);
            }
            Event::BreakerOpened { .. } | Event::BreakerHalfOpened { .. } | Event::BreakerClosed { .. } => {
                self.of_each_place(record, true);
            }
            Event::LargeWritesOut { .. }
            | Event::LargeWritesBack { .. }
            | Event::PassedOver { .. }
            | Event::IdleProbeFailed { .. }
            | Event::ConditionsVerified { .. }
            | Event::OrderGiven { .. }
            | Event::OrderLifted { .. }
            | Event::OrderExpired { .. } => self.of_each_place(record, false),
            // Decisions on one call, or on no endpoint.
            Event::DownloadResumed { .. }
            | Event::WrongChecksum { .. }
            | Event::UploadRestarted { .. }
            | Event::OrderRefused { .. }
            | Event::SharedDependency { .. }
            | Event::NotSurvived { .. }
            | Event::CredentialsKept { .. }
            | Event::CredentialsLost { .. }
            | Event::CredentialsRenewed { .. }
            | Event::BudgetExhausted { .. } => {}
        }
    }

    fn of_each_place(&self, record: &EventRecord, breaker: bool) {
        let mut state = self.lock();
        for endpoint in record.event.endpoints() {
            for class in record.event.classes() {
                let decisions = state.by_place.entry((endpoint.clone(), *class)).or_default();
                keep(&mut decisions.any, record);
                if breaker {
                    keep(&mut decisions.breaker, record);
                }
            }
        }
    }

    /// The last decisions on this endpoint and class.
    pub(crate) fn decisions(&self, endpoint: &Arc<str>, class: OpClass) -> Decisions {
        let state = self.lock();
        state
            .by_place
            .get(&(endpoint.clone(), class))
            .cloned()
            .unwrap_or_default()
    }

    /// The event that began the suspicion of this host for this class, while it lasts.
    pub(crate) fn all_bad(&self, class: OpClass) -> Option<EventRecord> {
        let last = self.lock().all_bad[class.index()].clone();
        last.filter(|record| matches!(record.event, Event::AllBad { .. }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the later of two.
fn keep(place: &mut Option<EventRecord>, record: &EventRecord) {
    if place.as_ref().is_none_or(|known| known.sequence < record.sequence) {
        *place = Some(record.clone());
    }
}
