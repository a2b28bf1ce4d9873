//! A key that does not exist, while one of those who may hold it is silent.

use crate::{
    clients::{ours_at_both, plain},
    load::{count, timed},
    report::{Case, Figures},
    server::{Manner, Server},
};
use evenkeel::ErrorKind;
use std::time::Duration;
use tokio::time::sleep;

async fn server() -> Server {
    let server = Server::start(Manner::steady(Duration::from_millis(3))).await;
    server.seed("object", vec![7; 1024]);
    server
}

pub(crate) async fn play() -> Case {
    let (home, away) = (server().await, server().await);
    let (client, _) = ours_at_both(&home, &away);
    let warm = client.warm_up().await.is_complete();
    for _ in 0..100 {
        client.get("object").await.unwrap();
        client.get("missing").await.unwrap_err();
    }
    away.hang();
    // It may hold the key, so that "not found" cannot be said.
    let (mut misses, mut times) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let (missed, time) = timed(async { client.get("missing").await }).await;
        misses.push(missed);
        times.push(time);
        sleep(Duration::from_millis(100)).await;
    }
    client.close();
    let unavailable = count(
        &misses,
        |missed| matches!(missed, Err(error) if error.kind() == ErrorKind::Unavailable),
    );
    let figures = Figures::new()
        .with("unavailable", Some(unavailable as f64 / misses.len() as f64))
        .with("first_s", times[0])
        .with("later_s", times[1..].iter().max().copied());
    let ok = warm && unavailable == misses.len() && figures.at_most("first_s", 1.2) && figures.at_most("later_s", 0.02);

    let home = server().await;
    let client = plain(&home);
    client.get("object").await.unwrap();
    let (missed, time) = timed(client.get("missing")).await;
    let plain = Figures::new().with("first_s", missed.is_err().then_some(time));
    Case::new("miss", ok, figures, plain)
}
