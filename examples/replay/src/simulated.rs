//! In memory and in paused time: the hours that it took, in seconds.

use super::{
    contender::{Evenkeel, Model},
    course::{self, Course},
    flags::Flags,
    load,
    outcome::{self, Outcome},
};
use evenkeel::{
    ObjectClient, Replication,
    client::ObjectStack,
    drill::{FaultLayer, Timeline},
    provider::{AnyObjectProvider, Memory, ObjectProvider, ObjectService},
    request::{Key, object::Put},
};
use std::{
    error::Error,
    sync::{Arc, Mutex},
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
    let course = Course::new(
        scenario.clone(),
        (length / 6).clamp(Duration::from_secs(3), most),
        (length / 2).clamp(Duration::from_secs(5), most),
    );
    let timeline = Timeline::new(scenario, flags.seed)?;

    let mut stores = Vec::new();
    for (number, distance) in (1..).zip(course::DISTANCES) {
        stores.push(store(distance, flags.seed.wrapping_add(number)).await?);
    }
    let players = timeline.clone();
    let mut builder = ObjectClient::builder();
    if flags.events {
        builder = builder.on_event(super::progress::event);
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
        .build()?;

    let [primary, ..] = course.places();
    let profile = primary.profile();
    // A store of its own, so that neither finds what the other wrote.
    let own = store(course::DISTANCES[0], flags.seed).await?;
    let bridge = ObjectService::new(profile.name(), AnyObjectProvider::new(own));
    let plain = Model {
        primary: ObjectStack::new(FaultLayer::new(timeline.clone(), profile.clone()).layer(bridge)),
        rng: Arc::new(Mutex::new(fastrand::Rng::with_seed(flags.seed))),
    };
    eprintln!(
        "Simulating {} at its length of {} in memory: {} calls/s through evenkeel over three stores, and as many to the \
         first alone\nthrough a model of the plain SDK: three attempts, exponential backoff with full jitter (the SDK \
         cannot follow paused time).\nService times of {} to {} ms; added round trip {} ms.\n{}\n",
        course.name(),
        super::progress::clock(course.scenario().duration()),
        flags.rate,
        SERVICE_TIME.0,
        SERVICE_TIME.1,
        course::DISTANCES.map(|ms| ms.to_string()).join(", "),
        super::progress::wrapped(&course.scenario().description),
    );
    // Nothing here holds a socket: as many as the cut-off lets live.
    let outcome = outcome::contest(flags, course, &timeline, Evenkeel(client), plain, 100_000).await;
    Ok(outcome)
}

/// A store with the objects that will be read.
async fn store(distance: u64, seed: u64) -> Result<Memory, Box<dyn Error>> {
    let store = Memory::new();
    for number in 0..load::SEEDED {
        let key = load::seeded(number);
        let body = load::body(&key);
        store.put(Put::new(Key::new(key)?, body)).await?;
    }
    let (least, most) = SERVICE_TIME;
    let times = Duration::from_millis(least + distance)..Duration::from_millis(most + distance);
    Ok(store.with_latency(times, seed))
}
