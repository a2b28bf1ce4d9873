//! Any [`object_store::ObjectStore`] as an endpoint.
//!
//! The crate `object_store` has clients for many stores, and applications that already hold one need not build a second.
//! What it does for a single store it does too much under a stack that can go elsewhere: by default it retries ten times
//! over three minutes.
//!
//! ```
//! use evenkeel::provider::{GenericStore, ObjectProvider};
//! use evenkeel::request::{Key, object::{Get, Put}};
//! use object_store::memory::InMemory;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let store = GenericStore::new(Arc::new(InMemory::new())).unwrap();
//! let key = Key::new("greeting").unwrap();
//! store.put(Put::new(key.clone(), "hello")).await.unwrap();
//! assert_eq!(store.get(Get::new(key)).await.unwrap().body, "hello");
//! # }
//! ```
//!
//! # What to set in the store you bring
//! - **Retries off**: `with_retry(RetryConfig { max_retries: 0, ..Default::default() })`. [`GenericStore::new`] refuses a
//!   store that shows that it retries more than once; `object_store`'s own clients show it. A store of your own, or one
//!   behind a wrapper that hides it, is not checked. If an error says that it came after retries, *not sent* is not
//!   claimed of it: an earlier try may have been sent.
//! - **A connect timeout below 1 s**: `with_client_options(ClientOptions::new().with_connect_timeout(..))`, as for
//!   [`CONNECT_TIMEOUT`](GenericStore::CONNECT_TIMEOUT). Its default is 5 s, and then the stack's own limit ends an attempt
//!   before anybody can say that it was not sent. This is not checked.
//!
//! # What it sees to
//! - Creates, If-Match and attributes are the store's own. What it says it has not (`NotImplemented`, `NotSupported`) is
//!   refused as unsupported.
//! - Content type, cache control and metadata round-trip, or the put is refused. A store that takes no attributes at all
//!   (`LocalFileSystem`) needs [`GenericStore::without_write_ids`], or every put of an `ObjectClient` is refused.
//! - Tags and storage class of a put are refused where `object_store` would not pass them on; it shows which store it is.
//! - No key is in an error: `object_store`'s own words quote the URL, so they are read and not shown.
//!
//! # What it cannot see to
//! - `Retry-After` and request ids are not passed on by `object_store`.
//! - A `404` with a page of text and no code is a gateway's and [`Verdict::Faulty`](crate::verdict::Verdict), also of a
//!   WebDAV server.
//! - `object_store` reads any XML or HTML document that answers a listing, such as a gateway's page, as an empty listing.
//! - Keys that end in `/` cannot be named in `object_store` and are refused as unsupported.
//! - A listing is asked for by whole path segments and filtered here. Stores need not list in order, so one page costs a
//!   whole listing of the segment, unless [`GenericStore::listing_in_order`] says that this one does.
//! - A listing with a delimiter other than `/` is folded here.
//! - Whether a store honours conditions is the store's word. Alibaba's OSS: see below.
//!
//! # Alibaba Cloud OSS
//! Two ways, neither tried against the real service. Through its S3-compatible interface: the adapter `S3` with
//! `preset::alibaba_oss`. Natively: OpenDAL's service `oss` through its bridge, the crate `object_store_opendal`, as an
//! `Arc<dyn ObjectStore>` for this adapter. A create that meets an object is answered 409 `FileAlreadyExists`, which the
//! verdicts know; the header for it, `x-oss-forbid-overwrite`, has no effect on a bucket with versioning. OSS has no
//! conditional overwrite.

mod attributes;
mod error;
mod listing;

use super::{
    ObjectProvider, ProviderError, ProviderErrorKind,
    attributes::{check, check_range},
    check_terms, names,
    refusal::{Asked, wrong},
};
use crate::{
    request::{
        Key,
        object::{
            ByteRange, Delete, ETag, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode, Terms,
        },
    },
    verdict::table::Symptom,
};
use attributes::{received, sent, tags};
use error::failed;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, PutOptions, UpdateVersion, path::Path};
use std::{fmt, sync::Arc, time::Duration};

/// A store of the crate `object_store`. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct GenericStore {
    store: Arc<dyn ObjectStore>,
    write_ids: bool,
    versions: bool,
    untagged: bool,
    in_order: bool,
    passes: Passed,
    names: Names,
}

/// Why a store was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It retries by itself.
    #[error("the store retries {0} times by itself; set `max_retries: 0` in its `RetryConfig`")]
    Retries(u64),
}

impl GenericStore {
    /// What to set as connect timeout in the store's `ClientOptions`: just below the shortest limit that the stack sets to
    /// an attempt before it has learnt (1 s), so that an unreachable endpoint is told from a slow one.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);

    /// This store.
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
                write_ids: true,
                untagged: false,
                in_order: false,
                passes: Passed::by(&shown),
                names: Names::by(&shown),
            }),
        }
    }

    /// For a store that takes no attributes: a put's write id is left out, so that a put without attributes is possible.
    /// A retry then cannot recognise its own earlier success, and says that it may have been applied.
    #[must_use]
    pub fn without_write_ids(mut self) -> Self {
        self.write_ids = false;
        self
    }

    /// Tags are the store's versions instead of its ETags: for a store whose conditional overwrite asks for the version,
    /// as Google's generation. Set by itself for `GoogleCloudStorage`.
    #[must_use]
    pub fn tags_are_versions(mut self) -> Self {
        self.versions = true;
        self
    }

    /// For a store that gives no tags. Otherwise an answer without one is taken for no answer of the store: it may be a
    /// gateway's page, or S3's success with an error document in it.
    #[must_use]
    pub fn without_tags(mut self) -> Self {
        self.untagged = true;
        self
    }

    /// The store lists in ascending order of the keys' bytes, as S3, GCS, Azure and `InMemory` do: a page then ends the
    /// listing it needed. If it turns out not to, the listing fails as faulty.
    #[must_use]
    pub fn listing_in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// A key that is the same text as a path.
    fn path(&self, key: &Key) -> Result<Path, ProviderError> {
        self.names.check(key)?;
        Path::parse(key.as_str())
            .ok()
            .filter(|path| path.as_ref() == key.as_str())
            .ok_or_else(|| ProviderError::unsupported("object_store has no path for this key"))
    }

    fn tag(&self, etag: Option<&String>, version: Option<&String>) -> Option<ETag> {
        let value = if self.versions { version } else { etag };
        value.map(|value| ETag::new(value.as_str(), ""))
    }

    fn meta(&self, key: &str, meta: &object_store::ObjectMeta) -> ObjectMeta {
        ObjectMeta {
            etag: self.tag(meta.e_tag.as_ref(), meta.version.as_ref()),
            last_modified: Some(meta.last_modified.into()),
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

    /// The tag that every real answer of a store with tags carries.
    fn confirmed(&self, tag: Option<ETag>) -> Result<Option<ETag>, ProviderError> {
        if tag.is_none() && !self.untagged {
            return Err(wrong(Symptom::ErrorDocument, None));
        }
        Ok(tag)
    }
}

/// What of a put's terms the store passes on, as `object_store` (0.14) has it. The others drop tags without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Passed {
    tags: bool,
    classes: bool,
}

impl Passed {
    /// ... by what the store prints of itself, which shows beneath a wrapper, too.
    fn by(shown: &str) -> Self {
        let is = |name: &str| shown.contains(name);
        let tagging = is("AmazonS3 {") || is("MicrosoftAzure {");
        Self {
            tags: tagging && !is("disable_tagging: true"),
            classes: tagging || is("GoogleCloudStorage {"),
        }
    }

    fn check(self, terms: &Terms) -> Result<(), ProviderError> {
        check_terms(terms)?;
        let refused = if terms.encryption.is_some() {
            "object_store asks for no encryption in a put: set it in the store that you bring"
        } else if terms.storage_class.is_some() && !self.classes {
            "object_store passes a storage class on to S3, Azure and Google alone"
        } else if !terms.tags.is_empty() && !self.tags {
            "object_store passes tags on to S3 and Azure alone, unless the store is told not to"
        } else {
            return Ok(());
        };
        Err(ProviderError::unsupported(refused))
    }
}

/// The number in the configuration that `object_store`'s clients print.
fn retries(shown: &str) -> Option<u64> {
    let (_, rest) = shown.split_once("max_retries: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Neither the store's configuration nor its name, which may hold a bucket or a path.
impl fmt::Debug for GenericStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenericStore").finish_non_exhaustive()
    }
}

/// Whose rules for names hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Azures,
    OfFiles,
    Any,
}

impl Names {
    /// ... by what the store prints of itself.
    fn by(shown: &str) -> Self {
        if shown.contains("MicrosoftAzure {") {
            Self::Azures
        } else if shown.contains("LocalFileSystem {") {
            Self::OfFiles
        } else {
            Self::Any
        }
    }

    fn check(self, key: &Key) -> Result<(), ProviderError> {
        match self {
            Self::Azures => names::azure(key),
            Self::OfFiles => names::files(key, cfg!(windows)),
            Self::Any => Ok(()),
        }
    }
}

impl ObjectProvider for GenericStore {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
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
        let options = PutOptions {
            mode,
            attributes: sent(
                &put.attributes,
                &put.terms,
                put.write_id.as_ref().filter(|_| self.write_ids),
            ),
            tags: tags(&put.terms),
            ..PutOptions::default()
        };
        let stored = self.store.put_opts(&path, put.body.into(), options).await;
        let stored = stored.map_err(|error| failed(asked, &error))?;
        let tag = self.tag(stored.e_tag.as_ref(), stored.version.as_ref());
        Ok(PutAnswer::new(self.confirmed(tag)?))
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        check_range(get.range.as_ref())?;
        let path = self.path(&get.key)?;
        let tag = get.if_none_match.as_ref().map(ETag::value);
        let options = GetOptions {
            range: get.range.as_ref().map(|range| match range {
                ByteRange::Bounded(range) => GetRange::Bounded(range.clone()),
                ByteRange::From(start) => GetRange::Offset(*start),
                ByteRange::Suffix(last) => GetRange::Suffix(*last),
            }),
            if_none_match: tag.filter(|_| !self.versions).map(str::to_owned),
            ..GetOptions::default()
        };
        let got = self.store.get_opts(&path, options).await;
        let got = got.map_err(|error| failed(Asked::Read, &error))?;
        let meta = self.described(&get.key, &got)?;
        // A store whose tags are versions cannot be asked for "none of this version", but told once it has answered.
        if self.versions && tag.is_some() && tag == meta.etag.as_ref().map(ETag::value) {
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
        let body = got.bytes().await.map_err(|error| failed(Asked::Read, &error))?;
        if body.len() as u64 != range.end - range.start {
            return Err(wrong(Symptom::ShortBody, None));
        }
        Ok(Object::new(meta, range, body))
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let known = self.store.get_opts(&self.path(&head.key)?, options).await;
        let known = known.map_err(|error| failed(Asked::Read, &error))?;
        self.described(&head.key, &known)
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let path = self.path(&delete.key)?;
        match object_store::ObjectStoreExt::delete(&*self.store, &path).await {
            Ok(()) => Ok(()),
            Err(error) => match failed(Asked::Delete, &error) {
                absent if absent.kind() == ProviderErrorKind::NotFound => Ok(()),
                failed => Err(failed),
            },
        }
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        listing::page(self, &list).await
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        self.passes.check(terms)
    }

    fn check_key(&self, key: &Key) -> Result<(), ProviderError> {
        self.names.check(key)
    }

    /// Lists nothing: under a path that nobody uses.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        use futures_util::StreamExt as _;
        let nowhere = Path::from(".evenkeel/warm-up");
        match self.store.list(Some(&nowhere)).next().await {
            Some(Err(error)) => Err(failed(Asked::List, &error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_that_a_store_prints() {
        assert_eq!(
            retries("AmazonS3 { retry_config: RetryConfig { max_retries: 10, .. } }"),
            Some(10)
        );
        assert_eq!(retries("InMemory"), None);
    }

    #[test]
    fn what_is_passed_on() {
        let of = |tags, classes| Passed { tags, classes };
        assert_eq!(
            Passed::by("AmazonS3 { config: S3Config { disable_tagging: false } }"),
            of(true, true)
        );
        assert_eq!(
            Passed::by("PrefixStore { inner: MicrosoftAzure { disable_tagging: true } }"),
            of(false, true)
        );
        assert_eq!(Passed::by("GoogleCloudStorage { client: .. }"), of(false, true));
        assert_eq!(Passed::by("LocalFileSystem { config: .. }"), of(false, false));
        let terms = [
            Terms::new().tag("a", "b"),
            Terms::new().storage_class("c"),
            Terms::new().encryption(crate::request::object::Encryption::Store),
        ];
        for (passes, taken) in [(of(true, true), 2), (of(false, true), 1), (of(false, false), 0)] {
            let kept = terms.iter().filter(|terms| passes.check(terms).is_ok());
            assert_eq!(kept.count(), taken, "{passes:?}");
        }
    }
}
