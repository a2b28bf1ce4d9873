//! Any [`object_store::ObjectStore`] as an endpoint.
//!
//! The crate `object_store` has clients for many stores. An application that already holds such a client need not build
//! a second one. Under a stack that can go elsewhere, `object_store` does too much for a single store: by default it
//! retries ten times over three minutes.
//!
//! ```
//! use evenkeel::provider::{GenericStore, ObjectProvider};
//! use evenkeel::request::{Key, object::{Get, Put}};
//! use object_store::memory::InMemory;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let store = GenericStore::new(Arc::new(InMemory::new())).unwrap().trusting_transport();
//! let key = Key::new("greeting").unwrap();
//! store.put(Put::new(key.clone(), "hello")).await.unwrap();
//! assert_eq!(store.get(Get::new(key)).await.unwrap().body, "hello");
//! # }
//! ```
//!
//! # What to set in the store you bring
//! - **The transport**: `with_http_connector(NoRedirects::new())`, of the feature `object_store_http`. `object_store`'s
//!   own client follows redirects to any place, and believes every answer. A store without `NoRedirects` is refused at
//!   its first use, unless you call [`trusting_transport`](GenericStore::trusting_transport). `InMemory` and
//!   `LocalFileSystem` need that call, too. The transport shows in the store's `Debug`. A wrapper that hides it needs
//!   `trusting_transport`.
//!
//!   ```ignore
//!   let store = AmazonS3Builder::from_env()
//!       .with_http_connector(NoRedirects::new())
//!       .with_retry(RetryConfig { max_retries: 0, ..Default::default() })
//!       .build()?;
//!   let store = GenericStore::new(Arc::new(store))?;
//!   ```
//! - **Retries off**: `with_retry(RetryConfig { max_retries: 0, ..Default::default() })`. [`GenericStore::new`] refuses
//!   a store whose `Debug` shows more than one retry. `object_store`'s own clients show their retries. A store of your
//!   own, or a store behind a wrapper that hides the retries, is not checked. An error that came after retries is never
//!   *not sent*: an earlier try may have been sent.
//! - **A connect timeout below 1 s**, which [`NoRedirects`](crate::provider::object_store) sets. With another
//!   transport, use `with_client_options(ClientOptions::new().with_connect_timeout(..))`, as for
//!   [`CONNECT_TIMEOUT`](GenericStore::CONNECT_TIMEOUT). `object_store`'s default is 5 s: then the stack's own limit
//!   ends an attempt before anybody can say that it was not sent. The adapter does not check this.
//!
//! # What the adapter ensures
//! - Creates, If-Match and attributes are the store's own. The adapter refuses as unsupported what the store says it
//!   does not have (`NotImplemented`, `NotSupported`).
//! - Attributes round-trip, or the put is refused. A store that takes no attributes at
//!   all (`LocalFileSystem`) needs [`GenericStore::without_write_ids`]. Otherwise every put of an `ObjectClient` is
//!   refused.
//! - The adapter refuses tags and storage class of a put if `object_store` would not pass them on. The store's `Debug`
//!   shows which store it is.
//! - **Absence is proven.** A 404 with a body counts if the body has the provider's code. The 404 of a HEAD, which has
//!   no body, counts if the transport saw a header of the provider's and the bucket is known to exist. Otherwise a GET
//!   of one byte decides. An unconfirmed deletion is checked in the same way. Where the transport is only trusted, an
//!   empty listing is checked, too. Each check costs one request.
//! - **Foreign keys**: with `NoRedirects` they are listed as they are. They cannot be named here: see below.
//! - No key is in an error: `object_store`'s own words quote the URL, so they are read and not shown.
//!
//! # Uploads
//! [`GenericStore::with_parts`] takes objects in parts. Attributes, write id, tags and storage class are sent when an
//! upload begins. `object_store` has less than the stores themselves:
//! - No upload is completed on a condition: a create or an If-Match is refused. Under
//!   [`write_once`](crate::Replication::write_once) such an endpoint therefore takes no uploads.
//! - Uploads are not listed, so that nobody can sweep those of a process that died. Give the bucket a lifecycle rule.
//! - Numbers of parts go up from 1 without a gap, and all parts but the last have the same length.
//! - The progress of a part is not reported: a part is best short enough for the limit of an attempt.
//!
//! The adapter copies nothing on the store's side, because `object_store` gives the copy the attributes of the source,
//! and its write id with them. It does not presign: `Signer` does not show behind an `Arc<dyn ObjectStore>` either, and
//! the adapters of the providers presign.
//!
//! # What the adapter cannot ensure
//! - A kept connection may have been dropped by a proxy on the way. Its failure counts as a fault of the endpoint,
//!   because reqwest does not show that the connection was old. A silent HTTP/2 connection stays in use, unless the
//!   store's options have `http2_keep_alive_interval` and `http2_keep_alive_timeout`, or `http1_only`.
//! - `object_store` does not pass on `Retry-After` and request ids.
//! - A `404` without a code is a gateway's and [`Verdict::Faulty`](crate::verdict::Verdict). A WebDAV server sends no
//!   codes, so its absences never count.
//! - Through a transport that is only trusted, `object_store` has three faults. It reads any XML or HTML document that
//!   answers a listing as an empty page. It shows `dir/` as `dir`. And it loses a whole listing to one key with an
//!   empty or a dot segment or a control character; the adapter refuses such a listing as unsupported.
//! - `object_store` cannot name keys that end in `/`. The adapter refuses them as unsupported.
//! - `object_store` lists by whole path segments, and the adapter filters. Stores need not list in order, so one page
//!   costs a whole listing of the segment, unless [`GenericStore::listing_in_order`] says that this store lists in
//!   order.
//! - The adapter folds a listing with a delimiter other than `/` itself.
//! - Whether a store honours conditions is the store's word. A client asks a store that is neither Amazon's,
//!   Microsoft's, Google's nor `object_store`'s own: see [`verify`](crate::ObjectClient::verify) and
//!   [`GenericStore::trusting_conditions`]. For Alibaba's OSS see below.
//!
//! # OpenDAL
//! Any `Operator` of OpenDAL is an endpoint through OpenDAL's own bridge, the crate `object_store_opendal` (0.60 speaks
//! `object_store` 0.14):
//!
//! ```ignore
//! let operator = opendal::Operator::new(Memory::default())?; // without a RetryLayer: the client goes elsewhere first
//! let store = Arc::new(object_store_opendal::OpendalStore::new(operator));
//! let store = GenericStore::new(store)?.trusting_transport().without_write_ids();
//! ```
//!
//! - The bridge drops the attributes of a put. The adapter refuses them, and `without_write_ids` is needed.
//! - The bridge decodes and encodes paths. The adapter undoes that, so that keys are kept as they are. Keys with a blank
//!   at either end, which OpenDAL cuts off, are refused as unsupported.
//! - A service without ETags (OpenDAL's `memory`) needs `without_tags`. A download is then never resumed, because
//!   nothing proves that two parts are of one object.
//! - A service with real folders (OpenDAL's `fs`, `hdfs`, `webdav`) lists each folder as an empty object, which the
//!   bridge does not mark. Such a service is not fit for listings here.
//! - A page costs a whole listing, unless [`GenericStore::listing_in_order`] says that the service lists in order.
//!
//! # Alibaba Cloud OSS
//! There are two ways, and neither was tried against the real service. Through OSS's S3-compatible interface: the
//! adapter `S3` with `preset::alibaba_oss`. Natively: OpenDAL's service `oss` through OpenDAL's bridge, the crate
//! `object_store_opendal`, as an `Arc<dyn ObjectStore>` for this adapter. OSS answers a create that meets an object
//! with 409 `FileAlreadyExists`, which the verdicts know. The header for creates, `x-oss-forbid-overwrite`, has no
//! effect on a bucket with versioning. OSS has no conditional overwrite.

#[cfg_attr(not(feature = "object_store_http"), allow(dead_code))]
mod answer;
mod attributes;
mod error;
mod foreign;
mod listing;
mod opendal;
mod paths;
mod proof;
mod shown;
#[cfg(feature = "object_store_http")]
mod transport;
mod upload;

#[cfg(feature = "object_store_http")]
pub use transport::NoRedirects;

use super::{
    Capabilities, Capability, ObjectProvider, ProviderError, ProviderErrorKind,
    attributes::{check, check_match, check_range},
    body::Arriving,
    refusal::{Asked, wrong},
};
use crate::{
    request::{
        Key,
        object::{
            AbortUpload, BeginUpload, ByteRange, CompleteUpload, Delete, ETag, Get, Head, List, ListPage, ListUploads,
            Object, ObjectMeta, PartTag, Put, PutAnswer, PutMode, PutPart, Terms, UploadId, UploadPage,
        },
    },
    verdict::table::Symptom,
};
pub(crate) use attributes::sent as attributes_sent;
use attributes::{received, sent, tags};
use error::failed;
use futures_util::StreamExt as _;
use object_store::{
    GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, PutOptions, UpdateVersion,
    multipart::MultipartStore, path::Path,
};
use paths::Names;
use proof::{NOWHERE, Transport};
use shown::{Passed, conditions, puts, retries};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

/// A store of the crate `object_store`. A clone is cheap and shares the store.
#[derive(Clone)]
pub struct GenericStore {
    store: Arc<dyn ObjectStore>,
    parts: Option<Arc<dyn MultipartStore>>,
    write_ids: bool,
    versions: bool,
    untagged: bool,
    in_order: bool,
    passes: Passed,
    conditions: Capabilities,
    transport: Transport,
    /// The bucket exists: the store has given an answer about an object in it.
    is_there: Arc<AtomicBool>,
    names: Names,
}

/// Why a store was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The store retries by itself.
    #[error("the store retries {0} times by itself; set `max_retries: 0` in its `RetryConfig`")]
    Retries(u64),
}

impl GenericStore {
    /// The connect timeout to set in the store's `ClientOptions`. The value is just below the shortest limit of an
    /// attempt before the stack has learnt (1 s), so that an unreachable endpoint differs from a slow one.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);

    /// An endpoint of this store.
    ///
    /// # Errors
    /// [`Unfit::Retries`] if the store shows that it retries more than once.
    pub fn new(store: Arc<dyn ObjectStore>) -> Result<Self, Unfit> {
        // The trait has no question for it, but every client of `object_store` prints its configuration.
        let shown = format!("{store:?}");
        match retries(&shown) {
            Some(more) if more > 1 => Err(Unfit::Retries(more)),
            _ => Ok(Self {
                versions: shown.contains("GoogleCloudStorage"),
                store,
                parts: None,
                write_ids: true,
                untagged: false,
                in_order: false,
                passes: Passed::by(&shown),
                transport: Transport::by(&shown),
                is_there: Arc::default(),
                conditions: conditions(&shown),
                names: Names::by(&shown),
            }),
        }
    }

    /// An endpoint of this store, which also takes objects in parts. The trait for that, `MultipartStore`, does not
    /// show behind an `Arc<dyn ObjectStore>`. `AmazonS3`, `GoogleCloudStorage` and `InMemory` have it, and so have a
    /// `PrefixStore` and a `ThrottledStore` around them. See the module for what these uploads can and cannot do.
    ///
    /// `MicrosoftAzure` has the trait, too, but its uploads take no attributes and cannot be given up: with it this is
    /// as [`new`](Self::new).
    ///
    /// ```
    /// use evenkeel::provider::{GenericStore, ObjectProvider};
    /// use object_store::memory::InMemory;
    /// use std::sync::Arc;
    ///
    /// let store = GenericStore::with_parts(Arc::new(InMemory::new())).unwrap().trusting_transport();
    /// assert!(store.capabilities().parts.is_some());
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_parts<S: ObjectStore + MultipartStore>(store: Arc<S>) -> Result<Self, Unfit> {
        let is_azures = format!("{store:?}").contains("MicrosoftAzure {");
        let mut made = Self::new(store.clone())?;
        if !is_azures {
            made.conditions = made.conditions.with_parts(upload::RULE);
            made.parts = Some(store);
        }
        Ok(made)
    }

    /// Accepts a store whose transport is not [`NoRedirects`]. Without this, every request to such a store is refused.
    /// The adapter sees nothing of the transport, and trusts it in two things:
    ///
    /// - The transport **follows no redirect**. Otherwise requests, with the headers that the client leaves on them, go
    ///   where the answer says, past all [constraints](crate::endpoint::Constraints). `object_store`'s own clients
    ///   follow ten.
    /// - A **success is the store's**. The adapter confirms what it can: it confirms the absence of an object, a
    ///   deletion and an empty listing by a GET of one byte, which costs a request. The adapter does not notice a
    ///   gateway's page among several pages of a listing.
    ///
    /// A store that contacts no host (`InMemory`, `LocalFileSystem`) has no transport, and there is nothing to trust.
    #[must_use]
    pub fn trusting_transport(mut self) -> Self {
        if self.transport == Transport::Unknown {
            self.transport = Transport::Trusted;
        }
        self
    }

    /// For a store that takes no attributes. A put carries no write id, so that a put without attributes is possible. A
    /// retry then cannot recognise its own earlier success, and says that the put may have been applied.
    #[must_use]
    pub fn without_write_ids(mut self) -> Self {
        self.write_ids = false;
        self
    }

    /// Uses the store's versions as tags, not its ETags: for a store whose conditional overwrite asks for the version,
    /// as Google's does for the generation. `GoogleCloudStorage` has this without the call.
    #[must_use]
    pub fn tags_are_versions(mut self) -> Self {
        self.versions = true;
        self
    }

    /// For a store that gives no tags. Otherwise an answer without a tag does not count as the store's: it may be a
    /// gateway's page, or S3's success with an error document in it.
    #[must_use]
    pub fn without_tags(mut self) -> Self {
        self.untagged = true;
        self
    }

    /// Declares that the store lists in ascending order of the keys' bytes, as S3, GCS, Azure and `InMemory` do. The
    /// adapter then stops a listing when the page is full. If the store turns out not to list in order, the listing
    /// fails as faulty.
    #[must_use]
    pub fn listing_in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// For a store that is known to keep to creates and to If-Match on puts, so that nobody needs to ask the store; see
    /// `S3::trusting_conditions`. `InMemory`, and Amazon's, Microsoft's and Google's own stores are trusted without the
    /// call, and `LocalFileSystem` with creates: files have no If-Match.
    #[must_use]
    pub fn trusting_conditions(mut self) -> Self {
        let parts = self.conditions.parts;
        self.conditions = Capabilities {
            parts,
            ..puts(Capability::Kept)
        };
        self
    }

    /// The store itself.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The path whose text equals the key.
    fn path(&self, key: &Key) -> Result<Path, ProviderError> {
        self.names.check(key)?;
        self.names
            .path(key.as_str())
            .ok_or_else(|| ProviderError::unsupported("object_store has no path for this key"))
    }

    fn tag(&self, etag: Option<&String>, version: Option<&String>) -> Option<ETag> {
        let value = if self.versions { version } else { etag };
        value.map(|value| ETag::new(value.as_str(), ""))
    }

    /// The tag as a condition of a get. A store whose tags are versions is not asked, but told once it has answered.
    fn condition(&self, tag: Option<&ETag>) -> Option<String> {
        let tag = tag.filter(|_| !self.versions);
        tag.map(|tag| tag.value().to_owned())
    }

    fn meta(&self, key: &str, meta: &object_store::ObjectMeta) -> ObjectMeta {
        ObjectMeta {
            etag: self.tag(meta.e_tag.as_ref(), meta.version.as_ref()),
            // The beginning of time stands for no date.
            last_modified: Some(meta.last_modified.into()).filter(|date| *date != UNIX_EPOCH),
            ..ObjectMeta::new(key, meta.size)
        }
    }

    fn described(&self, key: &Key, got: &GetResult) -> Result<ObjectMeta, ProviderError> {
        let (attributes, write_id) = received(&got.attributes);
        let meta = self.meta(key.as_str(), &got.meta);
        Ok(ObjectMeta {
            attributes,
            write_id,
            etag: self.confirmed(meta.etag)?,
            ..meta
        })
    }

    /// The tag. Every real answer of a store with tags carries one.
    fn confirmed(&self, tag: Option<ETag>) -> Result<Option<ETag>, ProviderError> {
        if tag.is_none() && !self.untagged {
            return Err(wrong(Symptom::ErrorDocument, None));
        }
        self.is_there.store(true, Ordering::Relaxed);
        Ok(tag)
    }
}

/// Shows neither the store's configuration nor its name, which may hold a bucket or a path.
impl fmt::Debug for GenericStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenericStore").finish_non_exhaustive()
    }
}

impl ObjectProvider for GenericStore {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.admitted()?;
        check(&put)?;
        self.passes.check(&put.terms)?;
        let path = self.path(&put.key)?;
        let (mode, asked) = match &put.mode {
            PutMode::Create => (object_store::PutMode::Create, Asked::Create),
            PutMode::Overwrite => (object_store::PutMode::Overwrite, Asked::Overwrite),
            PutMode::IfMatch(tag) => {
                let value = Some(tag.value().to_owned());
                let (e_tag, version) = if self.versions { (None, value) } else { (value, None) };
                (
                    object_store::PutMode::Update(UpdateVersion { e_tag, version }),
                    Asked::IfMatch,
                )
            }
        };
        let id = put.write_id.as_ref().filter(|_| self.write_ids);
        let attributes = sent(&put.attributes, &put.terms, id);
        if !self.passes.attributes && !attributes.is_empty() {
            return Err(ProviderError::unsupported(
                "OpenDAL's bridge drops the attributes of a put: they cannot be kept, and write ids need `without_write_ids`",
            ));
        }
        let mut options = PutOptions {
            mode,
            attributes,
            tags: tags(&put.terms),
            ..PutOptions::default()
        };
        // It tells how the body leaves; of another transport nothing is seen.
        if self.transport == Transport::Ours {
            options.extensions.insert(put.progress.clone());
        }
        let stored = self.store.put_opts(&path, put.body.into(), options).await;
        let stored = stored.map_err(|error| failed(asked, &error))?;
        let tag = self.tag(stored.e_tag.as_ref(), stored.version.as_ref());
        Ok(PutAnswer::new(self.confirmed(tag)?))
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.admitted()?;
        check_range(get.range.as_ref())?;
        let path = self.path(&get.key)?;
        let tag = get.if_none_match.as_ref();
        let options = GetOptions {
            range: get.range.as_ref().map(|range| match range {
                ByteRange::Bounded(range) => GetRange::Bounded(range.clone()),
                ByteRange::From(start) => GetRange::Offset(*start),
                ByteRange::Suffix(last) => GetRange::Suffix(*last),
            }),
            if_match: self.condition(get.if_match.as_ref()),
            if_none_match: self.condition(tag),
            ..GetOptions::default()
        };
        get.progress.begin(0);
        let got = self.store.get_opts(&path, options).await;
        let got = got.map_err(|error| match failed(Asked::Read, &error) {
            // OpenDAL has one word for both.
            unchanged
                if unchanged.kind() == ProviderErrorKind::PreconditionFailed
                    && get.if_match.is_none()
                    && tag.is_some() =>
            {
                ProviderError::answer(ProviderErrorKind::NotModified)
            }
            failed => failed,
        })?;
        get.progress.answered();
        let meta = self.described(&get.key, &got)?;
        check_match(get.if_match.as_ref(), meta.etag.as_ref())?;
        // A store whose tags are versions cannot be asked for "none of this version", but told once it has answered.
        if self.versions && tag.is_some() && tag.map(ETag::value) == meta.etag.as_ref().map(ETag::value) {
            return Err(ProviderError::answer(ProviderErrorKind::NotModified));
        }
        let range = got.range.clone();
        let asked = match &get.range {
            // `InMemory` answers a suffix of nothing with nothing.
            Some(range) => range
                .of(meta.size)
                .ok_or_else(|| ProviderError::answer(ProviderErrorKind::RangeNotSatisfiable))?,
            None => 0..meta.size,
        };
        if range != asked {
            return Err(wrong(Symptom::Nonsense, None));
        }
        let mut arriving = Arriving::behind_its_head(&get.progress, Some(range.end - range.start));
        if get.range.is_none() {
            arriving.of_whole(|| meta.clone());
        }
        if matches!(got.payload, GetResultPayload::Stream(_)) {
            let mut pieces = got.into_stream();
            while let Some(piece) = pieces.next().await {
                arriving.push(piece.map_err(|error| failed(Asked::Read, &error))?);
            }
        } else {
            // A file, which is read at once.
            let body = got.bytes().await;
            arriving.push(body.map_err(|error| failed(Asked::Read, &error))?);
        }
        let body = arriving.whole().ok_or_else(|| wrong(Symptom::ShortBody, None))?;
        Ok(Object::new(meta, range, body))
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        let options = GetOptions {
            // A condition is compared with the answer: a refused HEAD has no body that could name the store's reason.
            head: true,
            ..GetOptions::default()
        };
        self.admitted()?;
        let path = self.path(&head.key)?;
        match self.store.get_opts(&path, options).await {
            Ok(known) => {
                let meta = self.described(&head.key, &known)?;
                check_match(head.if_match.as_ref(), meta.etag.as_ref())?;
                Ok(meta)
            }
            Err(error) => Err(self.missing(&path, &error).await),
        }
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.admitted()?;
        if delete.if_match.is_some() {
            return Err(ProviderError::unsupported("object_store has no conditional delete"));
        }
        let path = self.path(&delete.key)?;
        match object_store::ObjectStoreExt::delete(&*self.store, &path).await {
            Ok(()) if self.transport == Transport::Ours => Ok(()),
            // Nobody has looked at the answer: a gateway's page passes for one.
            Ok(()) => self.answers(&path).await,
            // A store that marks nothing.
            Err(error) if error::is_unproven_delete(&error) => match self.look(&path).await {
                Err(absent) if absent.kind() == ProviderErrorKind::NotFound => Ok(()),
                Err(failed) => Err(failed),
                Ok(()) => Err(failed(Asked::Delete, &error)),
            },
            Err(error) => match failed(Asked::Delete, &error) {
                absent if absent.kind() == ProviderErrorKind::NotFound => Ok(()),
                failed => Err(failed),
            },
        }
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.admitted()?;
        listing::page(self, &list).await
    }

    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        self.begin(begin).await
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        self.part(part).await
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        self.complete(complete).await
    }

    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        self.abort(abort).await
    }

    /// Refuses: see the module.
    async fn list_uploads(&self, _list: ListUploads) -> Result<UploadPage, ProviderError> {
        Err(ProviderError::unsupported("object_store does not list uploads"))
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        self.passes.check(terms)
    }

    fn capabilities(&self) -> Capabilities {
        match self.write_ids {
            true => self.conditions,
            false => self.conditions.without_write_ids(),
        }
    }

    fn check_key(&self, key: &Key) -> Result<(), ProviderError> {
        self.names.check(key)
    }

    /// Lists a path that nobody uses, and so nothing.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.admitted()?;
        let nowhere = Path::from(NOWHERE);
        match self.store.list(Some(&nowhere)).next().await {
            Some(Err(error)) => Err(failed(Asked::List, &error)),
            None if self.transport != Transport::Ours => self.answers(&nowhere).await,
            _ => Ok(()),
        }
    }
}
