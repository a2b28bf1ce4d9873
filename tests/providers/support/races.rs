//! Concurrent writers at one table.

use evenkeel::{Endpoint, ErrorKind, KvClient, provider::KvProvider};
use futures_util::future::join_all;

/// 24 creates have one winner, again and again; 8 writers add 25 each and none is lost.
pub(crate) async fn races<P: KvProvider>(table: P) {
    let client = KvClient::builder()
        .endpoint(Endpoint::new("home", table))
        .build()
        .unwrap();
    for round in 0..2 {
        let name = format!("race-{round}");
        let racers = (0..24).map(|i| client.put_if_absent(name.clone(), format!("racer {i}")));
        let results = join_all(racers.map(IntoFuture::into_future)).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        for lost in results.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(lost.kind(), ErrorKind::AlreadyExists, "{lost}");
        }
    }
    client.put("counter", "0").await.unwrap();
    join_all((0..8).map(|_| add(&client, 25))).await;
    assert_eq!(client.get("counter").await.unwrap().bytes(), "200");
}

async fn add(client: &KvClient, times: u32) {
    let mut done = 0;
    while done < times {
        let there = client.get("counter").await.unwrap();
        let next = 1 + std::str::from_utf8(there.bytes()).unwrap().parse::<u32>().unwrap();
        let version = there.version().clone();
        match client.compare_and_set("counter", version, next.to_string()).await {
            Ok(_) => done += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}"),
        }
    }
}
