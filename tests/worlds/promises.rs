//! What must hold in every world.

use crate::{
    baselines::{ByHand, DEADLINE},
    case::{Case, Place, Trouble},
    figures::Seen,
    heard::{Heard, Told, What},
    load::{Client, Failed},
    ours::{self, Evenkeel},
    store::Ask,
    world::World,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// A promise, and how it was broken.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "printed")]
pub(crate) struct Broken {
    pub(crate) promise: &'static str,
    pub(crate) how: String,
}

/// The timers resolve to 1 ms, and a call can wait for two of them in a row.
const TIMERS: Duration = Duration::from_millis(2);
/// Of the calls: what it takes to learn, and chance.
const LEARNING: (f64, f64) = (0.015, 8.0);
/// A limit that whoever knows the endpoints sets by hand: what is healthy takes a second at most, but for rare tails.
const BY_HAND: Duration = Duration::from_millis(1_500);
/// Events a second that a person can still read.
const EVENTS: usize = 10;

/// Plays the world for evenkeel, for no library, and for the plain client.
pub(crate) fn broken(world: &World, seed: u64, tell: bool) -> Vec<Broken> {
    let case = world.case();
    let heard = Heard::default();
    let ours = case.play(seed, |stores, start, rng| {
        let mut seeds = rng.fork();
        let clients = (0..case.clients).map(|_| ours::telling(stores.clone(), seeds.u64(..), heard.listener(start)));
        Herd {
            clients: clients.collect(),
            next: Arc::default(),
        }
    });
    let without = |limit| {
        case.play(seed, |stores, _, rng| {
            let _ = rng.fork(); // so that the calls are the same
            ByHand {
                stores: stores.into(),
                limit,
            }
        })
    };
    // Played where they are asked for: in most worlds nothing is amiss, and there is nothing to compare.
    let (by_hand, plain) = (|| without(Some(BY_HAND)), || without(None));
    let events = heard.events();
    if tell {
        for (name, calls) in [("evenkeel", &ours), ("by hand", &by_hand()), ("plain", &plain())] {
            let attempts: u32 = calls.iter().map(|call| call.attempts).sum();
            println!(
                "{name}: {} of {} failed, {attempts} attempts",
                failures(calls),
                calls.len()
            );
        }
        println!("{} events", events.len());
    }
    let checks = [
        ("success", success(&case, &ours, by_hand)),
        ("attempts", attempts(&case, &ours, &events)),
        ("no opening of what is healthy", openings(&case, &events)),
        ("deadline", deadlines(&case, &ours)),
        (
            "nothing refused that would have been answered",
            refusals(&case, &ours, plain),
        ),
        ("few events", few_events(&case, &events)),
    ];
    let broken = checks
        .into_iter()
        .filter_map(|(promise, how)| Some(Broken { promise, how: how? }));
    broken.collect()
}

fn failures(calls: &[Seen]) -> usize {
    calls.iter().filter(|call| !call.ok).count()
}

/// What no library reaches, minus what the budget forbids: a tenth of the calls and one a second may be rescued elsewhere.
fn success(case: &Case, ours: &[Seen], by_hand: impl FnOnce() -> Vec<Seen>) -> Option<String> {
    let learning = ours.len() as f64 * LEARNING.0 + LEARNING.1;
    let failed = failures(ours);
    if failed as f64 <= learning {
        return None;
    }
    let by_hand = by_hand();
    let rescued = by_hand.iter().filter(|call| call.ok && call.attempts > 1).count() as f64;
    let ill = (case.schedule.fault_to - case.schedule.fault_from).as_secs_f64();
    let budget = ill * case.rate * 0.1 + ill;
    let forbidden = (rescued - budget).max(0.0);
    // Where all are ill, a longer limit happens to wait until that is over.
    let all_ill = case
        .places
        .iter()
        .all(|place| !matches!(place.trouble, Trouble::Nothing));
    let waited = if all_ill {
        BY_HAND.as_secs_f64() * case.rate
    } else {
        0.0
    };
    let most = failures(&by_hand) as f64 + forbidden + waited + learning;
    (failed as f64 > most).then(|| {
        let hand = failures(&by_hand);
        format!(
            "{failed} of {} calls failed; by hand {hand}, with {rescued} rescued and {budget:.0} of that allowed",
            ours.len()
        )
    })
}

/// A tenth of the calls, one a second, ten banked, and what is asked beside calls that serve as probes.
fn attempts(case: &Case, ours: &[Seen], events: &[Told]) -> Option<String> {
    let extra: u32 = ours.iter().map(|call| call.attempts.saturating_sub(1)).sum();
    let of_probes: usize = events
        .iter()
        .map(|told| match told.what {
            What::Opened(_) | What::HalfOpened(_) => 2,
            // What it takes to close, many relapses included.
            What::Closed(_) => 16,
            What::Other => 0,
        })
        .sum();
    let floor = (case.schedule.end.as_secs_f64() + 10.0) * case.clients as f64;
    let allowed = ours.len() as f64 * 0.1 + floor + of_probes as f64;
    (f64::from(extra) > allowed)
        .then(|| format!("{extra} extra attempts of {allowed:.0}, {of_probes} of them for probes"))
}

fn openings(case: &Case, events: &[Told]) -> Option<String> {
    let healthy = |place: usize| matches!(case.places[place].trouble, Trouble::Nothing);
    let mut wrong = events
        .iter()
        .filter(|told| matches!(told.what, What::Opened(place) if healthy(place)));
    let first = wrong.next()?;
    let more = wrong.count();
    Some(format!("{:?} at {:?}, and {more} more", first.what, first.at))
}

fn deadlines(case: &Case, ours: &[Seen]) -> Option<String> {
    let limit = |call: &Seen| {
        let own = case.kinds[usize::from(call.kind)].deadline;
        own.map_or(DEADLINE, |ms| Duration::from_secs_f64(ms / 1e3))
    };
    let late = ours.iter().find(|call| call.took > limit(call) + TIMERS)?;
    Some(format!("a call took {:?} of {:?}", late.took, limit(late)))
}

/// Where more is asked than an endpoint can do, somebody is refused, here or there: then what counts is how many are answered.
fn refusals(case: &Case, ours: &[Seen], plain: impl FnOnce() -> Vec<Seen>) -> Option<String> {
    if !ours.iter().any(|call| call.refused) {
        return None;
    }
    let plain = plain();
    let both = ours.iter().zip(&plain);
    let wrong = both.filter(|(ours, plain)| ours.refused && plain.ok).count();
    let queue = |place: &Place| matches!(place.trouble, Trouble::Queue(_));
    let none_the_worse = case.places.iter().any(queue) && failures(ours) <= failures(&plain);
    (wrong > 0 && !none_the_worse).then(|| {
        let (ours, plain) = (failures(ours), failures(&plain));
        format!("{wrong} refused; {ours} failed, of the plain client {plain}")
    })
}

fn few_events(case: &Case, events: &[Told]) -> Option<String> {
    let within = |at: Duration| events.partition_point(|told| told.at < at + Duration::from_secs(1));
    let counts = events.iter().enumerate().map(|(index, told)| within(told.at) - index);
    let most = counts.max().unwrap_or(0);
    (most > EVENTS * case.clients).then(|| format!("{most} in one second"))
}

/// Clients that take turns.
#[derive(Clone)]
struct Herd {
    clients: Arc<[Evenkeel]>,
    next: Arc<AtomicUsize>,
}

impl Client for Herd {
    async fn read(&self) -> bool {
        self.call(Ask::default()).await.is_ok()
    }

    async fn call(&self, ask: Ask) -> Result<(), Failed> {
        let turn = self.next.fetch_add(1, Relaxed);
        self.clients[turn % self.clients.len()].call(ask).await
    }
}
