use crate::model::clock::Instant;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many readers `/events` has at most: a team on call, with a screen on the wall.
pub(crate) const READERS: usize = 16;

/// How long a reader may take nothing, before it loses its seat. New state is there every 2 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Who reads `/events`.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// When each reader last took something, or asked for more.
    seats: BTreeMap<u64, Instant>,
    refused: u64,
    dropped: u64,
}

/// What is shown of the readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Counts {
    /// How many there are.
    pub(super) now: usize,
    /// How many there may be.
    pub(super) most: usize,
    /// How many found every seat taken.
    pub(super) refused: u64,
    /// How many lost their seat because they took nothing.
    pub(super) dropped: u64,
}

/// One reader's place. Dropping it frees the place.
#[derive(Debug)]
pub(super) struct Seat {
    readers: Arc<Readers>,
    number: u64,
}

impl Readers {
    /// `None`: every seat is taken.
    pub(super) fn take(self: &Arc<Self>, now: Instant) -> Option<Seat> {
        let mut state = self.lock();
        if state.seats.len() >= READERS {
            state.refused += 1;
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.seats.insert(number, now);
        drop(state);
        Some(Seat {
            readers: self.clone(),
            number,
        })
    }

    /// Takes their seats from those that have taken nothing for [`PATIENCE`].
    pub(super) fn drop_stuck(&self, now: Instant) {
        let mut state = self.lock();
        let before = state.seats.len();
        state
            .seats
            .retain(|_, last| now.saturating_duration_since(*last) < PATIENCE);
        state.dropped += (before - state.seats.len()) as u64;
    }

    pub(super) fn counts(&self) -> Counts {
        let state = self.lock();
        Counts {
            now: state.seats.len(),
            most: READERS,
            refused: state.refused,
            dropped: state.dropped,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Notes that the reader lives. `false`: it has lost its seat.
    pub(super) fn touch(&self, now: Instant) -> bool {
        match self.readers.lock().seats.get_mut(&self.number) {
            Some(last) => {
                *last = now;
                true
            }
            None => false,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.readers.lock().seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;

    #[tokio::test(start_paused = true)]
    async fn seats_are_bounded_freed_and_taken_from_the_stuck() {
        let readers = Arc::new(Readers::default());
        let began = clock::now();
        let mut seats: Vec<_> = std::iter::from_fn(|| readers.take(began)).collect();
        assert_eq!(seats.len(), READERS);
        seats.pop();
        assert!(readers.take(began).is_some(), "a dropped seat is free");

        let later = began + PATIENCE;
        assert!(seats[0].touch(began + PATIENCE / 2));
        readers.drop_stuck(later);
        assert!(seats[0].touch(later));
        assert!(!seats[1].touch(later));
        let counts = readers.counts();
        assert_eq!((counts.now, counts.refused, counts.dropped), (1, 1, READERS as u64 - 2));
        drop(seats);
        assert_eq!(readers.counts().now, 0);
    }
}
