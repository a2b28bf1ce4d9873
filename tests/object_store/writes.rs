//! Writes: who takes them, what they carry, and how uploads end.

use crate::{
    store::{Store, Trouble},
    worlds::builder,
};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    client::{object::Stored, object_store::FailoverStore},
    provider::{Capabilities, Capability, Memory},
};
use futures_util::{StreamExt as _, stream};
use object_store::{
    Attribute, Error, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, TagSet,
    multipart::MultipartStore, path::Path,
};

fn one() -> (FailoverStore, Store) {
    let store = Store::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", store.clone()))
        .seed(7)
        .build()
        .unwrap();
    (FailoverStore::new(client), store)
}

fn once() -> (FailoverStore, Store, Store) {
    let (first, second) = (Store::new(), Store::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("first", first.clone()))
        .endpoint(Endpoint::new("second", second.clone()))
        .replication(Replication::write_once())
        .seed(7)
        .build()
        .unwrap();
    (FailoverStore::new(client), first, second)
}

fn writes(store: &Store) -> usize {
    let writes = ["put", "copy", "begin_upload", "put_part", "complete_upload"];
    store.log().iter().filter(|asked| writes.contains(asked)).count()
}

pub(crate) fn kind_of(error: &Error) -> ErrorKind {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(own) = error.downcast_ref::<evenkeel::Error>() {
            return own.kind();
        }
        source = error.source();
    }
    panic!("{error} has no error of the client's")
}

#[tokio::test(start_paused = true)]
async fn under_write_once_a_create_goes_to_one_endpoint_and_fails_without_it() {
    let (store, first, second) = once();
    let store = store.overwrite_as_create();
    let commit = Path::from("_delta_log/00000000000000000007.json");
    first.always(Trouble::Refused);
    let error = store
        .put_opts(&commit, "mine".into(), PutMode::Create.into())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error}");
    let source = Path::from("tmp");
    store.client().put("tmp", "mine").await.unwrap();
    let before = writes(&second);
    let error = store.copy_if_not_exists(&source, &commit).await.unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error}");
    let error = store.rename_if_not_exists(&source, &commit).await.unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error}");
    assert_eq!(writes(&second), before);
    first.heal();
    // Where there is an authority, one of two writers wins.
    let create = || store.put_opts(&commit, "mine".into(), PutMode::Create.into());
    let (one, other) = tokio::join!(create(), create());
    let lost = one.and(other).unwrap_err();
    assert!(matches!(lost, Error::AlreadyExists { .. }), "{lost}");
    // The source of a copy may be anywhere; the copy is the authority's.
    let next = Path::from("_delta_log/00000000000000000008.json");
    store.rename_if_not_exists(&source, &next).await.unwrap();
    assert_eq!(store.client().get(next.as_ref()).await.unwrap().endpoint(), "first");
    assert!(matches!(store.head(&source).await.unwrap_err(), Error::NotFound { .. }));
    assert_eq!(writes(&second), before);
}

#[tokio::test(start_paused = true)]
async fn under_write_once_nothing_is_overwritten() {
    let (store, first, second) = once();
    let (a, b) = (Path::from("a"), Path::from("b"));
    store.put_opts(&a, "1".into(), PutMode::Create.into()).await.unwrap();
    let before = writes(&first) + writes(&second);
    for error in [
        store.put(&a, "2".into()).await.unwrap_err(),
        store.put_multipart(&a).await.map(drop).unwrap_err(),
        store.create_multipart(&a).await.unwrap_err(),
        store.copy(&a, &b).await.unwrap_err(),
        store.rename(&a, &b).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotSupported { .. }), "{error}");
        assert!(error.to_string().contains("overwrite_as_create"), "{error}");
    }
    let e_tag = store.head(&a).await.unwrap().e_tag;
    let update = PutMode::Update(object_store::UpdateVersion { e_tag, version: None });
    let error = store.put_opts(&a, "2".into(), update.into()).await.unwrap_err();
    assert!(matches!(error, Error::NotImplemented { .. }), "{error}");
    assert_eq!(writes(&first) + writes(&second), before);
}

#[tokio::test(start_paused = true)]
async fn files_with_unique_names_fail_over_as_creates() {
    let (store, first, _) = once();
    let store = store.overwrite_as_create();
    first.always(Trouble::Refused);
    let [put, upload, copied, parts] = ["put", "upload", "copied", "parts"].map(Path::from);
    let stored = store.put(&put, "1".into()).await.unwrap();
    assert_eq!(stored.extensions.get::<Stored>().unwrap().endpoint(), "second");
    let mut writer = store.put_multipart(&upload).await.unwrap();
    writer.put_part("2".into()).await.unwrap();
    writer.complete().await.unwrap();
    let id = store.create_multipart(&parts).await.unwrap();
    let part = MultipartStore::put_part(&store, &parts, &id, 0, "3".into())
        .await
        .unwrap();
    store.complete_multipart(&parts, &id, vec![part]).await.unwrap();
    store.copy(&put, &copied).await.unwrap();
    let error = store.put(&put, "other".into()).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    first.heal();
    for (path, body) in [(&put, "1"), (&upload, "2"), (&copied, "1"), (&parts, "3")] {
        assert_eq!(store.get(path).await.unwrap().bytes().await.unwrap(), body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_a_home_that_comes_back() {
    let (home, copy) = (Store::new(), Store::new());
    let store = FailoverStore::new(builder(&home, &copy, &copy).seed(7).build().unwrap());
    let path = Path::from("a");
    home.always(Trouble::Refused);
    let healing = home.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        healing.heal();
    });
    store.put(&path, "1".into()).await.unwrap();
    // But not for ever, and the error is neither absence nor a condition.
    home.always(Trouble::Refused);
    let began = tokio::time::Instant::now();
    let error = store.put(&path, "2".into()).await.unwrap_err();
    assert_eq!(kind_of(&error), ErrorKind::HomeUnavailable);
    assert!(matches!(error, Error::Generic { store: "evenkeel", .. }), "{error}");
    assert!(
        began.elapsed() <= std::time::Duration::from_secs(11),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_applied_is_generic() {
    let (store, here) = one();
    let path = Path::from("a");
    here.writes_meet(Trouble::Reset);
    for mode in [PutMode::Overwrite, PutMode::Create] {
        let error = store.put_opts(&path, "1".into(), mode.into()).await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error}");
        assert_eq!(kind_of(&error), ErrorKind::MaybeApplied);
    }
    let error = store.delete(&path).await.unwrap_err();
    assert_eq!(kind_of(&error), ErrorKind::MaybeApplied);
}

#[tokio::test(start_paused = true)]
async fn a_storage_class_and_tags_are_terms() {
    let memory = Memory::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", memory.clone()))
        .build()
        .unwrap();
    let store = FailoverStore::new(client);
    let mut tags = TagSet::default();
    tags.push("team", "billing & more");
    let attributes = object_store::Attributes::from_iter([(Attribute::StorageClass, "STANDARD_IA")]);
    let options = PutOptions {
        attributes: attributes.clone(),
        tags: tags.clone(),
        ..PutOptions::default()
    };
    store.put_opts(&Path::from("a"), "1".into(), options).await.unwrap_err();
    tags = TagSet::default();
    tags.push("team", "billing + more");
    let options = PutOptions {
        attributes: attributes.clone(),
        tags: tags.clone(),
        ..PutOptions::default()
    };
    store.put_opts(&Path::from("a"), "1".into(), options).await.unwrap();
    let options = || PutMultipartOptions {
        attributes: attributes.clone(),
        tags: tags.clone(),
        ..PutMultipartOptions::default()
    };
    let mut upload = store.put_multipart_opts(&Path::from("b"), options()).await.unwrap();
    upload.put_part("1".into()).await.unwrap();
    upload.complete().await.unwrap();
    let (path, id) = (
        Path::from("c"),
        store.create_multipart_opts(&Path::from("c"), options()).await.unwrap(),
    );
    let part = MultipartStore::put_part(&store, &path, &id, 0, "1".into())
        .await
        .unwrap();
    store.complete_multipart(&path, &id, vec![part]).await.unwrap();
    for key in ["a", "b", "c"] {
        let terms = memory.terms_of(key).unwrap();
        assert_eq!(
            (terms.storage_class.as_deref(), &*terms.tags["team"]),
            (Some("STANDARD_IA"), "billing + more")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_store_could_keep_is_refused_with_the_reason() {
    let (store, here) = one();
    here.forget();
    for (path, why) in [
        (Path::ROOT, "must not be empty"),
        (Path::from(".evenkeel/probe"), "reserved"),
    ] {
        for error in [
            store.put(&path, "1".into()).await.unwrap_err(),
            store.get(&path).await.unwrap_err(),
            store.head(&path).await.unwrap_err(),
            store.get_ranges(&path, &[0..1]).await.unwrap_err(),
            store.delete(&path).await.unwrap_err(),
            store.put_multipart(&path).await.map(drop).unwrap_err(),
            store.copy(&Path::from("a"), &path).await.unwrap_err(),
        ] {
            assert!(
                matches!(error, Error::Generic { .. }) && error.to_string().contains(why),
                "{error}"
            );
        }
    }
    let attributes = object_store::Attributes::from_iter([(Attribute::Metadata("Colour".into()), "blue")]);
    let error = store
        .put_opts(&Path::from("a"), "1".into(), attributes.into())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("metadata name"), "{error}");
    assert_eq!(here.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn parts_have_the_order_in_which_they_were_given() {
    let (store, _) = one();
    let path = Path::from("a");
    let mut upload = store.put_multipart(&path).await.unwrap();
    let parts = ["one ", "two ", "three"].map(|part| upload.put_part(part.into()));
    for part in parts.into_iter().rev() {
        part.await.unwrap();
    }
    upload.complete().await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "one two three");
    assert!(upload.complete().await.is_err() && upload.put_part("four".into()).await.is_err());
    upload.abort().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_upload_without_parts_is_an_empty_object_and_one_that_lost_a_part_is_none() {
    let (store, here) = one();
    let (empty, torn) = (Path::from("empty"), Path::from("torn"));
    let mut upload = store.put_multipart(&empty).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(store.head(&empty).await.unwrap().size, 0);
    let mut upload = store.put_multipart(&torn).await.unwrap();
    upload.put_part("one".into()).await.unwrap();
    drop(upload.put_part("two".into()));
    assert!(upload.complete().await.is_err());
    assert!(matches!(store.head(&torn).await.unwrap_err(), Error::NotFound { .. }));
    drop(upload);
    let mut upload = store.put_multipart(&torn).await.unwrap();
    here.next("put_part", [Trouble::Code("AccessDenied")]);
    assert!(matches!(
        upload.put_part("one".into()).await.unwrap_err(),
        Error::PermissionDenied { .. }
    ));
    assert!(upload.complete().await.is_err());
    assert!(matches!(store.head(&torn).await.unwrap_err(), Error::NotFound { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_upload_s_name_is_all_that_another_process_needs() {
    let memory = Store::new();
    let store = || {
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("here", memory.clone()))
            .build()
            .unwrap();
        FailoverStore::new(client)
    };
    let path = Path::from("a");
    let attributes = object_store::Attributes::from_iter([(Attribute::ContentType, "video/mp4")]);
    let options = PutMultipartOptions::from(attributes.clone());
    let id = store().create_multipart_opts(&path, options).await.unwrap();
    let two = MultipartStore::put_part(&store(), &path, &id, 1, "two".into())
        .await
        .unwrap();
    let one = MultipartStore::put_part(&store(), &path, &id, 0, "one ".into())
        .await
        .unwrap();
    memory.next("complete_upload", [Trouble::LostAnswer]);
    let error = store()
        .complete_multipart(&path, &id, vec![two.clone(), one.clone()])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in order"), "{error}");
    let first = store()
        .complete_multipart(&path, &id, vec![one.clone(), two.clone()])
        .await
        .unwrap();
    // It is recognised by its own id.
    let again = store().complete_multipart(&path, &id, vec![one, two]).await.unwrap();
    assert_eq!(first.e_tag, again.e_tag);
    let got = store().get(&path).await.unwrap();
    assert_eq!(got.attributes, attributes);
    assert_eq!(got.bytes().await.unwrap(), "one two");
    let given_up = store().create_multipart(&path).await.unwrap();
    store().abort_multipart(&path, &given_up).await.unwrap();
    store().abort_multipart(&path, &given_up).await.unwrap();
    for foreign in ["", "an S3 upload's id", "at=elsewhere&upload=1&write=2"] {
        let error = MultipartStore::put_part(&store(), &path, &foreign.to_owned(), 0, "x".into())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error}");
    }
    let empty = Path::from("empty");
    let id = store().create_multipart(&empty).await.unwrap();
    store().complete_multipart(&empty, &id, Vec::new()).await.unwrap();
    assert_eq!(store().head(&empty).await.unwrap().size, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stateless_upload_stays_where_it_began() {
    let (store, first, second) = once();
    let (store, path) = (store.overwrite_as_create(), Path::from("a"));
    let id = store.create_multipart(&path).await.unwrap();
    first.always(Trouble::Refused);
    let error = MultipartStore::put_part(&store, &path, &id, 0, "1".into())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error}");
    assert_eq!(writes(&second), 0);
    first.heal();
    let part = MultipartStore::put_part(&store, &path, &id, 0, "1".into())
        .await
        .unwrap();
    store.complete_multipart(&path, &id, vec![part]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn deletes_keep_their_order_and_absence_is_fine() {
    let (store, _) = one();
    let path = |at: usize| Path::from(format!("{at}"));
    for at in 0..25 {
        store.put(&path(at), "1".into()).await.unwrap();
    }
    let reversed = (0..30).rev().map(move |at| match at {
        17 => Err(Error::NotSupported { source: "17".into() }),
        at => Ok(path(at)),
    });
    let results: Vec<_> = store.delete_stream(stream::iter(reversed).boxed()).collect().await;
    assert_eq!(results.len(), 30);
    for (result, at) in results.into_iter().zip((0..30).rev()) {
        match result {
            Ok(removed) => assert_eq!(removed, path(at)),
            Err(error) => assert!(at == 17 && matches!(error, Error::NotSupported { .. }), "{error}"),
        }
    }
    assert_eq!(store.list_with_delimiter(None).await.unwrap().objects.len(), 1);
}

/// As many as are at hand go with one request where the store has one, and ten at a time where it has not.
#[tokio::test(start_paused = true)]
async fn deletes_go_together_or_ten_at_a_time() {
    let plain = Memory::new().with_capabilities(Capabilities::all(Capability::Kept));
    for (memory, requests) in [(Memory::new(), 1), (plain, 10)] {
        let here = Store::on(memory);
        let client = ObjectClient::builder().endpoint(Endpoint::new("here", here.clone()));
        let store = FailoverStore::new(client.seed(7).build().unwrap());
        let all = || stream::iter((0..30).map(|at| Ok(Path::from(format!("{at}"))))).boxed();
        here.always(Trouble::Hang);
        let removing = store.delete_stream(all()).collect::<Vec<_>>();
        let _ = tokio::time::timeout(std::time::Duration::from_millis(100), removing).await;
        assert_eq!(here.asked(), requests);
        here.heal();
        // What one request for all could not remove is removed by itself, also after the home was away for a while.
        here.next("delete_many", [Trouble::Code("AccessDenied")]);
        here.next("delete", [Trouble::Refused]);
        let removed: Vec<_> = store.delete_stream(all()).collect().await;
        assert!(removed.len() == 30 && removed.iter().all(Result::is_ok), "{removed:?}");
    }
}
