//! `docs/COMPARED.md`, and the table in README's section *Compared*, which is a part of it.

use crate::{
    Compared,
    fault::{GRAY_SEEDS, Outcome, PEERS, Scene},
    figures::Figures,
    machine,
    measure::Measured,
    s3_get::Cost,
    world::Fault,
};
use std::{
    fmt::{self, Display, Formatter, Write as _},
    fs,
};

const BEGIN: &str = "<!-- compared:begin -->";
const END: &str = "<!-- compared:end -->";
const COMMAND: &str = "cargo run --release --manifest-path benches/peers/Cargo.toml -- --write-readme";
/// By hand: no figure says it.
const BETTER: &str = include_str!("better.md");

/// What the page's first table shows beside every fault.
const AT_A_GLANCE: [&str; 12] = [
    "hang10",
    "rr6",
    "sick30",
    "both30",
    "large05",
    "creep10",
    "sd10",
    "prefix",
    "gc",
    "farhang",
    "busy",
    "impatient",
];
/// What README's table shows: where evenkeel gains the most, and where a peer is better.
const README: [&str; 4] = ["black", "hang10", "gc", "both30"];

/// All of it.
pub(crate) fn page(compared: &Compared, seeds: u64) -> String {
    let mut text = format!(
        "# Compared\n\n\
         evenkeel beside what one would otherwise use, in one run of ten minutes without a network: the same calls, faults and machine. \
         Where it is not said otherwise, time is virtual, and the peers' clocks follow it, too. Each peer is set up as its docs advise \
         and, where they leave room, in its favour: see [how](#how-each-was-set-up), and \
         [`benches/peers`](../benches/peers/src/fault/mod.rs) for the code.\n\n\
         `{COMMAND}`, {}. The same command with `--markdown` prints this page, and with `--json` the figures.\n",
        machine::described()
    );
    if !compared.fault.is_empty() || !compared.gray.is_empty() {
        text.push_str(
            "\n## At a glance\n\n\
             Reads answered rightly within 100 ms (where everything takes longer: answered rightly at all), what 99 % took at most, and attempts per call. \
             The primary takes 1–3 ms, the standby 10–14 ms, where the case says nothing else.\n\n",
        );
        let glance = compared.gray.iter().filter(|o| AT_A_GLANCE.contains(&o.scene.name()));
        best(&mut text, compared.fault.iter().chain(glance));
    }
    let _ = write!(text, "\n## What the peers are better at\n\n{BETTER}");
    if !compared.fault.is_empty() {
        text.push_str(
            "\n## During a fault\n\n\
             Reads during 20 s of fault at the primary: answered rightly within 100 ms, and what 99 % took at most (the standby alone: 14 ms).\n",
        );
        overview(&mut text, &compared.fault);
        let _ = write!(
            text,
            "\n<details><summary>Every figure, fault by fault</summary>\n\n\
             Primary: 1–3 ms. Standby: 10–14 ms. 500 reads a second at random moments (`over`: 800), 10 s healthy, 20 s fault, 25 s after; \
             medians of {seeds} seeds. *Left*: until under 1 % of the reads touch the primary. *Back*: from its recovery until 90 % do again.\n",
        );
        in_full(&mut text, &compared.fault);
    }
    if !compared.gray.is_empty() {
        text.push_str(
            "\n## Ill in part\n\n\
             What real services do, `benches/gray`: the same figures of 120 s; where everything takes longer than 100 ms, of the answers at all.\n",
        );
        overview(&mut text, &compared.gray);
        let _ = write!(
            text,
            "\n<details><summary>Every figure, case by case</summary>\n\n\
             500 reads a second, 10 s healthy, 120 s of it, 20 s after, where the case says nothing else; seeds: {GRAY_SEEDS}.\n",
        );
        in_full(&mut text, &compared.gray);
    }
    if !compared.fault.is_empty() || !compared.gray.is_empty() {
        text.push_str(
            "\n## How each was set up\n\n\
             Limits of 250 ms, and what is late after 50 ms: where something healthy takes longer, a quarter more than that.\n\n\
             | | |\n|---|---|\n",
        );
        for peer in &PEERS {
            let _ = writeln!(text, "| {} | {} |", named(peer.name), peer.setup);
        }
    }
    if !compared.healthy.is_empty() {
        healthy(&mut text, &compared.healthy);
    }
    if let Some(cost) = &compared.s3 {
        s3(&mut text, cost);
    }
    text
}

/// Writes the page, and replaces what is between the marks in the crate's README.
pub(crate) fn write(compared: &Compared, seeds: u64) {
    let page_at = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/COMPARED.md");
    fs::write(page_at, page(compared, seeds)).expect("a page that can be written");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = fs::read_to_string(path).expect("the crate's README");
    let (before, rest) = readme.split_once(BEGIN).expect("a mark where the table begins");
    let (_, after) = rest.split_once(END).expect("a mark where the table ends");
    let mut table = String::new();
    let all = compared.fault.iter().chain(&compared.gray);
    best(&mut table, all.filter(|o| README.contains(&o.scene.name())));
    fs::write(path, format!("{before}{BEGIN}\n{table}{END}{after}")).expect("a README that can be written");
}

/// A table of evenkeel, the best of the others, and none of them.
fn best<'a>(text: &mut String, outcomes: impl Iterator<Item = &'a Outcome>) {
    text.push_str("| | evenkeel | best of its peers | no library |\n|---|---|---|---|\n");
    let all: Vec<&Outcome> = outcomes.collect();
    for same in all.chunk_by(|a, b| a.scene.name() == b.scene.name()) {
        let telling = Telling::of(same.iter().copied());
        let figures = |name: &str| same.iter().find(|o| o.peer.name == name);
        let cell = |outcome: Option<&&Outcome>| outcome.map_or(String::new(), |o| telling.with_attempts(&o.figures));
        let others = same
            .iter()
            .filter(|o| !["evenkeel", "no library"].contains(&o.peer.name));
        let best = others.min_by_key(|o| telling.rank(&o.figures));
        let _ = writeln!(
            text,
            "| `{}`: {} | {} | {} ({}) | {} |",
            same[0].scene.name(),
            meaning(&same[0].scene),
            cell(figures("evenkeel")),
            cell(best),
            best.map_or("", |o| o.peer.name),
            cell(figures("no library")),
        );
    }
}

/// Which share tells the peers apart.
#[derive(Clone, Copy)]
enum Telling {
    InTime,
    /// Nobody is in time: what counts is an answer.
    AtAll,
}

impl Telling {
    fn of<'a>(mut outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        match outcomes.any(|o| o.figures.ok_under_100ms > 0.01) {
            true => Self::InTime,
            false => Self::AtAll,
        }
    }

    const fn share(self, figures: &Figures) -> f64 {
        match self {
            Self::InTime => figures.ok_under_100ms,
            Self::AtAll => figures.success,
        }
    }

    /// The best first: by the share, by time, by what it costs.
    fn rank(self, figures: &Figures) -> [u64; 3] {
        let hundredths = (self.share(figures) * 1e4) as u64;
        [
            10_000 - hundredths,
            figures.p99_ms as u64,
            (figures.attempts_per_call * 1e3) as u64,
        ]
    }

    fn cell(self, figures: &Figures) -> String {
        format!("{}, {}", Percent(self.share(figures)), Milliseconds(figures.p99_ms))
    }

    fn with_attempts(self, figures: &Figures) -> String {
        format!("{}, {:.2}", self.cell(figures), figures.attempts_per_call)
    }
}

/// A table stays readable with so many columns.
const COLUMNS: usize = 7;

fn overview(text: &mut String, outcomes: &[Outcome]) {
    let scenes: Vec<&[Outcome]> = outcomes.chunk_by(|a, b| a.scene.name() == b.scene.name()).collect();
    for scenes in scenes.chunks(COLUMNS) {
        let names: Vec<String> = scenes
            .iter()
            .map(|same| format!("`{}`", same[0].scene.name()))
            .collect();
        let _ = write!(
            text,
            "\n| | {} |\n|---|{}\n",
            names.join(" | "),
            "---|".repeat(names.len())
        );
        for peer in &PEERS {
            let cells: Vec<String> = scenes
                .iter()
                .map(|same| {
                    let telling = Telling::of(same.iter());
                    let found = same.iter().find(|o| o.peer.name == peer.name);
                    found.map_or(String::new(), |o| telling.cell(&o.figures))
                })
                .collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                let _ = writeln!(text, "| {} | {} |", named(peer.name), cells.join(" | "));
            }
        }
    }
}

fn in_full(text: &mut String, outcomes: &[Outcome]) {
    for same in outcomes.chunk_by(|a, b| a.scene.name() == b.scene.name()) {
        let _ = write!(
            text,
            "\n`{}`: {}.\n\n\
             | | success | within 100 ms | p99 | p99.9 | attempts at the primary per call | attempts per call | left after | back after |\n\
             |---|---|---|---|---|---|---|---|---|\n",
            same[0].scene.name(),
            meaning(&same[0].scene),
        );
        for Outcome { peer, figures, .. } in same {
            let _ = writeln!(text, "| {} | {} |", named(peer.name), cells(figures));
        }
    }
    text.push_str("\n</details>\n");
}

fn meaning(scene: &Scene) -> &'static str {
    match scene {
        Scene::Fault(setting) => match setting.fault {
            Fault::Hard => "the primary answers 503 at once",
            Fault::Black => "the primary hangs",
            Fault::Err30 => "30 % of the primary's answers are errors",
            Fault::Slow50 => "the primary is 50 times slower",
            Fault::Slow300 => "the primary is 300 times slower",
            Fault::Flap => "the primary is down for 5 s, up for 5 s, and so on",
            Fault::Over => {
                "the primary throttles above 400 calls a second for 5 s, then above 1,000; more attempts there are better"
            }
        },
        Scene::Gray(case) => match case.name {
            "hang2" => "2 % of the primary's answers never come",
            "hang10" => "10 % of the primary's answers never come",
            "rr6" => "calls go in turn to six backends behind the primary, and one of them answers 503",
            "sick30" => "the primary hangs, and 30 % of the standby's answers are errors",
            "both30" => "30 % of the answers of both endpoints are errors",
            "dead30" => "the primary answers 503 at once, and 30 % of the standby's answers are errors",
            "large05" => "both endpoints are well; 0.5 % of the reads take 400–800 ms",
            "creep10" => "the primary gets slower by 10 ms each second",
            "sd1" => "the primary throttles 1 % at random; more attempts there are better",
            "sd10" => "the primary throttles 10 % at random; more attempts there are better",
            "prefix" => "the primary throttles one of ten prefixes; more attempts there are better",
            "gc" => "the primary stands still for 300 ms every 10 s",
            "far" => "both endpoints are well; the primary takes 205–225 ms, the standby 225–245 ms",
            "farhang" => "both endpoints are as far away as in `far`, and the primary hangs",
            "busy" => "both endpoints are well; 5,000 reads a second of 300 ms each, from a cold start",
            "mixed" => "both endpoints are well; half the reads take 400 ms, and the figures are those of the others",
            "mixed8" => {
                "both endpoints are well; 8 % of the reads take 400 ms, and the figures are those of the others"
            }
            "impatient" => {
                "30 % of the callers set a deadline that ends before their object is there; the figures are those of the others"
            }
            "leavers" => "as in `impatient`, but the callers leave at their deadline, of which no client was told",
            name => name,
        },
    }
}

fn cells(row: &Figures) -> String {
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
        "\n## On the healthy path\n\n\
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
        "\n## Per S3 GET\n\n\
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
