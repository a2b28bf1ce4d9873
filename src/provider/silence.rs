//! Whether anything is still heard over what many requests share: a connection of HTTP/2, or a pool.

use crate::model::clock::Instant;
use std::time::Duration;

/// Dead is what gave no answer to two requests until they were given up, and nothing else meanwhile. A service that is slow
/// answers somebody.
#[derive(Debug)]
pub(super) struct Silence {
    /// The last answer to any.
    heard: Option<Instant>,
    /// Requests that were given up since, and when the first of them was made.
    given_up: Option<(usize, Instant)>,
}

impl Silence {
    /// One may be a coincidence.
    const ENOUGH: usize = 2;
    /// A packet that was lost is sent again after 200 ms.
    const LASTS: Duration = Duration::from_millis(250);

    pub(super) const fn new() -> Self {
        Self {
            heard: None,
            given_up: None,
        }
    }

    pub(super) const fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
        self.given_up = None;
    }

    /// A request that was made then got no answer. Whether nothing was heard in all that time.
    pub(super) fn given_up(&mut self, since: Instant) -> bool {
        if self.heard.is_some_and(|heard| heard >= since) {
            return false;
        }
        let (before, first) = self.given_up.unwrap_or((0, since));
        self.given_up = Some((before + 1, first.min(since)));
        true
    }

    /// To be asked before each request, too: where another endpoint answers sooner, requests are given up too early to tell.
    pub(super) fn is_dead(&self, now: Instant) -> bool {
        self.given_up.is_some_and(|(requests, first)| {
            requests >= Self::ENOUGH && now.saturating_duration_since(first) >= Self::LASTS
        })
    }
}
