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

pub mod dependencies;
mod explanation;
pub mod failover;
pub mod kv;
pub mod object;
pub(crate) mod settings;
pub(crate) mod stack;
pub(crate) mod store;

pub use dependencies::{Dependencies, Dependency, Known, SharedHost};
pub(crate) use explanation::Human;
pub use explanation::{Attempt, Considered, Explanation};
pub use failover::{Failover, FailoverBuilder};
pub use kv::{KvClient, KvClientBuilder};
pub use object::{ObjectClient, ObjectClientBuilder};
pub use stack::Stack;
pub use store::{BuildError, Collected, Explained, Pages, PagesCall, StoreBuilder, StoreCall, WarmUp, Warmed};

use crate::{
    BoxError,
    request::{
        Call,
        kv::{KvRequest, KvResponse},
        object::{ObjectRequest, ObjectResponse},
    },
};

/// What warming up may take per endpoint: the connect limit of 0.9 s and the floor of an attempt, 1 s, rounded up.
pub(crate) const WARM_UP_LIMIT: std::time::Duration = std::time::Duration::from_secs(2);

/// A service for objects, its type forgotten: one endpoint's, or the whole stack.
pub type ObjectStack = tower::util::BoxCloneSyncService<Call<ObjectRequest>, ObjectResponse, BoxError>;

/// A service for keys, its type forgotten: one endpoint's, or the whole stack.
pub type KvStack = tower::util::BoxCloneSyncService<Call<KvRequest>, KvResponse, BoxError>;
