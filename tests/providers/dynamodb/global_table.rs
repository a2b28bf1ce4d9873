//! The example over two servers, each a region, nothing copied between them.

#[path = "../../../examples/dynamodb_global_table.rs"]
mod example;

use crate::{
    faults::{proxy, timeline},
    process,
};
use aws_sdk_dynamodb::Client;
use evenkeel::{Failover, drill::Fault, request::OpClass};
use example::{Order, after, client, create_table};
use std::{net::SocketAddr, time::Duration};

fn order(number: &'static str) -> Order {
    Order {
        customer: "ada",
        number,
        token: number,
    }
}

async fn orders(region: &Client) -> i32 {
    example::before::orders_of(region, "ada").await.unwrap()
}

fn at(addr: SocketAddr, region: &'static str) -> Client {
    client(&format!("http://{addr}"), region)
}

#[tokio::test]
async fn the_example_survives_a_killed_region() {
    let (what, other) = ("a global table, one region", "a global table, the other region");
    let (Some(virginia), Some(ireland)) = (process::moto(what), process::moto(other)) else {
        return;
    };
    let regions = [at(virginia.addr, "us-east-1"), at(ireland.addr, "eu-west-1")];
    for region in &regions {
        create_table(region).await.unwrap();
    }
    // All is well: it goes to the first.
    let healthy: Failover<Client> = after::regions(regions[0].clone(), regions[1].clone()).unwrap();
    after::order(&healthy, &order("1")).await.unwrap();
    assert_eq!((orders(&regions[0]).await, orders(&regions[1]).await), (1, 0));
    assert_eq!(after::orders_of(&healthy, "ada").await.unwrap(), 1);

    // Nobody can connect to it: not sent, so the other region may be asked.
    let dark = timeline(Fault::Refuse);
    let killed = proxy(virginia.addr, &dark).await;
    dark.start_now();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let client = after::regions(at(killed.addr(), "us-east-1"), regions[1].clone()).unwrap();
    after::order(&client, &order("2")).await.unwrap();
    assert_eq!((orders(&regions[0]).await, orders(&regions[1]).await), (1, 1));
    assert_eq!(after::orders_of(&client, "ada").await.unwrap(), 1);

    // It breaks under the request: the same region is asked again, never the other, which does not know the token.
    let breaking = timeline(Fault::ResetBeforeRequest);
    let broken = proxy(virginia.addr, &breaking).await;
    let client = after::regions(at(broken.addr(), "us-east-1"), regions[1].clone()).unwrap();
    breaking.start_now();
    let healing = async {
        while broken.counts().of(OpClass::Write).faulted == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        breaking.stop();
    };
    let third = order("3");
    let (ordered, ()) = tokio::join!(after::order(&client, &third), healing);
    ordered.unwrap();
    assert_eq!((orders(&regions[0]).await, orders(&regions[1]).await), (2, 1));

    // It goes on breaking: nobody knows, and the error says so. A query goes elsewhere meanwhile.
    let client = after::regions(at(broken.addr(), "us-east-1"), regions[1].clone()).unwrap();
    breaking.start_now();
    let error = after::order(&client, &order("4")).await.unwrap_err();
    assert_eq!(error.kind(), evenkeel::ErrorKind::MaybeApplied, "{error}");
    assert_eq!(after::orders_of(&client, "ada").await.unwrap(), 1);
    assert_eq!((orders(&regions[0]).await, orders(&regions[1]).await), (2, 1));

    // It did the work, and its answer was lost. moto does not know tokens, so that the condition must do here what
    // DynamoDB's token does: the repetition meets what the first attempt stored. No second region is asked.
    let losing = timeline(Fault::ResetAfterRequest);
    let lossy = proxy(virginia.addr, &losing).await;
    let client = after::regions(at(lossy.addr(), "us-east-1"), regions[1].clone()).unwrap();
    losing.start_now();
    let healing = async {
        while lossy.counts().of(OpClass::Write).faulted == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        losing.stop();
    };
    let fifth = order("5");
    let (met, ()) = tokio::join!(after::order(&client, &fifth), healing);
    assert_eq!(met.unwrap_err().kind(), evenkeel::ErrorKind::PreconditionFailed);
    assert_eq!((orders(&regions[0]).await, orders(&regions[1]).await), (3, 1));
}
