use super::{ListCall, ObjectClient, ObjectClientBuilder, door, verify};
use crate::{
    Endpoint,
    call::{BuildError, PROBE, PageOf, Paged, Protocol, Resume, Seen},
    endpoint::{Host, Profile},
    provider::{AnyObjectProvider, Capabilities, Conditional, ObjectProvider, ObjectService, ProviderError},
    request::{
        Key, OpClass, WriteId,
        object::{
            ByteRange, CompleteUpload, Copy, ETag, Head, List, ListEntry, ObjectRequest, ObjectResponse, Put, PutMode,
        },
    },
};
use std::sync::Arc;

/// How many times as fast as bytes on the wire a store copies on its own side, at least: S3 copies a large object at
/// some 64 MiB/s and more.
const COPIED: u64 = 8;

/// How many times as fast as bytes on the wire a store assembles an object of its parts, at least: 5 GiB at 64 MiB/s
/// take 80 s.
const ASSEMBLED: u64 = 64;

/// What a completion is allowed in any case, as bytes on the wire: ten seconds. S3 says that it may take minutes.
const LEAST_ASSEMBLY: u64 = 10 << 20;

/// What the removal of one object among many is allowed, as bytes on the wire: 1 ms at 16 MiB/s. S3 removes 3,500 in a
/// second.
const REMOVED: u64 = 16 << 10;

/// The protocol of an [`ObjectClient`].
#[derive(Clone, Copy, Debug)]
pub enum Objects {}

impl Protocol for Objects {
    type Request = ObjectRequest;
    type Response = ObjectResponse;
    type Provider = AnyObjectProvider;
    type Service = ObjectService;
    type Tag = ETag;

    const NOUN: &'static str = "object";
    const TAG: &'static str = "ETag";
    const CREATES_ARE_PUTS: bool = true;
    const RESERVED: &'static str = Key::RESERVED;

    fn class(request: &ObjectRequest) -> OpClass {
        request.class()
    }

    fn operation(request: &ObjectRequest) -> &'static str {
        request.name()
    }

    fn bytes(request: &ObjectRequest) -> u64 {
        match request {
            ObjectRequest::Put(put) => put.body.len() as u64,
            ObjectRequest::PutPart(part) => part.body.len() as u64,
            // Nothing passes through here, but the store takes its time.
            ObjectRequest::Copy(copy) => copy.size / COPIED,
            ObjectRequest::CompleteUpload(complete) => LEAST_ASSEMBLY + complete.size() / ASSEMBLED,
            ObjectRequest::DeleteMany(many) => many.keys.len() as u64 * REMOVED,
            ObjectRequest::Get(get) => match &get.range {
                Some(ByteRange::Bounded(range)) => range.end.saturating_sub(range.start),
                Some(ByteRange::Suffix(bytes)) => *bytes,
                // Not known beforehand: the learnt limit grows with what it meets.
                Some(ByteRange::From(_)) | None => 0,
            },
            _ => 0,
        }
    }

    fn tag_given_by(request: &ObjectRequest) -> Option<&str> {
        match request {
            ObjectRequest::Get(get) => get.if_none_match.as_ref().map(ETag::endpoint),
            _ => None,
        }
    }

    fn bound_to(request: &ObjectRequest) -> Option<&str> {
        match request {
            ObjectRequest::Get(get) => get.if_match.as_ref().map(ETag::endpoint),
            ObjectRequest::Head(head) => head.if_match.as_ref().map(ETag::endpoint),
            _ => None,
        }
    }

    /// A whole object may be large; a part is small enough to be fetched again.
    fn goes_on(request: &ObjectRequest) -> bool {
        matches!(request, ObjectRequest::Get(get) if get.range.is_none())
    }

    fn accepted(response: ObjectResponse) -> Option<Option<ETag>> {
        match response {
            ObjectResponse::Put(answer) | ObjectResponse::CompleteUpload(answer) | ObjectResponse::Copy(answer) => {
                Some(answer.etag)
            }
            ObjectResponse::Delete | ObjectResponse::DeleteMany(_) => Some(None),
            _ => None,
        }
    }

    fn found(response: ObjectResponse) -> Option<(Option<WriteId>, u64, Option<ETag>)> {
        match response {
            ObjectResponse::Head(meta) => Some((meta.write_id, meta.size, meta.etag)),
            _ => None,
        }
    }

    fn key(request: &ObjectRequest) -> Option<&str> {
        match request {
            ObjectRequest::Put(put) => Some(put.key.as_str()),
            ObjectRequest::Get(get) => Some(get.key.as_str()),
            ObjectRequest::Head(head) => Some(head.key.as_str()),
            ObjectRequest::Delete(delete) => Some(delete.key.as_str()),
            ObjectRequest::BeginUpload(begin) => Some(begin.key.as_str()),
            ObjectRequest::PutPart(part) => Some(part.key.as_str()),
            ObjectRequest::CompleteUpload(complete) => Some(complete.key.as_str()),
            ObjectRequest::AbortUpload(abort) => Some(abort.key.as_str()),
            ObjectRequest::Copy(copy) => Some(copy.to.as_str()),
            ObjectRequest::List(_) | ObjectRequest::ListUploads(_) | ObjectRequest::DeleteMany(_) => None,
        }
    }

    fn tag_of<'a>(_request: &ObjectRequest, response: &'a ObjectResponse) -> Option<&'a ETag> {
        match response {
            ObjectResponse::Get(object) => object.meta.etag.as_ref(),
            ObjectResponse::Head(meta) => meta.etag.as_ref(),
            _ => None,
        }
    }

    fn judge_of(tag: &ETag) -> Option<&str> {
        tag.unfit().is_none().then(|| tag.endpoint())
    }

    fn on(write: &ObjectRequest, seen: &Seen<ETag>) -> Option<ObjectRequest> {
        let mode = match seen {
            Seen::There(tag) => PutMode::IfMatch(tag.clone()),
            Seen::Absent => PutMode::Create,
        };
        match (write, seen) {
            (ObjectRequest::Put(put), _) => Some(ObjectRequest::Put(Put { mode, ..put.clone() })),
            (ObjectRequest::CompleteUpload(complete), _) => Some(ObjectRequest::CompleteUpload(CompleteUpload {
                mode,
                ..complete.clone()
            })),
            (ObjectRequest::Copy(copy), _) => Some(ObjectRequest::Copy(Copy { mode, ..copy.clone() })),
            (ObjectRequest::Delete(delete), Seen::There(tag)) => {
                Some(ObjectRequest::Delete(delete.clone().if_match(tag.clone())))
            }
            _ => None,
        }
    }

    fn fence(write: &ObjectRequest) -> Option<Conditional> {
        match write {
            ObjectRequest::Put(Put { mode, .. }) | ObjectRequest::Copy(Copy { mode, .. }) => {
                matches!(mode, PutMode::IfMatch(_)).then_some(Conditional::IfMatch)
            }
            ObjectRequest::CompleteUpload(complete) => {
                matches!(complete.mode, PutMode::IfMatch(_)).then_some(Conditional::Complete)
            }
            ObjectRequest::Delete(delete) => delete.if_match.as_ref().map(|_| Conditional::DeleteIfMatch),
            _ => None,
        }
    }

    fn bridge(profile: &Profile, provider: &AnyObjectProvider, _siblings: &Arc<[Arc<str>]>) -> ObjectService {
        ObjectService::new(profile.shared_name().clone(), provider.clone())
    }

    /// An object's tag belongs to its store alone.
    fn has_strong_replicas(_provider: &AnyObjectProvider) -> bool {
        false
    }

    fn probe(class: OpClass) -> Option<ObjectRequest> {
        let key = Key::new(Key::PROBE).ok()?;
        Some(match class {
            OpClass::Write => ObjectRequest::Put(Put {
                mode: PutMode::Overwrite,
                ..Put::new(key, PROBE)
            }),
            OpClass::Read | OpClass::List => ObjectRequest::Head(Head::new(key)),
        })
    }

    fn hosts(provider: &AnyObjectProvider) -> Option<Vec<Host>> {
        provider.hosts()
    }

    fn capabilities(provider: &AnyObjectProvider) -> Capabilities {
        provider.capabilities()
    }

    async fn verify(
        provider: &AnyObjectProvider,
        id: &WriteId,
        known: Capabilities,
        told: impl Fn() + Send + Sync,
    ) -> Option<String> {
        verify::endpoint(provider, id, known, told).await.why_unknown()
    }

    async fn warm_up(provider: &AnyObjectProvider) -> Result<(), ProviderError> {
        provider.warm_up().await
    }
}

impl Paged for Objects {
    type Query = List;
    type Entry = ListEntry;
    const OPERATION: &'static str = "list";

    fn check(query: &List) -> Result<(), String> {
        door::part_of_a_key("prefix", &query.prefix)?;
        if let Some(start_after) = &query.start_after {
            door::part_of_a_key("start-after", start_after)?;
        }
        match query.delimiter.as_deref() {
            Some("") => Err("a delimiter must not be empty".to_owned()),
            Some(delimiter) => door::part_of_a_key("delimiter", delimiter),
            None => Ok(()),
        }
    }

    fn page(query: &List, from: Resume<'_>, limit: Option<usize>) -> ObjectRequest {
        let mut list = query.clone();
        list.limit = limit;
        match from {
            Resume::Start => {}
            Resume::Continuation(continuation) => list.continuation = Some(continuation.to_owned()),
            Resume::After(last) => list.start_after = Some(last.to_owned()),
        }
        ObjectRequest::List(list)
    }

    fn entries(response: ObjectResponse) -> Option<PageOf<ListEntry>> {
        match response {
            ObjectResponse::List(page) => Some(PageOf {
                entries: page.entries,
                leads_on: page.continuation,
                foreign: 0,
            }),
            _ => None,
        }
    }
}

impl ObjectClientBuilder {
    /// Adds an endpoint. The order is the order of preference.
    #[must_use]
    pub fn endpoint<P: ObjectProvider>(mut self, endpoint: Endpoint<P>) -> Self {
        self.endpoints.push(endpoint.erased());
        self
    }

    /// Adds endpoints of one type; several types go through [`Endpoint::erased`] or [`endpoint`](Self::endpoint).
    #[must_use]
    pub fn endpoints<P: ObjectProvider>(mut self, endpoints: impl IntoIterator<Item = Endpoint<P>>) -> Self {
        self.endpoints.extend(endpoints.into_iter().map(Endpoint::erased));
        self
    }

    /// Sends creates and other conditional writes only to endpoints that are known to keep to the condition. If that is
    /// unknown, a write waits within its deadline until the endpoint has been asked, or goes to an endpoint that is
    /// known. If the endpoint could not be asked, the write is refused as
    /// [`Unavailable`](crate::ErrorKind::Unavailable). See [`verify`](ObjectClient::verify) for what happens without
    /// `require_verified`.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).require_verified().build()?;
    /// client.put("k", "v").await?; // `Memory` is known to
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn require_verified(mut self) -> Self {
        self.require_verified = true;
        self
    }

    /// Checks everything and makes the client. Sends nothing.
    ///
    /// # Errors
    /// [`BuildError`] says which setting does not fit.
    pub fn build(self) -> Result<ObjectClient, BuildError> {
        Ok(ObjectClient {
            core: Arc::new(self.assemble()?),
        })
    }
}

impl ListCall {
    /// Lists only names greater than this one.
    pub fn start_after(mut self, key: impl Into<String>) -> Self {
        self.query.start_after = Some(key.into());
        self
    }

    /// Folds keys that share everything up to the next delimiter after the prefix into one [common
    /// prefix](ListEntry::CommonPrefix). `"/"` lists one folder.
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.query.delimiter = Some(delimiter.into());
        self
    }
}
