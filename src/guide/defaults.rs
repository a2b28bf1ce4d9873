//! The defaults of `docs/DEFAULTS.md` are those of the code.

use crate::{
    credentials,
    ops::probe,
    stack::{
        breaker, deadline,
        health::Ramp,
        hedge::Delay,
        limit, retry,
        route::{neighbours, pick::OVERPROVISIONING},
        timeout::Limit,
    },
};
use std::time::Duration;

const PAGE: &str = include_str!("../../docs/DEFAULTS.md");

/// The value in the row of this name.
fn default_of(what: &str) -> &'static str {
    let start = format!("| {what} | ");
    let row = PAGE.lines().find_map(|line| line.strip_prefix(&start));
    row.and_then(|rest| rest.split(" | ").next())
        .unwrap_or_else(|| panic!("docs/DEFAULTS.md has no row called `{what}`"))
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
fn documented_defaults_match_the_code() {
    let breaker = breaker::BreakerSettings::default();
    let retry = retry::RetrySettings::default();
    let probes = probe::ProbeSettings::default();
    let tokens = credentials::KeeperSettings::default();
    let expected = [
        ("deadline of a call", time(deadline::DEFAULT)),
        ("limit of an attempt", format!("{} × p99", Limit::TIMES_P99)),
        ("limit of an attempt: floor", time(Limit::FLOOR)),
        ("limit of an attempt: not yet learnt", time(Limit::UNLEARNT)),
        ("attempts per call", retry.max_attempts.to_string()),
        ("wait before returning to an endpoint", time(retry.backoff)),
        ("longest such wait", time(retry.max_backoff)),
        ("budget", percent(retry::Budget::SHARE)),
        ("budget beside that", format!("{} a second", retry::Budget::PER_SECOND)),
        ("budget that uploads leave", percent(retry::Budget::SPARED)),
        (
            "hedge: floor, not yet learnt",
            format!("{}, {}", time(Delay::FLOOR), time(Delay::UNLEARNT)),
        ),
        ("breaker: faults in a row", breaker.consecutive.to_string()),
        (
            "breaker: faults at low rates",
            format!("{} of the last {}", breaker.faults_at_low_rate, breaker.min_count),
        ),
        (
            "breaker: share of faults",
            format!("{} of at least {}", percent(breaker.ratio), breaker.min_count),
        ),
        (
            "share of faults that costs traffic beside a healthier endpoint",
            format!(
                "{}, writes {}",
                percent(neighbours::LEAVE),
                percent(neighbours::LEAVE_WRITES)
            ),
        ),
        ("traffic that such an endpoint keeps", percent(neighbours::TRICKLE)),
        (
            "open for",
            format!("{} to {}", time(breaker.open_min), time(breaker.open_max)),
        ),
        ("probes to close", breaker.successes.to_string()),
        ("hold-down", time(breaker.hold_down)),
        ("ramp", format!("from {}", percent(Ramp::FIRST_SHARE))),
        ("tier spills below", percent(1.0 / OVERPROVISIONING)),
        (
            "attempts under way",
            format!("{},{:03}", limit::MAX_IN_FLIGHT / 1_000, limit::MAX_IN_FLIGHT % 1_000),
        ),
        ("wait at a full endpoint", time(limit::PATIENCE)),
        ("credentials fetched anew", format!("at {}", percent(tokens.early))),
        ("fetches of credentials", format!("{} in a row", tokens.banked)),
        ("a call waits for credentials", time(tokens.patience)),
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
    assert!(PAGE.contains(&open), "{open}");
    let fetches = format!(
        "one more every {}; after a failure a uniform draw up to {}, doubling to {}",
        time(tokens.refill),
        time(tokens.backoff),
        time(tokens.max_backoff)
    );
    assert!(PAGE.contains(&fetches), "{fetches}");
    let moved = format!("moved forward by up to {}", percent(tokens.jitter));
    assert!(PAGE.contains(&moved), "{moved}");
    let first = format!("{} the first time", time(tokens.first_patience));
    assert!(PAGE.contains(&first), "{first}");
    let window = format!("over a sliding window of {}", time(breaker.window));
    assert!(PAGE.contains(&window), "{window}");
    let jitter = format!("jittered by {}", percent(breaker.jitter));
    assert!(PAGE.contains(&jitter), "{jitter}");
    let ramp = format!(
        "over {} % of the outage, {} to {}",
        Ramp::SHARE_OF_OUTAGE * 100.0,
        time(Ramp::SHORTEST),
        time(Ramp::LONGEST)
    );
    assert!(PAGE.contains(&ramp), "{ramp}");
}

#[cfg(feature = "status")]
#[test]
fn the_documented_bounds_of_the_status_page_match_the_code() {
    use crate::ops::status_page::{
        BIN, BINS, EVERY, LARGEST_ORDER, ORDER_PATIENCE, PATIENCE, READERS, RING, SHORTEST_TOKEN, WRONG_TOKENS,
    };
    let (burst, pause) = WRONG_TOKENS;
    let expected = [
        ("state for readers", format!("every {}", time(EVERY))),
        ("bins of traffic", format!("{BINS} of {}", time(BIN))),
        ("events kept", RING.to_string()),
        ("readers", READERS.to_string()),
        ("a reader that takes nothing", time(PATIENCE)),
        ("shortest token for orders", format!("{SHORTEST_TOKEN} bytes")),
        (
            "wrong tokens that are answered as such",
            format!("{burst}, then one every {}", time(pause)),
        ),
        ("largest order", format!("{} KiB", LARGEST_ORDER >> 10)),
        ("time for an order to arrive", time(ORDER_PATIENCE)),
    ];
    for (what, value) in expected {
        assert_eq!(default_of(&format!("status page: {what}")), value, "{what}");
    }
}

#[cfg(feature = "drill")]
#[test]
fn the_documented_defaults_of_a_drill_match_the_code() {
    use crate::drill::cohort::{Canary, GameDay};
    let most = Canary::MOST;
    let expected = [
        ("healthy time before", time(GameDay::LEAD)),
        ("healthy time after", time(GameDay::TAIL)),
        ("one canary every", time(Canary::EVERY)),
        ("a canary's size", format!("{} KiB", Canary::BYTES >> 10)),
        ("canaries", format!("{},{:03}", most / 1_000, most % 1_000)),
    ];
    for (what, value) in expected {
        assert_eq!(default_of(&format!("drill: {what}")), value, "{what}");
    }
}

#[cfg(feature = "recorder")]
#[test]
fn the_recorders_documented_defaults_match_the_code() {
    use crate::ops::recorder::RecorderBuilder;
    let thousands = |count: usize| format!("{},{:03}", count / 1_000, count % 1_000);
    assert_eq!(default_of("records in memory"), thousands(RecorderBuilder::RECORDS));
    assert_eq!(
        default_of("records that wait for the disk"),
        thousands(RecorderBuilder::QUEUE)
    );
    assert_eq!(
        default_of("a recorder's file"),
        format!("{} MiB", RecorderBuilder::LIMIT >> 20)
    );
    assert_eq!(
        default_of("readings of counts"),
        format!("every {}", time(RecorderBuilder::READINGS))
    );
}

#[test]
fn the_sla_logs_documented_defaults_match_the_code() {
    use crate::ops::sla::SlaLog;
    let thousands = |count: usize| format!("{},{:03}", count / 1_000, count % 1_000);
    assert_eq!(default_of("rows that wait for the disk"), thousands(SlaLog::QUEUE));
    assert_eq!(default_of("an SLA log's file"), format!("{} GiB", SlaLog::LIMIT >> 30));
}

#[cfg(feature = "s3")]
#[test]
fn the_documented_connect_timeout_matches_the_code() {
    assert_eq!(
        default_of("connect timeout (`S3`)"),
        time(crate::provider::S3::CONNECT_TIMEOUT)
    );
}

#[cfg(feature = "azure_blob")]
#[test]
fn azures_documented_connect_timeout_matches_the_code() {
    assert_eq!(
        default_of("connect timeout (`AzureBlob`)"),
        time(crate::provider::AzureBlob::CONNECT_TIMEOUT)
    );
}
