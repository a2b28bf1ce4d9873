use super::{Fault, client, said};
use crate::{Endpoint, ErrorKind, ObjectClient, Replication};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn with_the_home_dead_writes_fail_and_reads_may_be_stale() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    ireland.insert("k", "copied in time");
    virginia.always(Fault::Refused);
    let error = client.put("new", "v").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::HomeUnavailable,
            "put failed after 3 attempts: the home cannot take the write now, virginia was unreachable (connection \
             refused); trying again later may help"
                .to_owned()
        )
    );
    assert_eq!(
        client.put("k", "v").overwrite().await.unwrap_err().kind(),
        ErrorKind::HomeUnavailable
    );
    assert_eq!(client.delete("k").await.unwrap_err().kind(), ErrorKind::HomeUnavailable);
    assert_eq!(ireland.log(), [""; 0], "a write never goes elsewhere");

    let got = client.get("k").await.unwrap();
    assert_eq!((got.endpoint(), got.is_possibly_stale()), ("ireland", true));
    assert!(client.head("k").await.unwrap().is_possibly_stale());
}

#[tokio::test(start_paused = true)]
async fn not_found_at_a_copy_proves_no_absence() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    virginia.insert("k", "not copied yet");
    // The home stumbles once, the copy lags: the home is asked again.
    virginia.then([Fault::Broken]);
    let got = client.get("k").await.unwrap();
    assert_eq!((got.endpoint(), got.is_possibly_stale()), ("virginia", false));
    assert_eq!(ireland.log(), ["get"]);

    virginia.always(Fault::Refused);
    let error = client.get("k").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Unavailable,
            "get failed after 4 attempts: the client could not tell whether the object exists: absent at ireland, but virginia was \
             unreachable (connection refused); trying again later may help"
                .to_owned()
        )
    );
    virginia.always(Fault::None);
    virginia.log();
    // Its breaker opened; by now the background has found it alive.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(virginia.log().iter().all(|what| *what == "head"));
    assert_eq!(client.get("nothing").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(virginia.log(), ["get"], "the home's word is enough");
}

#[tokio::test(start_paused = true)]
async fn a_create_with_a_lost_answer_recognises_itself_at_the_home() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    virginia.then([Fault::Lost]);
    assert_eq!(client.put("k", "v").await.unwrap().endpoint(), "virginia");
    assert_eq!((virginia.log(), ireland.log()), (vec!["put", "put", "head"], vec![]));
    // A foreign one proves nothing here: ours may have been there and been overwritten.
    virginia.insert("l", "theirs");
    virginia.then([Fault::Broken]);
    assert_eq!(client.put("l", "v").await.unwrap_err().kind(), ErrorKind::MaybeApplied);
    // Without a lost answer it is definite.
    assert_eq!(client.put("l", "v").await.unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[tokio::test(start_paused = true)]
async fn a_conditional_overwrite_recognises_its_own_success() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    let tag = client.put("k", "1").await.unwrap().etag().cloned().unwrap();
    virginia.then([Fault::Lost]);
    client.put("k", "2").if_match(tag.clone()).await.unwrap();
    assert_eq!(
        virginia.log(),
        ["put", "put", "put", "head"],
        "the retry met its own success"
    );
    assert_eq!(
        client.put("k", "3").if_match(tag).await.unwrap_err().kind(),
        ErrorKind::PreconditionFailed
    );

    ireland.insert("k", "2");
    let foreign = client.get("k").pin("ireland").await.unwrap().etag().cloned().unwrap();
    let error = client.put("k", "3").if_match(foreign).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(
        client.put("k", "3").pin("ireland").await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(client.get("k").pin("virginia").await.unwrap().into_bytes(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_tag_is_sent_to_its_own_endpoint_only() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    virginia.insert("k", "v");
    ireland.insert("k", "v");
    // Both stores give the tag "v1": shown to the wrong one it would match.
    let tag = client.get("k").pin("ireland").await.unwrap().etag().cloned().unwrap();
    virginia.log();
    assert_eq!(
        client.get("k").if_none_match(tag.clone()).await.unwrap_err().kind(),
        ErrorKind::NotModified
    );
    assert_eq!(virginia.log(), [""; 0]);
    ireland.always(Fault::Hang);
    let started = crate::model::clock::now();
    let got = client.get("k").if_none_match(tag).await.unwrap();
    assert_eq!((got.endpoint(), got.body().as_ref()), ("virginia", &b"v"[..]));
    assert!(
        started.elapsed().as_millis() <= 2500,
        "at most a quarter of the call's 10 s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_only_copy_needs_no_replication_and_takes_no_write() {
    let stores: [super::Scripted; 2] = Default::default();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("copy", stores[0].clone()).read_only())
        .endpoint(Endpoint::new("home", stores[1].clone()))
        .build()
        .unwrap();
    assert_eq!(client.put("k", "v").await.unwrap().endpoint(), "home");
    assert_eq!(
        client.get("k").await.unwrap().endpoint(),
        "home",
        "the copy did not have it yet"
    );
    let all_read_only = ObjectClient::builder().endpoint(Endpoint::new("copy", stores[0].clone()).read_only());
    let error = all_read_only.build().unwrap().put("k", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn the_builder_chooses_the_home() {
    let (client, [_, ireland]) = client::<2>(Replication::provider_managed().home("ireland"));
    client.put("k", "v").await.unwrap();
    assert_eq!(ireland.keys(), ["k"]);
}
