//! The conformance suite through the whole client.

use evenkeel::{
    Endpoint, ObjectClient, Replication,
    provider::Memory,
    testing::objects::{self, Claim, Claims},
};

fn streaming() -> Claims {
    Claims::all()
        .without(Claim::Paging, "a client streams")
        .without(Claim::WriteId, "a client draws an id for every write")
}

fn once() -> Claims {
    let refused = "write-once refuses it";
    streaming()
        .without(Claim::Overwrite, refused)
        .without(Claim::IfMatch, refused)
}

fn two(replication: Replication) -> ObjectClient {
    let builder = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", Memory::new()))
        .endpoint(Endpoint::new("ireland", Memory::new()));
    builder.replication(replication).build().unwrap()
}

#[tokio::test]
async fn one_endpoint() {
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", Memory::new()))
        .build()
        .unwrap();
    objects::run("client, one endpoint", &client, &streaming()).await;
}

#[tokio::test]
async fn provider_managed() {
    objects::run(
        "client, provider-managed",
        &two(Replication::provider_managed()),
        &streaming(),
    )
    .await;
}

#[tokio::test]
async fn write_once() {
    objects::run("client, write-once", &two(Replication::write_once()), &once()).await;
}
