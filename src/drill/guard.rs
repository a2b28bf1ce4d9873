use crate::{model::clock::Instant, stack::health::Window};
use std::{fmt, sync::Arc, time::Duration};

/// Ends a drill in production before it hurts.
///
/// A guarded [`Timeline`](super::Timeline) ends by itself after its maximum time, or when too few of the *callers'*
/// calls succeed. It ends at once when a person calls [`stop`](super::Timeline::stop). A call that a fault holds at
/// that moment goes on to the provider, as if there had been no fault. An ended drill stays ended until somebody starts
/// it again.
///
/// ```
/// use evenkeel::{Endpoint, ObjectClient, Replication, provider::Memory};
/// use evenkeel::drill::{Ended, FaultLayer, Guard, Scenario, Timeline};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Meant for virginia. Nobody noticed that it names no target: it strikes everywhere.
/// let game_day = Scenario::from_json(r#"{
///     "name": "virginia is dark", "phases": [{ "name": "all", "duration": "1h", "rules": [{ "fault": "refuse" }] }]
/// }"#)?;
/// let drill = Timeline::guarded(game_day, 7, Guard::lasting(Duration::from_secs(15 * 60)).success_floor(0.95))?;
/// let faults = drill.clone();
/// let orders = ObjectClient::builder()
///     .endpoint(Endpoint::new("virginia", Memory::new()))
///     .endpoint(Endpoint::new("ireland", Memory::new()))
///     .replication(Replication::write_once())
///     .endpoint_layer(move |profile| FaultLayer::new(faults.clone(), profile.clone()))
///     .on_call_end(drill.watch())
///     .build()?;
///
/// drill.start_now();
/// let mut hurt = 0;
/// for n in 0..100 {
///     hurt += u32::from(orders.put(format!("{n}"), "{}").await.is_err());
/// }
/// assert!(matches!(drill.ended(), Some(Ended::BelowFloor { .. })));
/// assert_eq!(hurt, 20); // the fewest that prove anything
/// # Ok(()) }
/// ```
///
/// - **What the guard observes** is the results that callers of this process got, through
///   [`watch`](super::Timeline::watch) or [`observe`](super::Timeline::observe). Without either, only expiry and `stop`
///   guard the drill. A call that its caller drops does not count. If your server gives up sooner than the client's
///   deadline, report the server's own outcomes with `observe`.
/// - **What the guard does not see**: an answer that is wrong or merely late looks like a success. Every process has a
///   guard of its own.
/// - **How the end is announced**: by [`on_end`](Self::on_end), [`Timeline::ended`](super::Timeline::ended), and a
///   warning to `tracing` (target `evenkeel`).
#[derive(Clone)]
pub struct Guard {
    pub(super) lasting: Duration,
    floor: f64,
    window: Duration,
    min_calls: u32,
    pub(super) listener: Option<Listener>,
}

type Listener = Arc<dyn Fn(&Ended) + Send + Sync>;

impl Guard {
    /// The share of calls that must succeed, unless [`success_floor`](Self::success_floor) sets another. The drill may
    /// cost callers a little: one failure among [`MIN_CALLS`](Self::MIN_CALLS) calls is not below this share.
    pub const FLOOR: f64 = 0.95;
    /// The time over which the share is computed: long enough for [`MIN_CALLS`](Self::MIN_CALLS) at one call a second.
    pub const WINDOW: Duration = Duration::from_secs(30);
    /// Fewer calls prove nothing.
    pub const MIN_CALLS: u32 = 20;

    /// A guard that ends the drill this long after each start, whatever happens.
    pub const fn lasting(lasting: Duration) -> Self {
        Self {
            lasting,
            floor: Self::FLOOR,
            window: Self::WINDOW,
            min_calls: Self::MIN_CALLS,
            listener: None,
        }
    }

    /// Ends the drill when a smaller share of the callers' calls succeeds, 0 to 1. 0 never ends the drill. Nonsense
    /// counts as 1.
    #[must_use]
    pub const fn success_floor(mut self, share: f64) -> Self {
        self.floor = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
        self
    }

    /// Sets the sliding window over which the share is computed, at least 10 ms.
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Sets the fewest calls in the window that decide anything, at least 1.
    #[must_use]
    pub const fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = if calls == 0 { 1 } else { calls };
        self
    }

    /// Sets a listener that is called with the reason when a drill ends early. The listener runs on the task that ended
    /// the drill: be quick, do not block. A panic in the listener goes no further.
    #[must_use]
    pub fn on_end(mut self, listener: impl Fn(&Ended) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }
}

impl Guard {
    /// What ends the drill, for people.
    pub(super) fn sentence(&self) -> String {
        format!(
            "after {:?}, or when less than {:.1} % of the last {:?}'s calls succeed and these are at least {}",
            self.lasting,
            self.floor * 100.0,
            self.window,
            self.min_calls
        )
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("lasting", &self.lasting)
            .field("floor", &self.floor)
            .field("window", &self.window)
            .field("min_calls", &self.min_calls)
            .finish_non_exhaustive()
    }
}

/// Why a drill ended early. `Display` is the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// Somebody called [`stop`](super::Timeline::stop).
    Stopped,
    /// The drill has lasted as long as its guard allows.
    Expired {
        /// How long the drill lasted.
        lasted: Duration,
    },
    /// Too few of the callers' calls succeeded.
    BelowFloor {
        /// The share of calls that succeeded.
        share: f64,
        /// The number of calls in the window.
        calls: u32,
        /// The share that the guard demands.
        floor: f64,
    },
    /// Something happened outside of the [cohort](super::cohort): production has trouble of its own, or its operator has
    /// given an order.
    Production {
        /// The [kind](crate::telemetry::Event::kind) of production's event.
        event: &'static str,
    },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("somebody stopped the drill"),
            Self::Expired { lasted } => write!(f, "the drill had lasted {lasted:?}, the most that its guard allows"),
            Self::BelowFloor { share, calls, floor } => write!(
                f,
                "{:.1} % of the last {calls} calls succeeded, and {:.1} % must",
                share * 100.0,
                floor * 100.0
            ),
            Self::Production { event } => write!(f, "production reported `{event}`"),
        }
    }
}

/// What a guard has seen since the start of the drill. Pure.
#[derive(Debug)]
pub(super) struct Watched {
    window: Window,
    floor: f64,
    min_calls: u32,
}

impl Watched {
    pub(super) fn new(guard: &Guard) -> Self {
        Self {
            window: Window::new(guard.window),
            floor: guard.floor,
            min_calls: guard.min_calls,
        }
    }

    /// Counts a caller's call that has ended. Returns why the drill must end, if it must.
    pub(super) fn observe(&mut self, now: Instant, success: bool) -> Option<Ended> {
        self.window.record(now, success);
        let counts = self.window.counts(now);
        let calls = counts.total();
        let share = 1.0 - counts.bad_share();
        // Of whole numbers, so that a share that equals the floor is not under it by a rounding.
        let too_few = f64::from(counts.good) < f64::from(calls) * self.floor - 1e-9;
        (calls >= self.min_calls && too_few).then_some(Ended::BelowFloor {
            share,
            calls,
            floor: self.floor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;
    use proptest::prelude::*;

    fn watched() -> Watched {
        Watched::new(&Guard::lasting(Duration::MAX))
    }

    #[test]
    fn a_success_share_at_the_floor_passes() {
        let now = clock::now();
        let mut watched = watched();
        for n in 0..20 {
            assert_eq!(watched.observe(now, n != 3), None, "{n}");
        }
        let ended = watched.observe(now, false).unwrap();
        assert_eq!(
            ended.to_string(),
            "90.5 % of the last 21 calls succeeded, and 95.0 % must"
        );
    }

    #[test]
    fn too_few_calls_end_no_drill_and_old_calls_are_forgotten() {
        let start = clock::now();
        let mut watched = watched();
        // Two seconds apart there are never twenty within thirty seconds.
        for n in 0..1_000 {
            assert_eq!(watched.observe(start + Duration::from_secs(2 * n), false), None);
        }
    }

    #[test]
    fn an_invalid_floor_is_the_strictest_and_zero_disables_it() {
        let now = clock::now();
        let of = |floor| Watched::new(&Guard::lasting(Duration::MAX).success_floor(floor).min_calls(0));
        assert!(of(f64::NAN).observe(now, false).is_some());
        assert!(of(7.0).observe(now, false).is_some());
        assert!(of(-1.0).observe(now, false).is_none());
    }

    proptest! {
        /// It ends exactly at the first call at which enough of the last ones had failed, whatever the order.
        #[test]
        fn the_guard_ends_the_drill_at_the_first_call_under_the_floor(calls in proptest::collection::vec(any::<bool>(), 1..200), floor in 0.0_f64..1.0) {
            let now = clock::now();
            let mut watched = Watched::new(&Guard::lasting(Duration::MAX).success_floor(floor));
            for (n, success) in calls.iter().enumerate() {
                let (total, good) = (n + 1, calls[..=n].iter().filter(|good| **good).count());
                let under = total >= 20 && (good as f64 / total as f64) < floor - 1e-6;
                let ended = watched.observe(now, *success).is_some();
                prop_assert!(ended == under || (good as f64 / total as f64 - floor).abs() < 1e-6);
                if ended {
                    break;
                }
            }
        }
    }
}
