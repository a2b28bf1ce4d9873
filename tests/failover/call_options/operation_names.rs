use super::{Doors, Met, get, put};
use crate::{
    scripted::{ms, secs},
    store::Trouble,
};
use evenkeel::{request::OpClass, stack::health::NAMES};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_named_call_reports_its_name() {
    let doors = Doors::<1>::new();
    for met in every_call!(doors:) {
        assert_eq!(met.called, met.call);
    }
    for trouble in [Trouble::None, Trouble::Refused] {
        doors.at(0, trouble);
        for met in every_call!(doors: operation_name("report")) {
            assert_eq!(met.called, "report", "{met:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_clients_name_applies_to_unnamed_calls() {
    let doors: Doors<1> = built!(operation_name("billing"));
    for met in every_call!(doors:) {
        assert_eq!(met.called, "billing", "{met:?}");
    }
    for met in every_call!(doors: operation_name("report")) {
        assert_eq!(met.called, "report", "{met:?}");
    }
}

/// What is read, by its own words: the calls that would be hedged.
fn hedged(met: &[Met]) -> usize {
    let reads = met.iter().filter(|met| matches!(met.call, "get" | "head" | "read"));
    reads.filter(|met| met.hedges() > 0).count()
}

/// Quick calls without a name and slow ones with it, by turns, at the first endpoint.
async fn quick_and_slow(doors: &Doors<2>) {
    put(doors.clients[0].clone()).await.unwrap();
    put(doors.clients[1].clone()).await.unwrap();
    doors.at(1, Trouble::Slow(ms(3)));
    for _ in 0..40 {
        doors.at(0, Trouble::Slow(ms(3)));
        every_call!(doors:);
        doors.objects.put("k", "v").await.ok();
        doors.at(0, Trouble::Slow(ms(300)));
        every_call!(doors: operation_name("report"), hedging(false), attempt_limit(secs(2)));
    }
}

#[tokio::test(start_paused = true)]
async fn each_operation_name_has_its_own_latency() {
    // For a report this is as usual, for others it is late.
    let doors = Doors::<2>::new();
    quick_and_slow(&doors).await;
    assert_eq!(hedged(&every_call!(doors: operation_name("report"))), 0);
    let met = every_call!(doors:);
    assert!(hedged(&met) >= 2, "{met:?}");
    for snapshot in [doors.any.snapshot(), doors.objects.snapshot(), doors.keys.snapshot()] {
        let reads = &snapshot.endpoints[0].classes[OpClass::Read.index()];
        assert!(reads.p99.unwrap() < ms(10), "{snapshot}");
        let [report] = &*reads.named else { panic!("{snapshot}") };
        assert_eq!(report.name, "report");
        assert!((ms(290)..ms(400)).contains(&report.p50), "{report:?}");
        assert!(snapshot.to_string().contains("p99 of report"), "{snapshot}");
    }
    // And this is late for a report.
    let doors = Doors::<2>::new();
    quick_and_slow(&doors).await;
    doors.at(0, Trouble::Hang);
    let met = every_call!(doors: operation_name("report"));
    assert!(hedged(&met) >= 2, "{met:?}");
}

#[tokio::test(start_paused = true)]
async fn each_operation_name_has_its_own_learnt_limit() {
    let doors = Doors::<1>::new();
    put(doors.clients[0].clone()).await.unwrap();
    for (slow, name) in [(3, None), (200, Some("report"))] {
        doors.at(0, Trouble::Slow(ms(slow)));
        for _ in 0..30 {
            let read = doors.any.read(get);
            match name {
                Some(name) => read.operation_name(name).await.unwrap(),
                None => read.await.unwrap(),
            };
        }
    }
    doors.at(0, Trouble::Hang);
    let limit = async |name: Option<&'static str>| -> Duration {
        let read = doors.any.read(get).deadline(secs(60));
        let error = match name {
            Some(name) => read.operation_name(name).await,
            None => read.await,
        };
        error.unwrap_err().attempts()[0].elapsed().unwrap()
    };
    let (unnamed, report, unknown) = (
        limit(None).await,
        limit(Some("report")).await,
        limit(Some("other")).await,
    );
    assert!(unnamed <= ms(252), "{unnamed:?}");
    assert!((ms(1_600)..ms(2_000)).contains(&report), "{report:?}");
    assert!(
        (secs(1)..ms(1_002)).contains(&unknown),
        "nothing is learnt under it: {unknown:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn all_operation_names_share_one_breaker() {
    let doors = Doors::<2>::new();
    put(doors.clients[1].clone()).await.unwrap();
    doors.at(0, Trouble::Reset);
    for _ in 0..10 {
        doors.any.read(get).operation_name("report").await.unwrap();
    }
    let (_, explanation) = doors.any.read(get).explained().await.unwrap();
    assert_eq!(
        explanation.attempts().len(),
        1,
        "the endpoint has been left: {explanation}"
    );
}

#[tokio::test(start_paused = true)]
async fn operation_names_beyond_the_bound_share_one_slot() {
    let doors = Doors::<1>::new();
    put(doors.clients[0].clone()).await.unwrap();
    let names: Vec<&'static str> = (0..NAMES + 4).map(|number| &*format!("kind {number}").leak()).collect();
    for name in &names {
        for _ in 0..25 {
            doors.any.read(get).operation_name(name).await.unwrap();
        }
    }
    let snapshot = doors.any.snapshot();
    let seen: Vec<_> = snapshot.endpoints[0].classes[OpClass::Read.index()]
        .named
        .iter()
        .map(|named| named.name)
        .collect();
    assert_eq!(seen, names[..NAMES]);
}
