//! A store of your own behind evenkeel.
//!
//! An adapter is one type that implements [`ObjectProvider`]: five async methods, each **one** attempt. The stack does
//! everything else (health, breakers, timeouts, retries, hedges), best if the adapter does none of it.
//!
//! # 1. Turn your client's own patience off
//!
//! No retries inside the adapter: three layers of three attempts are 27. Set a connect timeout below 0.9 s. A write
//! that could not be sent is then known to be unsent before the attempt's limit (1 s while nothing is learnt) runs out.
//!
//! # 2. Refuse what you cannot keep
//!
//! Call [`check_put`] first, and [`check_range`] if there is a range. What they refuse cannot survive an HTTP header,
//! and every store refuses it alike. Refuse what only *your* store cannot do with [`ProviderError::unsupported`]; a
//! create that might overwrite is the most important case. Storage class, encryption and tags of a put are refused for
//! you, unless your adapter takes them: then declare in [`check_terms`] which terms the adapter takes, and keep those
//! terms. Some stores take one key for another (Azure reads `\` as `/`): refuse such a key in [`check_key`], and in the
//! operations. For a table's values the first call is [`check_value`].
//!
//! # 3. Say what a failure means
//!
//! A [`ProviderError`] has a kind, for the caller, and an [`Outcome`](crate::verdict::Outcome), for the stack: whose
//! fault was the failure, and can the request have been sent? Do not guess *not sent*: that answer lets a write go
//! elsewhere. A failed connect is the one safe case; a reset or a timeout means *maybe*.
//! [`table`](crate::verdict::table) gives the verdict of HTTP statuses and provider codes,
//! [`IoVerdicts`](crate::verdict::IoVerdicts) that of I/O errors.
//!
//! An answer is not a fault: *not found*, *already exists*, *not modified* prove that the endpoint is well.
//!
//! # 4. Distrust success
//!
//! A body shorter than announced, a wrong checksum, a 200 with an error document: [`ProviderError::faulty`].
//!
//! # 5. Keep the write's id
//!
//! If a put carries a [`WriteId`](crate::request::object::WriteId), store the id and give it back. After a lost answer,
//! a create is then recognised as the writer's own instead of coming back as a conflict.
//!
//! # Optional: parts, copies, presigned URLs
//!
//! The trait's other methods refuse by default. If your store takes objects in parts, copies on its own side or presigns
//! URLs, implement them, say so in [`capabilities`](crate::provider::ObjectProvider::capabilities), and run
//! `testing::uploads`.
//!
//! # 6. Tell how large bodies move
//!
//! `get` and `put` find a [`Progress`](crate::request::Progress) in their request. Call `begin` before the request is
//! sent, `answered` when the head of the answer is there, `received` and `sent` for each piece. Without these calls the
//! stack takes a slow body for a silent store.
//!
//! # 7. Run the suite
//!
//! `evenkeel::testing::objects::run` (feature `testing`) makes some forty checks, races included. Declare in the
//! `Claims` what your store honestly does not do, with the reason; the suite skips the checks that need it, by name.
//! `examples/own_provider.rs` is a whole adapter, for a directory of files, that runs the suite on itself.
//!
//! ```
//! use evenkeel::provider::{Memory, ObjectProvider, ProviderError, check_put};
//! use evenkeel::request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer};
//!
//! /// A store that another one stands for, and that does not take more than a megabyte.
//! struct Small(Memory);
//!
//! impl ObjectProvider for Small {
//!     async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
//!         check_put(&put)?;
//!         if put.body.len() > 1 << 20 {
//!             return Err(ProviderError::unsupported("more than 1 MiB in one object"));
//!         }
//!         self.0.put(put).await
//!     }
//!     async fn get(&self, get: Get) -> Result<Object, ProviderError> {
//!         self.0.get(get).await
//!     }
//!     async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
//!         self.0.head(head).await
//!     }
//!     async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
//!         self.0.delete(delete).await
//!     }
//!     async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
//!         self.0.list(list).await
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use evenkeel::{Endpoint, ErrorKind, ObjectClient};
//! let client = ObjectClient::builder().endpoint(Endpoint::new("small", Small(Memory::new()))).build().unwrap();
//! let error = client.put("large", vec![0; 2 << 20]).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Unsupported);
//! # }
//! ```
//!
//! [`ObjectProvider`]: crate::provider::ObjectProvider
//! [`ProviderError`]: crate::provider::ProviderError
//! [`ProviderError::unsupported`]: crate::provider::ProviderError::unsupported
//! [`ProviderError::faulty`]: crate::provider::ProviderError::faulty
//! [`check_put`]: crate::provider::check_put
//! [`check_key`]: crate::provider::ObjectProvider::check_key
//! [`check_value`]: crate::provider::check_value
//! [`check_terms`]: crate::provider::ObjectProvider::check_terms
//! [`check_range`]: crate::provider::check_range
