//! What the stack costs when nothing is wrong.
//!
//! Added nanoseconds per call over calling the inner service itself, when that answers at once and when it suspends once (so
//! that timers really register); heap allocations per call; calls of two threads over calls of one. Full default stack over
//! three endpoints. Variants are interleaved and medians taken, because machines are noisy.
//!
//! ```text
//! cargo bench --bench overhead              # the table
//! cargo bench --bench overhead -- --json    # one line of JSON
//! ```

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a bench reads the real clock

mod measure;
mod stacks;

use serde_json::json;

fn main() {
    let json = std::env::args().any(|arg| arg == "--json");
    let measured = measure::all(&stacks::OURS);
    if json {
        println!("{}", json!({ "stacks": measured }));
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
}
