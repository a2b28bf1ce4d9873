//! A case: endpoints, what troubles them, and who calls.

use crate::{
    figures::{Schedule, Seen},
    load::{Client, Load},
    server::Troubled,
    store::{Ask, Store},
};
use std::{f64::consts::TAU, ops::Range, time::Duration};
use tokio::time::Instant;

/// What is wrong with an endpoint during the fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Nothing,
    /// This share of the requests is never answered.
    Hang(f64),
    /// This share of the answers are errors.
    Fail(f64),
    /// This share of the requests finds no way there.
    Unreachable(f64),
    /// It answers with an error, at once.
    Refuse,
    /// Every so-manieth answer is an error: one of so many backends is broken.
    EveryNth(u32),
    /// This share of the requests is throttled whatever the load.
    SlowDown(f64),
    /// The first of ten prefixes gets this share of its traffic, by a token bucket; the rest is throttled.
    Prefix(f64),
    /// It gets slower by so many ms each second.
    Creep(f64),
    /// It stands still for so many ms every ten seconds; what is under way waits until that is over.
    Stall(f64),
    /// It does this share of the case's calls, one after the other, those too that nobody waits for any more; beyond five
    /// seconds of them it answers with errors.
    Queue(f64),
    /// It throttles what is above this share of the case's calls, by a token bucket of 100 ms.
    Throttle(f64),
    /// It answers with errors for 30 s and is back cold: it throttles above a tenth of the calls, and a twentieth more each
    /// second.
    Cold,
    /// So many seconds of errors, and so many without; the first begin so late.
    Flap {
        down: f64,
        up: f64,
        shift: f64,
    },
    /// It takes this long.
    Level(Time),
}

/// How long something takes, in ms.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time {
    Uniform(f64, f64),
    LogNormal {
        median: f64,
        sigma: f64,
    },
    Pareto {
        least: f64,
        alpha: f64,
    },
    /// The first, but the second for this share.
    Cached {
        hit: (f64, f64),
        miss: (f64, f64),
        misses: f64,
    },
}

impl Time {
    /// The usual, from the fastest on.
    #[allow(dead_code)] // for random worlds
    pub(crate) fn about(self) -> f64 {
        match self {
            Self::Uniform(from, _) => from,
            Self::LogNormal { median, .. } => median,
            Self::Pareto { least, .. } => least,
            Self::Cached { hit, .. } => hit.0,
        }
    }

    pub(crate) fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        let within = |(from, to): (f64, f64), rng: &mut fastrand::Rng| from + (to - from) * rng.f64();
        ms(match self {
            Self::Uniform(from, to) => within((from, to), rng),
            Self::LogNormal { median, sigma } => {
                let normal = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (TAU * rng.f64()).cos();
                median * (sigma * normal).exp()
            }
            Self::Pareto { least, alpha } => least * (1.0 - rng.f64()).powf(-1.0 / alpha),
            Self::Cached { hit, miss, misses } => {
                let from = if rng.f64() < misses { miss } else { hit };
                within(from, rng)
            }
        })
    }
}

/// One endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) usual: Time,
    pub(crate) trouble: Trouble,
}

/// One kind of call.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// Of all calls.
    pub(crate) share: f64,
    /// How long its objects take at any endpoint; `None`: what is usual there.
    pub(crate) takes: Option<Time>,
    /// How many ms its callers wait.
    pub(crate) deadline: Option<f64>,
    /// They leave then, and say it to nobody before.
    pub(crate) leaves: bool,
    /// Whether it is in the case's figures.
    pub(crate) counted: bool,
}

/// A world and its calls.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rate: f64,
    pub(crate) schedule: Schedule,
    /// In the order of preference.
    pub(crate) places: Vec<Place>,
    /// Several, or one that stands for all calls.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) writes: bool,
    /// In these seconds the primary answers with errors, long before the fault.
    pub(crate) away: Range<f64>,
    /// All calls of a second come in its first quarter.
    pub(crate) bursts: bool,
    /// So many clients share the calls.
    pub(crate) clients: usize,
}

pub(crate) fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}

pub(crate) const PREFIXES: u8 = 10;

impl Case {
    pub(crate) fn is_counted(&self, kind: u8) -> bool {
        self.kinds[usize::from(kind)].counted
    }

    /// The fastest and the slowest that anything takes while all is well.
    #[allow(dead_code)] // for peers
    pub(crate) fn healthy_range(&self) -> (Duration, Duration) {
        let usual = self.places.iter().map(|place| place.usual);
        let times = self.kinds.iter().flat_map(|kind| match kind.takes {
            Some(time) => vec![time],
            None => usual.clone().collect(),
        });
        let ranges = times.map(|time| match time {
            Time::Uniform(from, to) => (from, to),
            time => unreachable!("no peer meets {time:?}"),
        });
        let (from, to) = ranges.fold((f64::INFINITY, 0.0), |(from, to): (f64, f64), range| {
            (from.min(range.0), to.max(range.1))
        });
        (ms(from), ms(to))
    }

    /// One run. `client` is made of the endpoints, of the moment when the run begins and of the run's chance.
    pub(crate) fn play<C: Client>(
        &self,
        seed: u64,
        client: impl FnOnce(Vec<Store>, Instant, &mut fastrand::Rng) -> C,
    ) -> Vec<Seen> {
        let load = Load {
            rate: if self.bursts { self.rate * 4.0 } else { self.rate },
            quiet: |at: Duration| self.bursts && at.subsec_millis() >= 250,
            end: self.schedule.end,
            ask: |rng: &mut fastrand::Rng| self.ask(rng),
        };
        load.play(seed, |start, rng| {
            let stores = self.places.iter().enumerate().map(|(index, place)| {
                let away = if index == 0 { self.away.clone() } else { 0.0..0.0 };
                let server = Troubled::new(*place, self.rate, self.schedule, away);
                Store::new(index == 0, server, start, rng.u64(..))
            });
            let stores = stores.collect();
            client(stores, start, rng)
        })
    }

    /// What the next call asks for.
    pub(crate) fn ask(&self, rng: &mut fastrand::Rng) -> Ask {
        let draw = rng.f64();
        let mut below = 0.0;
        let kind = self.kinds.iter().position(|kind| {
            below += kind.share;
            draw < below
        });
        let kind = kind.unwrap_or(self.kinds.len() - 1);
        Ask {
            kind: kind as u8,
            takes: self.kinds[kind].takes.map(|time| time.draw(rng)),
            prefix: rng.u8(..PREFIXES),
            write: self.writes,
            deadline: self.kinds[kind].deadline.map(ms),
            leaves: self.kinds[kind].leaves,
        }
    }
}
