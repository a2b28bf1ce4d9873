//! evenkeel and its peers, in the same run.
//!
//! Four comparisons: during a fault and in what `benches/gray` plays (both in virtual time, see `clock`), on the healthy path, and
//! per real S3 GET. All of it takes about ten minutes on two cores.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --markdown       # docs/COMPARED.md
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --write-readme   # writes it, and the table in README's section Compared
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --json
//! ```
//!
//! `fault`, `gray`, `healthy` or `s3` runs one of them. `--peer <part of a name>` and `--fault black` (or a case) narrow the first two,
//! `--seeds 3` (7) the first.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a bench reads the clocks it compares

mod clock;
mod dal;
mod fault;
mod healthy;
mod machine;
mod markdown;
mod s3_get;

#[path = "../../gray/case.rs"]
#[allow(dead_code)] // those of evenkeel alone
mod case;
#[path = "../../gray/cases.rs"]
#[allow(dead_code)] // those of evenkeel alone
mod cases;
#[path = "../../simulated/figures.rs"]
#[allow(dead_code)] // its own table
mod figures;
#[path = "../../simulated/load.rs"]
mod load;
#[path = "../../overhead/measure.rs"]
mod measure;
#[path = "../../simulated/ours.rs"]
mod ours;
#[path = "../../gray/server.rs"]
mod server;
#[path = "../../overhead/stacks.rs"]
mod stacks;
#[path = "../../simulated/store.rs"]
mod store;
#[path = "../../degradation/world.rs"]
#[allow(dead_code)] // its own table
mod world;

use fault::{GRAY_SEEDS, Outcome, Scene};
use measure::Measured;
use s3_get::Cost;
use serde_json::json;

/// What was measured; what was not asked for is empty.
struct Compared {
    fault: Vec<Outcome>,
    gray: Vec<Outcome>,
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
    let part = |name: &str| flag(name) || !["fault", "gray", "healthy", "s3"].into_iter().any(flag);
    let seeds = value("--seeds").map_or(7, |n| n.parse().expect("a number of seeds"));

    let outcomes = |scenes: Vec<Scene>, seeds| {
        let wanted = |scene: &Scene| value("--fault").is_none_or(|name| scene.name() == name);
        let peer = |name: &str| value("--peer").is_none_or(|wanted| name.contains(wanted.as_str()));
        fault::outcomes(scenes.into_iter().filter(wanted).collect(), seeds, peer)
    };
    let compared = Compared {
        // The two that measure real time come first, alone.
        healthy: if part("healthy") {
            healthy::measured()
        } else {
            Vec::new()
        },
        s3: part("s3").then(s3_get::measured),
        fault: if part("fault") {
            outcomes(fault::faults(), seeds)
        } else {
            Vec::new()
        },
        gray: if part("gray") {
            outcomes(fault::gray(), GRAY_SEEDS)
        } else {
            Vec::new()
        },
    };

    if flag("--json") {
        let list = |outcomes: &[Outcome]| -> Vec<_> {
            let rows = outcomes.iter();
            rows.map(|o| json!({ "peer": o.peer.name, "figures": o.scene.row(o.figures.clone()) }))
                .collect()
        };
        println!(
            "{}",
            json!({
                "fault": list(&compared.fault),
                "gray": list(&compared.gray),
                "stacks": compared.healthy,
                "s3_get": compared.s3,
            })
        );
        return;
    }
    println!("{}", markdown::page(&compared, seeds));
    if flag("--write-readme") {
        markdown::write(&compared, seeds);
    }
}
