//! The client's knowledge of the keys that it read or wrote last: the conditions that fence its next writes.

use crate::model::clock::Instant;
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

/// A client's tags by key, bounded. Keys are kept as hashes. Two keys with one hash at worst try each other's tag,
/// which a store refuses like an outdated tag.
pub(crate) struct Fences<T> {
    shards: Box<[Mutex<Shard<T>>]>,
    /// The endpoints that refused a put, or a delete (`true`), only because it had a condition, and since when that is
    /// known.
    without: Mutex<Vec<(usize, bool, Instant)>>,
}

/// The number of shards, each with its own lock: every read of every task comes here.
const SHARDS: usize = 16;
/// The keys in one generation of a shard. With two generations the client keeps 8,192 keys in all, some 100 bytes each,
/// so less than 1 MB.
const GENERATION: usize = 256;
/// How long a tag is tried after it was seen. Between reading and writing back lie seconds, or minutes with a person in
/// between. Another writer has more likely replaced an older value meanwhile, and a tag tried in vain costs two
/// requests.
const LIFE: Duration = Duration::from_secs(5 * 60);

/// Two generations: when the young one is full, it takes the old one's place.
struct Shard<T> {
    young: BTreeMap<u64, Note<T>>,
    old: BTreeMap<u64, Note<T>>,
    /// The writes of this client that are under way, by key.
    writing: BTreeMap<u64, Writing>,
}

struct Note<T> {
    /// The note held at this time, or later.
    at: Instant,
    known: Known<T>,
}

enum Known<T> {
    Tag(T),
    /// The key was written, and its new state is not known.
    Nothing,
    /// Others write this key, too: a tag would be tried in vain more often than it would fence anything.
    Shared,
}

#[derive(Default)]
struct Writing {
    count: usize,
    /// Some writes were under way at the same time, so that nobody knows which one is the last.
    crossed: bool,
}

/// A write of a key by this client, for as long as it is under way.
pub(crate) struct Pen<'a, T> {
    fences: &'a Fences<T>,
    hash: u64,
    /// Whether no other write was under way when this one began.
    first: bool,
}

impl<T> Default for Fences<T> {
    fn default() -> Self {
        let shard = || {
            Mutex::new(Shard {
                young: BTreeMap::new(),
                old: BTreeMap::new(),
                writing: BTreeMap::new(),
            })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            without: Default::default(),
        }
    }
}

impl<T: Clone> Fences<T> {
    /// The tag that this key had when the client last saw it.
    pub(crate) fn tag(&self, key: &str, now: Instant) -> Option<T> {
        let (mut shard, hash) = self.shard(key);
        match &shard.live(hash, now)?.known {
            Known::Tag(tag) => Some(tag.clone()),
            Known::Nothing | Known::Shared => None,
        }
    }

    /// Notes the tag that a read found. `began`: when the read began; a note of a later write is newer.
    pub(crate) fn learn(&self, key: &str, tag: &T, began: Instant) {
        let (mut shard, hash) = self.shard(key);
        let is_newer = |note: &Note<T>| note.at > began || matches!(note.known, Known::Shared);
        if !shard.writing.contains_key(&hash) && !shard.live(hash, began).is_some_and(is_newer) {
            shard.note(hash, Known::Tag(tag.clone()), began);
        }
    }
}

impl<T> Fences<T> {
    /// Notes that a write of this key begins.
    pub(crate) fn write(&self, key: &str) -> Pen<'_, T> {
        let (mut shard, hash) = self.shard(key);
        let writing = shard.writing.entry(hash).or_default();
        writing.count += 1;
        writing.crossed |= writing.count > 1;
        Pen {
            first: writing.count == 1,
            fences: self,
            hash,
        }
    }

    /// Notes that the key's tag was tried in vain: no tag is tried for a while.
    pub(crate) fn shared(&self, key: &str, now: Instant) {
        let (mut shard, hash) = self.shard(key);
        shard.note(hash, Known::Shared, now);
    }

    /// Notes a write that leaves no tag behind.
    pub(crate) fn forget(&self, key: &str, now: Instant) {
        let (mut shard, hash) = self.shard(key);
        shard.settle(hash, Known::Nothing, now);
    }

    fn shard(&self, key: &str) -> (MutexGuard<'_, Shard<T>>, u64) {
        // Not keyed at random: nothing here differs from one run to the next, and a caller that chooses keys that
        // collide makes its own writes cost more.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let hash = hasher.finish();
        (self.shard_of(hash), hash)
    }

    fn shard_of(&self, hash: u64) -> MutexGuard<'_, Shard<T>> {
        let shard = &self.shards[hash as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this endpoint refused such a condition of late.
    pub(crate) fn lacks(&self, endpoint: usize, removes: bool, now: Instant) -> bool {
        let mut without = self.without();
        without.retain(|&(.., since)| now.saturating_duration_since(since) < LIFE);
        without.iter().any(|&(at, what, _)| (at, what) == (endpoint, removes))
    }

    /// Notes that the endpoint took the same write without its condition. Permissions and stores change, so the
    /// condition is tried again later.
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

    fn note(&mut self, hash: u64, known: Known<T>, at: Instant) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&hash) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, Note { at, known });
    }

    /// Notes what a write has left. A note that others write the key stays.
    fn settle(&mut self, hash: u64, known: Known<T>, now: Instant) {
        let is_shared = |note: &Note<T>| matches!(note.known, Known::Shared);
        if !self.live(hash, now).is_some_and(is_shared) {
            self.note(hash, known, now);
        }
    }
}

impl<T> Pen<'_, T> {
    /// Whether no other write of the key was under way when this one began. If one was, the knowledge of the key is
    /// about to change.
    pub(crate) const fn is_first(&self) -> bool {
        self.first
    }

    /// Whether another write of the key by this client was under way at the same time.
    pub(crate) fn crossed(&self) -> bool {
        let shard = self.fences.shard_of(self.hash);
        shard.writing.get(&self.hash).is_some_and(|writing| writing.crossed)
    }

    /// Notes that the write was done. `tag` is the current tag, if it is known and no later write of this client has
    /// come after.
    pub(crate) fn done(&self, tag: Option<T>, now: Instant) {
        let mut shard = self.fences.shard_of(self.hash);
        let crossed = shard.writing.get(&self.hash).is_some_and(|writing| writing.crossed);
        let known = tag.filter(|_| !crossed).map_or(Known::Nothing, Known::Tag);
        shard.settle(self.hash, known, now);
    }
}

impl<T> Drop for Pen<'_, T> {
    fn drop(&mut self) {
        let mut shard = self.fences.shard_of(self.hash);
        if let Some(writing) = shard.writing.get_mut(&self.hash) {
            writing.count -= 1;
            if writing.count == 0 {
                shard.writing.remove(&self.hash);
            }
        }
    }
}

/// Shows neither keys nor tags.
impl<T> fmt::Debug for Fences<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fences").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;

    #[test]
    fn a_fence_keeps_the_last_tag_for_its_life() {
        let (fences, now) = (Fences::default(), clock::now());
        assert_eq!(fences.tag("k", now), None);
        fences.learn("k", &1, now);
        fences.learn("k", &2, now);
        assert_eq!(fences.tag("k", now), Some(2));
        assert_eq!(fences.tag("k", now + LIFE), None);
        fences.forget("k", now);
        assert_eq!(fences.tag("k", now), None);
    }

    #[test]
    fn a_read_that_began_before_a_write_teaches_no_tag() {
        let (fences, now) = (Fences::default(), clock::now());
        let later = now + Duration::from_secs(1);
        let pen = fences.write("k");
        fences.learn("k", &1, now);
        assert_eq!(fences.tag("k", now), None, "it is being written");
        pen.done(Some(2), later);
        drop(pen);
        fences.learn("k", &1, now);
        assert_eq!(fences.tag("k", later), Some(2));
        fences.learn("k", &3, later);
        assert_eq!(fences.tag("k", later), Some(3));
    }

    #[test]
    fn concurrent_writes_leave_no_tag() {
        let (fences, now) = (Fences::default(), clock::now());
        let (one, two) = (fences.write("k"), fences.write("k"));
        assert!(one.is_first() && !two.is_first() && one.crossed());
        two.done(Some(2), now);
        drop(two);
        one.done(Some(1), now);
        drop(one);
        assert_eq!(fences.tag("k", now), None);
        let alone = fences.write("k");
        assert!(alone.is_first() && !alone.crossed());
        alone.done(Some(3), now);
        drop(alone);
        assert_eq!(fences.tag("k", now), Some(3));
        assert!(
            fences
                .shards
                .iter()
                .all(|shard| shard.lock().unwrap().writing.is_empty())
        );
    }

    #[test]
    fn a_shared_key_has_no_tag_until_its_mark_expires() {
        let (fences, now) = (Fences::default(), clock::now());
        fences.shared("k", now);
        fences.learn("k", &1, now);
        fences.forget("k", now);
        fences.learn("k", &1, now);
        assert_eq!(fences.tag("k", now), None);
        fences.learn("k", &1, now + LIFE);
        assert_eq!(fences.tag("k", now + LIFE), Some(1));
    }

    #[test]
    fn a_lacking_condition_is_retried_after_its_life() {
        let (fences, now) = (Fences::<u8>::default(), clock::now());
        fences.found_lacking(1, false, now);
        assert!(fences.lacks(1, false, now));
        assert!(!fences.lacks(1, true, now) && !fences.lacks(0, false, now));
        assert!(!fences.lacks(1, false, now + LIFE));
    }

    #[test]
    fn fences_are_bounded_and_keep_the_latest() {
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
