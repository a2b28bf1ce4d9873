//! `Failover` over the SDKs of Azure and Google as they are: what their errors mean, on real sockets.

use crate::{
    gcs::clients,
    gcs_server,
    raw::{self, Act, http},
};
use azure_core::http::{ClientOptions, RequestContent, RetryOptions, Transport, Url};
use azure_storage_blob::{BlobClient, BlobClientOptions};
use evenkeel::{
    Endpoint, Error, ErrorKind, Failover,
    provider::AzureBlob,
    verdict::{Classify, Standard, Verdict},
};
use google_cloud_auth::credentials::anonymous;
use google_cloud_gax::{options::RequestOptionsBuilder, retry_policy::NeverRetry};
use google_cloud_storage::client::{Storage, StorageControl};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

/// Above the limit of an attempt, so that it is this limit that ends a hang.
const DEADLINE: Duration = Duration::from_millis(1_500);
const LIMIT: Duration = Duration::from_secs(1);

/// What becomes of one call where the first of two endpoints fails.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    /// It went to the second.
    Moved(Verdict),
    /// It came back with this.
    Stayed(ErrorKind, Verdict),
}
use Met::{Moved, Stayed};

fn pair<C: Clone>(first: C, second: C) -> Failover<C> {
    Failover::builder()
        .endpoint(Endpoint::new("first", first))
        .endpoint(Endpoint::new("second", second))
        .attempt_limit(LIMIT)
        .build()
        .unwrap()
}

/// A write that must not happen twice: it moves only if it was provably not sent.
async fn written<C, F, Fut, T, E>(clients: &Failover<C>, write: F) -> Met
where
    C: Clone + Send + Sync + 'static,
    F: Fn(C) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
    Standard: Classify<T, E>,
{
    match clients.write(write).deadline(DEADLINE).explained().await {
        Ok((_, explanation)) => {
            assert_eq!(explanation.answered_by(), Some("second"));
            Moved(explanation.attempts()[0].verdict().unwrap())
        }
        Err(error) => {
            shows_nothing(&error);
            Stayed(error.kind(), error.attempts()[0].verdict().unwrap())
        }
    }
}

/// Our words, without the SDK's beneath, which quote what they like.
fn shows_nothing<E>(error: &Error<E>) {
    assert!(!error.to_string().contains("secret-key"), "{error}");
}

/// The SDK's clients are not `Clone`.
fn azure(addr: SocketAddr) -> Arc<BlobClient> {
    let transport = reqwest::Client::builder()
        .connect_timeout(AzureBlob::CONNECT_TIMEOUT)
        .build()
        .unwrap();
    let options = BlobClientOptions {
        client_options: ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::new(transport))),
            ..ClientOptions::default()
        },
        ..BlobClientOptions::default()
    };
    let url = Url::parse(&format!("http://{addr}/account/orders/secret-key?sig=secret-key")).unwrap();
    Arc::new(BlobClient::new(url, None, Some(options)).unwrap())
}

fn azures(status: &str, code: &str) -> Act {
    http(status, &[("x-ms-error-code", code), ("retry-after", "7")], "")
}

#[tokio::test]
async fn failover_over_azure_blobs_judges_real_errors() {
    use ErrorKind as Kind;
    let good = raw::serve(http("201 Created", &[("etag", "\"0x1\"")], "")).await;
    let upload = |blob: Arc<BlobClient>| async move {
        let body = RequestContent::from(b"body".to_vec());
        blob.upload(body, None).await
    };
    let nobody = pair(azure(raw::nobody().await), azure(good.addr));
    assert_eq!(written(&nobody, upload).await, Moved(Verdict::Unreachable));
    let hole = raw::black_hole().await;
    let hole = pair(azure(hole.addr), azure(good.addr));
    assert_eq!(written(&hole, upload).await, Moved(Verdict::Unreachable));
    for (act, expected) in [
        (Act::Hang, Stayed(Kind::MaybeApplied, Verdict::Faulty)),
        (Act::ReadAndReset, Stayed(Kind::MaybeApplied, Verdict::Faulty)),
        (
            Act::Answer(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
            Stayed(Kind::MaybeApplied, Verdict::Faulty),
        ),
        (
            azures("503 Service Unavailable", "Whatever"),
            Stayed(Kind::MaybeApplied, Verdict::Faulty),
        ),
        (
            azures("503 Busy", "ServerBusy"),
            Stayed(Kind::Throttled, Verdict::Throttled),
        ),
        (
            azures("429 Too Many Requests", "Whatever"),
            Stayed(Kind::Throttled, Verdict::Throttled),
        ),
        (
            azures("401 Unauthorized", "InvalidAuthenticationInfo"),
            Stayed(Kind::Denied, Verdict::Denied),
        ),
        (
            azures("403 Forbidden", "AuthorizationFailure"),
            Stayed(Kind::Denied, Verdict::Denied),
        ),
        (
            azures("404 Not Found", "ContainerNotFound"),
            Stayed(Kind::Rejected, Verdict::Caller),
        ),
        (
            azures("412 Precondition Failed", "ConditionNotMet"),
            Stayed(Kind::PreconditionFailed, Verdict::Answer),
        ),
        (
            http("404 Not Found", &[], "<html>welcome to this hotel</html>"),
            Stayed(Kind::MaybeApplied, Verdict::Faulty),
        ),
    ] {
        let bad = raw::serve(act.clone()).await;
        let met = written(&pair(azure(bad.addr), azure(good.addr)), upload).await;
        assert_eq!(met, expected, "{act:?}");
        assert_eq!(bad.connections(), 1, "{act:?}: the SDK repeats nothing");
    }
}

/// A read moves whatever the fault was, one that is only seen in the body included.
#[tokio::test]
async fn reads_of_azure_tags_fail_over_on_every_fault() {
    let tags = "<?xml version=\"1.0\"?><Tags><TagSet><Tag><Key>team</Key><Value>billing</Value></Tag></TagSet></Tags>";
    let good = raw::serve(http("200 OK", &[("content-type", "application/xml")], tags)).await;
    for act in [
        Act::Hang,
        // (A page with markup the SDK takes for a document without tags: a success is believed.)
        http("200 OK", &[], "welcome to this hotel"),
        http("200 OK", &[("content-length", "1000")], tags),
        azures("500 Internal", "InternalError"),
        azures("503 Busy", "ServerBusy"),
    ] {
        let bad = raw::serve(act.clone()).await;
        let blobs = pair(azure(bad.addr), azure(good.addr));
        let read = blobs.read(|blob: Arc<BlobClient>| async move { blob.get_tags(None).await?.into_model() });
        let (tags, explanation) = read.explained().await.unwrap();
        assert_eq!(explanation.answered_by(), Some("second"), "{act:?}");
        assert_eq!(tags.blob_tag_set.unwrap().len(), 1);
    }
}

async fn google(addr: SocketAddr) -> (Storage, StorageControl) {
    clients(&format!("http://{addr}"), anonymous::Builder::new().build()).await
}

fn googles(status: &str) -> Act {
    let code: u16 = status[..3].parse().unwrap();
    let document = gcs_server::document(code, "reason", "about secret-key").to_string();
    http(
        status,
        &[("content-type", "application/json"), ("retry-after", "7")],
        &document,
    )
}

#[tokio::test]
async fn failover_over_google_uploads_judges_real_errors() {
    use ErrorKind as Kind;
    let good = gcs_server::start().await;
    let upload = |storage: Storage| async move {
        let request = storage.write_object("projects/_/buckets/orders", "secret-key", "body");
        request.with_retry_policy(NeverRetry).send_buffered().await
    };
    let (second, _) = google(good.addr).await;
    let (nobody, _) = google(raw::nobody().await).await;
    assert_eq!(
        written(&pair(nobody, second.clone()), upload).await,
        Moved(Verdict::Unreachable)
    );
    for (act, expected) in [
        (Act::Hang, Stayed(Kind::MaybeApplied, Verdict::Faulty)),
        (Act::ReadAndReset, Stayed(Kind::MaybeApplied, Verdict::Faulty)),
        (
            http("200 OK", &[], "<html>welcome to this hotel</html>"),
            Stayed(Kind::MaybeApplied, Verdict::Faulty),
        ),
        (googles("503 Unavailable"), Stayed(Kind::MaybeApplied, Verdict::Faulty)),
        (googles("429 Slow Down"), Stayed(Kind::Throttled, Verdict::Throttled)),
        (googles("401 Unauthorized"), Stayed(Kind::Denied, Verdict::Denied)),
        (googles("403 Forbidden"), Stayed(Kind::Denied, Verdict::Denied)),
        (googles("404 Not Found"), Stayed(Kind::NotFound, Verdict::Absent)),
        (
            googles("412 Precondition Failed"),
            Stayed(Kind::PreconditionFailed, Verdict::Answer),
        ),
        (
            http("404 Not Found", &[], "<html>welcome to this hotel</html>"),
            Stayed(Kind::MaybeApplied, Verdict::Faulty),
        ),
    ] {
        let bad = raw::serve(act.clone()).await;
        let (first, _) = google(bad.addr).await;
        let met = written(&pair(first, second.clone()), upload).await;
        assert_eq!(met, expected, "{act:?}");
        assert_eq!(bad.connections(), 1, "{act:?}: the SDK repeats nothing");
    }
}

#[tokio::test]
async fn failover_over_google_grpc_judges_real_errors() {
    use ErrorKind as Kind;
    let good = gcs_server::start().await;
    let delete = |control: StorageControl| async move {
        let request = control.delete_object().set_bucket("projects/_/buckets/orders");
        let deleted = request
            .set_object("secret-key")
            .with_retry_policy(NeverRetry)
            .send()
            .await;
        // The second endpoint has nothing of the name, which is an answer, too.
        match deleted {
            Err(error)
                if error
                    .status()
                    .is_some_and(|status| status.message.starts_with("No such object")) =>
            {
                Ok(())
            }
            other => other,
        }
    };
    let (_, second) = google(good.addr).await;
    let (_, nobody) = google(raw::nobody().await).await;
    assert_eq!(
        written(&pair(nobody, second.clone()), delete).await,
        Moved(Verdict::Unreachable)
    );
    for act in [
        Act::Hang,
        Act::ReadAndReset,
        Act::ReadAndClose,
        http("200 OK", &[], "<html>welcome to this hotel</html>"),
    ] {
        let bad = raw::serve(act.clone()).await;
        let (_, first) = google(bad.addr).await;
        let met = written(&pair(first, second.clone()), delete).await;
        assert_eq!(met, Stayed(Kind::MaybeApplied, Verdict::Faulty), "{act:?}");
    }
    for (code, expected) in [
        (14, Stayed(Kind::MaybeApplied, Verdict::Faulty)),      // UNAVAILABLE
        (8, Stayed(Kind::Throttled, Verdict::Throttled)),       // RESOURCE_EXHAUSTED
        (16, Stayed(Kind::Denied, Verdict::Denied)),            // UNAUTHENTICATED
        (7, Stayed(Kind::Denied, Verdict::Denied)),             // PERMISSION_DENIED
        (5, Stayed(Kind::NotFound, Verdict::Absent)),           // NOT_FOUND
        (9, Stayed(Kind::PreconditionFailed, Verdict::Answer)), // FAILED_PRECONDITION
        (3, Stayed(Kind::Rejected, Verdict::Caller)),           // INVALID_ARGUMENT
    ] {
        let bad = gcs_server::refusing(code).await;
        let (_, first) = google(bad.addr).await;
        let met = written(&pair(first, second.clone()), delete).await;
        assert_eq!(met, expected, "{code}");
    }
}
