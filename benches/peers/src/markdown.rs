//! README's section *Compared*.

use crate::{
    Compared,
    fault::{Outcome, PEERS},
    figures::Row,
    machine,
    measure::Measured,
    s3_get::Cost,
    world::{FAULTS, Fault},
};
use std::{
    fmt::{self, Display, Formatter, Write as _},
    fs,
};

const BEGIN: &str = "<!-- compared:begin -->";
const END: &str = "<!-- compared:end -->";
const COMMAND: &str = "cargo run --release --manifest-path benches/peers/Cargo.toml -- --write-readme";

/// The text between the marks, without them.
pub(crate) fn section(compared: &Compared, seeds: u64) -> String {
    let mut text = format!("`{COMMAND}`, {}.\n", machine::described());
    if !compared.fault.is_empty() {
        fault(&mut text, &compared.fault, seeds);
    }
    if !compared.healthy.is_empty() {
        healthy(&mut text, &compared.healthy);
    }
    if let Some(cost) = &compared.s3 {
        s3(&mut text, cost);
    }
    text
}

/// Replaces what is between the marks in the crate's README.
pub(crate) fn write_readme(section: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = fs::read_to_string(path).expect("the crate's README");
    let (before, rest) = readme.split_once(BEGIN).expect("a mark where the section begins");
    let (_, after) = rest.split_once(END).expect("a mark where the section ends");
    fs::write(path, format!("{before}{BEGIN}\n{section}{END}{after}")).expect("a README that can be written");
}

fn fault(text: &mut String, outcomes: &[Outcome], seeds: u64) {
    let names: Vec<String> = FAULTS.iter().map(|f| format!("`{}`", f.name())).collect();
    let _ = write!(
        text,
        "\n### During a fault\n\n\
         Reads during 20 s of fault at the primary: answered rightly within 100 ms, and what 99 % took at most (the standby alone: 14 ms).\n\n\
         | | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(names.len()),
    );
    for peer in &PEERS {
        let cells: Vec<String> = FAULTS
            .iter()
            .map(|fault| {
                let found = outcomes.iter().find(|o| o.fault == *fault && o.peer.name == peer.name);
                found.map_or(String::new(), |o| {
                    format!("{}, {}", Percent(o.row.ok_under_100ms), Milliseconds(o.row.p99_ms))
                })
            })
            .collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            let _ = writeln!(text, "| {} | {} |", named(peer.name), cells.join(" | "));
        }
    }
    let _ = write!(
        text,
        "\n<details><summary>Every figure, fault by fault</summary>\n\n\
         Primary: 1–3 ms. Standby: 10–14 ms. 500 reads a second at random moments (`over`: 800), 10 s healthy, 20 s fault, 25 s after; \
         virtual time; medians of {seeds} seeds. *Left*: until under 1 % of the reads touch the primary. *Back*: from its recovery until 90 % do again.\n",
    );
    for fault in FAULTS {
        let rows: Vec<&Outcome> = outcomes.iter().filter(|o| o.fault == fault).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\n`{}`: {}\n\n\
             | | success | within 100 ms | p99 | p99.9 | attempts at the primary per call | attempts per call | left after | back after |\n\
             |---|---|---|---|---|---|---|---|---|\n",
            fault.name(),
            meaning(fault),
        );
        for Outcome { peer, row, .. } in rows {
            let _ = writeln!(text, "| {} | {} |", named(peer.name), cells(row));
        }
    }
    text.push_str("\n</details>\n\n<details><summary>How each was set up</summary>\n\n| | |\n|---|---|\n");
    for peer in &PEERS {
        let _ = writeln!(text, "| {} | {} |", named(peer.name), peer.setup);
    }
    text.push_str("\n</details>\n");
}

const fn meaning(fault: Fault) -> &'static str {
    match fault {
        Fault::Hard => "the primary answers 503 at once.",
        Fault::Black => "it hangs.",
        Fault::Err30 => "30 % of its answers are errors.",
        Fault::Slow50 => "it is 50 times slower.",
        Fault::Slow300 => "it is 300 times slower.",
        Fault::Flap => "it is down for 5 s, up for 5 s, and so on.",
        Fault::Over => {
            "it throttles above 400 a second for 5 s, then above 1,000; a refusal costs it half as much as an answer. More attempts at the primary are better here."
        }
    }
}

fn cells(row: &Row) -> String {
    format!(
        "{} | {} | {} | {} | {:.4} | {:.3} | {} | {}",
        Percent(row.success),
        Percent(row.ok_under_100ms),
        Milliseconds(row.p99_ms),
        Milliseconds(row.p999_ms),
        row.primary_attempts_per_call,
        row.attempts_per_call,
        seconds(row.leave_s),
        seconds(row.leave_s.and(row.return_s)),
    )
}

fn seconds(time: Option<f64>) -> String {
    time.map_or("–".to_owned(), |s| format!("{s:.2} s"))
}

fn healthy(text: &mut String, stacks: &[Measured]) {
    text.push_str(
        "\n### On the healthy path\n\n\
         Time added to a call, when the service below answers at once and when it suspends once; heap allocations; throughput of two threads over one.\n\n\
         | | answers at once | suspends | allocations | two threads |\n|---|---|---|---|---|\n",
    );
    for stack in stacks {
        let two_threads = stack.two_thread_scaling.map_or("–".to_owned(), |s| format!("{s:.2}"));
        let _ = writeln!(
            text,
            "| {} | {:.0} ns | {:.0} ns | {:.0} | {two_threads} |",
            named(stack.name),
            stack.added_ns_ready,
            stack.added_ns_suspend,
            stack.allocs,
        );
    }
}

fn s3(text: &mut String, cost: &Cost) {
    let _ = write!(
        text,
        "\n### Per S3 GET\n\n\
         CPU time of the whole process per GET of 1 KiB from a server on loopback.\n\n\
         | | CPU | ratio |\n|---|---|---|\n\
         | aws-sdk-s3 | {:.1} µs | 1 |\n\
         | **evenkeel**, `Failover` over it | {:.1} µs | {:.3} |\n\
         | **evenkeel**, `ObjectClient` over it | {:.1} µs | {:.3} |\n",
        cost.plain_us, cost.failover_us, cost.failover_ratio, cost.object_client_us, cost.object_client_ratio,
    );
}

fn named(name: &str) -> String {
    if name.starts_with("evenkeel") {
        format!("**{name}**")
    } else {
        name.to_owned()
    }
}

struct Percent(f64);

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 * 100.0 {
            100.0 => f.write_str("100 %"),
            // Never rounded up to what was not reached.
            percent => write!(f, "{:.2} %", (percent * 100.0).floor() / 100.0),
        }
    }
}

struct Milliseconds(f64);

impl Display for Milliseconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000.0 {
            write!(f, "{:.0} ms", self.0)
        } else {
            write!(f, "{:.1} s", self.0 / 1e3)
        }
    }
}
