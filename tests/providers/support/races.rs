//! Concurrent writers at one table.

use evenkeel::{Endpoint, ErrorKind, KvClient, provider::KvProvider};
use futures_util::future::join_all;

/// 24 creates have one winner, again and again; 8 writers add 25 each and none is lost.
///
/// On a busy machine an attempt can run out of its time, and its retry then meets what is there: nobody can know whether the
/// first one was stored and replaced since, so that the honest answer is *maybe applied*. The store knows.
pub(crate) async fn races<P: KvProvider>(table: P) {
    let client = KvClient::builder()
        .endpoint(Endpoint::new("home", table))
        .build()
        .unwrap();
    for round in 0..2 {
        let name = format!("race-{round}");
        let racers = (0..24).map(|i| client.put_if_absent(name.clone(), format!("racer {i}")));
        let results = join_all(racers.map(IntoFuture::into_future)).await;
        let there = client.get(name.clone()).await.unwrap();
        for (racer, result) in results.iter().enumerate() {
            let won = *there.bytes() == format!("racer {racer}");
            match result.as_ref().map_err(evenkeel::Error::kind) {
                Ok(_) => assert!(won, "two winners: {results:?}"),
                Err(ErrorKind::MaybeApplied) => {}
                Err(ErrorKind::AlreadyExists | ErrorKind::Overloaded | ErrorKind::Throttled) => {
                    assert!(!won, "told that it had lost: {results:?}");
                }
                Err(_) => panic!("{result:?}"),
            }
        }
    }
    client.put("counter", "0").await.unwrap();
    let unresolved: u32 = join_all((0..8).map(|_| add(&client, 25))).await.into_iter().sum();
    let counted = client.get("counter").await.unwrap();
    let counted: u32 = std::str::from_utf8(counted.bytes()).unwrap().parse().unwrap();
    assert!(
        (200..=200 + unresolved).contains(&counted),
        "{counted}, {unresolved} unresolved"
    );
}

/// Counts on, so often; gives back how many steps more may have been counted.
async fn add(client: &KvClient, times: u32) -> u32 {
    let (mut done, mut unresolved) = (0, 0);
    while done < times {
        let there = client.get("counter").await.unwrap();
        let next = 1 + std::str::from_utf8(there.bytes()).unwrap().parse::<u32>().unwrap();
        let version = there.version().clone();
        match client.compare_and_set("counter", version, next.to_string()).await {
            Ok(_) => done += 1,
            Err(error) => match error.kind() {
                ErrorKind::PreconditionFailed | ErrorKind::Overloaded => {}
                ErrorKind::MaybeApplied => unresolved += 1,
                kind => panic!("{kind:?}: {error}"),
            },
        }
    }
    unresolved
}
