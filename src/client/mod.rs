//! The doors: what an application calls.
//!
//! [`ObjectClient`] reads and writes objects over several endpoints; [`KvClient`] does the same with values by key.
//! Every call of one request can tell what it did (a download says [which endpoint gave which
//! bytes](object::Download::served)): an error always carries an [`Explanation`], and `.explained()` returns an
//! explanation beside the value.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, provider::Memory};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
//! client.put("greeting", "hello").await?;
//! let (greeting, explanation) = client.get("greeting").explained().await?;
//! assert_eq!(greeting.body(), "hello");
//! assert_eq!(explanation.answered_by(), Some("here"));
//! # Ok(()) }
//! ```
//!
//! # What a call can be told
//! Every call of all three clients has these options. The builders take most of them as defaults for all calls:
//!
//! | option | default | what the option sets |
//! |---|---|---|
//! | `.deadline(d)` | 10 s; none for streams and uploads | how long the call may take, with all its attempts |
//! | `.attempt_limit(d)` | the limit [learnt](crate::stack::timeout) from the endpoint | how long each attempt may take |
//! | `.stall_limit(d)` | learnt in the same way | how long a part of a stream or upload may be silent (streams and uploads only) |
//! | `.hedging(false)` | reads are [hedged](crate::stack::hedge) | whether a late read is sent to a second endpoint as well |
//! | `.retry_when(rule)` | the [table](crate::stack::retry) | after which outcomes the call is tried again: a [rule](crate::stack::retry::Rule); the builder's rule is in [`retry::RetrySettings`](crate::stack::retry::RetrySettings::when) |
//! | `.operation_name("report")` | `get`, `put`, `read` …, all measured together | the call's name in explanations and errors; calls of one name [are measured apart](crate::stack::health#names) |
//! | `.pin("virginia")` | the best endpoint | only this endpoint (calls only) |
//! | `.only_locations(["DE"])`, `.not_under_jurisdiction_of("US")` | the client's own [constraints](crate::endpoint::Constraints) | fewer endpoints |
//!
//! ```
//! use evenkeel::{Endpoint, Failover, verdict::Verdict, stack::retry::Again};
//! use std::{io, time::Duration};
//!
//! # #[derive(Clone)] struct Table(&'static str);
//! # impl Table {
//! #     async fn scan(&self) -> Result<u64, io::Error> { Ok(42) }
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tables = Failover::builder()
//!     .endpoint(Endpoint::new("virginia", Table("virginia")))
//!     .endpoint(Endpoint::new("ireland", Table("ireland")))
//!     .build()?;
//! // A report takes half a minute, and is expensive: not twice at the same time, nor again where an endpoint throttles.
//! let rows = tables
//!     .read(|table| async move { table.scan().await })
//!     .operation_name("report")
//!     .deadline(Duration::from_secs(120))
//!     .attempt_limit(Duration::from_secs(50))
//!     .hedging(false)
//!     .retry_when(|outcome| match outcome.verdict {
//!         Verdict::Throttled => Again::Never,
//!         _ => Again::Table,
//!     })
//!     .await?;
//! assert_eq!(rows, 42);
//! # Ok(()) }
//! ```
//!
//! # Late attempts
//! evenkeel gives up an attempt when the attempt's limit runs out or its connection breaks. An attempt that was given
//! up cannot be called back. Its request may lie in a buffer on the way, and land **after** the retry was acknowledged.
//! A late overwrite then undoes newer writes, a late delete removes newer objects, and a late create stores again what
//! was removed since. A condition on the retry does not help, because the *first* attempt is the late one. A late
//! attempt misses only if every attempt carries the condition.
//!
//! | write | condition on every attempt | effect of a late attempt |
//! |---|---|---|
//! | `if_match`, `compare_and_set`, `delete_if`, `increment` of an existing key | the caller's tag | misses |
//! | overwrite, `put`, delete of a key that this client read or wrote alone in the last five minutes | the tag that the key had then | misses |
//! | the same, while another write of the key by this client is under way, or for five minutes after another client was faster: no tag would hold | nothing | undoes newer writes |
//! | overwrite, `put`, `delete` of anything else, `put_many` | nothing | undoes newer writes |
//! | any of these but `put_many`, `.fenced()` | the current tag; if the client knows none, a HEAD (a table: a get) asks for the tag first | misses |
//! | create, `put_if_absent`; a fenced write and an `increment` of an absent key | "absent" | stores the value again after a removal |
//! | [`Failover::idempotent_write`] | what your closure sets | as the store handles the request |
//!
//! If an attempt may still land, **the answer says so**: [`object::Stored::earlier_attempt_unresolved`],
//! [`kv::Stored::earlier_attempt_unresolved`], and for every write [`Explanation::earlier_attempt_unresolved`]. The
//! error [`MaybeApplied`](crate::ErrorKind::MaybeApplied) means "the write may have been applied, or may yet be". A
//! dropped call says nothing, and its attempts may land late as well.
//!
//! **For how long.** Where requests are signed (AWS and other S3 stores, Azure's shared keys), about 15 minutes: a
//! store refuses an older signature. Where requests carry tokens (Google, Entra ID) or nothing (Redis), as long as the
//! connection and the proxies on the way live.
//!
//! **What to do** when an answer says so. Nothing, if the next write of this key comes later than that or does not
//! matter. Otherwise write the key with [`if_match`](object::ObjectCall::if_match) or
//! [`compare_and_set`](KvClient::compare_and_set) from now on, and read the key again once that time is over. For a
//! lock whose `put_if_absent` says so: give the lock back by *replacing* its value ("free"), not by removing the key.
//! As long as the key has a value, the store refuses a late create.
//!
//! **What a fence does not hold**:
//! - Where a tag is a function of the bytes (S3, for simple puts): if the same bytes that the late attempt was to
//!   replace or remove were stored again meanwhile, the late attempt does not miss.
//! - In most tables a version is the id of the write. A late create, or a `put` without a fence, brings its version
//!   back. A late attempt that was conditional on that version then no longer misses.
//! - The network itself may double a request whose first copy was answered. The client cannot know of the second copy.
//!   With a condition on a tag the second copy misses. Without a condition the second copy may undo newer writes, and
//!   no answer says so.
//! - A store may ignore `If-Match`, or a role may lack the permission for the condition (S3 wants the permission to
//!   read). The client then writes without the condition and says what is unresolved; `.fenced()` is refused. If the
//!   client does not know whether a store keeps to the condition, the client says the same until
//!   [`verify`](ObjectClient::verify) has asked the store.
//!
//! Under [`write_once`](crate::Replication::write_once) a late delete finds nothing that may be there, and a late
//! create finds the same bytes. A late create that lands after a delete stores the object again.

pub mod failover;
pub mod kv;
pub mod object;
#[cfg(feature = "object_store")]
pub mod object_store;

pub use crate::call::{
    Attempt, BuildError, Collected, Considered, ErasedService, ExplainedCall, Explanation, Pages, PagesCall,
    StoreBuilder, StoreCall, Unmet, WarmUp, Warmed,
};
pub use crate::endpoint::{Dependencies, Dependency, Known, SharedHost};
pub use failover::{Failover, FailoverBuilder};
pub use kv::{KvClient, KvClientBuilder};
pub use object::{ObjectClient, ObjectClientBuilder};

use crate::request::{
    kv::{KvRequest, KvResponse},
    object::{ObjectRequest, ObjectResponse},
};

/// A service for objects with its type erased: one endpoint's service, or the whole stack.
pub type ObjectStack = ErasedService<ObjectRequest, ObjectResponse>;

/// A service for keys with its type erased: one endpoint's service, or the whole stack.
pub type KvStack = ErasedService<KvRequest, KvResponse>;
