use super::{Criteria, Verdict, record::digest};
use crate::{drill::Scenario, endpoint::Profile, telemetry::millis};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What will be done, and what must hold: everything that is fixed before the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The scenario, at the length at which it is played.
    pub scenario: Scenario,
    /// How long the scenario is uncompressed, in milliseconds.
    pub true_length_ms: u64,
    /// Seeds the faults, and what else the producer draws.
    pub seed: u64,
    /// What the drill is played on.
    pub scope: Scope,
    /// How the client is built.
    pub configuration: Configuration,
    /// What must hold.
    pub criteria: Criteria,
    /// The drill before this one, if it was named.
    pub previous: Option<Previous>,
}

impl Plan {
    /// A plan for this scenario at its own length, without a configuration and a previous drill.
    pub fn new(scenario: Scenario, seed: u64, scope: Scope, criteria: Criteria) -> Self {
        Self {
            true_length_ms: millis(scenario.duration()),
            scenario,
            seed,
            scope,
            configuration: Configuration::default(),
            criteria,
            previous: None,
        }
    }

    /// Says that the scenario was [compressed](Scenario::compressed), and how long it is otherwise.
    #[must_use]
    pub fn true_length(mut self, length: Duration) -> Self {
        self.true_length_ms = millis(length);
        self
    }

    /// Says how the client is built.
    #[must_use]
    pub fn configuration(mut self, configuration: Configuration) -> Self {
        self.configuration = configuration;
        self
    }

    /// Names the drill before this one.
    #[must_use]
    pub fn previous(mut self, previous: Previous) -> Self {
        self.previous = Some(previous);
        self
    }
}

/// What a drill is played on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scope {
    /// Where the calls and the faults are real.
    pub setting: Setting,
    /// Which client, which callers, which load. For people.
    pub what: String,
    /// The share of the callers that the drill concerns, 0 to 1. `None`: all of them.
    pub share: Option<f64>,
}

/// Where the calls and the faults are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Setting {
    /// Stores in memory, and virtual time.
    Simulation,
    /// Real sockets and real time; the stores stand for the provider's.
    Loopback,
    /// The provider's own stores, and calls of real callers.
    Production,
}

impl Scope {
    /// Stores in memory, and virtual time.
    pub fn simulation(what: impl Into<String>) -> Self {
        Self::new(Setting::Simulation, what)
    }

    /// Real sockets on one host.
    pub fn loopback(what: impl Into<String>) -> Self {
        Self::new(Setting::Loopback, what)
    }

    /// The provider's own stores, and calls of real callers.
    pub fn production(what: impl Into<String>) -> Self {
        Self::new(Setting::Production, what)
    }

    fn new(setting: Setting, what: impl Into<String>) -> Self {
        Self {
            setting,
            what: what.into(),
            share: None,
        }
    }

    /// Says which share of the callers the drill concerns.
    #[must_use]
    pub const fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }
}

/// How the client is built, in lines for people. The digest tells whether two drills tried the same.
///
/// No secret may be in it: it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Configuration {
    lines: Vec<(String, String)>,
}

impl Configuration {
    /// No line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line, such as `replication` and `write once`.
    #[must_use]
    pub fn line(mut self, what: impl Into<String>, how: impl Into<String>) -> Self {
        self.lines.push((what.into(), how.into()));
        self
    }

    /// Adds what is declared of an endpoint.
    #[must_use]
    pub fn endpoint(self, profile: &Profile) -> Self {
        let declared = [
            ("provider", profile.provider()),
            ("region", profile.region()),
            ("location", profile.location()),
        ];
        let declared = declared
            .iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", (*value)?)));
        let declared: Vec<_> = declared.collect();
        self.line(format!("endpoint {}", profile.name()), declared.join(", "))
    }

    /// The lines, in their order.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(what, how)| (what.as_str(), how.as_str()))
    }

    /// SHA-256 of the lines as JSON.
    pub fn digest(&self) -> String {
        digest(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The drill before this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Previous {
    /// Its scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// How it went.
    pub verdict: Verdict,
    /// The digest of its last record: which drill it was.
    pub head: String,
}
