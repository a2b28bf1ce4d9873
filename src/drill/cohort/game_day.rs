use super::{Canary, Cohort};
use crate::{
    call::BuildError,
    drill::{
        Basis, Guard, InvalidScenario, Phase, PlayerKind, Rule, Scenario, Unplayable,
        report::{Criteria, InvalidCriteria, Previous},
        target::Reach,
    },
    endpoint::Profile,
};
use std::time::Duration;

/// A drill in production: what goes wrong, for whom, and what ends it.
///
/// The scenario is played between two healthy phases. In the first one the cohort's client learns how fast the
/// endpoints are, as production's client knows already; in the last one it returns. The guard's time covers all of it.
#[derive(Clone, Debug)]
pub struct GameDay {
    pub(super) scenario: Scenario,
    pub(super) cohort: Cohort,
    pub(super) guard: Guard,
    pub(super) canary: Option<Canary>,
    pub(super) lead: Duration,
    pub(super) tail: Duration,
    pub(super) criteria: Criteria,
    pub(super) previous: Option<Previous>,
}

/// Why a drill in production did not begin. Nothing has happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotStarted {
    /// One drill at a time: two would not know which of them their figures are of.
    #[error("another drill of this client is under way")]
    UnderWay,
    /// The scenario makes no sense.
    #[error("the scenario makes no sense: {0}")]
    Scenario(#[from] InvalidScenario),
    /// The fault layer cannot play the scenario at an endpoint.
    #[error("the drill cannot be played: {0}")]
    Unplayable(#[from] Unplayable),
    /// Mostly a typo in a target.
    #[error("{0} strikes none of the endpoints")]
    StrikesNothing(String),
    /// The guard would end the drill before the first fault.
    #[error("the guard allows {lasting:?}, and the first fault comes after {lead:?}")]
    NoTime {
        /// The guard's time.
        lasting: Duration,
        /// When the first fault comes.
        lead: Duration,
    },
    /// A criterion makes no sense.
    #[error("the criteria make no sense: {0}")]
    Criteria(#[from] InvalidCriteria),
    /// A number of the canaries makes no sense.
    #[error("{0}")]
    Canary(String),
    /// Production has trouble already, or its operator has given an order: no day for a drill.
    #[error("production is not as it should be: {0}")]
    Production(String),
    /// The cohort's client could not be built, although production's could.
    #[error("the cohort's client could not be built: {0}")]
    Build(#[from] BuildError),
}

impl GameDay {
    /// The healthy time before the scenario. At one call a second the client has seen the 20 calls in it that its
    /// limits are learnt from.
    pub const LEAD: Duration = Duration::from_secs(30);
    /// The healthy time after the scenario: the longest time that a breaker stays open, and as long again for probes
    /// and ramp.
    pub const TAIL: Duration = Duration::from_secs(60);

    /// This scenario for these callers, ended by this guard. With canaries.
    pub fn new(scenario: Scenario, cohort: Cohort, guard: Guard) -> Self {
        Self {
            scenario,
            cohort,
            guard,
            canary: Some(Canary::default()),
            lead: Self::LEAD,
            tail: Self::TAIL,
            criteria: Criteria::new(),
            previous: None,
        }
    }

    /// Sets how canaries are written.
    #[must_use]
    pub const fn canary(mut self, canary: Canary) -> Self {
        self.canary = Some(canary);
        self
    }

    /// Writes no canaries: whether a write is lost is then not measured.
    #[must_use]
    pub const fn without_canary(mut self) -> Self {
        self.canary = None;
        self
    }

    /// Sets what must hold for the drill to pass. Without criteria the report measures, and says neither passed nor
    /// failed. Give [their digest](Criteria::digest) away before the drill: that shows that they were not chosen
    /// afterwards.
    #[must_use]
    pub const fn criteria(mut self, criteria: Criteria) -> Self {
        self.criteria = criteria;
        self
    }

    /// Names the drill before this one in the report.
    #[must_use]
    pub fn previous(mut self, previous: Previous) -> Self {
        self.previous = Some(previous);
        self
    }

    /// Sets the healthy time before the scenario. Zero: none.
    #[must_use]
    pub const fn lead(mut self, lead: Duration) -> Self {
        self.lead = lead;
        self
    }

    /// Sets the healthy time after the scenario. Zero: none.
    #[must_use]
    pub const fn tail(mut self, tail: Duration) -> Self {
        self.tail = tail;
        self
    }

    /// The scenario with the healthy phases around it: what is played.
    pub fn played(&self) -> Scenario {
        let healthy = |name: &str, duration: Duration| {
            let phase = || Phase {
                name: name.to_owned(),
                duration,
                rules: Vec::new(),
                basis: Some(Basis::Chosen),
            };
            (!duration.is_zero()).then(phase)
        };
        let mut played = self.scenario.clone();
        let before = healthy("healthy, before", self.lead);
        let after = healthy("healthy, after", self.tail);
        played.phases = before.into_iter().chain(played.phases).chain(after).collect();
        played
    }

    /// The endpoints of which calls can meet a fault of the scenario.
    pub(super) fn struck<'p>(&self, places: &'p [Profile]) -> impl Iterator<Item = &'p Profile> {
        let rules = || self.scenario.phases.iter().flat_map(|phase| &phase.rules);
        places.iter().filter(move |place| {
            let reach = |rule: &Rule| rule.target.reach(place);
            rules().any(|rule| matches!(reach(rule), Some(Reach::Calls | Reach::Credentials)))
        })
    }

    /// Checks that the drill can be played at these endpoints.
    pub(super) fn check(&self, places: &[Profile]) -> Result<(), NotStarted> {
        self.scenario.validate()?;
        if let Some(wrong) = self.canary.as_ref().and_then(Canary::wrong) {
            return Err(NotStarted::Canary(wrong));
        }
        for place in places {
            PlayerKind::Layer.check(&self.scenario, place)?;
        }
        let is_healthy = |phase: &&Phase| phase.rules.is_empty();
        let healthy = self.scenario.phases.iter().take_while(is_healthy);
        let lead = healthy.fold(self.lead, |sum, phase| sum.saturating_add(phase.duration));
        let strikes = self.scenario.phases.iter().any(|phase| !is_healthy(&phase));
        if let Some(miss) = self.scenario.not_striking(places).into_iter().next() {
            return Err(NotStarted::StrikesNothing(miss));
        }
        if !strikes {
            return Err(NotStarted::StrikesNothing(format!(
                "the scenario {:?}",
                self.scenario.name
            )));
        }
        let lasting = self.guard.lasting;
        if lasting <= lead {
            return Err(NotStarted::NoTime { lasting, lead });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, drill::scenario::tests::scenario};

    fn day(json_rules: &str) -> GameDay {
        let json = format!(
            r#"{{ "name": "n", "phases": [
                {{ "name": "calm", "duration": "10s" }},
                {{ "name": "dark", "duration": "1m", "rules": [{json_rules}] }}
            ] }}"#
        );
        let scenario = Scenario::from_json(&json).unwrap();
        GameDay::new(
            scenario,
            Cohort::new(0.5, 1).unwrap(),
            Guard::lasting(Duration::from_secs(600)),
        )
    }

    fn here() -> [Profile; 1] {
        [Endpoint::new("here", ()).profile().clone()]
    }

    #[test]
    fn the_scenario_is_played_between_healthy_phases() {
        let names =
            |day: &GameDay| -> Vec<String> { day.played().phases.into_iter().map(|phase| phase.name).collect() };
        let day = day(r#"{ "fault": "hang" }"#);
        assert_eq!(names(&day), ["healthy, before", "calm", "dark", "healthy, after"]);
        let bare = day.lead(Duration::ZERO).tail(Duration::ZERO);
        assert_eq!(names(&bare), ["calm", "dark"]);
    }

    #[test]
    fn the_tail_is_twice_the_longest_time_that_a_breaker_stays_open() {
        let longest = crate::stack::breaker::BreakerSettings::default().open_max;
        assert_eq!(GameDay::TAIL, 2 * longest);
    }

    #[test]
    fn a_drill_that_cannot_be_is_refused() {
        let good = day(r#"{ "fault": "hang" }"#);
        good.check(&here()).unwrap();
        let refused = |day: GameDay| day.check(&here()).unwrap_err().to_string();
        let short = Guard::lasting(Duration::from_secs(40));
        assert_eq!(
            refused(GameDay {
                guard: short,
                ..good.clone()
            }),
            "the guard allows 40s, and the first fault comes after 40s"
        );
        assert_eq!(
            refused(good.clone().canary(Canary::default().every(Duration::ZERO))),
            "canary.every must lie between 50 ms and 10 min, not 0ns"
        );
        assert_eq!(
            refused(day(r#"{ "target": { "endpoint": "hree" }, "fault": "hang" }"#)),
            "rule 1 of phase \"dark\" of the scenario \"n\" strikes none of the endpoints"
        );
        let calm = GameDay {
            scenario: scenario(&[1_000]),
            ..good.clone()
        };
        assert_eq!(refused(calm), "the scenario \"s\" strikes none of the endpoints");
        let nothing = GameDay {
            scenario: scenario(&[]),
            ..good
        };
        assert_eq!(
            refused(nothing),
            "the scenario makes no sense: the scenario has no phases"
        );
    }
}
