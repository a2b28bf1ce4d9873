//! Stores that refuse the condition which a client adds by itself: nobody asked for it, so nobody hears of it.

#[cfg(not(feature = "s3"))]
pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    vec![]
}

#[cfg(feature = "s3")]
pub(crate) use of_s3::trials;

#[cfg(feature = "s3")]
mod of_s3 {
    use crate::{
        promise::Promise,
        script::{self, Answer, Asked, Server, answer, s3_refusal},
    };
    use aws_sdk_s3::{
        Client,
        config::{Credentials, RequestChecksumCalculation::WhenRequired},
    };
    use evenkeel::{
        Endpoint, ObjectClient, Replication,
        provider::{
            Capabilities, Capability, Memory, ObjectProvider, ProviderError,
            s3::{
                S3,
                preset::{self, Addressing},
            },
        },
        request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer},
    };
    use libtest_mimic::Trial;
    use std::{
        collections::BTreeMap,
        future::IntoFuture,
        sync::{Arc, Mutex},
        time::Duration,
    };
    use tokio::task::JoinSet;

    pub(crate) fn trials() -> Vec<Trial> {
        let refusals = [
            (403, "AccessDenied"),
            (501, "NotImplemented"),
            (409, "ConditionalRequestConflict"),
            (412, "PreconditionFailed"),
        ];
        let refused = refusals.map(|(status, code)| {
            let name = format!("fences::a_refused_fence_is_hidden_from_the_caller_{status}");
            Promise::Healthy.trial(&name, move || a_condition_that_nobody_asked_for(status, code))
        });
        let others = [
            Promise::Acknowledged.trial(
                "fences::an_invalid_put_does_not_turn_fences_off",
                a_put_that_is_wrong_by_itself_ends_no_fence,
            ),
            Promise::Healthy.paused(
                "fences::a_slow_store_under_verification_refuses_no_put",
                a_slow_store_that_is_being_asked_refuses_nothing,
            ),
        ];
        refused.into_iter().chain(others).collect()
    }

    /// A store of objects by path: tag and write id. It refuses every If-Match so, unless the status is 0.
    async fn store(status: u16, code: &'static str) -> Server {
        let objects: Arc<Mutex<BTreeMap<String, (String, String)>>> = Arc::default();
        script::serve(move |asked: Asked| {
            let answer = act(&mut objects.lock().unwrap(), &asked, status, code);
            async move { answer }
        })
        .await
    }

    fn act(objects: &mut BTreeMap<String, (String, String)>, asked: &Asked, status: u16, code: &str) -> Answer {
        const ID: &str = "x-amz-meta-evenkeel-write-id";
        let mark = ("x-amz-request-id", "REQ42");
        if asked.method == "PUT" {
            if asked.path().ends_with("wrong") {
                return s3_refusal(400, "InvalidStorageClass");
            }
            if asked.header("if-match").is_some() && status != 0 {
                return s3_refusal(status, code);
            }
            let tag = format!("\"{}\"", objects.len());
            let id = asked.header(ID).unwrap_or_default().to_owned();
            objects.insert(asked.path().to_owned(), (tag.clone(), id));
            return answer(200, &[("etag", &tag), mark], "");
        }
        match objects.get(asked.path()) {
            None => s3_refusal(404, "NoSuchKey"),
            Some((tag, id)) => answer(200, &[("etag", tag), (ID, id), mark], "x"),
        }
    }

    fn client(server: &Server) -> ObjectClient {
        let config = preset::generic(server.url(), "us-east-1", Addressing::Path, WhenRequired)
            .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
        let store = S3::new(Client::from_conf(config.build()), "bucket").trusting_conditions();
        ObjectClient::builder()
            .endpoint(Endpoint::new("here", store))
            .replication(Replication::provider_managed())
            .build()
            .unwrap()
    }

    async fn a_condition_that_nobody_asked_for(status: u16, code: &'static str) {
        let server = store(status, code).await;
        let client = client(&server);
        let mut requests = Vec::new();
        for key in 0..20 {
            client.put(format!("{key}"), "1").overwrite().await.unwrap();
            let before = server.count();
            client.put(format!("{key}"), "2").overwrite().await.unwrap();
            requests.push(server.count() - before);
        }
        // Where it lasts it is learnt with the first key. A conflict passes, and each is met anew.
        if code != "ConditionalRequestConflict" {
            assert!(requests[1..].iter().all(|&count| count == 1), "{requests:?}");
        }
    }

    async fn a_put_that_is_wrong_by_itself_ends_no_fence() {
        let server = store(0, "").await;
        let client = client(&server);
        client.put("right", "1").overwrite().await.unwrap();
        client.put("wrong", "1").overwrite().await.unwrap_err();
        client.put("right", "2").overwrite().await.unwrap();
        let last = server.asked().pop().unwrap();
        assert!(last.header("if-match").is_some(), "{last:?}");
    }

    /// Each request takes a second, and what it does with conditions is not known.
    #[derive(Clone)]
    struct Slow(Memory);

    impl Slow {
        async fn wait(&self) -> &Memory {
            tokio::time::sleep(Duration::from_millis(900)).await;
            &self.0
        }
    }

    impl ObjectProvider for Slow {
        async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
            self.wait().await.put(put).await
        }
        async fn get(&self, get: Get) -> Result<Object, ProviderError> {
            self.wait().await.get(get).await
        }
        async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
            self.wait().await.head(head).await
        }
        async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
            self.wait().await.delete(delete).await
        }
        async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
            self.wait().await.list(list).await
        }
        fn capabilities(&self) -> Capabilities {
            Capabilities::all(Capability::Unknown)
        }
    }

    async fn a_slow_store_that_is_being_asked_refuses_nothing() {
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("here", Slow(Memory::new())).capacity(1e6))
            .replication(Replication::provider_managed())
            .build()
            .unwrap();
        let mut puts = JoinSet::new();
        for key in 0..400 {
            let put = client.put(format!("{key}"), "x").into_future();
            puts.spawn(put);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while let Some(stored) = puts.join_next().await {
            Promise::Healthy.tried();
            stored.unwrap().unwrap();
        }
    }
}
