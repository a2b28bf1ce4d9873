use super::{
    Ended, Fault, Guard, InvalidScenario, Moment, Phase, PlayerKind, Rule, Scenario, Unplayable,
    guard::Watched,
    target::Reach,
    tokens::{Lost, Tokens},
};
use crate::{
    endpoint::Profile,
    model::clock::{self, Instant},
    request::OpClass,
    telemetry::CallEnd,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// A scenario and the instant of its start: the handle that all players of one drill share.
///
/// A clone is the same drill. Nothing happens before [`start`](Self::start) and after the last phase.
/// [`stop`](Self::stop) ends the drill early. The same seed, the same calls in the same order and the same clock give
/// the same faults.
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
    guard: Option<Guard>,
    /// A rule that strikes none of the endpoints fails every call.
    must_strike: bool,
    /// The endpoints at which the drill is played.
    places: Mutex<Vec<Profile>>,
    /// What a call meets whose endpoint refuses its credentials.
    refused: Rule,
    tokens: Mutex<Tokens>,
    /// How many requests met a fault, in all runs.
    met: AtomicU64,
    /// Changed only under `past`'s lock, so that an end cannot hit the next run.
    run: watch::Sender<Option<Run>>,
    past: Mutex<Past>,
}

/// One start of a drill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    started: Instant,
    /// How much of the drill lay in the past when the run was started.
    skipped: Duration,
    /// When the run ends, whatever happens.
    pub(super) expires: Option<Instant>,
}

/// What is known of the latest run.
#[derive(Debug, Default)]
struct Past {
    watched: Option<Watched>,
    ended: Option<Ended>,
}

impl Inner {
    fn new(scenario: Option<Scenario>, seed: u64, guard: Option<Guard>) -> Self {
        Self {
            scenario,
            seed,
            guard,
            must_strike: false,
            places: Mutex::default(),
            refused: Rule::new(Fault::Authentication {
                s3_code: "ExpiredToken".into(),
            }),
            tokens: Mutex::default(),
            met: AtomicU64::new(0),
            run: watch::Sender::new(None),
            past: Mutex::default(),
        }
    }
}

impl Timeline {
    /// A drill with this scenario, which has not started.
    ///
    /// # Errors
    /// If the scenario makes no sense.
    pub fn new(scenario: Scenario, seed: u64) -> Result<Self, InvalidScenario> {
        scenario.validate()?;
        Ok(Self::with(Some(scenario), seed, None))
    }

    /// A drill for production. The guard ends the drill before it hurts.
    ///
    /// # Errors
    /// If the scenario makes no sense.
    pub fn guarded(scenario: Scenario, seed: u64, guard: Guard) -> Result<Self, InvalidScenario> {
        scenario.validate()?;
        Ok(Self::with(Some(scenario), seed, Some(guard)))
    }

    /// One rule for a test: a drill that has started, and lasts a year. Its seed is 0. If the rule is for an endpoint at
    /// which no [`FaultLayer`](super::FaultLayer) of this drill plays, mostly because of a typo, every call through such
    /// a layer fails as [`Unsupported`](crate::ErrorKind::Unsupported).
    ///
    /// # Errors
    /// If the rule makes no sense.
    pub fn always(rule: Rule) -> Result<Self, InvalidScenario> {
        let year = Duration::from_secs(365 * 86_400);
        let name = || rule.fault.name().to_owned();
        let scenario = Scenario {
            name: name(),
            description: String::new(),
            phases: vec![Phase {
                name: name(),
                duration: year,
                rules: vec![rule],
                basis: None,
            }],
        };
        scenario.validate()?;
        let timeline = Self(Arc::new(Inner {
            must_strike: true,
            ..Inner::new(Some(scenario), 0, None)
        }));
        timeline.start_now();
        Ok(timeline)
    }

    /// A drill in which nothing ever happens, to compare other runs with.
    pub fn idle() -> Self {
        Self::with(None, 0, None)
    }

    fn with(scenario: Option<Scenario>, seed: u64, guard: Option<Guard>) -> Self {
        Self(Arc::new(Inner::new(scenario, seed, guard)))
    }

    /// The scenario, if there is one.
    pub fn scenario(&self) -> Option<&Scenario> {
        self.0.scenario.as_ref()
    }

    /// Starts the first phase at `at`. The instant may lie in the future, or in the past to begin in the middle of the
    /// scenario. A guard begins anew. A warning names each rule that strikes none of the endpoints at which the drill
    /// is played.
    pub fn start(&self, at: Instant) {
        for rule in self.misses() {
            tracing::warn!(target: "evenkeel", "{rule} strikes none of the endpoints at which the drill is played");
        }
        let guard = self.0.guard.as_ref();
        let now = clock::now();
        let begins = at.max(now);
        let mut past = self.past();
        *past = Past {
            watched: guard.map(Watched::new),
            ended: None,
        };
        self.tokens().clear();
        self.0.run.send_replace(Some(Run {
            started: at,
            skipped: now.saturating_duration_since(at),
            expires: guard.and_then(|guard| begins.checked_add(guard.lasting)),
        }));
    }

    /// Starts the first phase now.
    pub fn start_now(&self) {
        self.start(clock::now());
    }

    /// Ends all faults at once: a call that a fault holds in the layer goes on to the provider.
    pub fn stop(&self) {
        self.end_because(Ended::Stopped);
    }

    /// Why the latest run ended early. `None` while the run is under way, and after a run that reached its end.
    pub fn ended(&self) -> Option<Ended> {
        self.end_if_expired(clock::now());
        self.past().ended
    }

    /// Reports to the [`Guard`] whether a caller's call succeeded. The guard ends the drill when too few calls succeed.
    /// For evenkeel's own clients, [`watch`](Self::watch) makes the reports.
    pub fn observe(&self, success: bool) {
        // Most of the time there is no drill, which costs a look.
        let now = clock::now();
        if self.0.guard.is_none() || self.end_if_expired(now) || self.at(now).is_none() {
            return;
        }
        self.end(|past, _| {
            past.ended = past.watched.as_mut()?.observe(now, success);
            past.ended.map(Some)
        });
    }

    /// A listener for a [`Guard`] that a client calls at each call's end: pass it to the client builder's
    /// `on_call_end`. It leaves out a call that [says nothing](CallEnd::went_well).
    pub fn watch(&self) -> impl Fn(&CallEnd) + Send + Sync + 'static + use<> {
        let timeline = self.clone();
        move |end| {
            if let Some(success) = end.went_well() {
                timeline.observe(success);
            }
        }
    }

    /// Whether the run under way is not over yet: it was started, or will be, and has not ended.
    pub(super) fn is_under_way(&self, now: Instant) -> bool {
        let lies_ahead = self.0.run.borrow().is_some_and(|run| run.started > now);
        lies_ahead || self.at(now).is_some()
    }

    /// Ends the run under way for this reason.
    pub(super) fn end_because(&self, why: Ended) {
        let now = clock::now();
        self.end(|past, _| {
            past.ended = self.is_under_way(now).then_some(why);
            Some(past.ended)
        });
    }

    /// Waits for the end of the run under way, whatever ends it.
    pub(super) async fn over(&self) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            let now = clock::now();
            if self.end_if_expired(now) || !self.is_under_way(now) {
                return;
            }
            let Some(next) = self.next_change(now) else { return };
            let change = std::pin::pin!(changes.changed());
            futures_util::future::select(change, std::pin::pin!(tokio::time::sleep_until(next))).await;
        }
    }

    /// Ends the run if it has lasted as long as it may by `now`. Returns whether it has. Tasks that wait for the end
    /// are woken.
    pub(super) fn end_if_expired(&self, now: Instant) -> bool {
        let expired = |run: &Run| run.expires.is_some_and(|at| at <= now);
        if !self.0.run.borrow().as_ref().is_some_and(expired) {
            return false;
        }
        self.end(|past, run| {
            let lasted = self.0.guard.as_ref()?.lasting;
            let expires = run.expires.filter(|at| *at <= now)?;
            // One that had played to its end by then was not ended.
            let unfinished = self
                .0
                .scenario
                .as_ref()?
                .at(expires.saturating_duration_since(run.started));
            past.ended = unfinished.is_some().then_some(Ended::Expired { lasted });
            Some(past.ended)
        });
        true
    }

    /// Ends the run under way if `decide` says so, and announces the reason if `decide` gives one.
    fn end(&self, decide: impl FnOnce(&mut Past, &Run) -> Option<Option<Ended>>) {
        let why = {
            let mut past = self.past();
            let Some(run) = *self.0.run.borrow() else { return };
            let Some(why) = decide(&mut past, &run) else { return };
            self.0.run.send_replace(None);
            why
        };
        if let (Some(why), Some(guard), Some(scenario)) = (why, &self.0.guard, self.scenario()) {
            tracing::warn!(target: "evenkeel", "the drill `{}` was ended: {why}", scenario.name);
            if let Some(listener) = &guard.listener {
                crate::telemetry::aside(|| listener(&why));
            }
        }
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.0.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The scenario's state at `at`. `None` before the start, after the end, if the drill was not started, and if it
    /// has expired.
    pub fn at(&self, at: Instant) -> Option<Moment<'_>> {
        let run = (*self.0.run.borrow())?;
        if run.expires.is_some_and(|expires| expires <= at) {
            return None;
        }
        self.0.scenario.as_ref()?.at(at.checked_duration_since(run.started)?)
    }

    /// The state [`at`](Self::at) this instant.
    pub fn now(&self) -> Option<Moment<'_>> {
        self.at(clock::now())
    }

    /// When, after `at`, other rules will apply. `None`: never, unless the drill is started or stopped.
    pub fn next_change(&self, at: Instant) -> Option<Instant> {
        let run = (*self.0.run.borrow())?;
        if run.started > at {
            return Some(run.started);
        }
        let change = self.at(at).and_then(|moment| at.checked_add(moment.left))?;
        Some(run.expires.map_or(change, |expires| change.min(expires)))
    }

    /// Checks that `kind` can play this drill at this endpoint.
    ///
    /// # Errors
    /// See [`PlayerKind::check`].
    pub fn check(&self, kind: PlayerKind, profile: &Profile) -> Result<(), Unplayable> {
        self.scenario().map_or(Ok(()), |scenario| kind.check(scenario, profile))
    }

    /// Whether the drill ever makes connecting to this endpoint hang.
    pub(super) fn stalls(&self, profile: &Profile) -> bool {
        let rules = self.scenario().into_iter().flat_map(|scenario| &scenario.phases);
        let mut rules = rules.flat_map(|phase| &phase.rules);
        rules.any(|rule| rule.fault == Fault::HangConnect && rule.strikes(profile))
    }

    /// The rules that strike none of the endpoints at which the drill is played. Empty if the drill is played nowhere.
    fn misses(&self) -> Vec<String> {
        let places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(scenario) = self.scenario().filter(|_| !places.is_empty()) else {
            return Vec::new();
        };
        scenario.not_striking(&places)
    }

    /// The rule of a test that strikes none of the endpoints at which the drill is played, and their names.
    pub(super) fn strikes_nowhere(&self) -> Option<String> {
        let rule = self.0.must_strike.then(|| self.misses())?.pop()?;
        let places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<_> = places.iter().map(Profile::name).collect();
        Some(format!("{rule} strikes none of the endpoints: {}", names.join(", ")))
    }

    /// The rules that apply at `at` to calls of `class` at this endpoint, each with its number within the scenario. A
    /// rule that takes away the source of the endpoint's credentials applies as a refusal of the credentials, once they
    /// have expired.
    pub(super) fn rules<'a>(
        &'a self,
        at: Instant,
        profile: &'a Profile,
        class: OpClass,
    ) -> impl Iterator<Item = (RuleId, &'a Rule)> {
        self.at(at).into_iter().flat_map(move |moment| {
            let numbered = moment.phase.rules.iter().enumerate();
            numbered.filter_map(move |(number, rule)| {
                let id = (moment.index, number);
                match rule.target.reach(profile).filter(|_| rule.classes.contains(&class))? {
                    Reach::Calls => Some((id, rule)),
                    Reach::Credentials => self.are_refused(at, id, profile).then_some((id, &self.0.refused)),
                    Reach::Nothing => None,
                }
            })
        })
    }

    /// Whether this rule has kept tokens from this endpoint for so long that none is valid at `at`. The loss of a host
    /// goes on through phases that follow each other.
    fn are_refused(&self, at: Instant, (phase, rule): RuleId, profile: &Profile) -> bool {
        let (Some(scenario), Some(run)) = (self.scenario(), *self.0.run.borrow()) else {
            return false;
        };
        let target = &scenario.phases[phase].rules[rule].target;
        let keeps_tokens = |rule: &Rule| rule.target == *target && rule.probability >= 1.0 && rule.fault.keeps_tokens();
        let is_lost = |phase: &usize| scenario.phases[*phase].rules.iter().any(keeps_tokens);
        let Some(first) = (0..=phase).rev().take_while(is_lost).last() else {
            return false;
        };
        let before = scenario.phases[..first]
            .iter()
            .map(|phase| phase.duration)
            .sum::<Duration>();
        let lost = Lost {
            endpoint: profile.name().to_owned(),
            host: target.host.clone(),
            began: run.started + before,
        };
        self.tokens().have_expired(lost, profile, at, run.skipped)
    }

    /// A request meets a fault.
    pub(super) fn note_met(&self) {
        self.0.met.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests met a fault in the fault layer, in all runs.
    pub(super) fn met(&self) -> u64 {
        self.0.met.load(Ordering::Relaxed)
    }

    /// Wakes when the drill is started or stopped.
    pub(super) fn changes(&self) -> watch::Receiver<Option<Run>> {
        self.0.run.subscribe()
    }

    /// The generator of one player at one endpoint. Each player has a stream of its own, so that its draws do not
    /// depend on how busy another player is.
    pub(super) fn rng(&self, player: &str, profile: &Profile) -> fastrand::Rng {
        let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        if !places.iter().any(|place| place.name() == profile.name()) {
            places.push(profile.clone());
        }
        drop(places);
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
    async fn a_timeline_starts_later_and_knows_its_next_change() {
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

    #[tokio::test(start_paused = true)]
    async fn an_expiry_counts_as_a_change() {
        let minute = Duration::from_secs(60);
        let scenario = Scenario::builtin("fastly-2021").unwrap();
        let timeline = Timeline::guarded(scenario, 1, Guard::lasting(minute)).unwrap();
        let now = clock::now();
        timeline.start(now);
        assert_eq!(timeline.next_change(now), Some(now + minute));
        assert!(timeline.at(now + minute - Duration::from_nanos(1)).is_some());
        assert_eq!(timeline.at(now + minute), None);
        assert_eq!(timeline.next_change(now + minute), None);
    }

    #[test]
    fn an_idle_timeline_plays_nothing() {
        let idle = Timeline::idle();
        idle.start_now();
        assert_eq!(idle.now(), None);
        assert_eq!(idle.check(PlayerKind::Proxy, &Profile::new("x")), Ok(()));
    }

    #[test]
    fn a_rule_that_matches_no_endpoint_is_warned_of() {
        let timeline = Timeline::new(
            Scenario::from_json(
                r#"{ "name": "typo", "phases": [{ "name": "dark", "duration": "1h", "rules": [
                    { "target": { "region": "us-east-1" }, "fault": "hang" },
                    { "target": { "region": "us-esat-1" }, "fault": "refuse" }
                ] }] }"#,
            )
            .unwrap(),
            1,
        )
        .unwrap();
        assert!(timeline.misses().is_empty(), "nobody plays it yet");
        let virginia = crate::Endpoint::new("virginia", ()).region("us-east-1");
        timeline.rng("layer", virginia.profile());
        assert_eq!(timeline.misses(), ["rule 2 of phase \"dark\" of the scenario \"typo\""]);
    }

    #[test]
    fn each_player_has_its_own_random_stream() {
        let timeline = Timeline::idle();
        let draw = |player: &str, name: &str| timeline.rng(player, &Profile::new(name)).u64(..);
        assert_eq!(draw("layer", "a"), draw("layer", "a"));
        assert_ne!(draw("layer", "a"), draw("layer", "b"));
        assert_ne!(draw("layer", "a"), draw("proxy", "a"));
    }
}
