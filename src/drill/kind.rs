use super::{Fault, Rule, Scenario};
use crate::endpoint::Profile;

/// The players of a scenario. The [module's table](super) says what each can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlayerKind {
    /// [`FaultLayer`](super::FaultLayer).
    Layer,
    /// [`FaultProxy`](super::FaultProxy).
    Proxy,
    /// The resolver for the AWS SDK's HTTP client (features `s3` or `dynamodb`, and `drill`).
    Resolver,
}

/// A player cannot play a fault at its endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {player} cannot play `{fault}` in phase {phase:?}: {reason}")]
pub struct Unplayable {
    /// `layer`, `proxy` or `resolver`.
    pub player: &'static str,
    /// The phase's name.
    pub phase: String,
    /// The fault's name.
    pub fault: &'static str,
    /// The reason why the player cannot play the fault.
    pub reason: &'static str,
}

impl PlayerKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Proxy => "proxy",
            Self::Resolver => "resolver",
        }
    }

    /// Why this player cannot play the rule, if it cannot.
    fn cannot_play(self, rule: &Rule) -> Option<&'static str> {
        match &rule.fault {
            Fault::StaleReads if self == Self::Proxy => {
                Some("a proxy does not remember what the server answered before")
            }
            Fault::Refuse | Fault::HangConnect if self == Self::Proxy && !rule.hits_everything() => {
                Some("a port is closed for every class of work and with probability 1, or for none")
            }
            Fault::HangConnect if self == Self::Proxy && !cfg!(target_os = "linux") => {
                Some("only Linux drops a connection to a full queue")
            }
            Fault::DnsEmpty if self == Self::Resolver && !rule.covers_all_classes() => {
                Some("a look-up does not know which class of work it is for")
            }
            Fault::Refuse
            | Fault::HangConnect
            | Fault::DnsEmpty
            | Fault::Hang
            | Fault::ResetBeforeRequest
            | Fault::ResetAfterRequest
            | Fault::Status { .. }
            | Fault::Slow { .. }
            | Fault::Delay { .. }
            | Fault::Throttle { .. }
            | Fault::Drip { .. }
            | Fault::Truncate { .. }
            | Fault::StaleReads
            | Fault::Authentication { .. } => None,
        }
    }

    /// Checks that this player can play every fault that the scenario has for this endpoint.
    ///
    /// # Errors
    /// The first fault that the player cannot play. A player that skipped a fault would show a milder outage than the
    /// scenario's.
    pub fn check(self, scenario: &Scenario, profile: &Profile) -> Result<(), Unplayable> {
        for phase in &scenario.phases {
            for rule in phase.rules.iter().filter(|rule| rule.strikes(profile)) {
                let Some(reason) = self.cannot_play(rule) else {
                    continue;
                };
                return Err(Unplayable {
                    player: self.as_str(),
                    phase: phase.name.clone(),
                    fault: rule.fault.name(),
                    reason,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playing(rule: Rule, kind: PlayerKind) -> Result<(), String> {
        let mut scenario = Scenario::builtin("fastly-2021").unwrap();
        scenario.phases[0].rules = vec![rule];
        kind.check(&scenario, &Profile::new("primary"))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn an_unplayable_fault_is_named_with_its_phase() {
        assert_eq!(
            playing(Rule::new(Fault::StaleReads), PlayerKind::Proxy).unwrap_err(),
            "the proxy cannot play `stale_reads` in phase \"onset\": a proxy does not remember what the server answered before"
        );
        assert_eq!(playing(Rule::new(Fault::StaleReads), PlayerKind::Layer), Ok(()));
        let half = Rule {
            probability: 0.5,
            ..Rule::new(Fault::Refuse)
        };
        assert!(
            playing(half.clone(), PlayerKind::Proxy)
                .unwrap_err()
                .contains("`refuse`")
        );
        assert_eq!(playing(half, PlayerKind::Layer), Ok(()));
    }

    #[test]
    fn a_player_ignores_faults_for_another_endpoint() {
        let mut rule = Rule::new(Fault::StaleReads);
        rule.target.endpoint = Some("another".into());
        assert_eq!(playing(rule, PlayerKind::Proxy), Ok(()));
    }
}
