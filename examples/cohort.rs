//! A drill in production for one tenant in twenty: who goes where, what was lost, and what stays behind.
//!
//! ```text
//! cargo run --example cohort --features drill             # shows what happened
//! cargo run --example cohort --features drill -- drill-1  # and writes the report to this directory
//! ```
//!
//! The stores are in memory and time is virtual, so that eight minutes take a second. With stores of yours the calls are
//! the same.

#![allow(clippy::disallowed_methods)] // the rule about the clock is for the library

use evenkeel::{
    Endpoint, ObjectClient, Replication,
    drill::{
        Guard, Scenario,
        cohort::{Canary, Cohort, GameDay, Split},
        report::Criteria,
    },
    provider::Memory,
};
use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Five minutes in which Virginia never answers. Any built-in incident will do as well: `Scenario::builtin(..)`.
const DARK: &str = r#"{
    "name": "virginia is dark",
    "description": "Everything here is our choice.",
    "phases": [{ "name": "dark", "duration": "5m", "rules": [
        { "target": { "provider": "aws", "region": "us-east-1" }, "fault": "hang" }
    ] }]
}"#;

const TENANTS: usize = 200;
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let events = Arc::new(Mutex::new(Vec::new()));
    let hear = events.clone();
    let latency = Duration::from_millis(5)..Duration::from_millis(20);
    let store = |seed| Memory::new().with_latency(latency.clone(), seed);
    // The builder of every day; `Split` makes production's client of it now, and the cohort's when there is a drill.
    let photos = Split::build(
        ObjectClient::builder()
            .client_name("photos")
            .endpoint(Endpoint::new("virginia", store(1)).provider("aws").region("us-east-1"))
            .endpoint(Endpoint::new("ireland", store(2)).provider("aws").region("eu-west-1"))
            .replication(Replication::write_once())
            .on_event_record(move |record| {
                let at = record.at - start;
                let client = record.client.as_deref().unwrap_or("credentials");
                let line = format!("{:>4} s  {client}: {}", at.as_secs(), record.event);
                hear.lock().expect("no listener panics").push(line);
            }),
    )?;

    let cohort = Cohort::new(0.05, 2026)?;
    let criteria = Criteria::new().availability(0.99).lost_writes(0);
    println!("criteria recorded before the start: {}\n", criteria.digest());
    let day = GameDay::new(Scenario::from_json(DARK)?, cohort, Guard::lasting(15 * MINUTE)).criteria(criteria);

    let drill = photos.drill(&day); // elsewhere: photos.stop_drill()
    let (findings, table) = futures_util::join!(drill, traffic(&photos, cohort));
    let findings = findings?;

    println!("minute  production at virginia, ireland   cohort at virginia, ireland");
    for (minute, counts) in table {
        let of = |who, place| counts.get(&(who, place)).copied().unwrap_or_default();
        let of = |who| (of(who, "virginia"), of(who, "ireland"));
        let ((virginia, ireland), (cohorts_virginia, cohorts_ireland)) = (of("production"), of("cohort"));
        println!("{minute:>6} {virginia:>23}, {ireland:>7} {cohorts_virginia:>20}, {cohorts_ireland:>7}");
    }
    println!("\nwhat the clients reported:");
    for line in &*events.lock().expect("no listener panics") {
        println!("{line}");
    }

    let report = &findings.bundle.report;
    let ended = findings
        .ended
        .map_or_else(|| "its scenario was over".to_owned(), |why| why.to_string());
    println!("\nthe drill ended because {ended}; verdict: {:?}", report.verdict);
    println!("production reported {} events meanwhile", findings.production.len());
    for class in &report.client.classes {
        let (calls, served) = (class.calls, class.available);
        println!(
            "cohort's {}s: {served} of {calls} served, left after {:?}",
            class.class,
            class.left_ms.map(Duration::from_millis).unwrap_or_default()
        );
    }
    if let Some(canary) = findings.canary {
        let (read_back, lost, stale) = (canary.read_back, canary.lost, canary.stale);
        println!(
            "canaries: {read_back} read back, {lost} lost, {stale} stale, left at {} endpoints",
            canary.left.len()
        );
    }
    println!("\nnot tested or not measured:");
    for gap in &report.gaps {
        println!("- {}: {}", gap.what, gap.why);
    }
    if let Some(directory) = std::env::args_os().nth(1) {
        findings.bundle.write(directory.as_ref(), None)?;
        println!(
            "\nthe report: {}",
            std::path::Path::new(&directory).join("report.html").display()
        );
    }
    // What a process that died in a drill left is removed by the next one, once that drill must be over.
    let swept = Canary::sweep(photos.production(), 60 * MINUTE).await;
    println!("\nswept {} canaries of earlier processes", swept.removed);
    Ok(())
}

/// Who was served where, how often.
type Counts = BTreeMap<(&'static str, &'static str), u32>;

/// Each tenant stores an object every ten seconds, for some eight minutes. Returns a table by minute.
async fn traffic(photos: &Split, cohort: Cohort) -> BTreeMap<u64, Counts> {
    let start = Instant::now();
    let mut table: BTreeMap<u64, Counts> = BTreeMap::new();
    for round in 0..42 * TENANTS {
        sleep(10 * Duration::from_secs(1) / TENANTS as u32).await;
        let tenant = format!("tenant-{}", round % TENANTS);
        let client = photos.of(&tenant); // asked for each call
        let stored = client.put(format!("{tenant}/{round}"), "a photo").await;
        let place = match stored.as_ref().map(|stored| stored.endpoint()) {
            Ok("virginia") => "virginia",
            Ok(_) => "ireland",
            Err(_) => "nowhere",
        };
        let who = if cohort.contains(&tenant) {
            "cohort"
        } else {
            "production"
        };
        let minute = start.elapsed().as_secs() / 60;
        *table.entry(minute).or_default().entry((who, place)).or_default() += 1;
    }
    table
}
