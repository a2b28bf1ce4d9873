//! What happened? Reads a flight recorder's file and prints the report of its incidents. It needs the file and nothing else:
//! no network, no provider, no process that still runs.
//!
//! ```text
//! cargo run --example incident --features recorder -- /var/lib/photos/evenkeel.flight > incident.md
//! cargo run --example incident --features recorder -- --json /var/lib/photos/evenkeel.flight > incident.json
//! ```

use evenkeel::ops::{incident::incident_report, recorder::Recording};
use std::{error::Error, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (json, path) = match &*arguments {
        [path] if !path.starts_with('-') => (false, path),
        [flag, path] if flag == "--json" => (true, path),
        _ => {
            eprintln!("usage: incident [--json] FILE");
            return ExitCode::from(2);
        }
    };
    match report(path, json) {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The report as Markdown or as JSON.
pub(crate) fn report(path: &str, json: bool) -> Result<String, Box<dyn Error>> {
    let report = incident_report(&Recording::read(path)?);
    Ok(match json {
        true => serde_json::to_string_pretty(&report)?,
        false => report.to_string(),
    })
}
