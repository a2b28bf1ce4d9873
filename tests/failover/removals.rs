//! Many objects removed by one call.

use crate::store::{Store, Trouble};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    client::ObjectClientBuilder,
    provider::{Capabilities, Capability, Memory, ObjectProvider},
    request::{
        Key,
        object::{Head, Put},
    },
};

fn builder(home: &Store) -> ObjectClientBuilder {
    let copy = Endpoint::new("copy", Store::on(home.memory.clone())).read_only();
    let builder = ObjectClient::builder().endpoint(Endpoint::new("home", home.clone()));
    builder
        .endpoint(copy)
        .replication(Replication::provider_managed())
        .seed(7)
}

fn client(home: &Store) -> ObjectClient {
    builder(home).build().unwrap()
}

/// Objects that another program stored.
async fn stored(home: &Store, count: usize) -> Vec<String> {
    let keys: Vec<String> = (0..count).map(|number| format!("k{number:04}")).collect();
    for key in &keys {
        home.memory
            .put(Put::new(Key::new(key.as_str()).unwrap(), "x"))
            .await
            .unwrap();
    }
    keys
}

async fn is_there(home: &Store, key: &str) -> bool {
    home.memory.head(Head::new(Key::new(key).unwrap())).await.is_ok()
}

fn asked(home: &Store) -> (usize, usize) {
    let count = |what| home.log().iter().filter(|asked| **asked == what).count();
    (count("delete_many"), count("delete"))
}

#[tokio::test(start_paused = true)]
async fn a_thousand_objects_are_removed_with_one_request() {
    let home = Store::new();
    let keys = stored(&home, 1_500).await;
    let removed = client(&home).delete_many(keys.clone()).await;
    assert!(removed.len() == 1_500 && removed.iter().all(Result::is_ok));
    assert_eq!(asked(&home), (2, 0));
    assert!(!is_there(&home, &keys[0]).await && !is_there(&home, &keys[1_499]).await);
}

#[tokio::test(start_paused = true)]
async fn each_key_of_a_removal_has_its_own_answer_in_its_place() {
    let home = Store::new();
    stored(&home, 2).await;
    let client = client(&home);
    let removed = client
        .delete_many(["", "k0000", "gone", "k0000", ".evenkeel/x", "k0001"])
        .await;
    let kinds: Vec<_> = removed
        .iter()
        .map(|one| one.as_ref().err().map(evenkeel::Error::kind))
        .collect();
    let invalid = Some(ErrorKind::InvalidInput);
    assert_eq!(kinds, [invalid, None, None, None, invalid, None]);
    assert!(client.delete_many(Vec::<String>::new()).await.is_empty());
    assert_eq!(asked(&home), (1, 1)); // the key that was named twice
}

/// A late attempt of such a delete removes nothing that was stored after it.
#[tokio::test(start_paused = true)]
async fn an_object_whose_tag_is_known_is_removed_on_its_tag() {
    let home = Store::new();
    let keys = stored(&home, 3).await;
    let client = client(&home);
    client.get(keys[1].as_str()).await.unwrap();
    // Another writer replaces it meanwhile: the tag is outdated, and the delete looks again.
    let newer = Put::new(Key::new(keys[1].as_str()).unwrap(), "newer");
    home.memory
        .delete(evenkeel::request::object::Delete::new(newer.key.clone()))
        .await
        .unwrap();
    home.memory.put(newer).await.unwrap();
    let removed = client.delete_many(keys.clone()).await;
    assert!(removed.iter().all(Result::is_ok));
    let (together, singly) = asked(&home);
    assert!(together == 1 && singly >= 2, "{:?}", home.log());
    assert!(!is_there(&home, &keys[1]).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_fenced_or_goes_to_several_endpoints_is_removed_one_by_one() {
    let home = Store::new();
    let keys = stored(&home, 3).await;
    let fenced = builder(&home).fenced().build().unwrap();
    assert!(fenced.delete_many(keys.clone()).await.iter().all(Result::is_ok));
    assert_eq!(asked(&home), (0, 3));

    let (first, second) = (Store::new(), Store::new());
    let once = ObjectClient::builder()
        .endpoint(Endpoint::new("first", first.clone()))
        .endpoint(Endpoint::new("second", second.clone()))
        .replication(Replication::write_once());
    let once = once.seed(7).build().unwrap();
    stored(&second, 3).await;
    assert!(once.delete_many(keys.clone()).await.iter().all(Result::is_ok));
    assert_eq!((asked(&first), asked(&second)), ((0, 3), (0, 3)));
    assert!(!is_there(&second, &keys[2]).await);

    let plain = Store::on(Memory::new().with_capabilities(Capabilities::all(Capability::Kept)));
    stored(&plain, 3).await;
    assert!(client(&plain).delete_many(keys).await.iter().all(Result::is_ok));
    assert_eq!(asked(&plain), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_the_request_is_asked_for_each_object() {
    for code in ["NotImplemented", "AccessDenied"] {
        let home = Store::new();
        let keys = stored(&home, 1_500).await;
        home.next("delete_many", [Trouble::Code(code)]);
        let removed = client(&home).delete_many(keys).await;
        assert!(removed.iter().all(Result::is_ok), "{code}");
        assert_eq!(asked(&home), (1, 1_500), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_whose_answer_is_lost_is_sent_again() {
    let home = Store::new();
    let keys = stored(&home, 10).await;
    home.next("delete_many", [Trouble::LostAnswer]);
    assert!(client(&home).delete_many(keys).await.iter().all(Result::is_ok));
    assert_eq!(asked(&home), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn without_its_home_a_removal_fails_for_each_key_and_is_not_sent_for_each() {
    let home = Store::new();
    let keys = stored(&home, 500).await;
    home.always(Trouble::Refused);
    let removed = client(&home).delete_many(keys.clone()).await;
    assert_eq!(removed.len(), 500);
    for error in removed.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::HomeUnavailable);
        assert!(error.is_retryable());
    }
    assert_eq!(asked(&home).1, 0);
    assert!(is_there(&home, &keys[0]).await);
}

/// Dropped half-way, the call leaves its client as it was.
#[tokio::test(start_paused = true)]
async fn a_dropped_removal_leaves_nothing_under_way() {
    let home = Store::new();
    let keys = stored(&home, 10).await;
    let client = client(&home);
    home.next("delete_many", [Trouble::Hang]);
    let call = client.delete_many(keys.clone());
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(50), call)
            .await
            .is_err()
    );
    assert_eq!(client.snapshot().endpoints[0].in_flight, 0);
    client.put("k0000", "new").overwrite().await.unwrap();
    assert!(client.delete_many(keys).await.iter().all(Result::is_ok));
}
