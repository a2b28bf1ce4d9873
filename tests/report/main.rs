//! The report of a drill: what it says, and what its verification finds.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // it is all test code, in paused time

mod browser;
mod says;
mod tampered;
mod written;

use evenkeel::{
    drill::{
        Fault, Phase, Rule, Scenario,
        report::{Bundle, Calls, Criteria, Figures, Journal, Measured, Plan, PublicKey, Scope, SigningKey, Writes},
    },
    request::OpClass,
};
use std::time::Duration;
use tokio::time::Instant;

fn key() -> SigningKey {
    SigningKey::parse(&[7; 32]).unwrap()
}

fn public() -> PublicKey {
    key().public_key()
}

/// A minute of one fault.
fn scenario(name: &str) -> Scenario {
    serde_json::from_value(serde_json::json!({
        "name": name,
        "description": "Everything here is our choice.",
        "phases": [
            { "name": "dark", "duration": "40s", "rules": [{ "target": { "endpoint": "virginia" }, "fault": "refuse", "basis": "chosen" }] },
            { "name": "late", "duration": "20s", "rules": [{ "fault": { "delay": { "by": "1s" } }, "basis": "documented" }] },
        ]
    }))
    .unwrap()
}

fn demanding() -> Criteria {
    Criteria::new()
        .availability(0.99)
        .p99(Duration::from_millis(500))
        .recovery(Duration::from_secs(2))
        .lost_writes(0)
}

fn plan(scenario: Scenario, criteria: Criteria) -> Plan {
    Plan::new(scenario, 7, Scope::simulation("calls that a test made up"), criteria)
}

/// A hundred reads and writes, of which so many fail, and so many writes are lost.
fn figures(failing: i64, lost: u64) -> Figures {
    let mut calls = Calls::new();
    for n in 0..100 {
        let class = if n % 2 == 0 { OpClass::Read } else { OpClass::Write };
        calls.add(class, n * 600, Duration::from_millis(20), n >= failing);
    }
    let mut figures = calls.figures("answered rightly within 2 s");
    figures.attempts = Some(103);
    figures.writes = Some(Writes::new(50, lost));
    figures
}

/// A drill that was played to its end.
async fn played(plan: Plan, measured: Measured) -> Bundle {
    let length = plan.scenario.duration();
    let journal = Journal::begin(plan).unwrap();
    journal.start(Instant::now()).unwrap();
    tokio::time::sleep(length).await;
    journal.end(None);
    journal.finish(measured)
}

async fn bundle() -> Bundle {
    played(plan(scenario("one minute"), demanding()), Measured::new(figures(0, 0))).await
}

fn phase(name: &str, rules: Vec<Rule>) -> Phase {
    let mut phase = scenario("any").phases.remove(0);
    phase.name = name.to_owned();
    phase.rules = rules;
    phase
}

fn refusing(endpoint: &str) -> Rule {
    Rule::new(Fault::Refuse).at(endpoint)
}
