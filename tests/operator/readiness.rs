//! The example service, as its platform sees it.

#[path = "../../examples/axum.rs"]
#[allow(dead_code)]
mod example;

use crate::store::{Store, Trouble};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use evenkeel::{Endpoint, ObjectClient, Replication, ops::operator::Selector};
use std::time::Duration;
use tower::ServiceExt;

async fn ask(app: &Router, method: &str, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::from("hello"));
    let answer = app.clone().oneshot(request.unwrap()).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn service(stores: &[Store; 2]) -> (ObjectClient, Router) {
    let [virginia, ireland] = stores.clone();
    let notes = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", virginia))
        .endpoint(Endpoint::new("ireland", ireland))
        .replication(Replication::write_once())
        .seed(1)
        .build()
        .unwrap();
    (notes.clone(), example::app(notes))
}

#[tokio::test(start_paused = true)]
async fn the_service_is_ready_with_one_cloud_down_and_alive_with_none() {
    let stores = [Store::new(), Store::new()];
    let (_notes, app) = service(&stores);
    assert_eq!(ask(&app, "PUT", "/notes/a").await.0, StatusCode::CREATED);
    assert_eq!(ask(&app, "GET", "/readyz").await.0, StatusCode::OK);

    // When virginia is gone,
    stores[0].always(Trouble::Reset);
    for _ in 0..10 {
        ask(&app, "GET", "/notes/b").await;
    }
    // then the service is ready, as ireland is,
    let (status, table) = ask(&app, "GET", "/readyz").await;
    assert_eq!(status, StatusCode::OK, "{table}");
    assert!(table.contains("read open"), "{table}");

    // and when ireland is gone as well,
    stores[1].always(Trouble::Reset);
    for _ in 0..20 {
        let (status, words) = ask(&app, "GET", "/notes/b").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{words}");
    }
    // then it is not ready, and alive.
    assert_eq!(ask(&app, "GET", "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&app, "GET", "/livez").await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_drained_endpoint_is_not_viable() {
    let (notes, app) = service(&[Store::new(), Store::new()]);
    let hour = Duration::from_secs(3_600);
    notes
        .operator()
        .drain(Selector::endpoint("virginia"), "maintenance", hour)
        .apply()
        .unwrap();
    let snapshot = notes.snapshot();
    let viable: Vec<_> = snapshot
        .viable(evenkeel::request::OpClass::Read)
        .map(|endpoint| endpoint.profile.name())
        .collect();
    assert_eq!(viable, ["ireland"]);
    assert_eq!(ask(&app, "GET", "/readyz").await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn callers_get_the_http_status_of_their_error() {
    let (_notes, app) = service(&[Store::new(), Store::new()]);
    assert_eq!(ask(&app, "GET", "/notes/none").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&app, "PUT", "/notes/a").await.0, StatusCode::CREATED);
    assert_eq!(ask(&app, "PUT", "/notes/a").await.0, StatusCode::CONFLICT);
    assert_eq!(ask(&app, "GET", "/notes/..").await.0, StatusCode::BAD_REQUEST);
}
