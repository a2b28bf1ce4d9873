//! An [`ObjectClient`] as a store of the crate `object_store`.
//!
//! Parquet, Lance, OpenDAL's bridge and everything else that takes an `Arc<dyn ObjectStore>` (of `object_store` 0.14)
//! gets failover over several endpoints by one changed line:
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, provider::Memory};
//! use object_store::{ObjectStore, ObjectStoreExt, path::Path};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // It was: let store: Arc<dyn ObjectStore> = Arc::new(AmazonS3Builder::from_env().build()?);
//! let client = ObjectClient::builder()
//!     .endpoint(Endpoint::new("virginia", Memory::new()))
//!     .endpoint(Endpoint::new("ireland", Memory::new()).read_only()) // the provider replicates to it
//!     .build()?;
//! let store: Arc<dyn ObjectStore> = Arc::new(client);
//!
//! store.put(&Path::from("orders/1.parquet"), "…".into()).await?;
//! let order = store.get(&Path::from("orders/1.parquet")).await?;
//! assert_eq!(order.bytes().await?, "…");
//! # Ok(()) }
//! ```
//!
//! [`FailoverStore`] is the same with options. Both implement `ObjectStore`, `MultipartStore` and `PaginatedListStore`,
//! and with the feature `object_store_http` also `Signer`. A client has methods of its own that are named `put`, `get`,
//! `list` …: behind an `Arc<dyn ObjectStore>` the trait's are meant.
//!
//! # What a call becomes
//!
//! | method | what happens |
//! |---|---|
//! | `get`, a bounded range or a suffix of at most 8 MiB | one request, which may be hedged and may go to another endpoint |
//! | `get` of anything else | a [`Download`](super::object::Download): it goes on elsewhere from the same byte, where the content is provably the same |
//! | `get_ranges` | near ranges share a request, long ones are cut at 8 MiB, ten requests at a time. **All are of one state of the object**: the answers are compared, and if they differ one endpoint is asked for all |
//! | `put` | one request. It is held in memory as a whole; for large bodies use an upload, as `BufWriter` does |
//! | `put_multipart` | an [`Upload`](super::object::Upload). Each part takes its number when it is given, so its future may be polled in any order. Without parts it is an empty object. It stays at the endpoint at which it began |
//! | `MultipartStore` | the same, and the upload's id says where it is and how it began: another process can go on with it |
//! | `copy`, `rename` | [on the store's own side](ObjectClient::copy) where it can. A rename is a copy, and then a removal of the source if the source is still what was copied |
//! | `delete`, `delete_stream` | as [`delete_many`](ObjectClient::delete_many): what is at hand with one request, where the store has one, else ten at a time; in the order given. What is absent is removed already |
//! | `list`, `list_with_delimiter`, `list_paginated` | in ascending order. **A listing that an endpoint is missing from ends with an error**: it is never a part that looks like the whole |
//! | `signed_url` | [`presign`](ObjectClient::presign), for GET and PUT |
//!
//! While no endpoint can take a call, and nothing has happened, the call is made again within the client's deadline,
//! paid from its budget: `object_store`'s own stores try again too, and who calls them does not.
//!
//! # Errors
//!
//! The client's own [`Error`](crate::Error) is the source of each error, with all its attempts.
//!
//! | error | is said if |
//! |---|---|
//! | `NotFound` | every endpoint that had to be asked said so |
//! | `AlreadyExists` | another write's object is there. After a lost answer the object is looked at: with our id it is a success |
//! | `Precondition` | the object has another ETag, is absent, or the ETag is another store's |
//! | `NotModified` | as in HTTP |
//! | `NotSupported`, `NotImplemented` | the replication or the store cannot do this; nothing was stored |
//! | `PermissionDenied`, `Unauthenticated` | the store refuses the permission, or the credentials |
//! | `Generic` | anything else. **What may have been applied** ([`MaybeApplied`](crate::ErrorKind::MaybeApplied)) and what no endpoint could answer are always this |
//!
//! `object_store`'s errors show the path, and nothing of a credential.
//!
//! A create whose answer was lost (`PutMode::Create`, `copy_if_not_exists`) is made again under its write id until it is
//! known whether it took place: it then finds its own object, or another's and is `AlreadyExists`. **That is right for
//! objects that are created and then stay**, as the entries of a log do. If others replace or remove what was created,
//! ours may have been there before theirs. The client's own [`put`](ObjectClient::put) says `MaybeApplied` then.
//!
//! # ETags
//!
//! An ETag that was shown can be a condition later: in `PutMode::Update`, If-Match and If-None-Match. What it is depends
//! on the client's endpoints:
//!
//! - If all of them show write ids in listings ([`listed_ids`](crate::provider::Capabilities::listed_ids): Azure and
//!   Google, not S3), it is the [stamp](crate::request::Stamp) of the write, and the same at each endpoint that has the
//!   same content. A read on its condition goes on without the home. An update by a stamp costs one HEAD at the home.
//! - Otherwise, and for objects that evenkeel did not store, it is the endpoint's own tag with the endpoint's name.
//!   Another endpoint shows another one, and a read on its condition needs that endpoint. An update by the ETag that a
//!   copy gave is a `Precondition`.
//!
//! There is no `version`: asking for one is `NotSupported`.
//!
//! # Under `write_once`
//!
//! [`write_once`](crate::Replication::write_once) stores a put at any endpoint that takes writes. Two methods need more
//! than that:
//!
//! | | stored at | without it |
//! |---|---|---|
//! | `PutMode::Create`, `copy_if_not_exists`, `rename_if_not_exists` | **one authority**: the first endpoint that takes writes, in the client's order | the call fails. A create that went elsewhere would let two writers win, and a Delta log's entry would be there twice |
//! | `put`, `put_multipart`, `copy`, `rename` with [`overwrite_as_create`](FailoverStore::overwrite_as_create) | any, as a create | the call goes to the next. **Only for files with unique names** |
//! | the same without it | – | `NotSupported`: nothing is overwritten |
//! | `PutMode::Update` | – | `NotImplemented`: no endpoint can speak for the others |
//!
//! All programs that write to the same place must name the endpoints in the same order.
//!
//! # What a read has done
//!
//! The extensions of a `GetResult` hold a [`Transfer`]: which endpoint serves it, how many requests were sent, how often
//! it went on elsewhere. Those of a `PutResult` hold the client's [`Stored`](super::object::Stored), which says whether
//! an [earlier attempt may still land](crate::client#late-attempts).
//!
//! # Differences from `object_store`'s own stores
//!
//! - Paths are [keys](crate::request::Key): at most 1,024 bytes, not the root, not under `.evenkeel/`.
//! - Metadata names are lower case. Tags and storage classes are [terms](crate::request::object::Terms): what a store
//!   cannot keep is refused, and not left out.
//! - A foreign key that is no path (`a//b`) fails a listing, and `dir/` shows as `dir`, as in `object_store`.

mod convert;
mod error;
mod list;
mod parts;
mod ranges;
mod read;
#[cfg(feature = "object_store_http")]
mod sign;
mod store;
mod tag;
mod text;
mod traits;
mod transfer;
mod write;

#[cfg(doc)]
use super::ObjectClient;

pub use store::FailoverStore;
pub use transfer::Transfer;
