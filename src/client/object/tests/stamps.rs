use super::{Fault, Scripted, client};
use crate::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    model::crc,
    provider::ObjectProvider,
    request::{Key, Stamp, StampKind, WriteId, Writer, object::Put},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, UNIX_EPOCH},
};

async fn id_of(client: &ObjectClient, key: &str) -> WriteId {
    client.head(key).await.unwrap().into_meta().write_id.unwrap()
}

async fn stamp_of(client: &ObjectClient, key: &str) -> Stamp {
    id_of(client, key).await.stamp().unwrap()
}

/// Another process's client of the same store.
fn another(store: &Scripted) -> ObjectClient {
    let builder = ObjectClient::builder().endpoint(Endpoint::new("virginia", store.clone()));
    builder.replication(Replication::write_once()).seed(1).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_put_is_stamped_with_its_key_and_length() {
    let (client, _) = client::<1>(Replication::write_once());
    client.put("k", "hello").await.unwrap();
    let stamp = stamp_of(&client, "k").await;
    assert_eq!((stamp.kind(), stamp.is_hashed()), (StampKind::VALUE, false));
    assert_eq!((stamp.over(), stamp.crc()), (0, Some(crc::of(b"hello"))));
    assert!(stamp.fits("k", 5) && !stamp.fits("k", 4) && !stamp.fits("l", 5));
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_seed_are_different_writers() {
    let mut stamps = Vec::new();
    for _ in 0..2 {
        let (client, _) = client::<1>(Replication::write_once());
        for key in ["k", "l"] {
            client.put(key, "v").await.unwrap();
            stamps.push(stamp_of(&client, key).await);
        }
    }
    assert_eq!(stamps[0].writer(), stamps[1].writer());
    assert!(stamps[0] < stamps[1], "a writer's own writes have its order");
    assert_ne!(stamps[0].writer(), stamps[2].writer());
    assert_ne!(stamps[0].write(), stamps[2].write());
}

#[tokio::test(start_paused = true)]
async fn a_given_writer_and_wall_clock_repeat() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let store = Scripted::default();
        let writer = Writer::new([7; 15], || UNIX_EPOCH + Duration::from_secs(1_000));
        let builder = ObjectClient::builder().endpoint(Endpoint::new("virginia", store));
        let client = builder.writer(writer).build().unwrap();
        for key in ["k", "l"] {
            client.put(key, "v").await.unwrap();
            ids.push(id_of(&client, key).await);
        }
    }
    assert_eq!(ids[..2], ids[2..]);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(start_paused = true)]
async fn stamps_are_of_the_builders_wall_clock() {
    let at = Arc::new(AtomicU64::new(1_000));
    let clock = at.clone();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", Scripted::default()))
        .wall_clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Relaxed)))
        .build()
        .unwrap();
    client.put("k", "v").await.unwrap();
    at.store(5_000, Relaxed);
    client.put("l", "v").await.unwrap();
    let [first, second] = [stamp_of(&client, "k").await, stamp_of(&client, "l").await];
    assert_eq!(first.at(), UNIX_EPOCH + Duration::from_secs(1_000));
    assert_eq!(second.at(), UNIX_EPOCH + Duration::from_secs(5_000));
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_id_is_recognised_by_another_process() {
    let (first, [virginia]) = client::<1>(Replication::write_once());
    let id = WriteId::new("order-42");
    virginia.then([
        Fault::Lost,
        Fault::Broken,
        Fault::Broken,
        Fault::Broken,
        Fault::Broken,
        Fault::Broken,
    ]);
    let error = first.put("k", "mine").write_id(id.clone()).await.unwrap_err();
    assert!(error.may_have_been_applied());
    let second = another(&virginia);
    second.put("k", "mine").write_id(id.clone()).await.unwrap();
    // Under the id that the error gives, too.
    second
        .put("k", "mine")
        .write_id(error.write_id().unwrap().clone())
        .await
        .unwrap();
    let stored = stamp_of(&second, "k").await;
    assert!(stored.is_hashed() && id_of(&second, "k").await.names_same_write(&id));
    // What is not the same write is not taken for it.
    for (body, id) in [("mine", "order-43"), ("another length", "order-42")] {
        let refused = second.put("k", body).write_id(WriteId::new(id)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "{body} {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_has_the_callers_plain_id_is_recognised() {
    for id in ["order-42", "0123456789abcdef0123456789abcdef"] {
        let (client, [virginia]) = client::<1>(Replication::write_once());
        let put = Put {
            write_id: Some(WriteId::new(id)),
            ..Put::new(Key::new("k").unwrap(), "mine")
        };
        virginia.put(put).await.unwrap();
        client.put("k", "mine").write_id(WriteId::new(id)).await.unwrap();
        let other = client
            .put("k", "mine")
            .write_id(WriteId::new("other"))
            .await
            .unwrap_err();
        assert_eq!(other.kind(), ErrorKind::AlreadyExists);
    }
}

#[tokio::test(start_paused = true)]
async fn an_overwrite_whose_answer_is_lost_is_recognised_by_its_stamp() {
    let (client, [virginia]) = client::<1>(Replication::provider_managed());
    client.put("k", "old").await.unwrap();
    let old = stamp_of(&client, "k").await;
    virginia.log();
    virginia.then([Fault::Lost]);
    let stored = client.put("k", "new").overwrite().await.unwrap();
    // The tag is outdated for the second attempt, so the client looks whose write is there.
    assert_eq!(virginia.log(), ["put", "put", "head"]);
    assert_eq!(stored.etag(), client.head("k").await.unwrap().meta().etag.as_ref());
    let new = stamp_of(&client, "k").await;
    assert!(old < new && new.fits("k", 3));
}
