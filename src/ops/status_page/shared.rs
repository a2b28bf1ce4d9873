use super::{
    answer::{self, Asked, Shell},
    body::PageBody,
    feed::{self, Feed},
    history::{History, Place, Totals},
    readers::{Counts, Readers},
    stream::{self, Latest},
};
use crate::{
    model::clock::{self, Instant},
    ops::{ClientView, snapshot::Snapshot, status::Status},
    telemetry::{Instance, aside, millis, unix_millis},
    verdict::Verdict,
};
use bytes::Bytes;
use http::{Method, Response, StatusCode, header, request::Parts};
use serde::Serialize;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// How often readers get the state: whoever is on call sees a change well within ten seconds.
pub(crate) const EVERY: Duration = Duration::from_secs(2);

/// What all clones of a page share.
#[derive(Debug)]
pub(super) struct Shared {
    clients: Mutex<Clients>,
    history: Mutex<History>,
    pub(super) feed: Arc<Feed>,
    readers: Arc<Readers>,
    latest: watch::Sender<Latest>,
}

#[derive(Debug, Default)]
struct Clients {
    next: u64,
    views: Vec<(u64, ClientView)>,
}

/// The state of the process: `status.json` without history and events.
#[derive(Serialize)]
struct State {
    version: u32,
    instance: String,
    uptime_ms: u64,
    taken_ms: u64,
    readers: Counts,
    /// How many events the listener has heard.
    events: u64,
    clients: Vec<Client>,
}

#[derive(Serialize)]
struct Client {
    id: u64,
    status: Status,
}

/// The version of what the page serves. It changes when what there was means something else.
const VERSION: u32 = 1;

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            clients: Mutex::default(),
            history: Mutex::new(History::new(clock::now())),
            feed: Arc::default(),
            readers: Arc::default(),
            latest: watch::Sender::new(Latest::default()),
        }
    }

    pub(super) fn show(&self, view: ClientView) {
        let mut clients = lock(&self.clients);
        let id = clients.next;
        clients.next += 1;
        clients.views.push((id, view));
    }

    /// Ends the readers' answers. What is under way is said first.
    pub(super) fn close(&self) {
        self.latest.send_modify(|latest| latest.closed = true);
    }

    fn is_closed(&self) -> bool {
        self.latest.borrow().closed
    }

    pub(super) fn answer(&self, request: &Parts, which: Shell) -> Response<PageBody> {
        match Asked::of(&request.method, &request.uri) {
            Asked::Page => {
                let (page, policy) = answer::shell(which);
                let mut page = answer::answer(StatusCode::OK, "text/html; charset=utf-8", PageBody::text(page));
                page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
                page
            }
            Asked::Status => answer::answer(StatusCode::OK, "application/json", PageBody::text(self.status())),
            Asked::Events if self.is_closed() => {
                answer::refusal(StatusCode::SERVICE_UNAVAILABLE, "the page is closed\n")
            }
            Asked::Events if request.method == Method::HEAD => {
                answer::answer(StatusCode::OK, "text/event-stream", PageBody::text(Bytes::new()))
            }
            Asked::Events => self.events(answer::last_event_id(&request.headers)),
            Asked::Nothing => answer::refusal(StatusCode::NOT_FOUND, "there is nothing here\n"),
            Asked::Refused => answer::not_allowed("the page can only be read\n", "GET, HEAD"),
        }
    }

    fn events(&self, last: Option<&str>) -> Response<PageBody> {
        let now = clock::now();
        self.readers.drop_stuck(now);
        let Some(seat) = self.readers.take(now) else {
            let why = "all places are taken; status.json has the same without one\n";
            return answer::refusal(StatusCode::SERVICE_UNAVAILABLE, why);
        };
        let position = last.and_then(feed::position).unwrap_or(0);
        // From before the state is taken, so that nothing is lost in between.
        let latest = self.latest.subscribe();
        let frames = stream::frames(self.look(now), latest, self.feed.clone(), position);
        let body = PageBody::events(frames, seat);
        answer::answer(StatusCode::OK, "text/event-stream", body)
    }

    /// What `status.json` is.
    fn status(&self) -> Vec<u8> {
        let snapshots = self.snapshots();
        let mut text = br#"{"state":"#.to_vec();
        text.extend(self.state(&snapshots));
        text.extend(br#","history":"#);
        text.extend(self.shown_history(clock::now(), &snapshots));
        text.extend(br#","events":["#);
        for (index, event) in self.feed.after(0).events.iter().enumerate() {
            text.extend(if index > 0 { &b","[..] } else { b"" });
            text.extend(&event.json);
        }
        text.extend(b"]}");
        text
    }

    /// What a reader gets at this moment.
    fn look(&self, now: Instant) -> Latest {
        let snapshots = self.snapshots();
        Latest {
            state: stream::message("state", None, &self.state(&snapshots)),
            history: stream::message("history", None, &self.shown_history(now, &snapshots)),
            bin: lock(&self.history).bin(),
            closed: false,
        }
    }

    /// The clients that there are, by their ids.
    pub(super) fn clients(&self) -> Vec<(u64, ClientView)> {
        self.snapshots(); // forgets those that are gone
        lock(&self.clients).views.clone()
    }

    /// The clients that there are. Those that are gone are not asked again.
    fn snapshots(&self) -> Vec<(u64, Snapshot)> {
        let views = lock(&self.clients).views.clone();
        let mut gone = Vec::new();
        let mut all = Vec::new();
        for (id, view) in views {
            // The client's wall clock may be a user's, and panic.
            match aside(|| view.snapshot()) {
                Some(Some(snapshot)) => all.push((id, snapshot)),
                Some(None) => gone.push(id),
                None => {}
            }
        }
        lock(&self.clients).views.retain(|(id, _)| !gone.contains(id));
        all
    }

    fn state(&self, snapshots: &[(u64, Snapshot)]) -> Vec<u8> {
        let instance = Instance::current();
        let clients = snapshots.iter().map(|(id, snapshot)| Client {
            id: *id,
            status: Status::from(snapshot),
        });
        json(&State {
            version: VERSION,
            instance: instance.to_string(),
            uptime_ms: millis(clock::now().saturating_duration_since(instance.since())),
            taken_ms: wall_ms(snapshots),
            readers: self.readers.counts(),
            events: self.feed.count(),
            clients: clients.collect(),
        })
    }

    fn shown_history(&self, now: Instant, snapshots: &[(u64, Snapshot)]) -> Vec<u8> {
        json(&lock(&self.history).shown(now, wall_ms(snapshots)))
    }

    /// What is done every [`EVERY`].
    fn tick(&self) {
        let now = clock::now();
        self.readers.drop_stuck(now);
        if lock(&self.history).is_due(now) {
            let snapshots = self.snapshots();
            let readings = snapshots.iter().flat_map(|(id, snapshot)| readings(*id, snapshot));
            lock(&self.history).read(now, readings);
        }
        if self.latest.receiver_count() > 0 && !self.is_closed() {
            let look = self.look(now);
            self.latest.send_modify(|latest| {
                let closed = latest.closed;
                *latest = Latest { closed, ..look };
            });
        }
    }
}

/// Takes the readings and tells the readers, until the page is gone.
pub(super) async fn run(page: Weak<Shared>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let Some(page) = page.upgrade() else { return };
        page.tick();
    }
}

/// How many attempts of calls have ended at each place of a client.
fn readings(client: u64, snapshot: &Snapshot) -> impl Iterator<Item = (Place, Totals)> {
    let endpoints = snapshot.endpoints.iter().enumerate();
    endpoints.flat_map(move |(endpoint, of)| {
        of.classes.iter().map(move |class| {
            let totals = Totals {
                attempts: class.attempts.total(),
                throttled: class.attempts.with_verdict(Verdict::Throttled),
            };
            ((client, endpoint, class.class.index()), totals)
        })
    })
}

/// The wall clock of the first client: in a simulation, its time.
fn wall_ms(snapshots: &[(u64, Snapshot)]) -> u64 {
    unix_millis(
        snapshots
            .first()
            .map_or_else(clock::wall, |(_, snapshot)| snapshot.wall),
    )
}

/// Structs, numbers and texts, which always become JSON.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
