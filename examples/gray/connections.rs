//! Connections that died while the server is well.

use crate::{
    clients::{AWAY, HOME, Plain, ours, ours_at, ours_at_both, plain, sdk},
    load::{at_a_rate, at_a_time, count},
    report::{Case, Figures},
    server::{Manner, Server},
    tls::Tls,
};
use bytes::Bytes;
use evenkeel::{ObjectClient, Replication};
use std::time::Duration;
use tokio::{
    join,
    time::{Instant, timeout},
};

const POOLED: usize = 40;
/// How long is looked on.
const LASTS: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(20);

fn manner() -> Manner {
    // Those that are to be under way at once take longer.
    Manner::new(|key| Duration::from_millis(if key == "together" { 100 } else { 3 }))
}

async fn server(manner: Manner) -> Server {
    let server = Server::start(manner).await;
    server.seed("object", vec![7; 1024]);
    server.seed("together", vec![7; 1024]);
    server
}

/// A get: whether it was answered, at home, and how long it took.
struct Asked {
    answered: bool,
    at_home: bool,
    took: Duration,
}

async fn ask(client: ObjectClient) -> Asked {
    let start = Instant::now();
    let got = client.get("object").await;
    Asked {
        answered: got.is_ok(),
        at_home: got.is_ok_and(|object| object.endpoint() == HOME),
        took: start.elapsed(),
    }
}

/// The caller of the plain SDK, which has no limit, waits as long as the deadline of evenkeel's is.
async fn ask_plainly(client: Plain, patience: Duration) -> Asked {
    let start = Instant::now();
    let got = timeout(patience, client.get("object")).await;
    let answered = matches!(got, Ok(Ok(_)));
    Asked {
        answered,
        at_home: answered,
        took: start.elapsed(),
    }
}

/// From when on, for a second, nineteen of twenty calls are so. `None`: not as long as was looked on.
fn since_when(asked: &[(Duration, Asked)], are: impl Fn(&Asked) -> bool) -> Option<Duration> {
    const WINDOW: Duration = Duration::from_secs(1);
    let last = asked.last()?.0;
    let starts = asked.iter().map(|(at, _)| *at).take_while(|at| *at + WINDOW <= last);
    starts.into_iter().find(|start| {
        let within = asked.iter().filter(|(at, _)| (*start..*start + WINDOW).contains(at));
        let (all, so) = within.fold((0, 0), |(all, so), (_, one)| (all + 1, so + usize::from(are(one))));
        so * 20 >= all * 19
    })
}

/// So many connections at least lie in the client's pool.
async fn fill<T, F: Future<Output = T>>(server: &Server, get: impl Fn(usize) -> F) {
    for _ in 0..5 {
        at_a_time(POOLED, POOLED, &get).await;
        if server.lines().accepted() >= POOLED {
            return;
        }
    }
    panic!("the pool has {} connections only", server.lines().accepted());
}

/// How many reads and writes of a client failed.
async fn fails<R, W>(read: impl Fn(usize) -> R, write: impl Fn(usize) -> W) -> (usize, usize)
where
    R: Future<Output = bool> + Send + 'static,
    W: Future<Output = bool> + Send + 'static,
{
    let lasts = Duration::from_secs(5);
    let (reads, writes) = join!(at_a_rate(EVERY, lasts, read), at_a_rate(2 * EVERY, lasts, write));
    (count(&reads, |(_, good)| !good), count(&writes, |(_, good)| !good))
}

/// A pool whose connections somebody on the way has forgotten: each answers its next request with a reset.
pub(crate) async fn pool() -> Case {
    // With two endpoints.
    let (home, away) = (server(manner()).await, server(manner()).await);
    let (client, openings) = ours_at_both(&home, &away);
    // Learns what is usual, so that what is done together is not hedged away.
    let usual = |_| async { client.get("object").await.unwrap() };
    at_a_time(1, 100, usual).await;
    fill(&home, |_| async { client.get("together").await }).await;
    home.lines().forget();
    let asked = at_a_rate(EVERY, LASTS, |_| ask(client.clone())).await;
    client.close();
    let home_again = since_when(&asked, |asked| asked.at_home);
    let figures = Figures::new()
        .with("home_again_s", home_again)
        .with("failed", count(&asked, |(_, asked)| !asked.answered))
        .with("openings", openings.count());

    // With one.
    let home = server(manner()).await;
    let (client, openings) = ours_at(&home);
    fill(&home, |_| async { client.get("together").await }).await;
    home.lines().forget();
    let (read, write) = (client.clone(), client.clone());
    let (reads, writes) = fails(
        move |_| {
            let client = read.clone();
            async move { client.get("object").await.is_ok() }
        },
        move |number| {
            let client = write.clone();
            async move { client.put(format!("put-{number}"), body()).await.is_ok() }
        },
    )
    .await;
    client.close();
    let figures = figures
        .with("alone_reads_failed", reads)
        .with("alone_writes_failed", writes)
        .with("alone_openings", openings.count());

    let home = server(manner()).await;
    let client = plain(&home);
    fill(&home, |_| async { client.get("together").await }).await;
    home.lines().forget();
    let (read, write) = (client.clone(), client);
    let (reads, writes) = fails(
        move |_| {
            let client = read.clone();
            async move { client.get("object").await.is_ok() }
        },
        move |number| {
            let client = write.clone();
            async move { client.put(&format!("put-{number}"), body()).await.is_ok() }
        },
    )
    .await;
    let plain = Figures::new()
        .with("alone_reads_failed", reads)
        .with("alone_writes_failed", writes);
    let ok = figures.at_most("home_again_s", 2.0)
        && figures.at_most("failed", 0.0)
        && figures.at_most("alone_reads_failed", 0.0)
        && figures.at_most("alone_writes_failed", 0.0);
    Case::new("pool", ok, figures, plain)
}

fn body() -> Bytes {
    Bytes::from_static(&[7; 1024])
}

/// The one connection of HTTP/2 over which everything goes says nothing any more.
pub(crate) async fn h2dead() -> Case {
    const PATIENCE: Duration = Duration::from_secs(2);
    let tls = Tls::new();
    let client_of = |server: &Server| Plain(sdk(&format!("https://{}", server.addr), Some(tls.http())));
    let is_quick = |asked: &Asked| asked.answered && asked.took < Duration::from_secs(1);
    let start = async || server(manner().tls(tls.acceptor.clone())).await;
    let (alone, home, away, other) = (start().await, start().await, start().await, start().await);
    let every = 2 * EVERY;

    let with_one = async {
        let (builder, openings) = ours([(HOME, &client_of(&alone).0)]);
        let client = builder.deadline(PATIENCE).build().unwrap();
        warm(&client).await;
        alone.lines().silence();
        let asked = at_a_rate(every, LASTS, |_| ask(client.clone())).await;
        client.close();
        (since_when(&asked, is_quick), openings.count())
    };
    let with_two = async {
        let (builder, openings) = ours([(HOME, &client_of(&home).0), (AWAY, &client_of(&away).0)]);
        let builder = builder.replication(Replication::write_once()).deadline(PATIENCE);
        let client = builder.build().unwrap();
        warm(&client).await;
        home.lines().silence();
        let asked = at_a_rate(every, LASTS, |_| ask(client.clone())).await;
        client.close();
        let failed = count(&asked, |(_, asked)| !asked.answered);
        (since_when(&asked, |asked| asked.at_home), failed, openings.count())
    };
    let plainly = async {
        let client = client_of(&other);
        for _ in 0..100 {
            client.get("object").await.unwrap();
        }
        other.lines().silence();
        let asked = at_a_rate(every, LASTS, |_| ask_plainly(client.clone(), PATIENCE)).await;
        since_when(&asked, is_quick)
    };
    let ((recovered, alone_openings), (home_again, failed, openings), plainly) = join!(with_one, with_two, plainly);
    let figures = Figures::new()
        .with("alone_recovered_s", recovered)
        .with("alone_openings", alone_openings)
        .with("home_again_s", home_again)
        .with("failed", failed)
        .with("openings", openings);
    let ok = figures.at_most("alone_recovered_s", 3.0)
        && figures.at_most("home_again_s", 3.0)
        && figures.at_most("failed", 0.0);
    let plain = Figures::new().with("alone_recovered_s", plainly);
    Case::new("h2dead", ok, figures, plain)
}

/// Knows what is usual.
async fn warm(client: &ObjectClient) {
    for _ in 0..100 {
        client.get("object").await.unwrap();
    }
}
