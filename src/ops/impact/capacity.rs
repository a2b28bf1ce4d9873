//! Whether the survivors can bear the load. Pure.

use super::because::Names;
use crate::{
    ops::snapshot::Snapshot,
    request::{OpClass, members},
};
use std::time::Duration;

/// The load that survivors must bear, per second.
///
/// ```
/// use evenkeel::ops::impact::Load;
/// use std::time::Duration;
///
/// let load = Load::per_second(400.0, 50.0).of(Duration::from_millis(20));
/// assert_eq!(load.reads(), 400.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    reads: f64,
    writes: f64,
    each: Option<Duration>,
}

impl Load {
    /// So many reads and listings, and so many writes, in a second.
    pub const fn per_second(reads: f64, writes: f64) -> Self {
        Self {
            reads,
            writes,
            each: None,
        }
    }

    /// The same, of which each takes this long on average. Only then does an endpoint's
    /// [`max_in_flight`](crate::Endpoint::max_in_flight) say how many calls a second it bears (Little's law: calls per
    /// second × seconds each = calls under way).
    #[must_use]
    pub const fn of(mut self, each: Duration) -> Self {
        self.each = Some(each);
        self
    }

    /// The load that a client had between two snapshots of it: all attempts, retries and hedges included. `None`: the
    /// snapshots are of different processes or clients, or not in this order.
    ///
    /// This is an average. What the survivors must bear is the load of the day's peak.
    pub fn between(earlier: &Snapshot, later: &Snapshot) -> Option<Self> {
        let lasted = later.at.checked_duration_since(earlier.at)?.as_secs_f64();
        let are_one = earlier.instance == later.instance && earlier.client == later.client;
        if !are_one || lasted <= 0.0 {
            return None;
        }
        let count = |snapshot: &Snapshot, is: fn(OpClass) -> bool| -> u64 {
            let classes = snapshot.endpoints.iter().flat_map(|endpoint| &endpoint.classes);
            classes
                .filter(|class| is(class.class))
                .map(|class| class.attempts.total())
                .sum()
        };
        let rate = |is| Some(count(later, is).checked_sub(count(earlier, is))? as f64 / lasted);
        Some(Self::per_second(
            rate(|class| class != OpClass::Write)?,
            rate(|class| class == OpClass::Write)?,
        ))
    }

    /// Reads and listings per second.
    pub const fn reads(&self) -> f64 {
        self.reads
    }

    /// Writes per second.
    pub const fn writes(&self) -> f64 {
        self.writes
    }

    fn makes_sense(&self) -> bool {
        [self.reads, self.writes]
            .iter()
            .all(|rate| rate.is_finite() && *rate >= 0.0)
    }
}

/// Whether the survivors can bear the load.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Bearing {
    /// `Some(true)`: they can. `Some(false)`: they cannot, so that some calls fail. `None`: that cannot be known.
    pub enough: Option<bool>,
    /// What was compared, in a sentence that names endpoints.
    pub because: String,
}

impl Bearing {
    /// `readers`, `writers`: the survivors that may serve reads and writes, of which all writers are readers.
    pub(crate) fn of(load: Option<Load>, (readers, writers): (u64, u64), names: Names<'_>) -> Self {
        let unknown = |because: &str| Self {
            enough: None,
            because: because.to_owned(),
        };
        let Some(load) = load else {
            return unknown("no load was given");
        };
        if !load.makes_sense() {
            return unknown("the given load is no number of calls per second");
        }
        // Where nobody takes writes, there are none to bear.
        if writers == 0 {
            return Self::compared("reads", load.reads, readers, load, names);
        }
        let all = Self::compared("calls", load.reads + load.writes, readers, load, names);
        let writes = Self::compared("writes", load.writes, writers, load, names);
        match (all.enough, writes.enough) {
            (Some(false), _) | (None, Some(true)) => all,
            (_, Some(false) | None) => writes,
            (Some(true), Some(true)) => all,
        }
    }

    fn compared(what: &str, load: f64, survivors: u64, given: Load, names: Names<'_>) -> Self {
        let mut bears = 0.0;
        let mut undeclared = 0;
        for index in members(survivors) {
            let profile = &names.0[index];
            let seconds = given.each.map(|each| each.as_secs_f64()).filter(|each| *each > 0.0);
            let in_flight = profile
                .max_in_flight()
                .zip(seconds)
                .map(|(most, each)| f64::from(most) / each);
            let declared = [profile.capacity(), in_flight].into_iter().flatten().reduce(f64::min);
            match declared {
                Some(most) => bears += most,
                None => undeclared |= crate::request::bit(index),
            }
        }
        let who = names.of(survivors);
        let enough = match bears >= load {
            true => Some(true),
            false if undeclared != 0 => None,
            false => Some(false),
        };
        let because = match enough {
            _ if survivors == 0 => format!("no endpoint is left for {load:.1} {what} a second"),
            None => {
                let quiet = names.of(undeclared);
                format!("no capacity of {quiet} was declared; the load is {load:.1} {what} a second")
            }
            Some(_) => format!("{who} bear {bears:.1} {what} a second; the load is {load:.1}"),
        };
        Self { enough, because }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, endpoint::Profile};

    fn profiles() -> Vec<Profile> {
        let bounded = Endpoint::new("a", ()).capacity(100.0);
        let in_flight = Endpoint::new("b", ()).max_in_flight(10);
        [bounded, in_flight, Endpoint::new("c", ())]
            .map(|one| one.into_parts().0)
            .to_vec()
    }

    fn bears(load: Option<Load>, readers: u64, writers: u64) -> Option<bool> {
        let profiles = profiles();
        Bearing::of(load, (readers, writers), Names(&profiles)).enough
    }

    #[test]
    fn the_survivors_capacity_is_compared_with_the_load() {
        assert_eq!(bears(Some(Load::per_second(60.0, 40.0)), 0b001, 0b001), Some(true));
        assert_eq!(bears(Some(Load::per_second(60.0, 41.0)), 0b001, 0b001), Some(false));
        assert_eq!(
            bears(Some(Load::per_second(0.0, 0.0)), 0, 0),
            Some(true),
            "nothing is borne by nobody"
        );
        assert_eq!(bears(Some(Load::per_second(1.0, 0.0)), 0, 0), Some(false));
    }

    #[test]
    fn writes_that_nobody_takes_are_no_load() {
        let mostly_writes = Some(Load::per_second(60.0, 1_000.0));
        assert_eq!(bears(mostly_writes, 0b001, 0), Some(true));
        assert_eq!(bears(mostly_writes, 0b001, 0b001), Some(false));
        assert_eq!(bears(Some(Load::per_second(101.0, 0.0)), 0b001, 0), Some(false));
    }

    #[test]
    fn what_was_not_declared_is_unknown_unless_the_others_are_enough() {
        assert_eq!(bears(Some(Load::per_second(60.0, 0.0)), 0b101, 0b101), Some(true));
        assert_eq!(bears(Some(Load::per_second(160.0, 0.0)), 0b101, 0b101), None);
        assert_eq!(
            bears(Some(Load::per_second(60.0, 40.0)), 0b101, 0b100),
            None,
            "the writer's is not declared"
        );
        assert_eq!(bears(None, 0b001, 0b001), None);
        assert_eq!(bears(Some(Load::per_second(f64::NAN, 0.0)), 0b001, 0b001), None);
        assert_eq!(bears(Some(Load::per_second(-1.0, 0.0)), 0b001, 0b001), None);
    }

    #[test]
    fn attempts_in_flight_bound_a_rate_if_their_length_is_known() {
        let load = Load::per_second(400.0, 0.0);
        assert_eq!(bears(Some(load), 0b010, 0b010), None);
        assert_eq!(
            bears(Some(load.of(Duration::from_millis(20))), 0b010, 0b010),
            Some(true)
        );
        assert_eq!(
            bears(Some(load.of(Duration::from_millis(40))), 0b010, 0b010),
            Some(false)
        );
        assert_eq!(bears(Some(load.of(Duration::ZERO)), 0b010, 0b010), None);
    }
}
