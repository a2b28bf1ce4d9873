//! Where the load goes, and when what happens.

use evenkeel::{Endpoint, drill::Scenario};
use std::time::Duration;

/// How far each place lies from the client, in milliseconds of round trip: the client runs in the first region.
pub(crate) const DISTANCES: [u64; 3] = [0, 10, 12];

/// What the three places are called in tables and pictures.
pub(crate) const LABELS: [&str; 3] = ["AWS us-east-1", "AWS eu-west-1", "STACKIT eu01"];

/// The three places, in order of preference. The first is the one that the incidents strike.
pub(crate) fn places() -> [Endpoint<()>; 3] {
    [
        Endpoint::new("aws-us-east-1", ()).provider("aws").region("us-east-1"),
        Endpoint::new("aws-eu-west-1", ()).provider("aws").region("eu-west-1"),
        Endpoint::new("stackit-eu01", ()).provider("stackit").region("eu01"),
    ]
}

/// The position of an endpoint by its name.
pub(crate) fn position(name: &str) -> Option<usize> {
    places().iter().position(|place| place.profile().name() == name)
}

/// Healthy time, the scenario, healthy time.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    scenario: Scenario,
    pub(crate) before: Duration,
    after: Duration,
}

/// One phase in the run's own time.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) name: String,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    pub(crate) faulty: bool,
}

impl Course {
    pub(crate) const fn new(scenario: Scenario, before: Duration, after: Duration) -> Self {
        Self {
            scenario,
            before,
            after,
        }
    }

    pub(crate) const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    pub(crate) fn name(&self) -> &str {
        &self.scenario.name
    }

    /// How long calls are made.
    pub(crate) fn total(&self) -> Duration {
        self.before + self.scenario.duration() + self.after
    }

    /// The scenario's phases.
    pub(crate) fn phases(&self) -> Vec<Stretch> {
        let mut from = self.before;
        let phases = self.scenario.phases.iter().map(|phase| {
            let stretch = Stretch {
                name: phase.name.clone(),
                from,
                to: from + phase.duration,
                faulty: !phase.rules.is_empty(),
            };
            from = stretch.to;
            stretch
        });
        phases.collect()
    }

    /// The phase at this time of the run.
    pub(crate) fn phase_at(&self, at: Duration) -> String {
        let phases = self.phases();
        match phases.iter().find(|phase| phase.from <= at && at < phase.to) {
            Some(phase) => phase.name.clone(),
            None if at < self.before => "all is well".to_owned(),
            None => "all is well again".to_owned(),
        }
    }

    /// From the start of the first faulty phase to the end of the last.
    pub(crate) fn trouble(&self) -> Option<(Duration, Duration)> {
        let phases = self.phases();
        let mut faulty = phases.iter().filter(|phase| phase.faulty);
        let first = faulty.next()?;
        Some((first.from, faulty.next_back().unwrap_or(first).to))
    }
}
