//! A standby that a backfill fills each night, and what a client promises of the two: the table of docs/BACKFILL.md.

use crate::support::{Kept, between, body, filled, key, remove, write};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    backfill::Report,
    drill::{Fault, FaultLayer, Phase, Rule, Scenario, Timeline},
    provider::Memory,
};
use std::time::Duration;

/// One run from the beginning. Each night draws an id of its own.
async fn night(number: u64, from: &Memory, to: &Memory) -> Report {
    between(from.clone(), to.clone()).seed(number).run().await.unwrap()
}

/// A client of both, and the drill that takes Virginia away.
fn client(virginia: &Memory, frankfurt: &Memory, replication: Replication) -> (ObjectClient, Timeline) {
    let scenario = Scenario {
        name: "dark".into(),
        description: String::new(),
        phases: vec![Phase {
            name: "dark".into(),
            duration: Duration::from_secs(3600),
            rules: vec![Rule::new(Fault::Refuse).at("virginia")],
            basis: None,
        }],
    };
    let outage = Timeline::new(scenario, 1).unwrap();
    let players = outage.clone();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", virginia.clone()))
        .endpoint(Endpoint::new("frankfurt", frankfurt.clone()))
        .replication(replication)
        .endpoint_layer(move |endpoint| FaultLayer::new(players.clone(), endpoint.clone()))
        .build()
        .unwrap();
    (client, outage)
}

#[tokio::test(start_paused = true)]
async fn a_later_night_copies_new_keys_and_leaves_overwritten_and_deleted_ones_as_they_were() {
    let (virginia, frankfurt) = (filled(3).await, Memory::new());
    assert_eq!(night(1, &virginia, &frankfurt).await.counts.copied, 3);

    write(&virginia, &key(0), "newer");
    remove(&virginia, &key(1));
    write(&virginia, &key(3), "new");
    let report = night(2, &virginia, &frankfurt).await;
    let counts = report.counts;
    assert_eq!((counts.copied, counts.skipped, counts.conflicts), (1, 1, 1), "{counts}");
    assert!(!report.is_clean());
    let there = |number| body(&frankfurt, &key(number));
    assert_eq!(there(0).unwrap(), "body 0", "an overwrite is a conflict");
    assert_eq!(there(1).unwrap(), "body 1", "no delete is copied");
    assert_eq!(there(3).unwrap(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_finished_backfills_checkpoint_goes_on_behind_its_last_key() {
    let (virginia, frankfurt, kept) = (filled(3).await, Memory::new(), Kept::default());
    let run = || {
        between(virginia.clone(), frankfurt.clone())
            .checkpoint(kept.clone())
            .run()
    };
    run().await.unwrap();
    write(&virginia, "a", "sorts before the others");
    write(&virginia, "z", "sorts behind them");
    run().await.unwrap();
    assert_eq!(body(&frankfurt, "a"), None);
    assert!(body(&frankfurt, "z").is_some());
}

#[tokio::test(start_paused = true)]
async fn under_write_once_a_backfilled_standby_takes_puts_and_reads() {
    let (virginia, frankfurt) = (filled(2).await, Memory::new());
    night(1, &virginia, &frankfurt).await;
    let (client, outage) = client(&virginia, &frankfurt, Replication::write_once());
    client.put("by day", "put at virginia").await.unwrap();
    assert_eq!(client.get("by day").await.unwrap().endpoint(), "virginia");

    outage.start_now();
    let (copy, explanation) = client.get(key(0)).explained().await.unwrap();
    assert_eq!((copy.endpoint(), copy.body().as_ref()), ("frankfurt", &b"body 0"[..]));
    assert!(
        !explanation.possibly_stale(),
        "what is written once is never out of date"
    );
    // Not copied yet, or not there: nobody can tell.
    for key in ["by day", "nowhere"] {
        assert_eq!(
            client.get(key).await.unwrap_err().kind(),
            ErrorKind::Unavailable,
            "{key}"
        );
    }
    assert_eq!(
        client.put("by night", "elsewhere").await.unwrap().endpoint(),
        "frankfurt"
    );
    assert_eq!(
        client.put(key(1), "again").await.unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    // A delete that Virginia has not confirmed is none.
    assert!(client.delete(key(0)).await.is_err());

    outage.stop();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.get("by night").await.unwrap().body(), "elsewhere");
    client.delete(key(1)).await.unwrap();
    assert_eq!((body(&virginia, &key(1)), body(&frankfurt, &key(1))), (None, None));
    // The other way round: what Frankfurt alone has.
    let back = night(2, &frankfurt, &virginia).await;
    assert_eq!((back.counts.copied, back.counts.conflicts), (1, 0), "{}", back.counts);
}

#[tokio::test(start_paused = true)]
async fn under_provider_managed_a_backfilled_standby_answers_reads_that_are_marked() {
    let (virginia, frankfurt) = (filled(2).await, Memory::new());
    night(1, &virginia, &frankfurt).await;
    let (client, outage) = client(&virginia, &frankfurt, Replication::provider_managed());
    client.put(key(0), "newer").overwrite().await.unwrap();
    client.put("by day", "put at virginia").await.unwrap();
    client.delete(key(1)).await.unwrap();
    let (home, explanation) = client.get(key(0)).explained().await.unwrap();
    assert_eq!(
        (home.body().as_ref(), explanation.possibly_stale()),
        (&b"newer"[..], false)
    );

    outage.start_now();
    for (number, old) in [(0, "body 0"), (1, "body 1")] {
        let (copy, explanation) = client.get(key(number)).explained().await.unwrap();
        assert_eq!(copy.body(), old, "overwritten or deleted since");
        assert!(explanation.possibly_stale());
    }
    for key in ["by day", "nowhere"] {
        assert_eq!(
            client.get(key).await.unwrap_err().kind(),
            ErrorKind::Unavailable,
            "{key}"
        );
    }
    let refused = client.put("by night", "no").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::HomeUnavailable);
}
