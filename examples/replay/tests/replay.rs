//! The replay example's own core, in paused time.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

#[path = "../src/main.rs"]
#[allow(dead_code, unused_imports)]
mod example;

use evenkeel::drill::Scenario;
#[cfg(feature = "dynamodb")]
use example::real;
use example::{figures, flags, picture, simulated};
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
