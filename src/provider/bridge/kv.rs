use super::{Answering, BoxFuture, Erased, another, of_the_prefix, without};
use crate::{
    BoxError, Endpoint,
    endpoint::Host,
    provider::{KvProvider, ProviderError},
    request::{
        Call, Tally,
        kv::{
            Condition, Delete, Entry, Get, GetMany, Key, KvRequest, KvResponse, Limits, Put, PutAnswer, PutMany, Scan,
            ScanPage, Value, Version,
        },
    },
};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower::Service;

/// Any adapter for tables, with its type erased, so that endpoints of different providers fit in one list.
#[derive(Clone)]
pub struct AnyKvProvider {
    provider: Arc<dyn Erased<KvRequest, KvResponse>>,
    limits: Limits,
    strong_replicas: bool,
}

impl AnyKvProvider {
    /// Erases the type of `provider`.
    pub fn new<P: KvProvider>(provider: P) -> Self {
        Self {
            limits: provider.limits(),
            strong_replicas: provider.has_strong_replicas(),
            provider: Arc::new(provider),
        }
    }

    /// Makes one attempt.
    ///
    /// # Errors
    /// The adapter's error.
    pub async fn send(&self, request: KvRequest) -> Result<KvResponse, ProviderError> {
        self.provider.clone().send(request).await
    }

    /// See [`KvProvider::warm_up`].
    ///
    /// # Errors
    /// The adapter's error.
    pub async fn warm_up(&self) -> Result<(), ProviderError> {
        self.provider.warm_up().await
    }

    /// See [`KvProvider::hosts`].
    pub fn hosts(&self) -> Option<Vec<Host>> {
        self.provider.hosts()
    }

    /// The store's limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Makes a list of endpoints of different providers a list of endpoints of one type.
impl KvProvider for AnyKvProvider {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        match self.send(KvRequest::Get(get)).await? {
            KvResponse::Get(value) => Ok(value),
            _ => Err(another()),
        }
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        match self.send(KvRequest::Put(put)).await? {
            KvResponse::Put(answer) => Ok(answer),
            _ => Err(another()),
        }
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.send(KvRequest::Delete(delete)).await.map(drop)
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
        match self.send(KvRequest::Scan(scan)).await? {
            KvResponse::Scan(page) => Ok(page),
            _ => Err(another()),
        }
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        match self.send(KvRequest::GetMany(many)).await? {
            KvResponse::GetMany(results) => Ok(results),
            _ => Err(another()),
        }
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        match self.send(KvRequest::PutMany(many)).await? {
            KvResponse::PutMany(results) => Ok(results),
            _ => Err(another()),
        }
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn has_strong_replicas(&self) -> bool {
        self.strong_replicas
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        self.provider.hosts()
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.provider.warm_up().await
    }
}

impl fmt::Debug for AnyKvProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyKvProvider")
    }
}

impl<P: KvProvider> Erased<KvRequest, KvResponse> for P {
    fn send(self: Arc<Self>, request: KvRequest) -> BoxFuture<'static, Result<KvResponse, ProviderError>> {
        match request {
            KvRequest::Get(get) => Box::pin(async move {
                let key = get.key.clone();
                let got = self.get(get).await.map(KvResponse::Get);
                without(got, [key.as_str()])
            }),
            KvRequest::Put(put) => Box::pin(async move {
                let key = put.key.clone();
                let put = self.put(put).await.map(KvResponse::Put);
                without(put, [key.as_str()])
            }),
            KvRequest::Delete(delete) => Box::pin(async move {
                let key = delete.key.clone();
                let deleted = self.delete(delete).await.map(|()| KvResponse::Delete);
                without(deleted, [key.as_str()])
            }),
            KvRequest::GetMany(many) => Box::pin(async move {
                let keys = many.keys.clone();
                settled(&keys, self.get_many(many).await).map(KvResponse::GetMany)
            }),
            KvRequest::PutMany(many) => Box::pin(async move {
                let keys: Vec<Key> = many.puts.iter().map(|put| put.key.clone()).collect();
                settled(&keys, self.put_many(many).await).map(KvResponse::PutMany)
            }),
            KvRequest::Scan(scan) => Box::pin(async move {
                let prefix = scan.prefix.clone();
                let page = self.scan(scan).await?;
                of_the_prefix(&prefix, page.entries.iter().map(|entry| entry.key.as_str()))?;
                Ok(KvResponse::Scan(page))
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

/// The results of a batch, one for each key. No error repeats a key. If no result shows a healthy store, the batch as a
/// whole has failed and counts as a failure. The batch's error is then the error of a write that may have been applied,
/// if there is one.
fn settled<T>(
    keys: &[Key],
    results: Result<Vec<Result<T, ProviderError>>, ProviderError>,
) -> Result<Vec<Result<T, ProviderError>>, ProviderError> {
    let mut results = without(results, keys.iter().map(Key::as_str))?;
    if results.len() != keys.len() {
        let (answered, asked) = (results.len(), keys.len());
        return Err(ProviderError::faulty(format!(
            "the adapter gave {answered} results for {asked} keys"
        )));
    }
    for result in &mut results {
        if let Err(error) = result {
            *error = error.clone().without(keys.iter().map(Key::as_str));
        }
    }
    let healthy = |result: &Result<T, ProviderError>| match result {
        Ok(_) => true,
        Err(error) => error.outcome().verdict.is_healthy(),
    };
    if results.is_empty() || results.iter().any(healthy) {
        return Ok(results);
    }
    let mut worst = None;
    for error in results.into_iter().filter_map(Result::err) {
        let may = error.outcome().may_have_been_applied();
        if may || worst.is_none() {
            worst = Some(error);
        }
        if may {
            break;
        }
    }
    Err(worst.unwrap_or_else(another))
}

/// The bridge from an adapter to the stack: one endpoint's adapter as a tower service.
///
/// The bridge adds the endpoint's name to the versions of an answer. The bridge shows a version only to the endpoint
/// that gave the version, or to an endpoint that shares its versions.
#[derive(Clone, Debug)]
pub struct KvService {
    endpoint: Arc<str>,
    provider: AnyKvProvider,
    /// Versions that these endpoints gave are valid here, too.
    siblings: Arc<[Arc<str>]>,
}

impl KvService {
    /// `provider` under this endpoint's name.
    pub fn new(endpoint: impl Into<Arc<str>>, provider: AnyKvProvider) -> Self {
        Self {
            endpoint: endpoint.into(),
            provider,
            siblings: Arc::default(),
        }
    }

    /// Declares that the endpoints of these names, this one among them, are replicas of the same table with the same
    /// versions. All of them give their versions under the first endpoint's name, so that equal versions compare as
    /// equal.
    #[must_use]
    pub fn sharing_versions_with(mut self, siblings: impl Into<Arc<[Arc<str>]>>) -> Self {
        self.siblings = siblings.into();
        self
    }

    fn knows(&self, version: &Version) -> bool {
        let giver = version.endpoint();
        giver == &*self.endpoint || self.siblings.iter().any(|sibling| giver == &**sibling)
    }
}

impl Service<Call<KvRequest>> for KvService {
    type Response = KvResponse;
    type Error = BoxError;
    type Future = Answering<KvResponse>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<KvRequest>) -> Self::Future {
        let tally = call.weigh(call.request().body());
        let request = call.into_request();
        let shown = match &request {
            KvRequest::Put(Put {
                condition: Condition::Version(version),
                ..
            }) => Some(version),
            KvRequest::Delete(delete) => delete.if_version.as_ref(),
            _ => None,
        };
        let answer = if shown.is_some_and(|version| !self.knows(version)) {
            Err(ProviderError::unsupported("another endpoint gave the version"))
        } else {
            Ok(self.provider.provider.clone().send(request))
        };
        let signer = self.siblings.first().unwrap_or(&self.endpoint);
        Answering::new(answer, signer.clone(), tally, finished)
    }
}

/// The response, weighed and [signed].
fn finished(response: KvResponse, endpoint: &Arc<str>, tally: &Tally) -> KvResponse {
    tally.weigh(response.body());
    signed(response, endpoint)
}

/// The response with the endpoint's name in its versions.
fn signed(response: KvResponse, endpoint: &Arc<str>) -> KvResponse {
    let value = |value: Value| Value {
        version: value.version.at(endpoint),
        ..value
    };
    let answer = |answer: PutAnswer| PutAnswer {
        version: answer.version.at(endpoint),
    };
    match response {
        KvResponse::Get(got) => KvResponse::Get(value(got)),
        KvResponse::Put(put) => KvResponse::Put(answer(put)),
        KvResponse::Delete => KvResponse::Delete,
        KvResponse::GetMany(results) => {
            KvResponse::GetMany(results.into_iter().map(|result| result.map(value)).collect())
        }
        KvResponse::PutMany(results) => {
            KvResponse::PutMany(results.into_iter().map(|result| result.map(answer)).collect())
        }
        KvResponse::Scan(page) => KvResponse::Scan(ScanPage {
            entries: page
                .entries
                .into_iter()
                .map(|entry| Entry {
                    value: value(entry.value),
                    ..entry
                })
                .collect(),
            ..page
        }),
    }
}

impl<P: KvProvider> Endpoint<P> {
    /// Erases the adapter's type, so that tables of several providers fit in one list.
    pub fn erased_kv(self) -> Endpoint<AnyKvProvider> {
        self.map(AnyKvProvider::new)
    }
}
