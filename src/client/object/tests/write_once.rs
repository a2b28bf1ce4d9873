use super::{Fault, client, said};
use crate::{
    ErrorKind, ObjectClient, Replication,
    request::{
        LegKind,
        object::{ETag, WriteId},
    },
};

const NONE: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn an_object_and_its_attributes_round_trip() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    let put = client
        .put("k", "hello")
        .content_type("text/plain")
        .cache_control("no-store")
        .metadata("colour", "blue");
    let tag = put.await.unwrap().etag().cloned().unwrap();
    assert_eq!(tag.endpoint(), "virginia");
    let got = client.get("k").await.unwrap();
    assert_eq!(
        (got.body().as_ref(), got.endpoint(), got.is_possibly_stale()),
        (&b"hello"[..], "virginia", false)
    );
    assert_eq!(got.meta().attributes.content_type.as_deref(), Some("text/plain"));
    assert_eq!(got.meta().attributes.metadata["colour"], "blue");
    assert_eq!(client.get("k").range(1..3).await.unwrap().into_bytes(), "el");
    assert_eq!(client.get("k").suffix(2).await.unwrap().into_bytes(), "lo");
    assert_eq!(
        client.get("k").range(9..).await.unwrap_err().kind(),
        ErrorKind::RangeNotSatisfiable
    );
    assert_eq!(
        client.get("k").if_none_match(tag).await.unwrap_err().kind(),
        ErrorKind::NotModified
    );
    assert_eq!(client.head("k").await.unwrap().meta().size, 5);
    client.delete("k").await.unwrap();
    assert_eq!(virginia.keys(), NONE);
}

#[tokio::test(start_paused = true)]
async fn a_put_fails_over() {
    let (client, [virginia, _]) = client::<2>(Replication::write_once());
    virginia.then([Fault::Refused]);
    let (stored, explanation) = client.put("k", "v").explained().await.unwrap();
    assert_eq!(stored.endpoint(), "ireland");
    assert_eq!(explanation.answered_by(), Some("ireland"));
    assert_eq!(
        client.get("k").await.unwrap().endpoint(),
        "ireland",
        "virginia's `not found` was not believed"
    );
}

#[tokio::test(start_paused = true)]
async fn overwrite_and_if_match_are_refused_before_anything_is_sent() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    for put in [
        client.put("k", "v").overwrite(),
        client.put("k", "v").if_match(ETag::new("\"v1\"", "virginia")),
    ] {
        assert_eq!(
            said(&put.await.unwrap_err()),
            (
                ErrorKind::Unsupported,
                "put failed before anything was sent: under write_once a put only creates: overwrite and if-match \
                 are refused"
                    .to_owned()
            )
        );
    }
    assert_eq!(virginia.log(), NONE);
}

#[tokio::test(start_paused = true)]
async fn a_create_with_a_lost_answer_is_confirmed_where_stored() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.then([Fault::Lost]);
    let (stored, explanation) = client.put("k", "v").explained().await.unwrap();
    assert_eq!(
        (stored.endpoint(), stored.etag().unwrap().value()),
        ("virginia", "\"v1\"")
    );
    assert_eq!(virginia.log(), ["put", "head"]);
    assert!(!stored.earlier_attempt_unresolved());
    let attempts: Vec<_> = explanation.attempts().iter().map(|a| (a.why(), a.result())).collect();
    assert_eq!(attempts, [(LegKind::First, "faulty"), (LegKind::Confirm, "success")]);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_object_at_the_same_endpoint_means_already_exists() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.insert("k", "theirs");
    virginia.then([Fault::Broken]);
    let error = client.put("k", "mine").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::AlreadyExists,
            "put failed after 2 attempts: the object exists already at virginia".to_owned()
        )
    );
    assert!(!error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_foreign_object_elsewhere_leaves_a_lost_create_maybe_applied() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    ireland.insert("k", "theirs");
    virginia.then([Fault::Lost, Fault::Refused]);
    let error = client.put("k", "mine").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::MaybeApplied,
            "put failed after 3 attempts: the write may have been applied, virginia was unreachable (connection \
             refused) and ireland refused; repeating the call is safe"
                .to_owned()
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_supplied_write_id_recognises_an_earlier_call() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.then([
        Fault::Lost,
        Fault::Broken,
        Fault::Broken,
        Fault::Broken,
        Fault::Broken,
        Fault::Broken,
    ]);
    let error = client.put("k", "v").await.unwrap_err();
    assert!(error.may_have_been_applied() && error.is_retryable());
    let id = error.write_id().unwrap().clone();
    assert_eq!(
        client.put("k", "v").write_id(id.clone()).await.unwrap().endpoint(),
        "virginia"
    );
    assert_eq!(
        client
            .put("k", "v")
            .write_id(WriteId::new("another"))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::AlreadyExists
    );
    assert_eq!(client.put("k", "v").await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    // Whose it is cannot be seen: then nothing definite is said.
    virginia.then([Fault::None, Fault::Refused, Fault::Refused, Fault::Refused]);
    assert_eq!(
        client.put("k", "v").write_id(id).await.unwrap_err().kind(),
        ErrorKind::MaybeApplied
    );
}

#[tokio::test(start_paused = true)]
async fn not_found_needs_every_endpoint() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    let error = client.get("k").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::NotFound,
            "get failed after 2 attempts: no such object at virginia and ireland".to_owned()
        )
    );
    assert_eq!(error.absent_at().collect::<Vec<_>>(), ["virginia", "ireland"]);

    ireland.always(Fault::Refused);
    let error = client.head("k").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Unavailable,
            "head failed after 4 attempts: the client could not tell whether the object exists: absent at virginia, but ireland was \
             unreachable (connection refused); trying again later may help"
                .to_owned()
        )
    );
    assert_eq!(error.not_asked()[0].endpoint(), "ireland");
    assert_eq!(error.attempts()[1].why(), LegKind::Proof);

    // Pinned, that endpoint's word is enough.
    assert_eq!(
        client.get("k").pin("virginia").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    drop(virginia);
}

#[tokio::test(start_paused = true)]
async fn a_miss_does_not_wait_long_for_a_silent_endpoint() {
    let miss = async |client: &ObjectClient| {
        let started = crate::model::clock::now();
        let error = client.get("k").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        started.elapsed()
    };
    // By whom it is that is silent, and whether both are known. (Of a home that is not, nobody knows that it is silent.)
    for (learnt, silent) in [(0, 1), (100, 0), (100, 1)] {
        let (client, stores) = client::<2>(Replication::write_once());
        for _ in 0..learnt {
            client.get("k").await.unwrap_err();
        }
        stores[silent].always(Fault::Hang);
        let took = miss(&client).await;
        assert!(
            took.as_millis() <= 1_200,
            "learnt: {learnt}, silent: {silent}: {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_with_the_object_answers_before_hung_ones() {
    let (client, [_, ireland, stackit]) = client::<3>(Replication::write_once());
    ireland.always(Fault::Hang);
    stackit.insert("k", "v");
    let started = crate::model::clock::now();
    assert_eq!(client.get("k").await.unwrap().endpoint(), "stackit");
    assert_eq!(started.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_403_for_a_missing_key_does_not_hide_the_object_elsewhere() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    virginia.always(Fault::Denied);
    ireland.insert("k", "v");
    assert_eq!(client.get("k").await.unwrap().endpoint(), "ireland");
    let error = client.get("other").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(
        virginia.log(),
        ["get", "get"],
        "virginia was not asked twice for one call"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delete_succeeds_when_every_endpoint_confirmed() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    virginia.insert("k", "v");
    ireland.insert("k", "v");
    client.delete("k").await.unwrap();
    assert_eq!((virginia.keys().len(), ireland.keys().len()), (0, 0));

    virginia.insert("k", "v");
    ireland.insert("k", "v");
    ireland.always(Fault::Refused);
    let error = client.delete("k").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::MaybeApplied,
            "delete failed after 4 attempts: not every endpoint confirmed the delete: confirmed by virginia, but ireland was \
             unreachable (connection refused); repeating the call is safe"
                .to_owned()
        )
    );
    assert_eq!(error.confirmed_by().collect::<Vec<_>>(), ["virginia"]);
    assert!(error.is_retryable());

    // Nowhere sent: nothing was applied, and that is said.
    virginia.always(Fault::Refused);
    let error = client.delete("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!error.may_have_been_applied());
}
