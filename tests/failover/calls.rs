//! What a call may count on whatever happens: its deadline, its explanation, and that nothing is left behind.

use crate::scripted::{Does, Heard, Mishap, Table, breaker, builder, ms, nothing_in_flight, reads, secs, two};
use evenkeel::{ErrorKind, client::Attempt, request::LegKind, telemetry::Event, verdict::Verdict};
use std::{future::IntoFuture, time::Duration};
use tokio::time::{Instant, sleep, timeout};

#[tokio::test(start_paused = true)]
async fn every_call_ends_by_its_deadline() {
    let troubles = [
        Does::Hang,
        Does::Answer(secs(60)),
        Does::Fail(ms(400), Mishap::Reset),
        Does::Fail(Duration::ZERO, Mishap::Code("SlowDown")),
        Does::Fail(ms(900), Mishap::Refused),
    ];
    for virginia_does in troubles {
        for ireland_does in troubles {
            let (tables, virginia, ireland) = two();
            virginia.usually(virginia_does);
            ireland.usually(ireland_does);
            for limit in [ms(1), ms(50), ms(700), secs(3)] {
                for kind in ["read", "write", "idempotent"] {
                    let start = Instant::now();
                    let result = match kind {
                        "read" => tables.read(Table::query).deadline(limit).await,
                        "write" => tables.write(Table::query).deadline(limit).await,
                        _ => tables.idempotent_write(Table::query).deadline(limit).await,
                    };
                    let took = start.elapsed();
                    assert!(result.is_err(), "{virginia_does:?} {ireland_does:?}");
                    // Timers resolve to a millisecond, upwards.
                    assert!(
                        took <= limit + ms(1),
                        "{kind} took {took:?} of {limit:?}: {virginia_does:?} {ireland_does:?}"
                    );
                }
            }
            assert!(nothing_in_flight(&tables));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_at_any_await_leaks_nothing() {
    // Given calls that are retried, hedged, made to wait and cut off,
    let (tables, virginia, ireland) = two();
    virginia.answers_after(ms(10));
    ireland.answers_after(ms(10));
    reads(&tables, 40, ms(10)).await;
    let troubles = [
        [Does::Hang, Does::Hang],
        [Does::Fail(ms(3), Mishap::Reset), Does::Answer(ms(5))],
        [Does::Answer(ms(90)), Does::Fail(ms(3), Mishap::Reset)],
        [Does::Fail(ms(2), Mishap::Refused), Does::Fail(ms(2), Mishap::Refused)],
    ];
    for [virginia_does, ireland_does] in troubles {
        virginia.usually(virginia_does);
        ireland.usually(ireland_does);
        // when their callers leave after any number of milliseconds, or at any poll,
        for age in (0..120).step_by(3) {
            let _ = timeout(ms(age), tables.read(Table::query).into_future()).await;
            let _ = timeout(ms(age), tables.idempotent_write(Table::query).into_future()).await;
            assert!(nothing_in_flight(&tables), "left after {age} ms");
            assert_eq!((virginia.under_way(), ireland.under_way()), (0, 0));
        }
        for polls in 0..6 {
            let mut call = Box::pin(tables.read(Table::query).into_future());
            for _ in 0..polls {
                if futures_util::poll!(call.as_mut()).is_ready() {
                    break;
                }
                sleep(ms(4)).await;
            }
            drop(call);
            assert!(nothing_in_flight(&tables), "left after {polls} polls");
        }
    }
    // And the client works on as if nothing had been.
    virginia.answers_after(Duration::ZERO);
    ireland.answers_after(Duration::ZERO);
    sleep(secs(31)).await;
    assert_eq!(reads(&tables, 50, ms(50)).await, 50);
    assert_eq!((breaker(&tables, 0), breaker(&tables, 1)), ("closed", "closed"));
}

#[tokio::test(start_paused = true)]
async fn an_impatient_caller_is_no_evidence_against_the_endpoint() {
    let (tables, virginia, _) = two();
    virginia.answers_after(ms(50));
    reads(&tables, 40, ms(10)).await;
    // Given a hundred callers who leave while their attempt is younger than the endpoint's own p99,
    for _ in 0..100 {
        assert!(timeout(ms(20), tables.read(Table::query)).await.is_err());
    }
    // then nothing is held against it.
    assert_eq!(breaker(&tables, 0), "closed");
    assert!(tables.snapshot().endpoints[0].classes[0].fault_share < 0.01);
}

#[tokio::test(start_paused = true)]
async fn a_late_attempt_that_loses_to_its_hedge_counts_as_a_fault() {
    let (tables, virginia, ireland) = two();
    virginia.answers_after(ms(20));
    ireland.answers_after(ms(20));
    reads(&tables, 40, ms(10)).await;
    virginia.usually(Does::Hang);
    reads(&tables, 4, ms(300)).await;
    assert_eq!(breaker(&tables, 0), "open");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_reported_once_with_onset_cause_and_end() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let heard = Heard::default();
    let tables = builder([&virginia, &ireland])
        .on_event(heard.listener())
        .build()
        .unwrap();
    reads(&tables, 50, ms(20)).await;
    // Given ten minutes in which virginia refuses,
    virginia.fails(Mishap::Refused);
    let onset = Instant::now();
    assert_eq!(reads(&tables, 6_000, ms(100)).await, 6_000);
    virginia.answers_after(ms(1));
    let end = Instant::now();
    reads(&tables, 1_000, ms(100)).await;
    // then the onset is told at once, with its cause,
    let timed = heard.timed();
    let opened: Vec<_> = timed
        .iter()
        .filter_map(|(at, event)| match event {
            Event::BreakerOpened { endpoint, cause, .. } => Some((*at, endpoint.to_string(), cause.as_str())),
            _ => None,
        })
        .collect();
    assert!(opened[0].0 - onset < secs(1));
    assert_eq!((opened[0].1.as_str(), opened[0].2), ("virginia", "faults in a row"));
    // what follows are failed probes, fewer and fewer,
    assert!(opened[1..].iter().all(|(_, _, cause)| *cause == "the probe failed"));
    let within = |from: u64, to: u64| {
        let minutes = onset + secs(60 * from)..onset + secs(60 * to);
        opened.iter().filter(|(at, ..)| minutes.contains(at)).count()
    };
    assert!(
        within(0, 1) > 10 && within(9, 10) <= 3,
        "{} and {}",
        within(0, 1),
        within(9, 10)
    );
    // and the end once, with its true length.
    let closed: Vec<_> = timed
        .iter()
        .filter_map(|(at, event)| match event {
            Event::BreakerClosed { outage, .. } => Some((*at, *outage)),
            _ => None,
        })
        .collect();
    assert_eq!(closed.len(), 1);
    assert!(closed[0].0 - end < secs(35), "{:?}", closed[0].0 - end);
    assert!(closed[0].1 >= end - onset - secs(1));
    assert_eq!(heard.count(|event| matches!(event, Event::AllBad { .. })), 0);
    let sentence = timed[0].1.to_string();
    assert!(sentence.starts_with("virginia gets no more reads for "), "{sentence}");
    assert!(
        sentence.ends_with("s: faults in a row, the last one: unreachable"),
        "{sentence}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_is_reported_at_most_once_a_second() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let heard = Heard::default();
    let tables = builder([&virginia, &ireland])
        .budget(evenkeel::stack::retry::Budget::new(0.0, 0.0))
        .on_event(heard.listener())
        .build()
        .unwrap();
    virginia.fails(Mishap::Code("SlowDown"));
    ireland.fails(Mishap::Code("SlowDown"));
    for _ in 0..500 {
        tables.read(Table::query).await.unwrap_err();
        sleep(ms(10)).await;
    }
    let told = heard.count(|event| matches!(event, Event::BudgetExhausted { .. }));
    assert!((4..=6).contains(&told), "told {told} times in 5 s");
}

#[tokio::test(start_paused = true)]
async fn an_explanation_lists_endpoints_attempts_and_reasons() {
    let all = ["virginia", "ireland", "frankfurt"].map(Table::new);
    let tables = builder(&all).build().unwrap();
    all[0].fails(Mishap::Refused);
    all[1].fails(Mishap::Code("InternalError"));
    let (value, explanation) = tables
        .read(Table::query)
        .operation_name("orders by day")
        .explained()
        .await
        .unwrap();
    assert_eq!(value, "frankfurt");
    assert_eq!(explanation.operation(), "orders by day");
    assert_eq!(explanation.answered_by(), Some("frankfurt"));
    let considered: Vec<_> = explanation.considered().iter().map(|one| one.endpoint()).collect();
    assert_eq!(considered, ["virginia", "ireland", "frankfurt"]);
    let tried: Vec<_> = explanation
        .attempts()
        .iter()
        .map(|attempt| (attempt.endpoint(), attempt.why(), attempt.verdict()))
        .collect();
    assert_eq!(
        tried,
        [
            ("virginia", LegKind::First, Some(Verdict::Unreachable)),
            ("ireland", LegKind::Retry, Some(Verdict::Faulty)),
            ("frankfurt", LegKind::Retry, Some(Verdict::Success)),
        ]
    );
    assert_eq!(explanation.attempts()[1].code(), Some("InternalError"));
    assert_eq!(explanation.attempts()[1].request_id(), Some("req-1"));
}

#[tokio::test(start_paused = true)]
async fn an_error_carries_its_own_explanation() {
    let (tables, virginia, ireland) = two();
    virginia.fails(Mishap::Refused);
    ireland.fails(Mishap::Code("InternalError"));
    let error = tables.read(Table::query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let considered: Vec<_> = error
        .explanation()
        .considered()
        .iter()
        .map(|one| one.endpoint())
        .collect();
    assert_eq!(considered, ["virginia", "ireland"]);
    assert_eq!(error.attempts().len(), error.attempts_made());
    assert_eq!(error.attempts_made(), virginia.asked() + ireland.asked());
    let said = format!("{error}\n{}", error.explanation());
    for part in ["virginia was unreachable", "ireland failed", "InternalError", "req-1"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_explanation_names_the_endpoint_that_answered() {
    // Given a late first attempt that succeeds after its hedge said "absent", which waits for it,
    let (tables, virginia, ireland) = two();
    virginia.answers_after(ms(1_300));
    ireland.fails(Mishap::Code("NoSuchKey"));
    let (value, explanation) = tables.read(Table::query).explained().await.unwrap();
    assert_eq!(value, "virginia");
    let hedged: Vec<_> = explanation.attempts().iter().map(Attempt::why).collect();
    assert_eq!(hedged, [LegKind::First, LegKind::Hedge]);
    // then the explanation names who gave the value.
    assert_eq!(explanation.answered_by(), Some("virginia"));
}

#[tokio::test(start_paused = true)]
async fn a_pinned_call_does_not_end_the_alarm() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let heard = Heard::default();
    let tables = builder([&virginia, &ireland])
        .on_event(heard.listener())
        .build()
        .unwrap();
    virginia.fails(Mishap::Reset);
    ireland.fails(Mishap::Reset);
    // Given that everything is bad, and calls that are pinned among those that are not,
    for _ in 0..30 {
        tables.read(Table::query).await.unwrap_err();
        tables.read(Table::query).pin("ireland").await.unwrap_err();
        sleep(ms(100)).await;
    }
    // then the alarm is told once, and not ended by a pin that failed too.
    assert_eq!(heard.count(|event| matches!(event, Event::NoLongerAllBad { .. })), 0);
    assert_eq!(heard.count(|event| matches!(event, Event::AllBad { .. })), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_with_one_permitted_endpoint_raises_no_all_bad_alarm() {
    use crate::scripted::Verdicts;
    use evenkeel::{Endpoint, Failover};
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let heard = Heard::default();
    let tables = Failover::builder()
        .endpoint(Endpoint::new("virginia", virginia.clone()).location("US"))
        .endpoint(Endpoint::new("ireland", ireland.clone()).location("IE"))
        .classify(Verdicts)
        .on_event(heard.listener())
        .seed(7)
        .build()
        .unwrap();
    // Given that ireland is down and virginia is well, when calls must stay in Ireland,
    ireland.fails(Mishap::Reset);
    for _ in 0..30 {
        tables.read(Table::query).only_locations(["IE"]).await.unwrap_err();
        tables.read(Table::query).await.unwrap();
        sleep(ms(100)).await;
    }
    // then nobody is told that *every* endpoint looks bad.
    assert_eq!(heard.count(|event| matches!(event, Event::AllBad { .. })), 0);
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_refuses_calls() {
    let (tables, virginia, _) = two();
    tables.close();
    let error = tables.clone().read(Table::query).await.unwrap_err();
    assert_eq!((error.kind(), virginia.asked()), (ErrorKind::Closed, 0));
}
