//! Uploads that meet trouble half-way: a part is tried again by itself, a lost completion is recognised, a dead endpoint
//! is left, and nothing is stored in part.

use crate::{
    scripted::secs,
    store::{Store, Trouble},
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    client::object::{ObjectClientBuilder, Property, PutStreamCall, Source, Stored},
    provider::{Capabilities, Capability, Memory, ObjectProvider, PartRule, ProviderError},
    request::{
        Key, WriteId,
        object::{AbortUpload, BeginUpload, CompleteUpload, Get, List, ListUploads, PutAnswer, PutMode},
    },
    telemetry::Event,
};
use futures_util::stream;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

const PART: u64 = 100;
const SIZE: usize = 950;

fn film() -> Bytes {
    (0..SIZE).map(|at| (at / 3) as u8).collect()
}

fn pieces() -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let pieces: Vec<_> = film()
        .chunks(33)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces)
}

fn one(home: &Store) -> ObjectClient {
    builder().endpoint(Endpoint::new("home", home.clone())).build().unwrap()
}

fn builder() -> ObjectClientBuilder {
    ObjectClient::builder().seed(7)
}

/// Two endpoints, and how often an upload began again.
fn two(a: &Store, b: &Store) -> (ObjectClient, Arc<AtomicUsize>) {
    let restarts = Arc::new(AtomicUsize::new(0));
    let heard = restarts.clone();
    let client = builder()
        .endpoint(Endpoint::new("a", a.clone()))
        .endpoint(Endpoint::new("b", b.clone()))
        .replication(Replication::write_once())
        .on_event(move |event| {
            if matches!(event, Event::UploadRestarted { .. }) {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        })
        .build()
        .unwrap();
    (client, restarts)
}

fn put(client: &ObjectClient) -> PutStreamCall {
    client.put_stream("film", film()).part_size(PART)
}

async fn holds_the_film(store: &Store) -> bool {
    let got = store.memory.get(Get::new(Key::new("film").unwrap())).await;
    got.is_ok_and(|object| object.body == film())
}

/// How many uploads the store has open, once what was given up in the background is done.
async fn open_uploads(store: &Store) -> usize {
    tokio::time::sleep(secs(60)).await;
    store
        .memory
        .list_uploads(ListUploads::default())
        .await
        .unwrap()
        .uploads
        .len()
}

fn count(store: &Store, operation: &str) -> usize {
    store.log().iter().filter(|asked| **asked == operation).count()
}

#[tokio::test(start_paused = true)]
async fn a_body_of_several_parts_is_stored_whole() {
    for source in [
        Source::bytes(film()),
        Source::stream(pieces()),
        Source::stream(pieces()).size(SIZE as u64),
    ] {
        let home = Store::new();
        let client = one(&home);
        let stored = client
            .put_stream("film", source)
            .part_size(PART)
            .content_type("video/mp4")
            .content_disposition("inline")
            .metadata("colour", "blue")
            .await
            .unwrap();
        assert_eq!(
            (stored.endpoint(), stored.earlier_attempt_unresolved()),
            ("home", false)
        );
        let got = client.get("film").await.unwrap();
        assert!(*got.body() == film());
        assert_eq!(got.etag(), stored.etag());
        assert_eq!(got.meta().attributes.content_type.as_deref(), Some("video/mp4"));
        assert_eq!(got.meta().attributes.content_disposition.as_deref(), Some("inline"));
        assert_eq!(got.meta().attributes.metadata["colour"], "blue");
        assert_eq!((count(&home, "put_part"), count(&home, "put")), (10, 0));
        assert_eq!(open_uploads(&home).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_of_one_part_is_a_plain_put() {
    for body in [film().slice(..PART as usize), Bytes::new()] {
        let home = Store::new();
        let client = one(&home);
        client.put_stream("film", body.clone()).part_size(PART).await.unwrap();
        assert_eq!(*client.get("film").await.unwrap().body(), body);
        assert_eq!((count(&home, "begin_upload"), count(&home, "put")), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_by_hand_is_stored_in_the_order_in_which_parts_were_given() {
    let home = Store::new();
    let client = one(&home);
    let mut upload = client.upload("film").await.unwrap();
    assert_eq!(&*upload.endpoint(), "home");
    let first = upload.part(film().slice(..500));
    let second = upload.part(film().slice(500..));
    let empty = upload.part("");
    // Polled in another order.
    second.await.unwrap();
    empty.await.unwrap();
    first.await.unwrap();
    let id = upload.write_id().clone();
    upload.complete().await.unwrap();
    let got = client.get("film").await.unwrap();
    assert!(*got.body() == film());
    assert_eq!(got.meta().write_id, Some(id));
}

#[tokio::test(start_paused = true)]
async fn an_upload_without_parts_is_an_empty_object() {
    let home = Store::new();
    let client = one(&home);
    let upload = client.upload("empty").content_type("text/plain").await.unwrap();
    upload.complete().await.unwrap();
    let got = client.get("empty").await.unwrap();
    assert_eq!(
        (got.body().len(), got.meta().attributes.content_type.as_deref()),
        (0, Some("text/plain"))
    );
    assert_eq!(open_uploads(&home).await, 0);
}

#[tokio::test(start_paused = true)]
async fn each_part_is_tried_again_by_itself() {
    for trouble in [
        Trouble::Refused,
        Trouble::Reset,
        Trouble::LostAnswer,
        Trouble::Hang,
        Trouble::Code("InternalError"),
        Trouble::Code("SlowDown"),
    ] {
        let home = Store::new();
        home.next("put_part", [trouble, Trouble::None, trouble, trouble]);
        put(&one(&home)).await.unwrap();
        assert!(holds_the_film(&home).await, "{trouble:?}");
        assert_eq!(
            (count(&home, "begin_upload"), count(&home, "put_part")),
            (1, 13),
            "{trouble:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_completion_is_recognised_and_never_sent_twice_in_effect() {
    for (troubles, expected) in [
        (vec![Trouble::LostAnswer], 1),
        (vec![Trouble::Reset], 1),
        (vec![Trouble::Hang, Trouble::LostAnswer], 1),
    ] {
        let home = Store::new();
        let client = one(&home);
        home.next("complete_upload", troubles.clone());
        put(&client)
            .await
            .unwrap_or_else(|error| panic!("{troubles:?}: {error}"));
        assert!(holds_the_film(&home).await, "{troubles:?}");
        assert_eq!(count(&home, "begin_upload"), expected);
        // A create: the next one is refused, and leaves nothing open.
        let again = put(&client).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{troubles:?}");
        assert_eq!(open_uploads(&home).await, 0);
    }
}

/// Who gives up on a whole upload sends all of it anew.
#[tokio::test(start_paused = true)]
async fn a_completion_and_an_abort_wait_as_long_as_a_part() {
    for trouble in [Trouble::Refused, Trouble::Code("SlowDown")] {
        let home = Store::new();
        let client = one(&home);
        let mut upload = client.upload("film").await.unwrap();
        upload.part(film()).await.unwrap();
        let given_up = client.upload("other").await.unwrap();
        home.always(trouble);
        let healing = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            home.heal();
        };
        let (completed, aborted, ()) = tokio::join!(upload.complete(), given_up.abort(), healing);
        completed.unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
        aborted.unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
        assert!(holds_the_film(&home).await);
        assert_eq!(open_uploads(&home).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_completion_without_any_answer_may_be_applied() {
    for (trouble, is_there) in [(Trouble::Hang, false), (Trouble::LostAnswer, true)] {
        let home = Store::new();
        let client = one(&home);
        home.next("complete_upload", [trouble]);
        let mut upload = client.upload("film").await.unwrap();
        upload.part(film()).await.unwrap();
        // From here on nothing answers but what the completion does.
        let completing = async {
            let stored = upload.complete().await;
            stored
                .map(|_| ())
                .map_err(|error| (error.kind(), error.write_id().cloned()))
        };
        let dying = async {
            tokio::time::sleep(Duration::from_micros(1)).await;
            home.always(Trouble::Hang);
        };
        let began = Instant::now();
        let (completed, ()) = tokio::join!(completing, dying);
        let (kind, id) = completed.unwrap_err();
        assert_eq!(kind, ErrorKind::MaybeApplied, "{trouble:?}");
        assert!(id.is_some());
        // Five completions of ten seconds, an abort and a look.
        assert!(began.elapsed() < secs(90), "{:?}", began.elapsed());
        home.heal();
        assert_eq!(holds_the_film(&home).await, is_there, "{trouble:?}");
    }
}

/// What is not sent later says nothing of what was sent before.
#[tokio::test(start_paused = true)]
async fn a_completion_whose_endpoint_dies_under_the_answer_may_be_applied() {
    for later in [
        Trouble::Refused,
        Trouble::Code("AccessDenied"),
        Trouble::Code("SlowDown"),
    ] {
        let home = Store::new();
        let client = one(&home);
        home.heads_meet(Trouble::Refused);
        home.next("complete_upload", [Trouble::LostAnswer]);
        home.next("complete_upload", [later; 20]);
        let error = put(&client).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{later:?}: {error}");
        assert!(error.is_retryable() && error.write_id().is_some(), "{later:?}");
        assert!(holds_the_film(&home).await, "{later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_fails_elsewhere_after_a_lost_completion_may_be_applied() {
    let (a, b) = (Store::new(), Store::new());
    let (client, restarts) = two(&a, &b);
    a.heads_meet(Trouble::Refused);
    a.next("complete_upload", [Trouble::LostAnswer]);
    a.next("complete_upload", [Trouble::Refused; 20]);
    b.writes_meet(Trouble::Refused);
    let error = put(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
    assert_eq!(restarts.load(Ordering::Relaxed), 0);
    assert!(holds_the_film(&a).await);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_for_good_leaves_nothing() {
    let home = Store::new();
    let client = one(&home);
    home.next("put_part", [Trouble::None, Trouble::Code("AccessDenied")]);
    let error = put(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(client.get("film").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(open_uploads(&home).await, 0);
    assert_eq!(count(&home, "abort_upload"), 1);
}

#[tokio::test(start_paused = true)]
async fn no_completion_stores_an_object_without_a_part() {
    let home = Store::new();
    let client = one(&home);
    // One that failed.
    let mut upload = client.upload("film").await.unwrap();
    upload.part(film()).await.unwrap();
    home.next("put_part", [Trouble::Code("AccessDenied")]);
    let failed = upload.part(film()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Denied);
    assert_eq!(upload.part(film()).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(upload.complete().await.unwrap_err().kind(), ErrorKind::Denied);
    // One whose future was dropped.
    let mut upload = client.upload("film").await.unwrap();
    upload.part(film()).await.unwrap();
    drop(upload.part(film()));
    let error = upload.complete().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("part 2"), "{error}");
    assert_eq!(client.get("film").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(open_uploads(&home).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_dropped_or_aborted_is_given_up() {
    let home = Store::new();
    let client = one(&home);
    for abort in [true, false] {
        let mut upload = client.upload("film").await.unwrap();
        upload.part(film()).await.unwrap();
        let late = upload.part(film());
        match abort {
            true => upload.abort().await.unwrap(),
            false => drop(upload),
        }
        assert!(late.await.is_err());
        assert_eq!(open_uploads(&home).await, 0);
    }
    // A call that is dropped half-way.
    home.always(Trouble::Slow(secs(1) / 10));
    let call = tokio::time::timeout(secs(1) / 2, put(&client).into_future());
    assert!(call.await.is_err());
    home.heal();
    assert_eq!(open_uploads(&home).await, 0);
    assert_eq!(client.get("film").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn an_upload_leaves_a_dead_endpoint_if_its_source_can_be_read_again() {
    for trouble in [
        Trouble::Refused,
        Trouble::Hang,
        Trouble::Code("InternalError"),
        Trouble::Code("AccessDenied"),
    ] {
        let (a, b) = (Store::new(), Store::new());
        let (client, restarts) = two(&a, &b);
        let opened = Arc::new(AtomicUsize::new(0));
        let counted = opened.clone();
        let source = Source::repeatable(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok::<_, std::io::Error>(pieces()) }
        });
        a.next(
            "put_part",
            std::iter::once(Trouble::None).chain(std::iter::repeat_n(trouble, 100)),
        );
        let stored: Stored = client.put_stream("film", source).part_size(PART).await.unwrap();
        assert_eq!(stored.endpoint(), "b", "{trouble:?}");
        assert!(holds_the_film(&b).await && !holds_the_film(&a).await, "{trouble:?}");
        assert_eq!(
            (opened.load(Ordering::Relaxed), restarts.load(Ordering::Relaxed)),
            (2, 1)
        );
        assert_eq!(open_uploads(&a).await, 0);
        // One that cannot be read again fails with its endpoint.
        let (a, b) = (Store::new(), Store::new());
        let (client, _) = two(&a, &b);
        a.next("put_part", std::iter::repeat_n(trouble, 100));
        let source = Source::stream(pieces());
        let error = client.put_stream("film", source).part_size(PART).await.unwrap_err();
        assert!(!error.may_have_been_applied(), "{trouble:?}: {error}");
        assert_eq!(count(&b, "begin_upload"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_leaves_a_full_store_at_once() {
    let (a, b) = (Store::new(), Store::new());
    let (client, restarts) = two(&a, &b);
    a.next("put_part", [Trouble::None, Trouble::Code("XMinioStorageFull")]);
    let began = Instant::now();
    let stored = put(&client).await.unwrap();
    assert_eq!((stored.endpoint(), restarts.load(Ordering::Relaxed)), ("b", 1));
    assert!(began.elapsed() < secs(1), "{:?}", began.elapsed());
    // The next one passes it over.
    client.put_stream("next", film()).part_size(PART).await.unwrap();
    assert_eq!(count(&a, "begin_upload"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_went_elsewhere_after_a_lost_completion_says_that_one_may_be_there_too() {
    let (a, b) = (Store::new(), Store::new());
    let (client, _) = two(&a, &b);
    a.next("complete_upload", [Trouble::LostAnswer]);
    let dying = async {
        while count(&a, "complete_upload") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        a.always(Trouble::Hang);
    };
    a.next("put_part", [Trouble::Slow(Duration::from_millis(5))]);
    let (stored, ()) = tokio::join!(put(&client).into_future(), dying);
    let stored = stored.unwrap();
    assert_eq!((stored.endpoint(), stored.earlier_attempt_unresolved()), ("b", true));
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_the_store_ended_is_made_again() {
    let home = Store::new();
    let client = one(&home);
    // Somebody gives up what is under way, before the third part is sent.
    let giver = {
        let home = home.clone();
        async move {
            while count(&home, "put_part") < 2 {
                tokio::time::sleep(secs(1)).await;
            }
            for open in home.memory.list_uploads(ListUploads::default()).await.unwrap().uploads {
                let abort = AbortUpload::new(Key::new(open.key).unwrap(), open.upload);
                home.memory.abort_upload(abort).await.unwrap();
            }
            home.heal();
        }
    };
    home.always(Trouble::Slow(secs(1) / 2));
    let (stored, ()) = tokio::join!(put(&client).into_future(), giver);
    stored.unwrap();
    assert!(holds_the_film(&home).await);
    assert_eq!(count(&home, "begin_upload"), 2);
    assert_eq!(open_uploads(&home).await, 0);
}

#[tokio::test(start_paused = true)]
async fn conditions_hold_for_uploads() {
    let home = Store::new();
    let client = one(&home);
    let first = client.put("film", "short").await.unwrap();
    let refused = put(&client).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    let tag = first.etag().unwrap().clone();
    put(&client).if_match(tag.clone()).await.unwrap();
    let outdated = put(&client).if_match(tag).await.unwrap_err();
    assert_eq!(outdated.kind(), ErrorKind::PreconditionFailed);
    put(&client).overwrite().await.unwrap();
    // The client knows the tag of what it stored last, so the next overwrite is fenced by it.
    client.put("film", "short again").overwrite().await.unwrap();
    assert_eq!(*client.get("film").await.unwrap().body(), "short again");
    assert_eq!(open_uploads(&home).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_the_store_cannot_keep_is_refused_before_a_byte_is_sent() {
    let mut capabilities = Capabilities::all(Capability::Kept).with_parts(PartRule::S3.lengths(1, 1000));
    capabilities.complete_if = Capability::Lacking;
    let home = Store::on(Memory::new().with_capabilities(capabilities));
    let client = one(&home);
    let error = put(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(count(&home, "begin_upload"), 0);
    put(&client).overwrite().await.unwrap();
    assert!(holds_the_film(&home).await);

    let without = Store::on(Memory::new().with_capabilities(Capabilities::all(Capability::Kept)));
    let client = one(&without);
    let error = put(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(
        error.to_string().contains("home does not take objects in parts"),
        "{error}"
    );
    // A short body needs no parts.
    client.put_stream("short", "x").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn under_write_once_an_upload_only_creates() {
    let (a, b) = (Store::new(), Store::new());
    let (client, _) = two(&a, &b);
    let error = put(&client).overwrite().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    put(&client).await.unwrap();
    assert_eq!(put(&client).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    // To the endpoint that takes parts.
    let plain = Store::on(Memory::new().with_capabilities(Capabilities::all(Capability::Kept)));
    let (client, _) = two(&plain, &Store::new());
    assert_eq!(put(&client).await.unwrap().endpoint(), "b");
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_wrong_length_are_refused_with_the_store_s_rule() {
    let rule = PartRule::S3.lengths(10, 100).count(3).equal();
    let home = Store::on(Memory::new().with_capabilities(Capabilities::all(Capability::Kept).with_parts(rule)));
    let client = one(&home);
    for (lengths, expected) in [
        (&[9, 9][..], "less than 10 bytes"),
        (&[101], "at most 100 bytes"),
        (&[20, 30], "same length"),
        (&[20, 20, 20, 1], "at most 3 parts"),
    ] {
        let mut upload = client.upload("film").await.unwrap();
        let mut last = Ok(());
        for length in lengths {
            last = upload.part(vec![1; *length]).await;
        }
        let error = last.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(upload.complete().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    for refused in [
        put(&client).part_size(9),
        put(&client).part_size(101),
        put(&client).concurrency(0),
    ] {
        assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let error = put(&client).part_size(100).await.unwrap_err();
    assert!(error.to_string().contains("part_size must be at least 317"), "{error}");
    let error = client
        .put_stream("film", Source::stream(pieces()))
        .part_size(100)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("at most 3 parts"), "{error}");
    // A refused part that nobody awaits is refused all the same.
    let mut upload = client.upload("film").await.unwrap();
    upload.part(vec![1; 100]).await.unwrap();
    drop(upload.part(vec![1; 101]));
    assert_eq!(upload.complete().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    // Two stores without a common length.
    let other = PartRule::S3.lengths(1000, 2000);
    let other = Store::on(Memory::new().with_capabilities(Capabilities::all(Capability::Kept).with_parts(other)));
    let (two, _) = two(&home, &other);
    let error = two.put_stream("film", "x").await.unwrap_err();
    assert!(error.to_string().contains("no length of a part in common"), "{error}");
    assert_eq!(open_uploads(&home).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_or_lies_about_its_size_stores_nothing() {
    let home = Store::new();
    let client = one(&home);
    let broken = || {
        let pieces = (0..5).map(|_| Ok(Bytes::from_static(&[1; 90])));
        stream::iter(pieces.chain([Err(std::io::Error::other("the disk is gone"))]))
    };
    for source in [
        Source::stream(broken()),
        Source::bytes(film()).size(5),
        Source::stream(pieces()).size(2000),
        Source::repeatable(|| async { Err::<stream::Empty<_>, _>(std::io::Error::other("the disk is gone")) }),
    ] {
        let error = client.put_stream("film", source).part_size(PART).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let says = ["the disk is gone", "bytes, and not"]
            .iter()
            .any(|said| error.to_string().contains(said));
        assert!(says, "{error}");
        assert_eq!(client.get("film").await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(open_uploads(&home).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_whole_upload() {
    let home = Store::new();
    let client = one(&home);
    home.writes_meet(Trouble::Slow(secs(1) / 2));
    let began = Instant::now();
    let error = put(&client).concurrency(1).deadline(secs(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert!(
        error.to_string().contains("the upload's deadline of 2 s ran out"),
        "{error}"
    );
    assert!(began.elapsed() <= secs(2) + secs(1) / 10, "{:?}", began.elapsed());
    home.heal();
    assert_eq!(open_uploads(&home).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_source_is_not_read_faster_than_its_parts_are_taken() {
    let home = Store::new();
    home.writes_meet(Trouble::Slow(secs(1) / 2));
    let client = one(&home);
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let pieces = stream::iter((0..50).map(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from_static(&[1; PART as usize]))
    }));
    let call = client
        .put_stream("film", Source::stream(pieces))
        .part_size(PART)
        .concurrency(3);
    assert!(tokio::time::timeout(secs(1), call.into_future()).await.is_err());
    // The upload began after half a second; three parts are under way, and one is held.
    assert!(read.load(Ordering::Relaxed) <= 5, "{}", read.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_caller_s_write_id_recognises_an_upload_of_an_earlier_call() {
    let home = Store::new();
    let id = WriteId::new("order-42");
    put(&one(&home)).write_id(id.clone()).await.unwrap();
    // Another process, which does not know that the first one succeeded.
    put(&one(&home)).write_id(id).await.unwrap();
    let other = put(&one(&home)).write_id(WriteId::new("order-43")).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::AlreadyExists);
    assert_eq!(open_uploads(&home).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_gives_up_what_is_old_and_has_the_prefix() {
    let (a, b) = (Store::new(), Store::new());
    let (client, _) = two(&a, &b);
    let begin = async |store: &Store, key: &str| {
        store
            .memory
            .begin_upload(BeginUpload::new(Key::new(key).unwrap()))
            .await
            .unwrap();
    };
    for store in [&a, &b] {
        begin(store, "films/1").await;
        begin(store, "films/2").await;
        begin(store, "other").await;
    }
    let young = client.sweep_uploads(secs(24 * 60 * 60)).await.unwrap();
    assert_eq!((young.aborted, young.kept, young.failed.len()), (0, 6, 0));
    let swept = client.sweep_uploads(secs(0)).prefix("films/").await.unwrap();
    assert_eq!((swept.aborted, swept.kept), (4, 0));
    b.always(Trouble::Hang);
    let swept = client.sweep_uploads(secs(0)).deadline(secs(2)).await.unwrap();
    assert_eq!((swept.aborted, swept.failed.len()), (1, 1));
    assert_eq!(swept.failed[0].endpoint(), "b");
    assert_eq!(open_uploads(&a).await, 0);
}

#[cfg(feature = "files")]
#[tokio::test(start_paused = true)]
async fn a_file_and_a_spooled_stream_are_read_again_elsewhere() {
    use evenkeel::client::object::Spool;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film");
    std::fs::write(&path, film()).unwrap();
    for source in [
        Source::file(&path),
        Source::stream(pieces()).spooled(Spool::new().memory(100).dir(dir.path())),
    ] {
        let (a, b) = (Store::new(), Store::new());
        let (client, restarts) = two(&a, &b);
        let troubles = std::iter::repeat_n(Trouble::None, 5);
        a.next("put_part", troubles.chain(std::iter::repeat_n(Trouble::Refused, 100)));
        let stored = client.put_stream("film", source).part_size(PART).await.unwrap();
        assert_eq!((stored.endpoint(), restarts.load(Ordering::Relaxed)), ("b", 1));
        assert!(holds_the_film(&b).await);
    }
    // Nothing is left of the spool.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let home = Store::new();
    let absent = one(&home)
        .put_stream("film", Source::file(dir.path().join("absent")))
        .await
        .unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::InvalidInput);
    let spool = Spool::new().memory(100).most(300).dir(dir.path());
    let source = Source::stream(pieces()).spooled(spool);
    let full = one(&home).put_stream("film", source).part_size(PART).await.unwrap_err();
    assert!(full.to_string().contains("the spool holds at most 300 bytes"), "{full}");
    assert_eq!(open_uploads(&home).await, 0);
}

/// A store that ignores the conditions of completions.
#[derive(Clone)]
struct Careless(Memory);

impl ObjectProvider for Careless {
    objects_through!(self.0: put get head delete list uploads);

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.complete_if = Capability::Unknown;
        capabilities
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        let mut complete = complete;
        complete.mode = PutMode::Overwrite;
        self.0.complete_upload(complete).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_found_to_ignore_conditions_of_completions_gets_no_conditional_upload() {
    let sound = ObjectClient::builder()
        .endpoint(Endpoint::new("home", Memory::new()))
        .build()
        .unwrap();
    let found = sound.verify().await;
    assert_eq!(*found.endpoints()[0].complete_if(), Property::Holds);
    let store = Careless(Memory::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", store.clone()))
        .build()
        .unwrap();
    let found = client.verify().await;
    assert!(
        matches!(found.endpoints()[0].complete_if(), Property::Broken(_)),
        "{found:?}"
    );
    let error = put(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    put(&client).overwrite().await.unwrap();
    let uploads = store.0.list_uploads(ListUploads::default()).await.unwrap().uploads;
    assert!(uploads.is_empty());
    let mut all = List::default();
    all.prefix = ".evenkeel/".into();
    let left = store.0.list(all);
    assert_eq!(left.await.unwrap().entries.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_completion_may_take_the_store_some_seconds() {
    let home = Store::new();
    let client = one(&home);
    home.next("complete_upload", [Trouble::Slow(secs(8))]);
    put(&client).await.unwrap();
    assert_eq!(count(&home, "complete_upload"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_stands_still_ends_with_the_deadline() {
    for parts in [0, 3] {
        let home = Store::new();
        let client = one(&home);
        let pieces = stream::iter((0..parts).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[1; PART as usize]))));
        let source = Source::stream(futures_util::StreamExt::chain(pieces, stream::pending()));
        let began = Instant::now();
        let call = client.put_stream("film", source).part_size(PART).deadline(secs(5));
        let error = tokio::time::timeout(secs(60), call.into_future())
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
        assert!(began.elapsed() < secs(6));
        assert_eq!(open_uploads(&home).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_closed_ends_its_uploads_and_gives_up_what_is_dropped() {
    let home = Store::new();
    let client = one(&home);
    home.writes_meet(Trouble::Slow(secs(1) / 10));
    let closing = async {
        tokio::time::sleep(secs(1) / 4).await;
        client.close();
    };
    let (stored, ()) = tokio::join!(put(&client).into_future(), closing);
    stored.unwrap();
    assert!(holds_the_film(&home).await);
    let client = one(&home);
    let upload = client.upload("other").await.unwrap();
    client.close();
    drop(upload);
    assert_eq!(open_uploads(&home).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_part_stops_when_its_upload_is_given_up() {
    let home = Store::new();
    let client = one(&home);
    let mut upload = client.upload("film").await.unwrap();
    home.next("put_part", std::iter::repeat_n(Trouble::Refused, 20));
    let part = tokio::spawn(upload.part(film()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    upload.abort().await.unwrap();
    let sent = count(&home, "put_part");
    assert!(part.await.unwrap().is_err());
    assert_eq!(count(&home, "put_part"), sent);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_cannot_begin_may_not_be_applied() {
    let home = Store::new();
    home.always(Trouble::Hang);
    let error = put(&one(&home)).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::DeadlineExceeded),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_upload_that_cannot_be_given_up_keeps_no_other_from_it() {
    let home = Store::new();
    let client = one(&home);
    for key in ["a", "b", "c"] {
        home.memory
            .begin_upload(BeginUpload::new(Key::new(key).unwrap()))
            .await
            .unwrap();
    }
    home.next("abort_upload", [Trouble::Code("AccessDenied")]);
    let swept = client.sweep_uploads(secs(0)).await.unwrap();
    assert_eq!((swept.aborted, swept.kept, swept.failed.len()), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_can_be_made_elsewhere_leaves_a_silent_endpoint_sooner() {
    let (a, b) = (Store::new(), Store::new());
    let (client, _) = two(&a, &b);
    a.next(
        "put_part",
        std::iter::once(Trouble::None).chain(std::iter::repeat_n(Trouble::Hang, 100)),
    );
    let began = Instant::now();
    let stored = put(&client).await.unwrap();
    assert_eq!(stored.endpoint(), "b");
    assert!(began.elapsed() < secs(15), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_error_in_the_middle_of_an_upload_does_not_say_that_nothing_was_sent() {
    let home = Store::new();
    let client = one(&home);
    let error = client
        .put_stream("film", Source::stream(pieces()).size(2000))
        .part_size(PART)
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("put_stream failed half-way: "), "{error}");
    let mut upload = client.upload("film").await.unwrap();
    upload.part(film()).await.unwrap();
    drop(upload.part(film()));
    let error = upload.complete().await.unwrap_err();
    assert!(error.to_string().starts_with("upload failed half-way: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_list_of_parts_makes_the_upload_again_only_if_no_completion_was_lost() {
    for (completions, begun) in [
        (vec![Trouble::Code("InvalidRequest")], 2),
        (vec![Trouble::LostAnswer, Trouble::Code("InvalidRequest")], 1),
    ] {
        let home = Store::new();
        home.next("put_part", [Trouble::Reset]);
        home.next("complete_upload", completions);
        let ended = put(&one(&home)).overwrite().await;
        assert_eq!(count(&home, "begin_upload"), begun);
        match begun {
            2 => drop(ended.unwrap()),
            _ => assert_eq!(ended.unwrap_err().kind(), ErrorKind::MaybeApplied),
        }
    }
}

/// An upload that is throttled for ever has rounds to pay for as long as it lasts. The reads beside it fail over all the
/// same, from what it leaves of the budget, and it goes on with the rest.
#[tokio::test(start_paused = true)]
async fn an_upload_in_trouble_leaves_reads_their_failover() {
    let (home, copy) = (Store::new(), Store::new());
    let client = builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .endpoint(Endpoint::new("copy", copy.clone()).read_only())
        .replication(Replication::provider_managed())
        .build()
        .unwrap();
    client.put("small", "x").await.unwrap();
    for meta in [&home, &copy] {
        let put = evenkeel::request::object::Put::new(Key::new("seen").unwrap(), "x");
        meta.memory.put(put).await.unwrap();
    }
    home.next("put_part", std::iter::repeat_n(Trouble::Code("SlowDown"), 10_000));
    let mut uploads: Vec<_> = (0..4)
        .map(|_| {
            let call = client
                .put_stream("film", film())
                .part_size(PART)
                .overwrite()
                .concurrency(4);
            tokio::spawn(call.into_future())
        })
        .collect();
    tokio::time::sleep(secs(3)).await;
    for _ in 0..3 {
        home.next("get", [Trouble::Reset]);
        let got = client.get("seen").await;
        assert_eq!(got.unwrap().endpoint(), "copy");
    }
    assert_eq!(count(&home, "get"), 3);
    // It has had what it may have: half of what was there, and what came since.
    let parts = count(&home, "put_part");
    assert!((20..=28).contains(&parts), "{parts} parts were sent");
    uploads.iter_mut().for_each(|upload| upload.abort());
}

/// Of an upload whose length is not known when it begins, the id names the key alone. What lies there has another length,
/// so it is another write, whatever was lost.
#[tokio::test(start_paused = true)]
async fn a_caller_s_write_id_recognises_no_object_of_another_length() {
    let id = || WriteId::new("order-42");
    for lost in [None, Some(Trouble::LostAnswer), Some(Trouble::Reset)] {
        let home = Store::new();
        let first = one(&home).put_stream("film", Source::stream(pieces())).part_size(PART);
        first.write_id(id()).await.unwrap();
        let longer = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(&[7; SIZE + 1]))]);
        let second = one(&home).put_stream("film", Source::stream(longer)).part_size(PART);
        home.next("complete_upload", lost);
        let error = second.write_id(id()).await.unwrap_err();
        // Under one home what was lost may have been there, and be replaced.
        let expected = lost.map_or(ErrorKind::AlreadyExists, |_| ErrorKind::MaybeApplied);
        assert_eq!(error.kind(), expected, "{lost:?}: {error}");
        assert!(!error.to_string().contains("succeeded"), "{error}");
        assert!(holds_the_film(&home).await);
        // Of the same length it is recognised.
        home.next("complete_upload", lost);
        let again = one(&home).put_stream("film", Source::stream(pieces())).part_size(PART);
        again.write_id(id()).await.unwrap();
    }
}

/// What each end tells its caller, who has the bytes or has not.
#[tokio::test(start_paused = true)]
async fn each_end_says_what_the_caller_can_do() {
    let unreachable = "no endpoint could answer, home was unreachable: connection refused";
    let dead = || {
        let home = Store::new();
        home.next("put_part", [Trouble::Refused; 200]);
        home
    };
    // By hand: the upload takes no further part.
    let home = dead();
    let mut upload = one(&home).upload("film").await.unwrap();
    let failed = upload.part(film()).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        format!("upload failed after 9 attempts: {unreachable}; a new upload may succeed")
    );
    // The source has the bytes: the same call may be made again. The stream has not.
    let failed = put(&one(&dead())).concurrency(1).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        format!("put_stream failed after 9 attempts: {unreachable}; trying again later may help")
    );
    let call = one(&dead())
        .put_stream("film", Source::stream(pieces()))
        .part_size(PART);
    let failed = call.concurrency(1).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        format!(
            "put_stream failed after 9 attempts: {unreachable}; the stream cannot be read again: a call with a new one \
             may succeed"
        )
    );
    // Swept.
    let home = Store::new();
    let client = one(&home);
    let mut upload = client.upload("film").await.unwrap();
    upload.part(film()).await.unwrap();
    assert_eq!(client.sweep_uploads(secs(0)).await.unwrap().aborted, 1);
    let gone = "upload failed after 1 attempt: the store has ended the upload (a sweep, an abort, a rule of the \
                bucket, or another write of the key); a new upload may succeed";
    assert_eq!(upload.part(film()).await.unwrap_err().to_string(), gone);
    let completed = upload.complete().await.unwrap_err();
    assert!(
        completed.to_string().ends_with("; a new upload may succeed"),
        "{completed}"
    );
    let mut upload = client.upload("film").await.unwrap();
    upload.part(film()).await.unwrap();
    assert_eq!(client.sweep_uploads(secs(0)).await.unwrap().aborted, 1);
    let completed = upload.complete().await.unwrap_err().to_string();
    assert!(completed.contains("the store has ended the upload"), "{completed}");
    assert!(completed.ends_with("; a new upload may succeed"), "{completed}");
}

/// A lost completion. Under `write_once` the same call, with an id of its own, would store a second object elsewhere.
#[tokio::test(start_paused = true)]
async fn a_lost_completion_says_under_which_id_to_repeat_it() {
    let loses = |home: &Store| {
        home.heads_meet(Trouble::Refused);
        home.next("complete_upload", [Trouble::LostAnswer]);
        home.next("complete_upload", [Trouble::Refused; 200]);
    };
    let (a, b) = (Store::new(), Store::new());
    let (client, _) = two(&a, &b);
    loses(&a);
    b.writes_meet(Trouble::Refused);
    let safe = "; uploading the same bytes again under its write id is safe";
    let lost = put(&client).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::MaybeApplied);
    assert!(lost.to_string().starts_with("put_stream failed after "), "{lost}");
    assert!(lost.to_string().ends_with(safe), "{lost}");
    // That is so.
    a.heal();
    let id = lost.write_id().unwrap().clone();
    assert_eq!(put(&client).write_id(id).await.unwrap().endpoint(), "a");
    let home = Store::new();
    loses(&home);
    let lost = put(&one(&home)).overwrite().await.unwrap_err().to_string();
    assert!(
        lost.ends_with("; uploading the same bytes again is safe unless another write came since"),
        "{lost}"
    );
    let home = Store::new();
    let mut upload = one(&home).upload("film").await.unwrap();
    upload.part(film()).await.unwrap();
    loses(&home);
    let lost = upload.complete().await.unwrap_err().to_string();
    assert!(
        lost.starts_with("upload failed after ") && lost.ends_with(safe),
        "{lost}"
    );
}

/// `S3::trusting_conditions` vouches for puts, and says nothing of completions.
#[tokio::test(start_paused = true)]
async fn the_first_conditional_upload_has_the_client_ask_what_nobody_vouches_for() {
    let head = |key: &str| evenkeel::request::object::Head::new(Key::new(key).unwrap());
    let client = |store: &Careless, builder: ObjectClientBuilder| {
        let builder = builder.endpoint(Endpoint::new("home", store.clone()));
        builder.build().unwrap()
    };
    let store = Careless(Memory::new());
    let asking = client(&store, builder());
    // The answer comes before this completion, or after it.
    let first = asking.put_stream("first", film()).part_size(PART).await;
    let there = store.0.head(head("first")).await;
    assert_eq!(first.is_ok(), there.is_ok());
    tokio::time::sleep(secs(60)).await;
    let refused = put(&asking).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    put(&asking).overwrite().await.unwrap();
    // Where an answer is required, not even the first one goes.
    let store = Careless(Memory::new());
    let refused = put(&client(&store, builder().require_verified())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    assert!(store.0.head(head("film")).await.is_err());
    // A store that is known to keep to it is not asked.
    let home = Store::new();
    put(&one(&home)).await.unwrap();
    tokio::time::sleep(secs(60)).await;
    assert_eq!(count(&home, "begin_upload"), 1);
}
