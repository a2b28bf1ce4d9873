use super::{
    Findings, GameDay, NotStarted,
    books::Books,
    canary::{Notes, Place, Rounds, clean, read_back},
    under_way::{Drill, UnderWay},
};
use crate::{
    ObjectClient,
    call::BuildError,
    client::object::ObjectClientBuilder,
    drill::{FaultLayer, Guard, Timeline, report::Journal},
    endpoint::Profile,
    model::clock,
    ops::{concentration::Reading, probe::ProbeSettings, snapshot::Snapshot},
    request::OpClass,
    stack::breaker,
};
use std::{fmt, sync::Arc, time::Duration};

/// A client for production, and during a [drill](Self::drill) a second one for the [cohort](super::Cohort).
///
/// Ask it [`of`](Self::of) a caller's key for each call. Clones are the same client and the same drill.
#[derive(Clone)]
pub struct Split(Arc<Inner>);

struct Inner {
    recipe: ObjectClientBuilder,
    production: ObjectClient,
    under_way: Arc<UnderWay>,
}

/// How long after its guard's time a drill still reads and removes its canaries. Until then no sweep takes them away.
const CLOSING: Duration = Duration::from_secs(15 * 60);

impl Split {
    /// Builds production's client. Everything that is set on `builder` holds for the cohort's client, too, except for
    /// what the two must not share: see the [module](super).
    ///
    /// # Errors
    /// As [`ObjectClientBuilder::build`](crate::client::object::ObjectClientBuilder).
    pub fn build(builder: ObjectClientBuilder) -> Result<Self, BuildError> {
        let under_way = Arc::new(UnderWay::default());
        let hears = under_way.clone();
        let production = builder
            .again()
            .on_event_record(move |record| hears.hear(record))
            .build()?;
        Ok(Self(Arc::new(Inner {
            recipe: builder,
            production,
            under_way,
        })))
    }

    /// The client for a call of the caller with this key: the cohort's while a drill concerns the caller, else
    /// production's. Ask for each call: whoever keeps the cohort's client after the drill has a client that nobody else
    /// uses.
    #[must_use]
    pub fn of(&self, key: impl AsRef<[u8]>) -> ObjectClient {
        let cohorts = self.0.under_way.client_of(key.as_ref());
        cohorts.unwrap_or_else(|| self.0.production.clone())
    }

    /// Production's client: for calls that belong to no caller, for its snapshot and its operator.
    pub fn production(&self) -> &ObjectClient {
        &self.0.production
    }

    /// The cohort's client, for its snapshot or a status page. `None`: no drill is under way.
    pub fn cohort(&self) -> Option<ObjectClient> {
        self.0.under_way.look(|drill| drill.client.clone())
    }

    /// Ends the drill under way at once. From the next [`of`](Self::of) on, all callers are production's.
    pub fn stop_drill(&self) {
        // The guard's listener is a user's: under no lock.
        if let Some(timeline) = self.0.under_way.look(|drill| drill.timeline.clone()) {
            timeline.stop();
        }
    }

    /// Plays a drill, and returns when it is over and its canaries are removed.
    ///
    /// The drill ends with its scenario, by its guard, by [`stop_drill`](Self::stop_drill), or when production reports
    /// trouble or an order. **Dropping the future ends it, too**; a task in the background then removes the canaries. A
    /// process that starts again starts no drill.
    ///
    /// # Errors
    /// [`NotStarted`]: nothing has happened.
    pub async fn drill(&self, day: &GameDay) -> Result<Findings, NotStarted> {
        let running = Running::begin(self, day)?;
        running.play(day).await;
        Ok(running.end(day).await)
    }

    /// The endpoints that may be used.
    fn places(&self) -> Vec<Profile> {
        let permitted = self.0.production.stores();
        permitted.map(|(profile, _)| profile.clone()).collect()
    }
}

/// A drill under way. Dropping it ends the drill.
struct Running {
    split: Split,
    client: ObjectClient,
    timeline: Timeline,
    place: Place,
    notes: Notes,
    books: Arc<Books>,
    is_clean: bool,
}

impl Running {
    fn begin(split: &Split, day: &GameDay) -> Result<Self, NotStarted> {
        let places = split.places();
        day.check(&places)?;
        let Inner {
            recipe,
            production,
            under_way,
        } = &*split.0;
        let now = production.snapshot();
        let books = Arc::new(Books::open(day, recipe, &places, &now.client)?);
        let guard = telling(day.guard.clone(), &books.journal);
        let timeline = Timeline::guarded(day.played(), day.cohort.seed(), guard)?;
        let (faults, hears, guard) = (timeline.clone(), books.clone(), timeline.watch());
        let users = recipe.call_listener();
        let client = recipe
            .apart("cohort")
            .innermost_layer(move |profile| {
                // The cohort's endpoints have no keepers. Production's tell how long credentials last that a fault keeps
                // from being renewed; the layer only looks.
                let known = places.iter().find(|place| place.name() == profile.name());
                FaultLayer::new(faults.clone(), known.unwrap_or(profile).clone())
            })
            .on_event_record(books.journal.listener())
            .on_call_end(move |end| {
                hears.hear(end);
                guard(end);
                if let Some(users) = &users {
                    users(end);
                }
            })
            .build()?;
        let over = now.wall + day.guard.lasting.min(LONGEST) + CLOSING;
        let drill = Drill {
            cohort: day.cohort,
            client: client.clone(),
            timeline: timeline.clone(),
            production: Default::default(),
        };
        if !under_way.enter(drill) {
            return Err(NotStarted::UnderWay);
        }
        let running = Self {
            split: split.clone(),
            place: Place::new(over, client.draw_name()),
            client,
            timeline,
            notes: Notes::default(),
            books,
            is_clean: false,
        };
        // After its listener hears: nothing slips between.
        quiet(&production.snapshot())?;
        let start = clock::now();
        // It lies after the criteria were recorded.
        let _ = running.books.journal.start(start);
        running.timeline.start(start);
        Ok(running)
    }

    /// Waits for the end, and writes canaries meanwhile.
    async fn play(&self, day: &GameDay) {
        let Some(canary) = day.canary else {
            return self.timeline.over().await;
        };
        let rounds = Rounds {
            client: self.client.clone(),
            place: self.place.clone(),
            canary,
            notes: self.notes.clone(),
            rng: fastrand::Rng::with_seed(day.cohort.seed()),
        };
        rounds.until_over(&self.timeline).await;
    }

    async fn end(mut self, day: &GameDay) -> Findings {
        let ended = self.timeline.ended();
        // The guard has told of an early end already, and the first to tell counts.
        self.books.journal.end(ended.as_ref());
        let mut clients = vec![self.client.clone()];
        let mut canary = None;
        if let Some(how) = day.canary {
            // By a client that has learnt nothing in the drill, and that production does not notice.
            let auditor = self.split.0.recipe.apart("audit").probes(ProbeSettings::off()).build();
            if let Ok(auditor) = auditor {
                read_back(&auditor, &self.place, how.bytes, &self.notes).await;
                clients.push(auditor);
            }
            let left = clean(&self.client, &self.place, self.notes.sent()).await;
            let mut findings = self.notes.findings();
            findings.prefix = self.place.prefix();
            findings.left = left;
            canary = Some(findings);
        }
        self.is_clean = true;
        // Not before: whoever leaves the place makes room for the next drill.
        let production = self.split.0.under_way.leave();
        Findings {
            bundle: self.books.close(&self.client, self.timeline.met(), canary.as_ref()),
            ended,
            production,
            canary,
            traffic: Reading::of(&clients.iter().map(ObjectClient::view).collect::<Vec<_>>()),
        }
    }
}

/// A guard may last for ever; a date may not.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_clean {
            return;
        }
        self.timeline.stop();
        self.split.0.under_way.leave();
        let (client, place, sent) = (self.client.clone(), self.place.clone(), self.notes.sent());
        if sent > 0
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Ends by itself within two minutes or so, also where an endpoint is dead.
            runtime.spawn(async move { clean(&client, &place, sent).await });
        }
    }
}

/// The guard, which tells the journal of an early end when it comes.
fn telling(guard: Guard, journal: &Journal) -> Guard {
    let (journal, users) = (journal.clone(), guard.listener.clone());
    guard.on_end(move |ended| {
        journal.end(Some(ended));
        if let Some(users) = &users {
            users(ended);
        }
    })
}

/// Whether production is well: no breaker is open, no order in force, its host above suspicion, and it has credentials
/// and a budget.
fn quiet(production: &Snapshot) -> Result<(), NotStarted> {
    if let Some(suspected) = production.all_bad.first() {
        return Err(NotStarted::Production(suspected.event.to_string()));
    }
    if production.budget == 0 {
        return Err(NotStarted::Production(
            "its budget grants no further attempt".to_owned(),
        ));
    }
    if let Some(order) = production.orders.first() {
        let order = format!("an order is in force: {} {}", order.action.as_str(), order.selector);
        return Err(NotStarted::Production(order));
    }
    for endpoint in production.endpoints.iter().filter(|endpoint| endpoint.barred.is_none()) {
        if let Some(credentials) = endpoint.credentials.as_ref().filter(|held| !held.valid) {
            let out = format!("{} has no valid credentials: {credentials}", endpoint.profile.name());
            return Err(NotStarted::Production(out));
        }
        let is_used = |class: OpClass| class != OpClass::Write || !endpoint.profile.is_read_only();
        let mut used = endpoint.classes.iter().filter(|class| is_used(class.class));
        if let Some(out) = used.find(|class| class.breaker != breaker::State::Closed) {
            let out = format!("{} is out for {}s", endpoint.profile.name(), out.class);
            return Err(NotStarted::Production(out));
        }
    }
    Ok(())
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Split")
            .field("production", &self.0.production)
            .field("is_drilling", &self.cohort().is_some())
            .finish_non_exhaustive()
    }
}
