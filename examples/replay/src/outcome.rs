//! What came out of a run, and what both kinds of run share.

use super::{
    contender::{Contender, Right},
    course::Course,
    flags::Flags,
    load::{self, Sample},
    progress::{self, Board},
    streams::Beside,
};
use evenkeel::drill::{Timeline, report::Breaches};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep},
};

/// A run, ready to be described.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) course: Course,
    pub(crate) rate: f64,
    pub(crate) simulated: bool,
    pub(crate) evenkeel: Side,
    pub(crate) baseline: Side,
    /// With `--stream`: the large objects beside.
    pub(crate) streams: Option<Beside>,
    /// With `--report`: what was seen at each place.
    pub(crate) breaches: Option<Breaches>,
    /// By the clock on the wall.
    pub(crate) took: Duration,
}

/// One of the two that carried the load.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) samples: Vec<Sample>,
    /// Acknowledged writes that could not be read back byte for byte afterwards.
    pub(crate) lost: Vec<String>,
}

/// The replay has no clock but tokio's, so that it works in paused time.
#[allow(clippy::disallowed_methods)] // the crate's own clock is private
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// For how long the replay kept a person waiting; runs on while tokio's time is paused.
#[allow(clippy::disallowed_methods)] // paused time cannot tell
pub(crate) fn on_the_wall() -> std::time::Instant {
    std::time::Instant::now()
}

/// Runs the load through both at once, with what `beside` makes of the moment at which they begin; then reads back what
/// they acknowledged.
pub(crate) async fn contest<B: Future<Output = Option<Beside>>>(
    flags: &Flags,
    course: Course,
    timeline: &Timeline,
    evenkeel: impl Contender,
    baseline: impl Contender,
    most_under_way: usize,
    beside: impl FnOnce(Instant) -> B,
) -> Outcome {
    let wall = on_the_wall();
    let arrivals: Arc<[_]> = load::arrivals(&course, flags.rate, flags.seed, flags.kv).into();
    let board = Arc::new(Board::default());
    // A moment ahead, so that both begin together.
    let start = now() + Duration::from_millis(50);
    timeline.start(start + course.before);
    if let Some(journal) = &course.journal {
        // It was begun when the course was set.
        let _ = journal.start(start + course.before);
    }
    let reporter = tokio::spawn(progress::report(board.clone(), course.clone(), flags.simulate, start));
    let places = || Arc::new(Semaphore::new(most_under_way));
    let (mine, theirs, streams) = tokio::join!(
        load::drive(
            evenkeel.clone(),
            arrivals.clone(),
            start,
            places(),
            board.evenkeel.clone()
        ),
        load::drive(baseline.clone(), arrivals, start, places(), board.baseline.clone()),
        beside(start),
    );
    reporter.abort();
    timeline.stop();
    if let Some(journal) = &course.journal {
        journal.end(timeline.ended().as_ref());
    }
    eprintln!("reading back every acknowledged write …");
    let (mine, theirs) = tokio::join!(side(evenkeel, mine), side(baseline, theirs));
    Outcome {
        course,
        rate: flags.rate,
        simulated: flags.simulate,
        evenkeel: mine,
        baseline: theirs,
        streams,
        breaches: None,
        took: wall.elapsed(),
    }
}

/// How many objects are read back at a time.
const READING_BACK: usize = 16;

async fn side<C: Contender>(who: C, samples: Vec<Sample>) -> Side {
    let stored: Vec<String> = samples.iter().filter_map(|sample| sample.stored.clone()).collect();
    let until = now() + SEARCH;
    let mut lost = Vec::new();
    for some in stored.chunks(READING_BACK) {
        let mut reads = JoinSet::new();
        for key in some.iter().cloned() {
            reads.spawn(find(who.clone(), key, until));
        }
        while let Some(found) = reads.join_next().await {
            match found {
                Ok(Ok(_)) => {}
                Ok(Err(why)) => lost.push(why),
                Err(broken) => lost.push(broken.to_string()),
            }
        }
    }
    Side { samples, lost }
}

/// For how long all that was acknowledged is looked for. All is well by then, but a breaker may be open for up to 30 s
/// after an outage; a write is lost when it is not there, not when it is not there yet.
const SEARCH: Duration = Duration::from_secs(60);

async fn find<C: Contender>(who: C, key: String, until: Instant) -> Right {
    let tally = Arc::default();
    loop {
        let found = who.get(&key, &tally).await;
        if found.is_ok() || now() >= until {
            return found;
        }
        sleep(Duration::from_millis(500)).await;
    }
}
