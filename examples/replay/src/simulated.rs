//! In memory and in paused time: the hours that it took, in seconds.

use super::{
    contender::{Evenkeel, Model, ModelStream, STALLED},
    course::{self, Course},
    flags::Flags,
    load,
    outcome::{self, Outcome},
    proof::{self, Passed},
    streams::{self, Beside, Streams, Wire},
};
use bytes::Bytes;
use evenkeel::{
    ObjectClient, Replication,
    client::ObjectStack,
    drill::{FaultLayer, Timeline},
    provider::{AnyObjectProvider, Memory, ObjectProvider, ObjectService},
    request::{
        Key,
        object::{Put, WriteId},
    },
};
use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tower::Layer;

/// What a server takes at least and at most, beside the distance.
const SERVICE_TIME: (u64, u64) = (3, 8);

/// Sets everything up and plays it.
pub(crate) async fn play(flags: &Flags) -> Result<Outcome, Box<dyn Error>> {
    let scenario = flags.compressed();
    let length = scenario.duration();
    // As on sockets; in hours of trouble, half an hour is enough to see what is normal, and to see it come back.
    let most = Duration::from_secs(30 * 60);
    let mut course = Course::new(
        scenario.clone(),
        (length / 6).clamp(Duration::from_secs(3), most),
        (length / 2).clamp(Duration::from_secs(5), most),
    );
    let timeline = Timeline::new(scenario, flags.seed)?;
    course.journal = proof::begin(flags, &course)?;

    let large = if flags.stream {
        streams::objects(flags.seed)
    } else {
        Vec::new()
    };
    let mut stores = Vec::new();
    for (number, distance) in (1..).zip(course::DISTANCES) {
        stores.push(store(distance, flags.seed.wrapping_add(number), &large).await?);
    }
    let carried: [Arc<AtomicU64>; 2] = Default::default();
    let (players, wires, [mine, _]) = (timeline.clone(), timeline.clone(), carried.clone());
    let seed = flags.seed;
    let mut builder = ObjectClient::builder();
    if flags.events {
        builder = builder.on_event(super::progress::event);
    }
    let passed = Passed::default();
    if let Some(journal) = &course.journal {
        builder = builder
            .on_event_record(journal.listener())
            .only_locations(proof::locations(&course))
            // The first in the order: nothing but the constraint keeps calls away.
            .endpoint(proof::forbidden().map(|()| stores[0].clone()));
    }
    let client = builder
        .endpoints(
            course
                .places()
                .into_iter()
                .zip(&stores)
                .map(|(place, store)| place.map(|()| store.clone())),
        )
        .replication(Replication::write_once())
        .seed(flags.seed)
        .endpoint_layer(move |profile| FaultLayer::new(players.clone(), profile.clone()))
        .endpoint_layer(move |profile| Wire::new(wires.clone(), profile.clone(), seed, mine.clone(), None))
        .endpoint_layer({
            let passed = passed.clone();
            move |profile| passed.layer(profile.name())
        })
        .build()?;

    let [primary, ..] = course.places();
    let profile = primary.profile();
    // A store of its own, so that neither finds what the other wrote.
    let own = store(course::DISTANCES[0], flags.seed, &large).await?;
    let bridge = ObjectService::new(profile.name(), AnyObjectProvider::new(own));
    let plain = Model {
        primary: ObjectStack::new(FaultLayer::new(timeline.clone(), profile.clone()).layer(bridge)),
        rng: Arc::new(Mutex::new(fastrand::Rng::with_seed(flags.seed))),
    };
    eprintln!(
        "Simulating {} at its length of {} in memory: {} calls/s through evenkeel over three stores, and as many to the \
         first alone\nthrough a model of the plain SDK: three attempts, exponential backoff with full jitter (the SDK \
         cannot follow paused time).\nService times of {} to {} ms; added round trip {} ms.{}\n{}\n",
        course.name(),
        super::progress::clock(course.scenario().duration()),
        flags.rate,
        SERVICE_TIME.0,
        SERVICE_TIME.1,
        course::DISTANCES.map(|ms| ms.to_string()).join(", "),
        if flags.stream {
            "\nBeside each ten calls an object of 8 MiB is read, at 12.5 MB/s for each connection: by evenkeel as a stream, by the model\n\
             with one GET that begins again at the first byte."
        } else {
            ""
        },
        super::progress::wrapped(&course.scenario().description),
    );
    let (mine, theirs) = (Evenkeel(client), plain);
    let wire = Wire::new(
        timeline.clone(),
        profile.clone(),
        seed,
        carried[1].clone(),
        Some(STALLED),
    );
    let streaming = ModelStream {
        model: theirs.clone(),
        wire,
    };
    let arrivals = streams::arrivals(&course, flags.rate * streams::SHARE, flags.seed);
    let arrivals: Arc<[_]> = if flags.stream { arrivals.into() } else { Arc::default() };
    let objects: Arc<[_]> = large.into();
    let (streamed, is_wanted) = (mine.clone(), flags.stream);
    let beside = async move |start| {
        let (evenkeel, baseline) = tokio::join!(
            streams::drive(streamed, objects.clone(), arrivals.clone(), start),
            streams::drive(streaming, objects, arrivals, start),
        );
        let [mine, theirs] = carried.map(|carried| carried.load(Relaxed));
        let side = |samples, carried| Streams { samples, carried };
        is_wanted.then(|| Beside {
            evenkeel: side(evenkeel, mine),
            baseline: side(baseline, theirs),
        })
    };
    // Nothing here holds a socket: as many as the cut-off lets live.
    let mut outcome = outcome::contest(flags, course, &timeline, mine, theirs, 100_000, beside).await;
    if outcome.course.journal.is_some() {
        let seen = passed.seen();
        let counted_by = "a layer before each store in memory";
        outcome.breaches = Some(proof::breaches(&outcome.course, counted_by, |name| {
            seen.get(name).copied().unwrap_or(0)
        }));
    }
    Ok(outcome)
}

/// A store with the objects that will be read. The large ones have the id of one write at every place, as a provider's
/// replication leaves them: that proves to a stream that it may go on elsewhere.
async fn store(distance: u64, seed: u64, large: &[(String, Bytes)]) -> Result<Memory, Box<dyn Error>> {
    let store = Memory::new();
    for number in 0..load::SEEDED {
        let key = load::seeded(number);
        let body = load::body(&key);
        store.put(Put::new(Key::new(key)?, body)).await?;
    }
    for (key, body) in large {
        let mut put = Put::new(Key::new(key.clone())?, body.clone());
        put.write_id = Some(WriteId::new(key.clone()));
        store.put(put).await?;
    }
    let (least, most) = SERVICE_TIME;
    let times = Duration::from_millis(least + distance)..Duration::from_millis(most + distance);
    Ok(store.with_latency(times, seed))
}
