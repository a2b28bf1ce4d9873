use super::{
    Scenario,
    locate::Step::{self, Index, Key},
};
use std::fmt;

/// What makes no sense in a well-formed scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScenario {
    pub(super) path: Vec<Step>,
    pub(super) reason: String,
}

impl fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for InvalidScenario {}

impl Scenario {
    /// Checks that the scenario makes sense: at least one phase, durations above zero, probabilities above 0 and up to
    /// 1, parameters in their ranges. Every player of a scenario makes this check first.
    ///
    /// # Errors
    /// The first thing that makes no sense, with its phase and rule.
    pub fn validate(&self) -> Result<(), InvalidScenario> {
        let wrong = |path: &[Step], reason: String| {
            Err(InvalidScenario {
                path: path.to_vec(),
                reason,
            })
        };
        if self.name.trim().is_empty() {
            return wrong(&[Key("name")], "the scenario has no name".into());
        }
        if self.phases.is_empty() {
            return wrong(&[Key("phases")], "the scenario has no phases".into());
        }
        for (p, phase) in self.phases.iter().enumerate() {
            let at = [Key("phases"), Index(p)];
            let name = &phase.name;
            if name.trim().is_empty() {
                return wrong(
                    &[&at[..], &[Key("name")]].concat(),
                    format!("phase {} has no name", p + 1),
                );
            }
            if phase.duration.is_zero() {
                return wrong(
                    &[&at[..], &[Key("duration")]].concat(),
                    format!("phase {name:?} lasts no time"),
                );
            }
            for (r, rule) in phase.rules.iter().enumerate() {
                let at = [&at[..], &[Key("rules"), Index(r)]].concat();
                let found = if !(0.0..=1.0).contains(&rule.probability) {
                    let reason = format!("a probability of {} is not between 0 and 1", rule.probability);
                    Some((vec![Key("probability")], reason))
                } else if rule.probability == 0.0 {
                    let reason = "a probability of 0 strikes no call: leave the rule out".to_owned();
                    Some((vec![Key("probability")], reason))
                } else if rule.classes.is_empty() {
                    Some((
                        vec![Key("classes")],
                        "no class of work is selected: leave `classes` out for all".into(),
                    ))
                } else if let Err((field, reason)) = rule.target.check() {
                    Some((vec![Key("target"), Key(field)], reason))
                } else {
                    let field = |(field, reason)| (vec![Key("fault"), Key(rule.fault.name()), Key(field)], reason);
                    rule.fault.check().err().map(field)
                };
                if let Some((below, reason)) = found {
                    let place = format!("rule {} of phase {name:?}", r + 1);
                    return wrong(&[at, below].concat(), format!("{reason} (in {place})"));
                }
            }
        }
        Ok(())
    }
}
