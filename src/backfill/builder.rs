use super::{
    CheckpointKeeper, Checksum, Counts, Estimate, Event, Progress, Report, StopReason, Stopped, Verify,
    checkpoint::Checkpoint,
    copier::Copier,
    estimate::estimate,
    keeper::AnyKeeper,
    objects::Objects,
    run::{Keeping, Run, Work},
    settings::Settings,
    shared::{Observer, Role, Shared},
    side::Side,
    table::Table,
};
use crate::{
    Endpoint,
    endpoint::{Constraints, Profile},
    provider::{AnyKvProvider, AnyObjectProvider, KvProvider, ObjectProvider},
};
use std::{fmt, sync::Arc, time::Duration};

/// A copy of what exists, from one endpoint to another. See the [module](super).
#[must_use = "a backfill does nothing until it is run"]
pub struct Backfill {
    stores: Stores,
    settings: Settings,
    /// What the target must satisfy.
    constraints: Constraints,
    /// What both sides must satisfy.
    on_both: Constraints,
    keeper: Option<Box<dyn AnyKeeper>>,
    observer: Option<Observer>,
    seed: Option<u64>,
}

enum Stores {
    Objects(Box<[Endpoint<AnyObjectProvider>; 2]>),
    Table(Box<[Endpoint<AnyKvProvider>; 2]>),
}

impl Backfill {
    /// Of the objects at `from`. The endpoints' names tell one backfill's checkpoint from another's.
    pub fn objects(from: Endpoint<impl ObjectProvider>, to: Endpoint<impl ObjectProvider>) -> Self {
        Self::new(Stores::Objects(Box::new([from.erased(), to.erased()])))
    }

    /// Of the values in the table at `from`, which must be able to scan.
    pub fn table(from: Endpoint<impl KvProvider>, to: Endpoint<impl KvProvider>) -> Self {
        Self::new(Stores::Table(Box::new([from.erased_kv(), to.erased_kv()])))
    }

    fn new(stores: Stores) -> Self {
        Self {
            stores,
            settings: Settings::default(),
            constraints: Constraints::new(),
            on_both: Constraints::new(),
            keeper: None,
            observer: None,
            seed: None,
        }
    }

    /// Only keys that start so. Default: all.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// At most so many requests a second to each of the two endpoints, 0.001 at least; [`f64::INFINITY`] for no limit. Default 500: a
    /// seventh of the writes that S3 gives one prefix (3,500 a second), so that the application's own do not notice. An
    /// endpoint that throttles is asked less.
    pub const fn rate(mut self, per_second: f64) -> Self {
        self.settings.rate = per_second;
        self
    }

    /// At most so many keys at a time. Default 32: what keeps 500 requests a second under way at 60 ms each.
    pub const fn concurrency(mut self, keys: usize) -> Self {
        self.settings.concurrency = keys;
        self
    }

    /// At most so many bytes of bodies at a time, by what the listing says; an object larger than that is copied alone.
    /// Default 256 MiB, what a small instance can spare.
    pub const fn bytes_under_way(mut self, bytes: u64) -> Self {
        self.settings.bytes_under_way = bytes;
        self
    }

    /// What it takes to believe that a copy is right. Default [`Verify::ReadBack`].
    pub const fn verify(mut self, verify: Verify) -> Self {
        self.settings.verify = verify;
        self
    }

    /// At most so many attempts for each request, with waits up to a cap that doubles from 0.2 s to 30 s. Default 6.
    /// Throttled ones do not count.
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts;
        self
    }

    /// The longest that an attempt may take, beside 1 s for every megabyte it moves. Default 30 s, at most a day.
    pub const fn attempt_limit(mut self, limit: Duration) -> Self {
        self.settings.attempt_limit = limit;
        self
    }

    /// The backfill ends when an endpoint has served nothing for so long while it was asked, or asks to be left alone for
    /// longer. Default 5 min: hiccups pass, an outage is for a person to look at.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// The backfill ends when so many keys in a row, in the order of the listing, have failed or were not copyable.
    /// Default 20. Above 500 such keys are passed over by a resume, [`u32::MAX`] is for ever.
    pub const fn failures_in_a_row(mut self, keys: u32) -> Self {
        self.settings.failures_in_a_row = keys;
        self
    }

    /// The target must satisfy these, else nothing is sent. Give those of the client that will read there.
    pub fn constraints(mut self, constraints: Constraints) -> Self {
        self.constraints = constraints;
        self
    }

    /// Neither side is asked anything unless it lies in one of these places; see [`Constraints::only_locations`]. To move data
    /// out of a place that must no longer be used, give [`constraints`](Self::constraints) for the target instead.
    pub fn only_locations<L: Into<Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
        self.on_both = self.on_both.only_locations(locations);
        self
    }

    /// Neither side is asked anything if this law reaches its operator; see
    /// [`Constraints::not_under_jurisdiction_of`].
    pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<Arc<str>>) -> Self {
        self.on_both = self.on_both.not_under_jurisdiction_of(jurisdiction);
        self
    }

    /// Where it keeps its checkpoint, and resumes from the one that is there. Default: nowhere. A checkpoint names the last key:
    /// what constrains the data should hold for it, too. Constraints are checked before it is read.
    pub fn checkpoint(mut self, keeper: impl CheckpointKeeper) -> Self {
        self.keeper = Some(Box::new(keeper));
        self
    }

    /// Called with everything that happens and how far it is, within the backfill's task: it must not block. Events name
    /// keys; neither their `Debug` nor their `Display` does.
    pub fn on_event(mut self, observer: impl FnMut(&Event, &Progress) + Send + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Makes waits and ids repeatable, for tests. Not for two backfills with one target: they would take each other's
    /// copies for their own.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What it will cost. Lists the source, at the same rate and with the same patience, and does nothing else: a request
    /// for every page, for objects of up to 1,000. A table's scan reads its values.
    ///
    /// # Errors
    /// [`Stopped`] when the source cannot be listed or a setting is nonsense.
    pub async fn estimate(&self) -> Result<Estimate, Stopped> {
        let shared = self.shared(None);
        let copier = self
            .copier()
            .map_err(|reason| Stopped::new(reason, Report::default()))?;
        estimate(&copier, &shared).await
    }

    /// Says what a run would do, key by key, and writes nothing, the checkpoint included. A HEAD to each side for every
    /// object: same length and attributes pass for the same. A get at the target for every value.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn dry_run(mut self) -> Result<Report, Stopped> {
        let observer = self.observer.take();
        let mut shared = self.shared(observer);
        let copier = self
            .copier()
            .map_err(|reason| Stopped::new(reason, Report::default()))?;
        let run = shared.draw_run();
        shared.resume(run, Counts::default(), None);
        shared.tell(&Event::Started { resumed_after: None });
        Run::new(&copier, &shared, Work::Look, None, Counts::default(), None)
            .finish()
            .await
    }

    /// Copies, from where the checkpoint says or from the beginning, to the end of the listing. Cancel safe: see the
    /// [module](super).
    ///
    /// The report is no error when keys were in conflict or failed here and there: see [`Report::is_clean`]. These are
    /// passed over by a resume; a run without the checkpoint tries them again.
    ///
    /// # Errors
    /// [`Stopped`] says why it ended before its end, what was done, and where the next run goes on.
    pub async fn run(mut self) -> Result<Report, Stopped> {
        let observer = self.observer.take();
        let mut shared = self.shared(observer);
        let refused = |reason| Stopped::new(reason, Report::default());
        let copier = self.copier().map_err(refused)?;
        let settings = self.fingerprint(&copier);
        let resumed = match &self.keeper {
            None => None,
            Some(keeper) => {
                let kept = keeper.load().await.map_err(|error| refused(StopReason::Load(error)))?;
                let decoded = kept.map(|bytes| Checkpoint::decode(&bytes, &settings)).transpose();
                decoded.map_err(|invalid| refused(StopReason::Checkpoint(invalid)))?
            }
        };
        let event = Event::Started {
            resumed_after: resumed.as_ref().and_then(|checkpoint| checkpoint.position.clone()),
        };
        let (run, counts, position) = match resumed {
            Some(checkpoint) => (checkpoint.run, checkpoint.counts, checkpoint.position),
            None => (shared.draw_run(), Counts::default(), None),
        };
        shared.resume(run.clone(), counts, position.clone());
        shared.tell(&event);
        if let Copier::Objects(objects) = &copier {
            let asked = objects.have_target_asked(&shared).await;
            asked.map_err(|refusal| Stopped::new(refusal.about_conditions(&objects.to.name), shared.report()))?;
        }
        let keeping = self.keeper.as_deref().map(|keeper| Keeping { keeper, settings, run });
        Run::new(&copier, &shared, Work::Copy, keeping, counts, position)
            .finish()
            .await
    }

    fn shared(&self, observer: Option<Observer>) -> Shared {
        let rng = self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Shared::new(self.settings.clone(), rng, observer)
    }

    fn copier(&self) -> Result<Copier, StopReason> {
        self.settings.check().map_err(StopReason::Settings)?;
        let [from, to] = self.stores.names();
        if from == to {
            return Err(StopReason::Settings(format!(
                "source and target are both called {from}"
            )));
        }
        let rate = self.settings.rate;
        Ok(match &self.stores {
            Stores::Objects(both) => {
                let [from, to] = &**both;
                self.check_sides(from.profile(), to.profile())?;
                Copier::Objects(Objects {
                    from: side(from, Role::Source, rate),
                    to: side(to, Role::Target, rate),
                })
            }
            Stores::Table(both) => {
                let [from, to] = &**both;
                self.check_sides(from.profile(), to.profile())?;
                Copier::Table(Table {
                    from: side(from, Role::Source, rate),
                    to: side(to, Role::Target, rate),
                })
            }
        })
    }

    fn check_sides(&self, source: &Profile, target: &Profile) -> Result<(), StopReason> {
        if target.is_read_only() {
            return Err(StopReason::Settings(format!(
                "the target {} is read only",
                target.name()
            )));
        }
        let checks = [
            (&self.on_both, source),
            (&self.on_both, target),
            (&self.constraints, target),
        ];
        for (constraints, side) in checks {
            let checked = constraints.check(side);
            checked.map_err(|violation| StopReason::Constraint {
                endpoint: side.shared_name().clone(),
                violation,
            })?;
        }
        Ok(())
    }

    /// Of everything that a resume must have in common with the run before.
    fn fingerprint(&self, copier: &Copier) -> String {
        let [from, to] = self.stores.names();
        let Settings { prefix, verify, .. } = &self.settings;
        let all = [copier.kind(), from, to, prefix, verify.as_str()];
        Checksum::of(all.join("\0").as_bytes()).short()
    }
}

impl Stores {
    fn names(&self) -> [&str; 2] {
        match self {
            Self::Objects(both) => [both[0].profile().name(), both[1].profile().name()],
            Self::Table(both) => [both[0].profile().name(), both[1].profile().name()],
        }
    }
}

fn side<P: Clone>(endpoint: &Endpoint<P>, role: Role, rate: f64) -> Side<P> {
    let name = endpoint.profile().shared_name().clone();
    Side::new(name, endpoint.client().clone(), role, rate)
}

/// The endpoints' names and no key, the prefix least of all.
impl fmt::Debug for Backfill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = self.stores.names();
        f.debug_struct("Backfill")
            .field("from", &from)
            .field("to", &to)
            .field("rate", &self.settings.rate)
            .field("concurrency", &self.settings.concurrency)
            .finish_non_exhaustive()
    }
}
