//! The writes and reads during the drill.

use super::{Canary, CanaryFindings, Place, ledger::Ledger, ledger::Shown};
use crate::{ErrorKind, ObjectClient, drill::Timeline, model::clock, request::object::PutMode};
use futures_util::future::select;
use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::time::sleep_until;

/// What was done so far. Clones share it: whoever removes the canaries of a drill whose future was dropped must know of
/// them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<(Ledger, CanaryFindings)>>);

impl Notes {
    /// How many canaries may lie somewhere.
    pub(crate) fn sent(&self) -> u32 {
        self.lock().0.len()
    }

    pub(crate) fn findings(&self) -> CanaryFindings {
        self.lock().1.clone()
    }

    pub(super) fn with<T>(&self, note: impl FnOnce(&mut Ledger, &mut CanaryFindings) -> T) -> T {
        let (ledger, findings) = &mut *self.lock();
        note(ledger, findings)
    }

    fn lock(&self) -> MutexGuard<'_, (Ledger, CanaryFindings)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes and reads canaries, one after the other.
pub(crate) struct Rounds {
    pub(crate) client: ObjectClient,
    pub(crate) place: Place,
    pub(crate) canary: Canary,
    pub(crate) notes: Notes,
    pub(crate) rng: fastrand::Rng,
}

impl Rounds {
    /// Goes on until the drill is over, and ends the round under way.
    pub(crate) async fn until_over(mut self, timeline: &Timeline) {
        let mut due = clock::now();
        let mut round = 0_u32;
        while timeline.is_under_way(clock::now()) {
            self.write(round).await;
            self.read().await;
            round = round.wrapping_add(1);
            // A late round delays the next: none is made up for.
            due = (due + self.canary.every).max(clock::now());
            select(pin!(timeline.over()), pin!(sleep_until(due))).await;
        }
    }

    async fn write(&mut self, round: u32) {
        let replaces = self.client.overwrites() && round % 2 == 1;
        let any = self.any_of(|ledger| (0..ledger.len()).collect());
        let next = self.notes.with(|ledger, _| {
            let replaced = any
                .filter(|_| replaces)
                .and_then(|number| Some((number, ledger.replace(number)?)));
            let is_room = ledger.len() < self.canary.most;
            replaced.or_else(|| is_room.then(|| (ledger.create(), 1)))
        });
        let Some((number, version)) = next else { return };
        let Some(key) = self.place.key(number) else { return };
        let mode = match version {
            1 => PutMode::Create,
            _ => PutMode::Overwrite,
        };
        self.notes.with(|_, findings| findings.writes += 1);
        let body = self.place.body(number, version, self.canary.bytes);
        let stored = self.client.own_put(key, body, mode).await;
        self.notes.with(|ledger, findings| match stored {
            Ok(stored) => {
                ledger.acknowledge(number, stored.earlier_attempt_unresolved());
                findings.acknowledged += 1;
            }
            Err(error) => findings.uncertain += u64::from(error.kind() == ErrorKind::MaybeApplied),
        });
    }

    async fn read(&mut self) {
        let Some(number) = self.any_of(Ledger::acknowledged) else {
            return;
        };
        let Some(key) = self.place.key(number) else { return };
        self.notes.with(|_, findings| findings.reads += 1);
        let found = self.client.own_get(key).await;
        self.notes.with(|ledger, findings| {
            let (version, says_so) = match &found {
                Ok(found) => {
                    let version = self.place.version(number, found.body(), self.canary.bytes);
                    (version, found.is_possibly_stale())
                }
                Err(error) if error.kind() == ErrorKind::NotFound => (None, false),
                Err(_) => {
                    findings.reads_failed += 1;
                    return;
                }
            };
            let is_wrong = matches!(ledger.shown(number, version), Some(Shown::Stale | Shown::Lost)) && !says_so;
            findings.reads_wrong += u64::from(is_wrong);
        });
    }

    fn any_of(&mut self, among: impl FnOnce(&Ledger) -> Vec<u32>) -> Option<u32> {
        let among = self.notes.with(|ledger, _| among(ledger));
        self.rng.choice(among)
    }
}
