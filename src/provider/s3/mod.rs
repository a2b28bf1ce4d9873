//! Any S3-compatible endpoint, on the AWS SDK.
//!
//! The SDK is made for one endpoint and defends that endpoint alone: it retries, waits and holds on. Under a stack that
//! can go elsewhere, each of these costs seconds. [`S3::new`] therefore rebuilds the given client without them.
//!
//! ```
//! use evenkeel::provider::s3::{S3, preset};
//!
//! let config = preset::stackit("eu01")
//!     .credentials_provider(aws_sdk_s3::config::Credentials::new("id", "secret", None, None, "static"))
//!     .build();
//! let store = S3::new(aws_sdk_s3::Client::from_conf(config), "orders");
//! assert_eq!(store.bucket(), "orders");
//! ```
//!
//! # What the adapter ensures
//! - Every 200 must carry what a real 200 carries: an ETag, the announced length, the requested range, and the checksum
//!   if the store sent one. S3 can answer 200 with an error document. Such an answer is [`Verdict::Faulty`], not an
//!   object. A `204`, and a part that does not say which part it is, are faulty, too.
//! - The attempt includes the whole body, so that a failure of the body is this attempt's failure. The adapter
//!   [reports](crate::request::Progress) how a body moves, up or down, so that a large body may take as long as it
//!   needs.
//! - Attributes round-trip, or the put is refused; see [`Attributes`]. The store gives a put without a content type its
//!   default (`application/octet-stream`), which then comes back.
//! - Neither `Debug` nor an error shows a key, a signature or a credential. The provider's messages quote keys, so
//!   errors carry only the provider's code and request id.
//! - Absence and success count only from the store itself. A `404` is *not found* if the body has the store's code. The
//!   answer to a HEAD has no body: there a *mark* stands for the code (a request id in the head, see
//!   [`S3::with_marks`]), once the bucket is known to exist. Otherwise the adapter sends a GET of the key's first byte,
//!   whose refusal says what is missing. That happens once for each bucket, and each time at a store without marks. The
//!   adapter confirms a delete whose answer has no mark in the same way. A gateway's answer is [`Verdict::Faulty`].
//! - The adapter leaves out a header beside the body that it cannot read (a date in an unknown form, a count that is no
//!   number), and warns once.
//! - **A dead connection is not a dead endpoint.** When a pooled connection breaks before the first byte of an answer,
//!   the adapter repeats the request at once, and counts no fault. It repeats reads, deletes, and puts with a
//!   [`WriteId`]. (If the store refuses the repeated write, the first one may be the cause. The write then fails as at
//!   first: it may have been applied.)
//! - The adapter closes all connections of the pool in two cases. Either two connections in a row broke, so that the
//!   pool is taken for old. Or two requests were given up, and no connection has answered since the first one, which is
//!   a quarter of a second ago or more: the pool would reuse a silent HTTP/2 connection for ever.
//!
//! # Uploads, copies, presigned URLs
//! - S3 fixes attributes, the write id and terms when an upload begins.
//! - The adapter sends the condition of a completion (`If-None-Match`, `If-Match`) unless the store is known to lack
//!   conditions. Amazon S3 keeps it. Elsewhere [`Capabilities::complete_if`] is unknown until a client has asked, in the
//!   background or by [`verify`](crate::ObjectClient::verify), and **a store that ignores the condition overwrites
//!   silently**.
//! - [`ProviderErrorKind::UploadGone`] has two causes. The store's own code says that there is no such upload
//!   (`NoSuchUpload`; a gateway's `404` is faulty). Or a completion met another conditional write
//!   (`ConditionalRequestConflict`): nothing was done, but S3 then wants the whole upload made again. Abort the old one:
//!   S3's documents do not say that it is gone. (The same code refuses a put only for the moment.)
//! - An upload whose begin lost its answer stays behind at the store, invisible: the adapter never repeats a begin. It
//!   repeats parts, and completions, over a new connection where a pooled connection was dead.
//! - S3 sends the 200 of a completion or a copy before the store knows how the request ends. An error in that 200 is an
//!   error: by its code if the code is known, else [`Verdict::Faulty`]. So is a 200 without an ETag.
//! - An abort whose answer carries no mark is confirmed by a request for the upload's parts.
//! - A copy replaces all metadata and tags of the source, and has at most 5 GiB. A store that does not know
//!   `x-amz-tagging-directive` may refuse copies as unsupported. The adapter refuses copies on a condition (of the source
//!   or of the copy), unless the store keeps all conditions (Amazon S3 since 2025, [`S3::trusting_all_conditions`]): a
//!   store that ignored one would copy another state, or overwrite. A client then copies through itself. A refusal does
//!   not say whether the source or the copy is meant: where both are possible, a HEAD tells.
//! - A presigned URL is valid for one second to seven days, but never longer than the credentials that signed it:
//!   temporary credentials take their URLs with them when they expire, often within the hour. A `PUT` carries the
//!   defaults of [`S3::with_put_defaults`] as headers, has no condition and no write id.
//!
//! # What the adapter cannot ensure
//! - **Create on a store that ignores `If-None-Match` is a silent overwrite.** Some S3-compatible stores ignore the
//!   header and answer 200. For a store that is known to ignore it, use [`S3::without_conditional_put`]; for a store
//!   that is known to honour it, [`S3::trusting_conditions`]. A client asks all other stores, in the background if
//!   nobody called [`verify`](crate::ObjectClient::verify) before.
//! - For simple puts, S3's ETag is a function of the content. If-Match does not notice that an object was changed and
//!   changed back.
//! - A body may arrive cut short if the answer announced no length and was not chunked. Over TLS the adapter sees the
//!   broken end, over plain HTTP/1.0 not.
//! - `HEAD` answers have no body. A refusal of a HEAD says no more than its status, and for a 301 the region.
//! - The adapter requests listings as plain XML, not with `encoding-type=url`, which some stores label and do not
//!   apply. Keys that passed through [`Key`] survive plain XML. A foreign key can make a page unreadable (XML forbids
//!   most control characters, U+FFFE and U+FFFF): the adapter requests such a page a second time, with that encoding. A
//!   page that is still unreadable is [`Verdict::Faulty`] and says so.
//! - The adapter tells connections apart by what the SDK's own HTTP clients show: the local address, and a handle to
//!   close the connection. With an HTTP client of yours that shows neither, a dead connection is a fault of the
//!   endpoint. With an HTTP client that several SDK clients share, this adapter knows and closes only the connections
//!   that it used itself. Without an HTTP client in the configuration, the SDK's default applies (hyper 1, rustls,
//!   proxies from the environment), also where an old behaviour version had another default.
//! - The SDK tries the addresses behind a name one after the other, without a limit for each. A dead address that comes
//!   first takes all of the 0.9 s for connecting. Kept connections to the other addresses stay in use meanwhile. If
//!   some new connections hang, only the attempts that need one fail, and they are *not sent*.
//! - The SDK's own HTTP clients do not follow redirects. [`S3::new`] keeps an HTTP client of yours, and trusts it not
//!   to follow redirects either.
//! - The SDK loads credentials within the first call, in up to 5 s (its default). [`ObjectProvider::warm_up`] loads
//!   them beforehand, and a [`Keeper`](crate::credentials::Keeper) waits for less.
//!
//! [`Verdict::Faulty`]: crate::verdict::Verdict
//! [`Attributes`]: crate::request::object::Attributes

mod bulk;
mod copy;
mod error;
mod listing;
pub mod preset;
mod presign;
mod proof;
mod read;
mod readable;
mod sending;
mod terms;
mod upload;

use super::{
    Capabilities, Capability, Conditional, ObjectProvider, PartRule, ProviderError, ProviderErrorKind,
    attributes::{check, check_condition, check_match, check_range},
    aws::{
        CONNECT_TIMEOUT, Discreet, Repeats, again, connecting_bounded,
        recorder::{Recorder, nobody},
        watched,
    },
    check_terms,
    refusal::Asked,
    span::record,
};
use crate::{
    endpoint::Host,
    request::{
        Key,
        object::{
            AbortUpload, Attributes, BeginUpload, CompleteUpload, Copy, Delete, DeleteMany, ETag, Get, Head, List,
            ListPage, ListUploads, Object, ObjectMeta, PartTag, Presign, PresignedUrl, Put, PutAnswer, PutMode,
            PutPart, Terms, UploadId, UploadPage, WriteId,
        },
    },
};
use aws_sdk_s3::{
    Client,
    config::{IdentityCache, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig},
    operation::RequestId,
    primitives::ByteStream,
    types::EncodingType,
};
use error::failed;
use proof::Marks;
use sending::Sending;
use std::{
    fmt,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

/// A bucket at an S3-compatible endpoint. A clone is cheap and shares the connections.
#[derive(Clone)]
pub struct S3 {
    client: Client,
    bucket: Arc<str>,
    /// The capabilities that the user stated.
    stated: Option<Capabilities>,
    /// The capabilities that are known of the provider at this host.
    known: Arc<OnceLock<Capabilities>>,
    create_header: Option<Arc<str>>,
    defaults: Arc<Terms>,
    marks: Marks,
    /// Whether this adapter or a clone has seen that the bucket exists.
    bucket_seen: Arc<AtomicBool>,
}

impl S3 {
    /// The longest that connecting may take. The value is just below the shortest limit of an attempt before the stack
    /// has learnt (1 s). An unreachable endpoint thus differs from a slow one, and a write is known to be unsent.
    pub const CONNECT_TIMEOUT: Duration = CONNECT_TIMEOUT;

    /// This bucket, through a client that is rebuilt from the given client's configuration:
    ///
    /// | | becomes | because |
    /// |---|---|---|
    /// | retries | off | the stack retries, elsewhere first, from one budget |
    /// | connect timeout | 0.9 s, or less if less was set | see [`S3::CONNECT_TIMEOUT`] |
    /// | stalled-stream protection | off | it waits 20 s; an attempt's limit covers bodies both ways and is shorter |
    /// | headers beside the body that cannot be read | left out | the SDK would give up the whole object |
    /// | connections | watched, and closed when silent | see the [module](self) |
    ///
    /// Everything else stays: credentials, region, HTTP client, interceptors, checksums, the other timeouts.
    pub fn new(client: Client, bucket: impl Into<Arc<str>>) -> Self {
        Self {
            client: prepared(&client),
            bucket: bucket.into(),
            stated: None,
            known: Arc::default(),
            create_header: None,
            defaults: Arc::default(),
            marks: Marks::new(preset::MARKS),
            bucket_seen: Arc::default(),
        }
    }

    /// Sets the marks of this store's own answers, in place of [`preset::MARKS`]. Marks are names of headers. The store
    /// puts at least one of them on everything it says, and nothing between the client and the store does.
    /// [`preset`](preset#marks) lists the marks of the presets' stores.
    ///
    /// Without marks, or for an answer without a mark, a GET of the key's first byte confirms a *not found* to a HEAD
    /// and the success of a delete. That is one request more, and as safe.
    ///
    /// ```
    /// use evenkeel::provider::s3::{S3, preset};
    ///
    /// # let client = aws_sdk_s3::Client::from_conf(preset::aws("eu-central-1").build());
    /// let store = S3::new(client, "orders").with_marks(preset::ALIBABA_OSS_MARKS);
    /// ```
    #[must_use]
    pub fn with_marks<N: Into<Arc<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.marks = Marks::new(names);
        self
    }

    /// For a store that ignores `If-None-Match` and `If-Match`. The adapter refuses creates, conditional overwrites,
    /// conditional deletes, and conditions on uploads and copies as unsupported before anything is sent, so that none of
    /// them overwrites or removes silently.
    /// The adapter knows Google's XML interface and Alibaba's S3-compatible interface as such stores; see [`preset`].
    #[must_use]
    pub const fn without_conditional_put(mut self) -> Self {
        self.stated = Some(Capabilities::all(Capability::Lacking));
        self
    }

    /// For a store that is known to keep to `If-None-Match` and `If-Match` on puts: you [asked the
    /// store](crate::ObjectClient::verify) when you set up the service, or its provider vouches for it. Nobody asks the
    /// store in the background any more, and
    /// [`require_verified`](crate::client::object::ObjectClientBuilder::require_verified) is satisfied. Amazon S3 is
    /// trusted without this. **If the store ignores conditions after all, a create overwrites silently.**
    ///
    /// This says nothing of `If-Match` on deletes, nor of conditions on the completion of uploads and on copies, which
    /// some stores ignore although they keep to the others. See [`S3::trusting_all_conditions`]. What the store does
    /// with the completions of uploads, a client asks in the background from the first upload on a condition (a create
    /// is one); `require_verified` makes that upload wait for the answer.
    #[must_use]
    pub const fn trusting_conditions(mut self) -> Self {
        let mut trusted = Capabilities::all(Capability::Kept);
        trusted.delete_if_match = Capability::Unknown;
        trusted.complete_if = Capability::Unknown;
        self.stated = Some(trusted);
        self
    }

    /// For a store that is known to keep to conditions wherever Amazon S3 does: on puts, on deletes, when an upload is
    /// completed, and on copies. The checks of `testing::uploads` (feature `testing`) and `testing::objects` show
    /// whether it does. Amazon S3 is trusted without this. **If the store ignores a condition after all, the write
    /// overwrites silently.**
    #[must_use]
    pub const fn trusting_all_conditions(mut self) -> Self {
        self.stated = Some(Capabilities::all(Capability::Kept));
        self
    }

    /// For a store whose create is a header of its own: `x-oss-forbid-overwrite` (Alibaba), `x-ibm-forbid-overwrite`
    /// (IBM). The adapter sends this header as `true` in place of `If-None-Match: *` with puts. It refuses conditional
    /// overwrites and deletes, and conditions on uploads and copies, as unsupported.
    ///
    /// Both providers say that the header has **no effect on a bucket with versioning**, enabled or suspended: there a
    /// create overwrites. Whether Alibaba's S3-compatible interface honours the header is not documented and was not
    /// tried.
    #[must_use]
    pub fn with_create_header(mut self, name: impl Into<Arc<str>>) -> Self {
        self.create_header = Some(name.into());
        let mut stated = Capabilities::all(Capability::Lacking);
        stated.create = Capability::Unknown;
        self.stated = Some(stated);
        self
    }

    /// Sets defaults for every put, upload and copy: storage class, encryption, tags. The write's own terms take
    /// precedence. What a
    /// bucket's policy demands of each put belongs here: probes and [`verify`](crate::ObjectClient::verify) carry
    /// nothing else.
    ///
    /// ```
    /// use evenkeel::provider::s3::{S3, preset};
    /// use evenkeel::request::object::{Encryption, Terms};
    ///
    /// # let client = aws_sdk_s3::Client::from_conf(preset::aws("eu-central-1").build());
    /// let store = S3::new(client, "orders")
    ///     .with_put_defaults(Terms::new().encryption(Encryption::kms("alias/orders")).tag("team", "billing"));
    /// ```
    ///
    /// A store refuses a term that it does not know ([`Verdict::Caller`](crate::verdict::Verdict)). Some stores ignore
    /// unknown tags and classes instead.
    #[must_use]
    pub fn with_put_defaults(mut self, defaults: Terms) -> Self {
        self.defaults = Arc::new(defaults);
        self
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The rebuilt client, for operations that evenkeel does not have.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Refuses a condition that the store is known to ignore or to refuse.
    fn demand(&self, condition: Conditional) -> Result<(), ProviderError> {
        if self.capabilities().get(condition) != Capability::Lacking {
            return Ok(());
        }
        let what = condition.as_str();
        Err(ProviderError::unsupported(format!(
            "this store cannot be trusted with {what}"
        )))
    }
}

/// The same client as a stack needs it: rebuilt as [`S3::new`] rebuilds its client. For a [`Failover`](crate::Failover)
/// over SDK clients.
///
/// ```
/// use evenkeel::provider::s3::{prepared, preset};
///
/// let client = aws_sdk_s3::Client::from_conf(preset::aws("us-east-1").build());
/// assert!(!prepared(&client).config().retry_config().unwrap().has_retry());
/// ```
#[must_use]
pub fn prepared(client: &Client) -> Client {
    let given = client.config();
    let config = given
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(connecting_bounded(given.timeout_config()))
        .http_client(watched(given.http_client()))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(Discreet)
        .interceptor(readable::Readable::default())
        .build();
    Client::from_conf(config)
}

/// Shows only the bucket: the client's `Debug` shows the whole configuration.
impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

impl ObjectProvider for S3 {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        check(&put)?;
        let terms = put.terms.over(&self.defaults);
        check_terms(&terms)?;
        match put.mode {
            PutMode::Create => self.demand(Conditional::Create)?,
            PutMode::IfMatch(_) => self.demand(Conditional::IfMatch)?,
            PutMode::Overwrite => {}
        }
        let create_header = self.create_header.clone().filter(|_| put.mode == PutMode::Create);
        let ask = || {
            let request = self
                .client
                .put_object()
                .bucket(&*self.bucket)
                .key(put.key.as_str())
                .body(ByteStream::from(put.body.clone()));
            let request = terms::described!(request, &put.attributes, put.write_id.as_ref(), &terms);
            let request = match &put.mode {
                PutMode::Create if create_header.is_none() => request.if_none_match("*"),
                PutMode::Create | PutMode::Overwrite => request,
                PutMode::IfMatch(tag) => request.if_match(tag.value()),
            };
            let create_header = create_header.clone();
            let mut request = request.customize().mutate_request(move |request| {
                if let Some(name) = &create_header {
                    request.headers_mut().insert(name.to_string(), "true");
                }
            });
            if let Some(sending) = Sending::of(&put.body, &put.progress) {
                request = request.interceptor(sending);
            }
            request.send()
        };
        let stored = again(repeats(put.write_id.as_ref(), &put.mode), ask).await;
        let stored = stored.map_err(|error| failed(Asked::to(&put.mode), &error))?;
        put.progress.answered();
        record(stored.request_id());
        // Without it nobody has confirmed what was stored.
        let etag = read::tag(stored.e_tag(), stored.request_id())?;
        Ok(PutAnswer::new(Some(etag)))
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        check_range(get.range.as_ref())?;
        get.progress.begin(0);
        let ask = || {
            self.client
                .get_object()
                .bucket(&*self.bucket)
                .key(get.key.as_str())
                .set_range(get.range.as_ref().map(crate::request::object::ByteRange::to_header))
                .set_if_match(get.if_match.as_ref().map(|tag| tag.value().to_owned()))
                .set_if_none_match(get.if_none_match.as_ref().map(|tag| tag.value().to_owned()))
                .send()
        };
        let got = again(Repeats::Freely, ask)
            .await
            .map_err(|error| self.noting(failed(Asked::Read, &error)))?;
        record(got.request_id());
        read::object(&get, got).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        let ask = || {
            let request = self.client.head_object().bucket(&*self.bucket);
            // A condition is compared with the answer: a refused HEAD has no body that could name the store's reason.
            request.key(head.key.as_str()).send()
        };
        let known = match again(Repeats::Freely, ask).await {
            Ok(known) => known,
            Err(error) => return Err(self.unseen(&head.key, &error).await),
        };
        record(known.request_id());
        let meta = read::meta(head.key.as_str(), &known)?;
        self.see_bucket();
        check_match(head.if_match.as_ref(), meta.etag.as_ref())?;
        Ok(meta)
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        if let Some(tag) = &delete.if_match {
            check_condition(tag)?;
            self.demand(Conditional::DeleteIfMatch)?;
        }
        let watch = self.marks.watch();
        let ask = || {
            self.client
                .delete_object()
                .bucket(&*self.bucket)
                .key(delete.key.as_str())
                .set_if_match(delete.if_match.as_ref().map(|tag| tag.value().to_owned()))
                .customize()
                .interceptor(watch.clone())
                .send()
        };
        let refused = match again(Repeats::Success, ask).await {
            Ok(deleted) => {
                record(deleted.request_id());
                if watch.saw_one() {
                    return Ok(());
                }
                self.missing(&delete.key).await
            }
            // S3 says 204 for a key that is not there; some stores say 404.
            Err(error) if error::is_empty_404(&error) => self.missing(&delete.key).await,
            Err(error) => failed(Asked::Delete, &error),
        };
        match refused.kind() {
            ProviderErrorKind::NotFound => Ok(()),
            _ => Err(refused),
        }
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        if list.limit == Some(0) {
            return Ok(ListPage::default());
        }
        let ask = |encoding| {
            self.client
                .list_objects_v2()
                .bucket(&*self.bucket)
                .set_prefix((!list.prefix.is_empty()).then(|| list.prefix.clone()))
                .set_delimiter(list.delimiter.clone().filter(|delimiter| !delimiter.is_empty()))
                .set_start_after(list.start_after.clone())
                .set_max_keys(list.limit.map(|limit| limit.min(listing::PAGE) as i32))
                .set_continuation_token(list.continuation.clone())
                .set_encoding_type(encoding)
                .send()
        };
        let page = match again(Repeats::Freely, || ask(None)).await {
            // One key that XML cannot hold would hide the whole bucket.
            Err(error) if listing::is_unreadable(&error, listing::OBJECTS) => {
                again(Repeats::Freely, || ask(Some(EncodingType::Url))).await
            }
            page => page,
        };
        let page = page.map_err(|error| listing::failed(&error))?;
        record(page.request_id());
        listing::page(&list, page)
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

    async fn list_uploads(&self, list: ListUploads) -> Result<UploadPage, ProviderError> {
        self.uploads(list).await
    }

    async fn copy(&self, copy: Copy) -> Result<PutAnswer, ProviderError> {
        self.copied(copy).await
    }

    async fn delete_many(&self, many: DeleteMany) -> Result<Vec<Result<(), ProviderError>>, ProviderError> {
        self.removed(many).await
    }

    async fn presign(&self, presign: Presign) -> Result<PresignedUrl, ProviderError> {
        self.presigned(presign).await
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        check_terms(&terms.over(&self.defaults))
    }

    /// The conditions that the user stated. Without a statement: kept at Amazon's own hosts, lacking at hosts that are
    /// known to lack them, unknown elsewhere. Parts are of equal length, but for the last one, at hosts other than
    /// Amazon's: some stores demand that.
    fn capabilities(&self) -> Capabilities {
        let known = self.known.get_or_init(|| {
            let hosts = ObjectProvider::hosts(self).unwrap_or_default();
            let host = hosts.first().map_or("", Host::name);
            let rule = match super::known::is_amazons_own(host) {
                true => PartRule::S3,
                false => PartRule::S3.equal(),
            };
            let known = super::known::of(host).with_parts(rule);
            known.with_copy().with_bulk_delete(bulk::MOST).with_presign()
        });
        let Some(stated) = self.stated else {
            return *known;
        };
        Capabilities {
            create: stated.create,
            if_match: stated.if_match,
            delete_if_match: stated.delete_if_match,
            complete_if: stated.complete_if,
            ..*known
        }
    }

    /// Where the SDK would send a GET. The SDK's own rules for regions, buckets and dual stack decide. Its interceptors
    /// see a request that is not sent.
    fn hosts(&self) -> Option<Vec<Host>> {
        let (http, asked) = Recorder::new();
        let config = self
            .client
            .config()
            .to_builder()
            .http_client(http)
            .credentials_provider(nobody())
            .identity_cache(IdentityCache::no_cache())
            .timeout_config(TimeoutConfig::disabled());
        let client = Client::from_conf(config.build());
        let request = client.get_object().bucket(&*self.bucket).key("evenkeel");
        asked.during(request.send()).map(|host| vec![host])
    }

    /// A listing of one entry. The listing needs the permission that a HEAD of the bucket needs. Its success and its
    /// refusal both have a body, which says what is wrong.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        let one = List {
            prefix: Key::RESERVED.to_owned(),
            limit: Some(1),
            ..List::default()
        };
        self.list(one).await?;
        self.see_bucket();
        Ok(())
    }
}

/// Whether a write is sent again after a dead connection. By its id a write recognises what it has stored itself. An
/// overwrite without a condition is repeated by the stack alone, which remembers that the first may yet land.
const fn repeats(write_id: Option<&WriteId>, mode: &PutMode) -> Repeats {
    match (write_id, mode) {
        (Some(_), PutMode::Create | PutMode::IfMatch(_)) => Repeats::Success,
        _ => Repeats::Never,
    }
}

/// A tag as S3 sent it; the stack fills in the endpoint.
fn etag(value: &str) -> ETag {
    ETag::new(value, "")
}
