use super::Refused;
use crate::{
    provider::{Capabilities, Capability, ObjectProvider},
    request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer},
};
use std::future::Future;

/// Takes the requests of the checks. Every adapter is a door. Implement this trait for anything else that takes
/// requests for objects.
pub trait ObjectDoor: Send + Sync {
    /// Stores a body.
    fn put(&self, put: Put) -> impl Future<Output = Result<PutAnswer, Refused>> + Send;
    /// Fetches a body or a part of a body.
    fn get(&self, get: Get) -> impl Future<Output = Result<Object, Refused>> + Send;
    /// Fetches an object's metadata.
    fn head(&self, head: Head) -> impl Future<Output = Result<ObjectMeta, Refused>> + Send;
    /// Removes an object.
    fn delete(&self, delete: Delete) -> impl Future<Output = Result<(), Refused>> + Send;
    /// Fetches one page of a listing.
    fn list(&self, list: List) -> impl Future<Output = Result<ListPage, Refused>> + Send;
    /// Which conditions the store is declared to keep to. The suite checks what is declared [`Kept`](Capability::Kept).
    /// The default declares nothing.
    fn capabilities(&self) -> Capabilities {
        Capabilities::all(Capability::Unknown)
    }
}

impl<P: ObjectProvider> ObjectDoor for P {
    async fn put(&self, put: Put) -> Result<PutAnswer, Refused> {
        Ok(ObjectProvider::put(self, put).await?)
    }

    async fn get(&self, get: Get) -> Result<Object, Refused> {
        Ok(ObjectProvider::get(self, get).await?)
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, Refused> {
        Ok(ObjectProvider::head(self, head).await?)
    }

    async fn delete(&self, delete: Delete) -> Result<(), Refused> {
        Ok(ObjectProvider::delete(self, delete).await?)
    }

    async fn list(&self, list: List) -> Result<ListPage, Refused> {
        Ok(ObjectProvider::list(self, list).await?)
    }

    fn capabilities(&self) -> Capabilities {
        ObjectProvider::capabilities(self)
    }
}
