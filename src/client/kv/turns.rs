//! Who of this client is at a key: increments of one key by one client wait for each other, so that they lose no race
//! against each other, each of which would cost two more requests.

use crate::request::kv::Key;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The keys at which somebody is, or waits to be.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Key, Queue>>);

type Queue = Arc<tokio::sync::Mutex<()>>;

/// A place in the queue at a key. [`come`](Self::come) waits for its turn.
pub(super) struct Place {
    turns: Arc<Turns>,
    key: Key,
    queue: Queue,
}

impl Turns {
    pub(super) fn queue_at(self: &Arc<Self>, key: &Key) -> Place {
        Place {
            queue: self.keys().entry(key.clone()).or_default().clone(),
            turns: self.clone(),
            key: key.clone(),
        }
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<Key, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// In the order in which they came; the turn lasts as long as what this returns.
    pub(super) async fn come(&self) -> impl Drop + Send + '_ {
        self.queue.lock().await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut keys = self.turns.keys();
        // The map's and this one; more are made under the map's lock alone.
        if Arc::strong_count(&self.queue) <= 2 {
            keys.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_and_nothing_is_left_behind() {
        let turns = Arc::new(Turns::default());
        let key = |key: &str| Key::new(key).unwrap();
        let first = turns.queue_at(&key("a"));
        let turn = first.come().await;
        let second = turns.queue_at(&key("a"));
        // One that gives up waiting leaves the queue.
        assert!(
            tokio::time::timeout(Duration::from_secs(1), second.come())
                .await
                .is_err()
        );
        drop(second);
        // Nobody waits for another key's.
        let other = turns.queue_at(&key("b"));
        drop(other.come().await);
        drop(turn);
        let third = turns.queue_at(&key("a"));
        drop(first);
        drop(third.come().await);
        drop((third, other));
        assert!(turns.keys().is_empty());
    }
}
