//! The two endpoints and the fault.

use crate::figures::Schedule;
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
pub(crate) enum Fault {
    Hard,
    Black,
    Err30,
    Slow50,
    Slow300,
    Flap,
    Over,
}

pub(crate) const FAULTS: [Fault; 7] = [
    Fault::Hard,
    Fault::Black,
    Fault::Err30,
    Fault::Slow50,
    Fault::Slow300,
    Fault::Flap,
    Fault::Over,
];

impl Fault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Black => "black",
            Self::Err30 => "err30",
            Self::Slow50 => "slow50",
            Self::Slow300 => "slow300",
            Self::Flap => "flap",
            Self::Over => "over",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) fault: Fault,
    pub(crate) rate: f64,
    pub(crate) schedule: Schedule,
}

impl Setting {
    pub(crate) fn of(fault: Fault, rate: f64) -> Self {
        let seconds = Duration::from_secs_f64;
        let slow = rate < 50.0;
        let (healthy, faulty, after) = if slow { (60.0, 200.0, 60.0) } else { (10.0, 20.0, 25.0) };
        let rate = if fault == Fault::Over { rate * 1.6 } else { rate };
        Self {
            fault,
            rate,
            schedule: Schedule {
                fault_from: seconds(healthy),
                fault_to: seconds(healthy + faulty),
                end: seconds(healthy + faulty + after),
                window: seconds((25.0 / rate).max(0.5)),
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Broken,
    SlowDown,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Failure {}

/// The attempts that reached the endpoints in one call. They are counted where they arrive, so that every client is counted alike.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) primary: AtomicU32,
    pub(crate) attempts: AtomicU32,
}

tokio::task_local! {
    /// Of the call that this task makes.
    pub(crate) static TALLY: Arc<Tally>;
}

/// One endpoint.
#[derive(Clone)]
pub(crate) struct Store(Arc<StoreInner>);

struct StoreInner {
    primary: bool,
    setting: Setting,
    start: Instant,
    rng: Mutex<fastrand::Rng>,
    /// Units of capacity left, and when that was so.
    tokens: Mutex<(f64, Instant)>,
}

impl Store {
    pub(crate) fn new(primary: bool, setting: Setting, start: Instant, seed: u64) -> Self {
        Self(Arc::new(StoreInner {
            primary,
            setting,
            start,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            tokens: Mutex::new((0.0, start)),
        }))
    }

    pub(crate) async fn get(&self) -> Result<(), Failure> {
        TALLY.with(|tally| {
            tally.attempts.fetch_add(1, Relaxed);
            tally.primary.fetch_add(u32::from(self.0.primary), Relaxed);
        });
        let draw = self.0.rng.lock().unwrap().f64();
        let normal = if self.0.primary {
            Duration::from_secs_f64((1.0 + 2.0 * draw) / 1e3)
        } else {
            Duration::from_secs_f64((10.0 + 4.0 * draw) / 1e3)
        };
        let schedule = self.0.setting.schedule;
        let into = self.0.start.elapsed().checked_sub(schedule.fault_from);
        let faulty = self.0.start.elapsed() < schedule.fault_to;
        let (Some(into), true, true) = (into, faulty, self.0.primary) else {
            sleep(normal).await;
            return Ok(());
        };
        match self.0.setting.fault {
            Fault::Hard => return Err(Failure::Broken),
            Fault::Flap if (into.as_secs() / 5).is_multiple_of(2) => return Err(Failure::Broken),
            Fault::Flap => sleep(normal).await,
            Fault::Black => std::future::pending().await,
            Fault::Err30 => {
                let failing = self.0.rng.lock().unwrap().f64() < 0.3;
                sleep(normal).await;
                if failing {
                    return Err(Failure::Broken);
                }
            }
            Fault::Slow50 => sleep(normal * 50).await,
            Fault::Slow300 => sleep(normal * 300).await,
            Fault::Over => {
                let per_second = self.0.setting.rate * if into.as_secs() < 5 { 0.5 } else { 1.25 };
                if !self.admitted(per_second) {
                    return Err(Failure::SlowDown);
                }
                sleep(normal).await;
            }
        }
        Ok(())
    }

    /// A bucket of 100 ms worth of units, at least four; a refusal costs half a unit, as refusing is work, too.
    fn admitted(&self, per_second: f64) -> bool {
        let mut tokens = self.0.tokens.lock().unwrap();
        let now = Instant::now();
        let grown = tokens.0 + (now - tokens.1).as_secs_f64() * per_second;
        *tokens = (grown.min((per_second / 10.0).max(4.0)), now);
        let admitted = tokens.0 >= 1.0;
        tokens.0 -= if admitted { 1.0 } else { 0.5_f64.min(tokens.0.max(0.0)) };
        admitted
    }
}
