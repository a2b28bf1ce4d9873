//! What a client goes through while its primary is in trouble, in virtual time.
//!
//! Primary: 1–3 ms. Standby: 10–14 ms. Poisson arrivals of reads; 10 s healthy, 20 s of fault, 25 s after (at 5 calls/s:
//! 60 s, 200 s, 60 s). Medians of fifteen seeds. Default settings. Run it with
//!
//! ```text
//! cargo bench --bench degradation              # the table
//! cargo bench --bench degradation -- --json    # one line of JSON
//! cargo bench --bench degradation -- black     # one fault
//! ```

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a bench reads the clock it drives

#[path = "../simulated/figures.rs"]
#[allow(dead_code)] // for the other bench
mod figures;
#[path = "../simulated/load.rs"]
mod load;
#[path = "../simulated/ours.rs"]
mod ours;
#[path = "../simulated/store.rs"]
#[allow(dead_code)] // for the other bench
mod store;
mod world;

use ours::evenkeel;
use serde_json::json;
use world::{FAULTS, Row, Setting, play};

const SEEDS: u64 = 15;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let json = args.iter().any(|a| a == "--json");
    let only: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    let mut rows = Vec::new();
    if !json {
        println!("{}", Row::header());
    }
    for rate in [500.0, 5.0] {
        for fault in FAULTS {
            if !only.is_empty() && !only.iter().any(|name| *name == fault.name()) {
                continue;
            }
            let setting = Setting::of(fault, rate);
            let seeds: Vec<Row> = (1..=SEEDS).map(|seed| play(setting, seed, evenkeel)).collect();
            let row = Row::median(&seeds);
            if !json {
                println!("{row}");
            }
            rows.push(row);
        }
    }
    if json {
        println!("{}", json!({ "rows": rows }));
    }
}
