//! The replay example's own core, in paused time.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

#[path = "../src/main.rs"]
#[allow(dead_code, unused_imports)]
mod example;

use evenkeel::drill::{
    Scenario,
    report::{self, Outcome, Verdict},
};
#[cfg(feature = "dynamodb")]
use example::real;
use example::{figures, flags, outcome, picture, proof, simulated, streams};
use serde_json::Value;

fn parse(line: &str) -> Result<flags::Command, String> {
    flags::parse(line.split_whitespace().map(str::to_owned))
}

fn replay(line: &str) -> flags::Flags {
    match parse(line) {
        Ok(flags::Command::Replay(flags)) => *flags,
        _ => panic!("good flags were refused: {line}"),
    }
}

fn complaint(line: &str) -> String {
    parse(line).err().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_replay_survives_an_incident_and_prints_json_figures() {
    // Given the CDN's outage of 2021, in ten minutes,
    let flags = replay("--simulate --scenario fastly-2021 --seconds 600 --rate 20 --seed 3");
    // when both go through it,
    let outcome = simulated::play(&flags).await.unwrap();
    let figures = figures::of(&outcome);
    // then evenkeel did not notice, and the plain client did,
    let json: Value = serde_json::from_str(&serde_json::to_string(&figures).unwrap()).unwrap();
    assert!(json["availability"].as_f64().unwrap() >= 0.999, "{json}");
    assert!(json["baseline"]["availability"].as_f64().unwrap() < 0.95, "{json}");
    assert_eq!(
        (&json["lost_writes"], &json["baseline"]["leave_s"]),
        (&0.into(), &Value::Null)
    );
    assert!(json["acked_writes"].as_u64().unwrap() > 100);
    assert!(json["leave_s"].is_number(), "{json}");
    for name in "scenario seconds calls ok_under_100ms p50_ms p99_ms p999_ms attempts_per_call return_s".split(' ') {
        assert!(json.get(name).is_some(), "{name} is missing");
    }
    // and the picture has its panels and its phases.
    let svg = picture::draw(&outcome, &figures);
    for text in [
        "fastly-2021",
        "Availability",
        "Latency",
        "onset",
        "STACKIT eu01",
        "</svg>",
    ] {
        assert!(svg.contains(text), "{text} is missing");
    }
}

/// A drill of the CDN's outage in ten minutes, and the directory of its report.
async fn drilled(place: &std::path::Path, seed: u64) -> figures::ReportFigures {
    let place = place.display();
    let flags = replay(&format!(
        "--simulate --scenario fastly-2021 --seconds 600 --rate 20 --seed {seed} --report {place} --approved-by anna"
    ));
    let outcome = simulated::play(&flags).await.unwrap();
    let figures = figures::of(&outcome);
    proof::publish(flags.report.as_ref().unwrap(), &outcome, &figures)
        .unwrap()
        .0
}

#[tokio::test(start_paused = true)]
async fn a_replay_writes_a_report_that_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("report");
    let figures = drilled(&place, 3).await;
    assert_eq!((figures.criteria, figures.passed, figures.verified), (5, 5, true));
    assert_eq!(figures.page_bytes.is_some(), cfg!(feature = "status"));
    assert!(
        figures.page_bytes.is_none_or(|bytes| (1_000..60_000).contains(&bytes)),
        "{figures:?}"
    );
    let json = serde_json::to_value(&figures).unwrap();
    for name in ["criteria", "passed", "verified", "page_bytes"] {
        assert!(json.get(name).is_some(), "{name} is missing");
    }
    let report = report::check(&place).unwrap().report;
    assert_eq!(report.verdict, Verdict::Passed);
    assert!(report.judgements.iter().all(|one| one.outcome == Outcome::Met));
    assert!(
        report
            .plain
            .as_ref()
            .unwrap()
            .classes
            .iter()
            .any(|class| class.availability().unwrap() < 0.95)
    );
    let breaches = report.breaches.as_ref().unwrap();
    assert_eq!((breaches.count(), breaches.is_tested()), (0, true));
    assert!(
        breaches.passed.iter().any(|passed| passed.requests > 1_000),
        "{breaches:?}"
    );
    assert!(report.client.traffic_left_ms.is_some() && report.planned_at_ms < 0);
    // A second report does not take its place.
    let again = flags::parse(
        format!("--simulate --report {}", place.display())
            .split(' ')
            .map(str::to_owned),
    );
    assert!(again.is_ok() && report::is_free(&place).is_err());
}

/// The same build, platform and seed give the same bytes; another seed does not.
#[tokio::test(start_paused = true)]
async fn two_reports_of_one_seed_have_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let [one, same, other] = ["one", "same", "other"].map(|name| dir.path().join(name));
    drilled(&one, 3).await;
    drilled(&same, 3).await;
    drilled(&other, 4).await;
    for file in ["report.json", "records.jsonl", "report.html"] {
        let [one, same, other] = [&one, &same, &other].map(|place| std::fs::read_to_string(place.join(file)).unwrap());
        let first = one.lines().zip(same.lines()).find(|(one, same)| one != same);
        assert!(one == same, "{file} differs: {first:#?}");
        assert_ne!(one, other, "{file}");
    }
}

/// A fault of its own on the first place, as one minute of trouble.
fn trouble(fault: &str) -> Scenario {
    let json = format!(
        r#"{{ "name": "trouble", "phases": [{{ "name": "dark", "duration": "60s", "rules": [
            {{ "target": {{ "region": "us-east-1" }}, "fault": "{fault}" }}
        ] }}] }}"#
    );
    Scenario::from_json(&json).unwrap()
}

/// Streams are always in mid-body: five a second, each of which takes most of one.
async fn streamed(fault: &str) -> (outcome::Outcome, figures::Figures) {
    let mut flags = replay("--simulate --stream --rate 50 --seed 4");
    flags.scenario = trouble(fault);
    let outcome = simulated::play(&flags).await.unwrap();
    let figures = figures::of(&outcome);
    (outcome, figures)
}

#[tokio::test(start_paused = true)]
async fn streams_go_on_at_the_same_byte_when_the_place_falls_silent_in_mid_body() {
    // Given streams in mid-body, when their place falls silent,
    let (outcome, figures) = streamed("hang").await;
    let (mine, theirs) = (figures.evenkeel.streams.unwrap(), figures.baseline.streams.unwrap());
    // then evenkeel's go on elsewhere within the two seconds, and fetch again no more than what was under way,
    assert!(mine.streams > 300, "{mine:?}");
    assert_eq!((mine.availability, mine.completed), (Some(1.0), Some(1.0)), "{mine:?}");
    assert!(mine.resumes > 0 && mine.restarts == 0, "{mine:?}");
    assert!(mine.longest_pause_ms <= 2000.0, "{mine:?}");
    let struck = outcome.streams.unwrap().evenkeel.samples;
    let struck = struck.iter().filter(|stream| stream.resumes > 0).count() as u64;
    assert!(mine.bytes_fetched_twice > 0, "{mine:?}");
    assert!(
        mine.bytes_fetched_twice < (struck + 10) * streams::SIZE as u64,
        "{mine:?}"
    );
    // and the plain client's neither end in time nor anywhere else.
    assert!(theirs.availability.unwrap() < 0.6, "{theirs:?}");
    assert!(theirs.longest_pause_ms > 5000.0 && theirs.resumes == 0, "{theirs:?}");
}

#[tokio::test(start_paused = true)]
async fn the_plain_client_begins_again_at_the_first_byte() {
    // Given streams in mid-body, when their connections are reset,
    let (_, figures) = streamed("refuse").await;
    let (mine, theirs) = (figures.evenkeel.streams.unwrap(), figures.baseline.streams.unwrap());
    // then evenkeel's go on,
    assert_eq!(mine.completed, Some(1.0), "{mine:?}");
    assert!(mine.resumes > 0, "{mine:?}");
    // and whoever reads a plain body begins again, and does not get far.
    assert!(theirs.restarts > 0 && theirs.completed.unwrap() < 0.7, "{theirs:?}");
}

#[tokio::test(start_paused = true)]
async fn with_streams_both_lines_are_in_the_picture_and_the_figures() {
    let flags = replay("--simulate --stream --scenario fastly-2021 --seconds 120 --rate 20 --seed 3");
    let outcome = simulated::play(&flags).await.unwrap();
    let figures = figures::of(&outcome);
    let json: Value = serde_json::from_str(&serde_json::to_string(&figures).unwrap()).unwrap();
    for half in [&json["streams"], &json["baseline"]["streams"]] {
        for name in
            "streams availability completed first_byte_p99_ms longest_pause_ms resumes restarts bytes_fetched_twice"
                .split(' ')
        {
            assert!(half[name].is_number(), "{name} is missing in {half}");
        }
    }
    let svg = picture::draw(&outcome, &figures);
    let panels = [
        "Availability: calls",
        "Availability: streams of 8 MiB",
        "Latency",
        "Where evenkeel",
    ];
    let at = panels.map(|panel| svg.find(panel).unwrap_or_else(|| panic!("{panel} is missing")));
    assert!(at.is_sorted());
    for colour in ["#0b7a75", "#d1495b"] {
        let line = format!("stroke=\"{colour}\"");
        assert!(svg[at[1]..at[2]].contains(&line), "{colour} has no line for streams");
    }
    // Without the flag there are neither.
    let outcome = outcome::Outcome {
        streams: None,
        ..outcome
    };
    let figures = figures::of(&outcome);
    assert!(figures.evenkeel.streams.is_none());
    assert!(!picture::draw(&outcome, &figures).contains("streams"));
}

/// Each in one minute.
#[tokio::test(start_paused = true)]
async fn every_built_in_scenario_is_played_with_streams() {
    for scenario in Scenario::builtins() {
        let name = scenario.name.clone();
        let flags = replay(&format!(
            "--simulate --stream --scenario {name} --seconds 60 --rate 10 --seed 2"
        ));
        let outcome = simulated::play(&flags).await.unwrap();
        let figures = figures::of(&outcome);
        let (mine, theirs) = (figures.evenkeel.streams.unwrap(), figures.baseline.streams.unwrap());
        assert!(mine.streams > 60, "{name}: {mine:?}");
        assert!(mine.completed.unwrap() >= 0.995, "{name}: {mine:?}");
        assert!(mine.availability.unwrap() >= 0.99, "{name}: {mine:?}");
        assert!(mine.availability >= theirs.availability, "{name}: {mine:?} {theirs:?}");
    }
}

/// Buckets and tables on sockets, under one health model. How fast is another question: machines are busy.
#[cfg(feature = "dynamodb")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_and_tables_are_replayed_together() {
    let flags = replay("--kv --seconds 6 --rate 40");
    let outcome = real::play(&flags).await.unwrap();
    for rows in [false, true] {
        let samples = || outcome.evenkeel.samples.iter().filter(|sample| sample.row == rows);
        assert!(samples().any(|sample| sample.stored.is_some()), "rows: {rows}");
        let moved = samples().filter(|sample| sample.failure.is_none() && sample.touched & 0b110 != 0);
        assert!(moved.count() > 0, "rows: {rows}: nothing was served elsewhere");
    }
    assert_eq!((outcome.evenkeel.lost, outcome.baseline.lost), (vec![], vec![]));
}

#[test]
fn invalid_flags_are_explained_in_one_sentence() {
    assert_eq!(
        complaint("--speed 3"),
        "\"--speed\" is no flag of the replay; --help lists them."
    );
    assert_eq!(
        complaint("--kv --simulate"),
        "--kv is played on sockets only: leave --simulate out."
    );
    assert_eq!(
        complaint("--stream"),
        "--stream is played in paused time only: give --simulate, too."
    );
    assert_eq!(
        complaint("--key drill.pem"),
        "--criteria, --approved-by, --key and --previous are about a report: give --report DIR, too."
    );
    let nonsense = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(nonsense.path(), r#"{ "availability": 7 }"#).unwrap();
    let file = nonsense.path().display();
    assert_eq!(
        complaint(&format!("--report x --criteria {file}")),
        format!("{file} has no criteria: an availability of 7 is not above 0 and up to 1.")
    );
    assert!(complaint(&format!("--report x --key {file}")).contains("this is no Ed25519 private key"));
    assert!(complaint("--report x --previous /no/such").ends_with("there is no manifest.json."));
    assert_eq!(complaint("--seconds"), "--seconds needs a number after it.");
    assert_eq!(
        complaint("--rate=-1"),
        "--rate needs a number from 0.1 to 10000, and \"-1\" is none."
    );
    assert_eq!(
        complaint("--scenario tomorrow"),
        "There is no built-in scenario \"tomorrow\"; --list shows them."
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let elsewhere = r#"{ "name": "elsewhere", "phases": [{ "name": "dark", "duration": "9s", "rules": [
        { "target": { "region": "mars-1" }, "fault": "hang" }
    ] }] }"#;
    std::fs::write(file.path(), elsewhere).unwrap();
    assert_eq!(
        complaint(&format!("--scenario-file {}", file.path().display())),
        "It cannot be replayed: rule 1 of phase \"dark\" of the scenario \"elsewhere\" strikes none of the places of the replay: \
         aws-us-east-1, aws-eu-west-1, stackit-eu01. A target with provider and region takes the first one's place."
    );
    assert!(complaint("--scenario-file /no/such.json").starts_with("/no/such.json: the file cannot be read: "));
}

/// Once a defect: an attempt's limit of 8 × the p99 followed writes that were 2 s late up to 16 s, beyond the deadline of
/// the whole call. A hang was then not cut off, and nobody else was asked.
#[tokio::test(start_paused = true)]
async fn writes_leave_a_late_and_sometimes_silent_endpoint() {
    let mut flags = replay("--simulate --rate 200 --seconds 30 --seed 6");
    flags.scenario = Scenario::from_json(
        r#"{ "name": "late", "phases": [{ "name": "congestion", "duration": "30s", "rules": [
            { "target": { "region": "us-east-1" }, "classes": ["write"], "fault": "hang", "probability": 0.1 },
            { "target": { "region": "us-east-1" }, "classes": ["write"], "fault": { "delay": { "by": "2s" } }, "probability": 0.5 }
        ] }] }"#,
    )
    .unwrap();
    let outcome = simulated::play(&flags).await.unwrap();
    let failures: Vec<_> = outcome
        .evenkeel
        .samples
        .iter()
        .filter_map(|sample| sample.failure.as_ref())
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
    let availability = figures::of(&outcome).evenkeel.availability.unwrap();
    assert!(availability >= 0.999, "{availability}");
}
