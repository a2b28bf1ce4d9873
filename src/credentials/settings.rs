use crate::model::bounds::{Bounded, Bounds, DAY, TICK, YEAR};
use std::time::Duration;

/// When credentials are fetched anew, how often that is tried, and how long a call waits for them.
///
/// Shares lie between 0 and 1; times are at most a day (a refill: 1 ms to a year), a limit is at least 1 ms; of fetches at least one is
/// banked. A [`Keeper`](super::Keeper) takes the nearest of these; a client that is given its
/// [`credentials`](crate::Endpoint::credentials) refuses others when it is built.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// They are fetched anew when this share of their life is left, 0–1. Default 0.6: whenever it begins, an outage of the
    /// token service of 35 minutes is not noticed with tokens of an hour, nor one of 14 hours with tokens of a day. (Azure's
    /// own libraries renew at half. A service that has no newer ones gives the same again, and is asked again at 0.6 of what is left.)
    pub early: f64,
    /// The moment is moved forward by a uniform draw up to this share of their life, so that a fleet that started together
    /// does not ask together. Default 0.05.
    pub jitter: f64,
    /// They count as expired this long before they are. Default 5 s: a request must arrive before, and clocks differ.
    pub margin: Duration,
    /// What one fetch may take. Default 10 s.
    pub limit: Duration,
    /// What a call waits for a fetch when there are no valid credentials; then they *could not be loaded*. Default 200 ms:
    /// below the shortest limit that the stack learns for an attempt (250 ms), so that a write is known to be unsent.
    pub patience: Duration,
    /// The same for the very first fetch. Default 900 ms, below the attempt's limit while nothing is learnt (1 s).
    pub first_patience: Duration,
    /// The cap of the wait after a fetch that failed; it doubles with each further one. Default 1 s.
    pub backoff: Duration,
    /// The cap that doubling never exceeds. Default 30 s.
    pub max_backoff: Duration,
    /// Fetches that are banked: so many may follow each other quickly. Default 5.
    pub banked: u32,
    /// One more is banked each time this has passed. Default 30 s. So in any time `t` a process asks at most
    /// `banked + t / refill` times, whatever fails: reconnect storms were the outage of 2021.
    pub refill: Duration,
    /// Seeds the jitter, for simulations. Drawn from the operating system by default.
    pub seed: Option<u64>,
}

impl Default for Settings {
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

impl Bounded for Settings {
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
