//! Where the load goes, and when what happens.

use evenkeel::{
    Endpoint,
    drill::{Scenario, report::Journal},
};
use std::time::Duration;

/// How far each place lies from the client, in milliseconds of round trip: the client runs in the first region.
pub(crate) const DISTANCES: [u64; 3] = [0, 10, 12];

const SECOND: &str = "aws-eu-west-1";
const THIRD: &str = "stackit-eu01";
const TABLE: &str = "-table";

/// The three places, in order of preference. The first is the one that the incidents strike: AWS us-east-1, or, where the
/// scenario is about a place that is none of these, that place.
pub(crate) fn places(scenario: &Scenario) -> [Endpoint<()>; 3] {
    let place = |name: &str, provider: &str, region: &str, location: &str| {
        let place = Endpoint::new(name, ()).provider(provider).region(region);
        place.location(location)
    };
    let usual = [
        place("aws-us-east-1", "aws", "us-east-1", "US"),
        place(SECOND, "aws", "eu-west-1", "IE"),
        place(THIRD, "stackit", "eu01", "DE"),
    ];
    let elsewhere = scenario
        .struck()
        .filter(|struck| !usual.iter().any(|place| struck.selects(place.profile())))
        .and_then(|struck| {
            Some((
                struck.provider.as_deref()?,
                struck.region.as_deref().unwrap_or("somewhere"),
            ))
        });
    match (elsewhere, usual) {
        (Some((provider, region)), [_, second, third]) => {
            let location = match provider {
                "alibaba" => "CN",
                "ovh" => "FR",
                _ => "US",
            };
            [
                place(&format!("{provider}-{region}"), provider, region, location),
                second,
                third,
            ]
        }
        (None, usual) => usual,
    }
}

/// What a place's table is called, beside its bucket.
#[cfg(feature = "dynamodb")]
pub(crate) fn table(place: &str) -> String {
    format!("{place}{TABLE}")
}

/// The position of an endpoint by its name.
pub(crate) fn position(name: &str) -> usize {
    match name.strip_suffix(TABLE).unwrap_or(name) {
        SECOND => 1,
        THIRD => 2,
        _ => 0,
    }
}

/// Healthy time, the scenario, healthy time.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    scenario: Scenario,
    pub(crate) before: Duration,
    after: Duration,
    /// With `--report`: what is written down.
    pub(crate) journal: Option<Journal>,
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
            journal: None,
        }
    }

    pub(crate) const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// See [`places`].
    pub(crate) fn places(&self) -> [Endpoint<()>; 3] {
        places(&self.scenario)
    }

    /// What the three places are called in tables and pictures.
    pub(crate) fn labels(&self) -> [String; 3] {
        self.places().map(|place| {
            let profile = place.profile();
            let provider = match profile.provider().unwrap_or_default() {
                "azure" => "Azure",
                "alibaba" => "Alibaba",
                short => &short.to_uppercase(),
            };
            format!("{provider} {}", profile.region().unwrap_or_default())
        })
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
