//! What real services do: endpoints that are ill in part, objects of all sizes, two that are ill at once. In virtual time.
//!
//! Primary: 1–3 ms. Standby: 10–14 ms. Poisson arrivals of reads; 10 s healthy, 120 s of fault, 20 s after (at 5 calls/s:
//! 60 s, 200 s, 60 s), unless the case says otherwise: see `cases`. Medians of seven seeds. Default settings.
//!
//! ```text
//! cargo bench --bench gray                        # the table, and what is to stay as it was
//! cargo bench --bench gray -- --json              # one line of JSON
//! cargo bench --bench gray -- rr6 gc --seeds 1    # some cases, once
//! cargo bench --bench gray -- --check             # against what is to be reached: exits with 1 where that is missed
//! ```

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a bench reads the clock it drives

mod case;
mod cases;
#[path = "../simulated/figures.rs"]
mod figures;
mod heard;
mod held;
#[path = "../simulated/load.rs"]
mod load;
mod miss;
#[path = "../../tests/support/store.rs"]
mod objects;
#[path = "../simulated/ours.rs"]
#[allow(dead_code)] // who tells nobody
mod ours;
mod row;
mod second;
mod server;
#[path = "../simulated/store.rs"]
mod store;
mod targets;

use case::{Case, Trouble};
use heard::Heard;
use load::{Client, Failed};
use row::Row;
use serde_json::json;
use std::{
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use store::Ask;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let mut seeds = 7;
    if let Some(place) = args.iter().position(|arg| arg == "--seeds") {
        seeds = args[place + 1].parse().expect("a number of seeds");
        args.drain(place..place + 2);
    }
    let flag = |name: &str| args.iter().any(|arg| arg == name);
    let only: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |case: &Case| only.is_empty() || only.iter().any(|name| *name == case.name);
    let cases = cases::all().into_iter().chain(cases::misses()).chain([cases::second()]);
    let cases: Vec<Case> = cases.filter(wanted).collect();
    let held: Vec<Case> = held::all().into_iter().filter(wanted).collect();
    let (rows, held) = (played(&cases, seeds), played(&held, seeds));
    if flag("--json") {
        println!("{}", json!({ "rows": rows, "held": held }));
    } else {
        for rows in [&rows, &held].into_iter().filter(|rows| !rows.is_empty()) {
            println!("{}", Row::header());
            rows.iter().for_each(|row| println!("{row}"));
        }
    }
    if flag("--check") && !reached(&rows, &held) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Medians, in the order of the cases. The runs are spread over the cores.
fn played(cases: &[Case], seeds: u64) -> Vec<Row> {
    let runs: Vec<(usize, u64)> = (0..cases.len())
        .flat_map(|case| (1..=seeds).map(move |seed| (case, seed)))
        .collect();
    let done: Vec<Mutex<Vec<Row>>> = cases.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((case, seed)) = runs.get(next.fetch_add(1, Relaxed)) {
                    let row = play(&cases[*case], *seed);
                    done[*case].lock().unwrap().push(row);
                }
            });
        }
    });
    let rows = done.into_iter().map(|rows| rows.into_inner().unwrap());
    rows.map(|rows| Row::median(&rows)).collect()
}

fn play(case: &Case, seed: u64) -> Row {
    if case.name.starts_with("miss") {
        let hanging = case
            .places
            .iter()
            .position(|place| matches!(place.trouble, Trouble::Hang(_)));
        return miss::play(case, hanging.expect("one that hangs"), seed);
    }
    if case.name == "second" {
        return second::play(case, seed);
    }
    let heard = Heard::default();
    let calls = case.play(seed, |stores, start, rng| {
        let clients = (0..case.clients).map(|_| ours::telling(stores.clone(), rng.u64(..), heard.listener(start)));
        Herd {
            clients: clients.collect(),
            next: Arc::default(),
        }
    });
    Row::of(case, calls, &heard.events())
}

/// Clients that take turns.
#[derive(Clone)]
struct Herd<C> {
    clients: Arc<[C]>,
    next: Arc<AtomicUsize>,
}

impl<C: Client> Client for Herd<C> {
    async fn read(&self) -> bool {
        self.call(Ask::default()).await.is_ok()
    }

    async fn call(&self, ask: Ask) -> Result<(), Failed> {
        let turn = self.next.fetch_add(1, Relaxed);
        self.clients[turn % self.clients.len()].call(ask).await
    }
}

/// Says of each target of these rows whether it is reached.
fn reached(rows: &[Row], held: &[Row]) -> bool {
    let judged = rows.iter().flat_map(targets::judge);
    let held = held.iter().flat_map(|row| [held::judge(row), targets::few_events(row)]);
    let mut all = true;
    for (holds, sentence) in judged.chain(held) {
        println!("{sentence}");
        all &= holds;
    }
    all
}
