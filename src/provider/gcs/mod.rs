//! Google Cloud Storage, on Google's `google-cloud-storage`.
//!
//! The SDK speaks two protocols. Bodies travel as JSON and media over HTTP/1.1 (the SDK's client `Storage`), everything
//! else as gRPC (`StorageControl`). Both clients retry for minutes and resume broken bodies. This adapter turns retries
//! and resumes off in each of its requests, whatever the clients' settings are.
//!
//! ```no_run
//! use evenkeel::{Endpoint, provider::Gcs};
//! use google_cloud_storage::client::{Storage, StorageControl};
//!
//! # async fn sample() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Gcs::new(Storage::builder().build().await?, StorageControl::builder().build().await?, "orders");
//! let endpoint = Endpoint::new("google", store).provider("gcp").region("europe-west3");
//! # Ok(()) }
//! ```
//!
//! # What the adapter ensures
//! - A listing shows the objects' write ids.
//! - A tag is the object's **generation**, which every write changes. A create is `ifGenerationMatch=0`, an If-Match
//!   `ifGenerationMatch`, a conditional get `ifGenerationNotMatch`. Google's own ETags hold for reads alone.
//! - A body of any size is one request. The adapter uses no resumable session.
//! - An object that the SDK reads must have a generation, the length of the requested part, and the CRC32C if the store
//!   sends one.
//! - Attributes round-trip. The SDK does not pass on the cache control of an object that it reads. The adapter
//!   therefore stores the cache control a second time, as metadata (`evenkeel-cache-control`), and reads it from there.
//!   A get says *identity* of an object without a content encoding, so the adapter notes a content encoding that says
//!   so as metadata, too (`evenkeel-content-encoding`).
//! - A body is never unpacked: the adapter turns Google's decompressing transcoding off in each get.
//! - A put's [`Terms`] are Google's storage classes and keys. Google's objects have no tags, so the adapter refuses a
//!   put with a tag.
//! - Neither `Debug` nor an error shows a key or a credential. Google's messages quote both, so errors do not carry the
//!   messages.
//!
//! # Uploads
//! The SDK has no parts. A part is an object of its own, and one request composes the object of them
//! ([composite objects](https://docs.cloud.google.com/storage/docs/composite-objects)).
//! - To begin an upload sends nothing. The upload's name is 96 random bits, and the storage class and the key that its
//!   parts need: a composed object takes the class of its sources.
//! - A part is stored under `.evenkeel/uploads/`, the object's key, the upload and the part's number. Clients leave
//!   these objects out of their listings. Each attempt has a name of its own, so a late attempt replaces nothing. The
//!   key may have up to 950 bytes.
//! - The completion composes up to 32 parts with one request, which carries attributes, write id and condition. Up to
//!   1,024 parts are composed in groups first, eight requests at a time. The requests remove the parts with
//!   `deleteSourceObjects`, so a completion that is sent again finds nothing to compose and fails with
//!   [`UploadGone`](super::ProviderErrorKind::UploadGone). What lost attempts have left is removed afterwards; if that
//!   fails, the object is complete all the same, and the rest is listed as an upload.
//! - `abort_upload` removes what is there: a list, and a delete for each part. A part that is still under way may land
//!   later. [`put_part`](super::ObjectProvider::put_part) does not notice that an upload is gone.
//! - `list_uploads` shows the uploads that have parts, each with the time of its oldest part. A name from the listing
//!   says neither class nor key: use it to give the upload up, not to go on.
//! - The credentials need `storage.objects.delete`. Soft delete and object versioning keep parts that are given up for
//!   a while, at a price; a retention policy of the bucket keeps all parts.
//!
//! # Copies and presigned URLs
//! - A copy is a rewrite: one request within a class and a key, else several, each of which goes on where the one
//!   before ended. If a create and a condition on the source come together and one of them fails, Google does not say
//!   which: the error is [`Conflict`](super::ProviderErrorKind::Conflict).
//! - The clients do not show their credentials, so presigned URLs need a signer: [`Gcs::presigning_with`]. Whoever has
//!   the URL to store an object can send any content type and metadata, and the object has no write id.
//!
//! # What the adapter cannot ensure
//! - **The SDK (1.21) has no connect timeout.** An attempt at an address that swallows packets ends only at the stack's
//!   limit for the attempt, so that such a write is *maybe sent*. A refused connection and a name without an address
//!   are *not sent*.
//! - **The control client's connection may fall silent.** A head, a delete or a listing over this connection then gets
//!   no answer until the operating system gives the connection up. [`Gcs::renewing_control`] says how to make another
//!   client.
//! - A kept connection may have been dropped by a proxy on the way. Its failure counts as a fault of the endpoint,
//!   because the SDK does not show that the connection was old.
//! - A get has no date, because the SDK does not pass on the date of an object that it reads. A head has a date.
//! - The cache control of an object that others wrote is in a head, not in a get.
//! - Errors carry no request ids.
//! - The SDK's credentials fetch tokens and retry by themselves. If they get no token, the error is *credentials not
//!   loaded*, which is not sent.
//!
//! # Tried against what
//! The tests use a small server of our own, because no emulator speaks both protocols rightly and installs by name. The
//! authors of this adapter wrote the server from the same documents: **it is no independent peer**. The adapter was not
//! tried against Google's service: nor was composing, which removes its sources there in the same step, as Google's
//! documents have it.

mod control;
mod copy;
mod error;
mod presign;
mod sending;
mod terms;
mod upload;

use super::{
    Capabilities, Capability, ObjectProvider, ProviderError, ProviderErrorKind,
    attributes::{check, check_match, check_range, received},
    body::Arriving,
    refusal::{Asked, wrong},
};
use crate::{
    request::object::{
        AbortUpload, Attributes, BeginUpload, ByteRange, CompleteUpload, Copy, Delete, ETag, Get, Head, List,
        ListEntry, ListPage, ListUploads, Object, ObjectMeta, PartTag, Presign, PresignedUrl, Put, PutAnswer, PutMode,
        PutPart, Terms, UploadId, UploadPage, WriteId,
    },
    verdict::table::Symptom,
};
use control::{Control, ended};
use error::failed;
use google_cloud_auth::signer::Signer;
use google_cloud_gax::{options::RequestOptionsBuilder as _, retry_policy::NeverRetry};
use google_cloud_storage::{
    client::{Storage, StorageControl},
    model,
    model_ext::ReadRange,
    read_resume_policy::NeverResume,
};
use sending::Sending;
use std::{collections::HashMap, fmt, future::Future, sync::Arc, time::SystemTime};

/// The most that Google gives in one page.
const PAGE: usize = 1000;

/// Where the adapter stores the cache control a second time; see the module.
const CACHE_CONTROL: &str = "evenkeel-cache-control";

/// Where the adapter stores a content encoding that says [`IDENTITY`]; see the module.
const CONTENT_ENCODING: &str = "evenkeel-content-encoding";

/// What a get says of an object without a content encoding.
const IDENTITY: &str = "identity";

/// A bucket at Google Cloud Storage. A clone is cheap and shares the connections.
#[derive(Clone)]
pub struct Gcs {
    storage: Storage,
    control: Control,
    bucket: Arc<str>,
    /// `projects/_/buckets/{bucket}`, the bucket's name in requests.
    resource: Arc<str>,
    defaults: Arc<Terms>,
    signer: Option<Signer>,
}

impl Gcs {
    /// This bucket, through these clients. The clients' endpoint, credentials, universe and headers apply. Retries and
    /// resumes are off in every request, because the stack retries, elsewhere first, from one budget.
    pub fn new(storage: Storage, control: StorageControl, bucket: impl Into<Arc<str>>) -> Self {
        let bucket = bucket.into();
        Self {
            storage,
            control: Control::new(control, None),
            resource: format!("projects/_/buckets/{bucket}").into(),
            bucket,
            defaults: Arc::default(),
            signer: None,
        }
    }

    /// Says how to make a new control client. The adapter makes one when two calls of the current client were given up
    /// and nothing else was heard from the client for a quarter of a second.
    ///
    /// Without this, the adapter goes on using a silent HTTP/2 connection for as long as the operating system holds the
    /// connection, usually minutes: the client neither pings nor shows its connection. If making a client fails, or
    /// takes longer than 0.9 s, the first client serves.
    ///
    /// ```no_run
    /// use evenkeel::provider::Gcs;
    /// use google_cloud_storage::client::{Storage, StorageControl};
    ///
    /// # async fn sample() -> Result<(), Box<dyn std::error::Error>> {
    /// let control = || StorageControl::builder().build();
    /// let store = Gcs::new(Storage::builder().build().await?, control().await?, "orders").renewing_control(control);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn renewing_control<F, E>(mut self, make: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<StorageControl, E>> + Send + 'static,
        E: 'static,
    {
        let make = move || {
            let made = make();
            Box::pin(async move { made.await.ok() }) as _
        };
        self.control = self.control.made_by(Arc::new(make));
        self
    }

    /// Sets defaults for every put: storage class, key. The put's own terms take precedence. Probes and
    /// [`verify`](crate::ObjectClient::verify) carry nothing else.
    #[must_use]
    pub fn with_put_defaults(mut self, defaults: Terms) -> Self {
        self.defaults = Arc::new(defaults);
        self
    }

    /// Signs presigned URLs with this signer: the clients do not show their credentials. A signer of a service
    /// account's key signs in this process. Any other signer sends a request to Google's IAM for each URL.
    ///
    /// The URL names `storage.googleapis.com`, or the domain of the signer's universe, whatever the clients' endpoint
    /// is.
    ///
    /// ```no_run
    /// use evenkeel::provider::Gcs;
    /// use google_cloud_auth::credentials::Builder;
    /// use google_cloud_storage::client::{Storage, StorageControl};
    ///
    /// # async fn sample() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Gcs::new(Storage::builder().build().await?, StorageControl::builder().build().await?, "orders")
    ///     .presigning_with(Builder::default().build_signer()?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn presigning_with(mut self, signer: Signer) -> Self {
        self.signer = Some(signer);
        self
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}

/// Shows no configuration of the clients.
impl fmt::Debug for Gcs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gcs")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// The SDK's futures take many kilobytes. They are boxed, so that the stack above does not move them by value.
impl ObjectProvider for Gcs {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        check(&put)?;
        let terms = put.terms.over(&self.defaults);
        terms::check(&terms)?;
        let (condition, asked) = condition(&put.mode)?;
        let (sending, told) = Sending::of(put.body, &put.progress);
        let mut request = self
            .storage
            .write_object(&*self.resource, put.key.as_str(), sending)
            .set_metadata(sent(&put.attributes, put.write_id.as_ref()))
            .with_retry_policy(NeverRetry)
            .with_resumable_upload_threshold(usize::MAX);
        if let Some(content_type) = &put.attributes.content_type {
            request = request.set_content_type(content_type);
        }
        if let Some(cache_control) = &put.attributes.cache_control {
            request = request.set_cache_control(cache_control);
        }
        if let Some(disposition) = &put.attributes.content_disposition {
            request = request.set_content_disposition(disposition);
        }
        if let Some(encoding) = &put.attributes.content_encoding {
            request = request.set_content_encoding(encoding);
        }
        if let Some(language) = &put.attributes.content_language {
            request = request.set_content_language(language);
        }
        if let Some(class) = &terms.storage_class {
            request = request.set_storage_class(class);
        }
        if let Some(key) = upload::kms_key(&terms) {
            request = request.set_kms_key(key);
        }
        if let Some(generation) = condition {
            request = request.set_if_generation_match(generation);
        }
        // A large body is summed as it leaves, and its sum follows it: the other way would read it whole before.
        let stored = match told {
            true => Box::pin(request.send_unbuffered()).await,
            false => Box::pin(request.send_buffered()).await,
        };
        let stored = stored.map_err(|error| failed(asked, &error))?;
        put.progress.answered();
        Ok(PutAnswer::new(Some(confirmed(stored.generation)?)))
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        check_range(get.range.as_ref())?;
        let mut request = self
            .storage
            .read_object(&*self.resource, get.key.as_str())
            .set_read_range(match &get.range {
                None => ReadRange::all(),
                Some(ByteRange::Bounded(range)) => ReadRange::segment(range.start, range.end - range.start),
                Some(ByteRange::From(start)) => ReadRange::offset(*start),
                Some(ByteRange::Suffix(last)) => ReadRange::tail(*last),
            })
            .with_automatic_decompression(false)
            .with_retry_policy(NeverRetry)
            .with_read_resume_policy(NeverResume);
        if let Some(tag) = &get.if_match {
            request = request.set_if_generation_match(generation(tag)?);
        }
        if let Some(tag) = &get.if_none_match {
            // A tag that is no generation was never this bucket's, so that the condition holds.
            if let Ok(generation) = tag.value().parse::<i64>() {
                request = request.set_if_generation_not_match(generation);
            }
        }
        get.progress.begin(0);
        let got = Box::pin(request.send()).await;
        let mut got = got.map_err(|error| failed(Asked::Read, &error))?;
        let known = got.object();
        let tag = confirmed(known.generation)?;
        check_match(get.if_match.as_ref(), Some(&tag))?;
        let size = size(known.size)?;
        let said = Attributes {
            content_type: some(known.content_type),
            content_disposition: some(known.content_disposition),
            content_encoding: some(known.content_encoding),
            content_language: some(known.content_language),
            ..Attributes::default()
        };
        let (attributes, write_id) = given(said, known.metadata);
        let meta = ObjectMeta {
            etag: Some(tag),
            attributes,
            write_id,
            ..ObjectMeta::new(get.key.as_str(), size)
        };
        let range = match &get.range {
            None => Some(0..size),
            Some(range) => range.of(size),
        };
        let announced = range.as_ref().map(|range| range.end - range.start);
        let mut arriving = Arriving::behind_its_head(&get.progress, announced);
        if get.range.is_none() {
            arriving.of_whole(|| meta.clone());
        }
        while let Some(piece) = got.next().await {
            arriving.push(piece.map_err(|error| failed(Asked::Read, &error))?);
        }
        let body = arriving.whole().ok_or_else(|| wrong(Symptom::ShortBody, None))?;
        match range {
            Some(range) => Ok(Object::new(meta, range, body)),
            // "From the start" is asked for as the whole object, which an empty one has.
            None if body.is_empty() => Err(ProviderError::answer(ProviderErrorKind::RangeNotSatisfiable)),
            None => Err(wrong(Symptom::Nonsense, None)),
        }
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        let (control, watch) = self.control.client().await;
        let request = control.get_object().set_bucket(&*self.resource);
        let condition = head.if_match.as_ref().map(generation).transpose()?;
        let request = request.set_or_clear_if_generation_match(condition);
        let known = request.set_object(head.key.as_str()).with_retry_policy(NeverRetry);
        let known = Box::pin(known.send()).await;
        ended(watch);
        let known = known.map_err(|error| failed(Asked::Read, &error))?;
        let meta = listed(&known)?;
        check_match(head.if_match.as_ref(), meta.etag.as_ref())?;
        let said = Attributes {
            content_type: some(known.content_type),
            cache_control: some(known.cache_control),
            content_disposition: some(known.content_disposition),
            content_encoding: some(known.content_encoding),
            content_language: some(known.content_language),
            ..Attributes::default()
        };
        let (attributes, write_id) = given(said, known.metadata);
        Ok(ObjectMeta {
            key: head.key.as_str().to_owned(),
            attributes,
            write_id,
            ..meta
        })
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let condition = delete.if_match.as_ref().map(generation).transpose()?;
        let (control, watch) = self.control.client().await;
        let request = control.delete_object().set_bucket(&*self.resource);
        let request = request.set_or_clear_if_generation_match(condition);
        let request = request.set_object(delete.key.as_str()).with_retry_policy(NeverRetry);
        let deleted = Box::pin(request.send()).await;
        ended(watch);
        match deleted {
            Ok(()) => Ok(()),
            Err(error) => match failed(Asked::Delete, &error) {
                absent if absent.kind() == ProviderErrorKind::NotFound => Ok(()),
                failed => Err(failed),
            },
        }
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        if list.limit == Some(0) {
            return Ok(ListPage::default());
        }
        let (control, watch) = self.control.client().await;
        let page = control
            .list_objects()
            .set_parent(&*self.resource)
            .set_prefix(list.prefix.as_str())
            .set_delimiter(list.delimiter.as_deref().unwrap_or_default())
            // Inclusive there; the one too many is taken out below.
            .set_lexicographic_start(list.start_after.as_deref().unwrap_or_default())
            .set_page_size(list.limit.unwrap_or(PAGE).min(PAGE) as i32)
            .set_page_token(list.continuation.as_deref().unwrap_or_default())
            .with_retry_policy(NeverRetry);
        let page = Box::pin(page.send()).await;
        ended(watch);
        let page = page.map_err(|error| failed(Asked::List, &error))?;
        let objects = page.objects.iter().map(|object| listed(object).map(ListEntry::Object));
        let mut entries = objects.collect::<Result<Vec<_>, _>>()?;
        entries.extend(page.prefixes.into_iter().map(ListEntry::CommonPrefix));
        entries.sort_by(|a, b| a.name().cmp(b.name()));
        if let Some(after) = &list.start_after {
            entries.retain(|entry| entry.name() > after.as_str());
        }
        let more = !page.next_page_token.is_empty();
        Ok(ListPage::new(entries, more.then_some(page.next_page_token)))
    }

    /// Sends nothing: see the module.
    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        self.begin(&begin)
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        self.temporary(part).await
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        self.assemble(complete).await
    }

    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        self.give_up(&abort).await
    }

    async fn list_uploads(&self, list: ListUploads) -> Result<UploadPage, ProviderError> {
        self.under_way(&list).await
    }

    async fn copy(&self, copy: Copy) -> Result<PutAnswer, ProviderError> {
        self.rewrite(copy).await
    }

    async fn presign(&self, presign: Presign) -> Result<PresignedUrl, ProviderError> {
        self.signed(&presign).await
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::all(Capability::Kept).with_parts(upload::RULE);
        let all = all.with_copy().with_listed_ids();
        if self.signer.is_some() { all.with_presign() } else { all }
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        terms::check(&terms.over(&self.defaults))
    }

    /// Opens both connections and loads credentials.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        let one = List {
            limit: Some(1),
            ..List::default()
        };
        self.list(one).await?;
        // Not there, in all likelihood; any answer will do.
        let nothing = self.storage.read_object(&*self.resource, ".evenkeel/warm-up");
        let nothing = Box::pin(nothing.with_retry_policy(NeverRetry).send()).await;
        match nothing.map_err(|error| failed(Asked::Read, &error)) {
            Err(error) if error.kind() != ProviderErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The condition of a write as a generation, and the kind of request that it makes.
fn condition(mode: &PutMode) -> Result<(Option<i64>, Asked), ProviderError> {
    Ok(match mode {
        PutMode::Create => (Some(0), Asked::Create),
        PutMode::Overwrite => (None, Asked::Overwrite),
        PutMode::IfMatch(tag) => (Some(generation(tag)?), Asked::IfMatch),
    })
}

/// The generation in a tag.
fn generation(tag: &ETag) -> Result<i64, ProviderError> {
    tag.value()
        .parse()
        .map_err(|_| ProviderError::unsupported("the tag is no generation of this bucket"))
}

/// The tag of an object with this generation. Everything that exists has a generation.
fn confirmed(generation: i64) -> Result<ETag, ProviderError> {
    if generation <= 0 {
        return Err(wrong(Symptom::ErrorDocument, None));
    }
    Ok(ETag::new(generation.to_string(), ""))
}

fn size(size: i64) -> Result<u64, ProviderError> {
    u64::try_from(size).map_err(|_| wrong(Symptom::Nonsense, None))
}

/// What gRPC says of an object, without the object's attributes.
fn listed(object: &model::Object) -> Result<ObjectMeta, ProviderError> {
    let written = object.update_time.map(SystemTime::try_from);
    let write_id = object.metadata.get(WriteId::METADATA_KEY);
    Ok(ObjectMeta {
        write_id: write_id.map(|id| WriteId::new(id.as_str())),
        etag: Some(confirmed(object.generation)?),
        last_modified: written.and_then(Result::ok),
        ..ObjectMeta::new(object.name.as_str(), size(object.size)?)
    })
}

/// An object to be, without a name.
fn described(attributes: &Attributes, id: Option<&WriteId>, terms: &Terms) -> model::Object {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    model::Object::new()
        .set_content_type(text(&attributes.content_type))
        .set_cache_control(text(&attributes.cache_control))
        .set_content_disposition(text(&attributes.content_disposition))
        .set_content_encoding(text(&attributes.content_encoding))
        .set_content_language(text(&attributes.content_language))
        .set_metadata(sent(attributes, id))
        .set_storage_class(text(&terms.storage_class))
}

/// The metadata that travels with these attributes.
fn sent(attributes: &Attributes, id: Option<&WriteId>) -> HashMap<String, String> {
    let id = id.map(|id| (WriteId::METADATA_KEY.to_owned(), id.as_str().to_owned()));
    let cache_control = attributes.cache_control.clone();
    let cache_control = cache_control.map(|value| (CACHE_CONTROL.to_owned(), value));
    let encoding = attributes.content_encoding.clone().filter(|value| value == IDENTITY);
    let encoding = encoding.map(|value| (CONTENT_ENCODING.to_owned(), value));
    let given = attributes.metadata.clone().into_iter();
    given.chain(id).chain(cache_control).chain(encoding).collect()
}

/// The attributes of an object of which Google says this and this metadata.
fn given(mut said: Attributes, mut metadata: HashMap<String, String>) -> (Attributes, Option<WriteId>) {
    let (cache_control, encoding) = (metadata.remove(CACHE_CONTROL), metadata.remove(CONTENT_ENCODING));
    // What Google says itself is newer, if somebody has changed it since.
    said.cache_control = said.cache_control.or(cache_control);
    said.content_encoding = said.content_encoding.filter(|value| value != IDENTITY).or(encoding);
    said.metadata = metadata.into_iter().collect();
    received(said)
}

/// Google's "none" is the empty text.
fn some(value: String) -> Option<String> {
    Some(value).filter(|value| !value.is_empty())
}
