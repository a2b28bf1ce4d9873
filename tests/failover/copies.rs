//! Copies, renames and bulk deletes: on the store's side where it can, streamed where it cannot, of one state of the source.

use crate::{
    scripted::secs,
    store::{Store, Trouble},
};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    ops::operator::Selector,
    provider::{AnyObjectProvider, Capabilities, Capability, Memory, ObjectProvider, PartRule, ProviderError},
    request::{
        Key,
        object::{List, Presign, PresignMethod, PresignedUrl, Put, PutMode},
    },
};
use std::time::Duration;

const SIZE: usize = 20 << 20;

fn without_copies() -> Memory {
    Memory::new().with_capabilities(Capabilities::all(Capability::Kept).with_parts(PartRule::S3))
}

fn managed(home: &Store, copy: &Store) -> ObjectClient {
    ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .endpoint(Endpoint::new("copy", copy.clone()).read_only())
        .seed(7)
        .build()
        .unwrap()
}

fn count(store: &Store, operation: &str) -> usize {
    store.log().iter().filter(|asked| **asked == operation).count()
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_the_source_s_attributes_unless_the_caller_sets_some() {
    for (home, on_its_side) in [(Memory::new(), true), (without_copies(), false)] {
        let (home, copy) = (Store::on(home), Store::new());
        let client = managed(&home, &copy);
        let body = vec![7; SIZE];
        client
            .put("a", body.clone())
            .content_type("video/mp4")
            .metadata("colour", "blue")
            .await
            .unwrap();
        let stored = client.copy("a", "b").await.unwrap();
        assert_eq!(stored.endpoint(), "home");
        client.copy("a", "c").metadata("colour", "green").await.unwrap();
        let (a, b, c) = (
            client.get("a").await.unwrap(),
            client.get("b").await.unwrap(),
            client.get("c").await.unwrap(),
        );
        assert!(*b.body() == body && *c.body() == body);
        assert_eq!(b.meta().attributes, a.meta().attributes);
        assert_eq!(c.meta().attributes.metadata["colour"], "green");
        assert_eq!(c.meta().attributes.content_type, None);
        // Each is a write of its own.
        assert!(b.meta().write_id.is_some() && b.meta().write_id != a.meta().write_id);
        assert_eq!(count(&home, "copy") > 0, on_its_side);
        assert_eq!(count(&home, "put_part") == 0, on_its_side);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_a_create_unless_the_caller_says_otherwise() {
    for home in [Memory::new(), without_copies()] {
        let (home, copy) = (Store::on(home), Store::new());
        let client = managed(&home, &copy);
        client.put("a", "source").await.unwrap();
        let there = client.put("b", "there").await.unwrap();
        let error = client.copy("a", "b").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        let tag = there.etag().unwrap().clone();
        client.copy("a", "b").if_match(tag.clone()).await.unwrap();
        let error = client.copy("a", "b").if_match(tag).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
        client.put("a", "new source").overwrite().await.unwrap();
        client.copy("a", "b").overwrite().await.unwrap();
        assert_eq!(*client.get("b").await.unwrap().body(), "new source");
        let error = client.copy("none", "b").overwrite().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        let error = client.copy("a", "a").overwrite().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_of_the_home_s_state_and_fails_without_the_home() {
    let (home, copy) = (Store::new(), Store::new());
    let client = managed(&home, &copy);
    client.put("a", "new").await.unwrap();
    let mut old = Put::new(Key::new("a").unwrap(), "old");
    old.mode = PutMode::Overwrite;
    copy.memory.put(old).await.unwrap();
    client.copy("a", "b").await.unwrap();
    assert_eq!(*client.get("b").await.unwrap().body(), "new");
    home.always(Trouble::Refused);
    let error = client.copy("a", "c").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HomeUnavailable, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_answer_was_lost_is_recognised() {
    let (home, copy) = (Store::new(), Store::new());
    let client = managed(&home, &copy);
    client.put("a", "bytes").await.unwrap();
    home.next("copy", [Trouble::LostAnswer]);
    client.copy("a", "b").await.unwrap();
    assert_eq!(*client.get("b").await.unwrap().body(), "bytes");
}

#[tokio::test(start_paused = true)]
async fn under_write_once_a_copy_goes_where_its_source_is() {
    let (a, b) = (Store::new(), Store::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("a", a.clone()))
        .endpoint(Endpoint::new("b", b.clone()))
        .replication(Replication::write_once())
        .seed(7)
        .build()
        .unwrap();
    client.put("x", "bytes").pin("b").await.unwrap();
    let stored = client.copy("x", "y").await.unwrap();
    assert_eq!((stored.endpoint(), count(&b, "copy")), ("b", 1));
    let error = client.copy("x", "y").overwrite().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_rename_removes_its_source_and_nothing_newer() {
    let (home, copy) = (Store::new(), Store::new());
    let client = managed(&home, &copy);
    client.put("a", "bytes").await.unwrap();
    client.rename("a", "b").await.unwrap();
    assert_eq!(*client.get("b").await.unwrap().body(), "bytes");
    assert_eq!(
        client.head("a").pin("home").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    // Somebody replaces the source between the two steps.
    home.writes_meet(Trouble::Slow(Duration::from_millis(400)));
    let replacing = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        let mut put = Put::new(Key::new("b").unwrap(), "newer");
        put.mode = PutMode::Overwrite;
        home.memory.put(put).await.unwrap();
    };
    let (renamed, ()) = tokio::join!(client.rename("b", "c").into_future(), replacing);
    assert_eq!(renamed.unwrap_err().kind(), ErrorKind::PreconditionFailed);
    assert_eq!(*client.get("b").await.unwrap().body(), "newer");
    assert_eq!(*client.get("c").await.unwrap().body(), "bytes");
}

#[tokio::test(start_paused = true)]
async fn many_objects_are_removed_side_by_side() {
    let (home, copy) = (Store::new(), Store::new());
    let client = managed(&home, &copy);
    for n in 0..50 {
        client.put(format!("k{n}"), "x").await.unwrap();
    }
    home.always(Trouble::Slow(secs(1) / 10));
    let began = tokio::time::Instant::now();
    let keys = (0..50)
        .map(|n| format!("k{n}"))
        .chain(["".to_owned(), "absent".to_owned()]);
    let removed = client.delete_many(keys).await;
    assert!(began.elapsed() < secs(2), "{:?}", began.elapsed());
    assert_eq!(removed.len(), 52);
    assert_eq!(removed[50].as_ref().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(
        removed
            .iter()
            .enumerate()
            .all(|(at, removed)| at == 50 || removed.is_ok())
    );
    assert!(home.memory.list(List::default()).await.unwrap().entries.is_empty());
}

/// A store whose URLs name it.
struct Signing(Memory, &'static str);

impl ObjectProvider for Signing {
    objects_through!(self.0: put get head delete list);

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_presign()
    }

    async fn presign(&self, presign: Presign) -> Result<PresignedUrl, ProviderError> {
        match self.1 {
            "stuck" => std::future::pending().await,
            "broke" => Err(ProviderError::faulty("the credentials could not be loaded")),
            name => Ok(PresignedUrl::new(format!(
                "https://{name}/{}?secret",
                presign.key.as_str()
            ))),
        }
    }
}

fn signing(names: &[&'static str]) -> ObjectClient {
    let endpoints = names.iter().enumerate().map(|(at, &name)| {
        let store = match name {
            "plain" => AnyObjectProvider::new(Memory::new()),
            name => AnyObjectProvider::new(Signing(Memory::new(), name)),
        };
        match at {
            0 => Endpoint::new(name, store),
            _ => Endpoint::new(name, store).read_only(),
        }
    });
    let client = ObjectClient::builder().endpoints(endpoints).seed(7);
    client.replication(Replication::provider_managed()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_url_leads_to_the_best_endpoint_that_can_presign() {
    let hour = secs(3600);
    let client = signing(&["plain", "a", "b"]);
    let signed = client.presign("k", PresignMethod::Get, hour).await.unwrap();
    assert_eq!((&*signed.endpoint, signed.url.as_str()), ("a", "https://a/k?secret"));
    assert!(!format!("{signed:?}").contains("secret"));
    let drained = client
        .operator()
        .drain(Selector::endpoint("a"), "maintenance", hour)
        .apply();
    drained.unwrap();
    assert_eq!(
        &*client.presign("k", PresignMethod::Get, hour).await.unwrap().endpoint,
        "b"
    );
    let pinned = client.presign("k", PresignMethod::Get, hour).pin("b").await.unwrap();
    assert_eq!(&*pinned.endpoint, "b");
    // Writes go to the home, which cannot.
    let error = client.presign("k", PresignMethod::Put, hour).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let signed = signing(&["a", "b"])
        .presign("k", PresignMethod::Put, hour)
        .await
        .unwrap();
    assert_eq!(&*signed.endpoint, "a");
    let error = signing(&["stuck"])
        .presign("k", PresignMethod::Get, hour)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_url_to_fetch_is_signed_by_the_next_endpoint_when_the_best_cannot_sign() {
    let hour = secs(3600);
    for (names, signs) in [
        (&["broke", "b"][..], "b"),
        (&["stuck", "broke", "b"], "b"),
        (&["b", "stuck"], "b"),
    ] {
        let client = signing(names);
        let signed = client.presign("k", PresignMethod::Get, hour).await.unwrap();
        assert_eq!(&*signed.endpoint, signs, "{names:?}");
        // What the home must sign, nobody else does.
        let put = client.presign("k", PresignMethod::Put, hour).await;
        assert_eq!(put.is_ok(), names[0] == "b", "{names:?}");
    }
    let error = signing(&["broke", "stuck"]).presign("secret-key", PresignMethod::Get, hour);
    let error = error.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!format!("{error} {error:?}").contains("secret-key"));
}

#[tokio::test(start_paused = true)]
async fn a_url_leads_to_the_preferred_tier_and_never_where_the_operator_forbids_it() {
    let hour = secs(3600);
    // Given a home that is the second choice,
    let endpoint = |name, tier| Endpoint::new(name, Signing(Memory::new(), name)).tier(tier);
    let client = ObjectClient::builder()
        .endpoints([endpoint("a", 3), endpoint("b", 1).read_only()])
        .replication(Replication::provider_managed());
    let client = client.build().unwrap();
    let get = async || {
        client
            .presign("k", PresignMethod::Get, hour)
            .await
            .map(|signed| signed.endpoint)
    };
    assert_eq!(&*get().await.unwrap(), "b");
    // when the operator drains both, one after the other,
    let drain = |name| client.operator().drain(Selector::endpoint(name), "maintenance", hour);
    drain("b").apply().unwrap();
    assert_eq!(&*get().await.unwrap(), "a");
    drain("a").apply_regardless().unwrap();
    // then there is no URL to either.
    assert_eq!(get().await.unwrap_err().kind(), ErrorKind::Unavailable);
    let put = client.presign("k", PresignMethod::Put, hour).await.unwrap_err();
    assert_eq!(put.kind(), ErrorKind::HomeUnavailable, "{put}");
}

#[tokio::test(start_paused = true)]
async fn under_write_once_a_url_leads_to_where_the_object_is() {
    let hour = secs(3600);
    let (here, there) = (Memory::new(), Memory::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("a", Signing(here.clone(), "a")))
        .endpoint(Endpoint::new("b", Signing(there.clone(), "b")))
        .replication(Replication::write_once());
    let client = client.build().unwrap();
    let store = async |memory: &Memory, key: &str| {
        memory.put(Put::new(Key::new(key).unwrap(), "bytes")).await.unwrap();
    };
    store(&here, "at-a").await;
    // What was created while the first endpoint was down lies at the second alone.
    store(&there, "at-b").await;
    let get = async |key: &str| client.presign(key, PresignMethod::Get, hour).await;
    assert_eq!(&*get("at-a").await.unwrap().endpoint, "a");
    assert_eq!(&*get("at-b").await.unwrap().endpoint, "b");
    let error = get("nowhere").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    // Whoever names the endpoint is not asked to wait for an answer.
    let pinned = client
        .presign("nowhere", PresignMethod::Get, hour)
        .pin("b")
        .await
        .unwrap();
    assert_eq!(&*pinned.endpoint, "b");
}

#[tokio::test(start_paused = true)]
async fn a_copy_through_this_process_fails_under_its_own_name() {
    let home = Store::on(Memory::new().with_capabilities(Capabilities::all(Capability::Kept)));
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .seed(7);
    let client = client.build().unwrap();
    client.put("b", "bytes").await.unwrap();
    for (name, call) in [
        ("copy", client.copy("b", "c")),
        ("rename", client.rename("b", "c")),
        ("nightly", client.copy("b", "c").operation_name("nightly")),
    ] {
        for operation in ["put", "get"] {
            home.next(operation, [Trouble::Refused; 200]);
            let error = call.clone().await.unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{name} failed after ")),
                "{operation}: {error}"
            );
            home.heal();
            tokio::time::sleep(secs(60)).await;
        }
    }
}
