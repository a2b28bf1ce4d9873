//! What fails if X fails: a report on two clients, before anything happens.
//!
//! ```sh
//! cargo run --example impact
//! ```

use evenkeel::{
    Endpoint, ObjectClient, Replication,
    endpoint::Role,
    ops::impact::{ImpactReport, Loss},
    provider::Memory,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let virginia = || {
        Endpoint::new("virginia", Memory::new())
            .provider("aws")
            .region("us-east-1")
            .location("US")
            .jurisdictions(["US"])
            .depends_on("login.example", Role::Credentials)
    };
    let stackit = || {
        Endpoint::new("stackit", Memory::new())
            .provider("stackit")
            .region("eu01")
            .location("DE")
            .jurisdictions(["DE", "EU"])
            .depends_on("login.example", Role::Credentials)
    };
    // Writes end with the home, and reads go on.
    let orders = ObjectClient::builder()
        .client_name("orders")
        .endpoint(virginia())
        .endpoint(stackit().read_only())
        .survives("stackit")
        .build()?;
    // Writes go on, and what lies at the lost provider cannot be read.
    let photos = ObjectClient::builder()
        .client_name("photos")
        .endpoint(virginia())
        .endpoint(stackit())
        .replication(Replication::write_once())
        .build()?;
    println!("{}", ImpactReport::of([orders.impact(), photos.impact()]));

    // Both get their tokens from one login: two providers, and one failure domain.
    let login = ObjectClient::builder()
        .endpoint(virginia())
        .endpoint(stackit().read_only());
    if let Err(refused) = login.survives(Loss::host("login.example")).build() {
        println!("Refused at build: {refused}");
    }
    Ok(())
}
