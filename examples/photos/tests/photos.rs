//! The service as its callers see it, in this process.

#![allow(clippy::unwrap_used)]

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    ops::status_page::StatusPage,
    provider::{Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{
        AbortUpload, BeginUpload, CompleteUpload, Delete, Get, Head, List, ListPage, Object, ObjectMeta, PartTag, Put,
        PutAnswer, PutPart, UploadId,
    },
    stack::retry::Budget,
    verdict::{Outcome, Sent, Verdict},
};
use evenkeel_photos::{Photos, app};
use http_body_util::BodyExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

/// A store that dies after so many parts.
#[derive(Clone)]
struct Mortal {
    memory: Memory,
    parts: Arc<AtomicUsize>,
}

impl Mortal {
    fn after(parts: usize) -> Self {
        Self {
            memory: Memory::new(),
            parts: Arc::new(AtomicUsize::new(parts)),
        }
    }

    fn alive(&self) -> Result<(), ProviderError> {
        match self.parts.load(Ordering::Relaxed) {
            0 => {
                let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
                Err(ProviderError::new(ProviderErrorKind::Failed, outcome).with_message("connection refused"))
            }
            _ => Ok(()),
        }
    }
}

impl ObjectProvider for Mortal {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.alive()?;
        self.memory.put(put).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.alive()?;
        self.memory.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.alive()?;
        self.memory.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.alive()?;
        self.memory.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.alive()?;
        self.memory.list(list).await
    }

    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        self.alive()?;
        self.memory.begin_upload(begin).await
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        self.alive()?;
        self.parts.fetch_sub(1, Ordering::Relaxed);
        self.memory.put_part(part).await
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        self.alive()?;
        self.memory.complete_upload(complete).await
    }

    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        self.alive()?;
        self.memory.abort_upload(abort).await
    }

    fn capabilities(&self) -> evenkeel::provider::Capabilities {
        self.memory.capabilities()
    }
}

fn service(first: Mortal) -> axum::Router {
    let store = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", first))
        .endpoint(Endpoint::new("frankfurt", Memory::new()))
        .replication(Replication::write_once())
        // The rounds at the dying store draw on the budget with which the reads after it fail over.
        .budget(Budget::new(10.0, 100.0))
        .build()
        .unwrap();
    let status = StatusPage::new();
    status.show(store.view());
    app(Photos {
        store,
        status,
        orders: None,
        metrics: PrometheusBuilder::new().build_recorder().handle(),
    })
}

fn put(name: &str, body: Body) -> Request<Body> {
    let request = Request::put(format!("/photos/{name}")).header("content-type", "image/jpeg");
    request.body(body).unwrap()
}

async fn get(app: &axum::Router, name: &str, range: Option<&str>) -> Response<Body> {
    let mut request = Request::get(format!("/photos/{name}"));
    if let Some(range) = range {
        request = request.header("range", range);
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn bytes(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

fn pieces(count: usize) -> Body {
    let pieces = (0..count).map(|number| Ok::<_, std::io::Error>(Bytes::from(vec![number as u8; 1 << 20])));
    Body::from_stream(futures_util::stream::iter(pieces))
}

#[tokio::test]
async fn a_photo_is_uploaded_though_a_provider_dies_in_the_middle_and_downloaded_whole_and_in_parts() {
    let app = service(Mortal::after(3));
    let stored = app.clone().oneshot(put("film", pieces(200))).await.unwrap();
    assert_eq!(stored.status(), StatusCode::CREATED);
    let whole = get(&app, "film", None).await;
    assert_eq!(
        (whole.status(), &whole.headers()["content-type"]),
        (StatusCode::OK, &"image/jpeg".parse().unwrap())
    );
    let whole = bytes(whole).await;
    assert_eq!(whole.len(), 200 << 20);
    assert!(
        whole
            .chunks(1 << 20)
            .enumerate()
            .all(|(at, piece)| piece.iter().all(|byte| *byte == at as u8))
    );
    for (range, expected, says) in [
        ("bytes=0-99", 0..100, "bytes 0-99/209715200"),
        (
            "bytes=209715100-",
            209_715_100..209_715_200,
            "bytes 209715100-209715199/209715200",
        ),
        (
            "bytes=-5",
            209_715_195..209_715_200,
            "bytes 209715195-209715199/209715200",
        ),
        (
            "bytes=1048575-3145728",
            1_048_575..3_145_729,
            "bytes 1048575-3145728/209715200",
        ),
    ] {
        let part = get(&app, "film", Some(range)).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.headers()["content-range"], says);
        assert!(bytes(part).await == whole[expected], "{range}");
    }
    let outside = get(&app, "film", Some("bytes=209715200-")).await;
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.headers()["content-range"], "bytes */209715200");
}

#[tokio::test]
async fn what_is_absent_or_there_already_or_ends_early_is_said() {
    let app = service(Mortal::after(1000));
    assert_eq!(get(&app, "none", None).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        app.clone().oneshot(put("a", "x".into())).await.unwrap().status(),
        StatusCode::CREATED
    );
    assert_eq!(
        app.clone().oneshot(put("a", "x".into())).await.unwrap().status(),
        StatusCode::CONFLICT
    );
    let mut short = put("b", pieces(20));
    short.headers_mut().insert("content-length", (21 << 20).into());
    assert_eq!(
        app.clone().oneshot(short).await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(get(&app, "b", None).await.status(), StatusCode::NOT_FOUND);
    let ready = app
        .clone()
        .oneshot(Request::get("/readyz").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_status_page_is_there_under_its_prefix() {
    let app = service(Mortal::after(1000));
    let ask = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    // With and without the slash: the page finds its data by the address that it has.
    for path in ["/status", "/status/"] {
        let page = ask(path).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert!(bytes(page).await.starts_with(b"<!doctype html>"));
    }
    let state = bytes(ask("/status/status.json").await).await;
    assert!(String::from_utf8_lossy(&state).contains("frankfurt"));
    assert_eq!(
        ask("/status/events").await.headers()["content-type"],
        "text/event-stream"
    );
    assert_eq!(ask("/status/other").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_does_not_keep_the_process() {
    let store = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", Memory::new()))
        .build()
        .unwrap();
    store.put("photos/large", vec![7; 64 << 20]).await.unwrap();
    let photos = Photos {
        store,
        status: StatusPage::new(),
        orders: None,
        metrics: PrometheusBuilder::new().build_recorder().handle(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let server = tokio::spawn(evenkeel_photos::serve(
        listener,
        photos,
        stopped,
        Duration::from_millis(300),
    ));
    let mut socket = tokio::net::TcpStream::connect(addr).await.unwrap();
    socket
        .write_all(b"GET /photos/large HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    // The answer has begun, and is larger than what waits in the sockets.
    assert_eq!(socket.read_u8().await.unwrap(), b'H');
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), server).await;
    ended.expect("the server ends").unwrap().unwrap();
}
