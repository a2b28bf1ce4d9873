//! Any S3-compatible endpoint, on the AWS SDK.
//!
//! The SDK is made for one endpoint and defends itself alone: it retries, waits and holds on. Under a stack that can go
//! elsewhere each of these costs seconds, so [`S3::new`] rebuilds the client it is given without them.
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
//! # What it sees to
//! - Every 200 must carry what a real one carries: an ETag, the announced length, the range that was asked for, the
//!   checksum if one was sent. S3 can answer 200 with an error document; that is [`Verdict::Faulty`], no object.
//! - A body is collected within the attempt, so that its failure is this attempt's failure.
//! - Attributes round-trip or are refused; see [`Attributes`]. A put without a content type is stored under the store's
//!   default (`application/octet-stream`), which then comes back.
//! - Neither `Debug` nor an error shows a key, a signature or a credential. The provider's own messages are not passed on,
//!   because they quote keys; the code and the request id are.
//!
//! # What it cannot see to
//! - **Create on a store that ignores `If-None-Match` is a silent overwrite.** Some S3-compatible stores do; they answer
//!   200. For a store that is known to, use [`S3::without_conditional_put`]. In doubt ask twice: create the same key two
//!   times and see whether the second is refused.
//! - S3's ETag is a function of the content for simple puts: If-Match does not notice that an object was changed and
//!   changed back.
//! - `HEAD` answers have no body, so a missing bucket looks like a missing object there.
//! - Listings are asked for as plain XML, not `encoding-type=url`, which some stores label and do not apply. Keys that
//!   passed through [`Key`](crate::request::Key) survive that; foreign keys with control characters may make a listing
//!   unreadable, which is [`Verdict::Faulty`].
//! - Credentials are loaded by the SDK within the first call, in up to 5 s (its default). [`ObjectProvider::warm_up`] does
//!   that beforehand, and a [`Keeper`](crate::credentials::Keeper) waits for less.
//!
//! [`Verdict::Faulty`]: crate::verdict::Verdict
//! [`Attributes`]: crate::request::object::Attributes

mod error;
mod listing;
pub mod preset;
mod read;
mod terms;

use super::{
    ObjectProvider, ProviderError,
    attributes::{check, check_range},
    aws::{
        CONNECT_TIMEOUT, Discreet, connecting_bounded,
        recorder::{Recorder, nobody},
    },
    check_terms,
    refusal::{Asked, record},
};
use crate::endpoint::Host;
use crate::request::object::{
    Delete, ETag, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode, Terms, WriteId,
};
use aws_sdk_s3::{
    Client,
    config::{IdentityCache, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig},
    operation::RequestId,
    primitives::ByteStream,
};
use error::failed;
use std::{fmt, sync::Arc, time::Duration};

/// A bucket at an S3-compatible endpoint. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct S3 {
    client: Client,
    bucket: Arc<str>,
    conditional_put: bool,
    create_header: Option<Arc<str>>,
    defaults: Arc<Terms>,
}

impl S3 {
    /// The longest that connecting may take: just below the shortest limit that the stack sets to an attempt before it has
    /// learnt (1 s), so that an unreachable endpoint is told from a slow one, and a write is known to be unsent.
    pub const CONNECT_TIMEOUT: Duration = CONNECT_TIMEOUT;

    /// This bucket, through a client rebuilt from the configuration of the one given:
    ///
    /// | | becomes | because |
    /// |---|---|---|
    /// | retries | off | the stack retries, elsewhere first, from one budget |
    /// | connect timeout | 0.9 s, or less if less was set | see [`S3::CONNECT_TIMEOUT`] |
    /// | stalled-stream protection | off | it waits 20 s; an attempt's limit covers the body and is shorter |
    ///
    /// Everything else is kept: credentials, region, HTTP client, interceptors, checksums, the other timeouts.
    pub fn new(client: Client, bucket: impl Into<Arc<str>>) -> Self {
        Self {
            client: prepared(&client),
            bucket: bucket.into(),
            conditional_put: true,
            create_header: None,
            defaults: Arc::default(),
        }
    }

    /// For a store that ignores `If-None-Match` and `If-Match` on puts: creates and conditional overwrites are refused as
    /// unsupported, before anything is sent, rather than overwriting silently.
    #[must_use]
    pub const fn without_conditional_put(mut self) -> Self {
        self.conditional_put = false;
        self
    }

    /// For a store whose create is a header of its own, which is sent as `true` in place of `If-None-Match: *`:
    /// `x-oss-forbid-overwrite` (Alibaba), `x-ibm-forbid-overwrite` (IBM). Conditional overwrites are refused as unsupported.
    ///
    /// Both providers say that the header has **no effect on a bucket with versioning**, enabled or suspended: there a create
    /// overwrites. Whether Alibaba's S3-compatible interface honours it is not documented and was not tried.
    #[must_use]
    pub fn with_create_header(mut self, name: impl Into<Arc<str>>) -> Self {
        self.create_header = Some(name.into());
        self
    }

    /// Says this with every put, where the put does not say otherwise: storage class, encryption, tags. What a bucket's
    /// policy demands of each put belongs here: probes and [`verify`](crate::ObjectClient::verify) carry nothing else.
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
    /// What a store does not know it refuses ([`Verdict::Caller`](crate::verdict::Verdict)) or, as some do with tags and
    /// classes, ignores.
    #[must_use]
    pub fn with_put_defaults(mut self, defaults: Terms) -> Self {
        self.defaults = Arc::new(defaults);
        self
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The rebuilt client, for what evenkeel has no operation for.
    pub const fn client(&self) -> &Client {
        &self.client
    }
}

/// The same client as a stack wants it: what [`S3::new`] does to the one it is given. For a
/// [`Failover`](crate::Failover) over SDK clients.
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
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(Discreet)
        .build();
    Client::from_conf(config)
}

/// The bucket only: the client's Debug shows its whole configuration.
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
        if !self.conditional_put && put.mode != PutMode::Overwrite {
            return Err(ProviderError::unsupported(
                "this store is known to ignore conditions on a put",
            ));
        }
        let request = self
            .client
            .put_object()
            .bucket(&*self.bucket)
            .key(put.key.as_str())
            .set_content_type(put.attributes.content_type.clone())
            .set_cache_control(put.attributes.cache_control.clone())
            .set_metadata(Some(
                put.attributes
                    .metadata
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .chain(
                        put.write_id
                            .iter()
                            .map(|id| (WriteId::METADATA_KEY.to_owned(), id.as_str().to_owned())),
                    )
                    .collect(),
            ))
            .body(ByteStream::from(put.body));
        let request = terms::apply(&terms, request);
        let create_header = self.create_header.clone().filter(|_| put.mode == PutMode::Create);
        let (request, asked) = match &put.mode {
            PutMode::Create if create_header.is_some() => (request, Asked::Create),
            PutMode::Create => (request.if_none_match("*"), Asked::Create),
            PutMode::IfMatch(_) if self.create_header.is_some() => {
                return Err(ProviderError::unsupported("this store has no conditional overwrite"));
            }
            PutMode::Overwrite => (request, Asked::Overwrite),
            PutMode::IfMatch(tag) => (request.if_match(tag.value()), Asked::IfMatch),
        };
        let request = request.customize().mutate_request(move |request| {
            if let Some(name) = &create_header {
                request.headers_mut().insert(name.to_string(), "true");
            }
        });
        let stored = request.send().await.map_err(|error| failed(asked, &error))?;
        record(stored.request_id());
        // Without it nobody has confirmed what was stored.
        let etag = read::tag(stored.e_tag(), stored.request_id())?;
        Ok(PutAnswer::new(Some(etag)))
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        check_range(get.range.as_ref())?;
        let got = self
            .client
            .get_object()
            .bucket(&*self.bucket)
            .key(get.key.as_str())
            .set_range(get.range.as_ref().map(crate::request::object::ByteRange::to_header))
            .set_if_none_match(get.if_none_match.as_ref().map(|tag| tag.value().to_owned()))
            .send()
            .await
            .map_err(|error| failed(Asked::Read, &error))?;
        record(got.request_id());
        read::object(&get, got).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        let known = self
            .client
            .head_object()
            .bucket(&*self.bucket)
            .key(head.key.as_str())
            .send()
            .await
            .map_err(|error| failed(Asked::Read, &error))?;
        record(known.request_id());
        read::meta(head.key.as_str(), &known)
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let request = self
            .client
            .delete_object()
            .bucket(&*self.bucket)
            .key(delete.key.as_str());
        match request.send().await {
            Ok(deleted) => {
                record(deleted.request_id());
                Ok(())
            }
            // S3 says 204 for a key that is not there; some stores say 404.
            Err(error) => match failed(Asked::Delete, &error) {
                absent if absent.kind() == super::ProviderErrorKind::NotFound => Ok(()),
                failed => Err(failed),
            },
        }
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        if list.limit == Some(0) {
            return Ok(ListPage::default());
        }
        let page = self
            .client
            .list_objects_v2()
            .bucket(&*self.bucket)
            .set_prefix((!list.prefix.is_empty()).then(|| list.prefix.clone()))
            .set_delimiter(list.delimiter.clone().filter(|delimiter| !delimiter.is_empty()))
            .set_start_after(list.start_after.clone())
            .set_max_keys(list.limit.map(|limit| limit.min(listing::PAGE) as i32))
            .set_continuation_token(list.continuation.clone())
            .send()
            .await
            .map_err(|error| failed(Asked::List, &error))?;
        record(page.request_id());
        listing::page(&list, page)
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        check_terms(&terms.over(&self.defaults))
    }

    /// Where the SDK would send a GET: its own rules for regions, buckets and dual stack decide, and its interceptors see a
    /// request that is not sent.
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

    async fn warm_up(&self) -> Result<(), ProviderError> {
        let there = self.client.head_bucket().bucket(&*self.bucket).send().await;
        there.map(drop).map_err(|error| failed(Asked::Bucket, &error))
    }
}

/// A tag as S3 sent it; the stack fills in the endpoint.
fn etag(value: &str) -> ETag {
    ETag::new(value, "")
}
