//! A photo service on evenkeel: uploads and downloads of hundreds of megabytes, in bounded memory.
//!
//! - `PUT /photos/{name}` streams the body to the store in parts. What was read is kept in a temporary file until the
//!   upload is done, so that the upload begins again at the other provider when one dies in the middle.
//! - `GET /photos/{name}` streams the photo, or the part that a `Range` header asks for (206, or 416). When the serving
//!   provider dies in the middle, the download goes on from the same byte where the content is provably the same;
//!   otherwise the connection is closed, and the browser asks again for the rest.
//! - `/livez`, `/readyz` and `/metrics` (Prometheus) are for the platform.
//! - `/status` is for whoever is on call: what this process knows of its providers, and why it decides as it does.
//!   Where the variable `STATUS_TOKEN` is set, whoever has this token gives orders there.

mod range;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use evenkeel::{
    Error, ErrorKind, ObjectClient,
    client::object::{Source, Spool},
    ops::status_page::{OperablePage, StatusPage},
    request::OpClass,
};
use metrics_exporter_prometheus::PrometheusHandle;
use range::Asked;
use std::{future::IntoFuture, time::Duration};
use tokio::{net::TcpListener, sync::oneshot};

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Photos {
    /// The client. Clones share everything.
    pub store: ObjectClient,
    /// What `/metrics` shows.
    pub metrics: PrometheusHandle,
    /// What `/status` shows. It asks nobody who they are: in earnest, mount it where only your own people get.
    pub status: StatusPage,
    /// The same with orders, for whoever has its token; mounted in place of `status`.
    pub orders: Option<OperablePage>,
}

/// The service's routes.
pub fn app(photos: Photos) -> Router {
    let app = Router::new()
        .route("/photos/{name}", get(download).put(upload))
        // Bodies are streamed, so their size is no danger to this process. A limit for users belongs here.
        .layer(DefaultBodyLimit::disable())
        .route("/livez", get(|| async { "alive" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(photos.clone());
    match photos.orders {
        Some(page) => app.nest_service("/status", page),
        None => app.nest_service("/status", photos.status),
    }
}

/// Serves until `stop` is over. Then nothing new is accepted, and what is under way may go on for at most `patience`:
/// whoever takes nothing, such as a page on a laptop that was closed, would keep the process for ever.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    photos: Photos,
    stop: impl Future<Output = ()> + Send + 'static,
    patience: Duration,
) -> std::io::Result<()> {
    let status = photos.status.clone();
    let (tell, stopped) = oneshot::channel();
    let served = axum::serve(listener, app(photos)).with_graceful_shutdown(async move {
        stop.await;
        // Whoever reads the page would keep the server waiting.
        status.close();
        let _ = tell.send(());
    });
    let out_of_patience = async {
        let _ = stopped.await;
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        served = served.into_future() => served,
        () = out_of_patience => Ok(()),
    }
}

/// What Prometheus scrapes. The state of the endpoints is as of now.
async fn metrics(State(photos): State<Photos>) -> String {
    photos.store.snapshot().publish();
    photos.metrics.render()
}

async fn upload(
    State(photos): State<Photos>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let mut source = Source::stream(body.into_data_stream()).spooled(Spool::new());
    // A body that ends early then stores nothing.
    if let Some(length) = number(headers.get(header::CONTENT_LENGTH)) {
        source = source.size(length);
    }
    let mut put = photos
        .store
        .put_stream(key(&name), source)
        .operation_name("photo upload");
    if let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) {
        put = put.content_type(kind);
    }
    put.await?;
    Ok(StatusCode::CREATED)
}

async fn download(
    State(photos): State<Photos>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = range::asked(headers.get(header::RANGE));
    let mut call = photos.store.get_stream(key(&name)).operation_name("photo download");
    if let Asked::Part(part) = &asked {
        call = call.range(part.clone());
    }
    let download = match call.await {
        Ok(download) => download,
        Err(error) if error.kind() == ErrorKind::RangeNotSatisfiable => {
            let size = photos.store.head(key(&name)).await?.meta().size;
            let headers = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    let meta = download.meta().clone();
    let (status, length) = match asked {
        Asked::Part(part) => {
            let range = part.of(meta.size).unwrap_or(0..0);
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Asked::All => (StatusCode::OK, 0..meta.size),
    };
    let mut response = Response::new(Body::from_stream(download));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, (length.end - length.start).into());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", length.start, length.end.saturating_sub(1), meta.size);
        headers.extend(HeaderValue::from_str(&range).map(|range| (header::CONTENT_RANGE, range)));
    }
    let kind = meta
        .attributes
        .content_type
        .as_deref()
        .unwrap_or("application/octet-stream");
    headers.extend(HeaderValue::from_str(kind).map(|kind| (header::CONTENT_TYPE, kind)));
    Ok(response)
}

/// Fails only while no endpoint is left that reads are sent to: another replica may then be better placed. All replicas see
/// an outage at once. In earnest, let the load balancer go on when all of them say no, or leave this out
/// (docs/operations, "Readiness and liveness").
async fn readyz(State(photos): State<Photos>) -> (StatusCode, String) {
    let snapshot = photos.store.snapshot();
    let status = match snapshot.viable(OpClass::Read).next() {
        Some(_) => StatusCode::OK,
        None => StatusCode::SERVICE_UNAVAILABLE,
    };
    // A table of the endpoints: no keys, no secrets.
    (status, snapshot.to_string())
}

fn key(name: &str) -> String {
    format!("photos/{name}")
}

fn number(value: Option<&HeaderValue>) -> Option<u64> {
    value?.to_str().ok()?.parse().ok()
}

/// What one's own callers hear.
#[derive(Debug)]
struct Refusal(Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::AlreadyExists => StatusCode::CONFLICT,
            ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
            _ if self.0.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, self.0.to_string()).into_response()
    }
}
