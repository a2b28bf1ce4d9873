use crate::model::bounds::{Bounded, Bounds, DAY, TICK};
use std::time::Duration;

/// When a breaker opens, for how long, and what closes it. The defaults are where the degradation bench pointed.
///
/// These rules follow from the settings and are not settings themselves:
///
/// | where | what is different |
/// |---|---|
/// | all others of the client are out | the breaker opens only after eight more faults in a row, or at a share of 80 %; few attempts prove nothing: an endpoint that does some of its work is worth more than none |
/// | a neighbour in the same domain of trouble was just left | half as many faults are enough, until an attempt goes well |
/// | nothing went well here for thirty windows, and an attempt is late | the breaker opens at once: lateness is all that is known of the endpoint |
/// | the attempts that opened the breaker were only late | the breaker stays open for a quarter of [`open_min`](Self::open_min), because the cause may have been a pause; the same again while its probes are late within the first second and ten attempts a second come |
/// | a probe failed, or a recovery did not last | for [`open_min`](Self::open_min) the success of a forced attempt says nothing: where nothing is closed, hundreds a second are forced |
/// | an outage was over within a second (from then on nothing failed) | the outage does not count as flapping |
///
/// Shares lie between 0 and 1, counts are at least 1 and at most 10,000, times are at most a day (the window: 1 ms to
/// an hour). A client refuses other values when it is built; a [`Breaker`](super::Breaker) used alone takes the
/// nearest allowed value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// This many faults in a row open the breaker. Default 4: with 1 % of background errors, chance does that once in
    /// 10⁸ calls.
    pub consecutive: u32,
    /// This many faults among the last [`min_count`](Self::min_count) attempts open the breaker at low rates: where
    /// the window holds fewer attempts than that. None of the attempts may be older than thirty windows. Default 3: at
    /// 5 calls/s each further fault costs a caller a second of patience; with 1 % of background errors three of ten
    /// are faults once in 10⁴ calls.
    pub faults_at_low_rate: u32,
    /// This share of faults within the window opens the breaker. Default 0.2.
    pub ratio: f64,
    /// Fewer attempts than this in the window prove no ratio. Default 10.
    pub min_count: u32,
    /// The window's length. Default 1 s.
    pub window: Duration,
    /// The shortest open time, except after a pause. Default 1.3 s: with a shorter one, a dead endpoint is probed more
    /// often than it is worth.
    pub open_min: Duration,
    /// The longest open time. Default 30 s.
    pub open_max: Duration,
    /// The open time lasts for about this many calls at the recent rate. Default 60, so that probes stay under 2 % of
    /// the calls, however slow the traffic.
    pub open_calls: u32,
    /// The open time lasts for this share of the outage's age so far. Default 0.05: hours of outage are not probed
    /// every second.
    pub open_share_of_outage: f64,
    /// This many probes in a row must succeed. Default 3: one success is not recovery (2025).
    pub successes: u32,
    /// A recovery that lasts at least this long ends the outage; later faults begin a new one. Default 2 s.
    pub stable_after: Duration,
    /// Flap damping. At the second outage within a minute the probes must succeed over this time. Each further outage
    /// doubles the time, up to [`open_max`](Self::open_max). Default 1.5 s. ("N successes over time T": in 2025
    /// healthy nodes left and rejoined for four hours.)
    pub hold_down: Duration,
    /// The open time is multiplied by a draw from 1 ± this. Default 0.1, so that a fleet does not probe in step.
    pub jitter: f64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            consecutive: 4,
            faults_at_low_rate: 3,
            ratio: 0.2,
            min_count: 10,
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

impl Bounded for BreakerSettings {
    fn bound(&mut self, bounds: &mut Bounds) {
        let Self {
            consecutive,
            faults_at_low_rate,
            ratio,
            min_count,
            window,
            open_min,
            open_max,
            // At any rate bounded by `open_max`.
            open_calls: _,
            open_share_of_outage,
            successes,
            stable_after,
            hold_down,
            jitter,
        } = self;
        for (name, count) in [
            ("breaker.consecutive", consecutive),
            ("breaker.faults_at_low_rate", faults_at_low_rate),
            ("breaker.min_count", min_count),
            ("breaker.successes", successes),
        ] {
            bounds.count(name, count, 1, 10_000);
        }
        for (name, share) in [
            ("breaker.ratio", ratio),
            ("breaker.open_share_of_outage", open_share_of_outage),
            ("breaker.jitter", jitter),
        ] {
            bounds.number(name, share, 0.0, 1.0);
        }
        for (name, time) in [
            ("breaker.open_min", open_min),
            ("breaker.open_max", open_max),
            ("breaker.stable_after", stable_after),
            ("breaker.hold_down", hold_down),
        ] {
            bounds.time(name, time, Duration::ZERO, DAY);
        }
        bounds.time("breaker.window", window, TICK, Duration::from_secs(3_600));
    }
}
