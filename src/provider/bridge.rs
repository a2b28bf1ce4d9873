mod kv;

pub use kv::{AnyKvProvider, KvService};

use super::{
    Capabilities, Capability, Conditional, ObjectProvider, ProviderError, attributes::check_condition,
    capabilities::Found, terms,
};
use crate::{
    BoxError, Endpoint,
    endpoint::Host,
    request::{
        Call, Key,
        object::{
            Delete, ETag, Get, Head, List, ListEntry, ListPage, Object, ObjectMeta, ObjectRequest, ObjectResponse, Put,
            PutAnswer, PutMode, Terms,
        },
    },
};
use std::{
    any::Any,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::Service;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Any adapter, with its type erased, so that endpoints of different providers fit in one list.
///
/// The erased adapter and its clones share what [`verify`](crate::ObjectClient::verify) found of the store. They refuse
/// a condition that the store does not keep to before anything is sent, for every sender. They write a tag in the form
/// that the store reads.
#[derive(Clone)]
pub struct AnyObjectProvider {
    store: Arc<dyn ErasedObjects>,
    found: Arc<Found>,
}

impl AnyObjectProvider {
    /// Erases the type of `provider`. An `AnyObjectProvider` is returned as it is.
    pub fn new<P: ObjectProvider>(provider: P) -> Self {
        let store = Arc::new(provider);
        if let Some(erased) = (&*store as &dyn Any).downcast_ref::<Self>() {
            return erased.clone();
        }
        Self {
            store,
            found: Arc::default(),
        }
    }

    /// Makes one attempt.
    ///
    /// # Errors
    /// The adapter's error.
    pub async fn send(&self, request: ObjectRequest) -> Result<ObjectResponse, ProviderError> {
        self.begin(request)?.await
    }

    fn begin(
        &self,
        mut request: ObjectRequest,
    ) -> Result<BoxFuture<'static, Result<ObjectResponse, ProviderError>>, ProviderError> {
        self.heed(&mut request)?;
        Ok(self.store.clone().send(request))
    }

    /// Applies what was found of the store to a request.
    fn heed(&self, request: &mut ObjectRequest) -> Result<(), ProviderError> {
        let (condition, tag) = match request {
            ObjectRequest::Put(put) => match &mut put.mode {
                PutMode::Create => (Conditional::Create, None),
                PutMode::IfMatch(tag) => (Conditional::IfMatch, Some(tag)),
                PutMode::Overwrite => return Ok(()),
            },
            ObjectRequest::Delete(delete) if delete.if_match.is_some() => {
                (Conditional::DeleteIfMatch, delete.if_match.as_mut())
            }
            _ => return Ok(()),
        };
        if self.found.is_lacking(condition) {
            let found = format!(
                "the client found that this store cannot be trusted with {}",
                condition.as_str()
            );
            return Err(ProviderError::unsupported(found));
        }
        if let Some(tag) = tag
            && self.found.is_unquoted(condition)
        {
            *tag = tag.unquoted();
        }
        Ok(())
    }

    /// The same store, without what was found of it.
    pub(crate) fn unasked(&self) -> Self {
        Self {
            store: self.store.clone(),
            found: Arc::default(),
        }
    }

    /// Records what was found of the store, in place of what was found before.
    pub(crate) fn note(&self, condition: Conditional, capability: Capability, without_quotes: bool) {
        self.found.note(condition, capability, without_quotes);
    }

    /// See [`ObjectProvider::warm_up`].
    ///
    /// # Errors
    /// The adapter's error.
    pub async fn warm_up(&self) -> Result<(), ProviderError> {
        self.store.warm_up().await
    }

    /// See [`ObjectProvider::hosts`].
    pub fn hosts(&self) -> Option<Vec<Host>> {
        self.store.hosts()
    }
}

/// Makes a list of endpoints of different providers a list of endpoints of one type.
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
        self.store.check_terms(terms)
    }

    /// What was found of the store. If nothing was found, what the adapter says.
    fn capabilities(&self) -> Capabilities {
        self.found.above(self.store.capabilities())
    }

    fn check_key(&self, key: &Key) -> Result<(), ProviderError> {
        self.store.check_key(key)
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        self.store.hosts()
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.store.warm_up().await
    }
}

/// Checks that a page fits the question: a proxy on the way may drop the question, or answer another one.
fn of_the_prefix<'a>(prefix: &str, mut names: impl Iterator<Item = &'a str>) -> Result<(), ProviderError> {
    match names.all(|name| name.starts_with(prefix)) {
        true => Ok(()),
        false => Err(ProviderError::faulty(
            "the page of a listing has names of another prefix",
        )),
    }
}

/// Cannot happen: every implementation of [`Erased`] answers a request with the response of its kind.
fn another() -> ProviderError {
    ProviderError::faulty("the adapter gave the answer to another operation")
}

impl fmt::Debug for AnyObjectProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyObjectProvider")
    }
}

impl<P: ObjectProvider> Endpoint<P> {
    /// Erases the adapter's type, so that endpoints of several providers fit in one list.
    pub fn erased(self) -> Endpoint<AnyObjectProvider> {
        self.map(AnyObjectProvider::new)
    }
}

/// A provider's trait with boxed futures, which makes the trait object-safe: for requests `Q` with responses `A`.
trait Erased<Q, A>: Send + Sync {
    fn send(self: Arc<Self>, request: Q) -> BoxFuture<'static, Result<A, ProviderError>>;
    fn warm_up(&self) -> BoxFuture<'_, Result<(), ProviderError>>;
    fn hosts(&self) -> Option<Vec<Host>>;
}

/// [`Erased`], and the questions that only stores of objects answer.
trait ErasedObjects: Erased<ObjectRequest, ObjectResponse> {
    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError>;
    fn capabilities(&self) -> Capabilities;
    fn check_key(&self, key: &Key) -> Result<(), ProviderError>;
}

impl<P: ObjectProvider> ErasedObjects for P {
    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        ObjectProvider::check_terms(self, terms)
    }

    fn capabilities(&self) -> Capabilities {
        ObjectProvider::capabilities(self)
    }

    fn check_key(&self, key: &Key) -> Result<(), ProviderError> {
        ObjectProvider::check_key(self, key)
    }
}

impl<P: ObjectProvider> Erased<ObjectRequest, ObjectResponse> for P {
    /// Each operation has a box of its own. One box for all operations would be as large as the largest of their
    /// futures: some tens of kilobytes that every call copies and touches. No error that repeats the key leaves this
    /// function.
    fn send(self: Arc<Self>, request: ObjectRequest) -> BoxFuture<'static, Result<ObjectResponse, ProviderError>> {
        match request {
            ObjectRequest::Put(put) => Box::pin(async move {
                let key = put.key.clone();
                let put = self.put(put).await.map(ObjectResponse::Put);
                put.map_err(|error| error.without([key.as_str()]))
            }),
            ObjectRequest::Get(get) => Box::pin(async move {
                let key = get.key.clone();
                let got = self.get(get).await.map(ObjectResponse::Get);
                got.map_err(|error| error.without([key.as_str()]))
            }),
            ObjectRequest::Head(head) => Box::pin(async move {
                let key = head.key.clone();
                let head = self.head(head).await.map(ObjectResponse::Head);
                head.map_err(|error| error.without([key.as_str()]))
            }),
            ObjectRequest::Delete(delete) => Box::pin(async move {
                let key = delete.key.clone();
                let deleted = self.delete(delete).await.map(|()| ObjectResponse::Delete);
                deleted.map_err(|error| error.without([key.as_str()]))
            }),
            ObjectRequest::List(list) => Box::pin(async move {
                let prefix = list.prefix.clone();
                let page = self.list(list).await?;
                of_the_prefix(&prefix, page.entries.iter().map(ListEntry::name))?;
                Ok(ObjectResponse::List(page))
            }),
        }
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
/// The bridge adds the endpoint's name to the tags of an answer. The bridge shows a tag only to the endpoint that gave
/// the tag: it drops a foreign If-None-Match (the full object is a right answer), and refuses a foreign or weak
/// If-Match. The bridge reduces the [terms](Put::terms) of a put to those of its endpoint, and first asks the adapter
/// about them.
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
    type Future = Answering<ObjectResponse>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ObjectRequest>) -> Self::Future {
        let progress = call.progress();
        let mut request = call.into_request();
        match &mut request {
            ObjectRequest::Get(get) => get.progress = progress,
            ObjectRequest::Put(put) => put.progress = progress,
            _ => {}
        }
        let answer = self.show(&mut request).and_then(|()| self.provider.begin(request));
        Answering::new(answer, self.endpoint.clone(), signed)
    }
}

impl ObjectService {
    /// Removes from a request what this endpoint must not be shown.
    fn show(&self, request: &mut ObjectRequest) -> Result<(), ProviderError> {
        let foreign = |tag: &ETag| tag.endpoint() != &*self.endpoint;
        match request {
            ObjectRequest::Get(get) => {
                get.if_none_match.take_if(|tag| foreign(tag));
                if let Some(tag) = &get.if_match {
                    fit_for_a_condition(tag, foreign(tag))?;
                }
            }
            ObjectRequest::Head(head) => {
                if let Some(tag) = &head.if_match {
                    fit_for_a_condition(tag, foreign(tag))?;
                }
            }
            ObjectRequest::Put(put) => {
                terms::narrow(put, &self.endpoint);
                // The client has asked at its door; who speaks to the stack directly has not.
                if !put.terms.is_empty() {
                    ObjectProvider::check_terms(&self.provider, &put.terms)?;
                }
                if let PutMode::IfMatch(tag) = &put.mode {
                    fit_for_a_condition(tag, foreign(tag))?;
                }
            }
            ObjectRequest::Delete(delete) => {
                if let Some(tag) = &delete.if_match {
                    fit_for_a_condition(tag, foreign(tag))?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether the condition could ever hold here.
fn fit_for_a_condition(tag: &ETag, foreign: bool) -> Result<(), ProviderError> {
    if foreign {
        return Err(ProviderError::unsupported("another endpoint gave the ETag"));
    }
    check_condition(tag)
}

/// The future of an adapter's answer, with the endpoint's name; or the reason why the adapter was not asked.
pub struct Answering<A> {
    answer: Result<BoxFuture<'static, Result<A, ProviderError>>, Option<ProviderError>>,
    endpoint: Arc<str>,
    sign: fn(A, &Arc<str>) -> A,
}

impl<A> Answering<A> {
    fn new(
        answer: Result<BoxFuture<'static, Result<A, ProviderError>>, ProviderError>,
        endpoint: Arc<str>,
        sign: fn(A, &Arc<str>) -> A,
    ) -> Self {
        Self {
            answer: answer.map_err(Some),
            endpoint,
            sign,
        }
    }
}

impl<A> fmt::Debug for Answering<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}

impl<A> Future for Answering<A> {
    type Output = Result<A, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.answer {
            Ok(answer) => ready!(answer.as_mut().poll(cx))?,
            Err(refusal) => match refusal.take() {
                Some(refusal) => return Poll::Ready(Err(refusal.into())),
                None => return Poll::Pending,
            },
        };
        Poll::Ready(Ok((self.sign)(answer, &self.endpoint)))
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
