mod kv;

pub use kv::{AnyKvProvider, KvService};

use super::{
    Capabilities, Capability, Conditional, ObjectProvider, ProviderError, attributes::check_condition,
    capabilities::Found, terms,
};
use crate::{
    BoxError, Endpoint,
    endpoint::Host,
    model::noted,
    request::{
        Call, Key, Tally,
        object::{
            AbortUpload, BeginUpload, CompleteUpload, Copy, Delete, DeleteMany, ETag, Get, Head, List, ListEntry,
            ListPage, ListUploads, Object, ObjectMeta, ObjectRequest, ObjectResponse, PartTag, Presign, PresignedUrl,
            Put, PutAnswer, PutMode, PutPart, Terms, UploadId, UploadPage,
        },
    },
};
use std::{
    any::Any,
    collections::BTreeMap,
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
            ObjectRequest::Put(Put { mode, .. }) | ObjectRequest::Copy(Copy { mode, .. }) => of_a_put(mode),
            ObjectRequest::CompleteUpload(complete) => {
                let (condition, tag) = of_a_put(&mut complete.mode);
                (condition.map(|_| Conditional::Complete), tag)
            }
            ObjectRequest::Delete(delete) => {
                let tag = delete.if_match.as_mut();
                (tag.is_some().then_some(Conditional::DeleteIfMatch), tag)
            }
            _ => return Ok(()),
        };
        let Some(condition) = condition else {
            return Ok(());
        };
        if self.found.is_lacking(condition) {
            let found = format!(
                "the client found that this store cannot be trusted with {}",
                condition.as_str()
            );
            return Err(ProviderError::unsupported(found));
        }
        // A store reads a tag in one way, on uploads as on puts.
        let as_read = match condition {
            Conditional::Complete => Conditional::IfMatch,
            other => other,
        };
        if let Some(tag) = tag
            && self.found.is_unquoted(as_read)
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

/// The condition of a put, and the tag in it.
const fn of_a_put(mode: &mut PutMode) -> (Option<Conditional>, Option<&mut ETag>) {
    match mode {
        PutMode::Create => (Some(Conditional::Create), None),
        PutMode::IfMatch(tag) => (Some(Conditional::IfMatch), Some(tag)),
        PutMode::Overwrite => (None, None),
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

    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        match self.send(ObjectRequest::BeginUpload(begin)).await? {
            ObjectResponse::BeginUpload(id) => Ok(id),
            _ => Err(another()),
        }
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        match self.send(ObjectRequest::PutPart(part)).await? {
            ObjectResponse::PutPart(tag) => Ok(tag),
            _ => Err(another()),
        }
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        match self.send(ObjectRequest::CompleteUpload(complete)).await? {
            ObjectResponse::CompleteUpload(answer) => Ok(answer),
            _ => Err(another()),
        }
    }

    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        self.send(ObjectRequest::AbortUpload(abort)).await.map(drop)
    }

    async fn list_uploads(&self, list: ListUploads) -> Result<UploadPage, ProviderError> {
        match self.send(ObjectRequest::ListUploads(list)).await? {
            ObjectResponse::ListUploads(page) => Ok(page),
            _ => Err(another()),
        }
    }

    async fn copy(&self, copy: Copy) -> Result<PutAnswer, ProviderError> {
        match self.send(ObjectRequest::Copy(copy)).await? {
            ObjectResponse::Copy(answer) => Ok(answer),
            _ => Err(another()),
        }
    }

    async fn delete_many(&self, many: DeleteMany) -> Result<Vec<Result<(), ProviderError>>, ProviderError> {
        match self.send(ObjectRequest::DeleteMany(many)).await? {
            ObjectResponse::DeleteMany(answers) => Ok(answers),
            _ => Err(another()),
        }
    }

    async fn presign(&self, presign: Presign) -> Result<PresignedUrl, ProviderError> {
        self.store.presign(presign).await
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

/// The result, in which nothing repeats these keys: neither the error nor what was said of the answer's head.
fn without<'k, T>(
    result: Result<T, ProviderError>,
    keys: impl IntoIterator<Item = &'k str> + Clone,
) -> Result<T, ProviderError> {
    keys.clone().into_iter().for_each(noted::withhold);
    result.map_err(|error| error.without(keys))
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
    fn presign(&self, presign: Presign) -> BoxFuture<'_, Result<PresignedUrl, ProviderError>>;
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

    fn presign(&self, presign: Presign) -> BoxFuture<'_, Result<PresignedUrl, ProviderError>> {
        Box::pin(async move {
            let key = presign.key.clone();
            let signed = ObjectProvider::presign(self, presign).await;
            without(signed, [key.as_str()])
        })
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
                without(put, [key.as_str()])
            }),
            ObjectRequest::Get(get) => Box::pin(async move {
                let key = get.key.clone();
                let got = self.get(get).await.map(ObjectResponse::Get);
                without(got, [key.as_str()])
            }),
            ObjectRequest::Head(head) => Box::pin(async move {
                let key = head.key.clone();
                let head = self.head(head).await.map(ObjectResponse::Head);
                without(head, [key.as_str()])
            }),
            ObjectRequest::Delete(delete) => Box::pin(async move {
                let key = delete.key.clone();
                let deleted = self.delete(delete).await.map(|()| ObjectResponse::Delete);
                without(deleted, [key.as_str()])
            }),
            ObjectRequest::List(list) => Box::pin(async move {
                let prefix = list.prefix.clone();
                let page = self.list(list).await?;
                of_the_prefix(&prefix, page.entries.iter().map(ListEntry::name))?;
                Ok(ObjectResponse::List(page))
            }),
            ObjectRequest::BeginUpload(begin) => Box::pin(async move {
                let key = begin.key.clone();
                let begun = self.begin_upload(begin).await.map(ObjectResponse::BeginUpload);
                without(begun, [key.as_str()])
            }),
            ObjectRequest::PutPart(part) => Box::pin(async move {
                let (key, upload) = (part.key.clone(), part.upload.clone());
                let stored = self.put_part(part).await.map(ObjectResponse::PutPart);
                without(stored, [key.as_str(), upload.as_str()])
            }),
            ObjectRequest::CompleteUpload(complete) => Box::pin(async move {
                let (key, upload) = (complete.key.clone(), complete.upload.clone());
                let completed = self.complete_upload(complete).await;
                let completed = completed.map(ObjectResponse::CompleteUpload);
                without(completed, [key.as_str(), upload.as_str()])
            }),
            ObjectRequest::AbortUpload(abort) => Box::pin(async move {
                let (key, upload) = (abort.key.clone(), abort.upload.clone());
                let aborted = self.abort_upload(abort).await.map(|()| ObjectResponse::AbortUpload);
                without(aborted, [key.as_str(), upload.as_str()])
            }),
            ObjectRequest::ListUploads(list) => Box::pin(async move {
                let prefix = list.prefix.clone();
                let page = self.list_uploads(list).await?;
                of_the_prefix(&prefix, page.uploads.iter().map(|open| &*open.key))?;
                Ok(ObjectResponse::ListUploads(page))
            }),
            ObjectRequest::Copy(copy) => Box::pin(async move {
                let (from, to) = (copy.from.clone(), copy.to.clone());
                let copied = self.copy(copy).await.map(ObjectResponse::Copy);
                without(copied, [from.as_str(), to.as_str()])
            }),
            ObjectRequest::DeleteMany(many) => Box::pin(async move {
                let keys = many.keys.clone();
                let removed = self.delete_many(many).await;
                let answers = removed.map_err(|error| error.without(keys.iter().map(Key::as_str)))?;
                if answers.len() != keys.len() {
                    return Err(ProviderError::faulty("the adapter did not answer for each key"));
                }
                let answers = answers.into_iter().zip(&*keys);
                let answers = answers.map(|(answer, key)| answer.map_err(|error| error.without([key.as_str()])));
                Ok(ObjectResponse::DeleteMany(answers.collect()))
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
/// If-Match. The bridge reduces the [terms](Put::terms) of a write to those of its endpoint, and first asks the adapter
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
        let tally = call.weigh(call.request().body());
        let mut request = call.into_request();
        match &mut request {
            ObjectRequest::Get(get) => get.progress = progress,
            ObjectRequest::Put(put) => put.progress = progress,
            ObjectRequest::PutPart(part) => part.progress = progress,
            _ => {}
        }
        let answer = self.show(&mut request).and_then(|()| self.provider.begin(request));
        Answering::new(answer, self.endpoint.clone(), tally, finished)
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
                self.narrow(&mut put.terms, &mut put.terms_at)?;
                self.fit(&put.mode)?;
            }
            ObjectRequest::BeginUpload(begin) => self.narrow(&mut begin.terms, &mut begin.terms_at)?,
            ObjectRequest::CompleteUpload(complete) => {
                self.narrow(&mut complete.terms, &mut complete.terms_at)?;
                self.fit(&complete.mode)?;
            }
            ObjectRequest::Copy(copy) => {
                self.narrow(&mut copy.terms, &mut copy.terms_at)?;
                self.fit(&copy.mode)?;
                if let Some(tag) = &copy.if_match {
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

    /// Reduces the terms of a write to those of this endpoint. The client has asked about them at its door; who speaks
    /// to the stack directly has not.
    fn narrow(
        &self,
        terms: &mut Arc<Terms>,
        at: &mut Arc<BTreeMap<Arc<str>, Arc<Terms>>>,
    ) -> Result<(), ProviderError> {
        terms::narrow(terms, at, &self.endpoint);
        match terms.is_empty() {
            true => Ok(()),
            false => ObjectProvider::check_terms(&self.provider, terms),
        }
    }

    fn fit(&self, mode: &PutMode) -> Result<(), ProviderError> {
        match mode {
            PutMode::IfMatch(tag) => fit_for_a_condition(tag, tag.endpoint() != &*self.endpoint),
            PutMode::Create | PutMode::Overwrite => Ok(()),
        }
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
    tally: Tally,
    finish: fn(A, &Arc<str>, &Tally) -> A,
}

impl<A> Answering<A> {
    fn new(
        answer: Result<BoxFuture<'static, Result<A, ProviderError>>, ProviderError>,
        endpoint: Arc<str>,
        tally: Tally,
        finish: fn(A, &Arc<str>, &Tally) -> A,
    ) -> Self {
        Self {
            answer: answer.map_err(Some),
            endpoint,
            tally,
            finish,
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
        Poll::Ready(Ok((self.finish)(answer, &self.endpoint, &self.tally)))
    }
}

/// The response, weighed and [signed].
fn finished(response: ObjectResponse, endpoint: &Arc<str>, tally: &Tally) -> ObjectResponse {
    if let ObjectResponse::Get(object) = &response {
        tally.weigh(object.body.len() as u64);
    }
    signed(response, endpoint)
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
        ObjectResponse::CompleteUpload(answer) => ObjectResponse::CompleteUpload(PutAnswer { etag: tag(answer.etag) }),
        ObjectResponse::Copy(answer) => ObjectResponse::Copy(PutAnswer { etag: tag(answer.etag) }),
        ObjectResponse::Get(object) => ObjectResponse::Get(Object {
            meta: meta(object.meta),
            ..object
        }),
        ObjectResponse::Head(head) => ObjectResponse::Head(meta(head)),
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
        untagged => untagged,
    }
}
