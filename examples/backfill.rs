//! Existing objects to a standby, with a progress bar: in memory, or from one S3 bucket to another if you say which.
//!
//! ```text
//! cargo run --release --example backfill              # 100,000 small objects in memory
//! cargo run --release --example backfill -- 20000     # or as many as you say
//!
//! EVENKEEL_FROM_BUCKET=… EVENKEEL_TO_BUCKET=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… \
//!     cargo run --release --example backfill --features s3
//! ```
//!
//! Between buckets it keeps `backfill.checkpoint` in the current directory: stop it with Ctrl-C and start it again. Each
//! side may have its own EVENKEEL_FROM_… and EVENKEEL_TO_… of: REGION, ENDPOINT (a URL, for other providers than AWS),
//! ACCESS_KEY_ID, SECRET_ACCESS_KEY. EVENKEEL_PREFIX narrows it down, EVENKEEL_DRY_RUN=1 writes nothing.

use evenkeel::{
    Endpoint,
    backfill::{Backfill, Estimate, Event, Progress, Report},
    provider::{Memory, ObjectProvider},
    request::{Key, object::Put},
};
use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(report) => {
            println!(
                "{} in {:.1?}; {} requests to the source, {} to the target",
                report.counts, report.elapsed, report.source_requests, report.target_requests
            );
            if report.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("{error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Report, Box<dyn Error>> {
    #[cfg(feature = "s3")]
    if let Some(buckets) = on_s3::buckets()? {
        return on_s3::run(buckets).await;
    }
    in_memory().await
}

async fn in_memory() -> Result<Report, Box<dyn Error>> {
    let objects: u64 = match std::env::args().nth(1) {
        Some(number) => number.parse()?,
        None => 100_000,
    };
    let (virginia, ireland) = (Memory::new(), Memory::new());
    for number in 0..objects {
        let body = format!(r#"{{"order": {number}, "total": {}}}"#, number % 997);
        virginia
            .put(Put::new(Key::new(format!("orders/{number:08}.json"))?, body))
            .await?;
    }
    let backfill = || {
        let (from, to) = (virginia.clone(), ireland.clone());
        // Memory does not mind. A real store does: leave the default.
        Backfill::objects(Endpoint::new("virginia", from), Endpoint::new("ireland", to)).rate(f64::INFINITY)
    };
    let estimate = backfill().estimate().await?;
    println!("{estimate}");
    let mut bar = Bar::new(estimate);
    let report = backfill()
        .on_event(move |event, progress| bar.show(event, progress))
        .run()
        .await?;
    println!();
    Ok(report)
}

/// A line that is drawn over itself, ten times a second.
struct Bar {
    estimate: Estimate,
    drawn: Option<Duration>,
    terminal: bool,
}

impl Bar {
    const WIDTH: u64 = 30;

    fn new(estimate: Estimate) -> Self {
        Self {
            estimate,
            drawn: None,
            terminal: io::stdout().is_terminal(),
        }
    }

    fn show(&mut self, event: &Event, progress: &Progress) {
        if let Event::Throttled { .. } | Event::Retrying { .. } | Event::NotSaved { .. } = event {
            println!("\r{event}");
        }
        // Into a file, a line every five seconds is enough.
        let every = Duration::from_millis(if self.terminal { 100 } else { 5_000 });
        let keys = progress.counts.keys();
        let last = keys == self.estimate.keys;
        if !last && self.drawn.is_some_and(|drawn| progress.elapsed < drawn + every) {
            return;
        }
        self.drawn = Some(progress.elapsed);
        let filled = (keys * Self::WIDTH)
            .checked_div(self.estimate.keys)
            .unwrap_or(Self::WIDTH)
            .min(Self::WIDTH);
        let bar: String = (0..Self::WIDTH)
            .map(|place| if place < filled { '█' } else { '·' })
            .collect();
        let left = match progress.remaining(&self.estimate) {
            Some(left) => format!("{} s to go", left.as_secs()),
            None => "waiting".to_owned(),
        };
        let line = format!(
            "{bar} {keys} of {} keys, {:.0} keys/s, {}/s, {left}",
            self.estimate.keys,
            progress.keys_per_second,
            size(progress.bytes_per_second)
        );
        print!(
            "{}{line:<100}{}",
            if self.terminal { "\r" } else { "" },
            if self.terminal { "" } else { "\n" }
        );
        // A bar that cannot be drawn is no reason to stop.
        let _ = io::stdout().flush();
    }
}

fn size(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB"];
    let thousands = (bytes.max(1.0).log10() / 3.0).floor().min(3.0);
    format!("{:.1} {}", bytes / 1_000_f64.powf(thousands), units[thousands as usize])
}

#[cfg(feature = "s3")]
mod on_s3 {
    use super::Bar;
    use aws_sdk_s3::config::{Credentials, RequestChecksumCalculation};
    use evenkeel::{
        Endpoint,
        backfill::{Backfill, CheckpointFile, Report},
        provider::{
            S3,
            s3::preset::{self, Addressing},
        },
    };
    use std::{
        env::{self, VarError},
        error::Error,
    };

    /// Both buckets, or `None` if none was named.
    pub(super) fn buckets() -> Result<Option<[Endpoint<S3>; 2]>, Box<dyn Error>> {
        if env::var_os("EVENKEEL_FROM_BUCKET").is_none() {
            println!("Between buckets: set EVENKEEL_FROM_BUCKET and EVENKEEL_TO_BUCKET. In memory:");
            return Ok(None);
        }
        Ok(Some([bucket("FROM")?, bucket("TO")?]))
    }

    pub(super) async fn run([from, to]: [Endpoint<S3>; 2]) -> Result<Report, Box<dyn Error>> {
        let prefix = env::var("EVENKEEL_PREFIX").unwrap_or_default();
        let backfill = || Backfill::objects(from.clone(), to.clone()).prefix(&*prefix);
        let estimate = backfill().estimate().await?;
        println!("{estimate}");
        let mut bar = Bar::new(estimate);
        let backfill = backfill().on_event(move |event, progress| bar.show(event, progress));
        let report = match env::var_os("EVENKEEL_DRY_RUN") {
            Some(_) => backfill.dry_run().await?,
            None => {
                backfill
                    .checkpoint(CheckpointFile::new("backfill.checkpoint"))
                    .run()
                    .await?
            }
        };
        println!();
        Ok(report)
    }

    /// The side's own variable, or the one that AWS's tools read.
    fn variable(side: &str, name: &str, shared: &str) -> Result<String, Box<dyn Error>> {
        let own = format!("EVENKEEL_{side}_{name}");
        match env::var(&own) {
            Ok(value) => Ok(value),
            Err(VarError::NotPresent) => env::var(shared).map_err(|error| format!("{own} or {shared}: {error}").into()),
            Err(error) => Err(format!("{own}: {error}").into()),
        }
    }

    fn bucket(side: &str) -> Result<Endpoint<S3>, Box<dyn Error>> {
        let name =
            env::var(format!("EVENKEEL_{side}_BUCKET")).map_err(|error| format!("EVENKEEL_{side}_BUCKET: {error}"))?;
        let region = variable(side, "REGION", "AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
        let config = match env::var(format!("EVENKEEL_{side}_ENDPOINT")) {
            Ok(url) => preset::generic(url, region, Addressing::Path, RequestChecksumCalculation::WhenRequired),
            Err(_) => preset::aws(region),
        };
        let credentials = Credentials::new(
            variable(side, "ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID")?,
            variable(side, "SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY")?,
            env::var("AWS_SESSION_TOKEN").ok(),
            None,
            "environment",
        );
        let client = aws_sdk_s3::Client::from_conf(config.credentials_provider(credentials).build());
        // The bucket's name stands in the checkpoint's fingerprint: another bucket is another backfill.
        Ok(Endpoint::new(
            format!("{}:{name}", side.to_lowercase()),
            S3::new(client, name.as_str()),
        ))
    }
}
