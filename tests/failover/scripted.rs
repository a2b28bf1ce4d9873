//! A client such as an application might have, whose answers follow a script, for [`Failover`].

use evenkeel::{
    Endpoint, Failover,
    client::FailoverBuilder,
    telemetry::Event,
    verdict::{Classify, Detail, Outcome, table, table::Symptom},
};
use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::time::{Instant, sleep};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How the scripted client fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mishap {
    /// No connection: not sent.
    Refused,
    /// Reset under the request: maybe sent.
    Reset,
    /// A refusal with this code.
    Code(&'static str),
}

impl std::fmt::Display for Mishap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Mishap {}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdicts;

impl<T> Classify<T, Mishap> for Verdicts {
    fn classify(&self, result: Result<&T, &Mishap>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(Mishap::Refused) => table::for_symptom(Symptom::ConnectRefused),
            Err(Mishap::Reset) => table::for_symptom(Symptom::Reset),
            Err(Mishap::Code(code)) => table::for_code(code).expect("a code of the table"),
        }
    }

    fn detail(&self, result: Result<&T, &Mishap>) -> Detail {
        match result {
            Err(Mishap::Code(code)) => Detail {
                code: Some((*code).to_owned()),
                request_id: Some("req-1".to_owned()),
                ..Detail::default()
            },
            _ => Detail::default(),
        }
    }
}

/// What a call of the scripted client does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    Answer(Duration),
    Fail(Duration, Mishap),
    Hang,
}

/// The scripted client. Clones share everything.
#[derive(Clone)]
pub(crate) struct Table(Arc<Mutex<State>>);

struct State {
    name: &'static str,
    usually: Does,
    script: VecDeque<Does>,
    asked: Vec<Instant>,
    under_way: usize,
    most_under_way: usize,
}

impl Table {
    /// Answers at once.
    pub(crate) fn new(name: &'static str) -> Self {
        Self(Arc::new(Mutex::new(State {
            name,
            usually: Does::Answer(Duration::ZERO),
            script: VecDeque::new(),
            asked: Vec::new(),
            under_way: 0,
            most_under_way: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn usually(&self, does: Does) {
        self.state().usually = does;
    }

    pub(crate) fn answers_after(&self, time: Duration) {
        self.usually(Does::Answer(time));
    }

    pub(crate) fn fails(&self, mishap: Mishap) {
        self.usually(Does::Fail(Duration::ZERO, mishap));
    }

    /// The next calls do these.
    pub(crate) fn then(&self, does: impl IntoIterator<Item = Does>) {
        self.state().script.extend(does);
    }

    pub(crate) fn asked(&self) -> usize {
        self.state().asked.len()
    }

    /// When it was asked.
    pub(crate) fn instants(&self) -> Vec<Instant> {
        self.state().asked.clone()
    }

    /// The most calls that were ever under way at once since the last time.
    pub(crate) fn most_under_way(&self) -> usize {
        let mut state = self.state();
        std::mem::replace(&mut state.most_under_way, 0)
    }

    pub(crate) fn under_way(&self) -> usize {
        self.state().under_way
    }

    /// The one operation.
    pub(crate) async fn query(self) -> Result<&'static str, Mishap> {
        let does = {
            let mut state = self.state();
            state.asked.push(Instant::now());
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            state.script.pop_front().unwrap_or(state.usually)
        };
        let _leaves = Leaves(self.clone());
        match does {
            Does::Answer(after) => {
                pause(after).await;
                Ok(self.state().name)
            }
            Does::Fail(after, mishap) => {
                pause(after).await;
                Err(mishap)
            }
            Does::Hang => pending().await,
        }
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

struct Leaves(Table);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
    }
}

pub(crate) type Tables = Failover<Table, Verdicts>;

/// What the listener heard.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<(Instant, Event)>>>);

impl Heard {
    pub(crate) fn listener(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let heard = self.0.clone();
        move |event| heard.lock().unwrap().push((Instant::now(), event.clone()))
    }

    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().iter().map(|(_, event)| event.clone()).collect()
    }

    pub(crate) fn timed(&self) -> Vec<(Instant, Event)> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.all().iter().filter(|event| wanted(event)).count()
    }
}

pub(crate) fn builder<'t>(tables: impl IntoIterator<Item = &'t Table>) -> FailoverBuilder<Table, Verdicts> {
    let endpoints = tables
        .into_iter()
        .map(|table| Endpoint::new(table.state().name, table.clone()));
    let builder = Failover::builder().endpoints(endpoints.collect::<Vec<_>>());
    builder.classify(Verdicts).seed(7)
}

/// Two endpoints, virginia preferred.
pub(crate) fn two() -> (Tables, Table, Table) {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = builder([&virginia, &ireland]).build().unwrap();
    (tables, virginia, ireland)
}

/// So many reads one after the other, at this distance; how many succeeded.
pub(crate) async fn reads(tables: &Tables, count: usize, gap: Duration) -> usize {
    let mut ok = 0;
    for _ in 0..count {
        ok += usize::from(tables.read(Table::query).await.is_ok());
        pause(gap).await;
    }
    ok
}

/// The breaker's state of an endpoint for reads.
pub(crate) fn breaker(tables: &Tables, endpoint: usize) -> &'static str {
    tables.snapshot().endpoints[endpoint].classes[0].breaker.as_str()
}

pub(crate) fn nothing_in_flight(tables: &Tables) -> bool {
    tables
        .snapshot()
        .endpoints
        .iter()
        .all(|endpoint| endpoint.in_flight == 0)
}
