use super::{InvalidScenario, Moment, PlayerKind, Rule, Scenario, Unplayable};
use crate::{
    clock::{self, Instant},
    endpoint::Profile,
    request::OpClass,
};
use std::sync::Arc;
use tokio::sync::watch;

/// A scenario and the instant at which it started: the handle that all players of one drill share.
///
/// A clone is the same drill. Nothing happens before [`start`](Self::start), nothing after the last phase, and
/// [`stop`](Self::stop) ends it early. The same seed, the same calls in the same order and the same clock give the same
/// faults.
///
/// ```
/// use evenkeel::drill::{Scenario, Timeline};
///
/// let timeline = Timeline::new(Scenario::builtin("aws-s3-2017").unwrap(), 7).unwrap();
/// assert!(timeline.now().is_none());
/// timeline.start_now();
/// assert_eq!(timeline.now().unwrap().phase.name, "index and placement restarting");
/// timeline.stop();
/// assert!(timeline.now().is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Timeline(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scenario: Option<Scenario>,
    seed: u64,
    started: watch::Sender<Option<Instant>>,
}

impl Timeline {
    /// A drill with this scenario, not started yet.
    ///
    /// # Errors
    /// If the scenario makes no sense.
    pub fn new(scenario: Scenario, seed: u64) -> Result<Self, InvalidScenario> {
        scenario.validate()?;
        Ok(Self::with(Some(scenario), seed))
    }

    /// A drill in which nothing ever happens: for the run to compare with.
    pub fn idle() -> Self {
        Self::with(None, 0)
    }

    fn with(scenario: Option<Scenario>, seed: u64) -> Self {
        Self(Arc::new(Inner {
            scenario,
            seed,
            started: watch::Sender::new(None),
        }))
    }

    /// The scenario, if there is one.
    pub fn scenario(&self) -> Option<&Scenario> {
        self.0.scenario.as_ref()
    }

    /// The first phase begins at `at`, which may lie ahead or (to begin in the midst of it) behind.
    pub fn start(&self, at: Instant) {
        self.0.started.send_replace(Some(at));
    }

    /// The first phase begins now.
    pub fn start_now(&self) {
        self.start(clock::now());
    }

    /// Everything is well again.
    pub fn stop(&self) {
        self.0.started.send_replace(None);
    }

    /// Where the scenario stands at `at`; `None` before it, after it, and when it was not started.
    pub fn at(&self, at: Instant) -> Option<Moment<'_>> {
        let started = (*self.0.started.borrow())?;
        self.0.scenario.as_ref()?.at(at.checked_duration_since(started)?)
    }

    /// [`at`](Self::at) this instant.
    pub fn now(&self) -> Option<Moment<'_>> {
        self.at(clock::now())
    }

    /// When, after `at`, other rules will hold; `None`: never, as things stand.
    pub fn next_change(&self, at: Instant) -> Option<Instant> {
        let started = (*self.0.started.borrow())?;
        if started > at {
            return Some(started);
        }
        self.at(at).and_then(|moment| at.checked_add(moment.left))
    }

    /// Whether `kind` can play this drill at this endpoint.
    ///
    /// # Errors
    /// See [`PlayerKind::check`].
    pub fn check(&self, kind: PlayerKind, profile: &Profile) -> Result<(), Unplayable> {
        self.scenario().map_or(Ok(()), |scenario| kind.check(scenario, profile))
    }

    /// The rules that hold at `at` for calls of `class` at this endpoint, each with its number within the scenario.
    pub(super) fn rules<'a>(
        &'a self,
        at: Instant,
        profile: &'a Profile,
        class: OpClass,
    ) -> impl Iterator<Item = (RuleId, &'a Rule)> {
        self.at(at).into_iter().flat_map(move |moment| {
            let numbered = moment.phase.rules.iter().enumerate();
            numbered
                .filter(move |(_, rule)| rule.concerns(profile, class))
                .map(move |(number, rule)| ((moment.index, number), rule))
        })
    }

    /// Wakes when the drill is started or stopped.
    pub(super) fn changes(&self) -> watch::Receiver<Option<Instant>> {
        self.0.started.subscribe()
    }

    /// The generator for one player at one endpoint. Each has its own stream, so that the draws of one do not depend on
    /// how busy another is.
    pub(super) fn rng(&self, player: &str, profile: &Profile) -> fastrand::Rng {
        // FNV-1a: any hash will do that is the same in every run and on every platform.
        let hash = [player, "/", profile.name()]
            .iter()
            .flat_map(|part| part.bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        fastrand::Rng::with_seed(self.0.seed ^ hash)
    }
}

/// Phase and rule, counted from 0.
pub(super) type RuleId = (usize, usize);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn starts_later_and_tells_when_things_change() {
        let minutes = |m: u64| Duration::from_secs(m * 60);
        let timeline = Timeline::new(Scenario::builtin("fastly-2021").unwrap(), 1).unwrap();
        let now = clock::now();
        assert_eq!(timeline.next_change(now), None);

        let start = now + minutes(5);
        timeline.start(start);
        assert_eq!(timeline.at(now), None);
        assert_eq!(timeline.next_change(now), Some(start));
        assert_eq!(timeline.at(start).unwrap().index, 0);
        assert_eq!(timeline.next_change(start), Some(start + minutes(49)));
        assert_eq!(timeline.at(start + minutes(49)).unwrap().index, 1);
        assert_eq!(timeline.at(start + minutes(168)), None);
        assert_eq!(timeline.next_change(start + minutes(168)), None);
    }

    #[test]
    fn nothing_happens_in_an_idle_drill() {
        let idle = Timeline::idle();
        idle.start_now();
        assert_eq!(idle.now(), None);
        assert_eq!(idle.check(PlayerKind::Proxy, &Profile::named("x")), Ok(()));
    }

    #[test]
    fn players_draw_from_streams_of_their_own() {
        let timeline = Timeline::idle();
        let draw = |player: &str, name: &str| timeline.rng(player, &Profile::named(name)).u64(..);
        assert_eq!(draw("layer", "a"), draw("layer", "a"));
        assert_ne!(draw("layer", "a"), draw("layer", "b"));
        assert_ne!(draw("layer", "a"), draw("proxy", "a"));
    }
}
