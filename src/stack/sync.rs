//! Locks and atomics of the state that attempts share: std's, or [loom]'s, which tries every interleaving.
//!
//! Under `--cfg evenkeel_loom` only the tests named `loom` run: loom's types work inside a model alone. These tests
//! drive the real breaker, budget and admission. `.ci/run` has the command. The cfg is our own because some
//! dependencies do not build under loom's usual one. `Arc` stays std's: loom's has no `Weak`, and the tests explore
//! which thread sees which state, not which frees it. A model's threads are one thread to the system, so they meet in
//! one stripe of any [striped](crate::stack::striped) state.
//!
//! [loom]: https://docs.rs/loom

#[cfg(all(test, evenkeel_loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, evenkeel_loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

/// Runs `model` in every interleaving of its threads with at most three preemptions. Most bugs show with two
/// (Musuvathi and Qadeer 2007), and a run takes seconds. Time stands still within a model.
#[cfg(all(test, evenkeel_loom))]
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    // loom's threads are coroutines of this one, so they all see its paused clock.
    let _time_stands_still = runtime.enter();
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound.get_or_insert(3);
    explorer.check(model);
}
