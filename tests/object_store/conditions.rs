//! ETags and conditions: what the application was shown can be a condition later; what another store gave never holds.

use crate::{
    store::{Store, Trouble},
    worlds::{builder, stamped},
};
use evenkeel::{ObjectClient, client::object_store::FailoverStore, provider::Memory};
use futures_util::TryStreamExt as _;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion, path::Path};
use std::time::Duration;

fn plain() -> (FailoverStore, Store, Store) {
    let (home, copy) = (Store::new(), Store::new());
    (FailoverStore::new(build(&home, &copy)), home, copy)
}

fn with_stamps() -> (FailoverStore, Store, Store) {
    let (home, copy) = (stamped(Memory::new()), stamped(Memory::new()));
    (FailoverStore::new(build(&home, &copy)), home, copy)
}

fn build(home: &Store, copy: &Store) -> ObjectClient {
    builder(home, copy, &Store::on(copy.memory.clone()))
        .seed(7)
        .build()
        .unwrap()
}

fn update(e_tag: Option<String>) -> object_store::PutOptions {
    PutMode::Update(UpdateVersion { e_tag, version: None }).into()
}

#[tokio::test(start_paused = true)]
async fn put_head_get_and_listing_show_one_etag() {
    for (store, _, _) in [plain(), with_stamps()] {
        let path = Path::from("a/b");
        let put = store.put(&path, "1".into()).await.unwrap().e_tag;
        assert!(put.is_some());
        assert_eq!(store.head(&path).await.unwrap().e_tag, put);
        assert_eq!(store.get(&path).await.unwrap().meta.e_tag, put);
        assert_eq!(
            store
                .get_opts(&path, GetOptions::new().with_range(Some(0..1)))
                .await
                .unwrap()
                .meta
                .e_tag,
            put
        );
        let listed: Vec<_> = ObjectStore::list(&store, None).try_collect().await.unwrap();
        assert_eq!(listed[0].e_tag, put);
        assert_eq!(
            store.list_with_delimiter(Some(&Path::from("a"))).await.unwrap().objects[0].e_tag,
            put
        );
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part("2".into()).await.unwrap();
        let uploaded = upload.complete().await.unwrap().e_tag;
        assert_ne!(uploaded, put);
        assert_eq!(store.head(&path).await.unwrap().e_tag, uploaded);
        assert_eq!(store.head(&path).await.unwrap().version, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stamp_is_the_same_etag_at_every_endpoint_and_a_tag_is_not() {
    for ((store, home, copy), is_same) in [(plain(), false), (with_stamps(), true)] {
        let path = Path::from("a");
        let put = store.put(&path, "1".into()).await.unwrap();
        // The provider carries the object with its metadata.
        let stored = evenkeel::provider::ObjectProvider::get(
            &home.memory,
            evenkeel::request::object::Get::new(evenkeel::request::Key::new("a").unwrap()),
        );
        let stored = stored.await.unwrap();
        let mut carried = evenkeel::request::object::Put::new(evenkeel::request::Key::new("a").unwrap(), stored.body);
        carried.write_id = stored.meta.write_id;
        evenkeel::provider::ObjectProvider::put(&copy.memory, carried)
            .await
            .unwrap();
        home.always(Trouble::Refused);
        assert_eq!(store.head(&path).await.unwrap().e_tag == put.e_tag, is_same);
        // So a read on the condition goes on without the home, or does not.
        let options = GetOptions::new().with_if_match(put.e_tag.clone());
        assert_eq!(store.get_opts(&path, options).await.is_ok(), is_same);
        home.heal();
        store.put_opts(&path, "2".into(), update(put.e_tag)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_of_what_is_absent_or_was_replaced_is_a_precondition() {
    for (store, _, _) in [plain(), with_stamps()] {
        let path = Path::from("a");
        let first = store.put(&path, "1".into()).await.unwrap();
        let second = store
            .put_opts(&path, "2".into(), update(first.e_tag.clone()))
            .await
            .unwrap();
        let error = store
            .put_opts(&path, "3".into(), update(first.e_tag))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
        store.delete(&path).await.unwrap();
        let error = store
            .put_opts(&path, "3".into(), update(second.e_tag))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_store_s_version_never_matches_and_nothing_is_sent() {
    for (store, home, _) in [plain(), with_stamps()] {
        let path = Path::from("a");
        store.put(&path, "1".into()).await.unwrap();
        home.forget();
        let stamp = format!("\"~1A{}\"", "A".repeat(52));
        let foreign = [
            "invalid",
            "\"7\"",
            "\"elsewhere:7\"",
            "\"copy:7\"",
            "\"home:W%2F%227%22\"",
            "",
            "*",
        ];
        for e_tag in foreign.map(|text| Some(text.to_owned())).into_iter().chain([None]) {
            let error = store
                .put_opts(&path, "2".into(), update(e_tag.clone()))
                .await
                .unwrap_err();
            assert!(matches!(error, Error::Precondition { .. }), "{e_tag:?}: {error}");
        }
        let version = UpdateVersion {
            e_tag: Some("\"home:7\"".into()),
            version: Some("1".into()),
        };
        let error = store
            .put_opts(&path, "2".into(), PutMode::Update(version).into())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
        for text in ["invalid", "\"elsewhere:7\"", "a, b"] {
            let options = GetOptions::new().with_if_match(Some(text));
            let error = store.get_opts(&path, options).await.unwrap_err();
            assert!(matches!(error, Error::Precondition { .. }), "{text}: {error}");
        }
        assert_eq!(home.asked(), 0);
        // A stamp may be any write's: the home is looked at.
        let error = store
            .put_opts(&path, "2".into(), update(Some(stamp)))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "1");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_of_etags_and_the_star_are_understood() {
    for (store, _, _) in [plain(), with_stamps()] {
        let path = Path::from("a");
        let old = store.put(&path, "1".into()).await.unwrap().e_tag.unwrap();
        let new = store.put(&path, "2".into()).await.unwrap().e_tag.unwrap();
        let get = |options: GetOptions| {
            let (store, path) = (store.clone(), path.clone());
            async move { store.get_opts(&path, options).await.map(drop) }
        };
        let if_match = |text: &str| GetOptions::new().with_if_match(Some(text));
        let if_none_match = |text: &str| GetOptions::new().with_if_none_match(Some(text));
        for holds in [
            "*".to_owned(),
            format!("{old}, {new}"),
            format!("invalid,{new}"),
            new.clone(),
        ] {
            get(if_match(&holds)).await.unwrap();
            get(if_match(&holds).with_head(true)).await.unwrap();
            get(if_match(&holds).with_range(Some(0..1))).await.unwrap();
            let error = get(if_none_match(&holds)).await.unwrap_err();
            assert!(matches!(error, Error::NotModified { .. }), "{holds}: {error}");
            let error = get(if_none_match(&holds).with_head(true)).await.unwrap_err();
            assert!(matches!(error, Error::NotModified { .. }), "{holds}: {error}");
        }
        let error = get(if_match(&old)).await.unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
        for fails in [old.as_str(), "invalid", "a, b"] {
            get(if_none_match(fails)).await.unwrap();
            get(if_none_match(fails).with_range(Some(0..1))).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dates_are_conditions_too_and_versions_are_not() {
    let (store, _, _) = plain();
    let path = Path::from("a");
    store.put(&path, "1".into()).await.unwrap();
    let stored = store.head(&path).await.unwrap().last_modified;
    let hour = Duration::from_secs(60 * 60);
    for head in [false, true] {
        let options = || GetOptions::new().with_head(head);
        store
            .get_opts(&path, options().with_if_modified_since(Some(stored - hour)))
            .await
            .unwrap();
        store
            .get_opts(&path, options().with_if_unmodified_since(Some(stored)))
            .await
            .unwrap();
        let error = store
            .get_opts(&path, options().with_if_modified_since(Some(stored)))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NotModified { .. }), "{error}");
        let error = store
            .get_opts(&path, options().with_if_unmodified_since(Some(stored - hour)))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Precondition { .. }), "{error}");
        let error = store
            .get_opts(&path, options().with_version(Some("1")))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NotSupported { .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_lags_does_not_deny_a_condition() {
    let (store, home, copy) = with_stamps();
    let path = Path::from("a");
    // The copy has an older write.
    let older = FailoverStore::new(build(&copy, &Store::new()));
    older.put(&path, "old".into()).await.unwrap();
    let new = store.put(&path, "new".into()).await.unwrap().e_tag;
    home.always(Trouble::Refused);
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "old");
    for head in [false, true] {
        let options = GetOptions::new().with_if_match(new.clone()).with_head(head);
        let error = store.get_opts(&path, options).await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error}");
    }
    home.heal();
    let options = GetOptions::new().with_if_match(new);
    assert_eq!(
        store.get_opts(&path, options).await.unwrap().bytes().await.unwrap(),
        "new"
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_fate_is_unknown_is_neither_a_precondition_nor_done() {
    for (store, home, _) in [plain(), with_stamps()] {
        let path = Path::from("a");
        let first = store.put(&path, "1".into()).await.unwrap();
        home.next("put", [Trouble::LostAnswer; 1]);
        // The repetition meets its own success, and recognises it.
        let second = store.put_opts(&path, "2".into(), update(first.e_tag)).await.unwrap();
        home.writes_meet(Trouble::Reset);
        let error = store
            .put_opts(&path, "3".into(), update(second.e_tag))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error}");
        home.heal();
    }
}

#[tokio::test(start_paused = true)]
async fn already_exists_is_said_only_of_another_s_object() {
    let (store, home, _) = plain();
    let (mine, theirs) = (Path::from("mine"), Path::from("theirs"));
    home.next("put", [Trouble::LostAnswer]);
    store.put_opts(&mine, "1".into(), PutMode::Create.into()).await.unwrap();
    store.put(&theirs, PutPayload::from("0")).await.unwrap();
    let error = store
        .put_opts(&theirs, "1".into(), PutMode::Create.into())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert_eq!(store.get(&theirs).await.unwrap().bytes().await.unwrap(), "0");
    home.next("complete_upload", [Trouble::LostAnswer]);
    let mut upload = store.put_multipart(&Path::from("parts")).await.unwrap();
    upload.put_part("1".into()).await.unwrap();
    upload.complete().await.unwrap();
}
