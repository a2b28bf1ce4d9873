//! Errors that are no `std::error::Error` themselves, in closures and beyond the call; and the builder's order.

use crate::scripted::{Mishap, Table, Verdicts, breaker, ms, secs};
use evenkeel::{
    BoxError, Endpoint, ErrorKind, Failover,
    client::failover::Op,
    request::Call,
    verdict::{ByCause, Classify, Outcome, Sent, Verdict},
};
use std::{error::Error, io};
use tokio::time::sleep;
use tower::ServiceExt;

fn names() -> [Endpoint<&'static str>; 2] {
    ["virginia", "ireland"].map(|name| Endpoint::new(name, name))
}

/// Fails at virginia, as `kind`.
async fn boxed(name: &'static str, kind: io::ErrorKind) -> Result<&'static str, BoxError> {
    match name {
        "virginia" => Err(io::Error::other(io::Error::from(kind)).into()),
        name => Ok(name),
    }
}

#[tokio::test(start_paused = true)]
async fn a_boxed_error_has_a_default_verdict() -> Result<(), BoxError> {
    let client = Failover::builder().endpoints(names()).seed(7).build()?;
    let refused = |name| boxed(name, io::ErrorKind::ConnectionRefused);
    // `?` leaves with any error of the call.
    let (name, explanation) = client.read(refused).explained().await?;
    assert_eq!((name, explanation.attempts().len()), ("ireland", 2));
    assert_eq!(explanation.attempts()[0].verdict(), Some(Verdict::Unreachable));
    // Nothing is known to be not sent.
    let error = client.write(refused).await.unwrap_err();
    assert!(error.may_have_been_applied());
    assert!(error.provider_error().unwrap().is::<io::Error>());
    assert!(error.source().unwrap().is::<io::Error>());
    let error: BoxError = error.into();
    assert!(error.source().unwrap().is::<io::Error>());
    // What is not known is a fault.
    let nonsense = |_: &str| async { Err::<(), BoxError>("what?".into()) };
    let error = client.read(nonsense).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.attempts()[0].verdict(), Some(Verdict::Faulty));
    assert_eq!(error.source().unwrap().to_string(), "what?");
    // The service gives the box that the closure gave.
    let service = client.service();
    let error = service.oneshot(Call::new(Op::new(refused))).await.unwrap_err();
    assert!(error.is::<io::Error>(), "{error}");
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("{0} has no such row")]
struct NoRow(&'static str);

#[derive(Clone, Copy)]
struct Rows;

impl<T> Classify<T, anyhow::Error> for Rows {
    fn classify(&self, result: Result<&T, &anyhow::Error>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) if error.is::<NoRow>() => Outcome::new(Verdict::Absent, Sent::Maybe),
            Err(error) => ByCause::outcome(error.as_ref()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_anyhow_error_is_carried_by_a_classifier_of_its_own() -> anyhow::Result<()> {
    use anyhow::Context as _;
    // The probe's error, too, and in either order.
    let lists = |_: &'static str| async { anyhow::Ok(()) };
    let one = Failover::builder()
        .endpoints(names())
        .classify(Rows)
        .probe(lists)
        .seed(7)
        .build()?;
    let other = Failover::builder()
        .probe(lists)
        .classify(Rows)
        .endpoints(names())
        .seed(7)
        .build()?;
    for client in [one, other] {
        let query = |name| async move {
            let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
            if name == "virginia" { Err(refused) } else { Ok(name) }.context("the query failed")
        };
        assert_eq!(client.read(query).await?, "ireland");
        let error = client.write(query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MaybeApplied);
        assert_eq!(error.attempts()[0].verdict(), Some(Verdict::Unreachable));
        let ours = error.provider_error().unwrap();
        assert_eq!(ours.to_string(), "the query failed");
        assert_eq!(error.source().unwrap().to_string(), "the query failed");
        assert!(anyhow::Error::from(error).chain().any(|cause| cause.is::<io::Error>()));
        // The classifier's own verdict: no other endpoint is asked.
        let absent = |name| async move { Err::<(), _>(anyhow::Error::from(NoRow(name))) };
        let error = client.read(absent).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::NotFound, 1));
        assert_eq!(error.into_provider_error().unwrap().downcast::<NoRow>()?.0, "virginia");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_probe_and_a_classifier_come_in_any_order() {
    for probe_first in [true, false] {
        let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
        let endpoints = [("virginia", &virginia), ("ireland", &ireland)];
        let builder = Failover::builder().endpoints(endpoints.map(|(name, table)| Endpoint::new(name, table.clone())));
        let tables = match probe_first {
            true => builder.probe(Table::query).classify(Verdicts).seed(7).build().unwrap(),
            false => builder.classify(Verdicts).probe(Table::query).seed(7).build().unwrap(),
        };
        ireland.fails(Mishap::Reset);
        sleep(secs(70)).await;
        assert_ne!(
            breaker(&tables, 1),
            "closed",
            "found by the probe, judged by the classifier"
        );
        ireland.answers_after(ms(1));
        sleep(secs(33)).await;
        assert_eq!(breaker(&tables, 1), "closed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_may_be_left_out_by_configuration() {
    for probing in [true, false] {
        let virginia = Table::new("virginia");
        let builder = Failover::builder().endpoint(Endpoint::new("virginia", virginia.clone()));
        let probe = probing.then_some(Table::query);
        let _tables = builder.classify(Verdicts).probe_if(probe).build().unwrap();
        sleep(secs(70)).await;
        assert_eq!(virginia.asked(), usize::from(probing));
    }
}
