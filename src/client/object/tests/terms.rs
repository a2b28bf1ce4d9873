use super::said;
use crate::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    provider::{Memory, ObjectProvider, ProviderError},
    request::object::{Delete, Encryption, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, Terms},
};

/// Knows nothing of terms, as an adapter that says nothing about them.
struct Plain(Memory);

impl ObjectProvider for Plain {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.0.put(put).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.0.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.0.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.0.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.0.list(list).await
    }
}

/// Two endpoints of AWS and one of Azure.
fn client(replication: Replication) -> (ObjectClient, [Memory; 3]) {
    let stores: [Memory; 3] = std::array::from_fn(|_| Memory::new());
    let [virginia, ireland, azure] = stores.clone();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", virginia).provider("aws"))
        .endpoint(Endpoint::new("ireland", ireland).provider("aws"))
        .endpoint(Endpoint::new("west europe", azure).provider("azure"))
        .replication(replication)
        .seed(1);
    (client.build().unwrap(), stores)
}

fn key(name: &str) -> Terms {
    Terms::new().encryption(Encryption::kms(name))
}

#[tokio::test(start_paused = true)]
async fn each_endpoint_gets_its_own_terms() {
    let (client, [virginia, ireland, azure]) = client(Replication::write_once());
    for (object, endpoint) in [("a", "virginia"), ("b", "ireland"), ("c", "west europe")] {
        let put = client
            .put(object, "v")
            .storage_class("STANDARD")
            .tag("team", "billing")
            .tag("stage", "live");
        // The endpoint's before its provider's, in whatever order they are said.
        let put = put
            .terms_at("ireland", key("irish").tag("stage", "test"))
            .terms_at("aws", key("american"));
        let put = put.terms_at("azure", key("scope").storage_class("Cool"));
        put.pin(endpoint).await.unwrap();
    }
    let common = Terms::new()
        .storage_class("STANDARD")
        .tag("team", "billing")
        .tag("stage", "live");
    assert_eq!(virginia.terms_of("a").unwrap(), key("american").over(&common));
    assert_eq!(
        ireland.terms_of("b").unwrap(),
        key("irish").tag("stage", "test").over(&common)
    );
    assert_eq!(
        azure.terms_of("c").unwrap(),
        key("scope").storage_class("Cool").over(&common)
    );
    client.put("d", "v").await.unwrap();
    assert_eq!(virginia.terms_of("d").unwrap(), Terms::new());
}

#[tokio::test(start_paused = true)]
async fn missing_terms_for_an_endpoint_are_refused() {
    let (client, [virginia, ..]) = client(Replication::write_once());
    for (terms, what) in [
        (key("k"), "its encryption"),
        (Terms::new().storage_class("GLACIER"), "its storage class"),
        (Terms::new().tag("a", "b"), "its tags"),
    ] {
        let error = client.put("k", "v").terms_at("aws", terms.clone()).await.unwrap_err();
        let (kind, words) = said(&error);
        assert_eq!(kind, ErrorKind::InvalidInput, "{words}");
        let expected = format!("the put sets {what} for other endpoints than west europe");
        assert!(words.contains(&expected), "{words}");
        assert!(virginia.terms_of("k").is_none(), "nothing was sent");
        // Its defaults will do; or it cannot go there.
        let put = client.put(format!("defaults-{what}"), "v");
        put.terms_at("aws", terms.clone())
            .terms_at("west europe", Terms::new())
            .await
            .unwrap();
        let put = client.put(format!("pinned-{what}"), "v");
        put.terms_at("aws", terms.clone()).pin("virginia").await.unwrap();
    }
    // An exception from what is said for all leaves nothing open.
    let put = client.put("exception", "v").encryption(Encryption::Store);
    put.terms_at("azure", key("scope")).await.unwrap();
    assert_eq!(
        virginia.terms_of("exception").unwrap().encryption,
        Some(Encryption::Store)
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_home_needs_terms_under_provider_managed() {
    let (client, [_, ireland, _]) = client(Replication::provider_managed().home("ireland"));
    client.put("k", "v").terms_at("ireland", key("k")).await.unwrap();
    assert_eq!(ireland.terms_of("k").unwrap(), key("k"));
}

#[tokio::test(start_paused = true)]
async fn invalid_terms_are_refused_with_a_clear_error() {
    let (client, [virginia, ..]) = client(Replication::write_once());
    let error = client.put("k", "v").terms_at("amazon", key("k")).await.unwrap_err();
    let (kind, words) = said(&error);
    assert_eq!(kind, ErrorKind::InvalidInput);
    assert!(
        words.contains("`amazon` is neither an endpoint of this client nor the provider of one"),
        "{words}"
    );
    let error = client.put("k", "v").tag("a", "b&c").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = client.put("k", "v").encryption(Encryption::kms("")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(virginia.terms_of("k").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_adapter_takes_no_terms_by_default() {
    let (first, second) = (Memory::new(), Memory::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("own", Plain(first.clone())))
        .endpoint(Endpoint::new("memory", second.clone()))
        .replication(Replication::write_once())
        .build()
        .unwrap();
    let error = client.put("k", "v").tag("team", "billing").await.unwrap_err();
    let (kind, words) = said(&error);
    assert_eq!(kind, ErrorKind::Unsupported);
    assert!(words.contains("own: this store keeps no tags"), "{words}");
    assert!(
        first.terms_of("k").is_none() && second.terms_of("k").is_none(),
        "nothing was sent"
    );
    client.put("k", "v").tag("team", "billing").pin("memory").await.unwrap();
    assert_eq!(second.terms_of("k").unwrap().tags["team"], "billing");
}

/// Who speaks to the stack directly has not passed the door.
#[tokio::test(start_paused = true)]
async fn the_bridge_refuses_unsupported_terms() {
    use crate::{
        provider::{AnyObjectProvider, ObjectService, ProviderErrorKind},
        request::{Call, Key, object::ObjectRequest},
    };
    use tower::ServiceExt;
    let memory = Memory::new();
    let put = |terms: Terms, at: &str| {
        let mut put = Put::new(Key::new("k").unwrap(), "v");
        put.terms_at = std::sync::Arc::new([(at.into(), terms.into())].into());
        Call::new(ObjectRequest::Put(put))
    };
    let own = ObjectService::new("own", AnyObjectProvider::new(Plain(memory.clone())));
    let error = own.clone().oneshot(put(key("k"), "own")).await.unwrap_err();
    let refused = error.downcast_ref::<ProviderError>().unwrap();
    assert_eq!(refused.kind(), ProviderErrorKind::Unsupported);
    own.oneshot(put(key("k"), "another")).await.unwrap();
    assert_eq!(memory.terms_of("k").unwrap(), Terms::new());
}
