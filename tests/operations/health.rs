//! Three healthy hours: a service with a call every four seconds, and one with a call every 20; a process that is started anew in place, one that
//! another replaces, and everyday faults. Nothing fires.

use crate::{
    docs,
    incidents::{FIRED, everyday},
    promtool::{Expected, Promtool, Series},
    service::{SCRAPE, Service},
};
use std::time::Duration;

const LENGTH: u64 = 180;

/// A process that lives from one minute to another.
fn process(from: u64, to: u64, calls_per_second: f64) -> (usize, Service) {
    let service = Service {
        before: Duration::ZERO,
        after: Duration::ZERO,
        calls_per_second,
        seed: from + to,
        ..Service::meets(everyday(to - from))
    };
    let scrapes_in_a_minute = 60 / SCRAPE.as_secs();
    ((from * scrapes_in_a_minute) as usize, service)
}

fn quiet(calls_per_second: f64) -> Series {
    let mut series = Series::default();
    for (instance, from, to) in [
        // Started anew in place: its counters begin again, after a minute without an answer.
        ("a", 0, 70),
        ("a", 72, LENGTH),
        // Replaced by another, while both run.
        ("b", 0, 90),
        ("c", 88, LENGTH),
        // Crashed at once, and once more.
        ("d", 100, 101),
        ("d", 103, 105),
        ("d", 110, LENGTH),
    ] {
        let (at, service) = process(from, to, calls_per_second);
        series.add(instance, at, service.play());
    }
    series
}

fn fires_nothing(what: &str, calls_per_second: f64) {
    let Some(promtool) = Promtool::find(&format!("rules, {what}")) else {
        return;
    };
    let nothing = Expected {
        after: Duration::from_secs(60 * LENGTH),
        expression: FIRED.to_owned(),
        alerts: vec![],
    };
    // So that this is no empty truth.
    let calls = Expected {
        after: Duration::from_secs(60 * LENGTH),
        expression: r#"label_replace(clamp(sum(evenkeel:calls:increase1h), 0, 1), "alertname", "calls", "", "")"#
            .to_owned(),
        alerts: vec!["calls"],
    };
    if let Err(said) = promtool.tests(&docs::rules(), &quiet(calls_per_second), &[nothing, calls]) {
        panic!("{said}");
    }
}

#[test]
fn three_healthy_hours_with_deployments_fire_nothing() {
    fires_nothing("three healthy hours", 0.25);
}

#[test]
fn three_healthy_hours_with_few_calls_fire_nothing() {
    fires_nothing("three healthy hours with few calls", 0.05);
}
