//! How it is measured.

use serde::Serialize;
use std::{future::Future, pin::Pin, time::Instant};

/// Makes as many calls as it is told, one after the other.
pub(crate) type Runner = Box<dyn Fn(u64) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// One of the stacks that are measured in turn.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// Makes a runner, whose inner service answers at once (`false`) or suspends once (`true`).
    pub(crate) runner: fn(bool) -> Runner,
    /// The name of the variant that is subtracted.
    pub(crate) over: &'static str,
    /// Whether two threads can share it.
    pub(crate) shared: bool,
}

impl Variant {
    pub(crate) const fn new(name: &'static str, runner: fn(bool) -> Runner) -> Self {
        Self {
            name,
            runner,
            over: BARE,
            shared: true,
        }
    }
}

/// The variant that is no stack.
pub(crate) const BARE: &str = "bare service";

/// Names and units as in `docs/COMPARED.md`, *On the healthy path*.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) added_ns_ready: f64,
    pub(crate) added_ns_suspend: f64,
    pub(crate) allocs: f64,
    pub(crate) two_thread_scaling: Option<f64>,
}

pub(crate) const CALLS: u64 = 20_000;
const ROUNDS: usize = 41;

pub(crate) fn all(variants: &[Variant]) -> Vec<Measured> {
    let ready = medians(variants, false);
    let suspend = medians(variants, true);
    let measured = variants.iter().enumerate().map(|(i, variant)| {
        let base = variants.iter().position(|v| v.name == variant.over).unwrap();
        Measured {
            name: variant.name,
            added_ns_ready: ready[i] - ready[base],
            added_ns_suspend: suspend[i] - suspend[base],
            allocs: allocations(&(variant.runner)(false)),
            two_thread_scaling: variant.shared.then(|| scaling(&(variant.runner)(false))),
        }
    });
    measured.collect()
}

/// Two million calls of the variant of this name.
#[allow(dead_code)] // only the bench of the crate itself has the flag
pub(crate) fn alone(variants: &[Variant], name: &str, suspends: bool) {
    let Some(variant) = variants.iter().find(|variant| variant.name == name) else {
        let names: Vec<_> = variants.iter().map(|variant| variant.name).collect();
        eprintln!("no stack named {name:?}; there are {names:?}");
        std::process::exit(2);
    };
    runtime().block_on((variant.runner)(suspends)(2_000_000));
}

/// What this thread has used of the processor: other work on the machine does not count.
pub(crate) fn cpu_nanos() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// Median CPU nanoseconds per call of each stack, measured in turn.
fn medians(variants: &[Variant], suspends: bool) -> Vec<f64> {
    let runtime = runtime();
    let runners: Vec<Runner> = variants.iter().map(|v| (v.runner)(suspends)).collect();
    let mut times = vec![Vec::new(); runners.len()];
    for round in 0..ROUNDS {
        for (runner, times) in runners.iter().zip(&mut times) {
            let begun = cpu_nanos();
            runtime.block_on(runner(CALLS));
            // The first round warms caches, pools and estimates.
            if round > 0 {
                times.push((cpu_nanos() - begun) / CALLS as f64);
            }
        }
    }
    times.into_iter().map(median).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Heap allocations per call.
fn allocations(runner: &Runner) -> f64 {
    let runtime = runtime();
    runtime.block_on(runner(CALLS));
    let counted = allocation_counter::measure(|| runtime.block_on(runner(CALLS)));
    // The runner boxes its own future once.
    (counted.count_total.saturating_sub(1)) as f64 / CALLS as f64
}

/// Calls per second of two threads that share the stack, over those of one. Median of several rounds.
fn scaling(runner: &Runner) -> f64 {
    let one_thread = || {
        let begun = Instant::now();
        runtime().block_on(runner(CALLS));
        begun.elapsed().as_secs_f64()
    };
    let two_threads = || {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| runtime().block_on(runner(CALLS)));
            }
        });
        begun.elapsed().as_secs_f64()
    };
    let ratios = (0..11).map(|_| 2.0 * one_thread() / two_threads()).collect();
    median(ratios)
}
