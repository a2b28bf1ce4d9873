use super::{Fault, Target, duration, target::Reach};
use crate::{endpoint::Profile, request::OpClass};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An incident as data: named phases, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The scenario's name, as `--scenario` takes it.
    pub name: String,
    /// What happened: which parts are documented, and which numbers were chosen.
    #[serde(default)]
    pub description: String,
    /// The phases, at least one.
    pub phases: Vec<Phase>,
}

/// A stretch of time during which the same rules hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// An operator's name for the phase.
    pub name: String,
    /// How long the phase lasts: `"2h49m"` in JSON.
    #[serde(with = "duration")]
    pub duration: Duration,
    /// What goes wrong. Without rules nothing goes wrong: a healthy phase.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// On what the phase and its length rest. `None`: the scenario does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}

/// On what a part of a scenario rests: an incident's account, or somebody's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Basis {
    /// The provider's own account says so.
    Documented,
    /// Others measured it from outside.
    Measured,
    /// It follows from what is documented or measured.
    Inferred,
    /// Whoever wrote the scenario chose it.
    Chosen,
}

/// One fault, and the calls that it hits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The endpoints that the rule hits. Default: every endpoint.
    #[serde(default)]
    pub target: Target,
    /// The classes of work that the rule hits. Default: all.
    #[serde(default = "all_classes")]
    pub classes: Vec<OpClass>,
    /// What goes wrong.
    pub fault: Fault,
    /// The share of those calls that the fault hits, above 0 and up to 1, drawn per call. Default: 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// On what the kind of fault rests. Its numbers are mostly chosen. `None`: the scenario does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}

fn all_classes() -> Vec<OpClass> {
    OpClass::ALL.to_vec()
}

const fn always() -> f64 {
    1.0
}

impl Rule {
    /// `fault` for every call at every endpoint.
    pub fn new(fault: Fault) -> Self {
        Self {
            target: Target::default(),
            classes: all_classes(),
            fault,
            probability: always(),
            basis: None,
        }
    }

    /// The same rule for the endpoint of this name only.
    #[must_use]
    pub fn at(mut self, endpoint: impl Into<String>) -> Self {
        self.target.endpoint = Some(endpoint.into());
        self
    }

    /// Whether the rule concerns calls of this class at this endpoint.
    pub fn concerns(&self, profile: &Profile, class: OpClass) -> bool {
        self.target.selects(profile) && self.classes.contains(&class)
    }

    /// Whether calls to this endpoint meet the fault itself. They do not meet it where the rule strikes a host that the
    /// endpoint needs for something else than its data.
    pub(super) fn strikes(&self, profile: &Profile) -> bool {
        self.target.reach(profile) == Some(Reach::Calls)
    }

    /// Whether the rule concerns every class.
    pub(super) fn covers_all_classes(&self) -> bool {
        OpClass::ALL.iter().all(|class| self.classes.contains(class))
    }

    /// Whether the rule hits every call of every class.
    pub(super) fn hits_everything(&self) -> bool {
        self.probability >= 1.0 && self.covers_all_classes()
    }
}

/// A point in the course of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment<'a> {
    /// The phase's number, counted from 0.
    pub index: usize,
    /// The phase.
    pub phase: &'a Phase,
    /// How long the phase has lasted.
    pub into: Duration,
    /// How long the phase will still last. Never zero.
    pub left: Duration,
}

impl Scenario {
    /// The sum of the phases' durations.
    pub fn duration(&self) -> Duration {
        self.phases
            .iter()
            .fold(Duration::ZERO, |sum, phase| sum.saturating_add(phase.duration))
    }

    /// The one place that all rules of the scenario strike. `None` if the rules strike several places, or any place.
    pub fn struck(&self) -> Option<&Target> {
        let mut targets = self
            .phases
            .iter()
            .flat_map(|phase| &phase.rules)
            .map(|rule| &rule.target);
        let first = targets.next().filter(|target| **target != Target::default())?;
        targets.all(|target| target == first).then_some(first)
    }

    /// The rules that strike none of these endpoints, mostly because of a typo in a target.
    pub fn not_striking(&self, places: &[Profile]) -> Vec<String> {
        let rules = self
            .phases
            .iter()
            .flat_map(|phase| phase.rules.iter().enumerate().map(move |rule| (phase, rule)));
        rules
            .filter(|(_, (_, rule))| !places.iter().any(|place| rule.target.selects(place)))
            .map(|(phase, (r, _))| {
                format!(
                    "rule {} of phase {:?} of the scenario {:?}",
                    r + 1,
                    phase.name,
                    self.name
                )
            })
            .collect()
    }

    /// The scenario's state after `elapsed`. `None` when the scenario is over. A phase includes its first instant, and
    /// ends before the first instant of the next phase.
    pub fn at(&self, elapsed: Duration) -> Option<Moment<'_>> {
        let mut into = elapsed;
        for (index, phase) in self.phases.iter().enumerate() {
            match into.checked_sub(phase.duration) {
                Some(rest) => into = rest,
                None => {
                    let left = phase.duration - into;
                    return Some(Moment {
                        index,
                        phase,
                        into,
                        left,
                    });
                }
            }
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::drill) fn scenario(durations: &[u64]) -> Scenario {
        Scenario {
            name: "s".into(),
            description: String::new(),
            phases: durations
                .iter()
                .map(|millis| Phase {
                    name: millis.to_string(),
                    duration: Duration::from_millis(*millis),
                    rules: vec![],
                    basis: None,
                })
                .collect(),
        }
    }

    #[test]
    fn a_phase_ends_where_the_next_begins() {
        let two = scenario(&[1000, 500]);
        let at = |millis| {
            two.at(Duration::from_millis(millis))
                .map(|m| (m.index, m.into.as_millis(), m.left.as_millis()))
        };
        assert_eq!(at(0), Some((0, 0, 1000)));
        assert_eq!(at(999), Some((0, 999, 1)));
        assert_eq!(at(1000), Some((1, 0, 500)));
        assert_eq!(at(1500), None);
    }

    proptest! {
        #[test]
        fn at_finds_the_phase_of_an_instant(
            durations in prop::collection::vec(1u64..100_000, 1..12),
            elapsed in 0u64..1_300_000,
        ) {
            let scenario = scenario(&durations);
            let elapsed = Duration::from_millis(elapsed);
            match scenario.at(elapsed) {
                Some(moment) => {
                    let before: Duration = scenario.phases[..moment.index].iter().map(|p| p.duration).sum();
                    prop_assert_eq!(before + moment.into, elapsed);
                    prop_assert_eq!(moment.into + moment.left, moment.phase.duration);
                    prop_assert!(!moment.left.is_zero());
                }
                None => prop_assert!(elapsed >= scenario.duration()),
            }
        }
    }
}
