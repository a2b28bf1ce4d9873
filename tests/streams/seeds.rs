//! Seeds: each one a case of its own, which prints itself where it fails.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

/// The seed that `EVENKEEL_SEED` names, if it does.
fn named() -> Option<u64> {
    let seed = std::env::var("EVENKEEL_SEED").ok()?;
    Some(seed.parse().expect("EVENKEEL_SEED is a number"))
}

/// So many times as many where `EVENKEEL_LONG` is set.
const LONG: u64 = 20;

/// The seeds from 0, or the one that is named.
pub(crate) fn of(seeds: u64) -> Range<u64> {
    match named() {
        Some(seed) => seed..seed + 1,
        None if std::env::var_os("EVENKEEL_LONG").is_some() => 0..seeds * LONG,
        None => 0..seeds,
    }
}

/// Runs a case for each seed on all cores. Each has a runtime of its own in paused
/// time. Fails with all that they say.
pub(crate) fn in_virtual_time<F>(seeds: u64, case: impl Fn(u64) -> F + Sync)
where
    F: Future<Output = Result<(), String>>,
{
    let Range { start, end } = of(seeds);
    let next = AtomicU64::new(start);
    let failed = Mutex::new(Vec::new());
    let work = || loop {
        let seed = next.fetch_add(1, Relaxed);
        if seed >= end {
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        if let Err(why) = runtime.block_on(case(seed)) {
            failed.lock().unwrap().push((seed, why));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    none(failed.into_inner().unwrap());
}

/// Fails with all that failed.
pub(crate) fn none(mut failed: Vec<(u64, String)>) {
    failed.sort();
    let all: Vec<_> = failed
        .iter()
        .map(|(seed, why)| format!("EVENKEEL_SEED={seed}: {why}"))
        .collect();
    assert!(all.is_empty(), "{} seeds failed:\n{}", all.len(), all.join("\n"));
}
