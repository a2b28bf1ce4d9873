//! The README's defaults are those of the code.

use crate::{
    breaker, credentials, deadline,
    health::Ramp,
    hedge::Delay,
    limit, probe, retry,
    route::{neighbours, pick::OVERPROVISIONING},
    timeout::Limit,
};
use std::time::Duration;

const README: &str = include_str!("../../README.md");

/// The value in the table of defaults.
fn default_of(what: &str) -> &'static str {
    let start = format!("| {what} | ");
    let row = README.lines().find_map(|line| line.strip_prefix(&start));
    row.and_then(|rest| rest.split(" | ").next())
        .unwrap_or_else(|| panic!("the README has no default called `{what}`"))
}

fn time(duration: Duration) -> String {
    match duration.as_millis() {
        whole if whole % 1_000 == 0 => format!("{} s", whole / 1_000),
        seconds if seconds > 1_000 => format!("{} s", seconds as f64 / 1_000.0),
        millis => format!("{millis} ms"),
    }
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 100.0).round())
}

#[test]
fn the_numbers_are_the_codes() {
    let breaker = breaker::Settings::default();
    let retry = retry::Settings::default();
    let probes = probe::Settings::default();
    let tokens = credentials::Settings::default();
    let expected = [
        ("deadline of a call", time(deadline::DEFAULT)),
        ("limit of an attempt", format!("{} × p99", Limit::TIMES_P99)),
        ("its floor", time(Limit::FLOOR)),
        ("while nothing is learnt", time(Limit::UNLEARNT)),
        ("attempts per call", retry.max_attempts.to_string()),
        ("wait before returning", time(retry.backoff)),
        ("its maximum", time(retry.max_backoff)),
        ("budget", percent(retry::Budget::SHARE)),
        ("budget beside that", format!("{} a second", retry::Budget::PER_SECOND)),
        (
            "its floor, its start",
            format!("{}, {}", time(Delay::FLOOR), time(Delay::UNLEARNT)),
        ),
        ("breaker: faults in a row", breaker.consecutive.to_string()),
        (
            "at low rates",
            format!("{} of the last {}", breaker.faults_at_low_rate, breaker.min_count),
        ),
        (
            "breaker: share of faults",
            format!("{} of at least {}", percent(breaker.ratio), breaker.min_count),
        ),
        (
            "left beside a healthier one",
            format!(
                "{}, writes {}",
                percent(neighbours::LEAVE),
                percent(neighbours::LEAVE_WRITES)
            ),
        ),
        ("which it then keeps", percent(neighbours::TRICKLE)),
        (
            "open for",
            format!("{} to {}", time(breaker.open_min), time(breaker.open_max)),
        ),
        ("to close", breaker.successes.to_string()),
        ("hold-down", time(breaker.hold_down)),
        ("ramp", format!("from {}", percent(Ramp::FIRST_SHARE))),
        ("tier spills below", percent(1.0 / OVERPROVISIONING)),
        (
            "attempts under way",
            format!("{},{:03}", limit::MAX_IN_FLIGHT / 1_000, limit::MAX_IN_FLIGHT % 1_000),
        ),
        ("wait at a full endpoint", time(limit::PATIENCE)),
        ("credentials fetched anew", format!("at {}", percent(tokens.early))),
        ("their fetches", format!("{} in a row", tokens.banked)),
        ("a call waits for them", time(tokens.patience)),
        ("idle probe", probes.idle.map_or("off".to_owned(), time)),
        ("write probe", if probes.writes { "on" } else { "off" }.to_owned()),
    ];
    for (what, value) in expected {
        assert_eq!(default_of(what), value, "{what}");
    }
    let open = format!(
        "at least {} calls at the recent rate, and {} of",
        breaker.open_calls,
        percent(breaker.open_share_of_outage)
    );
    assert!(README.contains(&open), "{open}");
    let fetches = format!(
        "one more every {}; after a failure a uniform draw up to {}, doubling to {}",
        time(tokens.refill),
        time(tokens.backoff),
        time(tokens.max_backoff)
    );
    assert!(README.contains(&fetches), "{fetches}");
    let moved = format!("moved forward by up to {}", percent(tokens.jitter));
    assert!(README.contains(&moved), "{moved}");
    let first = format!("{} the first time", time(tokens.first_patience));
    assert!(README.contains(&first), "{first}");
    let window = format!("over a sliding window of {}", time(breaker.window));
    assert!(README.contains(&window), "{window}");
    let jitter = format!("jittered by {}", percent(breaker.jitter));
    assert!(README.contains(&jitter), "{jitter}");
    let ramp = format!(
        "over {} % of the outage, {} to {}",
        Ramp::SHARE_OF_OUTAGE * 100.0,
        time(Ramp::SHORTEST),
        time(Ramp::LONGEST)
    );
    assert!(README.contains(&ramp), "{ramp}");
}

#[cfg(feature = "s3")]
#[test]
fn the_connect_timeout_is_the_codes() {
    assert_eq!(
        default_of("connect timeout (`S3`)"),
        time(crate::provider::S3::CONNECT_TIMEOUT)
    );
}

#[cfg(feature = "azure_blob")]
#[test]
fn azures_connect_timeout_is_the_codes() {
    assert_eq!(
        default_of("connect timeout (`AzureBlob`)"),
        time(crate::provider::AzureBlob::CONNECT_TIMEOUT)
    );
}
