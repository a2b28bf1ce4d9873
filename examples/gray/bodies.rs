//! Bodies that take their time, which is no silence.

use crate::{
    clients::{HOME, ours, ours_at, plain},
    load::timed,
    report::{Case, Figures},
    server::{Manner, Server},
};
use bytes::Bytes;
use evenkeel::ErrorKind;
use http::Method;
use std::time::Duration;
use tokio::{join, time::timeout};

const MB: usize = 1_000_000;
/// Nobody waits longer for the plain SDK, which has no limit.
const ENOUGH: Duration = Duration::from_secs(40);

fn first_byte() -> Manner {
    Manner::steady(Duration::from_millis(5))
}

/// 30 MB at 10 MB/s, by a client that knows nothing yet.
pub(crate) async fn slow() -> Case {
    let server = async || {
        let server = Server::start(first_byte().pace(10 * MB as u32)).await;
        server.seed("large", vec![7; 30 * MB]);
        server
    };
    let (home, other) = (server().await, server().await);
    let ours = async {
        let (client, openings) = ours_at(&home);
        let mut figures = Figures::new();
        let (mut failed, mut times) = (0, Vec::new());
        for name in ["first_s", "second_s", "third_s"] {
            let (got, time) = timed(async { client.get("large").await }).await;
            let whole = got.is_ok_and(|object| object.body().len() == 30 * MB);
            failed += usize::from(!whole);
            figures = figures.with(name, whole.then_some(time));
            times.push(time);
        }
        client.close();
        let figures = figures
            .with("failed", failed)
            .with("requests", home.count(&Method::GET, "large"))
            .with("openings", openings.count());
        (figures, times)
    };
    let plain = async {
        let client = plain(&other);
        let (got, time) = timed(timeout(ENOUGH, client.get("large"))).await;
        let whole = matches!(got, Ok(Ok(body)) if body.len() == 30 * MB);
        (whole.then_some(time), other.count(&Method::GET, "large"))
    };
    let ((figures, times), (plainly, requests)) = join!(ours, plain);
    let in_time = plainly.is_some_and(|plainly| times.iter().all(|time| *time <= plainly.mul_f64(1.1)));
    let ok = in_time && figures.at_most("failed", 0.0) && figures.at_most("requests", 3.0);
    let plain = Figures::new().with("first_s", plainly).with("requests", requests);
    Case::new("slowbody", ok, figures, plain)
}

/// 8 MB up at 0.5 MB/s.
pub(crate) async fn uplink() -> Case {
    let body = Bytes::from(vec![7; 8 * MB]);
    let server = async || Server::start(first_byte().pace(MB as u32 / 2)).await;
    let (home, other) = (server().await, server().await);
    let ours = async {
        let (builder, openings) = ours([(HOME, &plain(&home).0)]);
        let client = builder.deadline(ENOUGH).build().unwrap();
        let (put, time) = timed(async { client.put("large", body.clone()).await }).await;
        client.close();
        let maybe = matches!(&put, Err(error) if error.kind() == ErrorKind::MaybeApplied);
        let figures = Figures::new()
            .with("seconds", time)
            .with("stored", put.is_ok())
            .with("maybe_applied", maybe)
            .with("uploads", home.count(&Method::PUT, "large"))
            .with("openings", openings.count());
        (figures, put.is_ok(), time)
    };
    let plain = async {
        let client = plain(&other);
        let (put, time) = timed(timeout(ENOUGH, client.put("large", body.clone()))).await;
        (matches!(put, Ok(Ok(()))), time)
    };
    let ((figures, stored, time), (plainly, plain_time)) = join!(ours, plain);
    let in_time = plainly && time <= plain_time.mul_f64(1.1);
    let ok = stored && in_time && figures.at_most("uploads", 1.0);
    let plain = Figures::new()
        .with("seconds", plain_time)
        .with("stored", plainly)
        .with("uploads", other.count(&Method::PUT, "large"));
    Case::new("uplink", ok, figures, plain)
}
