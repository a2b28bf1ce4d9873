use std::time::Duration;

/// When a breaker opens, for how long, and what closes it. The defaults are where the degradation bench pointed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// So many faults in a row open it. Default 4: with 1 % of background errors that happens by chance once in 10⁸ calls.
    pub consecutive: u32,
    /// So many do at low rates (fewer than [`min_count`](Self::min_count) attempts in the window). Default 3: at 5 calls/s
    /// each further one is a second of somebody's patience.
    pub consecutive_at_low_rate: u32,
    /// This share of faults within the window opens it. Default 0.2.
    pub ratio: f64,
    /// Fewer attempts than this in the window prove no ratio. Default 10. At low rates the last so many attempts are
    /// looked at instead, as far as they are younger than 30 windows; of them [`ratio_at_low_rate`](Self::ratio_at_low_rate)
    /// must be faults.
    pub min_count: u32,
    /// See there. Default 0.3: with 1 % of background errors three of ten are faults once in 10⁴ calls.
    pub ratio_at_low_rate: f64,
    /// The window's length. Default 1 s.
    pub window: Duration,
    /// It stays open at least so long. Default 1.3 s: shorter, and a dead endpoint is probed more often than it is worth.
    pub open_min: Duration,
    /// And at most so long. Default 30 s.
    pub open_max: Duration,
    /// And for about so many calls at the recent rate. Default 60, so that probes stay under 2 % of the calls however slow
    /// the traffic.
    pub open_calls: u32,
    /// And for this share of the outage's age so far. Default 0.05: hours of outage are not probed every second.
    pub open_share_of_outage: f64,
    /// So many probes in a row must succeed. Default 3: one success is not recovery (2025).
    pub successes: u32,
    /// A recovery that lasts at least so long ends the outage: what comes after is a new one. Default 2 s.
    pub stable_after: Duration,
    /// Flap damping: at the second outage within a minute the probes must succeed over this time, at each further one over
    /// twice as long, at most [`open_max`](Self::open_max). Default 1.5 s. ("N successes over time T": in 2025 healthy nodes
    /// left and rejoined for four hours.)
    pub hold_down: Duration,
    /// The open time is multiplied by a draw from 1 ± this. Default 0.1, so that a fleet does not probe in step.
    pub jitter: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            consecutive: 4,
            consecutive_at_low_rate: 3,
            ratio: 0.2,
            min_count: 10,
            ratio_at_low_rate: 0.3,
            window: Duration::from_secs(1),
            open_min: Duration::from_millis(1_300),
            open_max: Duration::from_secs(30),
            open_calls: 60,
            open_share_of_outage: 0.05,
            successes: 3,
            stable_after: Duration::from_secs(2),
            hold_down: Duration::from_millis(1_500),
            jitter: 0.1,
        }
    }
}
