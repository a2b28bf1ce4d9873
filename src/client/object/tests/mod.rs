//! Stories, on the bare stack and a store whose failures follow a script.

mod building;
mod failing;
mod large;
mod listing;
mod provider_managed;
mod scripted;
mod stamps;
mod terms;
mod write_once;

use crate::{Endpoint, ErrorKind, ObjectClient, Replication};
pub(super) use scripted::{Fault, Scripted};

/// A client over stores named `virginia`, `ireland`, `stackit`, …
fn client<const N: usize>(replication: Replication) -> (ObjectClient, [Scripted; N]) {
    let stores: [Scripted; N] = std::array::from_fn(|_| Scripted::default());
    let names = ["virginia", "ireland", "stackit"];
    let endpoints = names
        .iter()
        .zip(&stores)
        .map(|(name, store)| Endpoint::new(*name, store.clone()));
    let builder = ObjectClient::builder()
        .endpoints(endpoints)
        .replication(replication)
        .seed(1);
    (builder.build().unwrap(), stores)
}

/// What an error says, with its kind.
fn said(error: &crate::Error) -> (ErrorKind, String) {
    (error.kind(), error.to_string())
}
