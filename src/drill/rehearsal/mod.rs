//! Plays each loss to a client over stores in memory, and compares it with the prediction.

mod stage;
#[cfg(test)]
mod tests;
mod worlds;

use super::{CREDENTIALS_LAST, Phase, Scenario, Timeline, target::Reach};
use crate::{
    BuildError, Replication,
    endpoint::{Constraints, Profile},
    model::clock,
    ops::impact::{ClientImpact, Effect, Loss, Operation},
};
use stage::{Kind, Setup};
use std::{collections::BTreeMap, fmt, time::Duration};

/// Plays what fails if X fails, for endpoints of your own: a real client, its stores in memory, and the loss as a
/// scenario.
///
/// [`impact`](crate::ops::impact) predicts what a loss takes down. The rehearsal plays the loss and watches what
/// becomes of reads, listings, writes and deletes. Then it says where play and prediction differ; they share no code.
/// Your stores are not asked. Hand in what the endpoints declare, and the client's replication and constraints:
///
/// ```
/// use evenkeel::drill::Rehearsal;
/// use evenkeel::ops::impact::{Effect, Loss, Operation};
/// use evenkeel::{Endpoint, Replication};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), evenkeel::BuildError> {
/// let endpoints = [
///     Endpoint::new("virginia", ()).provider("aws").region("us-east-1"),
///     Endpoint::new("ireland", ()).provider("aws").region("eu-west-1").read_only(),
/// ];
/// let profiles = endpoints.map(|endpoint| endpoint.into_parts().0);
/// let rehearsed = Rehearsal::of_objects(profiles).replication(Replication::provider_managed()).run().await?;
/// assert!(rehearsed.differences.is_empty());
///
/// let virginia = Loss::region("aws", "us-east-1");
/// let played = |operation| rehearsed.played.iter().find(|one| one.loss == virginia && one.operation == operation);
/// assert_eq!(played(Operation::Read).unwrap().now, Effect::GoesOnStale);
/// assert_eq!(played(Operation::Write).unwrap().now, Effect::Ends);
/// # Ok(()) }
/// ```
///
/// - **What was not declared** is played both ways: with the endpoint where the loss is, and with it elsewhere. If that
///   makes a difference, the play's word is *unknown*.
/// - **Later** is a drill that began before the longest-lived credentials were fetched. What a keeper holds at this
///   moment counts.
/// - **What is watched** is the client that has found out: each endpoint has been read from before the loss, as probes do in
///   the background, and breakers have opened since. The first calls after a loss may fail.
/// - **Capacity** is not played: the endpoints bear any load.
/// - The stores keep all conditions. A store of yours that does not makes creates and conditional writes end earlier.
/// - In a test with paused time a rehearsal takes milliseconds. In real time each operation that ends takes half a
///   second, for each loss.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    setup: Setup,
}

/// What a rehearsal found. `Display` is Markdown.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rehearsed {
    /// What was predicted.
    pub predicted: ClientImpact,
    /// What happened in the play.
    pub played: Vec<Played>,
    /// Where they differ. Empty: nowhere.
    pub differences: Vec<Difference>,
}

/// What became of one operation in the play of one loss.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Played {
    /// What was lost.
    pub loss: Loss,
    /// The operation.
    pub operation: Operation,
    /// What became of it at once.
    pub now: Effect,
    /// What became of it after the credentials had expired.
    pub later: Effect,
}

/// A difference between prediction and play.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What was lost.
    pub loss: Loss,
    /// The operation.
    pub operation: Operation,
    /// At once, or later.
    pub when: When,
    /// What was predicted.
    pub predicted: Effect,
    /// What happened in the play.
    pub played: Effect,
}

/// The time after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// At once.
    Now,
    /// After the credentials have expired that cannot be renewed.
    Later,
}

impl Rehearsal {
    /// A rehearsal of an [`ObjectClient`](crate::ObjectClient) with these endpoints.
    pub fn of_objects(endpoints: impl IntoIterator<Item = Profile>) -> Self {
        Self::of(Kind::Objects, endpoints)
    }

    /// A rehearsal of a [`KvClient`](crate::KvClient) with these endpoints.
    pub fn of_tables(endpoints: impl IntoIterator<Item = Profile>) -> Self {
        Self::of(Kind::Tables, endpoints)
    }

    /// A rehearsal of a [`Failover`](crate::Failover) with these endpoints.
    pub fn of_calls(endpoints: impl IntoIterator<Item = Profile>) -> Self {
        Self::of(Kind::Calls, endpoints)
    }

    fn of(kind: Kind, endpoints: impl IntoIterator<Item = Profile>) -> Self {
        Self {
            setup: Setup {
                kind,
                profiles: endpoints.into_iter().collect(),
                replication: None,
                constraints: Constraints::new(),
                seed: 0,
            },
        }
    }

    /// Sets the client's replication. A [`Failover`](crate::Failover) has none.
    #[must_use]
    pub fn replication(mut self, replication: Replication) -> Self {
        self.setup.replication = Some(replication);
        self
    }

    /// Sets the client's constraints.
    #[must_use]
    pub fn constraints(mut self, constraints: Constraints) -> Self {
        self.setup.constraints = constraints;
        self
    }

    /// Seeds the client and its stores. Default 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.setup.seed = seed;
        self
    }

    /// Predicts and plays the loss of everything that the endpoints declare.
    ///
    /// # Errors
    /// Why a client with these endpoints cannot be built.
    pub async fn run(&self) -> Result<Rehearsed, BuildError> {
        let analysis = self
            .setup
            .stage(&Timeline::idle(), &self.setup.profiles)
            .await?
            .analysis();
        let analysis = analysis.over(&self.setup.profiles);
        let predicted = analysis.report();
        let played = self.play(&analysis.losses()).await?;
        let differences = differences(&predicted, &played);
        Ok(Rehearsed {
            predicted,
            played,
            differences,
        })
    }

    /// Plays these losses, and predicts nothing.
    ///
    /// # Errors
    /// Why a client with these endpoints cannot be built.
    pub async fn play(&self, losses: &[Loss]) -> Result<Vec<Played>, BuildError> {
        let mut seen = Seen::default();
        let mut played = Vec::new();
        for loss in losses {
            let now = self.in_all_worlds(loss, When::Now, &mut seen).await?;
            let later = self.in_all_worlds(loss, When::Later, &mut seen).await?;
            played.extend(now.into_iter().zip(later).map(|((operation, now), (_, later))| Played {
                loss: loss.clone(),
                operation,
                now,
                later,
            }));
        }
        Ok(played)
    }

    async fn in_all_worlds(&self, loss: &Loss, when: When, seen: &mut Seen) -> Result<Outcome, BuildError> {
        let rule = worlds::rule(loss);
        let mut outcomes = Vec::new();
        for world in worlds::worlds(&rule.target, &self.setup.profiles) {
            let waits = world.reached.contains(&Some(Reach::Credentials));
            // What does not wait for credentials does not change.
            let when = if waits { when } else { When::Now };
            let known = (world.reached.clone(), when);
            let outcome = match seen.get(&known) {
                Some(outcome) => outcome.clone(),
                None => {
                    let timeline = self.timeline(rule.clone());
                    let outcome = self.once(&timeline, &world.profiles, when).await?;
                    seen.insert(known, outcome.clone());
                    outcome
                }
            };
            outcomes.push(outcome);
        }
        let Some((first, others)) = outcomes.split_first() else {
            return Ok(Vec::new());
        };
        let agreed = |place: usize| others.iter().all(|other| other.get(place) == first.get(place));
        let all = first.iter().enumerate();
        Ok(all
            .map(|(place, (operation, effect))| (*operation, if agreed(place) { *effect } else { Effect::Unknown }))
            .collect())
    }

    /// One play of one world.
    async fn once(&self, timeline: &Timeline, played: &[Profile], when: When) -> Result<Outcome, BuildError> {
        let stage = self.setup.stage(timeline, played).await?;
        let served = stage.serves().await;
        let now = clock::now();
        let ago = match when {
            When::Now => Duration::ZERO,
            When::Later => self.longest(),
        };
        timeline.start(now.checked_sub(ago).unwrap_or(now));
        stage.learn().await;
        let mut outcome = Vec::new();
        for &operation in stage.operations() {
            let effect = match served.contains(&operation) {
                true => stage.observe(operation, "during").await,
                false => Effect::NotServed,
            };
            outcome.push((operation, effect));
        }
        Ok(outcome)
    }

    /// By then, all credentials that can expire have expired.
    fn longest(&self) -> Duration {
        let keepers = self.setup.profiles.iter().filter_map(Profile::credentials);
        let lives = keepers.filter_map(|keeper| keeper.snapshot().valid_for);
        lives.max().unwrap_or_default().max(CREDENTIALS_LAST) + Duration::from_secs(60)
    }

    fn timeline(&self, rule: super::Rule) -> Timeline {
        let phase = Phase {
            name: "lost".into(),
            duration: self.longest().saturating_mul(2),
            basis: None,
            rules: vec![rule],
        };
        let scenario = Scenario {
            name: "a rehearsal".into(),
            description: String::new(),
            phases: vec![phase],
        };
        Timeline::new(scenario, self.setup.seed).unwrap_or_else(|_| Timeline::idle())
    }
}

/// What becomes of each operation.
type Outcome = Vec<(Operation, Effect)>;
/// The outcomes by how the loss reaches each endpoint: losses that reach the same endpoints have the same.
type Seen = BTreeMap<(Vec<Option<Reach>>, When), Outcome>;

/// Where prediction and play differ. What one of them does not speak of is a difference.
fn differences(predicted: &ClientImpact, played: &[Played]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |loss: &Loss, operation, when, predicted: Effect, played: Effect| {
        if predicted != played {
            found.push(Difference {
                loss: loss.clone(),
                operation,
                when,
                predicted,
                played,
            });
        }
    };
    for impact in &predicted.losses {
        for one in &impact.operations {
            let same = |played: &&Played| played.loss == impact.loss && played.operation == one.operation;
            let seen = played.iter().find(same);
            let now = seen.map_or(Effect::NotServed, |seen| seen.now);
            let later = seen.map_or(Effect::NotServed, |seen| seen.later);
            compare(&impact.loss, one.operation, When::Now, one.now.effect, now);
            compare(&impact.loss, one.operation, When::Later, one.later.effect, later);
        }
    }
    found
}

impl When {
    /// The time in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Later => "later",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (loss, operation, when) = (&self.loss, self.operation, self.when.as_str());
        let (predicted, played) = (self.predicted, self.played);
        write!(
            f,
            "{loss}, {operation}, {when}: predicted was \"{predicted}\", played \"{played}\""
        )
    }
}

impl fmt::Display for Rehearsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.predicted)?;
        writeln!(f, "\n### Prediction and play\n")?;
        if self.differences.is_empty() {
            let losses = self.predicted.losses.len();
            return writeln!(f, "{losses} losses were played. Prediction and play differ nowhere.");
        }
        self.differences
            .iter()
            .try_for_each(|one| writeln!(f, "- {}", crate::ops::Safe(&one.to_string())))
    }
}
