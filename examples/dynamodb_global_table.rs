//! A service with a DynamoDB global table, before and after. Ten lines are new or changed; they are numbered.
//!
//! ```text
//! cargo run --example dynamodb_global_table --features dynamodb -- URL-OF-ONE-REGION URL-OF-ANOTHER
//! ```
//!
//! Two servers that speak DynamoDB's protocol will do (`moto_server -p 5001`, `moto_server -p 5002`). Kill the first one
//! and run it again.

#![allow(dead_code)] // the tests run parts of it

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    error::SdkError,
    operation::{
        query::{QueryError, builders::QueryFluentBuilder},
        transact_write_items::{TransactWriteItemsError, builders::TransactWriteItemsFluentBuilder},
    },
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put, ScalarAttributeType,
        TransactWriteItem, Update,
    },
};
use std::error::Error;

/// The service as it was.
pub(crate) mod before {
    use super::*;

    pub(crate) async fn orders_of(ddb: &Client, customer: &str) -> Result<i32, SdkError<QueryError>> {
        Ok(query(ddb, customer).send().await?.count())
    }

    pub(crate) async fn order(ddb: &Client, order: &Order) -> Result<(), SdkError<TransactWriteItemsError>> {
        transaction(ddb, order).send().await.map(drop)
    }
}

/// The service as it is. The query is a read: any region answers it. The transaction carries a token, by which *one* region
/// recognises it for ten minutes. So it is repeated where it may have arrived (9), and goes to another region only when it
/// was provably not sent (5): that one does not know the token, and the item may not have been copied there yet.
#[rustfmt::skip] // a changed line stays one line
pub(crate) mod after {
    use super::*;
    use evenkeel::{Endpoint, Error, ErrorKind::{MaybeApplied, PreconditionFailed}, Failover, provider::dynamodb::prepared}; // 1

    pub(crate) async fn orders_of(ddb: &Failover<Client>, customer: &str) -> Result<i32, Error<SdkError<QueryError>>> { // 2
        Ok(ddb.read(|ddb| query(&ddb, customer).send()).await?.count()) // 3
    }

    pub(crate) async fn order(ddb: &Failover<Client>, order: &Order) -> Result<(), Error<SdkError<TransactWriteItemsError>>> { // 4
        let Err(lost) = ddb.write(|ddb| transaction(&ddb, order).send()).await else { return Ok(()) }; // 5
        let Some(region) = lost.attempts().last().filter(|_| lost.kind() == MaybeApplied).map(|a| a.endpoint().to_owned()) else { return Err(lost) }; // 6
        let again = ddb.idempotent_write(|ddb| transaction(&ddb, order).send()).pin(region).await; // 7
        again.map(drop).map_err(|again| if again.kind() == PreconditionFailed { again } else { lost }) // 8
    }

    pub(crate) fn regions(virginia: Client, ireland: Client) -> Result<Failover<Client>, evenkeel::BuildError> {
        let ddb = Failover::builder().endpoint(Endpoint::new("virginia", prepared(&virginia)).provider("aws").region("us-east-1")); // 9
        ddb.endpoint(Endpoint::new("ireland", prepared(&ireland)).provider("aws").region("eu-west-1")).build() // 10
    }
}

/// What is ordered, and the token of the transaction: made once, before the first attempt, and kept for all of them.
pub(crate) struct Order {
    pub(crate) customer: &'static str,
    pub(crate) number: &'static str,
    pub(crate) token: &'static str,
}

fn query(ddb: &Client, customer: &str) -> QueryFluentBuilder {
    ddb.query()
        .table_name("orders")
        .key_condition_expression("customer = :customer AND begins_with(line, :order)")
        .expression_attribute_values(":customer", text(customer))
        .expression_attribute_values(":order", text("order/"))
}

/// The order and the customer's count of orders, both or neither.
fn transaction(ddb: &Client, order: &Order) -> TransactWriteItemsFluentBuilder {
    let line = Put::builder()
        .table_name("orders")
        .item("customer", text(order.customer))
        .item("line", text(&format!("order/{}", order.number)))
        .condition_expression("attribute_not_exists(line)")
        .build();
    let count = Update::builder()
        .table_name("orders")
        .key("customer", text(order.customer))
        .key("line", text("count"))
        .update_expression("ADD orders :one")
        .expression_attribute_values(":one", AttributeValue::N("1".into()))
        .build();
    let line = TransactWriteItem::builder().set_put(line.ok());
    let count = TransactWriteItem::builder().set_update(count.ok());
    ddb.transact_write_items()
        .transact_items(line.build())
        .transact_items(count.build())
        .client_request_token(order.token)
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    let [one, other] = &urls[..] else {
        println!("give the URLs of two servers that speak DynamoDB's protocol, one for each region");
        return Ok(());
    };
    let (virginia, ireland) = (client(one, "us-east-1"), client(other, "eu-west-1"));
    for region in [&virginia, &ireland] {
        // It may be there, and it may be dead.
        if let Err(error) = create_table(region).await {
            println!("no table was created: {error}");
        }
    }
    let order = Order {
        customer: "ada",
        number: "42",
        token: "order-42-of-ada",
    };
    println!("before: {:?}", before::orders_of(&virginia, "ada").await.ok());
    let regions = after::regions(virginia, ireland)?;
    match after::order(&regions, &order).await {
        Ok(()) => println!("ordered"),
        Err(error) => println!("not ordered: {error}"),
    }
    println!("after:  {:?}", after::orders_of(&regions, "ada").await?);
    Ok(())
}

/// A client as the service has always made it.
pub(crate) fn client(url: &str, region: &'static str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(region))
        .endpoint_url(url)
        .credentials_provider(Credentials::new(
            "test-access-key",
            "test-secret-key",
            None,
            None,
            "service",
        ));
    Client::from_conf(config.build())
}

/// In production the table is there, and DynamoDB copies between its regions.
pub(crate) async fn create_table(ddb: &Client) -> Result<(), Box<dyn Error>> {
    let mut table = ddb
        .create_table()
        .table_name("orders")
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("customer", KeyType::Hash), ("line", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
        table = table
            .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build()?)
            .key_schema(key.build()?);
    }
    table.send().await?;
    Ok(())
}
