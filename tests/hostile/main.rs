//! The README's promises, against those who try to break them: gateways that speak for a store, servers that redirect, late
//! attempts, foreign keys, endless listings, callers' code that panics.
//!
//! One theme per file, one trial per way to break a promise. After the trials each promise has a line: how often it was tried,
//! and how often it broke.
//!
//! ```sh
//! cargo test --test hostile --all-features                   # every trial
//! EVENKEEL_LONG=1 cargo test --test hostile --all-features   # the parts that draw by chance, fifty times as long
//! EVENKEEL_SEED=7 cargo test --test hostile --all-features   # from another seed; the seed is printed
//! ```

#![allow(clippy::unwrap_used)] // helpers of tests are tests

#[macro_use]
#[path = "../support/through.rs"]
mod through;
mod budget;
mod cancellation;
mod composition;
mod concurrent_writes;
mod conditions;
mod connections;
mod constraints;
mod counters;
mod error_text;
mod everyday;
mod fences;
mod gateways;
mod graceful_close;
mod keys;
mod listings;
mod promise;
mod proof;
mod redirects;
mod refused_creates;
mod retry_after;
#[path = "../support/script.rs"]
mod script;
mod settings;
mod writes;

use libtest_mimic::Arguments;

fn main() {
    let arguments = Arguments::from_args();
    let themes = [
        budget::trials(),
        graceful_close::trials(),
        composition::trials(),
        conditions::trials(),
        connections::trials(),
        constraints::trials(),
        counters::trials(),
        concurrent_writes::trials(),
        cancellation::trials(),
        fences::trials(),
        gateways::trials(),
        keys::trials(),
        everyday::trials(),
        listings::trials(),
        promise::trials(),
        retry_after::trials(),
        proof::trials(),
        redirects::trials(),
        refused_creates::trials(),
        settings::trials(),
        error_text::trials(),
        writes::trials(),
    ];
    let conclusion = libtest_mimic::run(&arguments, themes.into_iter().flatten().collect());
    if !arguments.list {
        promise::print();
    }
    conclusion.exit();
}
