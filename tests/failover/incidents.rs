//! What the outages teach, lesson by lesson.

use crate::{
    scripted::{Does, Heard, Mishap, Table, breaker, builder, ms, reads, secs, two},
    store::{Store, Trouble},
};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    drill::{Fault, FaultLayer, Phase, Rule, Scenario, Target, Timeline},
    request::LegKind,
    stack::retry::Budget,
    telemetry::Event,
    verdict::{Sent, Verdict, table, table::Symptom},
};
use tokio::time::{Instant, sleep};

/// Virginia (aws us-east-1) and ireland under write-once, with these rules at virginia for an hour.
fn drilled(rules: impl IntoIterator<Item = Fault>) -> (ObjectClient, Timeline, Store, Store) {
    let mut scenario = Scenario::builtin("fastly-2021").unwrap();
    let at_virginia = rules.into_iter().map(|fault| {
        let mut rule = Rule::new(fault);
        rule.target = Target::default();
        rule.target.region = Some("us-east-1".into());
        rule
    });
    let mut phase: Phase = scenario.phases[0].clone();
    phase.duration = secs(3_600);
    phase.rules = at_virginia.collect();
    scenario.phases = vec![phase];
    let timeline = Timeline::new(scenario, 7).unwrap();
    let (virginia, ireland) = (Store::new(), Store::new());
    let drill = timeline.clone();
    let client = ObjectClient::builder()
        .endpoint(
            Endpoint::new("virginia", virginia.clone())
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("ireland", ireland.clone())
                .provider("aws")
                .region("eu-west-1"),
        )
        .replication(Replication::write_once())
        .endpoint_layer(move |profile| FaultLayer::new(drill.clone(), profile.clone()))
        .seed(7)
        .build()
        .unwrap();
    (client, timeline, virginia, ireland)
}

// Lesson 1: short connect timeout and one total deadline per call.

#[tokio::test(start_paused = true)]
async fn a_black_hole_delays_only_a_few_calls() {
    for fault in [Fault::Hang, Fault::HangConnect] {
        let (client, drill, _, _) = drilled([fault]);
        drill.start_now();
        let mut slow = 0;
        for n in 0..50 {
            let start = Instant::now();
            let stored = client.put(format!("k/{n}"), "v").await.unwrap();
            assert_eq!(stored.endpoint(), "ireland");
            // The limit of an attempt, 1 s, grows to four times that; and 250 ms for a look at what became of it.
            assert!(start.elapsed() <= ms(4_350), "{:?}", start.elapsed());
            slow += usize::from(start.elapsed() > ms(50));
            sleep(ms(100)).await;
        }
        assert!(slow <= 8, "{slow} of 50 calls met the hole");
    }
}

// Lesson 2: health is kept per endpoint and operation class.

#[tokio::test(start_paused = true)]
async fn reads_heal_before_writes() {
    let (client, _, virginia, ireland) = drilled([]);
    for n in 0..20 {
        client.put(format!("old/{n}"), "v").await.unwrap();
    }
    // Given that writes fail at virginia while reads work,
    virginia.writes_meet(Trouble::Code("InternalError"));
    for n in 0..50 {
        assert_eq!(client.put(format!("new/{n}"), "v").await.unwrap().endpoint(), "ireland");
        sleep(ms(50)).await;
    }
    virginia.forget();
    ireland.forget();
    // then reads stay there: the trouble of writes costs them nothing.
    for n in 0..20 {
        assert_eq!(client.get(format!("old/{n}")).await.unwrap().endpoint(), "virginia");
    }
    assert_eq!((virginia.asked(), ireland.asked()), (20, 0));
    let classes = &client.snapshot().endpoints[0].classes;
    assert_eq!(
        (classes[0].breaker.as_str(), classes[1].breaker.as_str()),
        ("closed", "open")
    );
}

// Lesson 3: every DNS fault means "unreachable, try elsewhere", never "no such bucket".

#[tokio::test(start_paused = true)]
async fn an_empty_dns_answer_fails_over() {
    let (client, drill, virginia, ireland) = drilled([Fault::DnsEmpty]);
    client.put("before", "v").await.unwrap();
    drill.start_now();
    client.put("during", "v").await.unwrap();
    assert_eq!(client.get("during").await.unwrap().endpoint(), "ireland");
    // What lies only at virginia is not "not found" but "cannot be told".
    let error = client.get("before").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.absent_at().collect::<Vec<_>>(), ["ireland"]);
    assert_eq!(error.not_asked()[0].endpoint(), "virginia");
    assert!(error.is_retryable());
    assert_eq!(virginia.log(), ["put"]);
    assert!(ireland.asked() >= 3);
    // And a write that must not happen twice may move, because it was provably not sent.
    for symptom in [Symptom::DnsEmpty, Symptom::DnsNoSuchName, Symptom::DnsFailed] {
        let outcome = table::for_symptom(symptom);
        assert_eq!((outcome.verdict, outcome.sent), (Verdict::Unreachable, Sent::No));
    }
}

// Lesson 4: an authentication outage fails over; a single 403 stays the caller's.

#[tokio::test(start_paused = true)]
async fn suddenly_refused_credentials_fail_over() {
    let (tables, virginia, ireland) = two();
    reads(&tables, 10, ms(20)).await;
    virginia.fails(Mishap::Code("InvalidAccessKeyId"));
    // Nobody notices, and soon virginia is left.
    assert_eq!(reads(&tables, 100, ms(20)).await, 100);
    assert!(ireland.asked() >= 100 && virginia.asked() < 20, "{}", virginia.asked());
    assert_eq!(breaker(&tables, 0), "open");
}

#[tokio::test(start_paused = true)]
async fn access_denied_is_the_callers_error() {
    let (tables, virginia, ireland) = two();
    reads(&tables, 10, ms(20)).await;
    virginia.fails(Mishap::Code("AccessDenied"));
    for _ in 0..20 {
        let error = tables.read(Table::query).await.unwrap_err();
        assert_eq!((error.kind(), error.endpoint()), (ErrorKind::Denied, Some("virginia")));
        assert!(!error.is_retryable());
    }
    assert_eq!((ireland.asked(), breaker(&tables, 0)), (0, "closed"));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_never_worked_are_the_callers_error() {
    let (tables, virginia, ireland) = two();
    virginia.fails(Mishap::Code("SignatureDoesNotMatch"));
    let error = tables.read(Table::query).await.unwrap_err();
    assert_eq!((error.kind(), ireland.asked()), (ErrorKind::Denied, 0));
}

#[tokio::test(start_paused = true)]
async fn an_authentication_outage_in_the_drill_is_survived() {
    let auth = Fault::Authentication {
        s3_code: "ExpiredToken".into(),
    };
    let (client, drill, _, _) = drilled([auth]);
    client.put("before", "v").await.unwrap();
    drill.start_now();
    for n in 0..20 {
        assert_eq!(client.put(format!("k/{n}"), "v").await.unwrap().endpoint(), "ireland");
    }
}

// Lesson 5: retries and hedges draw on one budget per client; fast errors need fast failover.

#[tokio::test(start_paused = true)]
async fn clients_have_separate_budgets_unless_shared() {
    async fn served(first: Option<Budget>, second: Option<Budget>) -> usize {
        let mut served = Vec::new();
        for budget in [first, second] {
            let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
            // Throttled everywhere, so that each call wants two retries and no breaker ever ends that.
            virginia.fails(Mishap::Code("SlowDown"));
            ireland.fails(Mishap::Code("SlowDown"));
            let mut building = builder([&virginia, &ireland]);
            if let Some(budget) = budget {
                building = building.budget(budget);
            }
            let tables = building.build().unwrap();
            for _ in 0..50 {
                tables.read(Table::query).await.unwrap_err();
            }
            served.push(virginia.asked() + ireland.asked() - 50);
        }
        served[1]
    }
    // What one client uses up is not missing from the other's,
    let own = served(None, None).await;
    assert!(own >= 10, "{own}");
    // except where they were given the same.
    let shared = Budget::default();
    assert!(served(Some(shared.clone()), Some(shared)).await < own);
}

#[tokio::test(start_paused = true)]
async fn retries_and_hedges_draw_on_the_same_budget() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = builder([&virginia, &ireland])
        .budget(Budget::new(0.0, 1.0))
        .build()
        .unwrap();
    // Given that retries have used up what was banked,
    virginia.fails(Mishap::Code("SlowDown"));
    ireland.fails(Mishap::Code("SlowDown"));
    for _ in 0..30 {
        tables.read(Table::query).await.unwrap_err();
    }
    let extra = virginia.asked() + ireland.asked() - 30;
    assert!((8..=10).contains(&extra), "{extra}");
    // when a read is late, then there is no hedge.
    virginia.answers_after(ms(500));
    ireland.answers_after(ms(500));
    let (start, before) = (Instant::now(), virginia.asked() + ireland.asked());
    tables.read(Table::query).await.unwrap();
    let asked = virginia.asked() + ireland.asked() - before;
    assert_eq!((start.elapsed(), asked), (ms(500), 1));
}

#[tokio::test(start_paused = true)]
async fn fast_failures_fail_over_fast() {
    let (client, drill, _, _) = drilled([Fault::Status {
        code: 503,
        s3_code: None,
        retry_after: None,
    }]);
    drill.start_now();
    let start = Instant::now();
    for n in 0..100 {
        client.put(format!("k/{n}"), "v").await.unwrap();
    }
    // A hundred calls through an endpoint that answers errors cost no waiting at all.
    assert!(start.elapsed() < ms(10), "{:?}", start.elapsed());
}

// Lesson 6: return slowly; if everything looks bad, keep trying the least bad (see mistakes.rs).

#[tokio::test(start_paused = true)]
async fn one_good_probe_is_not_recovery() {
    let (tables, virginia, _) = two();
    reads(&tables, 20, ms(20)).await;
    virginia.fails(Mishap::Reset);
    reads(&tables, 20, ms(100)).await;
    // Given that two probes go well and the third does not (the errors came back, 2025),
    sleep(secs(31)).await;
    virginia.then([Does::Answer(ms(1)), Does::Answer(ms(1))]);
    reads(&tables, 3, ms(10)).await;
    // then it stays out.
    assert_eq!(breaker(&tables, 0), "open");
    assert_eq!(tables.snapshot().endpoints[0].classes[0].share, 0.0);
}

#[tokio::test(start_paused = true)]
async fn traffic_returns_on_a_ramp() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let heard = Heard::default();
    let tables = builder([&virginia, &ireland])
        .on_event(heard.listener())
        .build()
        .unwrap();
    reads(&tables, 20, ms(20)).await;
    virginia.fails(Mishap::Reset);
    reads(&tables, 3_600, secs(1)).await;
    virginia.answers_after(ms(1));
    // Given an hour's outage that ends,
    while heard.count(|event| matches!(event, Event::BreakerClosed { .. })) == 0 {
        reads(&tables, 1, ms(50)).await;
    }
    // then its share grows over most of a minute from a tenth to all of it.
    let (mut last, mut steps) = (0.0, Vec::new());
    for _ in 0..70 {
        let share = tables.snapshot().endpoints[0].classes[0].share;
        assert!(share >= last, "{share} after {last}");
        last = share;
        steps.push(share);
        let before = virginia.asked();
        reads(&tables, 10, ms(100)).await;
        assert!(share > 0.5 || virginia.asked() - before < 10, "all at once");
    }
    assert!((0.09..0.2).contains(&steps[0]), "{}", steps[0]);
    assert!(steps[10] < 0.6, "{}", steps[10]);
    assert_eq!(last, 1.0);
}

// Lesson 7: throttling means slow down here, not dead.

#[tokio::test(start_paused = true)]
async fn throttling_never_opens_the_breaker() {
    let heard = Heard::default();
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = builder([&virginia, &ireland])
        .on_event(heard.listener())
        .build()
        .unwrap();
    reads(&tables, 20, ms(20)).await;
    virginia.fails(Mishap::Code("SlowDown"));
    for _ in 0..500 {
        let _ = tables.read(Table::query).await;
        let _ = tables.idempotent_write(Table::query).await;
        sleep(ms(10)).await;
    }
    assert_eq!(heard.count(|event| matches!(event, Event::BreakerOpened { .. })), 0);
    let classes = &tables.snapshot().endpoints[0].classes;
    assert!(classes.iter().all(|class| class.breaker.as_str() == "closed"));
}

#[tokio::test(start_paused = true)]
async fn throttling_everywhere_is_reported_as_throttled() {
    let (tables, virginia, ireland) = two();
    virginia.fails(Mishap::Code("SlowDown"));
    ireland.fails(Mishap::Code("ThrottlingException"));
    let error = tables.read(Table::query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert!(error.is_retryable());
}

// Lesson 8: telemetry never blocks the request path (see also mistakes.rs: events outside the lock).

#[tokio::test(start_paused = true)]
async fn calls_work_without_listener_recorder_or_subscriber() {
    let (tables, virginia, _) = two();
    virginia.fails(Mishap::Reset);
    assert_eq!(reads(&tables, 50, ms(20)).await, 50);
}

// Lesson 10: "retryable for ever" is a failure too; S3 can answer 200 with an error body.

#[tokio::test(start_paused = true)]
async fn a_success_with_an_error_document_is_a_fault() {
    let (client, drill, virginia, _) = drilled([Fault::Status {
        code: 200,
        s3_code: Some("InternalError".into()),
        retry_after: None,
    }]);
    drill.start_now();
    assert_eq!(client.put("k", "v").await.unwrap().endpoint(), "ireland");
    assert_eq!(client.get("k").await.unwrap().body().as_ref(), b"v");
    assert_eq!(virginia.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_persistent_fault_ends_after_three_attempts() {
    let (client, _, virginia, ireland) = drilled([]);
    virginia.always(Trouble::Code("InternalError"));
    ireland.always(Trouble::Code("InternalError"));
    let start = Instant::now();
    let error = client.put("k", "v").deadline(secs(600)).await.unwrap_err();
    // Beside a look at what became of each.
    let puts = error
        .attempts()
        .iter()
        .filter(|attempt| attempt.why() != LegKind::Confirm);
    assert_eq!((puts.count(), virginia.asked() + ireland.asked()), (3, 6));
    assert!(start.elapsed() < secs(3), "{:?}", start.elapsed());
    // A later put with the same id is safe, and says so.
    assert!(error.is_retryable() && error.write_id().is_some());
}

// Lesson 12: decide from what this process observes. A probe that gets a wrong answer is a failed probe.

#[tokio::test(start_paused = true)]
async fn a_probe_with_a_wrong_answer_fails() {
    for wrong in ["InternalError", "InvalidAccessKeyId"] {
        let (tables, virginia, _) = two();
        reads(&tables, 20, ms(20)).await;
        virginia.fails(Mishap::Refused);
        reads(&tables, 20, ms(100)).await;
        // Given that it can be reached again, but answers wrongly,
        virginia.fails(Mishap::Code(wrong));
        let before = virginia.asked();
        assert_eq!(reads(&tables, 300, ms(100)).await, 300);
        // then each probe fails and it stays out.
        assert!(virginia.asked() > before, "no probe was made");
        assert_eq!(breaker(&tables, 0), "open", "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_absence_or_a_refusal_that_is_an_answer_passes_as_a_probe() {
    // "Not found" proves an endpoint healthy.
    let (tables, virginia, _) = two();
    virginia.fails(Mishap::Refused);
    reads(&tables, 20, ms(100)).await;
    virginia.fails(Mishap::Code("NoSuchKey"));
    for _ in 0..100 {
        let _ = tables.read(Table::query).await;
        sleep(ms(500)).await;
    }
    assert_eq!(breaker(&tables, 0), "closed");
}
