use std::time::Duration;

/// When credentials are fetched anew, how often that is tried, and how long a call waits for them.
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
