//! What is known of the keys that this client read or wrote last: the conditions that fence its next writes.

use crate::clock::Instant;
use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The state of a key, as far as a write can be conditional on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    There(T),
    Absent,
}

/// A client's tags by key, bounded. Keys are kept as hashes: two that share one at worst try each other's tag, which is
/// refused like one that is outdated.
pub(crate) struct Fences<T> {
    shards: Box<[Mutex<Shard<T>>]>,
    /// Endpoints that refused a put, or a delete (`true`), only because it had a condition, and since when that is known.
    without: Mutex<Vec<(usize, bool, Instant)>>,
}

/// So many, each with a lock of its own, as every read of every task comes here.
const SHARDS: usize = 16;
/// The keys of a shard's one generation: with two of them 8,192 keys in all, some 100 bytes each, so less than 1 MB.
const GENERATION: usize = 256;
/// A tag that was seen longer ago is not tried. Between reading and writing back lie seconds, with a person in between
/// minutes; what is older was more likely replaced by somebody else meanwhile, and a tag that is tried in vain costs two
/// requests.
const LIFE: Duration = Duration::from_secs(5 * 60);

/// Two generations: when the young one is full, it takes the old one's place.
#[derive(Default)]
struct Shard<T> {
    young: BTreeMap<u64, Note<T>>,
    old: BTreeMap<u64, Note<T>>,
}

struct Note<T> {
    at: Instant,
    /// `None`: others write this key, too, so that a tag would be tried in vain more often than it would fence anything.
    tag: Option<T>,
}

impl<T> Default for Fences<T> {
    fn default() -> Self {
        let shard = || {
            Mutex::new(Shard {
                young: BTreeMap::new(),
                old: BTreeMap::new(),
            })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            without: Default::default(),
        }
    }
}

impl<T: Clone> Fences<T> {
    /// The tag that this key had when it was last seen.
    pub(crate) fn tag(&self, key: &str, now: Instant) -> Option<T> {
        let (mut shard, hash) = self.shard(key);
        shard.live(hash, now)?.tag.clone()
    }

    /// It was read or written with this tag.
    pub(crate) fn learn(&self, key: &str, tag: &T, now: Instant) {
        let (mut shard, hash) = self.shard(key);
        if shard.live(hash, now).is_none_or(|note| note.tag.is_some()) {
            shard.note(hash, Some(tag.clone()), now);
        }
    }

    /// Its tag was tried in vain: none is tried for a while.
    pub(crate) fn shared(&self, key: &str, now: Instant) {
        let (mut shard, hash) = self.shard(key);
        shard.note(hash, None, now);
    }

    /// It was removed.
    pub(crate) fn forget(&self, key: &str) {
        let (mut shard, hash) = self.shard(key);
        let Shard { young, old } = &mut *shard;
        for generation in [young, old] {
            if generation.get(&hash).is_some_and(|note| note.tag.is_some()) {
                generation.remove(&hash);
            }
        }
    }

    fn shard(&self, key: &str) -> (MutexGuard<'_, Shard<T>>, u64) {
        // Not keyed at random: nothing here differs from one run to the next, and whoever chooses keys that collide makes
        // his own writes cost more.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let hash = hasher.finish();
        let shard = &self.shards[hash as usize % SHARDS];
        (shard.lock().unwrap_or_else(PoisonError::into_inner), hash)
    }
}

impl<T> Fences<T> {
    /// Whether this endpoint was seen of late to refuse such a condition.
    pub(crate) fn lacks(&self, endpoint: usize, removes: bool, now: Instant) -> bool {
        let mut without = self.without();
        without.retain(|&(.., since)| now.saturating_duration_since(since) < LIFE);
        without.iter().any(|&(at, what, _)| (at, what) == (endpoint, removes))
    }

    /// The same write was taken without its condition. Permissions and stores change, so that it is tried again later.
    pub(crate) fn found_lacking(&self, endpoint: usize, removes: bool, now: Instant) {
        let mut without = self.without();
        without.retain(|&(at, what, _)| (at, what) != (endpoint, removes));
        without.push((endpoint, removes, now));
    }

    fn without(&self) -> MutexGuard<'_, Vec<(usize, bool, Instant)>> {
        self.without.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Shard<T> {
    fn live(&mut self, hash: u64, now: Instant) -> Option<&Note<T>> {
        let note = self.young.get(&hash).or_else(|| self.old.get(&hash))?;
        (now.saturating_duration_since(note.at) < LIFE).then_some(note)
    }

    fn note(&mut self, hash: u64, tag: Option<T>, now: Instant) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&hash) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, Note { at: now, tag });
    }
}

/// No keys, no tags.
impl<T> fmt::Debug for Fences<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fences").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn the_last_tag_for_a_while() {
        let (fences, now) = (Fences::default(), clock::now());
        assert_eq!(fences.tag("k", now), None);
        fences.learn("k", &1, now);
        fences.learn("k", &2, now);
        assert_eq!(fences.tag("k", now), Some(2));
        assert_eq!(fences.tag("k", now + LIFE), None);
        fences.forget("k");
        assert_eq!(fences.tag("k", now), None);
    }

    #[test]
    fn what_others_write_too_has_none_until_that_is_forgotten() {
        let (fences, now) = (Fences::default(), clock::now());
        fences.shared("k", now);
        fences.learn("k", &1, now);
        fences.forget("k");
        fences.learn("k", &1, now);
        assert_eq!(fences.tag("k", now), None);
        fences.learn("k", &1, now + LIFE);
        assert_eq!(fences.tag("k", now + LIFE), Some(1));
    }

    #[test]
    fn who_refuses_a_condition_is_tried_again_later() {
        let (fences, now) = (Fences::<u8>::default(), clock::now());
        fences.found_lacking(1, false, now);
        assert!(fences.lacks(1, false, now));
        assert!(!fences.lacks(1, true, now) && !fences.lacks(0, false, now));
        assert!(!fences.lacks(1, false, now + LIFE));
    }

    #[test]
    fn it_is_bounded_and_keeps_the_latest() {
        let (fences, now) = (Fences::default(), clock::now());
        for n in 0..100_000 {
            fences.learn(&format!("k{n}"), &n, now);
        }
        let kept = (0..100_000).filter(|n| fences.tag(&format!("k{n}"), now).is_some());
        let kept: Vec<u32> = kept.collect();
        assert!(kept.len() <= SHARDS * 2 * GENERATION, "{}", kept.len());
        assert!(kept.len() > SHARDS * GENERATION && kept.iter().all(|&n| n > 80_000));
    }
}
