//! Names: of metrics, of alerts, of runbook pages.

use crate::{docs, incidents::everyday, promtool::Promtool, service::Service};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// The exporter's text for a service of some minutes, with the buckets that docs/operations/README.md recommends.
fn exposition() -> String {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), &buckets())
        .unwrap()
        .build_recorder();
    let service = Service {
        before: Duration::ZERO,
        after: Duration::ZERO,
        ..Service::meets(everyday(5))
    };
    service.play_on(&recorder);
    recorder.handle().render()
}

/// The buckets, as the page has them.
fn buckets() -> Vec<f64> {
    let page = docs::read("docs/operations/README.md");
    let (_, after) = page.split_once("BUCKETS: [f64; 14] = [").unwrap();
    let (list, _) = after.split_once(']').unwrap();
    list.split(',').map(|number| number.trim().parse().unwrap()).collect()
}

/// The names of the series.
fn exposed(text: &str) -> BTreeSet<String> {
    let series = text.lines().filter(|line| line.starts_with("evenkeel_"));
    series
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
        .collect()
}

/// What a text names and the exporter does not.
fn unknown(text: &str) -> BTreeSet<String> {
    let exposed = exposed(&exposition());
    docs::metrics_in(text).difference(&exposed).cloned().collect()
}

#[test]
fn every_metric_of_the_rules_is_emitted_by_the_exporter() {
    assert_eq!(unknown(&docs::rules()), BTreeSet::new());
    // A renamed metric is noticed.
    let renamed = docs::rules().replace("evenkeel_breaker_state", "evenkeel_breaker_condition");
    assert_eq!(
        unknown(&renamed),
        BTreeSet::from(["evenkeel_breaker_condition".to_owned()])
    );
}

#[test]
fn every_metric_of_the_dashboard_is_emitted_by_the_exporter() {
    let missing = unknown(&docs::expressions(&docs::dashboard()).join("\n"));
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn every_emitted_metric_is_documented_and_of_its_kind() {
    let text = exposition();
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE evenkeel_"));
    let emitted: BTreeSet<_> = kinds
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            format!("//! | `evenkeel_{name}` | {kind} |")
        })
        .collect();
    assert!(emitted.len() > 15, "{emitted:?}");
    let table = docs::read("src/telemetry/mod.rs");
    for row in emitted {
        assert!(table.contains(&row), "the table of evenkeel::telemetry lacks {row}");
    }
}

/// Of a series that begins at 1, `increase` says 0.
#[test]
fn the_series_of_troubles_are_there_before_any_trouble() {
    let text = exposition();
    let is_zero = |series: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        assert_eq!(line.map(str::trim), Some("0"), "{series}");
    };
    for class in ["read", "write", "list"] {
        is_zero(&format!(r#"evenkeel_all_bad_total{{client="photos",class="{class}"}}"#));
        is_zero(&format!(r#"evenkeel_all_bad{{client="photos",class="{class}"}}"#));
        is_zero(&format!(
            r#"evenkeel_budget_exhausted_total{{client="photos",class="{class}"}}"#
        ));
        for to in ["open", "half-open", "closed"] {
            let labels = format!(r#"client="photos",endpoint="stackit",class="{class}",to="{to}""#);
            is_zero(&format!("evenkeel_breaker_transitions_total{{{labels}}}"));
        }
    }
    for name in ["uploads_restarted", "downloads_resumed", "passed_over"] {
        is_zero(&format!(r#"evenkeel_{name}_total{{client="photos",endpoint="home"}}"#));
    }
    for found in ["kept", "lacking", "unknown"] {
        let labels = format!(r#"client="photos",endpoint="home",found="{found}""#);
        is_zero(&format!("evenkeel_unverified_writes_total{{{labels}}}"));
    }
    for outcome in ["unavailable", "deadline_exceeded", "maybe_applied", "denied"] {
        let labels = format!(r#"client="photos",operation="put",class="write",outcome="{outcome}""#);
        is_zero(&format!("evenkeel_calls_total{{{labels}}}"));
    }
    for to in ["kept", "lost", "renewed"] {
        let labels = format!(r#"client="default",credentials="home-token",to="{to}""#);
        is_zero(&format!("evenkeel_credentials_transitions_total{{{labels}}}"));
    }
    is_zero(r#"evenkeel_credentials_state{client="default",credentials="home-token"}"#);
}

#[test]
fn each_alert_has_a_runbook_page_and_a_severity() {
    let rules = docs::rules();
    let pages = docs::root().join("docs/operations/runbook");
    let mut found: Vec<_> = std::fs::read_dir(pages)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    let mut wanted: Vec<_> = docs::alerts(&rules).iter().map(|alert| format!("{alert}.md")).collect();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    let index = docs::read("docs/operations/README.md");
    for alert in docs::alerts(&rules) {
        let rule = rules
            .split("- alert: ")
            .find(|rule| rule.starts_with(&format!("{alert}\n")))
            .unwrap();
        let path = format!("docs/operations/runbook/{alert}.md");
        assert!(rule.contains(&format!("runbook_url: {path}\n")), "{alert}");
        let severity = ["page", "ticket"]
            .into_iter()
            .find(|word| rule.contains(&format!("severity: {word}\n")));
        let severity = severity.unwrap_or_else(|| panic!("{alert} has no severity"));
        assert!(
            index.contains(&format!("| [{alert}](runbook/{alert}.md) | {severity} |")),
            "the table of docs/operations/README.md lacks {alert}, a {severity}"
        );
        let page = docs::read(&path);
        for heading in [
            &*format!("# {alert}"),
            "## What it means",
            "## What evenkeel already does",
            "## What you may do",
        ] {
            assert!(page.lines().any(|line| line == heading), "{path} lacks {heading:?}");
        }
        let unknown: Vec<_> = docs::metrics_in(&page)
            .difference(&docs::documented())
            .cloned()
            .collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}");
    }
}

#[test]
fn prometheus_takes_the_rules_and_the_panels_expressions() {
    let Some(promtool) = Promtool::find("syntax of rules and panels") else {
        return;
    };
    promtool.checks(&docs::rules()).unwrap();
    let expressions = docs::expressions(&docs::dashboard());
    assert!(expressions.len() > 10);
    let rules = expressions.iter().enumerate().map(|(number, expression)| {
        let filled = expression.replace("$__rate_interval", "5m").replace("$__range", "1h");
        serde_json::json!({ "record": format!("panel:expression:{number}"), "expr": filled })
    });
    let group = serde_json::json!({ "groups": [{ "name": "panels", "rules": rules.collect::<Vec<_>>() }] });
    promtool.checks(&group.to_string()).unwrap();
    // A slip is noticed.
    let slip = group.to_string().replace("sum by", "sum bye");
    promtool.checks(&slip).unwrap_err();
}

#[test]
fn each_panel_obeys_the_dashboards_variables() {
    let dashboard = docs::dashboard();
    let variables: Vec<_> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    for name in ["datasource", "job", "client", "endpoint"] {
        assert!(variables.contains(&&Value::from(name)), "no variable {name}");
    }
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "the id of {title} is taken");
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(
            panel["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{title} says nothing"
        );
        for expression in docs::expressions(panel) {
            assert!(expression.contains(r#"job=~"$job""#), "{title}: {expression}");
            // Credentials belong to a process; alerts about them have no client.
            let of_a_process = expression.contains("credentials") || expression.contains("ALERTS");
            assert!(
                of_a_process || expression.contains(r#"client=~"$client""#),
                "{title}: {expression}"
            );
            let of_endpoints = ["attempt", "breaker", "evenkeel_share", "in_flight"];
            if of_endpoints.iter().any(|word| expression.contains(word)) && !of_a_process {
                assert!(expression.contains(r#"endpoint=~"$endpoint""#), "{title}: {expression}");
            }
        }
    }
}
