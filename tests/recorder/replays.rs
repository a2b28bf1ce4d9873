//! Reports of replays: every built-in incident at its true length, in paused time.

use crate::schema;
use crate::support::SOON;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    drill::{FaultLayer, Scenario, Timeline},
    ops::{
        incident::{Affected, Incident, IncidentReport, Standing, Step, Subject, incident_report},
        recorder::{FlightRecorder, Recording},
    },
    provider::Memory,
};
use std::{
    path::Path,
    time::{Duration, UNIX_EPOCH},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// When the replays begin, by their wall clock: 2025-10-20 06:48:00 UTC.
const BEGIN: Duration = Duration::from_secs(1_760_942_880);
/// Health before, so that something was learnt, and after, so that a return can be complete.
const BEFORE: Duration = Duration::from_secs(10 * 60);
const AFTER: Duration = Duration::from_secs(20 * 60);

/// What was recorded, and when it struck.
pub(crate) struct Played {
    pub(crate) recorder: FlightRecorder,
    pub(crate) client: ObjectClient,
    length: Duration,
}

/// Plays a scenario with calls at this rate: half are puts, half are gets.
pub(crate) async fn play(scenario: Scenario, rate: f64, recorder: FlightRecorder) -> Played {
    let start = Instant::now();
    let length = scenario.duration();
    let struck = scenario.struck().cloned();
    let struck = struck.filter(|at| at.provider.as_deref() != Some("elsewhere"));
    let place = |of: fn(&evenkeel::drill::Target) -> Option<&str>, other: &'static str| {
        struck.as_ref().and_then(of).unwrap_or(other).to_owned()
    };
    let timeline = Timeline::new(scenario.clone(), 7).unwrap();
    timeline.start(start + BEFORE);
    let times = Duration::from_millis(5)..Duration::from_millis(25);
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("home", Memory::new().with_latency(times.clone(), 7))
                .provider(place(|at| at.provider.as_deref(), "aws"))
                .region(place(|at| at.region.as_deref(), "us-east-1")),
        )
        .endpoint(
            Endpoint::new("stackit", Memory::new().with_latency(times, 8))
                .provider("stackit")
                .region("eu01"),
        )
        .replication(Replication::write_once())
        .endpoint_layer(move |profile| FaultLayer::new(timeline.clone(), profile.clone()))
        .wall_clock(move || UNIX_EPOCH + BEGIN + start.elapsed())
        .on_event_record(recorder.listener())
        .seed(7)
        .build()
        .unwrap();
    tokio::spawn(recorder.watch(client.view()));
    let mut rng = fastrand::Rng::with_seed(7);
    let mut calls = JoinSet::new();
    let mut n = 0_u64;
    while start.elapsed() < BEFORE + length + AFTER {
        sleep(Duration::from_secs_f64(2.0 * rng.f64() / rate)).await;
        n += 1;
        let (client, is_put, old) = (client.clone(), n < 10 || rng.bool(), rng.u64(..n));
        calls.spawn(async move {
            match is_put {
                true => drop(client.put(format!("k/{n}"), "v").await),
                false => drop(client.get(format!("k/{old}")).await),
            }
        });
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
    Played {
        recorder,
        client,
        length,
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(future)
}

/// Errors for two minutes, health for four, and again.
const FLAPPING: &str = r#"{ "name": "flapping", "phases": [
    { "name": "first", "duration": "2m", "rules": [ { "fault": "refuse", "target": { "provider": "aws", "region": "us-east-1" } } ] },
    { "name": "well", "duration": "4m" },
    { "name": "second", "duration": "2m", "rules": [ { "fault": "refuse", "target": { "provider": "aws", "region": "us-east-1" } } ] },
    { "name": "well again", "duration": "4m" },
    { "name": "third", "duration": "2m", "rules": [ { "fault": "refuse", "target": { "provider": "aws", "region": "us-east-1" } } ] }
] }"#;

/// Records an endpoint that comes and goes.
pub(crate) fn flapping(path: &Path) -> FlightRecorder {
    let recorder = FlightRecorder::builder().file(path).start().unwrap();
    let played = run(play(Scenario::from_json(FLAPPING).unwrap(), 2.0, recorder));
    played.recorder.flush(SOON).unwrap();
    played.recorder
}

/// The steps of an endpoint and class.
fn steps(one: &Affected) -> Vec<Step> {
    one.steps.iter().map(|seen| seen.step).collect()
}

fn of_class<'a>(incident: &'a Incident, class: &str) -> Option<&'a Affected> {
    incident
        .affected
        .iter()
        .find(|one| matches!(&one.subject, Subject::Endpoint { class: of, .. } if of == class))
}

#[test]
fn a_healthy_hour_has_nothing_to_see() {
    // Half an hour, beside which there are ten minutes before and twenty after; what is down is nobody's.
    let elsewhere = r#"{ "name": "elsewhere", "phases": [ { "name": "all of it", "duration": "30m", "rules": [
        { "fault": "refuse", "target": { "provider": "elsewhere" } } ] } ] }"#;
    let played = run(play(
        Scenario::from_json(elsewhere).unwrap(),
        1.0,
        FlightRecorder::in_memory(),
    ));
    let report = incident_report(&played.recorder.recording());
    assert_eq!((&*report.incidents, report.has_readings), (&[][..], true), "{report}");
    let text = report.to_string();
    assert!(text.contains("**Nothing to see:** no endpoint was left."), "{text}");
}

#[test]
fn an_endpoint_that_comes_and_goes_relapses() {
    let folder = tempfile::tempdir().unwrap();
    let path = crate::support::file(&folder);
    let recorder = flapping(&path);
    let report = incident_report(&Recording::read(&path).unwrap());
    assert_eq!(
        report,
        incident_report(&recorder.recording()),
        "the file says what memory says"
    );
    schema::validate(
        &schema::schema("incident.schema.json"),
        &serde_json::to_value(&report).unwrap(),
    );
    assert_eq!(report.incidents.len(), 1, "{report}");
    let writes = of_class(&report.incidents[0], "write").unwrap();
    let relapses = steps(writes).iter().filter(|step| **step == Step::Relapse).count();
    assert_eq!((relapses, writes.now), (2, Standing::Whole), "{report}");
}

/// What a replay's report must say, whatever the incident was.
fn check(name: &str, played: &Played, words: &[&str]) {
    let file = serde_json::to_string;
    let begun = std::time::Instant::now();
    let report = incident_report(&played.recorder.recording());
    let (text, json) = (report.to_string(), file(&report).unwrap());
    schema::validate(
        &schema::schema("incident.schema.json"),
        &serde_json::from_str(&json).unwrap(),
    );
    let took = begun.elapsed();
    if std::env::var_os("EVENKEEL_VERBOSE").is_some() {
        eprintln!("{name}: {took:?}, {:?}\n{text}", played.recorder.stats());
    }
    assert!(
        took < Duration::from_secs(2),
        "{name}: {took:?} for {} events",
        report.events
    );
    assert_eq!(serde_json::from_str::<IncidentReport>(&json).unwrap(), report, "{name}");
    assert!(report.gaps.is_empty(), "{name}: {:?}", report.gaps);

    assert!(!report.incidents.is_empty(), "{name} left no trace");
    let strikes = (BEGIN + BEFORE).as_millis() as u64;
    let first = &report.incidents[0];
    let began = first.began.wall_ms;
    assert!(
        (strikes..strikes + 30 * 60_000).contains(&began),
        "{name} began {began}, {strikes}\n{text}"
    );
    let mut observed = Vec::new();
    for incident in &report.incidents {
        assert!(incident.ended.is_some(), "{name}: all was well in the end\n{text}");
        let last = strikes + (played.length + AFTER).as_millis() as u64;
        assert!(incident.began.wall_ms <= last);
        for one in &incident.affected {
            assert_eq!(one.subject.client(), Some("photos"), "{name}\n{text}");
            if let Some(endpoint) = one.subject.endpoint() {
                assert_eq!(endpoint, "home", "{name}: the other one was well\n{text}");
            }
            check_order(name, one, &text);
            observed.extend(one.causes.iter().filter_map(|cause| cause.observed.clone()));
        }
        assert!(
            !incident.decisions.listed.is_empty() && incident.decisions.more == 0,
            "{name}"
        );
        let served = incident
            .attempts
            .iter()
            .any(|one| one.endpoint == "stackit" && one.ended.contains_key("success"));
        assert!(served, "{name}: who served instead?\n{text}");
    }
    for word in words {
        assert!(
            observed.iter().any(|seen| seen.contains(word)),
            "{name}: {word} in {observed:?}"
        );
    }
}

/// Onset, left, return begun, and then complete or a relapse.
fn check_order(name: &str, one: &Affected, text: &str) {
    let times: Vec<_> = one.steps.iter().map(|seen| seen.at.uptime_ms).collect();
    assert!(times.is_sorted(), "{name}: {:?}\n{text}", one.steps);
    for seen in &one.steps {
        let before = seen.not_before.map_or(0, |before| before.uptime_ms);
        assert!(before <= seen.at.uptime_ms && !seen.seen_by.is_empty(), "{name}");
    }
    let steps = steps(one);
    assert_eq!(steps[0], Step::Onset, "{name}\n{text}");
    for pair in steps.windows(2) {
        let follows = match pair[0] {
            Step::Onset => pair[1] == Step::Left,
            Step::Left | Step::Relapse => pair[1] == Step::ReturnBegun,
            Step::ReturnBegun => matches!(pair[1], Step::Complete | Step::Relapse),
            Step::Complete => pair[1] == Step::Relapse,
            _ => false,
        };
        assert!(follows, "{name}: {steps:?}\n{text}");
    }
    if steps.len() > 1 {
        assert_eq!(
            (steps.last(), one.now),
            (Some(&Step::Complete), Standing::Whole),
            "{name}: {steps:?}\n{text}"
        );
    }
}

fn at_true_length(name: &str, words: &[&str]) {
    let scenario = Scenario::builtin(name).unwrap();
    let rate = (20_000.0 / scenario.duration().as_secs_f64()).min(1.0);
    let played = run(play(scenario, rate, FlightRecorder::in_memory()));
    drop(played.client.snapshot());
    check(name, &played, words);
}

/// The store answers that it never had what it has lost. Nobody can tell that from its answers.
const UNSEEN: &str = "gcve-deletion-2024";

#[test]
fn a_store_that_denies_what_it_held_leaves_no_trace() {
    let scenario = Scenario::builtin(UNSEEN).unwrap();
    let played = run(play(scenario, 0.1, FlightRecorder::in_memory()));
    let report = incident_report(&played.recorder.recording());
    assert_eq!(&*report.incidents, &[][..], "{report}");
    assert!(
        report
            .to_string()
            .contains("Wrong answers that look right cannot be seen here.")
    );
}

macro_rules! incidents {
    ($($test:ident: $name:literal, $words:expr;)*) => {
        $(#[test]
        fn $test() {
            at_true_length($name, &$words);
        })*

        #[test]
        fn every_builtin_incident_is_reported() {
            let mut reported = vec![UNSEEN.to_owned(), $($name.to_owned()),*];
            let mut builtin: Vec<_> = Scenario::builtins().map(|scenario| scenario.name).collect();
            reported.sort_unstable();
            builtin.sort_unstable();
            assert_eq!(reported, builtin);
        }
    };
}

incidents! {
    s3_2017: "aws-s3-2017", ["no answer within the time limit", "faulty (InternalError)"];
    kinesis_2020: "aws-kinesis-2020", ["denied (ExpiredToken)", "faulty (InternalError)"];
    fastly_2021: "fastly-2021", ["faulty"];
    network_2021: "aws-network-2021", ["no answer within the time limit", "denied (ExpiredToken)"];
    dynamodb_2025: "aws-dynamodb-2025", ["unreachable", "denied (ExpiredToken)", "faulty"];
    frontdoor_2025: "azure-frontdoor-2025", ["no answer within the time limit", "unreachable"];
    storage_2018: "azure-storage-2018", ["no answer within the time limit"];
    ad_2021: "azure-ad-2021", ["denied (ExpiredToken)"];
    gcp_auth_2020: "gcp-auth-2020", ["faulty"];
    service_control_2025: "gcp-servicecontrol-2025", ["faulty"];
    alibaba_2023: "alibaba-auth-2023", ["denied (InvalidAccessKeyId)"];
    ovh_2021: "ovh-fire-2021", ["unreachable"];
}
