//! evenkeel's downloads and uploads, and its peers', in the same run.
//!
//! The server is our S3 server, in memory, in a process of its own, over loopback. Each contestant runs in a process of its
//! own, so that its peak of memory is its own; rounds are interleaved, each begins with another contestant, and the figures
//! are medians. A ratio is the median of the rounds' ratios: a machine that changes its pace changes it for all.
//!
//! ```text
//! cargo run --release --manifest-path benches/streaming/Cargo.toml               # 1 GiB, some minutes
//! cargo run --release --manifest-path benches/streaming/Cargo.toml -- --quick    # 128 MiB
//! cargo run --release --manifest-path benches/streaming/Cargo.toml -- --json
//! ```
//!
//! `--mib 512` sets how much is moved, `--rounds 7` (5) how often, `--large` adds 4 GiB to the sizes at which memory is
//! looked at, and `--only upload` leaves all rows out whose name does not contain the word.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a bench reads the clock that it needs

mod client;
mod dal;
mod ours;
mod rows;
mod sdk;
mod server;
mod store;
mod task;

use rows::{Figures, Row};
use server::Serving;
use std::str::FromStr;
use task::{MIB, What, Who, film};

/// Bytes a second of each connection, where it is limited.
const LIMITED: u64 = 50 << 20;
/// What is downloaded there: five seconds of one connection.
const LIMITED_MIB: usize = 256;
const SMALL_MIB: usize = 1;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [server::SERVE] => runtime.block_on(server::serve(None)),
        [server::SERVE, rate] => runtime.block_on(server::serve(Some(number(rate)))),
        [task::CLIENT, url, task] => {
            let task = serde_json::from_str(task).unwrap();
            let sample = runtime.block_on(client::run(url, task)).unwrap();
            println!("{}", serde_json::to_string(&sample).unwrap());
        }
        _ => measure(&runtime, &args),
    }
}

fn measure(runtime: &tokio::runtime::Runtime, args: &[String]) {
    let flag = |name: &str| args.iter().any(|arg| arg == name);
    let value = |name: &str| args.iter().skip_while(|arg| *arg != name).nth(1);
    let mib = value("--mib").map_or(if flag("--quick") { 128 } else { 1024 }, |mib| number(mib));
    let rounds = value("--rounds").map_or(5, |rounds| number(rounds));
    let limited_mib = LIMITED_MIB.min(mib);

    let mut rows = Vec::new();
    for (name, what) in [
        ("download, one stream", What::OneStream),
        ("download, 1 range at a time", What::Ranged(1)),
        ("download, 2 ranges at a time", What::Ranged(2)),
        ("download, 8 ranges at a time", What::Ranged(8)),
        ("upload, 2 parts at a time", What::Upload(2)),
        ("upload, 8 parts at a time", What::Upload(8)),
    ] {
        rows.extend(Who::ALL.map(|who| Row::new(name, who, what, mib)));
    }
    rows.extend(Who::ALL.map(|who| Row::new("first byte of 1 MiB", who, What::FirstByte, SMALL_MIB)));
    let mut sizes = vec![64, 256, 1024];
    sizes.extend(flag("--large").then_some(4096));
    sizes.retain(|size| *size <= mib.max(256) || *size == 4096);
    for size in sizes {
        let name = format!("memory, {size} MiB down");
        rows.push(Row::new(&name, Who::Evenkeel, What::OneStream, size).once());
        let name = format!("memory, {size} MiB up");
        rows.push(Row::new(&name, Who::Evenkeel, What::Upload(2), size).once());
    }
    for (name, what) in [
        ("at 50 MiB/s a connection, one stream", What::OneStream),
        ("at 50 MiB/s a connection, 8 ranges", What::Ranged(8)),
    ] {
        // evenkeel's own way is ranges.
        let who = Who::ALL
            .into_iter()
            .filter(|who| what != What::OneStream || *who != Who::Evenkeel);
        rows.extend(who.map(|who| Row::new(name, who, what, limited_mib).limited()));
    }
    if let Some(word) = value("--only") {
        rows.retain(|row| row.name.contains(word.as_str()));
    }

    let (free, limited) = (Serving::start(None), Serving::start(Some(LIMITED)));
    runtime.block_on(async {
        for (serving, is_limited) in [(&free, false), (&limited, true)] {
            let mut sizes: Vec<_> = rows.iter().filter(|row| row.is_limited == is_limited).collect();
            sizes.sort_by_key(|row| row.task.mib);
            sizes.dedup_by_key(|row| row.task.mib);
            for row in sizes {
                let pieces = vec![bytes::Bytes::from(vec![7; MIB]); row.task.mib];
                let sdk = sdk::Sdk::new(&serving.url);
                sdk.put(&film(row.task.mib), pieces, 4).await.unwrap();
            }
        }
    });
    for round in 0..rounds {
        let count = rows.len();
        for at in 0..count {
            // Neighbours are of one kind, and each round begins with another of them.
            let at = (at + round) % count;
            let row = &mut rows[at];
            if row.is_once && round >= 3 {
                continue;
            }
            let serving = if row.is_limited { &limited } else { &free };
            let sample = row.task.run(&serving.url);
            row.samples.push(sample);
            if matches!(row.task.what, What::Upload(_)) {
                runtime
                    .block_on(sdk::Sdk::new(&serving.url).delete(task::UPLOADED))
                    .unwrap();
            }
        }
        eprintln!("round {} of {rounds}", round + 1);
    }
    let figures = Figures::of(&rows);
    if flag("--json") {
        println!("{}", serde_json::json!({ "rows": figures.rows }));
    } else {
        figures.print();
    }
}

fn number<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a number")
}
