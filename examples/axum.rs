//! A small service on evenkeel, and what it tells the platform that runs it.
//!
//! ```text
//! cargo run --example axum
//! curl -X PUT --data hello localhost:8080/notes/greeting && curl localhost:8080/notes/greeting
//! ```
//!
//! `/livez` knows nothing of clouds: if it failed with them, the platform would restart the whole fleet into the outage, with
//! cold pools and empty estimates. `/readyz` fails only while no endpoint is left that reads are sent to; then other replicas
//! may be better placed, as what all of this one's endpoints have in common is this host.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use evenkeel::{Endpoint, Error, ErrorKind, ObjectClient, Replication, provider::Memory, request::OpClass};

/// The service's routes.
pub(crate) fn app(notes: ObjectClient) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive" }))
        .route("/readyz", get(readyz))
        .route("/notes/{key}", get(read).put(write))
        .with_state(notes)
}

async fn readyz(State(notes): State<ObjectClient>) -> (StatusCode, String) {
    let snapshot = notes.snapshot();
    let ready = snapshot.viable(OpClass::Read).next().is_some();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    // A table of the endpoints: no keys, no secrets.
    (status, snapshot.to_string())
}

async fn read(State(notes): State<ObjectClient>, Path(key): Path<String>) -> Result<Bytes, (StatusCode, String)> {
    let note = notes.get(key).await.map_err(refusal)?;
    Ok(note.body().clone())
}

async fn write(
    State(notes): State<ObjectClient>,
    Path(key): Path<String>,
    body: Bytes,
) -> Result<StatusCode, (StatusCode, String)> {
    notes.put(key, body).await.map_err(refusal)?;
    Ok(StatusCode::CREATED)
}

/// What one's own callers hear. Its sentence names endpoints and what they met: whether that is for them, is for you to say.
fn refusal(error: Error) -> (StatusCode, String) {
    let status = match error.kind() {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists => StatusCode::CONFLICT,
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        _ if error.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let notes = ObjectClient::builder()
        .endpoints(["virginia", "ireland"].map(|name| Endpoint::new(name, Memory::new())))
        .replication(Replication::write_once())
        .build()?;
    // A place that is dead at the start hinders nobody: the service comes up without it.
    let warm = notes.warm_up().await;
    for place in warm.endpoints().iter().filter(|place| !place.is_ready()) {
        eprintln!(
            "{} is not ready: {}",
            place.endpoint(),
            place.failure().unwrap_or("unknown")
        );
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}/readyz", listener.local_addr()?);
    axum::serve(listener, app(notes)).await?;
    Ok(())
}
