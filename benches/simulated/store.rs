//! An endpoint in virtual time, and what reached it.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Broken,
    Unreachable,
    SlowDown,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Failure {}

/// What one call asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask {
    /// Which of the case's kinds of call.
    pub(crate) kind: u8,
    /// How long its object takes at any endpoint; `None`: what is usual there.
    pub(crate) takes: Option<Duration>,
    pub(crate) prefix: u8,
    /// A write that must not happen twice.
    pub(crate) write: bool,
    pub(crate) deadline: Option<Duration>,
    /// The client is not told of it: its future is dropped then.
    pub(crate) leaves: bool,
}

/// A call, and the attempts that reached the endpoints in it. They are counted where they arrive, so that every client is
/// counted alike.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) ask: Ask,
    pub(crate) primary: AtomicU32,
    pub(crate) attempts: AtomicU32,
}

tokio::task_local! {
    /// Of the call that this task makes.
    pub(crate) static TALLY: Arc<Tally>;
}

/// How an attempt ends that nobody drops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// So long after it arrived; `None`: never.
    pub(crate) after: Option<Duration>,
    pub(crate) result: Result<(), Failure>,
}

/// What happens to the requests at an endpoint.
pub(crate) trait Server: Send + 'static {
    /// A request arrives `at` this time since the run began.
    fn answer(&mut self, at: Duration, ask: &Ask, rng: &mut fastrand::Rng) -> Answer;
}

/// One endpoint.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    primary: bool,
    start: Instant,
    server: Mutex<(Box<dyn Server>, fastrand::Rng)>,
}

impl Store {
    pub(crate) fn new(primary: bool, server: impl Server, start: Instant, seed: u64) -> Self {
        Self(Arc::new(Inner {
            primary,
            start,
            server: Mutex::new((Box::new(server), fastrand::Rng::with_seed(seed))),
        }))
    }

    pub(crate) async fn get(&self) -> Result<(), Failure> {
        let answer = TALLY.with(|tally| {
            tally.attempts.fetch_add(1, Relaxed);
            tally.primary.fetch_add(u32::from(self.0.primary), Relaxed);
            let (server, rng) = &mut *self.0.server.lock().unwrap();
            server.answer(self.0.start.elapsed(), &tally.ask, rng)
        });
        match answer.after {
            None => std::future::pending().await,
            Some(Duration::ZERO) => {}
            Some(after) => sleep(after).await,
        }
        answer.result
    }
}
