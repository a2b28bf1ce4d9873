//! An attempt that lands after the call that gave it up was acknowledged.

use super::wire::{Fate, Wire};
use crate::promise::Promise;
use evenkeel::{
    Endpoint, ErrorKind, Failover, KvClient, ObjectClient,
    provider::{Capabilities, Capability, Memory, MemoryTable, ObjectProvider, ProviderError},
    request::object::{Delete, Put, PutAnswer, PutMode},
    verdict::{Classify, Outcome, Sent, Verdict},
};
use libtest_mimic::Trial;
use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::sleep;

/// Longer than any request of these stories lives.
const LONG: Duration = Duration::from_secs(60);

fn objects(wire: &Wire<Memory>) -> ObjectClient {
    let builder = ObjectClient::builder().endpoint(Endpoint::new("home", wire.clone()));
    builder.seed(1).build().unwrap()
}

fn keys(wire: &Wire<MemoryTable>) -> KvClient {
    let builder = KvClient::builder().endpoint(Endpoint::new("home", wire.clone()));
    builder.seed(1).build().unwrap()
}

/// Through a client of its own, which leaves no trace in the other.
async fn body(store: &Wire<Memory>) -> Option<String> {
    let got = objects(&Wire::to(store.inner.clone())).get("k").await.ok()?;
    Some(String::from_utf8_lossy(got.body()).into_owned())
}

async fn value(table: &Wire<MemoryTable>) -> Option<String> {
    let got = keys(&Wire::to(table.inner.clone())).get("k").await.ok()?;
    Some(String::from_utf8_lossy(got.bytes()).into_owned())
}

pub(super) fn trials() -> Vec<Trial> {
    let tell = Promise::Acknowledged;
    vec![
        tell.paused(
            "writes::a_late_overwrite_undoes_the_next_only_where_reported",
            || async {
                for (known, fenced) in [(false, false), (true, false), (false, true)] {
                    let wire = Wire::to(Memory::new());
                    objects(&wire).put("k", "v0").await.unwrap();
                    let client = objects(&wire);
                    if known {
                        client.head("k").await.unwrap();
                    }
                    wire.then([Fate::late(3)]);
                    let first = client.put("k", "v1").overwrite();
                    let first = if fenced { first.fenced() } else { first }.await.unwrap();
                    assert_eq!(first.earlier_attempt_unresolved(), !known && !fenced);
                    client.put("k", "v2").overwrite().await.unwrap();
                    sleep(LONG).await;
                    let expected = if known || fenced { "v2" } else { "v1" };
                    assert_eq!(
                        body(&wire).await.as_deref(),
                        Some(expected),
                        "known {known}, fenced {fenced}"
                    );
                }
            },
        ),
        tell.paused(
            "writes::a_late_put_of_a_table_undoes_the_next_only_where_reported",
            || async {
                for (known, fenced) in [(false, false), (true, false), (false, true)] {
                    let wire = Wire::to(MemoryTable::new());
                    keys(&wire).put("k", "v0").await.unwrap();
                    let client = keys(&wire);
                    if known {
                        client.get("k").await.unwrap();
                    }
                    wire.then([Fate::late(3)]);
                    let first = client.put("k", "v1");
                    let first = if fenced { first.fenced() } else { first }.await.unwrap();
                    assert_eq!(first.earlier_attempt_unresolved(), !known && !fenced);
                    client.put("k", "v2").await.unwrap();
                    sleep(LONG).await;
                    let expected = if known || fenced { "v2" } else { "v1" };
                    assert_eq!(
                        value(&wire).await.as_deref(),
                        Some(expected),
                        "known {known}, fenced {fenced}"
                    );
                }
            },
        ),
        tell.paused(
            "writes::a_late_delete_removes_a_new_object_only_where_reported",
            || async {
                for (known, fenced) in [(false, false), (true, false), (false, true)] {
                    let (wire, table) = (Wire::to(Memory::new()), Wire::to(MemoryTable::new()));
                    objects(&wire).put("k", "old").await.unwrap();
                    keys(&table).put("k", "old").await.unwrap();
                    let (store, rows) = (objects(&wire), keys(&table));
                    if known {
                        store.get("k").await.unwrap();
                        rows.get("k").await.unwrap();
                    }
                    wire.then([Fate::late(3)]);
                    table.then([Fate::late(3)]);
                    let delete = store.delete("k");
                    let delete = if fenced { delete.fenced() } else { delete }.explained().await.unwrap();
                    let remove = rows.delete("k");
                    let remove = if fenced { remove.fenced() } else { remove }.explained().await.unwrap();
                    let said = !known && !fenced;
                    assert_eq!(delete.1.earlier_attempt_unresolved(), said);
                    assert_eq!(remove.1.earlier_attempt_unresolved(), said);
                    store.put("k", "new").await.unwrap();
                    rows.put_if_absent("k", "new").await.unwrap();
                    sleep(LONG).await;
                    let expected = (!said).then_some("new");
                    assert_eq!(body(&wire).await.as_deref(), expected, "known {known}, fenced {fenced}");
                    assert_eq!(
                        value(&table).await.as_deref(),
                        expected,
                        "known {known}, fenced {fenced}"
                    );
                }
            },
        ),
        tell.paused(
            "writes::a_create_that_may_reappear_after_a_delete_is_reported",
            || async {
                let (wire, table) = (Wire::to(Memory::new()), Wire::to(MemoryTable::new()));
                wire.then([Fate::late(3)]);
                table.then([Fate::late(3)]);
                let (store, rows) = (objects(&wire), keys(&table));
                let lock = rows.put_if_absent("k", "me").await.unwrap();
                assert!(lock.earlier_attempt_unresolved());
                rows.delete_if("k", lock.version().unwrap().clone()).await.unwrap();
                let object = store.put("k", "me").await.unwrap();
                assert!(object.earlier_attempt_unresolved());
                store
                    .delete("k")
                    .if_match(object.etag().unwrap().clone())
                    .await
                    .unwrap();
                sleep(LONG).await;
                assert_eq!(value(&table).await.as_deref(), Some("me"), "a lock held by nobody");
                assert_eq!(body(&wire).await.as_deref(), Some("me"));
            },
        ),
        tell.paused(
            "writes::a_lock_is_given_back_by_a_value_where_its_create_is_unresolved",
            || async {
                let table = Wire::to(MemoryTable::new());
                table.then([Fate::late(3)]);
                let rows = keys(&table);
                let lock = rows.put_if_absent("k", "me").await.unwrap();
                let freed = rows
                    .compare_and_set("k", lock.version().unwrap().clone(), "free")
                    .await
                    .unwrap();
                assert!(!freed.earlier_attempt_unresolved());
                sleep(LONG).await;
                assert_eq!(value(&table).await.as_deref(), Some("free"), "as the docs advise");
            },
        ),
        tell.paused("writes::a_found_write_is_resolved", || async {
            let (wire, table) = (Wire::to(Memory::new()), Wire::to(MemoryTable::new()));
            wire.then([Fate::lost()]);
            table.then([Fate::lost()]);
            assert!(!objects(&wire).put("k", "v").await.unwrap().earlier_attempt_unresolved());
            assert_eq!(wire.log(), ["put", "put", "head"]);
            // A table knows a write's id again and accepts the retry, without a word on which attempt stored it: nobody looks, and
            // the first may yet land.
            let put = keys(&table).put_if_absent("k", "v").explained().await.unwrap();
            assert_eq!(table.log(), ["put", "put"]);
            assert!(put.0.earlier_attempt_unresolved() && put.1.earlier_attempt_unresolved());
        }),
        tell.paused(
            "writes::an_overwrite_whose_tag_is_outdated_is_no_failed_condition",
            || async {
                let wire = Wire::to(Memory::new());
                let (ours, theirs) = (objects(&wire), objects(&wire));
                ours.put("k", "v0").await.unwrap();
                theirs.put("k", "theirs").overwrite().await.unwrap();
                wire.log();
                let stored = ours.put("k", "ours").overwrite().await.unwrap();
                assert_eq!(wire.log(), ["put", "head", "put"]);
                assert_eq!(body(&wire).await.as_deref(), Some("ours"));
                assert_eq!(ours.head("k").await.unwrap().etag(), stored.etag());
                // A key that others write, too, is not tried on a tag again for a while.
                theirs.put("k", "theirs").overwrite().await.unwrap();
                wire.log();
                ours.put("k", "ours again").overwrite().await.unwrap();
                assert_eq!(wire.log(), ["put"]);
                // Removed by others: as a create, and a delete of nothing is done.
                theirs.delete("k").await.unwrap();
                ours.put("k", "back").overwrite().fenced().await.unwrap();
                theirs.delete("k").await.unwrap();
                wire.log();
                ours.delete("k").fenced().await.unwrap();
                assert_eq!(wire.log(), ["head"]);
            },
        ),
        tell.paused(
            "writes::an_own_attempt_that_landed_is_recognised_behind_an_outdated_tag",
            || async {
                let (wire, table) = (Wire::to(Memory::new()), Wire::to(MemoryTable::new()));
                let (store, rows) = (objects(&wire), keys(&table));
                store.put("k", "v0").await.unwrap();
                rows.put("k", "v0").await.unwrap();
                wire.then([Fate::lost()]);
                table.then([Fate::lost()]);
                assert!(
                    !store
                        .put("k", "v1")
                        .overwrite()
                        .await
                        .unwrap()
                        .earlier_attempt_unresolved()
                );
                assert!(!rows.put("k", "v1").await.unwrap().earlier_attempt_unresolved());
                // It is nobody else's key for that.
                wire.then([Fate::late(3)]);
                let again = store.put("k", "v2").overwrite().await.unwrap();
                assert!(!again.earlier_attempt_unresolved());
                wire.then([Fate::lost()]);
                store.delete("k").await.unwrap();
                assert_eq!((body(&wire).await, value(&table).await.as_deref()), (None, Some("v1")));
            },
        ),
        tell.paused("writes::a_store_without_conditions_is_overwritten_unfenced", || async {
            for refuses in [true, false] {
                let store = Bare {
                    store: Memory::new(),
                    ignores: false,
                    refuses,
                };
                let client = ObjectClient::builder()
                    .endpoint(Endpoint::new("home", store))
                    .build()
                    .unwrap();
                client.put("k", "v0").await.unwrap();
                for n in 1..4 {
                    client.put("k", format!("v{n}")).overwrite().await.unwrap();
                }
                let error = client.put("k", "v").overwrite().fenced().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                assert_eq!(client.get("k").await.unwrap().body().as_ref(), b"v3");
                client.delete("k").await.unwrap();
            }
        }),
        tell.paused("writes::a_store_that_may_ignore_the_condition_is_no_fence", || async {
            let store = Bare {
                store: Memory::new(),
                ignores: true,
                refuses: false,
            };
            let wire = Wire::to(store);
            let builder = ObjectClient::builder().endpoint(Endpoint::new("home", wire.clone()));
            let client = builder.seed(1).build().unwrap();
            client.put("k", "v0").overwrite().await.unwrap();
            wire.then([Fate::late(3)]);
            let first = client.put("k", "v1").overwrite().await.unwrap();
            assert!(first.earlier_attempt_unresolved());
            client.put("k", "v2").overwrite().await.unwrap();
            sleep(LONG).await;
            assert_eq!(client.get("k").await.unwrap().body().as_ref(), b"v1");
        }),
        tell.paused(
            "writes::a_batch_reports_unresolved_writes_and_cannot_be_fenced",
            || async {
                let table = Wire::to(MemoryTable::new());
                table.then([Fate::late(3)]);
                let puts = keys(&table).put_many([("k", "v1")]).explained().await.unwrap();
                assert!(puts.1.earlier_attempt_unresolved());
                assert!(puts.0[0].as_ref().unwrap().earlier_attempt_unresolved());
                let fenced = KvClient::builder()
                    .endpoint(Endpoint::new("home", table.clone()))
                    .fenced()
                    .build()
                    .unwrap();
                let error = fenced.put_many([("k", "v2")]).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            },
        ),
        tell.paused("writes::a_failover_reports_unresolved_writes", || async {
            let failover = Failover::builder()
                .endpoint(Endpoint::new("here", ()))
                .endpoint(Endpoint::new("there", ()))
                .build()
                .unwrap();
            let calls = Arc::new(AtomicUsize::new(0));
            let flaky = move |()| {
                let first = calls.fetch_add(1, Relaxed) == 0;
                async move {
                    if first {
                        Err(io::Error::from(io::ErrorKind::ConnectionReset))
                    } else {
                        Ok(())
                    }
                }
            };
            let (_, explanation) = failover.idempotent_write(flaky.clone()).explained().await.unwrap();
            assert!(explanation.earlier_attempt_unresolved());
            let (_, explanation) = failover.idempotent_write(flaky.clone()).explained().await.unwrap();
            assert!(!explanation.earlier_attempt_unresolved());
            let (_, explanation) = failover.read(flaky).explained().await.unwrap();
            assert!(!explanation.earlier_attempt_unresolved());
        }),
        tell.paused(
            "writes::a_once_only_failover_write_is_never_left_unreported",
            || async {
                let failover = Failover::builder()
                    .endpoint(Endpoint::new("here", ()))
                    .endpoint(Endpoint::new("there", ()))
                    .classify(AsMet)
                    .build()
                    .unwrap();
                for (met, attempts, unresolved) in [
                    (None, 1, false),
                    // It never left: the other endpoint may take it.
                    (Some(Outcome::new(Verdict::Unreachable, Sent::No)), 2, false),
                    (Some(Outcome::new(Verdict::Unreachable, Sent::Maybe)), 1, true),
                    (Some(Outcome::new(Verdict::Faulty, Sent::Maybe)), 1, true),
                    (Some(Outcome::TIMED_OUT), 1, true),
                ] {
                    let calls = AtomicUsize::new(0);
                    let write = |()| {
                        let first = calls.fetch_add(1, Relaxed) == 0;
                        async move { met.filter(|_| first).map_or(Ok(()), |met| Err(Met(met))) }
                    };
                    let written = failover.write(write).explained().await;
                    assert_eq!(calls.load(Relaxed), attempts, "{met:?}");
                    match written {
                        Ok(((), explanation)) => {
                            assert!(!unresolved, "{met:?}");
                            assert!(!explanation.earlier_attempt_unresolved(), "{explanation}");
                        }
                        Err(error) => {
                            assert!(unresolved, "{error}");
                            assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
                            assert!(error.may_have_been_applied(), "{error}");
                            assert!(error.explanation().earlier_attempt_unresolved(), "{error}");
                        }
                    }
                }
            },
        ),
        Promise::Words.paused("writes::the_debug_of_a_clients_memory_shows_no_key", || async {
            let client = objects(&Wire::to(Memory::new()));
            client.put("patient-smith", "v").await.unwrap();
            client.get("patient-smith").await.unwrap();
            assert!(!format!("{client:?}").contains("smith"));
        }),
    ]
}

/// What an attempt of a closure met, which is judged as it says.
#[derive(Debug)]
struct Met(Outcome);

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as the test says")
    }
}

impl std::error::Error for Met {}

#[derive(Clone, Copy)]
struct AsMet;

impl Classify<(), Met> for AsMet {
    fn classify(&self, result: Result<&(), &Met>) -> Outcome {
        result.map_or_else(|met| met.0, |()| Outcome::SUCCESS)
    }
}

/// A store that has no If-Match: it ignores one, refuses it, or says that none ever holds.
#[derive(Clone)]
struct Bare {
    store: Memory,
    ignores: bool,
    refuses: bool,
}

impl Bare {
    fn no(&self) -> ProviderError {
        match self.refuses {
            true => ProviderError::unsupported("no conditions here"),
            false => ProviderError::answer(evenkeel::provider::ProviderErrorKind::PreconditionFailed),
        }
    }
}

impl ObjectProvider for Bare {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        match put.mode {
            PutMode::IfMatch(_) if self.ignores => {
                let mut put = put;
                put.mode = PutMode::Overwrite;
                self.store.put(put).await
            }
            PutMode::IfMatch(_) => Err(self.no()),
            _ => self.store.put(put).await,
        }
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        match delete.if_match {
            Some(_) => Err(self.no()),
            None => self.store.delete(delete).await,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all(if self.ignores {
            Capability::Unknown
        } else {
            Capability::Kept
        })
    }

    objects_through!(self.store: get head list);
}
