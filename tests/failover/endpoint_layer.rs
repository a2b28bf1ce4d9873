//! Layers around the endpoints of a `Failover`: what they do to an attempt, and what the caller sees of it.

use crate::scripted::{Does, Mishap, Table, Tables, breaker, builder, ms, nothing_in_flight, secs};
use evenkeel::{
    ErrorKind,
    client::failover::{Op, OpaqueStack},
    drill::{Fault, FaultLayer, Rule, Timeline},
    provider::ProviderError,
    request::{Call, OpClass, Safety},
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    future::IntoFuture,
    sync::{Arc, Mutex},
};
use tokio::time::{Instant, timeout};
use tower::{ServiceExt, layer::layer_fn, service_fn};

/// Two endpoints, at the first of which this goes wrong.
fn with(fault: Fault) -> (Tables, Table, Table) {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let faults = Timeline::always(Rule::new(fault).at("virginia")).unwrap();
    let tables = builder([&virginia, &ireland])
        .endpoint_layer(move |endpoint| FaultLayer::new(faults.clone(), endpoint.clone()))
        .build()
        .unwrap();
    (tables, virginia, ireland)
}

fn status(code: u16) -> Fault {
    Fault::Status {
        code,
        s3_code: None,
        retry_after: None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_endpoint_serves_calls_that_a_drill_fails_at_the_first() {
    for fault in [
        Fault::Refuse,
        Fault::Hang,
        Fault::HangConnect,
        Fault::DnsEmpty,
        Fault::ResetBeforeRequest,
        status(503),
        status(429),
    ] {
        let name = fault.name();
        let (tables, virginia, ireland) = with(fault);
        for _ in 0..3 {
            tables.read(Table::query).await.unwrap();
        }
        assert!(virginia.asked() <= 1 && ireland.asked() >= 2, "{name}");
        assert!(nothing_in_flight(&tables), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_a_drill_kept_from_being_sent_goes_elsewhere() {
    let (tables, virginia, _) = with(Fault::Refuse);
    assert_eq!(tables.write(Table::query).await.unwrap(), "ireland");
    assert_eq!(virginia.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_a_drill_lost_is_not_repeated() {
    let (tables, virginia, ireland) = with(Fault::ResetAfterRequest);
    let error = tables.write(Table::query).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::MaybeApplied, 1));
    assert_eq!((virginia.asked(), ireland.asked()), (1, 0));
    // An idempotent write is.
    assert_eq!(tables.idempotent_write(Table::query).await.unwrap(), "ireland");
    assert_eq!((virginia.asked(), ireland.asked()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_injected_error_is_told_from_the_clients_own() {
    let (tables, virginia, ireland) = with(Fault::Refuse);
    let error = tables.read(Table::query).pin("virginia").await.unwrap_err();
    assert_eq!((error.kind(), virginia.asked()), (ErrorKind::Unavailable, 0));
    assert_eq!(error.provider_error(), None);
    assert_eq!(error.injected().unwrap().outcome().sent, Sent::No);
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.downcast_ref::<ProviderError>().is_some());
    assert!(error.to_string().contains("as the drill says"), "{error}");

    ireland.fails(Mishap::Code("AccessDenied"));
    let error = tables.read(Table::query).pin("ireland").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.provider_error(), Some(&Mishap::Code("AccessDenied")));
    assert!(error.injected().is_none());
    assert_eq!(error.into_provider_error(), Some(Mishap::Code("AccessDenied")));
}

#[tokio::test(start_paused = true)]
async fn the_service_gives_both_errors_as_they_are() {
    let (tables, _, ireland) = with(Fault::Refuse);
    ireland.fails(Mishap::Reset);
    let read = |endpoint| {
        let record = evenkeel::request::CallRecord::new(OpClass::Read, Safety::ReadOnly).pinned(Some(endpoint));
        let call = Call::on_record(Op::new(Table::query), record);
        tables.service().oneshot(call)
    };
    assert!(read(0).await.unwrap_err().is::<ProviderError>());
    assert!(read(1).await.unwrap_err().is::<Mishap>());
}

#[tokio::test(start_paused = true)]
async fn without_a_fault_an_attempt_passes_as_if_there_were_no_layer() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = builder([&virginia, &ireland])
        .endpoint_layer(|endpoint| FaultLayer::new(Timeline::idle(), endpoint.clone()))
        .build()
        .unwrap();
    virginia.answers_after(ms(30));
    // The closure and its answer borrow from the caller.
    let (key, began) = (String::from("key"), Instant::now());
    let read = |table: Table| {
        let key = &key;
        async move { table.query().await.map(|name| (name, key.as_str())) }
    };
    assert_eq!(tables.read(read).await.unwrap(), ("virginia", "key"));
    assert_eq!(began.elapsed(), ms(30));
    virginia.fails(Mishap::Code("NoSuchKey"));
    assert_eq!(tables.read(read).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!((virginia.asked(), ireland.asked()), (2, 0));
    assert_eq!(breaker(&tables, 0), "closed");
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_delay_an_answer() {
    let (tables, ..) = with(Fault::Delay { by: ms(300) });
    let began = Instant::now();
    assert_eq!(tables.write(Table::query).await.unwrap(), "virginia");
    assert_eq!(began.elapsed(), ms(300));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_takes_the_closure_along() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = builder([&virginia, &ireland])
        .endpoint_layer(|_| tower::limit::ConcurrencyLimitLayer::new(1))
        .build()
        .unwrap();
    virginia.usually(Does::Hang);
    for _ in 0..3 {
        let left = timeout(ms(20), tables.write(Table::query).into_future()).await;
        assert!(left.is_err());
        assert_eq!(virginia.under_way(), 0);
    }
    assert_eq!(virginia.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_layers_own_time_limit_drops_the_closure() {
    let virginia = Table::new("virginia");
    let tables = builder([&virginia])
        .endpoint_layer(|_| tower::timeout::TimeoutLayer::new(ms(10)))
        .build()
        .unwrap();
    virginia.usually(Does::Hang);
    let began = Instant::now();
    let error = tables.write(Table::query).await.unwrap_err();
    assert_eq!((error.kind(), began.elapsed()), (ErrorKind::MaybeApplied, ms(10)));
    assert_eq!((virginia.asked(), virginia.under_way()), (1, 0));
    let source = std::error::Error::source(error.injected().unwrap()).unwrap();
    assert!(source.is::<tower::timeout::error::Elapsed>(), "{source}");
}

#[tokio::test(start_paused = true)]
async fn the_last_of_two_layers_is_outermost_and_both_know_the_endpoint() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = |layer: &'static str| {
        let seen = seen.clone();
        move |endpoint: &evenkeel::endpoint::Profile| {
            let (seen, endpoint) = (seen.clone(), endpoint.name().to_owned());
            layer_fn(move |inner: OpaqueStack| {
                let (seen, endpoint) = (seen.clone(), endpoint.clone());
                service_fn(move |call: Call<_>| {
                    let (class, safety) = (call.class(), call.safety());
                    seen.lock()
                        .unwrap()
                        .push(format!("{layer} {endpoint} {class:?} {safety:?}"));
                    assert!(call.deadline().is_some());
                    inner.clone().oneshot(call)
                })
            })
        }
    };
    let tables = builder([&Table::new("virginia")])
        .endpoint_layer(notes("inner"))
        .endpoint_layer(notes("outer"))
        .build()
        .unwrap();
    tables.idempotent_write(Table::query).await.unwrap();
    let expected = ["outer virginia Write Idempotent", "inner virginia Write Idempotent"];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_layer_cannot_call_a_sent_attempt_not_sent() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let lies = |inner: OpaqueStack| {
        inner.and_then(|()| async {
            let unsent = Outcome::new(Verdict::Unreachable, Sent::No);
            Err(ProviderError::new(evenkeel::provider::ProviderErrorKind::Failed, unsent).into())
        })
    };
    let tables = builder([&virginia, &ireland])
        .endpoint_layer(move |_| layer_fn(lies))
        .build()
        .unwrap();
    let error = tables.write(Table::query).await.unwrap_err();
    assert!(error.may_have_been_applied());
    assert_eq!((virginia.asked(), ireland.asked()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_answers_without_the_client_is_a_fault() {
    let virginia = Table::new("virginia");
    let tables = builder([&virginia])
        .endpoint_layer(|_| layer_fn(|_: OpaqueStack| service_fn(|_| async { Ok(()) })))
        .build()
        .unwrap();
    let error = tables.write(Table::query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(virginia.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_asks_again_runs_the_closure_again() {
    let virginia = Table::new("virginia");
    virginia.then([Does::Fail(ms(1), Mishap::Reset)]);
    let twice = |inner: OpaqueStack| {
        service_fn(move |call: Call<_>| {
            let inner = inner.clone();
            async move {
                match inner.clone().oneshot(call.clone()).await {
                    Ok(()) => Ok(()),
                    Err(_) => inner.oneshot(call).await,
                }
            }
        })
    };
    let tables = builder([&virginia])
        .endpoint_layer(move |_| layer_fn(twice))
        .build()
        .unwrap();
    let (name, explanation) = tables.write(Table::query).explained().await.unwrap();
    assert_eq!((name, virginia.asked()), ("virginia", 2));
    assert_eq!(explanation.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_changes_an_answer_is_refused_by_name() {
    let faults = [
        Fault::StaleReads,
        Fault::Drip { bytes_per_second: 1 },
        Fault::Truncate {
            after_bytes: None,
            share: Some(0.5),
        },
    ];
    for fault in faults {
        let name = fault.name();
        let (tables, virginia, ireland) = with(fault);
        let error = tables.read(Table::query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!((virginia.asked(), ireland.asked()), (0, 0), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn probes_meet_the_drill_too() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let faults = Timeline::always(Rule::new(Fault::Refuse).at("ireland")).unwrap();
    let tables = builder([&virginia, &ireland])
        .endpoint_layer(move |endpoint| FaultLayer::new(faults.clone(), endpoint.clone()))
        .probe(Table::query)
        .build()
        .unwrap();
    tokio::time::sleep(secs(70)).await;
    assert_ne!(breaker(&tables, 1), "closed");
    assert_eq!(ireland.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drill_for_an_endpoint_that_does_not_exist_fails_every_call() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let faults = Timeline::always(Rule::new(Fault::Refuse).at("virgina")).unwrap();
    let tables = builder([&virginia, &ireland])
        .endpoint_layer(move |endpoint| FaultLayer::new(faults.clone(), endpoint.clone()))
        .build()
        .unwrap();
    let error = tables.read(Table::query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .to_string()
            .contains("strikes none of the endpoints: virginia, ireland"),
        "{error}"
    );
    assert_eq!((virginia.asked(), ireland.asked()), (0, 0));
}
