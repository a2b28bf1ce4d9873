mod kv;

pub use kv::{AnyKvProvider, KvService};

use super::{ObjectProvider, ProviderError, terms};
use crate::{
    BoxError,
    endpoint::Host,
    request::{
        Call,
        object::{
            Delete, ETag, Get, Head, List, ListEntry, ListPage, Object, ObjectMeta, ObjectRequest, ObjectResponse, Put,
            PutAnswer, PutMode, Terms,
        },
    },
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::Service;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Any adapter, its type forgotten: what lets endpoints of different providers stand in one list.
#[derive(Clone)]
pub struct AnyObjectProvider(Arc<dyn ErasedObjects>);

impl AnyObjectProvider {
    /// Forgets the type of `provider`.
    pub fn new<P: ObjectProvider>(provider: P) -> Self {
        Self(Arc::new(provider))
    }

    /// One attempt.
    ///
    /// # Errors
    /// What the adapter answers.
    pub async fn send(&self, request: ObjectRequest) -> Result<ObjectResponse, ProviderError> {
        self.0.send(request).await
    }

    /// See [`ObjectProvider::warm_up`].
    ///
    /// # Errors
    /// What the adapter answers.
    pub async fn warm_up(&self) -> Result<(), ProviderError> {
        self.0.warm_up().await
    }

    /// See [`ObjectProvider::hosts`].
    pub fn hosts(&self) -> Option<Vec<Host>> {
        self.0.hosts()
    }
}

/// So that a list of endpoints of different providers is a list of endpoints of one type.
impl ObjectProvider for AnyObjectProvider {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        match self.send(ObjectRequest::Put(put)).await? {
            ObjectResponse::Put(answer) => Ok(answer),
            _ => Err(another()),
        }
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        match self.send(ObjectRequest::Get(get)).await? {
            ObjectResponse::Get(object) => Ok(object),
            _ => Err(another()),
        }
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        match self.send(ObjectRequest::Head(head)).await? {
            ObjectResponse::Head(meta) => Ok(meta),
            _ => Err(another()),
        }
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.send(ObjectRequest::Delete(delete)).await.map(drop)
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        match self.send(ObjectRequest::List(list)).await? {
            ObjectResponse::List(page) => Ok(page),
            _ => Err(another()),
        }
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        self.0.check_terms(terms)
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        self.0.hosts()
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.0.warm_up().await
    }
}

/// Cannot happen, as every implementation of [`Erased`] answers like with like.
fn another() -> ProviderError {
    ProviderError::faulty("the adapter gave the answer of another operation")
}

impl fmt::Debug for AnyObjectProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyObjectProvider")
    }
}

/// A provider's trait with its futures boxed, which is what makes it object-safe: for requests `Q` with responses `A`.
trait Erased<Q, A>: Send + Sync {
    fn send(&self, request: Q) -> BoxFuture<'_, Result<A, ProviderError>>;
    fn warm_up(&self) -> BoxFuture<'_, Result<(), ProviderError>>;
    fn hosts(&self) -> Option<Vec<Host>>;
}

/// ... and what only stores of objects are asked.
trait ErasedObjects: Erased<ObjectRequest, ObjectResponse> {
    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError>;
}

impl<P: ObjectProvider> ErasedObjects for P {
    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        ObjectProvider::check_terms(self, terms)
    }
}

impl<P: ObjectProvider> Erased<ObjectRequest, ObjectResponse> for P {
    fn send(&self, request: ObjectRequest) -> BoxFuture<'_, Result<ObjectResponse, ProviderError>> {
        Box::pin(async move {
            Ok(match request {
                ObjectRequest::Put(put) => ObjectResponse::Put(self.put(put).await?),
                ObjectRequest::Get(get) => ObjectResponse::Get(self.get(get).await?),
                ObjectRequest::Head(head) => ObjectResponse::Head(self.head(head).await?),
                ObjectRequest::Delete(delete) => {
                    self.delete(delete).await?;
                    ObjectResponse::Delete
                }
                ObjectRequest::List(list) => ObjectResponse::List(self.list(list).await?),
            })
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(self.warm_up())
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        self.hosts()
    }
}

/// The bridge from an adapter to the stack: one endpoint's adapter as a tower service.
///
/// It gives tags the endpoint's name on the way up, and on the way down sees to it that a tag is only shown to the
/// endpoint that gave it: a foreign If-None-Match is dropped (the full object is a right answer), a foreign If-Match
/// refused. A put is left with the [terms](Put::terms) of its endpoint, which the adapter is asked about first.
#[derive(Clone, Debug)]
pub struct ObjectService {
    endpoint: Arc<str>,
    provider: AnyObjectProvider,
}

impl ObjectService {
    /// `provider` under this endpoint's name.
    pub fn new(endpoint: impl Into<Arc<str>>, provider: AnyObjectProvider) -> Self {
        Self {
            endpoint: endpoint.into(),
            provider,
        }
    }
}

impl Service<Call<ObjectRequest>> for ObjectService {
    type Response = ObjectResponse;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<ObjectResponse, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ObjectRequest>) -> Self::Future {
        let Self { endpoint, provider } = self.clone();
        let mut request = call.into_request();
        Box::pin(async move {
            match &mut request {
                ObjectRequest::Get(get) => get
                    .if_none_match
                    .take_if(|tag| tag.endpoint() != &*endpoint)
                    .map_or((), drop),
                ObjectRequest::Put(put) => {
                    terms::narrow(put, &endpoint);
                    // The client has asked at its door; who speaks to the stack directly has not.
                    if !put.terms.is_empty() {
                        ObjectProvider::check_terms(&provider, &put.terms)?;
                    }
                    if let PutMode::IfMatch(tag) = &put.mode
                        && tag.endpoint() != &*endpoint
                    {
                        return Err(ProviderError::unsupported("the ETag was given by another endpoint").into());
                    }
                }
                _ => {}
            }
            let response = provider.send(request).await?;
            Ok(signed(response, &endpoint))
        })
    }
}

/// The response with the endpoint's name in its tags.
fn signed(response: ObjectResponse, endpoint: &Arc<str>) -> ObjectResponse {
    let tag = |etag: Option<ETag>| etag.map(|tag| tag.at(endpoint));
    let meta = |meta: ObjectMeta| ObjectMeta {
        etag: tag(meta.etag),
        ..meta
    };
    match response {
        ObjectResponse::Put(answer) => ObjectResponse::Put(PutAnswer { etag: tag(answer.etag) }),
        ObjectResponse::Get(object) => ObjectResponse::Get(Object {
            meta: meta(object.meta),
            ..object
        }),
        ObjectResponse::Head(head) => ObjectResponse::Head(meta(head)),
        ObjectResponse::Delete => ObjectResponse::Delete,
        ObjectResponse::List(page) => ObjectResponse::List(ListPage {
            entries: page
                .entries
                .into_iter()
                .map(|entry| match entry {
                    ListEntry::Object(object) => ListEntry::Object(meta(object)),
                    prefix @ ListEntry::CommonPrefix(_) => prefix,
                })
                .collect(),
            ..page
        }),
    }
}
