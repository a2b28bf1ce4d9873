//! What is served to whom.

use crate::{
    served::{get, json, serve, text},
    store::{Store, Trouble},
};
use evenkeel::{Endpoint, Failover, ObjectClient, Replication, ops::status_page::StatusPage, provider::Memory};
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;

fn client(name: &str, stores: [(&str, &Store); 2], page: &StatusPage) -> ObjectClient {
    let client = ObjectClient::builder()
        .client_name(name)
        .endpoints(stores.map(|(name, store)| Endpoint::new(name, store.clone())))
        .replication(Replication::write_once())
        .on_event_record(page.listener())
        .seed(1)
        .build()
        .unwrap();
    page.show(client.view());
    client
}

#[tokio::test]
async fn bare_hyper_serves_the_page_and_nothing_else() {
    let page = StatusPage::new();
    let (virginia, ireland) = (Store::new(), Store::new());
    let _photos = client("photos", [("virginia", &virginia), ("ireland", &ireland)], &page);
    let served = serve(page).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/status.json?x=1", "application/json"),
    ] {
        let answer = served.ask(Method::GET, path).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &kind.parse().unwrap())
        );
        let length = answer.headers()["content-length"].clone();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(length, body.len().to_string());
        let head = served.ask(Method::HEAD, path).await;
        assert_eq!(head.headers()["content-type"], kind);
        assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
    ] {
        let answer = served.ask(method, "/").await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"GET, HEAD".parse().unwrap())
        );
    }
    assert_eq!(served.ask(Method::GET, "/nothing").await.status(), 404);
    // Reading the head of the events takes no place.
    let head = served.ask(Method::HEAD, "/events").await;
    assert_eq!(head.headers()["content-type"], "text/event-stream");
}

/// The page knows no address of its own, and without a script it cannot find one.
#[tokio::test]
async fn the_link_for_browsers_without_scripts_works_with_and_without_a_slash() {
    let page = StatusPage::new();
    let store = Store::new();
    let _photos = client("photos", [("virginia", &store), ("ireland", &store)], &page);
    let shell = text(&page, "/").await;
    let (_, noscript) = shell.split_once("<noscript>").unwrap();
    let (_, link) = noscript.split_once("<a href=\"").unwrap();
    let (link, _) = link.split_once('"').unwrap();
    assert_eq!(link, "?json");
    let served = serve(axum::Router::new().nest_service("/status", page)).await;
    for path in ["/status", "/status/"] {
        let answer = served.ask(Method::GET, &format!("{path}{link}")).await;
        assert_eq!(answer.headers()["content-type"], "application/json", "{path}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let all: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(all["state"]["clients"][0]["status"]["client"], "photos");
    }
}

#[tokio::test]
async fn every_answer_forbids_caches_frames_and_foreign_scripts() {
    let page = StatusPage::new();
    for path in ["/", "/status.json", "/events", "/nothing"] {
        let answer = get(&page, path).await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        let policy = header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    let shell = text(&page, "/").await;
    assert!(shell.len() < 60_000, "{}", shell.len());
}

#[tokio::test(start_paused = true)]
async fn the_page_shows_every_client_and_forgets_those_that_are_gone() {
    let page = StatusPage::new();
    let store = Store::new();
    let photos = client("photos", [("virginia", &store), ("ireland", &store)], &page);
    let tables = Failover::builder()
        .client_name("tables")
        .endpoint(Endpoint::new("stackit", ()))
        .build()
        .unwrap();
    page.show(tables.view());
    let names = |all: &Value| {
        let clients = all["state"]["clients"].as_array().unwrap();
        clients
            .iter()
            .map(|client| client["status"]["client"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = json(&page).await;
    assert_eq!(names(&all), ["photos", "tables"]);
    assert_eq!(
        all["state"]["instance"],
        all["state"]["clients"][0]["status"]["instance"]
    );
    drop(photos);
    assert_eq!(names(&json(&page).await), ["tables"], "the page keeps no client alive");
    drop(tables);
    assert_eq!(json(&page).await["state"]["clients"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn with_every_provider_dead_the_page_says_so() {
    let page = StatusPage::new();
    let (virginia, ireland) = (Store::new(), Store::new());
    let photos = client("photos", [("virginia", &virginia), ("ireland", &ireland)], &page);
    virginia.always(Trouble::Hang);
    ireland.always(Trouble::Reset);
    for n in 0..60 {
        let _ = photos.get(format!("{n}")).deadline(Duration::from_secs(5)).await;
    }
    let all = json(&page).await;
    let status = &all["state"]["clients"][0]["status"];
    let suspected = status["suspected_here"].as_array().unwrap();
    assert!(suspected.iter().any(|one| one["class"] == "read"), "{status:#}");
    assert!(
        all["events"]
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["entry"]["kind"] == "all-bad")
    );
    assert!(text(&page, "/").await.contains("evenkeel"));
}

#[tokio::test(start_paused = true)]
async fn the_history_has_a_bin_per_ten_seconds_and_starts_with_a_client() {
    let page = StatusPage::new();
    let (virginia, ireland) = (Store::new(), Store::new());
    let photos = client("photos", [("virginia", &virginia), ("ireland", &ireland)], &page);
    photos.put("k", "v").await.unwrap();
    // The first reading is where the history begins.
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        photos.get("k").await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(22)).await;
    let all = json(&page).await;
    let history = &all["history"];
    assert_eq!((&history["bin_ms"], &history["bins"]), (&json!(10_000), &json!(90)));
    let rows = history["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let of = |endpoint: u64| {
        let row = rows
            .iter()
            .find(|row| row["endpoint"] == endpoint && row["class"] == "read")
            .unwrap();
        row["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bin| bin.as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(0).len(), 5);
    let both = of(0).iter().sum::<u64>() + of(1).iter().sum::<u64>();
    assert_eq!(both, 30, "each attempt is in one bin");
    assert_eq!(of(0).last(), Some(&0), "nothing was asked in the last bin");
    assert!(history["ended_ms"].is_u64());
}

#[tokio::test(start_paused = true)]
async fn sixty_four_endpoints_at_three_clients_are_served() {
    let page = StatusPage::new();
    let clients: Vec<_> = ["photos", "tables", "invoices"]
        .map(|name| {
            let endpoints = (0..64).map(|n| Endpoint::new(format!("endpoint-{n:02}"), Memory::new()).provider("aws"));
            let client = ObjectClient::builder()
                .client_name(name)
                .endpoints(endpoints)
                .replication(Replication::write_once())
                .build()
                .unwrap();
            page.show(client.view());
            client
        })
        .into();
    for _ in 0..20 * 60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        clients[0]
            .put(format!("{:?}", tokio::time::Instant::now()), "x")
            .await
            .unwrap();
    }
    let all = text(&page, "/status.json").await;
    let parsed: Value = serde_json::from_str(&all).unwrap();
    let length = |part: &str| parsed[part].to_string().len();
    println!(
        "data of 64 endpoints × 3 clients: {} bytes, of which state {}, history {}, events {}",
        all.len(),
        length("state"),
        length("history"),
        length("events")
    );
    assert_eq!(parsed["history"]["rows"].as_array().unwrap().len(), 64 * 3 * 3);
    assert!(length("history") < 400_000, "90 bins for each row, and no more");
    // State goes out every 2 s to up to 16 readers.
    assert!(length("state") < 600_000, "{}", length("state"));
}
