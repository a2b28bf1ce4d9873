//! What a report says of a drill.

use super::{demanding, figures, phase, plan, played, refusing, scenario};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    drill::{
        Ended, FaultLayer, Guard, Timeline,
        report::{
            Breaches, Calls, Criteria, Gap, Journal, Measured, Outcome, Previous, Seen, StartedTooEarly, Step, Verdict,
        },
    },
    provider::Memory,
};
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn criteria_that_are_met_pass_and_a_missed_one_fails() {
    let well = played(plan(scenario("s"), demanding()), Measured::new(figures(0, 0)))
        .await
        .report;
    assert_eq!(well.verdict, Verdict::Passed);
    assert!(well.html(None).contains("All 4 criteria were met"));
    let lost = played(plan(scenario("s"), demanding()), Measured::new(figures(0, 1)))
        .await
        .report;
    assert_eq!(lost.verdict, Verdict::Failed);
    let outcomes: Vec<_> = lost.judgements.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [Outcome::Met, Outcome::Met, Outcome::Met, Outcome::Missed]);
    // Two reads of fifty are 96 %, although it is 97 % of all calls.
    let few = played(
        plan(scenario("s"), Criteria::new().availability(0.97)),
        Measured::new(figures(3, 0)),
    )
    .await
    .report;
    assert_eq!((few.judgements[0].measured, few.verdict), (Some(0.96), Verdict::Failed));
}

#[tokio::test(start_paused = true)]
async fn nothing_measured_and_nothing_promised_pass_nothing() {
    let none = Measured::new(Calls::new().figures("it succeeded"));
    let report = played(plan(scenario("s"), demanding().breaches(0)), none.clone())
        .await
        .report;
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.judgements.iter().all(|one| one.outcome == Outcome::NotMeasured));
    assert!(report.not_tested().any(|gap| gap.what == "read calls"));
    assert!(report.not_tested().any(|gap| gap.why == "No constraint was set."));
    for what in [
        "the plain client",
        "acknowledged writes",
        "extra attempts",
        "the course of the availability",
    ] {
        assert!(report.not_measured().any(|gap| gap.what == what), "{what}");
    }
    let page = report.html(None);
    assert!(
        page.contains("5 of 5 criteria were not measured") && page.contains("no calls were made"),
        "{page}"
    );
    let free = played(plan(scenario("s"), Criteria::new()), none).await.report;
    assert_eq!(free.verdict, Verdict::Inconclusive);
    assert!(free.html(None).contains("nothing was promised"));
}

/// On a host that is too busy everything fails, and not because of the drill.
#[tokio::test(start_paused = true)]
async fn calls_that_fail_before_the_first_fault_are_told() {
    let of = async |failing: bool| {
        let mut calls = Calls::new();
        for n in -300..600 {
            calls.add(
                evenkeel::request::OpClass::Read,
                n * 100,
                SECOND / 100,
                n % 2 == 0 || !failing,
            );
        }
        played(plan(scenario("s"), demanding()), Measured::new(calls.figures("")))
            .await
            .report
            .deviations
    };
    let told = |deviations: &[evenkeel::drill::report::Deviation]| {
        deviations
            .iter()
            .any(|one| one.what.ends_with("calls were not available before the first fault"))
    };
    assert!(told(&of(true).await));
    assert!(!told(&of(false).await));
}

#[tokio::test(start_paused = true)]
async fn a_constraint_is_tested_only_where_something_is_forbidden() {
    let criteria = Criteria::new().breaches(0);
    let with = async |breaches: Breaches| {
        let mut measured = Measured::new(figures(0, 0));
        measured.breaches = Some(breaches);
        played(plan(scenario("s"), criteria), measured).await.report.verdict
    };
    let seen = || Breaches::new("only in the EU", "a proxy").endpoint("ireland", false, 90);
    assert_eq!(with(seen()).await, Verdict::Inconclusive);
    assert_eq!(with(seen().endpoint("virginia", true, 0)).await, Verdict::Passed);
    assert_eq!(with(seen().endpoint("virginia", true, 1)).await, Verdict::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_its_guard_ended_is_aborted() {
    // Given a drill that strikes everywhere, because somebody forgot the target,
    let mut all = scenario("s");
    all.phases = vec![
        phase("dark", vec![evenkeel::drill::Rule::new(evenkeel::drill::Fault::Refuse)]),
        phase("never", vec![refusing("x")]),
    ];
    let journal = Journal::begin(plan(all.clone(), demanding())).unwrap();
    let told = journal.clone();
    let guard = Guard::lasting(600 * SECOND).on_end(move |ended| told.end(Some(ended)));
    let drill = Timeline::guarded(all, 7, guard).unwrap();
    let faults = drill.clone();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", Memory::new()))
        .endpoint(Endpoint::new("ireland", Memory::new()))
        .replication(Replication::write_once())
        .endpoint_layer(move |profile| FaultLayer::new(faults.clone(), profile.clone()))
        .on_call_end(drill.watch())
        .on_event_record(journal.listener())
        .build()
        .unwrap();
    // when callers feel it,
    let start = Instant::now();
    drill.start(start);
    journal.start(start).unwrap();
    let mut calls = Calls::new();
    for n in 0..40 {
        let began = Instant::now();
        let result = client.put(format!("{n}"), "{}").await;
        calls.add(
            evenkeel::request::OpClass::Write,
            journal.millis(began),
            began.elapsed(),
            result.is_ok(),
        );
        tokio::time::sleep(SECOND / 2).await;
    }
    assert!(matches!(drill.ended(), Some(Ended::BelowFloor { .. })));
    // then the report says so, with what was not reached,
    let report = journal.finish(Measured::new(calls.figures("it succeeded"))).report;
    assert!(
        report
            .end
            .aborted
            .as_deref()
            .unwrap()
            .contains("succeeded, and 95.0 % must"),
        "{:?}",
        report.end
    );
    assert!(report.end.at_ms < 40_000);
    assert!(report.not_tested().any(|gap| gap.what == "phase never"));
    // and a criterion that was missed until then is missed.
    assert_eq!(report.verdict, Verdict::Failed);
    let page = report.html(None);
    assert!(
        page.contains("The drill was aborted") && page.contains("It was aborted"),
        "{page}"
    );
    // Without one the drill counts as aborted.
    let milder = Journal::begin(plan(scenario("s"), Criteria::new().lost_writes(0))).unwrap();
    milder.start(Instant::now()).unwrap();
    milder.end(Some(&Ended::Stopped));
    let report = milder.finish(Measured::new(figures(0, 0))).report;
    assert_eq!(
        (report.verdict, report.end.aborted.as_deref()),
        (Verdict::Aborted, Some("somebody stopped the drill"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_ends_early_without_a_reason_or_never_starts_is_aborted() {
    let journal = Journal::begin(plan(scenario("s"), demanding())).unwrap();
    let report = journal.finish(Measured::new(figures(0, 0))).report;
    assert_eq!(
        (report.verdict, report.end.aborted.as_deref()),
        (Verdict::Aborted, Some("the drill never started"))
    );
    journal.start(Instant::now()).unwrap();
    tokio::time::sleep(SECOND).await;
    let report = journal.finish(Measured::new(figures(0, 0))).report;
    assert_eq!((report.verdict, report.end.at_ms), (Verdict::Aborted, 1_000));
}

#[tokio::test(start_paused = true)]
async fn a_drill_cannot_start_before_its_criteria_are_recorded() {
    let before = Instant::now();
    tokio::time::sleep(SECOND).await;
    let journal = Journal::begin(plan(scenario("s"), demanding())).unwrap();
    assert_eq!(journal.start(before), Err(StartedTooEarly));
    journal.start(Instant::now() + 5 * SECOND).unwrap();
    let bundle = journal.finish(Measured::new(figures(0, 0)));
    assert_eq!(
        (bundle.report.planned_at_ms, bundle.records()[0].kind.as_str()),
        (-5_000, "drill-planned")
    );
    assert!(Journal::begin(plan(scenario("s"), Criteria::new().availability(f64::NAN))).is_err());
    let mut nothing = scenario("s");
    nothing.phases.clear();
    assert!(Journal::begin(plan(nothing, demanding())).is_err());
}

#[tokio::test(start_paused = true)]
async fn the_timeline_has_what_the_client_decided() {
    // Given two stores, of which the first refuses for 40 s,
    let one = scenario("s");
    let drill = Timeline::new(one.clone(), 7).unwrap();
    let journal = Journal::begin(plan(one, demanding())).unwrap();
    let faults = drill.clone();
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoint(Endpoint::new("virginia", Memory::new()))
        .endpoint(Endpoint::new("ireland", Memory::new()))
        .replication(Replication::write_once())
        .endpoint_layer(move |profile| FaultLayer::new(faults.clone(), profile.clone()))
        .on_event_record(journal.listener())
        .seed(3)
        .build()
        .unwrap();
    let start = Instant::now();
    drill.start(start);
    journal.start(start).unwrap();
    let mut calls = Calls::new();
    // when there is load for three minutes,
    for n in 0..900 {
        let began = Instant::now();
        let result = client.put(format!("{n}"), "{}").await;
        calls.add(
            evenkeel::request::OpClass::Write,
            journal.millis(began),
            began.elapsed(),
            result.is_ok(),
        );
        tokio::time::sleep(SECOND / 5).await;
    }
    journal.end(None);
    let bundle = journal.finish(Measured::new(calls.figures("it succeeded")));
    // then it was left soon, and its return is told,
    let report = &bundle.report;
    let steps = report.timeline.iter().filter_map(|seen| match seen {
        Seen::Step { step, .. } => Some(*step),
        _ => None,
    });
    let steps: Vec<_> = steps.collect();
    assert_eq!(steps[..2], [Step::Onset, Step::Left], "{:?}", report.timeline);
    assert!(steps.contains(&Step::ReturnBegun), "{steps:?}");
    assert!(report.timeline.is_sorted_by_key(Seen::at_ms));
    let writes = &report.client.classes[0];
    assert!(writes.left_ms.unwrap() < 5_000, "{writes:?}");
    assert!(writes.returned_ms.is_some(), "{writes:?}");
    // and each record has its place, without a wall clock.
    assert!(bundle.records().iter().any(|record| record.kind == "breaker-opened"));
    let text = bundle.jsonl() + &serde_json::to_string(report).unwrap();
    assert!(!text.contains("wall") && !text.contains("instance"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn hostile_names_mean_nothing_and_stay_whole_in_the_data() {
    let hostile = "<script>alert('x')</script>\n\"><img src=x onerror=y>\u{202e}\u{0}& ]]> --><style>*{}</style>";
    let long = "ä<b>".repeat(10_000 / 5);
    for name in [hostile, long.as_str()] {
        let mut bad = scenario(name);
        bad.description = name.to_owned();
        bad.phases.insert(0, phase(name, vec![refusing(name)]));
        let mut planned = plan(bad, demanding());
        planned.scope.what = name.to_owned();
        planned.configuration = planned.configuration.line(name, name);
        let mut measured = Measured::new(figures(0, 0));
        measured.client.available_means = name.to_owned();
        measured.gaps.push(Gap::not_tested(name, name));
        measured.breaches = Some(Breaches::new(name, name).endpoint(name, true, 0));
        let bundle = played(planned, measured).await;
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("report");
        let attestation = bundle.write_signed(&place, Some(name), &super::key()).unwrap();
        let page = bundle.report.html(Some(&attestation));
        for tag in ["<script", "<img", "<b>", "<style>*", "\u{202e}", "\u{0}"] {
            assert!(!page.contains(tag), "{tag}");
        }
        assert!(page.len() < 200_000, "{}", page.len());
        let verified = evenkeel::drill::report::verify(&place, &super::public()).unwrap();
        assert_eq!(verified.checked.attestation.approved_by.as_deref(), Some(name));
        assert_eq!(verified.checked.report.plan.scenario.name, name);
        assert_eq!(bundle.jsonl().lines().count(), bundle.records().len());
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_answers_what_an_auditor_asks() {
    let before = played(
        plan(scenario("the one before"), demanding()),
        Measured::new(figures(0, 1)),
    )
    .await
    .report;
    let planned = plan(scenario("s").compressed(30 * SECOND), demanding().breaches(0)).true_length(60 * SECOND);
    let mut measured = Measured::new(figures(2, 0));
    measured.breaches = Some(Breaches::new("only in the EU", "a proxy").endpoint("virginia", true, 0));
    let bundle = played(planned.previous(Previous::of(&before)), measured).await;
    let dir = tempfile::tempdir().unwrap();
    let attestation = bundle
        .write_signed(&dir.path().join("r"), Some("Anna Jansen"), &super::key())
        .unwrap();
    let page = bundle.report.html(Some(&attestation));
    let answers = [
        ("what was promised", "at least 99 %"),
        ("when", "The criteria are the first record of this drill"),
        ("what was tried", "connections are refused, open ones reset"),
        ("on what it rests", "our choice"),
        ("what happened", "Timeline"),
        ("what callers got", "Not available"),
        ("what was lost", "Acknowledged writes"),
        ("where data went", "Requests at forbidden places: <strong>0</strong>"),
        ("who says so", "Anna Jansen"),
        ("with which key", &super::public().to_string()),
        ("what was different", "played 2 times as fast"),
        ("what was left out", "No call of this class was made."),
        ("beside it", "The plain client beside it:</strong> not measured"),
        ("the one before", "the one before with seed 7: <strong>failed</strong>"),
        ("how to verify", "openssl pkeyutl -verify"),
    ];
    for (question, answer) in answers {
        assert!(page.contains(answer), "{question}: {answer}\n{page}");
    }
    // Nothing from outside.
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
}
