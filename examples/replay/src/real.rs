//! On sockets: servers, proxies, and the real SDK.

use super::{
    contender::{Evenkeel, PlainSdk},
    course::{self, Course},
    flags::Flags,
    load,
    outcome::{self, Outcome},
    proof,
    server::{self, ACCESS_KEY, BUCKET, PLAIN_BUCKET, SECRET_KEY, Server},
};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, SharedHttpClient},
    primitives::ByteStream,
};
use aws_smithy_http_client::{Builder, tls};
use evenkeel::{
    ObjectClient, Replication,
    drill::{DrillResolver, FaultProxy, Timeline},
    endpoint::Profile,
    provider::S3,
    stack::breaker::Registry,
};
use std::{error::Error, future::ready, time::Duration};

/// Sets everything up and plays it.
pub(crate) async fn play(flags: &Flags) -> Result<Outcome, Box<dyn Error>> {
    let files = open_files();
    let scenario = flags.compressed();
    // A sixth of it before and half of it after: enough to see what is normal, and to see it come back.
    let length = scenario.duration();
    let mut course = Course::new(
        scenario.clone(),
        (length / 6).max(Duration::from_secs(3)),
        (length / 2).max(Duration::from_secs(5)),
    );
    let timeline = Timeline::new(scenario, flags.seed)?;
    course.journal = proof::begin(flags, &course)?;
    let registry = Registry::new();

    let mut keep = Vec::new();
    let mut builder = ObjectClient::builder()
        .replication(Replication::write_once())
        .registry(registry.clone());
    if flags.events {
        builder = builder.on_event(super::progress::event);
    }
    // The first in the order: nothing but the constraint keeps calls away.
    let mut bait = None;
    if let Some(journal) = &course.journal {
        let place = proof::forbidden();
        let listening = proof::Bait::start().await?;
        let client = sdk(listening.port(), place.profile(), &timeline)?;
        builder = builder
            .on_event_record(journal.listener())
            .only_locations(proof::locations(&course))
            .endpoint(place.map(|()| S3::new(client, BUCKET).trusting_conditions()));
        bait = Some(listening);
    }
    for (place, distance) in course.places().into_iter().zip(course::DISTANCES) {
        let server = server::start().await?;
        seed(&server).await?;
        let proxy = FaultProxy::bind(server.addr, place.profile().clone(), timeline.clone()).await?;
        proxy.set_distance(Duration::from_millis(distance));
        let client = sdk(proxy.addr().port(), place.profile(), &timeline)?;
        // The servers' store looks first and writes then. It is trusted all the same: no two writers here use one key, and
        // what is played is an outage, which questions in the background would be no part of.
        builder = builder.endpoint(place.clone().map(|()| S3::new(client, BUCKET).trusting_conditions()));
        keep.push((place.profile().name().to_owned(), server, proxy));
    }
    let client = builder.build()?;

    // The plain SDK's own way to the first place: the same server, the same timeline, another proxy.
    let [primary, ..] = course.places();
    let proxy = FaultProxy::bind(keep[0].1.addr, primary.profile().clone(), timeline.clone()).await?;
    proxy.set_distance(Duration::from_millis(course::DISTANCES[0]));
    let plain = PlainSdk {
        client: sdk(proxy.addr().port(), primary.profile(), &timeline)?,
        bucket: PLAIN_BUCKET,
    };
    if !client.warm_up().await.is_complete() {
        return Err("not every server answered before the start".into());
    }
    plain.client.head_bucket().bucket(PLAIN_BUCKET).send().await?;

    announce(flags, &course, &client);
    // Each call under way holds a socket here, one at the proxy, and two more behind it.
    let most = (files.saturating_sub(200) / 8).clamp(20, 4000);
    let evenkeel = Evenkeel(client.clone());
    let mut outcome = if flags.kv {
        contest_with_rows(flags, course, &timeline, &registry, evenkeel, plain, most).await?
    } else {
        outcome::contest(flags, course, &timeline, evenkeel, plain, most, |_| ready(None)).await
    };
    client.close();
    if let Some(bait) = bait {
        let counted_by = "a fault proxy before each server; at the forbidden place a listener that counts connections";
        outcome.breaches = Some(proof::breaches(&outcome.course, counted_by, |name| {
            let proxy = keep.iter().find(|(place, ..)| place == name);
            proxy.map_or_else(|| bait.connections(), |(.., proxy)| proxy.counts().total().seen)
        }));
    }
    Ok(outcome)
}

/// With tables beside the buckets, under one health model.
#[cfg(feature = "dynamodb")]
async fn contest_with_rows(
    flags: &Flags,
    course: Course,
    timeline: &Timeline,
    registry: &Registry,
    evenkeel: Evenkeel,
    plain: PlainSdk,
    most: usize,
) -> Result<Outcome, Box<dyn Error>> {
    use super::{contender::Both, rows::Rows};
    let rows = Rows::start(flags, &course, timeline, registry).await?;
    let evenkeel = Both {
        objects: evenkeel,
        rows: rows.evenkeel.clone(),
    };
    let plain = Both {
        objects: plain,
        rows: rows.plain.clone(),
    };
    let outcome = outcome::contest(flags, course, timeline, evenkeel, plain, most, |_| ready(None)).await;
    rows.evenkeel.0.close();
    Ok(outcome)
}

#[cfg(not(feature = "dynamodb"))]
async fn contest_with_rows(
    _: &Flags,
    _: Course,
    _: &Timeline,
    _: &Registry,
    _: Evenkeel,
    _: PlainSdk,
    _: usize,
) -> Result<Outcome, Box<dyn Error>> {
    Err("this build has no tables".into()) // and the flags said so before
}

fn announce(flags: &Flags, course: &Course, client: &ObjectClient) {
    let names: Vec<_> = client.endpoints().map(Profile::name).collect();
    eprintln!(
        "Replaying {} in {} s over real sockets: {} calls/s through evenkeel ({}),\nand as many through the plain AWS SDK, \
         with its default retries, to {} alone. 90 % gets, 10 % puts of new keys, 1 KiB.{}\nAdded round trip: {} ms, so that \
         the other places are as far away as they are. Faults strike as the scenario says:\n{}\n",
        course.name(),
        course.scenario().duration().as_secs(),
        flags.rate,
        names.join(", "),
        names[0],
        if flags.kv {
            "\nHalf of all goes to DynamoDB tables at the first two places, under the same health model."
        } else {
            ""
        },
        course::DISTANCES.map(|ms| ms.to_string()).join(", "),
        super::progress::wrapped(&course.scenario().description),
    );
}

/// An SDK client as it comes, but for the address, and for [`http`].
fn sdk(port: u16, profile: &Profile, timeline: &Timeline) -> Result<Client, Box<dyn Error>> {
    let region = profile.region().unwrap_or("us-east-1").to_owned();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://s3.{region}.replay.test:{port}"))
        .region(Region::new(region))
        .force_path_style(true)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "replay"))
        .http_client(http(profile, timeline)?)
        .build();
    Ok(Client::from_conf(config))
}

/// The SDK's own HTTP client, with a resolver for which names can vanish.
pub(crate) fn http(profile: &Profile, timeline: &Timeline) -> Result<SharedHttpClient, Box<dyn Error>> {
    let resolver = DrillResolver::new(timeline.clone(), profile.clone())?;
    Ok(Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_with_resolver(resolver))
}

/// Puts the objects that will be read into a server, around its proxy.
async fn seed(server: &Server) -> Result<(), Box<dyn Error>> {
    let client = sdk(server.addr.port(), &Profile::new("seeding"), &Timeline::idle())?;
    for number in 0..load::SEEDED {
        let key = load::seeded(number);
        for bucket in [BUCKET, PLAIN_BUCKET] {
            let body = ByteStream::from(load::body(&key));
            let put = client.put_object().bucket(bucket).key(&key).body(body);
            put.send().await?;
        }
    }
    Ok(())
}

/// How many files this process may have open, after asking for as many as the system allows it.
fn open_files() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum.map(|most| most.min(65_536)).or(Some(65_536));
    let granted = match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current,
        Err(_) => before,
    };
    granted.and_then(|files| usize::try_from(files).ok()).unwrap_or(65_536)
}
