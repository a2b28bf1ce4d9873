//! The files of `docs/operations`.

use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn rules() -> String {
    read("docs/operations/alerts.yml")
}

pub(crate) fn dashboard() -> Value {
    serde_json::from_str(&read("docs/operations/dashboard.json")).unwrap()
}

/// The names of the alerts, in their order.
pub(crate) fn alerts(rules: &str) -> Vec<&str> {
    rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect()
}

/// The rules without this alert.
pub(crate) fn without(rules: &str, alert: &str) -> String {
    let mut left = String::new();
    let mut leaving = false;
    for line in rules.lines() {
        if line.starts_with("      - ") || line.starts_with("      #") {
            leaving = line.trim().strip_prefix("- alert: ") == Some(alert);
        }
        if !leaving {
            left += line;
            left.push('\n');
        }
    }
    left
}

/// Every metric of ours that a text names; no recorded series, whose names begin with `evenkeel:`.
pub(crate) fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words
        .filter(|word| word.starts_with("evenkeel_"))
        .map(str::to_owned)
        .collect()
}

/// The names in the table of `evenkeel::telemetry`.
pub(crate) fn documented() -> BTreeSet<String> {
    let docs = read("src/telemetry/mod.rs");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.filter_map(|row| row.split('`').next())
        .map(str::to_owned)
        .collect()
}

/// Every expression of the dashboard's panels and variables.
pub(crate) fn expressions(of: &Value) -> Vec<String> {
    let mut all = Vec::new();
    collect(of, &mut all);
    all
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(expression) if name == "expr" => into.push(expression.clone()),
                    _ => collect(value, into),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}
