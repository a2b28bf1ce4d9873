//! The doors: what an application calls.
//!
//! [`ObjectClient`] reads and writes objects over several endpoints, [`KvClient`] values by key. Every call can tell what it did: an error always
//! carries an [`Explanation`], and `.explained()` returns one beside the value.
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
//! Every call of all three clients has these, and the builders have most of them as defaults for all calls:
//!
//! | | in place of | |
//! |---|---|---|
//! | `.deadline(d)` | 10 s | how long the call may take, with all its attempts |
//! | `.attempt_limit(d)` | the limit [learnt](crate::timeout) from the endpoint | how long each attempt may take |
//! | `.hedging(false)` | [hedged](crate::hedge), if it is a read | whether it is asked a second time elsewhere when it is late |
//! | `.retry_when(rule)` | the [table](crate::retry::decide) | after which outcomes it is tried again: a [rule](crate::retry::Rule); the builder's is in [`retry::Settings`](crate::retry::Settings::when) |
//! | `.named("report")` | `get`, `put`, `read` …, all measured together | what explanations and errors call it, and what [is measured apart](crate::health#names) |
//! | `.pin("virginia")` | whichever endpoint is best | only this endpoint (calls only) |
//! | `.only_locations(["DE"])`, `.not_under_jurisdiction_of("US")` | the client's own [constraints](crate::endpoint::Constraints) | fewer endpoints |
//!
//! ```
//! use evenkeel::{Endpoint, Failover, retry::Again, verdict::Verdict};
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
//! // A report takes half a minute, and is dear: not twice at the same time, nor again where somebody asks for less.
//! let rows = tables
//!     .read(|table| async move { table.scan().await })
//!     .named("report")
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
//! An attempt that is given up (its limit ran out, its connection broke) is not called back: its request may lie in a buffer on
//! the way, and land **after** the retry was acknowledged. Then a late overwrite undoes what was written since, a late delete
//! removes what was created since, and a late create stores again what was removed since. A condition on the retry does not
//! help, as it is the *first* attempt that is late; only one that every attempt carries makes it miss.
//!
//! | write | its attempts carry | one that lands late |
//! |---|---|---|
//! | `if_match`, `compare_and_set`, `delete_if`, `increment` of what is there | the caller's tag | misses |
//! | overwrite, `put`, delete of what this client read or wrote by itself in the last five minutes | the tag that it had then | misses |
//! | the same, while another write of it by this client is under way, or for five minutes after another client was faster: no tag would hold | nothing | undoes what was written since |
//! | overwrite, `put`, `delete` of anything else, `put_many` | nothing | undoes what was written since |
//! | any of these but `put_many`, `.fenced()` | the tag that it has; where none is known, a HEAD (a table: a get) asks first | misses |
//! | create, `put_if_absent`; a fenced write and an `increment` where nothing is | "absent" | stores it again, once it was removed |
//! | [`Failover::idempotent_write`] | what your closure gives them | as the store has it |
//!
//! Where an attempt may do so, **the answer says it**: [`object::Stored::earlier_attempt_unresolved`],
//! [`kv::Stored::earlier_attempt_unresolved`], and for every write [`Explanation::earlier_attempt_unresolved`]. An error that says
//! [`MaybeApplied`](crate::ErrorKind::MaybeApplied) means "it may have been applied, or may yet be". A call that was dropped
//! says nothing and may do the same.
//!
//! **For how long.** About 15 minutes where requests are signed (AWS and what speaks S3, Azure's shared keys), as an older
//! signature is refused. Where they carry tokens (Google, Entra ID) or nothing (Redis), as long as the connection and the proxies
//! on the way live.
//!
//! **What to do** when an answer says so: nothing, where the next write of this key comes later than that or does not matter. Else
//! write it with [`if_match`](object::ObjectCall::if_match) or [`compare_and_set`](KvClient::compare_and_set) from now on, and look
//! at it again once that time is over. A lock whose `put_if_absent` says so is given back by *replacing* its value ("free"), not by
//! removing it: as long as there is a value, a late create is refused.
//!
//! **What a fence does not hold**:
//! - Under a tag that is a function of the bytes (S3, for simple puts) a late attempt does not miss where the very bytes that it
//!   was to replace or remove were stored again meanwhile.
//! - In most tables a version is the id of the write. A late create, or a `put` without a fence, brings its version back with it,
//!   and a late attempt that was conditional on that version no longer misses.
//! - A request that the network itself doubles, though its first copy was answered: nobody here can know of it. A condition on a
//!   tag makes the second miss; without one it may undo what was written since, unsaid.
//! - A store that ignores `If-Match`, or a role that lacks the permission for it (S3 wants the one to read): the client then
//!   writes without, and says what is unresolved; `.fenced()` is refused. So it says of a store of which nobody knows whether it
//!   keeps to the condition, until [`verify`](ObjectClient::verify) has asked it.
//!
//! Under [`write_once`](crate::Replication::write_once) a late delete finds nothing that may be there, and a late create the same
//! bytes; but one that lands after the delete stores the object again.

pub mod failover;
pub mod kv;
pub mod object;

pub use crate::call::{
    Attempt, BuildError, Collected, Considered, Dependencies, Dependency, Explained, Explanation, Known, Pages,
    PagesCall, SharedHost, StoreBuilder, StoreCall, WarmUp, Warmed, dependencies,
};
pub use failover::{Failover, FailoverBuilder};
pub use kv::{KvClient, KvClientBuilder};
pub use object::{ObjectClient, ObjectClientBuilder};

use crate::{
    BoxError,
    request::{
        Call,
        kv::{KvRequest, KvResponse},
        object::{ObjectRequest, ObjectResponse},
    },
};

/// A service for objects, its type forgotten: one endpoint's, or the whole stack.
pub type ObjectStack = tower::util::BoxCloneSyncService<Call<ObjectRequest>, ObjectResponse, BoxError>;

/// A service for keys, its type forgotten: one endpoint's, or the whole stack.
pub type KvStack = tower::util::BoxCloneSyncService<Call<KvRequest>, KvResponse, BoxError>;
