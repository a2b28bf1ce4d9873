use super::Doors;
use crate::{
    call_options::{get, put},
    scripted::{ms, secs},
    store::Trouble,
};
use evenkeel::{BuildError, Endpoint, ErrorKind, Failover};
use std::time::Duration;
use tokio::time::Instant;

/// A timer's resolution.
fn is_about(took: Duration, expected: Duration) -> bool {
    took >= expected && took <= expected + ms(2)
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_call_honours_its_attempt_limit() {
    let doors = Doors::<1>::new();
    doors.at(0, Trouble::Hang);
    for met in every_call!(doors: attempt_limit(ms(300)), deadline(secs(2))) {
        assert!(is_about(met.attempts[0].1, ms(300)), "{met:?}");
        assert!(met.failed.is_some(), "{met:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_calls_attempt_limit_overrides_the_builders() {
    let doors: Doors<1> = built!(attempt_limit(ms(300)));
    doors.at(0, Trouble::Hang);
    for met in every_call!(doors: deadline(secs(2))) {
        assert!(is_about(met.attempts[0].1, ms(300)), "{met:?}");
    }
    for met in every_call!(doors: deadline(secs(2)), attempt_limit(ms(500))) {
        assert!(is_about(met.attempts[0].1, ms(500)), "{met:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_and_size_do_not_change_the_attempt_limit() {
    let doors = Doors::<1>::new();
    doors.at(0, Trouble::Hang);
    let first = |error: evenkeel::Error| error.attempts()[0].elapsed().unwrap();
    let long = doors.objects.get("k").attempt_limit(secs(9));
    assert!(is_about(first(long.await.unwrap_err()), secs(9)));
    let many_bytes = vec![0; 3 << 20];
    let large = doors.objects.put("large", many_bytes).attempt_limit(ms(300));
    assert!(is_about(first(large.await.unwrap_err()), ms(300)));
    // Longer than the deadline, it is the deadline's.
    let began = Instant::now();
    let longest = doors.objects.get("k").attempt_limit(secs(60));
    assert_eq!(longest.await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert!(is_about(began.elapsed(), secs(10)));
}

#[tokio::test(start_paused = true)]
async fn a_short_attempt_limit_sends_a_slow_call_elsewhere() {
    let doors = Doors::<2>::new();
    doors.at(0, Trouble::Slow(ms(600)));
    // The unlearnt limit of a second would have let it finish.
    let read = doors.any.idempotent_write(put).attempt_limit(ms(50)).explained();
    let (_, explanation) = read.await.unwrap();
    assert_eq!(explanation.answered_by(), Some("ireland"));
    // One that must not happen twice may have been applied.
    let error = doors.any.write(put).attempt_limit(ms(50)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::MaybeApplied, 1));
    assert!(
        error.to_string().contains("virginia failed: no answer within 50ms"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_nonsensical_attempt_limit_is_refused_unsent() {
    let doors = Doors::<2>::new();
    for limit in [Duration::ZERO, secs(24 * 60 * 60 + 1), Duration::MAX] {
        for met in every_call!(doors: attempt_limit(limit)) {
            assert_eq!(met.failed, Some(ErrorKind::InvalidInput), "{met:?}");
        }
        let builder = Failover::<u8>::builder().endpoint(Endpoint::new("virginia", 1));
        let refused = builder.attempt_limit(limit).build().unwrap_err();
        assert!(matches!(&refused, BuildError::Setting(_)), "{refused}");
        assert!(
            refused
                .to_string()
                .contains("an attempt's limit must lie between 1 ns and 24 h"),
            "{refused}"
        );
    }
    assert_eq!(doors.asked(), 0);
}

/// Where a call goes at first.
async fn goes_to(doors: &Doors<2>) -> String {
    let (_, explanation) = doors.any.read(get).deadline(secs(60)).explained().await.unwrap();
    explanation.attempts()[0].endpoint().to_owned()
}

/// Endpoints whose ways are known: the first takes 20 ms, the second is somewhat faster.
async fn known(doors: &Doors<2>) {
    for store in &doors.clients {
        put(store.clone()).await.unwrap();
    }
    doors.at(0, Trouble::Slow(ms(20)));
    doors.at(1, Trouble::Slow(ms(8)));
    for _ in 0..100 {
        doors.any.read(get).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_impatient_caller_condemns_no_endpoint() {
    let doors = Doors::<2>::new();
    known(&doors).await;
    for _ in 0..100 {
        let read = doors.any.read(get).attempt_limit(ms(10)).explained();
        assert_eq!(read.await.unwrap().1.answered_by(), Some("ireland"));
    }
    for _ in 0..20 {
        assert_eq!(goes_to(&doors).await, "virginia");
    }
    // What is longer than the endpoint's own limit is no impatience.
    doors.at(0, Trouble::Hang);
    for _ in 0..20 {
        doors.any.read(get).attempt_limit(secs(2)).hedging(false).await.unwrap();
    }
    assert_eq!(goes_to(&doors).await, "ireland");
}

#[tokio::test(start_paused = true)]
async fn exceeding_the_builders_attempt_limit_is_the_endpoints_fault() {
    let doors: Doors<2> = built!(attempt_limit(ms(15)));
    known(&doors).await;
    for _ in 0..20 {
        assert_eq!(goes_to(&doors).await, "ireland", "{}", doors.any.snapshot());
    }
}
