use crate::{
    provider::{ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer},
};
use std::{fmt, future::Future};

/// Where the checks ask. Every adapter is one; implement it for whatever else takes object requests.
pub trait ObjectDoor: Send + Sync {
    /// Stores a body.
    fn put(&self, put: Put) -> impl Future<Output = Result<PutAnswer, Refused>> + Send;
    /// Fetches a body or a part of it.
    fn get(&self, get: Get) -> impl Future<Output = Result<Object, Refused>> + Send;
    /// Fetches what is known of an object.
    fn head(&self, head: Head) -> impl Future<Output = Result<ObjectMeta, Refused>> + Send;
    /// Removes an object.
    fn delete(&self, delete: Delete) -> impl Future<Output = Result<(), Refused>> + Send;
    /// Fetches one page of a listing.
    fn list(&self, list: List) -> impl Future<Output = Result<ListPage, Refused>> + Send;
}

/// Why a door said no.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refused {
    /// What it means.
    pub kind: ProviderErrorKind,
    /// Everything that the error shows, by `Display` and by `Debug`, its sources included.
    pub shown: String,
}

impl Refused {
    /// A refusal of this kind; `shown` is what the error shows a person.
    pub fn new(kind: ProviderErrorKind, shown: impl Into<String>) -> Self {
        Self {
            kind,
            shown: shown.into(),
        }
    }
}

impl From<ProviderError> for Refused {
    fn from(error: ProviderError) -> Self {
        Self::new(error.kind(), format!("{error} {error:?}"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.shown)
    }
}

impl std::error::Error for Refused {}

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
}
