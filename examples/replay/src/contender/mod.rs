//! Who carries the load: evenkeel, the plain SDK, and the plain SDK's model in a simulation.

mod model;
mod ours;
mod plain;
#[cfg(feature = "dynamodb")]
mod plain_rows;

pub(crate) use model::{Model, ModelStream, STALLED};
pub(crate) use ours::Evenkeel;
#[cfg(feature = "dynamodb")]
pub(crate) use ours::EvenkeelRows;
pub(crate) use plain::PlainSdk;
#[cfg(feature = "dynamodb")]
pub(crate) use plain_rows::PlainRows;

use super::{course, load};
use evenkeel::{Explanation, client::Attempt};
use std::{
    error::Error,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// A right answer, with its story where there is one; a failure is a sentence.
pub(crate) type Right = Result<Option<Explanation>, String>;

/// Gets and puts.
pub(crate) trait Contender: Clone + Send + Sync + 'static {
    /// When a call is cut off.
    const CUT: Duration;

    /// Fetches what lies under `key` and compares it.
    fn get(&self, key: &str, tally: &Arc<Tally>) -> impl Future<Output = Right> + Send;

    /// Stores under `key` what belongs there.
    fn put(&self, key: &str, tally: &Arc<Tally>) -> impl Future<Output = Right> + Send;
}

/// What one call's attempts were. Shared with the call, so that it is known of calls that were cut off, too.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    attempts: AtomicU32,
    touched: AtomicU8,
}

impl Tally {
    pub(super) fn attempt(&self, place: usize) {
        self.attempts.fetch_add(1, Relaxed);
        self.touched.fetch_or(1 << place, Relaxed);
    }

    pub(super) fn of(&self, attempts: &[Attempt]) {
        for attempt in attempts {
            self.attempt(course::position(attempt.endpoint()));
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    pub(crate) fn touched(&self) -> u8 {
        self.touched.load(Relaxed)
    }
}

fn compare(key: &str, found: &[u8]) -> Result<(), String> {
    if found == load::body(key) {
        Ok(())
    } else {
        Err(format!(
            "answered with {} bytes that were never stored there",
            found.len()
        ))
    }
}

/// Two in one: objects through the first, rows of tables through the second.
#[cfg(feature = "dynamodb")]
#[derive(Clone)]
pub(crate) struct Both<O, R> {
    pub(crate) objects: O,
    pub(crate) rows: R,
}

#[cfg(feature = "dynamodb")]
impl<O: Contender, R: Contender> Contender for Both<O, R> {
    const CUT: Duration = O::CUT;

    async fn get(&self, key: &str, tally: &Arc<Tally>) -> Right {
        if load::is_row(key) {
            self.rows.get(key, tally).await
        } else {
            self.objects.get(key, tally).await
        }
    }

    async fn put(&self, key: &str, tally: &Arc<Tally>) -> Right {
        if load::is_row(key) {
            self.rows.put(key, tally).await
        } else {
            self.objects.put(key, tally).await
        }
    }
}

/// An error with its causes, outermost first, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
