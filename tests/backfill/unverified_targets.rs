//! Targets of which nobody knows whether they keep to a create.

use crate::support::{Hooked, between, body, denied, filled, key, ms, secs, write};
use evenkeel::{
    backfill::StopReason,
    provider::{Capabilities, Capability, Memory, ObjectProvider, ProviderError},
    request::object::{Put, PutAnswer, PutMode},
};

/// Nobody knows what it does with conditions.
#[derive(Clone)]
struct Unasked {
    store: Hooked<Memory>,
    ignores: bool,
}

impl ObjectProvider for Unasked {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, ProviderError> {
        if self.ignores {
            put.mode = PutMode::Overwrite;
        }
        self.store.put(put).await
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::all(Capability::Unknown)
    }

    objects_through!(self.store: get head delete list);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_ignores_creates_gets_no_copy() {
    let to = Memory::new();
    write(&to, &key(0), "somebody else's");
    let target = Unasked {
        store: Hooked::watched(to.clone()),
        ignores: true,
    };
    let report = between(filled(3).await, target).run().await.unwrap();
    assert_eq!(
        (report.counts.not_copyable, report.counts.copied),
        (3, 0),
        "{}",
        report.counts
    );
    assert!(!report.is_clean());
    assert_eq!(body(&to, &key(0)).unwrap(), "somebody else's");
    assert!(body(&to, &key(1)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_honours_creates_gets_copies() {
    let to = Memory::new();
    write(&to, &key(0), "somebody else's");
    let target = Unasked {
        store: Hooked::watched(to.clone()),
        ignores: false,
    };
    let report = between(filled(3).await, target).run().await.unwrap();
    assert_eq!(
        (report.counts.conflicts, report.counts.copied),
        (1, 2),
        "{}",
        report.counts
    );
    assert_eq!(body(&to, &key(0)).unwrap(), "somebody else's");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_verified_gets_no_copy() {
    let target = Unasked {
        store: Hooked::new(Memory::new(), |asked| (asked.what == "put").then(denied)),
        ignores: true,
    };
    let stopped = between(filled(3).await, target.clone()).run().await.unwrap_err();
    let StopReason::Unverified { endpoint, .. } = stopped.reason() else {
        panic!("{stopped}");
    };
    assert_eq!(&**endpoint, "ireland");
    assert!(
        target
            .store
            .log()
            .iter()
            .all(|asked| asked.key.starts_with(".evenkeel/verify/"))
    );
}

/// A store that is well and far away: its answers take seconds, and the questions are many.
#[tokio::test(start_paused = true)]
async fn a_slow_target_is_verified_and_gets_copies() {
    let slow = Memory::new().with_latency(secs(4)..ms(4_900), 7);
    let target = Unasked {
        store: Hooked::watched(slow),
        ignores: false,
    };
    let report = between(filled(3).await, target.clone()).run().await.unwrap();
    assert_eq!(report.counts.copied, 3, "{}", report.counts);
    let log = target.store.log();
    let firsts = log
        .iter()
        .filter(|asked| asked.what == "put" && asked.key.ends_with("/honours"));
    assert!(firsts.count() <= 2, "asked once");
}
