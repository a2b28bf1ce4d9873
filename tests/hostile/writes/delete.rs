//! Deletes on a condition.

use crate::promise::Promise;
use evenkeel::{Endpoint, ErrorKind, ObjectClient, Replication, provider::Memory, request::object::ETag};
use libtest_mimic::Trial;

fn client(store: Memory, replication: Replication) -> ObjectClient {
    let builder = ObjectClient::builder().endpoint(Endpoint::new("home", store));
    builder.replication(replication).build().unwrap()
}

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Promise::Acknowledged.paused(
            "writes::a_conditional_delete_removes_that_state_and_no_other",
            || async {
                let client = client(Memory::new(), Replication::provider_managed());
                let old = client.put("k", "v1").await.unwrap().etag().unwrap().clone();
                let new = client.put("k", "v2").overwrite().await.unwrap().etag().unwrap().clone();
                let error = client.delete("k").if_match(old.clone()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
                assert_eq!(client.get("k").await.unwrap().body().as_ref(), b"v2");
                client.delete("k").if_match(new).await.unwrap();
                client.delete("k").if_match(old).await.unwrap();
                assert_eq!(client.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
            },
        ),
        Promise::BadInput.paused("writes::an_unmatchable_tag_is_refused_unsent", || async {
            let tag = |value: &str, endpoint: &str| ETag::new(value, endpoint);
            let managed = client(Memory::new(), Replication::provider_managed());
            let once = client(Memory::new(), Replication::write_once());
            managed.put("k", "v").await.unwrap();
            for (error, kind) in [
                (
                    managed.delete("k").if_match(tag("W/\"a\"", "home")).await.unwrap_err(),
                    ErrorKind::InvalidInput,
                ),
                (
                    managed
                        .put("k", "w")
                        .if_match(tag("W/\"a\"", "home"))
                        .await
                        .unwrap_err(),
                    ErrorKind::InvalidInput,
                ),
                (
                    managed
                        .delete("k")
                        .if_match(tag("\"a\"", "elsewhere"))
                        .await
                        .unwrap_err(),
                    ErrorKind::InvalidInput,
                ),
                (
                    once.delete("k").if_match(tag("\"a\"", "home")).await.unwrap_err(),
                    ErrorKind::Unsupported,
                ),
            ] {
                assert_eq!((error.kind(), error.attempts_made()), (kind, 0), "{error}");
            }
            assert_eq!(managed.get("k").await.unwrap().body().as_ref(), b"v");
        }),
    ];
    trials.extend(adapters());
    trials
}

#[cfg(not(feature = "s3"))]
fn adapters() -> Vec<Trial> {
    Vec::new()
}

/// Each sends the condition or refuses.
#[cfg(feature = "s3")]
fn adapters() -> Vec<Trial> {
    use crate::script::{answer, s3_refusal, serve};
    use evenkeel::{
        provider::{ObjectProvider, ProviderErrorKind, S3, s3::preset},
        request::{Key, object::Delete},
    };

    vec![
        Promise::Acknowledged.trial("writes::s3_sends_the_condition_of_a_delete_or_refuses_it", || async {
            let server = serve(|asked| async move {
                match asked.header("if-match") {
                    Some("\"old\"") => s3_refusal(412, "PreconditionFailed"),
                    _ => answer(204, &[("x-amz-request-id", "R")], ""),
                }
            })
            .await;
            let credentials = aws_sdk_s3::config::Credentials::new("id", "secret", None, None, "static");
            let config = preset::aws("us-east-1")
                .endpoint_url(server.url())
                .force_path_style(true)
                .credentials_provider(credentials)
                .build();
            let store = S3::new(aws_sdk_s3::Client::from_conf(config), "b");
            let delete = |tag: &str| Delete::new(Key::new("k").unwrap()).if_match(ETag::new(tag, ""));
            store.delete(delete("\"new\"")).await.unwrap();
            assert_eq!(server.asked()[0].header("if-match"), Some("\"new\""));
            let error = store.delete(delete("\"old\"")).await.unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::PreconditionFailed);
            for bare in [
                store.clone().without_conditional_put(),
                store.with_create_header("x-forbid"),
            ] {
                let error = bare.delete(delete("\"new\"")).await.unwrap_err();
                assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
            }
            assert_eq!(server.count(), 2, "what cannot be kept is not sent");
        }),
        #[cfg(feature = "object_store")]
        Promise::Acknowledged.trial("writes::object_store_refuses_a_conditional_delete", || async {
            use evenkeel::request::object::{Get, Put};
            let store =
                evenkeel::provider::GenericStore::new(std::sync::Arc::new(object_store::memory::InMemory::new()));
            let delete = Delete::new(Key::new("k").unwrap()).if_match(ETag::new("\"a\"", ""));
            let store = store.unwrap().trusting_transport();
            store.put(Put::new(Key::new("k").unwrap(), "v")).await.unwrap();
            let error = store.delete(delete).await.unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
            assert!(store.get(Get::new(Key::new("k").unwrap())).await.is_ok());
        }),
    ]
}
