//! More at once than a server can do, for a moment.

use crate::{
    clients::{Plain, ours_at, ours_at_both, plain},
    load::{at_a_time, count, timed},
    report::{Case, Figures},
    server::{Manner, Server},
};
use bytes::Bytes;
use evenkeel::{Error, ErrorKind, ObjectClient};
use std::time::Duration;

/// What one thing takes the one worker.
const WORK: Duration = Duration::from_millis(2);
const IN_TURN: usize = 200;
const AT_ONCE: usize = 1_000;
const WIDTH: usize = 16;

async fn server() -> Server {
    let server = Server::start(Manner::steady(WORK).one_worker()).await;
    server.seed("object", vec![7; 1024]);
    server
}

fn body() -> Bytes {
    Bytes::from_static(&[7; 1024])
}

/// The calls in turn, then those at once.
async fn burst<T, F: Future<Output = T>>(call: impl Fn(usize) -> F) -> Vec<T> {
    let mut ended = at_a_time(1, IN_TURN, &call).await;
    ended.extend(at_a_time(WIDTH, AT_ONCE, |number| call(IN_TURN + number)).await);
    ended
}

fn refused<T>(ended: &[Result<T, Error>]) -> usize {
    count(
        ended,
        |one| matches!(one, Err(error) if error.kind() == ErrorKind::Overloaded),
    )
}

async fn puts(client: &ObjectClient) -> Vec<Result<usize, Error>> {
    burst(|number| async move { client.put(format!("put-{number}"), body()).await.map(|_| number) }).await
}

async fn plain_puts(client: &Plain) -> Vec<Result<(), String>> {
    burst(|number| async move { client.put(&format!("put-{number}"), body()).await }).await
}

/// At one endpoint.
pub(crate) async fn alone() -> Case {
    let home = server().await;
    let (client, openings) = ours_at(&home);
    let (gets, getting) = timed(burst(|_| async { client.get("object").await })).await;
    let (puts, putting) = timed(puts(&client)).await;
    client.close();
    let figures = Figures::new()
        .with("gets_refused", refused(&gets))
        .with("gets_failed", count(&gets, Result::is_err))
        .with("gets_s", getting)
        .with("puts_refused", refused(&puts))
        .with("puts_failed", count(&puts, Result::is_err))
        .with("puts_s", putting)
        .with("openings", openings.count());

    let home = server().await;
    let client = plain(&home);
    let (gets, plainly_getting) = timed(burst(|_| async { client.get("object").await })).await;
    let (puts, plainly_putting) = timed(plain_puts(&client)).await;
    let plain = Figures::new()
        .with("gets_failed", count(&gets, Result::is_err))
        .with("gets_s", plainly_getting)
        .with("puts_failed", count(&puts, Result::is_err))
        .with("puts_s", plainly_putting);
    let ok = figures.at_most("gets_failed", 0.0)
        && figures.at_most("puts_failed", 0.0)
        && getting + putting <= (plainly_getting + plainly_putting).mul_f64(1.1);
    Case::new("burst", ok, figures, plain)
}

/// With another endpoint, to which a put may go.
pub(crate) async fn with_a_second() -> Case {
    let (home, away) = (server().await, server().await);
    let (client, openings) = ours_at_both(&home, &away);
    let puts = puts(&client).await;
    let acknowledged: Vec<_> = puts.iter().filter_map(|put| put.as_ref().ok()).collect();
    let gets = at_a_time(WIDTH, acknowledged.len(), |nth| {
        let key = format!("put-{}", acknowledged[nth]);
        let client = &client;
        async move { client.get(key).await }
    })
    .await;
    client.close();
    let unavailable = count(
        &gets,
        |get| matches!(get, Err(error) if error.kind() == ErrorKind::Unavailable),
    );
    let figures = Figures::new()
        .with("puts_acknowledged", acknowledged.len())
        .with("puts_failed", puts.len() - acknowledged.len())
        .with("reads_unavailable", unavailable)
        .with("reads_failed", count(&gets, Result::is_err))
        .with("openings", openings.count());

    let home = server().await;
    let client = plain(&home);
    let puts = plain_puts(&client).await;
    let client = &client;
    let gets = at_a_time(WIDTH, puts.len(), |nth| async move {
        client.get(&format!("put-{nth}")).await
    })
    .await;
    let plain = Figures::new()
        .with("puts_acknowledged", count(&puts, Result::is_ok))
        .with("puts_failed", count(&puts, Result::is_err))
        .with("reads_failed", count(&gets, Result::is_err));
    let ok = figures.at_most("reads_failed", 0.0) && !acknowledged.is_empty();
    Case::new("burst2", ok, figures, plain)
}
