//! `promtool`, which evaluates the rules over series as Prometheus would.

use crate::{docs, recorder::Values};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A sample that says that the series has ended, as Prometheus writes it when a target goes away.
const STALE: f64 = f64::NEG_INFINITY;

/// The series of several processes.
#[derive(Clone, Default)]
pub(crate) struct Series(BTreeMap<String, Values>);

impl Series {
    /// Adds what was scraped of a process of this instance, from the scrape number `at` on. An instance that is there
    /// already was started anew.
    pub(crate) fn add(&mut self, instance: &str, at: usize, of: BTreeMap<String, Values>) {
        for (name, values) in of {
            let name = name.replacen('{', &format!("{{job=\"shop\",instance=\"{instance}\","), 1);
            let series = self.0.entry(name).or_default();
            assert!(series.len() <= at, "two processes of one instance at a time");
            series.resize(at, None);
            series.extend(values);
            series.push(Some(STALE));
        }
    }

    /// Only of metrics that the rules read, as promtool holds all of them in memory.
    fn input(&self, rules: &str) -> Vec<Value> {
        let named = docs::metrics_in(rules);
        let wanted = |name: &str| name.split('{').next().is_some_and(|metric| named.contains(metric));
        let series = self.0.iter().filter(|(name, _)| wanted(name));
        series
            .map(|(name, values)| json!({ "series": name, "values": written(values) }))
            .collect()
    }
}

/// In promtool's notation: `3+0x4` is a 3 and then four more.
fn written(values: &[Option<f64>]) -> String {
    let runs = values.chunk_by(|a, b| a == b).map(|run| match run[0] {
        None => vec!["_"; run.len()].join(" "),
        Some(STALE) => "stale".to_owned(),
        Some(value) => format!("{value}+0x{}", run.len() - 1),
    });
    runs.collect::<Vec<_>>().join(" ")
}

/// What is asked after so long, and the alerts that it must give, one sample of 1 for each.
pub(crate) struct Expected {
    pub(crate) after: Duration,
    pub(crate) expression: String,
    pub(crate) alerts: Vec<&'static str>,
}

/// A copy of the rules, and a place to work.
pub(crate) struct Promtool {
    program: PathBuf,
    dir: tempfile::TempDir,
}

impl Promtool {
    /// `None`, with a word why, where it is not installed.
    pub(crate) fn find(what: &str) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .map(|dir| dir.join("promtool"))
            .find(|file| file.is_file());
        let said = match &program {
            Some(_) => format!("ran: {what}"),
            None => "did not run, `promtool` is not installed".to_owned(),
        };
        println!("promtool: {said}");
        if let Some(log) = std::env::var_os("EVENKEEL_SERVERS_LOG")
            && let Ok(mut log) = OpenOptions::new().append(true).create(true).open(log)
        {
            let _ = writeln!(log, "promtool: {said}");
        }
        Some(Self {
            program: program?,
            dir: tempfile::tempdir().unwrap(),
        })
    }

    /// Whether rules give what is expected, and what promtool says.
    pub(crate) fn tests(&self, rules: &str, series: &Series, expected: &[Expected]) -> Result<(), String> {
        self.write("alerts.yml", rules);
        let sample = |alert: &&str| json!({ "labels": format!("{{alertname={alert:?}}}"), "value": 1 });
        let tests = expected.iter().map(|one| {
            json!({
                "expr": one.expression,
                "eval_time": format!("{}s", one.after.as_secs()),
                "exp_samples": one.alerts.iter().map(sample).collect::<Vec<_>>(),
            })
        });
        // Each JSON is YAML, too.
        let test = json!({
            "rule_files": ["alerts.yml"],
            "evaluation_interval": interval(expected),
            "tests": [{
                "interval": "30s",
                "input_series": series.input(rules),
                "promql_expr_test": tests.collect::<Vec<_>>(),
            }],
        });
        self.write("test.yml", &test.to_string());
        self.run(&["test", "rules", "test.yml"])
    }

    /// Whether these are rules that Prometheus takes.
    pub(crate) fn checks(&self, rules: &str) -> Result<(), String> {
        self.write("checked.yml", rules);
        self.run(&["check", "rules", "--lint-fatal", "checked.yml"])
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&said).into_owned()),
        }
    }
}

/// A day is evaluated every two minutes, to be done in seconds.
fn interval(expected: &[Expected]) -> &'static str {
    let end = expected.iter().map(|one| one.after).max().unwrap_or_default();
    if end > Duration::from_secs(10 * 3_600) {
        "2m"
    } else {
        "1m"
    }
}
