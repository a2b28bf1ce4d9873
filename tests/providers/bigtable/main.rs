//! Bigtable: the conformance suite before Google's emulator, and what answers and misbehaviour become.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![expect(clippy::disallowed_methods, reason = "the crate's clock is its own")]

#[path = "../support/authority.rs"]
mod authority;
mod conformance;
mod fake;
mod faults;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/races.rs"]
mod races;
#[path = "../support/relay.rs"]
mod relay;
mod responses;
mod tls;
#[path = "../../support/tried.rs"]
mod tried;

use evenkeel::{
    provider::{Bigtable, KvProvider, ProviderError},
    request::{
        WriteId,
        kv::{Condition, Get, Key, Put},
    },
    verdict::{Sent, Verdict},
};
use google_cloud_auth::credentials::anonymous;
use std::{net::SocketAddr, time::Duration};

const TABLE: &str = "projects/tests/instances/emulator/tables/values";

fn at(addr: SocketAddr) -> Bigtable {
    Bigtable::new(anonymous::Builder::new().build(), TABLE).endpoint(format!("http://{addr}"))
}

/// The emulator and its table, or nothing, with a word why not.
async fn emulator(what: &str) -> Option<process::Process> {
    let emulator = process::bigtable(what)?;
    // It listens before it has its table.
    for _ in 0..200 {
        if at(emulator.addr).warm_up().await.is_ok() {
            return Some(emulator);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the emulator has no table");
}

fn get(key: &str) -> Get {
    Get::new(Key::new(key).unwrap())
}

fn put(key: &str) -> Put {
    Put::new(Key::new(key).unwrap(), "v", WriteId::new(key))
}

fn create(key: &str) -> Put {
    put(key).on(Condition::Absent)
}

fn is(error: &ProviderError, verdict: Verdict, sent: Sent, what: &str) {
    let met = error.outcome();
    assert_eq!((met.verdict, met.sent), (verdict, sent), "{what}: {error}");
}
