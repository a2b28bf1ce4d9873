//! What a progress bar shows.

use super::{Counts, Fate, KeyName};
use crate::model::clock::Instant;
use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

/// An event of a backfill. `Display` is one sentence without the key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The backfill begins, or goes on.
    Started {
        /// Everything up to this key was done before. `None`: the backfill starts at the beginning.
        resumed_after: Option<KeyName>,
    },
    /// A key is done.
    Key {
        /// The key.
        key: KeyName,
        /// The length of its content.
        bytes: u64,
        /// The result of the key.
        fate: Fate,
    },
    /// The source was overwritten while the key was copied. The backfill copies the key again.
    SourceChanged {
        /// The key.
        key: KeyName,
    },
    /// A page of the source's scan left out items that are not in the form that this crate stores.
    Foreign {
        /// The number of items.
        items: u64,
    },
    /// A request failed and is repeated.
    Retrying {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The error of the request.
        error: Arc<str>,
        /// How long the backfill waits before it repeats the request.
        wait: Duration,
    },
    /// An endpoint throttled a request. The backfill sends nothing there for a while, and then less.
    Throttled {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The length of the pause.
        pause: Duration,
    },
    /// The checkpoint was saved, up to [`Progress::position`] at the time.
    Saved,
    /// The checkpoint could not be saved. The backfill tries again, and ends after a few failures.
    NotSaved {
        /// The error.
        error: Arc<str>,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { resumed_after: None } => f.write_str("the backfill begins"),
            Self::Started { resumed_after: Some(_) } => f.write_str("the backfill goes on where it was left"),
            Self::Key { fate, bytes, .. } => match fate {
                Fate::Copied { .. } => write!(f, "copied {bytes} bytes"),
                Fate::Skipped => f.write_str("skipped a key that the target holds already"),
                Fate::Conflict => f.write_str("left alone a key that the target holds with another content"),
                Fate::Gone { .. } => f.write_str("a key is no longer at the source"),
                Fate::NotCopyable { reason } => write!(f, "a key cannot be copied: {reason}"),
                Fate::Failed { reason } => write!(f, "a key was not copied: {reason}"),
            },
            Self::SourceChanged { .. } => {
                f.write_str("the source was overwritten during the copy: the backfill copies the key again")
            }
            Self::Foreign { items } => write!(f, "left out {items} items that another program wrote"),
            Self::Retrying { endpoint, error, wait } => {
                write!(f, "{endpoint} failed ({error}): the backfill tries again in {wait:.1?}")
            }
            Self::Throttled { endpoint, pause } => {
                write!(f, "{endpoint} throttled a request: the backfill waits for {pause:.1?}")
            }
            Self::Saved => f.write_str("the checkpoint was saved"),
            Self::NotSaved { error } => write!(f, "the checkpoint could not be saved: {error}"),
        }
    }
}

/// How far a backfill has come.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// The results of the keys so far. The runs before a resume are included.
    pub counts: Counts,
    /// How often, in this run, a source was overwritten during its copy and copied again.
    pub source_changes: u64,
    /// Items of the source that are not in the form that this crate stores, in this run. Another program wrote them.
    /// They are not keys of the backfill, and none of them is copied. (An object has no form. An object with a name
    /// that is not a valid key counts as [not copyable](Fate::NotCopyable).)
    pub foreign: u64,
    /// Requests to the source in this run, including listings.
    pub source_requests: u64,
    /// Requests to the target in this run.
    pub target_requests: u64,
    /// All keys up to this key are done. A resume goes on after it.
    pub position: Option<KeyName>,
    /// The time since this run began.
    pub elapsed: Duration,
    /// Keys a second, over the last ten seconds.
    pub keys_per_second: f64,
    /// Bytes copied a second, over the last ten seconds.
    pub bytes_per_second: f64,
}

/// Keys and bytes per second over a sliding window of ten seconds, in buckets of one. Pure.
#[derive(Debug)]
pub(super) struct Meter {
    start: Instant,
    buckets: VecDeque<(u64, u64, u64)>,
}

impl Meter {
    const SECONDS: u64 = 10;

    pub(super) const fn new(start: Instant) -> Self {
        Self {
            start,
            buckets: VecDeque::new(),
        }
    }

    pub(super) fn note(&mut self, now: Instant, bytes: u64) {
        let second = now.saturating_duration_since(self.start).as_secs();
        match self.buckets.back_mut() {
            Some((last, keys, sum)) if *last == second => {
                *keys += 1;
                *sum = sum.saturating_add(bytes);
            }
            _ => self.buckets.push_back((second, 1, bytes)),
        }
        while self.buckets.len() > Self::SECONDS as usize {
            self.buckets.pop_front();
        }
    }

    /// Keys and bytes a second.
    pub(super) fn rates(&self, now: Instant) -> (f64, f64) {
        let elapsed = now.saturating_duration_since(self.start);
        let oldest = (elapsed.as_secs() + 1).saturating_sub(Self::SECONDS);
        let recent = self.buckets.iter().filter(|(second, ..)| *second >= oldest);
        let (keys, bytes) = recent.fold((0_u64, 0_u64), |(keys, bytes), (_, k, b)| {
            (keys + k, bytes.saturating_add(*b))
        });
        // What was noted in the first instant is no rate yet.
        let seconds = (elapsed.as_secs_f64() - oldest as f64).max(0.1);
        (keys as f64 / seconds, bytes as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;

    #[test]
    fn rates_cover_the_last_ten_seconds() {
        let start = clock::now();
        let mut meter = Meter::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(meter.rates(start), (0.0, 0.0));
        (0..200).for_each(|n| meter.note(at(n * 100), 50));
        let (keys, bytes) = meter.rates(at(20_000));
        assert!(
            (9.5..=10.5).contains(&keys) && (475.0..=525.0).contains(&bytes),
            "{keys} {bytes}"
        );
        assert_eq!(meter.rates(at(60_000)), (0.0, 0.0));
    }
}
