//! How it is measured.

use crate::stacks::{Client, Runner, Stack, failover};
use serde::Serialize;
use std::time::Instant;

/// Names and units as in the README's table.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) added_ns_ready: f64,
    pub(crate) added_ns_suspend: f64,
    pub(crate) allocs: f64,
    pub(crate) two_thread_scaling: f64,
}

/// What a client costs beside its calls.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    /// Heap bytes of a client beside its endpoints.
    pub(crate) bytes_per_client: f64,
    /// Heap bytes of one more endpoint.
    pub(crate) bytes_per_endpoint: f64,
    /// CPU nanoseconds of `snapshot()` over three endpoints.
    pub(crate) snapshot_ns: f64,
}

pub(crate) fn standing() -> Standing {
    let client = Client { suspends: false };
    let bytes = |endpoints| {
        let mut kept = None;
        let counted = allocation_counter::measure(|| kept = Some(failover(client, endpoints)));
        drop(kept);
        counted.bytes_current as f64
    };
    let (one, many) = (bytes(1), bytes(33));
    let bytes_per_endpoint = (many - one) / 32.0;
    let failover = failover(client, 3);
    let begun = cpu_nanos();
    for _ in 0..CALLS {
        std::hint::black_box(failover.snapshot());
    }
    Standing {
        bytes_per_client: one - bytes_per_endpoint,
        bytes_per_endpoint,
        snapshot_ns: (cpu_nanos() - begun) / CALLS as f64,
    }
}

const CALLS: u64 = 20_000;
const ROUNDS: usize = 41;

pub(crate) fn all() -> Vec<Measured> {
    let ready = medians(false);
    let suspend = medians(true);
    Stack::ALL
        .iter()
        .enumerate()
        .map(|(i, stack)| Measured {
            name: stack.name(),
            added_ns_ready: ready[i] - ready[0],
            added_ns_suspend: suspend[i] - suspend[0],
            allocs: allocations(&stack.runner(false)),
            two_thread_scaling: scaling(&stack.runner(false)),
        })
        .collect()
}

/// Two million calls of the stack of this name.
pub(crate) fn alone(name: &str, suspends: bool) {
    let Some(stack) = Stack::ALL.iter().find(|stack| stack.name() == name) else {
        let names: Vec<_> = Stack::ALL.iter().map(|stack| stack.name()).collect();
        eprintln!("no stack named {name:?}; there are {names:?}");
        std::process::exit(2);
    };
    runtime().block_on(stack.runner(suspends)(2_000_000));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// What this thread has used of the processor: other work on the machine does not count.
fn cpu_nanos() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Median CPU nanoseconds per call of each stack, measured in turn.
fn medians(suspends: bool) -> Vec<f64> {
    let runtime = runtime();
    let runners: Vec<Runner> = Stack::ALL.iter().map(|stack| stack.runner(suspends)).collect();
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
