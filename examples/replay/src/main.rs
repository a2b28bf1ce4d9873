//! Watch an outage being survived.
//!
//! ```text
//! cargo run --release --example replay --features s3,drill
//! ```
//!
//! Three real S3-protocol servers on loopback stand for AWS us-east-1, AWS eu-west-1 and STACKIT eu01, each behind a
//! proxy that plays a past outage. The same load runs through evenkeel and, side by side, through the plain AWS SDK with
//! its default retries, which knows the first of the three only. At the end: a table, and a picture.
//!
//! With `--kv` half of the calls go to DynamoDB tables in the same regions, which share their evidence with the buckets:
//!
//! ```text
//! cargo run --release --example replay --features s3,dynamodb,drill -- --kv
//! ```
//!
//! `--help` lists the flags. With `--simulate` the incident takes the hours that it took, in memory and in paused time.
//! There, `--stream` adds objects of 8 MiB, which are read as streams beside the small calls and meet the faults in
//! mid-body:
//!
//! ```text
//! cargo run --release --example replay --features s3,drill -- --simulate --stream
//! ```
//!
//! With `--report DIR` the run is a drill with criteria and a report, which `docs/DRILLS.md` explains:
//!
//! ```text
//! cargo run --release --example replay --features s3,drill -- --report drill-1 --approved-by "Anna Jansen" --key drill-key.pem
//! ```

mod contender;
mod course;
pub(crate) mod figures;
pub(crate) mod flags;
mod load;
pub(crate) mod outcome;
pub(crate) mod picture;
mod progress;
pub(crate) mod proof;
pub(crate) mod real;
mod report;
#[cfg(feature = "dynamodb")]
mod rows;
#[path = "../../support/server.rs"]
#[allow(dead_code)] // the migration example stops its server
mod server;
pub(crate) mod simulated;
pub(crate) mod streams;

use flags::{Command, Flags};
use outcome::Outcome;
use std::{
    error::Error,
    io::{IsTerminal, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let flags = match flags::parse(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            say(&format!("{}\n", flags::HELP));
            return ExitCode::SUCCESS;
        }
        Ok(Command::List) => {
            say(&report::list());
            return ExitCode::SUCCESS;
        }
        Ok(Command::Replay(flags)) => flags,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::from(2);
        }
    };
    // Before the run, not after it.
    if let Some(error) = flags
        .report
        .as_ref()
        .and_then(|report| evenkeel::drill::report::is_free(&report.directory).err())
    {
        eprintln!("{error}.");
        return ExitCode::from(2);
    }
    let file = flags.picture();
    if let Err(error) = std::fs::OpenOptions::new().append(true).create(true).open(&file) {
        eprintln!("The picture cannot be written to {}: {error}.", file.display());
        return ExitCode::from(2);
    }
    match replay(&flags).and_then(|outcome| publish(&flags, &outcome)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the replay could not be played: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays it: on sockets, or in memory where time is ours.
fn replay(flags: &Flags) -> Result<Outcome, Box<dyn Error>> {
    if flags.simulate {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()?;
        runtime.block_on(simulated::play(flags))
    } else {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(real::play(flags))
    }
}

/// Table, picture, figures. Returns how many acknowledged writes evenkeel lost.
fn publish(flags: &Flags, outcome: &Outcome) -> Result<usize, Box<dyn Error>> {
    let mut figures = figures::of(outcome);
    let file = flags.picture();
    std::fs::write(&file, picture::draw(outcome, &figures))
        .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    let mut table = report::table(outcome, &figures);
    table += &format!("\nThe picture is in {}.\n", file.display());
    if let Some(reporting) = &flags.report {
        let (report, told) = proof::publish(reporting, outcome, &figures)?;
        table += &told;
        figures.report = Some(report);
    }
    if flags.json {
        eprint!("{table}");
        say(&format!("{}\n", serde_json::to_string(&figures)?));
    } else {
        say(&table);
    }
    Ok(figures.evenkeel.lost_writes.unwrap_or(0))
}

/// To whoever still reads: a pager may have been closed.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Whether progress may be coloured.
fn colours() -> bool {
    std::io::stderr().is_terminal()
}
