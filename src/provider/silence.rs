//! Whether anything still answers over a resource that many requests share: an HTTP/2 connection, or a pool.

use crate::model::clock::Instant;
use std::time::Duration;

/// The resource is dead if two requests got no answer until they were given up, and nothing else answered meanwhile. A
/// slow service answers some request.
#[derive(Debug)]
pub(super) struct Silence {
    /// The time of the last answer to any request.
    heard: Option<Instant>,
    /// The number of requests that were given up since, and when the first of them began.
    given_up: Option<(usize, Instant)>,
}

impl Silence {
    /// One request may be a coincidence.
    const ENOUGH: usize = 2;
    /// A lost packet is sent again after 200 ms.
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

    /// A request that began at `since` got no answer. Returns whether nothing was heard in all that time.
    pub(super) fn given_up(&mut self, since: Instant) -> bool {
        if self.heard.is_some_and(|heard| heard >= since) {
            return false;
        }
        let (before, first) = self.given_up.unwrap_or((0, since));
        self.given_up = Some((before + 1, first.min(since)));
        true
    }

    /// Whether the resource is dead. Ask before each request, too: where another endpoint answers sooner, requests are
    /// given up too early to tell.
    pub(super) fn is_dead(&self, now: Instant) -> bool {
        self.given_up.is_some_and(|(requests, first)| {
            requests >= Self::ENOUGH && now.saturating_duration_since(first) >= Self::LASTS
        })
    }
}
