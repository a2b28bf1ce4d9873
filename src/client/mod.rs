//! The doors: what an application calls.
//!
//! [`ObjectClient`] reads and writes objects over several endpoints. Every call can tell what it did: an error always
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

pub(crate) mod bare;
mod explanation;
pub mod object;

pub(crate) use explanation::Human;
pub use explanation::{Attempt, Considered, Explanation};
pub use object::{BuildError, ObjectClient, ObjectClientBuilder};

use crate::{
    BoxError,
    request::{
        Call,
        object::{ObjectRequest, ObjectResponse},
    },
};

/// The whole stack for objects: deadline, retry, hedge, route and the endpoints.
pub(crate) type ObjectStack = tower::util::BoxCloneSyncService<Call<ObjectRequest>, ObjectResponse, BoxError>;
