//! Downloads over real sockets: the real SDK, our S3 server with faults of its own, and the fault proxy before it.

use crate::{
    downloads::{film, rest},
    s3s_server::{self, Server},
    seeds,
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    drill::{FaultProxy, Scenario, Timeline},
    provider::S3,
    stack::retry::Budget,
};
use evenkeel_s3_server::{Fault, Operation, Rule};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::time::Duration;

pub(crate) const BUCKET: &str = "films";
pub(crate) const KEY: &str = "film";
const SIZE: usize = 600 << 10;
const PART: u64 = 96 << 10;
const SEEDS: u64 = 100;
/// Each waits for others' silence most of the time.
const AT_ONCE: usize = 10;
/// One second of silence, and the rest of the file from elsewhere: two seconds. A machine that is busy with other things
/// takes longer, and one download that hangs would take for ever.
const HANGS: Duration = Duration::from_secs(120);

pub(crate) fn s3(url: &str) -> S3 {
    let config = s3s_server::config(url).build();
    S3::new(aws_sdk_s3::Client::from_conf(config), BUCKET).trusting_conditions()
}

pub(crate) fn client(home: &str, copy: Option<&str>) -> ObjectClient {
    let builder = ObjectClient::builder()
        .endpoint(Endpoint::new("home", s3(home)))
        .replication(Replication::provider_managed())
        // Each download here loses its endpoint, which a service's downloads do not.
        .budget(Budget::new(1.0, 1_000.0));
    let copies = copy.map(|url| Endpoint::new("copy", s3(url)).read_only());
    builder.endpoints(copies).build().unwrap()
}

/// What befalls the home.
#[derive(Clone, Debug)]
enum Trouble {
    /// The server's own fault, at one of its answers or at all from one on.
    Server(Fault, Option<usize>),
    /// The server's process ends once so many bytes came, and is back after so long.
    Killed(u64, Option<Duration>),
    /// Every connection crawls from then on.
    Crawls(u64),
    /// What the proxy plays from then on.
    Proxy(u64, &'static str),
}

fn trouble(rng: &mut fastrand::Rng) -> Trouble {
    let at = rng.u64(..SIZE as u64);
    let in_part = rng.usize(..PART as usize);
    let nth = rng.bool().then(|| rng.usize(1..7));
    match rng.u8(..12) {
        0 => Trouble::Server(Fault::CutBody(in_part), nth),
        1 => Trouble::Server(Fault::StallBody(in_part, None), nth),
        2 => Trouble::Server(Fault::SlowBody(rng.u64(1..8_000)), nth),
        3 => Trouble::Server(Fault::DropAnswer, nth),
        4 => Trouble::Killed(at, None),
        5 => Trouble::Killed(at, Some(Duration::from_millis(rng.u64(1..1_000)))),
        6 => Trouble::Crawls(at),
        7 => Trouble::Proxy(at, r#"{ "fault": "hang" }"#),
        8 => Trouble::Proxy(at, r#"{ "fault": "refuse" }"#),
        9 => Trouble::Proxy(at, r#"{ "fault": { "truncate": { "share": 0.4 } } }"#),
        10 => Trouble::Proxy(at, r#"{ "fault": { "drip": { "bytes_per_second": 4000 } } }"#),
        _ => Trouble::Proxy(at, r#"{ "fault": "reset_after_request" }"#),
    }
}

fn scenario(rule: &str) -> Scenario {
    let phase = format!(r#"{{ "name": "trouble", "duration": "1h", "rules": [{rule}] }}"#);
    Scenario::from_json(&format!(r#"{{ "name": "test", "phases": [{phase}] }}"#)).unwrap()
}

async fn run(store: &Server, film: &Bytes, seed: u64) -> Result<(), String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (home, copy) = (store.copy().await, store.copy().await);
    let trouble = trouble(&mut rng);
    let concurrency = rng.usize(1..4);
    let failed = |why: String| format!("{why}\n    {trouble:?}, {concurrency} at a time");
    let drill = match &trouble {
        Trouble::Proxy(_, rule) => {
            let timeline = Timeline::new(scenario(rule), seed).unwrap();
            let profile = Endpoint::new("home", ()).profile().clone();
            let proxy = FaultProxy::bind(home.addr, profile, timeline.clone()).await.unwrap();
            Some((proxy, timeline))
        }
        _ => None,
    };
    let url = match &drill {
        Some((proxy, _)) => format!("http://{}", proxy.addr()),
        None => home.inner.url(),
    };
    if let Trouble::Server(fault, nth) = &trouble {
        let rule = Rule::on(Operation::GetObject, fault.clone());
        home.inner.faults().add(match nth {
            Some(nth) => rule.nth(*nth),
            None => rule,
        });
    }
    let client = client(&url, Some(&copy.inner.url()));
    let strike = async |delivered: u64, has_struck: &mut bool| {
        let at = match &trouble {
            Trouble::Killed(at, _) | Trouble::Crawls(at) | Trouble::Proxy(at, _) => *at,
            Trouble::Server(..) => u64::MAX,
        };
        if delivered < at || std::mem::replace(has_struck, true) {
            return;
        }
        match (&trouble, &drill) {
            (Trouble::Killed(_, back), _) => {
                home.inner.kill().await;
                if let Some(back) = back {
                    tokio::time::sleep(*back).await;
                    home.inner.revive().await.unwrap();
                }
            }
            (Trouble::Crawls(_), _) => home.inner.set_rate(Some(1_000)),
            (_, Some((_, timeline))) => timeline.start_now(),
            _ => {}
        }
    };
    let mut all = Vec::new();
    let transfer = async {
        let mut has_struck = false;
        let call = client.get_stream(KEY).part_size(PART).concurrency(concurrency);
        let mut download = call.await?;
        loop {
            strike(all.len() as u64, &mut has_struck).await;
            match download.try_next().await? {
                Some(part) => all.extend_from_slice(&part),
                None => return Ok(download.delivered()),
            }
        }
    };
    let ended: Result<Result<u64, evenkeel::Error>, _> = tokio::time::timeout(HANGS, transfer).await;
    match ended {
        Err(_) => Err(failed(format!("hangs after {} bytes", all.len()))),
        Ok(Err(error)) => Err(failed(format!("{error} after {} bytes", all.len()))),
        Ok(Ok(delivered)) if all == *film && delivered == all.len() as u64 => Ok(()),
        Ok(Ok(_)) => Err(failed("other bytes than there were".to_owned())),
    }
}

/// A copy has the same all the time, so each of them comes to its end, and byte for byte the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_over_sockets_survive_whatever_befalls_their_server_at_a_random_byte() {
    let store = s3s_server::start(&[BUCKET]).await;
    let film = film(SIZE);
    client(&store.inner.url(), None).put(KEY, film.clone()).await.unwrap();
    let failed = stream::iter(seeds::of(SEEDS))
        .map(async |seed| run(&store, &film, seed).await.map_err(|why| (seed, why)))
        .buffer_unordered(AT_ONCE)
        .filter_map(async |ended| ended.err())
        .collect()
        .await;
    seeds::none(failed);
}

/// The one thread of the runtime is held for longer than any limit, while parts are on their way. Then bytes and limits
/// are due at once.
#[test]
fn a_download_survives_a_runtime_that_stands_still() {
    let servers = tokio::runtime::Runtime::new().unwrap();
    let (store, copy) = servers.block_on(async {
        let store = s3s_server::start(&[BUCKET]).await;
        let copy = store.copy().await;
        (store, copy)
    });
    let film = film(SIZE);
    for copy in [None, Some(copy.inner.url())] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = client(&store.inner.url(), copy.as_deref());
            client.put(KEY, film.clone()).overwrite().await.unwrap();
            let mut download = client.get_stream(KEY).part_size(PART).concurrency(3).await.unwrap();
            let mut all = download.try_next().await.unwrap().unwrap().to_vec();
            // So that some requests are out, and some answers have begun.
            tokio::time::sleep(Duration::from_millis(3)).await;
            std::thread::sleep(Duration::from_millis(2_500));
            rest(&mut download, &mut all).await.unwrap();
            assert!(all == film);
        });
    }
}

/// One plain request for the whole; and when its body breaks off or falls silent, only the rest from elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_get_over_sockets_fetches_only_the_rest_elsewhere() {
    const LARGE: usize = 6 << 20;
    const CAME: usize = 5 << 20;
    let store = s3s_server::start(&[BUCKET]).await;
    let film = film(LARGE);
    let put = client(&store.inner.url(), None).put(KEY, film.clone());
    put.deadline(HANGS).attempt_limit(HANGS).await.unwrap();
    for fault in [Fault::CutBody(CAME), Fault::StallBody(CAME, None)] {
        let (home, copy) = (store.copy().await, store.copy().await);
        let client = client(&home.inner.url(), Some(&copy.inner.url()));
        let rule = Rule::on(Operation::GetObject, fault.clone());
        home.inner.faults().add(rule);
        let call = client.get(KEY).deadline(HANGS).explained();
        let (got, explained) = call.await.unwrap();
        assert!(*got.body() == film, "{fault:?}");
        let statuses = |server: &Server| {
            let log = server.inner.log();
            let gets = log.iter().filter(|logged| logged.operation == Operation::GetObject);
            gets.filter_map(|logged| logged.status).collect::<Vec<_>>()
        };
        let (at_home, at_copy) = (statuses(&home), statuses(&copy));
        assert_eq!(at_home.first(), Some(&200), "{fault:?}");
        let mut parts = at_home[1..].iter().chain(&at_copy);
        assert!(parts.all(|status| *status == 206), "{fault:?}: {at_home:?} {at_copy:?}");
        let served = explained.served();
        assert!(
            &*served[0].endpoint == "home" && &*served[1].endpoint == "copy",
            "{served:?}"
        );
        // What the connection held is lost with it.
        assert!(served[0].range.end >= 4 << 20 && served[1].range.start == served[0].range.end);
    }
}
