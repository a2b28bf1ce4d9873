//! Downloads over real sockets, while the serving endpoint is cut, stalled, crawling or killed at a random byte.

use crate::s3s_server as server;
use aws_sdk_s3::Client;
use bytes::Bytes;
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication, client::object::Download, provider::S3, stack::retry::Budget,
};
use evenkeel_s3_server::{Fault, Operation, Rule};
use futures_util::TryStreamExt;
use server::Server;

/// Five parts: small enough for a debug build, and large enough that a body has a middle.
const SIZE: usize = 3 << 20;
const PART: u64 = 768 << 10;

fn film() -> Bytes {
    (0..SIZE as u32).flat_map(|at| [(at / 251) as u8]).collect()
}

fn s3(server: &Server) -> S3 {
    S3::new(Client::from_conf(server.config().build()), "orders")
}

/// Two servers over one store, as a provider's replication leaves it.
async fn cinema() -> (ObjectClient, Server, Server) {
    let home = server::start(&["orders"]).await;
    let copy = home.copy().await;
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", s3(&home).trusting_conditions()))
        .endpoint(Endpoint::new("copy", s3(&copy).trusting_conditions()).read_only())
        .replication(Replication::provider_managed())
        // Each download here loses its endpoint, which a service's downloads do not.
        .budget(Budget::new(1.0, 1_000.0))
        .build()
        .unwrap();
    client.put("film", film()).await.unwrap();
    (client, home, copy)
}

async fn rest(download: &mut Download) -> Result<Vec<u8>, evenkeel::Error> {
    let mut all = Vec::new();
    while let Some(part) = download.try_next().await? {
        all.extend_from_slice(&part);
    }
    Ok(all)
}

fn fault(rng: &mut fastrand::Rng) -> Fault {
    let at = rng.usize(..PART as usize);
    match rng.u8(..7) {
        0 => Fault::CutBody(at),
        1 => Fault::StallBody(at, None),
        2 => Fault::SlowBody(2_000),
        3 => Fault::Drop,
        4 => Fault::Status(503, "InternalError"),
        5 => Fault::DropAnswer,
        _ => Fault::Status(500, "InternalError"),
    }
}

/// Byte for byte the same, whatever the home does to any of its answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_survive_faults_of_their_endpoint_at_random_bytes() {
    let film = film();
    for seed in 0..24 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (client, home, _copy) = cinema().await;
        let fault = fault(&mut rng);
        // The first part, some part in the middle, or all that follow.
        let rule = Rule::on(Operation::GetObject, fault.clone());
        let rule = match rng.u8(..3) {
            0 => rule.nth(1),
            1 => rule.nth(rng.usize(2..5)),
            _ => rule,
        };
        home.inner.faults().add(rule);
        let call = client.get_stream("film").part_size(PART).concurrency(rng.usize(1..4));
        let mut download = call
            .await
            .unwrap_or_else(|error| panic!("seed {seed}, {fault:?}: {error}"));
        let all = rest(&mut download).await;
        let all = all.unwrap_or_else(|error| panic!("seed {seed}, {fault:?}: {error}"));
        assert!(all == film, "seed {seed}, {fault:?}: {} bytes", all.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_survives_the_death_of_its_server() {
    let (client, home, _copy) = cinema().await;
    let mut download = client.get_stream("film").part_size(PART).await.unwrap();
    let first = download.try_next().await.unwrap().unwrap();
    home.inner.kill().await;
    let rest = rest(&mut download).await.unwrap();
    assert!([&first[..], &rest].concat() == film());
    let last = download.served().last().unwrap();
    assert_eq!(&*last.endpoint, "copy");
}

/// A server that ignores If-Match: the answer's own tag tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_replaced_over_sockets_is_never_mixed() {
    for seed in 0..10 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (client, _home, _copy) = cinema().await;
        let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
        let mut all = Vec::new();
        for _ in 0..rng.usize(1..4) {
            all.extend_from_slice(&download.try_next().await.unwrap().unwrap());
        }
        client.put("film", vec![0; SIZE]).overwrite().await.unwrap();
        let error = loop {
            match download.try_next().await {
                Ok(Some(part)) => all.extend_from_slice(&part),
                Ok(None) => panic!("seed {seed}: {} bytes, and no error", all.len()),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
        assert!(film().starts_with(&all));
        assert_eq!(error.delivered(), Some(all.len() as u64), "{error}");
    }
}

/// Healthy and only slow, a part for longer than any limit that small reads have taught: nothing is fetched twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_healthy_server_is_not_left() {
    let (client, home, copy) = cinema().await;
    for _ in 0..30 {
        client.get("film").range(0..100).await.unwrap();
    }
    home.inner.set_rate(Some(400 << 10));
    let (before, at_the_copy) = (
        home.inner.count(Operation::GetObject),
        copy.inner.count(Operation::GetObject),
    );
    let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
    assert!(rest(&mut download).await.unwrap() == film());
    // 256 KiB, 512, and three of 768.
    assert_eq!(home.inner.count(Operation::GetObject) - before, 5);
    assert_eq!(copy.inner.count(Operation::GetObject), at_the_copy);
}
