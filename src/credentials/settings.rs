use crate::model::bounds::{Bounded, Bounds, DAY, TICK, YEAR};
use std::time::Duration;

/// When credentials are fetched anew, how often a keeper tries, and how long a call waits for them.
///
/// Shares lie between 0 and 1. Times are at most a day (a refill: 1 ms to a year); a limit is at least 1 ms. At least
/// one fetch is banked. A [`Keeper`](super::Keeper) takes the nearest valid values; a client that is given the keeper
/// as its [`credentials`](crate::Endpoint::credentials) refuses invalid values when it is built.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeeperSettings {
    /// Credentials are fetched anew when this share of their life is left, 0–1. Default 0.6: whenever an outage of the
    /// token service begins, 35 minutes of it go unnoticed with tokens of an hour, and 14 hours with tokens of a day.
    /// (Azure's own libraries renew at half. If a service has no newer tokens, it returns the same again, and the
    /// keeper asks again at 0.6 of the life that is left.)
    pub early: f64,
    /// A uniform draw up to this share of their life moves the fetch forward, so that a fleet that started together
    /// does not ask together. Default 0.05.
    pub jitter: f64,
    /// Credentials count as expired this long before they expire. Default 5 s: a request must arrive before, and clocks
    /// differ.
    pub margin: Duration,
    /// How long one fetch may take. Default 10 s.
    pub limit: Duration,
    /// How long a call without valid credentials waits for a fetch; after that the credentials *could not be loaded*.
    /// Default 200 ms: below the shortest limit that the stack learns for an attempt (250 ms), so that a write is known
    /// to be unsent.
    pub patience: Duration,
    /// How long a call waits for the very first fetch. Default 900 ms, below the attempt's limit while nothing is
    /// learnt (1 s).
    pub first_patience: Duration,
    /// The cap of the wait after a failed fetch; each further failure doubles the cap. Default 1 s.
    pub backoff: Duration,
    /// The highest cap that doubling reaches. Default 30 s.
    pub max_backoff: Duration,
    /// How many fetches are banked: this many may follow each other quickly. Default 5.
    pub banked: u32,
    /// How long until one more fetch is banked. Default 30 s. In any time `t` a process thus asks at most
    /// `banked + t / refill` times, whatever fails: reconnect storms were the outage of 2021.
    pub refill: Duration,
    /// Seeds the jitter, for simulations. By default the seed comes from the operating system.
    pub seed: Option<u64>,
}

impl Default for KeeperSettings {
    fn default() -> Self {
        Self {
            early: 0.6,
            jitter: 0.05,
            margin: Duration::from_secs(5),
            limit: Duration::from_secs(10),
            patience: Duration::from_millis(200),
            first_patience: Duration::from_millis(900),
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            banked: 5,
            refill: Duration::from_secs(30),
            seed: None,
        }
    }
}

impl Bounded for KeeperSettings {
    fn bound(&mut self, bounds: &mut Bounds) {
        let Self {
            early,
            jitter,
            margin,
            limit,
            patience,
            first_patience,
            backoff,
            max_backoff,
            banked,
            refill,
            seed: _,
        } = self;
        bounds.number("credentials.early", early, 0.0, 1.0);
        bounds.number("credentials.jitter", jitter, 0.0, 1.0);
        bounds.time("credentials.limit", limit, TICK, DAY);
        for (name, time) in [
            ("credentials.margin", margin),
            ("credentials.patience", patience),
            ("credentials.first_patience", first_patience),
            ("credentials.backoff", backoff),
            ("credentials.max_backoff", max_backoff),
        ] {
            bounds.time(name, time, Duration::ZERO, DAY);
        }
        bounds.count("credentials.banked", banked, 1, u32::MAX);
        bounds.time("credentials.refill", refill, TICK, YEAR);
    }
}
