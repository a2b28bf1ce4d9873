//! OpenDAL through its own bridge: any `Operator` is a store of `object_store`, and so an endpoint. Here the service is
//! OpenDAL's `memory`, which has no ETags: the conformance suite wants them.

use crate::{faults::key, raw};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    drill::{Fault, FaultLayer, Rule, Timeline},
    provider::{GenericStore, Memory, ObjectProvider, ProviderErrorKind, S3},
    request::object::{Attributes, List, ListEntry, Put},
    verdict::Sent,
};
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use object_store_opendal::OpendalStore;
use opendal::{Operator, services};
use std::sync::Arc;

fn operator() -> Operator {
    Operator::new(services::Memory::default()).unwrap()
}

fn over(operator: &Operator) -> GenericStore {
    let store: Arc<dyn ObjectStore> = Arc::new(OpendalStore::new(operator.clone()));
    let store = GenericStore::new(store).unwrap().trusting_transport();
    // OpenDAL's memory has no ETags, and the bridge drops attributes.
    store.without_tags().without_write_ids()
}

/// The bridge would drop them, and say that it stored them.
#[tokio::test]
async fn opendal_s_attributes_are_refused() {
    let store = over(&operator());
    let mut put = Put::new(key(), "x");
    put.attributes = Arc::new({
        let mut attributes = Attributes::default();
        attributes.content_type = Some("text/plain".into());
        attributes
    });
    let refused = store.put(put).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.outcome().sent),
        (ProviderErrorKind::Unsupported, Sent::No)
    );
}

/// The bridge decodes the path of a request: without a translation, the second key would name the object of the first.
#[tokio::test]
async fn keys_that_look_encoded_are_kept_apart_at_opendal() {
    let operator = operator();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("only", over(&operator)))
        .build()
        .unwrap();
    let keys = ["50%", "50%25", "a b", "a%20b", "a~b", "ü#?*"];
    for key in keys {
        client.put(key, key).await.unwrap();
    }
    for key in keys {
        assert_eq!(client.get(key).await.unwrap().body(), key);
        // OpenDAL itself sees the same name.
        assert_eq!(operator.read(key).await.unwrap().to_vec(), key.as_bytes());
    }
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(names(&client, "").await, sorted);
    // After each of them follow the others, in the order of the keys.
    let store = over(&operator);
    for (at, key) in sorted.iter().enumerate() {
        let mut list = List::default();
        list.start_after = Some((*key).into());
        let page = store.list(list).await.unwrap();
        let listed: Vec<_> = page.entries.iter().map(ListEntry::name).collect();
        assert_eq!(listed, sorted[at + 1..]);
    }
    for key in keys {
        client.delete(key).await.unwrap();
    }
    assert_eq!(names(&client, "").await, [""; 0]);
}

async fn names(client: &ObjectClient, prefix: &str) -> Vec<String> {
    let entries: Vec<_> = client.list(prefix).stream().try_collect().await.unwrap();
    entries.iter().map(|entry| entry.name().to_owned()).collect()
}

/// What OpenDAL would name otherwise has no path.
#[tokio::test]
async fn keys_that_opendal_would_cut_are_refused() {
    let client = ObjectClient::builder().endpoint(Endpoint::new("only", over(&operator())));
    let client = client.build().unwrap();
    for key in [" a", "a "] {
        let refused = client.put(key, "x").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{key:?}: {refused}");
    }
}

/// The home is another provider's, and is dead.
#[tokio::test]
async fn a_read_fails_over_to_opendal() {
    let operator = operator();
    operator.write("orders/1", "paid").await.unwrap();
    let config = crate::s3s_server::config(&format!("http://{}", raw::nobody().await));
    let home = S3::new(aws_sdk_s3::Client::from_conf(config.build()), "orders").trusting_all_conditions();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home))
        .endpoint(Endpoint::new("copy", over(&operator)).read_only())
        .replication(Replication::provider_managed())
        .build()
        .unwrap();
    let order = client.get("orders/1").await.unwrap();
    assert_eq!((order.endpoint(), &order.body()[..]), ("copy", &b"paid"[..]));
    assert!(order.is_possibly_stale());
    assert_eq!(names(&client, "orders/").await, ["orders/1"]);
    let last = client.get("orders/1").suffix(2).await.unwrap();
    assert_eq!(last.body(), "id");
}

#[tokio::test]
async fn calls_fail_over_from_opendal() {
    let operator = operator();
    let refusing = Timeline::always(Rule::new(Fault::Refuse).at("first")).unwrap();
    let faults = refusing.clone();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("first", over(&operator)))
        .endpoint(Endpoint::new("second", Memory::new()))
        .replication(Replication::write_once())
        .endpoint_layer(move |endpoint| FaultLayer::new(faults.clone(), endpoint.clone()))
        .build()
        .unwrap();
    let stored = client.put("orders/1", "at the second").await.unwrap();
    assert_eq!(stored.endpoint(), "second");
    assert_eq!(client.get("orders/1").await.unwrap().body(), "at the second");

    refusing.stop();
    let first = client.put("orders/2", "at OpenDAL's").pin("first").await.unwrap();
    assert_eq!(first.endpoint(), "first");
    assert_eq!(operator.read("orders/2").await.unwrap().to_vec(), b"at OpenDAL's");
    assert_eq!(client.get("orders/2").await.unwrap().body(), "at OpenDAL's");
    assert_eq!(names(&client, "orders/").await, ["orders/1", "orders/2"]);
    // A create never overwrites, here either.
    let again = client.put("orders/2", "another").pin("first").await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again}");
}

/// The bridge's words for a folder of a service that has none.
#[tokio::test]
async fn opendal_s_folders_are_common_prefixes() {
    let operator = operator();
    for name in ["a/1", "a/2", "b%2F/1", "c"] {
        operator.write(name, "x").await.unwrap();
    }
    let mut list = List::default();
    list.delimiter = Some("/".into());
    let page = over(&operator).list(list).await.unwrap();
    let listed: Vec<_> = page.entries.iter().map(ListEntry::name).collect();
    assert_eq!(listed, ["a/", "b%2F/", "c"]);
    let mut list = List::default();
    list.prefix = "b%2F/".into();
    let page = over(&operator).list(list).await.unwrap();
    let listed: Vec<_> = page.entries.iter().map(ListEntry::name).collect();
    assert_eq!(listed, ["b%2F/1"]);
}
