//! evenkeel and its peers, in the same run.
//!
//! Three comparisons: during a fault (in virtual time, see `clock`), on the healthy path, and per real S3 GET. All of it takes
//! about five minutes on two cores.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --markdown       # README's section Compared
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --write-readme   # puts it there
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --json
//! ```
//!
//! `fault`, `healthy` or `s3` runs one of them. `--seeds 3` (7), `--peer <part of a name>` and `--fault black` narrow the first.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a bench reads the clocks it compares

mod clock;
mod dal;
mod fault;
mod healthy;
mod machine;
mod markdown;
mod s3_get;

#[path = "../../degradation/figures.rs"]
#[allow(dead_code)] // its own table
mod figures;
#[path = "../../degradation/load.rs"]
mod load;
#[path = "../../overhead/measure.rs"]
mod measure;
#[path = "../../degradation/ours.rs"]
mod ours;
#[path = "../../overhead/stacks.rs"]
mod stacks;
#[path = "../../degradation/world.rs"]
mod world;

use fault::Outcome;
use measure::Measured;
use s3_get::Cost;
use serde_json::json;

/// What was measured; what was not asked for is empty.
struct Compared {
    fault: Vec<Outcome>,
    healthy: Vec<Measured>,
    s3: Option<Cost>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| args.iter().any(|arg| arg == name);
    let value = |name: &str| args.iter().skip_while(|arg| *arg != name).nth(1);
    if flag(s3_get::SERVE) {
        return s3_get::serve();
    }
    let part = |name: &str| flag(name) || !["fault", "healthy", "s3"].into_iter().any(flag);
    let seeds = value("--seeds").map_or(7, |n| n.parse().expect("a number of seeds"));

    let compared = Compared {
        // The two that measure real time come first, alone.
        healthy: if part("healthy") {
            healthy::measured()
        } else {
            Vec::new()
        },
        s3: part("s3").then(s3_get::measured),
        fault: if part("fault") {
            fault::outcomes(
                seeds,
                |peer| value("--peer").is_none_or(|wanted| peer.name.contains(wanted.as_str())),
                |fault| value("--fault").is_none_or(|wanted| fault.name() == wanted),
            )
        } else {
            Vec::new()
        },
    };

    if flag("--json") {
        let fault = compared
            .fault
            .iter()
            .map(|o| json!({ "peer": o.peer.name, "figures": o.row }));
        let fault: Vec<_> = fault.collect();
        println!(
            "{}",
            json!({ "fault": fault, "stacks": compared.healthy, "s3_get": compared.s3 })
        );
        return;
    }
    let text = markdown::section(&compared, seeds);
    println!("{text}");
    if flag("--write-readme") {
        markdown::write_readme(&text);
    }
}
