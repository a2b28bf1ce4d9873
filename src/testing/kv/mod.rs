//! What a table must do, check by check.
//!
//! The checks send requests through a [`KvDoor`]. Every [`KvProvider`](crate::provider::KvProvider) is a door, and a
//! whole client can be one. Each check works under a key prefix of its own, so that one table serves all checks. The
//! table should hold nothing under `suite:` beforehand. The suite takes about 10 s, and most of that time waits for
//! values to expire.
//!
//! If a table is known not to do something, say so in its [`Claims`], with the reason. The checks that need that claim
//! are then skipped *by name*, printed, and listed in the [`Report`].
//!
//! ```
//! use evenkeel::{provider::MemoryTable, testing::kv::{self, Claim, Claims}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let claims = Claims::all().without(Claim::PutMany, "to show how");
//! let report = kv::run("memory", &MemoryTable::new(), &claims).await;
//! assert!(report.skipped.iter().all(|skip| skip.claim == Claim::PutMany));
//! # }
//! ```

mod claim;
mod client;
mod conditions;
mod door;
mod expiry;
mod keys;
mod many;
mod scan;
mod write;

pub use super::refused::Refused;
pub use claim::Claim;
pub use door::KvDoor;

use super::claims::suite;
use crate::{
    provider::ProviderErrorKind,
    request::{
        WriteId, Writer,
        kv::{Condition, Delete, Get, Key, Put, Value, Version},
    },
};
use bytes::Bytes;
use std::{sync::LazyLock, time::Duration};

/// What a table claims to do: everything, except the named gaps.
pub type Claims = super::claims::Claims<Claim>;
/// The results of the suite.
pub type Report = super::claims::Report<Claim>;
/// A check that did not apply.
pub type Skipped = super::claims::Skipped<Claim>;

/// The place of a check: the door, and the prefix of all its keys.
struct Room<'a, D> {
    door: &'a D,
    /// The table's name and the check's name, for messages.
    name: String,
    prefix: String,
}

suite! {
    KvDoor, |check| format!("suite:{check}:");
    write::a_put_is_read_back [];
    write::an_empty_value_is_kept [];
    write::any_bytes_are_kept [];
    write::a_large_value_is_kept [];
    write::a_put_replaces [Overwrite];
    write::every_write_has_its_own_version [Overwrite];
    write::a_write_id_comes_back [];
    write::a_delete_removes_and_may_be_repeated [Delete, Absence];
    conditions::a_create_never_overwrites [Create];
    conditions::racing_creates_have_one_winner [Create, AtomicCreate];
    conditions::a_repeated_create_recognises_itself [Create];
    conditions::a_deleted_key_can_be_created_again [Create, Delete];
    conditions::a_compare_and_set_needs_the_current_version [Overwrite, CompareAndSet];
    conditions::a_compare_and_set_on_an_absent_key_is_refused [CompareAndSet];
    conditions::a_value_that_came_back_is_another_one [Overwrite, CompareAndSet, Delete];
    conditions::racing_increments_add_up [Overwrite, CompareAndSet, AtomicCompareAndSet];
    conditions::a_repeated_compare_and_set_recognises_itself [Overwrite, CompareAndSet];
    conditions::a_delete_with_a_version_needs_the_current_one [Overwrite, CompareAndSet, Delete];
    expiry::what_has_expired_is_absent [TimeToLive, Absence];
    expiry::what_has_expired_can_be_created_again [TimeToLive, Create];
    expiry::a_put_without_a_time_to_live_stays [TimeToLive, Overwrite];
    expiry::a_compare_and_set_keeps_the_time_to_live [TimeToLive, CompareAndSet];
    many::each_key_has_its_answer [Absence];
    many::each_value_is_stored [PutMany, Overwrite];
    scan::a_scan_has_the_prefix_and_is_sorted [Scan];
    scan::a_scan_has_its_bounds [Scan];
    scan::pages_add_up [Scan, Paging];
    scan::what_was_deleted_is_not_there [Scan, Delete];
    scan::a_scan_of_nothing_is_empty [Scan];
    keys::odd_keys_are_kept_apart [];
    keys::the_limits_are_as_said [Limits];
    keys::refusals_show_no_key [Absence];
}

/// A write id of the suite, as a client's: a client keeps it as it is. No two ids of a run are equal, nor of two runs
/// against one server.
fn fresh_id() -> WriteId {
    static WRITER: LazyLock<Writer> =
        LazyLock::new(|| Writer::from_os(crate::model::clock::wall).expect("the system gives random bytes"));
    WRITER.write_id(None, "", None, None)
}

impl<D: KvDoor> Room<'_, D> {
    fn key(&self, name: &str) -> Key {
        let key = Key::new(format!("{}{name}", self.prefix));
        key.unwrap_or_else(|error| panic!("{}: the suite's own key: {error}", self.name))
    }

    /// A put of a key that does not exist, in a form that every replication takes.
    fn new_put(&self, name: &str, value: impl Into<Bytes>) -> Put {
        Put::new(self.key(name), value, fresh_id())
    }

    fn create(&self, name: &str, value: impl Into<Bytes>) -> Put {
        Put {
            condition: Condition::Absent,
            ..self.new_put(name, value)
        }
    }

    fn swap(&self, name: &str, version: &Version, value: impl Into<Bytes>) -> Put {
        Put {
            condition: Condition::Version(version.clone()),
            ..self.new_put(name, value)
        }
    }

    fn expiring(&self, name: &str, value: &'static str, after: Duration) -> Put {
        Put {
            time_to_live: Some(after),
            ..self.new_put(name, value)
        }
    }

    async fn store(&self, name: &str, value: impl Into<Bytes>) -> Version {
        let stored = self.door.put(self.new_put(name, value)).await;
        self.ok("a put", stored).version
    }

    async fn fetch(&self, name: &str) -> Value {
        let got = self.door.get(Get::new(self.key(name))).await;
        self.ok("a get", got)
    }

    async fn delete(&self, name: &str) {
        let deleted = self.door.delete(Delete::new(self.key(name), fresh_id())).await;
        self.ok("a delete", deleted);
    }

    async fn is_absent(&self, what: &str, name: &str) {
        let refused = self.refused(what, self.door.get(Get::new(self.key(name))).await);
        self.is(&refused, ProviderErrorKind::NotFound);
    }

    #[track_caller]
    fn ok<T>(&self, what: &str, result: Result<T, Refused>) -> T {
        result.unwrap_or_else(|refused| panic!("{}: {what} was refused: {refused}", self.name))
    }

    #[track_caller]
    fn refused<T>(&self, what: &str, result: Result<T, Refused>) -> Refused {
        match result {
            Ok(_) => panic!("{}: {what} should have been refused", self.name),
            Err(refused) => refused,
        }
    }

    #[track_caller]
    fn is(&self, refused: &Refused, kind: ProviderErrorKind) {
        assert_eq!(refused.kind, kind, "{}: {refused}", self.name);
    }
}
