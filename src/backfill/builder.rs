use super::{
    CheckpointKeeper, Checksum, Counts, Estimate, Event, Progress, Report, StopReason, Stopped, Verify,
    checkpoint::Checkpoint,
    conditions::have_target_asked,
    estimate::estimate,
    keeper::AnyKeeper,
    run::{Keeping, Run, Work},
    settings::Settings,
    shared::{Observer, Refusal, Shared, draw_run},
    stores::Stores,
};
use crate::{
    Endpoint,
    endpoint::Constraints,
    provider::{KvProvider, ObjectProvider},
};
use std::{fmt, sync::Arc, time::Duration};

/// A copy of existing data from one endpoint to another. See the [module](super).
#[must_use = "a backfill does nothing until it is run"]
pub struct Backfill {
    stores: Stores,
    settings: Settings,
    /// The constraints on the target.
    constraints: Constraints,
    /// The constraints on both sides.
    on_both: Constraints,
    keeper: Option<Box<dyn AnyKeeper>>,
    observer: Option<Observer>,
    seed: Option<u64>,
}

impl Backfill {
    /// Copies the objects at `from`. The endpoints' names tell one backfill's checkpoint from another's.
    pub fn objects(from: Endpoint<impl ObjectProvider>, to: Endpoint<impl ObjectProvider>) -> Self {
        Self::new(Stores::Objects(Box::new([from.erased(), to.erased()])))
    }

    /// Copies the values in the table at `from`. The source must be able to scan.
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

    /// Copies only keys with this prefix. Default: all keys.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// Sets the most requests a second to each of the two endpoints, 0.001 at least; [`f64::INFINITY`] for no limit.
    /// Default 500: a seventh of the writes that S3 gives one prefix (3,500 a second), so that the application does not
    /// notice. An endpoint that throttles gets fewer requests.
    pub const fn rate(mut self, per_second: f64) -> Self {
        self.settings.rate = per_second;
        self
    }

    /// Sets the most keys that are copied at a time. Default 32, which keeps up 500 requests a second at 60 ms each.
    pub const fn concurrency(mut self, keys: usize) -> Self {
        self.settings.concurrency = keys;
        self
    }

    /// Sets the most bytes of bodies that are in memory at a time, by the lengths in the listing. A larger object is
    /// copied alone. Default 256 MiB, which a small instance can spare.
    pub const fn bytes_under_way(mut self, bytes: u64) -> Self {
        self.settings.bytes_under_way = bytes;
        self
    }

    /// Sets the check that a copy must pass. Default [`Verify::ReadBack`].
    pub const fn verify(mut self, verify: Verify) -> Self {
        self.settings.verify = verify;
        self
    }

    /// Sets the most attempts for each request. The waits between attempts have a cap that doubles from 0.2 s to 30 s.
    /// Default 6. Throttled attempts do not count.
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts;
        self
    }

    /// Sets the longest that an attempt may take. An attempt gets 1 s more for every megabyte that it moves. Default 30
    /// s, at most a day.
    pub const fn attempt_limit(mut self, limit: Duration) -> Self {
        self.settings.attempt_limit = limit;
        self
    }

    /// Sets the patience. The backfill ends when an endpoint has served nothing for this long while it was asked, or
    /// asks for a longer pause. Default 5 min: hiccups pass, but a person must look at an outage.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// Sets how many keys in a row, in the order of the listing, may fail or be not copyable before the backfill ends.
    /// Default 20. With a number above 500, a resume passes over these keys. With [`u32::MAX`] the backfill never ends
    /// because of them.
    pub const fn failures_in_a_row(mut self, keys: u32) -> Self {
        self.settings.failures_in_a_row = keys;
        self
    }

    /// Sets the constraints on the target. If the target breaks a constraint, nothing is sent. Pass the constraints of
    /// the client that will read from the target.
    pub fn constraints(mut self, constraints: Constraints) -> Self {
        self.constraints = constraints;
        self
    }

    /// Sends nothing unless both sides lie in one of these places; see [`Constraints::only_locations`]. To move data
    /// out of a place that must no longer be used, set [`constraints`](Self::constraints) for the target instead.
    pub fn only_locations<L: Into<Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
        self.on_both = self.on_both.only_locations(locations);
        self
    }

    /// Sends nothing if this law reaches the operator of either side; see [`Constraints::not_under_jurisdiction_of`].
    pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<Arc<str>>) -> Self {
        self.on_both = self.on_both.not_under_jurisdiction_of(jurisdiction);
        self
    }

    /// Sets where the backfill keeps its checkpoint. The backfill resumes from an existing checkpoint. Default: no
    /// checkpoint. A checkpoint names the last key, so the constraints on the data should hold for the checkpoint, too.
    /// The backfill checks its constraints before it reads the checkpoint.
    pub fn checkpoint(mut self, keeper: impl CheckpointKeeper) -> Self {
        self.keeper = Some(Box::new(keeper));
        self
    }

    /// Calls `observer` with every event and the progress, within the backfill's task: the observer must not block.
    /// Events name keys, but neither their `Debug` nor their `Display` shows a key.
    pub fn on_event(mut self, observer: impl FnMut(&Event, &Progress) + Send + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Makes waits repeatable, for tests. The names of runs, by which a run knows its own copies, do not come from the
    /// seed.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Estimates what the backfill will cost. The estimate only lists the source, at the same rate and with the same
    /// patience. It sends a request for every page of up to 1,000 objects. A table's scan reads the values.
    ///
    /// # Errors
    /// [`Stopped`] if the source cannot be listed or a setting is nonsense.
    pub async fn estimate(&self) -> Result<Estimate, Stopped> {
        let shared = self.shared(None);
        self.check()?;
        estimate(&self.stores, &shared).await
    }

    /// Reports what a run would do, key by key. A dry run writes nothing, not even the checkpoint. It sends a HEAD to
    /// each side for every object. Objects with the same length and attributes count as equal. For every value it sends
    /// a get to the target.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn dry_run(mut self) -> Result<Report, Stopped> {
        let observer = self.observer.take();
        let mut shared = self.shared(observer);
        self.check()?;
        let run = draw_run().map_err(|reason| Stopped::new(reason, Report::default()))?;
        shared.resume(run, Counts::default(), None);
        shared.tell(&Event::Started { resumed_after: None });
        Run::new(&self.stores, &shared, Work::Look, None, Counts::default(), None)
            .finish()
            .await
    }

    /// Copies from the checkpoint's position, or from the beginning, to the end of the listing. Cancel safe: see the
    /// [module](super).
    ///
    /// Some keys in conflict and some failed keys do not make the run an error: see [`Report::is_clean`]. A resume
    /// passes over these keys. A run without the checkpoint tries them again.
    ///
    /// # Errors
    /// [`Stopped`] says why the backfill stopped early, what was done, and where the next run goes on.
    pub async fn run(mut self) -> Result<Report, Stopped> {
        let observer = self.observer.take();
        let mut shared = self.shared(observer);
        let refused = |reason| Stopped::new(reason, Report::default());
        self.check()?;
        let settings = self.fingerprint();
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
            None => (draw_run().map_err(refused)?, Counts::default(), None),
        };
        shared.resume(run.clone(), counts, position.clone());
        shared.tell(&event);
        if let Stores::Objects(both) = &self.stores {
            let asked = have_target_asked(both[1].client(), &shared).await;
            asked.map_err(|refusal| {
                let endpoint = both[1].profile().shared_name().clone();
                let reason = match refusal {
                    Refusal::Answer(error) | Refusal::GaveUp(error) => StopReason::Unverified { endpoint, error },
                    Refusal::Stop(reason) => reason,
                };
                Stopped::new(reason, shared.report())
            })?;
        }
        let keeping = self.keeper.as_deref().map(|keeper| Keeping { keeper, settings, run });
        Run::new(&self.stores, &shared, Work::Copy, keeping, counts, position)
            .finish()
            .await
    }

    fn shared(&self, observer: Option<Observer>) -> Shared {
        let rng = self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let names = self.stores.profiles().map(|profile| profile.shared_name().clone());
        Shared::new(self.settings.clone(), names, rng, observer)
    }

    fn check(&self) -> Result<(), Stopped> {
        let checked = self.settings.check().map_err(StopReason::Settings);
        checked
            .and_then(|()| self.check_sides())
            .map_err(|reason| Stopped::new(reason, Report::default()))
    }

    fn check_sides(&self) -> Result<(), StopReason> {
        let [source, target] = self.stores.profiles();
        if source.name() == target.name() {
            return Err(StopReason::Settings(format!(
                "source and target are both called {}",
                source.name()
            )));
        }
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

    /// The settings that a resume must share with the run before, as one text.
    fn fingerprint(&self) -> String {
        let [from, to] = self.stores.names();
        let Settings { prefix, verify, .. } = &self.settings;
        let verify = match verify {
            Verify::Length => "length",
            Verify::ReadBack => "read-back",
        };
        let all = [self.stores.kind(), from, to, prefix, verify];
        Checksum::of(all.join("\0").as_bytes()).short()
    }
}

/// Shows the endpoints' names and no key, the prefix least of all.
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
