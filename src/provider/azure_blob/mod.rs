//! Azure Blob Storage, on Microsoft's `azure_storage_blob`.
//!
//! The SDK defends itself alone: it retries three times with waits, connects for up to 20 s, and splits a body into
//! parts that are several attempts. [`AzureBlob::new`] builds its client without these defences.
//!
//! ```
//! use azure_core::http::Url;
//! use evenkeel::Endpoint;
//! use evenkeel::provider::azure_blob::{AzureBlob, Credential, secondary};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let container = Url::parse("https://account.blob.core.windows.net/orders?sv=2021-12-02&sig=…")?;
//! let copy = secondary(&container).unwrap();
//! assert_eq!(copy.host_str(), Some("account-secondary.blob.core.windows.net"));
//!
//! let endpoints = [
//!     Endpoint::new("azure", AzureBlob::new(container, Credential::InTheUrl)?),
//!     Endpoint::new("azure copy", AzureBlob::new(copy, Credential::InTheUrl)?).read_only(),
//! ];
//! # Ok(())
//! # }
//! ```
//!
//! # The secondary of RA-GRS
//! The secondary lags behind the primary. Make the secondary an endpoint of its own that is
//! [`read_only`](crate::Endpoint::read_only). Then the stack asks the secondary when the primary is in trouble. The
//! secondary's answers are marked possibly stale, and its *not found* has no vote.
//!
//! # Uploads
//! Azure has no uploads: a blob has blocks that are not committed yet, and one request commits them
//! ([`put_part`](super::ObjectProvider::put_part) is Put Block, `complete_upload` is Put Block List).
//! - To begin an upload sends nothing. The upload's name is 96 random bits, which the names of its blocks begin with,
//!   and the encryption scope, which each block must name. Blocks of other uploads are never committed.
//! - The completion carries attributes, tier, tags, write id and condition, and names uncommitted blocks alone. A
//!   completion that is sent again thus never writes twice.
//! - **Any other write of the blob discards the blocks**, a put as well as a completion. The completion then fails with
//!   [`UploadGone`](super::ProviderErrorKind::UploadGone), as does one that an earlier attempt has completed: the write
//!   id of the blob tells which. Of two uploads of one key, the first completion wins. (Azurite keeps the blocks at a
//!   put, and discards them at a completion.)
//! - **Nothing can give an upload up.** Azure drops uncommitted blocks by itself, a week after the blob's last block.
//!   Until then they are paid for. `abort_upload` therefore sends nothing, and an upload that was given up could still
//!   be completed. `list_uploads` is always empty: nothing would come of a sweep.
//! - All uncommitted blocks of a blob have names of one length. The adapter's have 16 bytes, as those of Microsoft's
//!   SDK for Rust. While blocks of another length lie at the blob, Azure refuses a part as invalid.
//! - An empty part is not sent, because Azure has no empty blocks. An upload of nothing but empty parts is a put.
//!
//! # Presigned URLs
//! With [`Credential::SharedKey`] the adapter signs a service SAS for one blob. A SAS in the container's URL would be
//! given away, and a token cannot sign, so other credentials have no presigned URLs. A `PUT` must carry the header
//! `x-ms-blob-type` that comes with the URL. Whoever has the URL can send any content type and metadata, and can add
//! blocks; the blob has no write id. There is no longest time; changing the account's key ends all URLs.
//!
//! # What the adapter ensures
//! - A listing shows the blobs' write ids.
//! - A create is `If-None-Match: *`. Azure refuses it with 409 `BlobAlreadyExists` (S3 and GCS: 412). Both are
//!   [`AlreadyExists`](super::ProviderErrorKind::AlreadyExists). Every write has a tag of its own.
//! - A body is one request (`Put Blob`, at most 5,000 MiB), and so one attempt with one answer.
//! - Every answer must carry what a real answer carries: an ETag, the announced length, the requested range. A `204`,
//!   and a part that does not say which part it is, are no blob.
//! - A success without a body, of a delete or a warm-up, must carry Azure's `x-ms-request-id`.
//! - The adapter leaves out a header beside the body that it cannot read.
//! - Azure's metadata names are C# identifiers, which have no `-`. The adapter sends `-` as `_`. A name that has a `_`
//!   of its own, or begins with a digit, is spelled: behind `evenkeel_name_`, `_` is `_u` and `-` is `_d`. The way back
//!   is exact. In blobs that others wrote, `_` is shown as `-`.
//! - Content disposition, encoding and language are the blob's properties. A body is never unpacked, whatever its
//!   encoding.
//! - A put's [`Terms`] are Azure's access tiers, index tags and encryption scopes. The adapter refuses a class or key
//!   of another provider. Tried against Azurite, which takes tiers and tags and ignores scopes.
//! - Neither `Debug` nor an error shows a key, a signature or a credential.
//!
//! # What the adapter cannot ensure
//! - It copies nothing on Azure's side. `Copy Blob` carries the source's content type and other properties along,
//!   against the contract of a copy. `Put Blob From URL` and `Put Block From URL` do not, but read their source by an
//!   address that is signed or public. Azurite has the second only, and answered 500 to it.
//! - A kept connection may have been dropped by a proxy on the way. Its failure counts as a fault of the endpoint,
//!   because reqwest does not show that the connection was old. Azure speaks HTTP/1.1, where the client closes the
//!   connection of a request that is given up. If a gateway before Azure speaks HTTP/2, the client goes on using a
//!   silent connection: choose a transport with `http2_keep_alive_interval`.
//! - Azure has no suffix ranges. The adapter first asks for the size, and then for the part, on the condition that the
//!   tag has not changed. A suffix is two requests, and more if the blob changes in between.
//! - Azure lists in its own collation, which is said to be the order of bytes. The adapter sorts each page by the keys'
//!   bytes, but not the pages among themselves.
//! - For a listing that starts after a key, the adapter reads the listing from the beginning and cuts it.
//! - `HEAD` answers have no body. The code of a refusal is in the header `x-ms-error-code`, which every Azure server
//!   sends. A `404` without this header is a gateway's, and [`Verdict::Faulty`](crate::verdict::Verdict). A bare `403`
//!   or `400` says no more than its status.
//! - The limits of Azure's own throttling are not known beforehand. `ServerBusy` is
//!   [`Verdict::Throttled`](crate::verdict::Verdict), `OperationTimedOut` is a fault.

mod error;
mod listing;
mod metadata;
mod presign;
mod read;
mod readable;
mod sending;
mod shared_key;
mod terms;
mod upload;

pub use shared_key::SharedKey;

use super::{
    Capabilities, Capability, ObjectProvider, ProviderError, ProviderErrorKind,
    attributes::{check, check_condition, check_match, check_range},
    names,
    part::located,
    refusal::{Asked, wrong},
};
use crate::{
    endpoint::Host,
    request::{
        Key,
        object::{
            AbortUpload, BeginUpload, ByteRange, CompleteUpload, Delete, ETag, Get, Head, List, ListPage, ListUploads,
            Object, ObjectMeta, PartTag, Presign, PresignedUrl, Put, PutAnswer, PutMode, PutPart, Terms, UploadId,
            UploadPage,
        },
    },
    verdict::table::Symptom,
};
use azure_core::{
    credentials::TokenCredential,
    http::{Etag, RequestContent, RetryOptions, Transport, Url, headers::Headers},
};
use azure_storage_blob::{
    BlobClient, BlobContainerClient, BlobContainerClientOptions,
    models::{
        BlobClientDeleteOptions, BlobClientDownloadOptions, BlobClientGetPropertiesOptions, BlobClientUploadOptions,
        HttpRange,
    },
};
use error::failed;
use std::{fmt, num::NonZero, sync::Arc, time::Duration};

/// The most that one `Put Blob` takes.
const PUT_BLOB: NonZero<u64> = NonZero::new(5_000 << 20).expect("it is not zero");

/// More bytes than any body in memory has, so that the SDK requests the body as one part. (`usize::MAX` would overflow
/// Azure's integers.)
const ONE_PART: NonZero<usize> = NonZero::new(usize::MAX >> 24).expect("it is not zero");

/// How often the adapter repeats a suffix read because the blob changed between its two requests.
const CHANGES: usize = 3;

/// A container at Azure Blob Storage, or at a server that speaks its protocol. A clone is cheap and shares the
/// connections.
#[derive(Clone)]
pub struct AzureBlob {
    container: Arc<BlobContainerClient>,
    name: Arc<str>,
    defaults: Arc<Terms>,
    /// What signs presigned URLs.
    signer: Option<SharedKey>,
}

/// How requests are authorised.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// A SAS in the container's URL, or no authorisation.
    InTheUrl,
    /// The account's key, which signs every request.
    SharedKey(SharedKey),
    /// A token of Entra ID. Only over `https`.
    Token(Arc<dyn TokenCredential>),
}

impl AzureBlob {
    /// The longest that connecting may take. The value is just below the shortest limit of an attempt before the stack
    /// has learnt (1 s). An unreachable endpoint thus differs from a slow one, and a write is known to be unsent.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);

    /// The container at this URL (`https://account.blob.core.windows.net/container`). The SDK's defaults apply, but for
    /// what [`with_options`](Self::with_options) replaces.
    ///
    /// # Errors
    /// If the URL cannot be a container's, or if the credential is a token and the URL is not `https`. The error does
    /// not quote the URL.
    pub fn new(container: Url, credential: Credential) -> azure_core::Result<Self> {
        Self::with_options(container, credential, BlobContainerClientOptions::default())
    }

    /// The container at this URL, through a client with these options. Two of the options are replaced:
    ///
    /// | | becomes | because |
    /// |---|---|---|
    /// | retries | off | the stack retries, elsewhere first, from one budget |
    /// | transport | connects within 0.9 s, has no other limit, follows no redirect | see [`AzureBlob::CONNECT_TIMEOUT`] |
    ///
    /// # Errors
    /// As [`new`](Self::new), and if the options contain a transport: pass a transport to
    /// [`trusting_transport`](Self::trusting_transport).
    pub fn with_options(
        container: Url,
        credential: Credential,
        options: BlobContainerClientOptions,
    ) -> azure_core::Result<Self> {
        if options.client_options.transport.is_some() {
            return Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Other,
                "the options' transport may follow redirects out of the permitted locations: leave it out, or say \
                 `trusting_transport`",
            ));
        }
        Self::trusting_transport(container, credential, options)
    }

    /// As [`with_options`](Self::with_options), through the transport in the options. evenkeel trusts the transport to
    /// follow no redirect. (reqwest's default follows ten.) If the transport follows redirects, requests and the
    /// headers that the client leaves on them go where the answer says, past all constraints. Give the transport a
    /// connect timeout below 1 s.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn trusting_transport(
        container: Url,
        credential: Credential,
        mut options: BlobContainerClientOptions,
    ) -> azure_core::Result<Self> {
        let client = &mut options.client_options;
        client.retry = RetryOptions::none();
        if client.transport.is_none() {
            let http = reqwest::Client::builder()
                .connect_timeout(Self::CONNECT_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                // A body stays as it is stored, also where another crate gives reqwest these features.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                .build();
            let http = http.map_err(|error| azure_core::Error::new(azure_core::error::ErrorKind::Other, error))?;
            client.transport = Some(Transport::new(Arc::new(http)));
        }
        client.per_call_policies.push(Arc::new(listing::AddDelimiter));
        client.per_call_policies.push(Arc::new(readable::Readable::default()));
        let (token, signer) = match credential {
            Credential::InTheUrl => (None, None),
            Credential::SharedKey(key) => {
                client.per_try_policies.push(Arc::new(key.clone()));
                (None, Some(key))
            }
            Credential::Token(token) => (Some(token), None),
        };
        client.per_try_policies.push(Arc::new(sending::Sending));
        let name: Arc<str> = container
            .path()
            .trim_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .into();
        // The SDK's own words quote the URL, and so a SAS.
        let made = BlobContainerClient::new(container, token, Some(options)).map_err(|error| {
            let why = "the URL is no container's, or the credential is a token and the URL is not `https`";
            azure_core::Error::with_message(error.kind().clone(), why)
        })?;
        Ok(Self {
            name,
            container: Arc::new(made),
            defaults: Arc::default(),
            signer,
        })
    }

    /// Sets defaults for every put: access tier, encryption scope, index tags. The put's own terms take precedence.
    /// Probes and [`verify`](crate::ObjectClient::verify) carry nothing else. A SAS needs the permission `t` for tags.
    #[must_use]
    pub fn with_put_defaults(mut self, defaults: Terms) -> Self {
        self.defaults = Arc::new(defaults);
        self
    }

    /// The container's name.
    pub fn container(&self) -> &str {
        &self.name
    }

    /// The SDK's client, for operations that evenkeel does not have.
    pub fn client(&self) -> &BlobContainerClient {
        &self.container
    }

    fn blob(&self, key: &Key) -> Result<BlobClient, ProviderError> {
        names::azure(key)?;
        Ok(self.container.blob_client(key.as_str()))
    }

    async fn part(
        &self,
        get: &Get,
        range: Option<HttpRange>,
        if_match: Option<&ETag>,
    ) -> Result<Object, ProviderError> {
        let options = BlobClientDownloadOptions {
            range,
            if_none_match: get.if_none_match.as_ref().map(|tag| Etag::from(tag.value())),
            if_match: if_match.or(get.if_match.as_ref()).map(|tag| Etag::from(tag.value())),
            parallel: NonZero::new(1),
            partition_size: Some(ONE_PART),
            method_options: readable::ours(),
            ..BlobClientDownloadOptions::default()
        };
        get.progress.begin(0);
        let got = self.blob(&get.key)?.download(Some(options)).await;
        let got = got.map_err(|error| failed(Asked::Read, &error))?;
        read::object(get, got).await
    }

    /// The last bytes of the blob: first a request for the size, then a request for the part.
    async fn suffix(&self, get: &Get, last: u64) -> Result<Object, ProviderError> {
        for _ in 0..CHANGES {
            let known = self.head(Head::new(get.key.clone())).await?;
            check_match(get.if_match.as_ref(), known.etag.as_ref())?;
            if get.if_none_match.is_some() && get.if_none_match == known.etag {
                return Err(ProviderError::answer(ProviderErrorKind::NotModified));
            }
            let range = ByteRange::Suffix(last)
                .of(known.size)
                .ok_or_else(|| ProviderError::answer(ProviderErrorKind::RangeNotSatisfiable))?;
            let part = HttpRange::new(range.start, range.end - range.start);
            match self.part(get, Some(part), known.etag.as_ref()).await {
                Err(changed) if changed.kind() == ProviderErrorKind::PreconditionFailed => {}
                answered => return answered,
            }
        }
        let busy = crate::verdict::Outcome::new(crate::verdict::Verdict::Throttled, crate::verdict::Sent::Maybe);
        Err(ProviderError::new(ProviderErrorKind::Throttled, busy).with_message("the blob keeps changing"))
    }
}

/// The same container at the account's secondary, which RA-GRS opens for reading: `account` becomes `account-secondary`
/// in the host's name. `None`: the URL has no such host name (an IP address, a path-style emulator).
pub fn secondary(container: &Url) -> Option<Url> {
    let (account, rest) = container.domain()?.split_once('.')?;
    let host = format!("{account}-secondary.{rest}");
    let mut url = container.clone();
    url.set_host(Some(&host)).ok()?;
    Some(url)
}

/// Shows neither the URL, which may hold a signature, nor the client.
impl fmt::Debug for AzureBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureBlob")
            .field("container", &self.name)
            .finish_non_exhaustive()
    }
}

impl ObjectProvider for AzureBlob {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        check(&put)?;
        let terms = put.terms.over(&self.defaults);
        terms::check(&terms)?;
        let said = terms::Said::of(&terms);
        let mut options = BlobClientUploadOptions {
            blob_content_type: put.attributes.content_type.clone(),
            blob_cache_control: put.attributes.cache_control.clone(),
            blob_content_disposition: put.attributes.content_disposition.clone(),
            blob_content_encoding: put.attributes.content_encoding.clone(),
            blob_content_language: put.attributes.content_language.clone(),
            metadata: Some(metadata::sent(&put.attributes, put.write_id.as_ref())),
            tier: said.tier,
            blob_tags_string: said.tags,
            encryption_scope: said.scope,
            parallel: NonZero::new(1),
            partition_size: Some(PUT_BLOB),
            method_options: readable::telling(&put.progress),
            ..BlobClientUploadOptions::default()
        };
        if put.body.len() as u64 > PUT_BLOB.get() {
            return Err(ProviderError::unsupported(
                "a blob of more than 5,000 MiB takes more than one request",
            ));
        }
        let asked = match &put.mode {
            PutMode::Create => {
                options.if_none_match = Some(Etag::from("*"));
                Asked::Create
            }
            PutMode::Overwrite => Asked::Overwrite,
            PutMode::IfMatch(tag) => {
                options.if_match = Some(Etag::from(tag.value()));
                Asked::IfMatch
            }
        };
        let body: RequestContent<_, _> = put.body.into(); // not its own `from`, which copies
        let stored = self.blob(&put.key)?.upload(body, Some(options)).await;
        let stored = stored.map_err(|error| failed(asked, &error))?;
        put.progress.answered();
        let id = error::request_id(stored.raw_response.headers());
        // Without it nobody has confirmed what was stored.
        let tag = stored.etag.ok_or_else(|| wrong(Symptom::ErrorDocument, id))?;
        Ok(PutAnswer::new(Some(etag(tag.as_ref()))))
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        check_range(get.range.as_ref())?;
        let range = match &get.range {
            None => None,
            Some(ByteRange::Bounded(range)) => Some(HttpRange::new(range.start, range.end - range.start)),
            Some(ByteRange::From(start)) => Some(HttpRange::from_offset(*start)),
            Some(ByteRange::Suffix(last)) => return self.suffix(&get, *last).await,
        };
        self.part(&get, range, None).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        let options = BlobClientGetPropertiesOptions {
            if_match: head.if_match.as_ref().map(|tag| Etag::from(tag.value())),
            method_options: readable::ours(),
            ..BlobClientGetPropertiesOptions::default()
        };
        let known = self.blob(&head.key)?.get_properties(Some(options)).await;
        let known = known.map_err(|error| failed(Asked::Read, &error))?;
        let meta = read::meta(head.key.as_str(), &known)?;
        check_match(head.if_match.as_ref(), meta.etag.as_ref())?;
        Ok(meta)
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        delete.if_match.as_ref().map_or(Ok(()), check_condition)?;
        let options = delete.if_match.as_ref().map(|tag| BlobClientDeleteOptions {
            if_match: Some(Etag::from(tag.value())),
            ..BlobClientDeleteOptions::default()
        });
        match self.blob(&delete.key)?.delete(options).await {
            Ok(deleted) => marked(deleted.headers()),
            Err(error) => match failed(Asked::Delete, &error) {
                absent if absent.kind() == ProviderErrorKind::NotFound => Ok(()),
                failed => Err(failed),
            },
        }
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        listing::page(&self.container, &list).await
    }

    /// Sends nothing: see the module.
    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        self.begin(&begin)
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        self.block(part).await
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        self.commit(complete).await
    }

    /// Sends nothing, as Azure has no such request: see the module.
    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        names::azure(&abort.key)
    }

    /// Sends nothing, and is always empty: see the module.
    async fn list_uploads(&self, _list: ListUploads) -> Result<UploadPage, ProviderError> {
        Ok(UploadPage::default())
    }

    async fn presign(&self, presign: Presign) -> Result<PresignedUrl, ProviderError> {
        self.signed(&presign)
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::all(Capability::Kept).with_parts(upload::RULE);
        let all = all.with_listed_ids();
        if self.signer.is_some() { all.with_presign() } else { all }
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        terms::check(&terms.over(&self.defaults))
    }

    fn check_key(&self, key: &Key) -> Result<(), ProviderError> {
        names::azure(key)
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        let url = self.container.url();
        Some(vec![Host::new(url.host_str()?, url.port_or_known_default())])
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        let there = self.container.get_properties(None).await;
        marked(there.map_err(|error| failed(Asked::Bucket, &error))?.headers())
    }
}

/// Checks that a success without a body is Azure's: every answer of Azure has a request id.
fn marked(headers: &Headers) -> Result<(), ProviderError> {
    let id = error::request_id(headers);
    match headers.get_optional_str(&error::REQUEST_ID) {
        Some(_) => Ok(()),
        None => Err(wrong(Symptom::ErrorDocument, id)),
    }
}

/// A tag as Azure sent it; the stack fills in the endpoint.
fn etag(value: &str) -> ETag {
    ETag::new(value, "")
}
