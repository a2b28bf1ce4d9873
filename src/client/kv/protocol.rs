use super::{KvClient, KvClientBuilder, ScanCall};
use crate::{
    Endpoint,
    call::{BuildError, PROBE, PageOf, Paged, Protocol, Resume, Seen},
    endpoint::{Host, Profile},
    provider::{AnyKvProvider, Capabilities, Capability, Conditional, KvProvider, KvService, ProviderError},
    request::{
        OpClass, WriteId,
        kv::{Condition, Entry, Get, Key, KvRequest, KvResponse, Put, Scan, Version},
    },
};
use std::sync::Arc;

/// The protocol of a [`KvClient`].
#[derive(Clone, Copy, Debug)]
pub enum Keys {}

impl Protocol for Keys {
    type Request = KvRequest;
    type Response = KvResponse;
    type Provider = AnyKvProvider;
    type Service = KvService;
    type Tag = Version;

    const NOUN: &'static str = "key";
    const TAG: &'static str = "version";
    const CREATES_ARE_PUTS: bool = false;
    const RESERVED: &'static str = Key::RESERVED;

    fn class(request: &KvRequest) -> OpClass {
        request.class()
    }

    fn operation(request: &KvRequest) -> &'static str {
        request.name()
    }

    fn bytes(request: &KvRequest) -> u64 {
        request.body()
    }

    fn tag_given_by(_request: &KvRequest) -> Option<&str> {
        None
    }

    fn accepted(response: KvResponse) -> Option<Option<Version>> {
        match response {
            KvResponse::Put(answer) => Some(Some(answer.version)),
            KvResponse::Delete => Some(None),
            _ => None,
        }
    }

    fn found(response: KvResponse) -> Option<(Option<WriteId>, u64, Option<Version>)> {
        match response {
            KvResponse::Get(value) => Some((value.write_id, value.bytes.len() as u64, Some(value.version))),
            _ => None,
        }
    }

    fn key(request: &KvRequest) -> Option<&str> {
        match request {
            KvRequest::Put(put) => Some(put.key.as_str()),
            KvRequest::Get(get) => Some(get.key.as_str()),
            KvRequest::Delete(delete) => Some(delete.key.as_str()),
            KvRequest::GetMany(_) | KvRequest::PutMany(_) | KvRequest::Scan(_) => None,
        }
    }

    fn tag_of<'a>(request: &KvRequest, response: &'a KvResponse) -> Option<&'a Version> {
        match (request, response) {
            (KvRequest::Get(get), KvResponse::Get(value)) if get.fresh => Some(&value.version),
            _ => None,
        }
    }

    fn judge_of(version: &Version) -> Option<&str> {
        Some(version.endpoint())
    }

    fn on(write: &KvRequest, seen: &Seen<Version>) -> Option<KvRequest> {
        match (write, seen) {
            // The condition is ours: what was there does not decide when this expires.
            (KvRequest::Put(put), Seen::There(version)) => {
                let condition = Condition::Version(version.clone());
                let without_expiry = put.time_to_live.is_none();
                Some(KvRequest::Put(Put {
                    without_expiry,
                    ..put.clone().on(condition)
                }))
            }
            (KvRequest::Put(put), Seen::Absent) => Some(KvRequest::Put(put.clone().on(Condition::Absent))),
            (KvRequest::Delete(delete), Seen::There(version)) => {
                Some(KvRequest::Delete(delete.clone().if_version(version.clone())))
            }
            _ => None,
        }
    }

    fn fence(write: &KvRequest) -> Option<Conditional> {
        match write {
            KvRequest::Put(put) => matches!(put.condition, Condition::Version(_)).then_some(Conditional::IfMatch),
            KvRequest::Delete(delete) => delete.if_version.as_ref().map(|_| Conditional::DeleteIfMatch),
            _ => None,
        }
    }

    fn bridge(profile: &Profile, provider: &AnyKvProvider, siblings: &Arc<[Arc<str>]>) -> KvService {
        let service = KvService::new(profile.shared_name().clone(), provider.clone());
        service.sharing_versions_with(siblings.clone())
    }

    fn has_strong_replicas(provider: &AnyKvProvider) -> bool {
        provider.has_strong_replicas()
    }

    fn probe(class: OpClass) -> Option<KvRequest> {
        let key = Key::new(Key::PROBE).ok()?;
        Some(match class {
            OpClass::Write => KvRequest::Put(Put::new(key, PROBE, WriteId::new("evenkeel-probe"))),
            OpClass::Read | OpClass::List => KvRequest::Get(Get::new(key)),
        })
    }

    fn hosts(provider: &AnyKvProvider) -> Option<Vec<Host>> {
        provider.hosts()
    }

    /// Every table with an adapter has conditions; no dialect has servers that lack them.
    fn capabilities(_provider: &AnyKvProvider) -> Capabilities {
        Capabilities::all(Capability::Kept)
    }

    async fn verify(
        _provider: &AnyKvProvider,
        _id: &WriteId,
        _known: Capabilities,
        _told: impl Fn() + Send + Sync,
    ) -> Option<String> {
        None
    }

    async fn warm_up(provider: &AnyKvProvider) -> Result<(), ProviderError> {
        provider.warm_up().await
    }
}

impl Paged for Keys {
    type Query = Scan;
    type Entry = Entry;
    const OPERATION: &'static str = "scan";

    /// Bounds are like keys, but possibly empty.
    fn check(query: &Scan) -> Result<(), String> {
        let bounds = [
            ("prefix", Some(&query.prefix)),
            ("from", query.from.as_ref()),
            ("until", query.until.as_ref()),
            ("start-after", query.after.as_ref()),
        ];
        for (what, bound) in bounds {
            let Some(bound) = bound else { continue };
            if bound.len() > Key::MAX_BYTES {
                return Err(format!("a {what} must be at most {} bytes long", Key::MAX_BYTES));
            }
            if bound.chars().any(char::is_control) {
                return Err(format!("a {what} must not contain control characters"));
            }
        }
        Ok(())
    }

    fn page(query: &Scan, from: Resume<'_>, limit: Option<usize>) -> KvRequest {
        let mut scan = query.clone();
        scan.limit = limit;
        // A page leads on by key, at the same endpoint as at any other.
        if let Resume::Continuation(last) | Resume::After(last) = from {
            scan.after = Some(last.to_owned());
        }
        KvRequest::Scan(scan)
    }

    fn entries(response: KvResponse) -> Option<PageOf<Entry>> {
        match response {
            KvResponse::Scan(page) => Some(PageOf {
                entries: page.entries,
                leads_on: page.next,
                foreign: page.foreign,
            }),
            _ => None,
        }
    }
}

impl KvClientBuilder {
    /// Adds an endpoint. The order is the order of preference.
    #[must_use]
    pub fn endpoint<P: KvProvider>(mut self, endpoint: Endpoint<P>) -> Self {
        self.endpoints.push(endpoint.erased_kv());
        self
    }

    /// Adds endpoints of one type; several types go through [`Endpoint::erased_kv`] or [`endpoint`](Self::endpoint).
    #[must_use]
    pub fn endpoints<P: KvProvider>(mut self, endpoints: impl IntoIterator<Item = Endpoint<P>>) -> Self {
        self.endpoints.extend(endpoints.into_iter().map(Endpoint::erased_kv));
        self
    }

    /// Checks everything and makes the client. Sends nothing.
    ///
    /// # Errors
    /// [`BuildError`] says which setting does not fit.
    pub fn build(self) -> Result<KvClient, BuildError> {
        Ok(KvClient {
            core: Arc::new(self.assemble()?),
            turns: Arc::default(),
        })
    }
}

impl ScanCall {
    /// Scans only keys from this one on.
    pub fn from_key(mut self, key: impl Into<String>) -> Self {
        self.query.from = Some(key.into());
        self
    }

    /// Scans only keys below this one.
    pub fn until(mut self, key: impl Into<String>) -> Self {
        self.query.until = Some(key.into());
        self
    }

    /// Scans only keys above this one: goes on where an earlier scan stopped.
    pub fn after(mut self, key: impl Into<String>) -> Self {
        self.query.after = Some(key.into());
        self
    }
}
