//! The concentration report of a process, as Markdown: `cargo run --example concentration`.
//!
//! Two clients, three endpoints. One provider goes away for a while; the report of that window says who served instead.

use evenkeel::{
    BoxError, Endpoint, KvClient, ObjectClient, Replication,
    endpoint::Role,
    ops::{
        concentration::{Concentration, Reading, concentration},
        operator::Selector,
    },
    provider::{Memory, MemoryTable},
};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let photos = ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("frankfurt", Memory::new())
                .provider("aws")
                .region("eu-central-1")
                .location("DE")
                .jurisdictions(["US", "DE", "EU"])
                .depends_on("login.example.com", Role::Credentials)
                // The data is in Frankfurt. What configures the service is in Virginia.
                .depends_on_at("iam.amazonaws.com", Role::ControlPlane, "us-east-1"),
        )
        .endpoint(
            Endpoint::new("heilbronn", Memory::new())
                .provider("stackit")
                .region("eu01")
                .location("DE")
                .jurisdictions(["DE", "EU"])
                .depends_on("login.example.com", Role::Credentials),
        )
        .replication(Replication::write_once())
        .build()?;
    let carts = KvClient::builder()
        .client_name("carts")
        .endpoint(
            Endpoint::new("table", MemoryTable::new())
                .provider("aws")
                .region("eu-central-1"),
        )
        .build()?;

    for number in 0..8 {
        photos.put(format!("photo-{number}"), vec![0; 50_000]).await?;
        carts.put(format!("cart-{number}"), "three apples").await?;
    }
    let before = Reading::of(&[photos.view(), carts.view()]);

    let operator = photos.operator().by("anna");
    operator
        .drain(Selector::provider("aws"), "a rehearsal", Duration::from_secs(600))
        .apply()?;
    for number in 8..10 {
        photos.put(format!("photo-{number}"), vec![0; 50_000]).await?;
    }
    let window = Reading::of(&[photos.view(), carts.view()]).since(&before);
    println!("{window}");

    let report = concentration(&[photos.view(), carts.view()]);
    println!("Since the clients were built, attempts went to {}.", shares(&report));
    println!("During the rehearsal they went to {}.", shares(&window));
    Ok(())
}

fn shares(report: &Concentration) -> String {
    let parts = report.by_provider.foreground.attempts.parts.iter();
    let shares = parts.map(|part| format!("{} {:.0} %", part.name, part.share.unwrap_or(0.0) * 100.0));
    shares.collect::<Vec<_>>().join(", ")
}
