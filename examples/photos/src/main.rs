//! The photo service, over two stores in this process.
//!
//! ```text
//! cargo run -p evenkeel-photos
//! curl -T film.mp4 localhost:8080/photos/film && curl -r 0-99 localhost:8080/photos/film | wc -c
//! ```

use evenkeel::{Endpoint, ObjectClient, Replication, ops::status_page::StatusPage, provider::Memory};
use evenkeel_photos::{Photos, serve};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use std::time::Duration;

/// The bounds of the histograms, in seconds: those of docs/operations.
const BUCKETS: [f64; 14] = [
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0,
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &BUCKETS)?
        .install_recorder()?;
    // Else the samples of the histograms pile up while nobody scrapes, as when Prometheus is down, too.
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    let status = StatusPage::new();
    // In earnest, these are buckets: `S3::new(..)`, `AzureBlob::new(..)`, `Gcs::new(..)`.
    let store = ObjectClient::builder()
        .endpoints(["virginia", "frankfurt"].map(|name| Endpoint::new(name, Memory::new())))
        .replication(Replication::write_once())
        .client_name("photos")
        .on_event_record(status.listener())
        .build()?;
    status.show(store.view());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}/status", listener.local_addr()?);
    // Names under which people reach the page belong into `hosts`; `localhost` is always taken.
    let orders = match std::env::var("STATUS_TOKEN") {
        Ok(token) => Some(status.operable(&token)?),
        Err(_) => None,
    };
    let photos = Photos {
        store: store.clone(),
        metrics,
        status,
        orders,
    };
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    serve(listener, photos, stop, Duration::from_secs(10)).await?;
    store.close();
    Ok(())
}
