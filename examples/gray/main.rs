//! What endpoints do beside being dead, over real sockets and in real time: the process that is stopped, bursts, slow lines,
//! forgotten connections.
//!
//! ```text
//! cargo run --release --example gray --features s3,drill
//! cargo run --release --example gray --features s3,drill -- --json
//! cargo run --release --example gray --features s3,drill -- pool h2dead
//! ```
//!
//! Each case is measured with evenkeel and, in the same run, with the plain AWS SDK as it comes. The servers are small ones in
//! this process; the load is bounded, and all of it stays on loopback. `--help` lists the cases. The whole takes two minutes.
//!
//! `--json` writes one line: `{"cases":[{"case","ok","figures":{…},"plain":{…}}]}`. `ok` says whether the figures are what they
//! are to be; `--help` says of each case what that is. A figure that could not be measured is null.

#![allow(clippy::unwrap_used)] // servers of its own on loopback: what fails here is the machine
#![allow(clippy::disallowed_methods)] // its own clock, which is the real one

mod bodies;
mod burst;
mod cases;
mod clients;
mod connections;
mod load;
mod miss;
mod mixed;
mod report;
#[allow(dead_code)] // tests use more of it
mod server;
mod stop;
mod tls;
#[allow(dead_code)]
mod wire;

use cases::{CASES, How};
use report::Report;
use std::{io::Write, process::ExitCode};

const HELP: &str = "\
Gray failures over real sockets: evenkeel, and beside it the plain AWS SDK.

  --json   stdout gets one line of figures, and nothing else
  --help   this

Names of cases after that play only these. The cases, and what each is to reach:

";

fn main() -> ExitCode {
    let mut json = false;
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            stop::CHILD => return stop::child(&arguments.collect::<Vec<_>>()),
            "--help" | "-h" => {
                let lines = CASES.iter().map(|case| format!("  {:<10}{}\n", case.name, case.reach));
                say(&(HELP.to_owned() + &lines.collect::<String>()));
                return ExitCode::SUCCESS;
            }
            name if CASES.iter().any(|case| case.name == name) => names.push(argument),
            other => {
                eprintln!("{other:?} is neither a flag nor a case; --help lists them.");
                return ExitCode::from(2);
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime needs threads and a poller");
    let report = runtime.block_on(play(&names));
    if json {
        say(&format!(
            "{}\n",
            serde_json::to_string(&report).expect("names and numbers")
        ));
    } else {
        say(&report.to_string());
    }
    // What a case has left running ends with the process.
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

/// Those that wait for their servers most of the time beside each other, the others one after another.
async fn play(names: &[String]) -> Report {
    let is_asked = |name: &str| names.is_empty() || names.iter().any(|asked| asked == name);
    let asked: Vec<_> = CASES.iter().filter(|case| is_asked(case.name)).collect();
    let waiting = asked.iter().filter(|case| case.how == How::Waits);
    let waiting: Vec<_> = waiting.map(|case| (case.name, tokio::spawn((case.play)()))).collect();
    let mut played = Vec::new();
    for (name, case) in waiting {
        played.push((name, case.await));
    }
    for case in asked.iter().filter(|case| case.how == How::Works) {
        eprintln!("{} …", case.name);
        played.push((case.name, tokio::spawn((case.play)()).await));
    }
    played.sort_by_key(|(name, _)| CASES.iter().position(|case| case.name == *name));
    Report::of(played)
}

/// To whoever still reads: a pager may have been closed.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
