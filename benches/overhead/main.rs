//! What the stack costs when nothing is wrong.
//!
//! Added nanoseconds per call over calling the inner service itself, when that answers at once and when it suspends once (so
//! that timers really register); heap allocations per call; calls of two threads over calls of one. Full default stack over
//! three endpoints. Variants are interleaved and medians taken, because machines are noisy.
//!
//! ```text
//! cargo bench --bench overhead              # the table
//! cargo bench --bench overhead -- --json    # one line of JSON
//! cargo bench --bench overhead -- --alone evenkeel [--suspends]    # two million calls of one stack, for a profiler
//! ```

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a bench reads the real clock

mod measure;
mod stacks;
mod standing;

use serde_json::json;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--alone") {
        let name = args.get(at + 1).map_or("", String::as_str);
        return measure::alone(&stacks::OURS, name, args.iter().any(|arg| arg == "--suspends"));
    }
    let json = args.iter().any(|arg| arg == "--json");
    let standing = standing::standing();
    let measured = measure::all(&stacks::OURS);
    if json {
        println!("{}", json!({ "stacks": measured, "standing": standing }));
        return;
    }
    println!(
        "{:<28} {:>9} {:>9} {:>7} {:>22}",
        "stack", "ready ns", "susp. ns", "allocs", "2 threads / 1 thread"
    );
    for row in measured {
        println!(
            "{:<28} {:>9.0} {:>9.0} {:>7.1} {:>22.2}",
            row.name,
            row.added_ns_ready,
            row.added_ns_suspend,
            row.allocs,
            row.two_thread_scaling.unwrap_or(f64::NAN)
        );
    }
    println!(
        "\na client takes {:.0} bytes and {:.0} for each endpoint, on {} processors; snapshot() of three takes {:.0} ns",
        standing.bytes_per_client,
        standing.bytes_per_endpoint,
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        standing.snapshot_ns
    );
}
