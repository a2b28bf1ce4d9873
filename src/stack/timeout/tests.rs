//! Which attempts are silent and which are not, in virtual time.

use super::{Elapsed, Error, Limit, TimeoutLayer, WaitedFor};
use crate::{
    Endpoint, Failover,
    model::clock,
    request::{Call, CallRecord, Ended, OpClass, Options, Progress, Safety},
    stack::health::Tracker,
};
use std::{
    convert::Infallible,
    future::{Future, pending},
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};

const MIB: usize = 1 << 20;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The limit at an endpoint of which nothing is learnt.
fn unlearnt() -> Limit {
    Limit::learnt(Arc::default())
}

/// The limit at an endpoint that answers within 10 ms.
fn learnt() -> Limit {
    let tracker = Tracker::new();
    for _ in 0..100 {
        tracker.went_well(OpClass::Read.into(), clock::now(), ms(10));
        tracker.went_well(OpClass::Write.into(), clock::now(), ms(10));
    }
    Limit::learnt(Arc::new(tracker))
}

/// Runs one attempt that tells of its progress, under this limit. Returns its result and how long it took.
async fn attempt<F, Fut>(limit: Limit, record: CallRecord, body: F) -> (Result<(), Elapsed>, Duration)
where
    F: Fn(Progress) -> Fut + Clone,
    Fut: Future<Output = ()>,
{
    let service = service_fn(move |call: Call<()>| {
        let body = body(call.progress());
        async move {
            body.await;
            Ok::<_, Infallible>(())
        }
    });
    let start = clock::now();
    let result = TimeoutLayer::new(limit)
        .layer(service)
        .oneshot(Call::on_record((), record))
        .await;
    let result = result.map_err(|error| match error {
        Error::Elapsed(elapsed) => elapsed,
        Error::Inner(never) => match never {},
    });
    (result, start.elapsed())
}

fn read() -> CallRecord {
    CallRecord::new(OpClass::Read, Safety::ReadOnly)
}

fn write() -> CallRecord {
    CallRecord::new(OpClass::Write, Safety::Idempotent)
}

fn assert_around(took: Duration, expected: Duration) {
    assert!(
        took >= expected && took < expected + ms(20),
        "{took:?}, not {expected:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_flowing_body_is_never_timed_out() {
    for limit in [unlearnt(), learnt()] {
        let (result, took) = attempt(limit, read(), |progress| async move {
            progress.begin(0);
            sleep(ms(200)).await;
            progress.answered();
            for _ in 0..100 {
                sleep(ms(900)).await;
                progress.received(MIB);
            }
        })
        .await;
        assert_eq!(result, Ok(()));
        assert_around(took, ms(90_200));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_times_out_after_a_second() {
    let (result, took) = attempt(learnt(), read(), |progress| async move {
        progress.begin(0);
        for _ in 0..10 {
            sleep(ms(240)).await;
            progress.received(MIB);
        }
        pending().await
    })
    .await;
    let expected = Elapsed {
        limit: ms(1_000),
        waited_for: WaitedFor::Body,
    };
    assert_eq!(result, Err(expected));
    assert_eq!(expected.to_string(), "the body stood still for 1s");
    assert_around(took, ms(3_400));
}

#[tokio::test(start_paused = true)]
async fn a_caller_s_stall_limit_bounds_each_silence_and_no_more() {
    let silent_for = |stall: u64, before: u64, between: u64| async move {
        let record = read();
        let options = Options {
            stall_limit: Some(ms(stall)),
            ..Options::default()
        };
        attempt(learnt(), record.told(options), move |progress| async move {
            progress.begin(0);
            sleep(ms(before)).await;
            progress.answered();
            for _ in 0..20 {
                sleep(ms(between)).await;
                progress.received(MIB);
            }
        })
        .await
    };
    let (result, took) = silent_for(3_000, 2_900, 2_900).await;
    assert_eq!(result, Ok(()));
    assert_around(took, ms(60_900));
    let (result, took) = silent_for(300, 400, 10).await;
    assert_eq!(result.unwrap_err().waited_for, WaitedFor::Answer);
    assert_around(took, ms(300));
    let (result, took) = silent_for(300, 200, 400).await;
    assert_eq!(result.unwrap_err().waited_for, WaitedFor::Body);
    assert_around(took, ms(500));
}

#[tokio::test(start_paused = true)]
async fn a_head_without_a_body_times_out() {
    let (result, took) = attempt(learnt(), read(), |progress| async move {
        progress.begin(0);
        sleep(ms(100)).await;
        progress.answered();
        pending().await
    })
    .await;
    assert_eq!(result.unwrap_err().waited_for, WaitedFor::Body);
    assert_around(took, ms(1_100));
}

#[tokio::test(start_paused = true)]
async fn a_trickling_body_times_out() {
    for (every, bytes, at_most) in [
        (1_000, 1, 2_000),
        (100, 1, 2_000),
        (990, 15 << 10, 4_000),
        (10, 100, 2_000),
    ] {
        let (result, took) = attempt(learnt(), read(), move |progress| async move {
            progress.begin(0);
            progress.answered();
            loop {
                sleep(ms(every)).await;
                progress.received(bytes);
            }
        })
        .await;
        let waited_for = result.unwrap_err().waited_for;
        assert!(
            matches!(waited_for, WaitedFor::Rate | WaitedFor::Body),
            "{waited_for:?}"
        );
        assert!(took < ms(at_most), "{bytes} each {every} ms: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_line_does_not_time_out() {
    // 17 KiB a second in any pieces.
    for (every, bytes) in [(10, 175), (100, 1_750), (900, 15_700)] {
        let (result, _) = attempt(learnt(), read(), move |progress| async move {
            progress.begin(0);
            progress.answered();
            for _ in 0..20_000 / every {
                sleep(ms(every)).await;
                progress.received(bytes);
            }
        })
        .await;
        assert_eq!(result, Ok(()), "{bytes} each {every} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_expected_size_does_not_delay_the_first_byte_limit() {
    for (limit, expected) in [(unlearnt(), 1_000), (learnt(), 250)] {
        // 8 s for 8 MiB, if nobody told.
        let record = read().allowing(ms(8_000));
        let (result, took) = attempt(limit, record, |progress| async move {
            progress.begin(0);
            pending().await
        })
        .await;
        assert_eq!(result.unwrap_err().waited_for, WaitedFor::Answer);
        assert_around(took, ms(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn without_progress_reports_the_size_extends_the_limit() {
    let (result, took) = attempt(unlearnt(), read().allowing(ms(8_000)), |_| pending()).await;
    assert_eq!(result.unwrap_err().waited_for, WaitedFor::Answer);
    assert_around(took, ms(9_000));
}

#[tokio::test(start_paused = true)]
async fn a_flowing_upload_is_never_timed_out_nor_buffered_bytes() {
    // As seen of a socket: 2.75 MB are taken over at once, and the rest as it leaves, at 0.5 MB/s.
    let record = write();
    record.set_deadline(clock::now() + ms(40_000));
    let (result, took) = attempt(unlearnt(), record, |progress| async move {
        progress.begin(8_000_000);
        progress.sent(2_750_000);
        for _ in 0..52 {
            sleep(ms(200)).await;
            progress.sent(100_961);
        }
        progress.sent(28);
        sleep(ms(5_500)).await;
        progress.answered();
    })
    .await;
    assert_eq!(result, Ok(()));
    assert_around(took, ms(15_900));
}

#[tokio::test(start_paused = true)]
async fn a_fully_buffered_upload_has_time_to_drain() {
    let (result, _) = attempt(unlearnt(), write(), |progress| async move {
        progress.begin(2_500_000);
        progress.sent(2_500_000);
        sleep(ms(5_000)).await;
        progress.answered();
    })
    .await;
    assert_eq!(result, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn stalled_and_unanswered_uploads_time_out() {
    let stops = attempt(learnt(), write(), |progress| async move {
        progress.begin(8 << 20);
        progress.sent(2 << 20);
        pending().await
    });
    let (result, took) = stops.await;
    assert_eq!(result.unwrap_err().waited_for, WaitedFor::Body);
    assert_around(took, ms(1_500) + ms(8_000) / 3);
    let unanswered = attempt(learnt(), write(), |progress| async move {
        progress.begin(8 << 20);
        progress.sent(4 << 20);
        sleep(ms(40)).await;
        progress.sent(4 << 20);
        pending().await
    });
    let (result, took) = unanswered.await;
    assert_eq!(result.unwrap_err().waited_for, WaitedFor::Answer);
    assert_around(took, ms(40 + 40 + 250));
}

#[tokio::test(start_paused = true)]
async fn a_flowing_body_is_not_cut_short_for_another_attempt() {
    let hurried = |deadline| {
        let record = read();
        record.set_deadline(clock::now() + ms(deadline));
        record
    };
    let body = |progress: Progress| async move {
        progress.begin(0);
        progress.received(MIB);
        sleep(ms(900)).await;
        progress.received(MIB);
        sleep(ms(600)).await;
    };
    let (flows, _) = attempt(learnt(), hurried(2_200), body).await;
    assert_eq!(flows, Ok(()));
    let (late, took) = attempt(learnt(), hurried(1_900), body).await;
    assert_eq!(late.unwrap_err().limit, ms(500));
    assert_around(took, ms(1_400));
}

#[tokio::test(start_paused = true)]
async fn a_fixed_limit_bounds_the_whole_attempt() {
    let (result, took) = attempt(Limit::fixed(ms(300)), read(), |progress| async move {
        loop {
            progress.received(MIB);
            sleep(ms(10)).await;
        }
    })
    .await;
    assert_eq!(result.unwrap_err().limit, ms(300));
    assert_around(took, ms(300));
}

/// A client whose endpoints answer after these delays.
fn endpoints(answers: impl IntoIterator<Item = u64>) -> Failover<u64> {
    let each = answers.into_iter().enumerate();
    let each = each.map(|(number, ms)| Endpoint::new(format!("endpoint-{number}"), ms));
    Failover::builder().endpoints(each).seed(1).build().unwrap()
}

async fn answer(after: u64) -> io::Result<u64> {
    sleep(ms(after)).await;
    Ok(after)
}

const NEVER: u64 = 1 << 40;

#[tokio::test(start_paused = true)]
async fn each_timeout_lengthens_the_next_limit_of_the_call() {
    let client = endpoints([NEVER, NEVER, NEVER]);
    let error = client.idempotent_write(answer).deadline(ms(60_000)).await.unwrap_err();
    let took: Vec<_> = error
        .attempts()
        .iter()
        .map(|attempt| attempt.elapsed().unwrap().as_millis())
        .collect();
    assert_eq!(took, [1_000, 4_000, 16_000]);
    // ... but no longer than half of what is left.
    let client = endpoints([NEVER, NEVER, NEVER]);
    let error = client.idempotent_write(answer).deadline(ms(7_000)).await.unwrap_err();
    let took: Vec<_> = error
        .attempts()
        .iter()
        .map(|attempt| attempt.elapsed().unwrap().as_millis())
        .collect();
    assert_eq!(took, [1_000, 3_000, 1_500]);
    // The next call begins anew.
    let error = client.idempotent_write(answer).deadline(ms(60_000)).await.unwrap_err();
    assert_eq!(error.attempts()[0].elapsed().unwrap().as_millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_primary_dead_from_the_start_costs_a_second() {
    let client = endpoints([NEVER, 10]);
    let start = clock::now();
    assert_eq!(client.read(answer).await.unwrap(), 10);
    assert_around(start.elapsed(), ms(1_010));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_slow_attempt_goes_on_beside_its_hedge() {
    // The second is asked after a second, and is slower yet.
    let client = endpoints([3_500, 4_500]);
    let start = clock::now();
    let (answer, explained) = client.read(answer).explained().await.unwrap();
    assert_eq!(answer, 3_500);
    assert_around(start.elapsed(), ms(3_500));
    assert_eq!(explained.attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_attempt_goes_on_for_half_the_remaining_time() {
    let client = endpoints([NEVER, NEVER]);
    let error = client.read(answer).deadline(ms(8_000)).await.unwrap_err();
    assert_eq!(error.attempts()[0].elapsed().unwrap().as_millis(), 4_000);
}

/// Quick objects at first, then large objects among them, which take 400 ms at every endpoint.
#[tokio::test(start_paused = true)]
async fn slowness_at_both_endpoints_condemns_neither() {
    let client = endpoints([5, 12]);
    for _ in 0..50 {
        client.read(answer).await.unwrap();
    }
    let slow = |_| async {
        sleep(ms(400)).await;
        Ok::<_, io::Error>(())
    };
    for number in 0..40 {
        let (_, explained) = client.read(slow).explained().await.unwrap();
        let attempts = explained.attempts();
        assert_eq!(attempts[0].endpoint(), "endpoint-0", "{number}: {explained:?}");
        assert_eq!(attempts[0].elapsed().unwrap(), ms(400), "{number}: {explained:?}");
        client.read(answer).await.unwrap();
    }
    let (_, explained) = client.read(slow).explained().await.unwrap();
    assert_eq!(explained.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_third_endpoint_is_asked_when_two_are_silent() {
    let client = endpoints([5, 5, 12]);
    for _ in 0..50 {
        client.read(answer).await.unwrap();
    }
    let start = clock::now();
    let silent = |after| async move {
        if after == 5 {
            std::future::pending().await
        } else {
            answer(after).await
        }
    };
    client.read(silent).await.unwrap();
    assert_around(start.elapsed(), ms(1_019));
}

#[tokio::test(start_paused = true)]
async fn without_an_alternative_an_attempt_ends_after_a_second() {
    for pinned in [false, true] {
        let client = if pinned {
            endpoints([NEVER, 10])
        } else {
            endpoints([NEVER])
        };
        let call = client.read(answer).deadline(ms(8_000));
        let call = if pinned { call.pin("endpoint-0") } else { call };
        let error = call.await.unwrap_err();
        assert_eq!(error.attempts()[0].elapsed().unwrap().as_millis(), 1_000, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flowing_body_is_not_hedged() {
    let client = endpoints([20, 20]);
    for _ in 0..50 {
        client.read(answer).await.unwrap();
    }
    let asked = Arc::new(AtomicU32::new(0));
    let large = |silence: u64, asked: Arc<AtomicU32>| {
        move |_, progress: Progress| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                for _ in 0..20 {
                    progress.received(MIB);
                    sleep(ms(if first { silence } else { 10 })).await;
                }
                Ok::<_, io::Error>(())
            }
        }
    };
    client.read_with(large(240, asked.clone())).await.unwrap();
    assert_eq!(asked.swap(0, Ordering::Relaxed), 1);
    let start = clock::now();
    client.read_with(large(800, asked.clone())).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_around(start.elapsed(), ms(450));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_refused_by_the_budget_is_tried_again() {
    // More calls in the first second than the budget repairs at once.
    let client = endpoints([NEVER, 10]);
    let calls = (0..600).map(|number| {
        let client = client.clone();
        async move {
            sleep(ms(number * 20)).await;
            client.read(answer).await
        }
    });
    let ended = futures_util::future::join_all(calls).await;
    let failed = ended.iter().filter(|result| result.is_err()).count();
    assert_eq!(failed, 0);
}

#[test]
fn reported_progress_is_on_record() {
    let call = Call::on_record((), read());
    assert_eq!(call.record().first_byte(call.leg()), None);
    call.progress().received(100);
    assert_eq!(call.record().bytes(call.leg()), 100);
    assert!(call.record().first_byte(call.leg()).is_some());
    assert!(call.record().last_progress(call.leg()).is_some());
    assert_eq!(call.record().rate(call.leg()), None);
    assert!(!matches!(call.record().ended(call.leg()), Some(Ended::Judged(_))));
}

/// Objects that take 300 ms at every endpoint, for callers with 330 ms.
#[tokio::test(start_paused = true)]
async fn an_answer_just_before_the_deadline_is_awaited() {
    let client = endpoints([3, 5]);
    for _ in 0..50 {
        client.read(answer).await.unwrap();
    }
    let slow = |_| async {
        sleep(ms(300)).await;
        Ok::<_, io::Error>(())
    };
    for number in 0..10 {
        let got = client.read(slow).deadline(ms(330)).await;
        assert!(got.is_ok(), "{number}: {got:?}");
    }
}

/// No second attempt would show that the write is only slow.
#[tokio::test(start_paused = true)]
async fn a_once_only_write_may_become_slow() {
    let client = endpoints([5]);
    for _ in 0..50 {
        client.write(answer).await.unwrap();
    }
    let slow = |_| async {
        sleep(ms(900)).await;
        Ok::<_, io::Error>(())
    };
    client.write(slow).await.unwrap();
    let error = client.write(|_| pending::<io::Result<()>>()).await.unwrap_err();
    let took = error.attempts()[0].elapsed().unwrap();
    assert!(took >= ms(1_000) && took < ms(10_000), "{took:?}");
}
