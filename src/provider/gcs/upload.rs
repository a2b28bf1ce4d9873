//! Uploads: temporary objects, and one object composed of them.

use super::{
    Gcs, PAGE, confirmed,
    control::ended,
    error::{absent, failed},
    sending::Sending,
    terms,
};
use crate::{
    model::PartRule,
    provider::{
        ProviderError, ProviderErrorKind,
        attributes::invalid,
        check_attributes, check_mode, check_parts, nonce,
        refusal::{Asked, wrong},
    },
    request::{
        Key,
        object::{
            AbortUpload, BeginUpload, CompleteUpload, Encryption, ListUploads, OpenUpload, PartTag, PutAnswer, PutPart,
            Terms, UploadId, UploadPage,
        },
    },
    verdict::table::Symptom,
};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use google_cloud_gax::{options::RequestOptionsBuilder as _, retry_policy::NeverRetry};
use google_cloud_storage::model::{self, compose_object_request::SourceObject};
use sha2::{Digest as _, Sha256};
use std::time::SystemTime;

/// The most objects that one request composes.
const SOURCES: usize = 32;

/// Two levels of composing. A temporary is an object, of up to 5 TiB.
pub(super) const RULE: PartRule = PartRule::S3.lengths(0, 5 << 40).count((SOURCES * SOURCES) as u32);

/// Requests of one call side by side.
const AT_ONCE: usize = 8;

/// The prefix of all temporaries.
const PLACE: &str = ".evenkeel/uploads/";

/// The most that a temporary's name has beside the key: the prefix, the upload, the part and its attempt.
const BESIDE: usize = PLACE.len() + "/".len() + 24 + "/00001-".len() + 24;

/// What the name of an upload says. Google knows no uploads.
#[derive(Debug, PartialEq, Eq)]
struct Upload {
    /// Keeps the temporaries of this upload apart from all others of the key.
    nonce: u128,
    /// The class that composed objects take from their sources, and the key that each temporary is encrypted with.
    terms: Terms,
}

impl Upload {
    fn id(&self) -> UploadId {
        let mut text = nonce::written(self.nonce);
        let class = self.terms.storage_class.as_deref().unwrap_or_default();
        let key = kms_key(&self.terms).unwrap_or_default();
        if !class.is_empty() || !key.is_empty() {
            text = format!("{text}.{class}.{key}");
        }
        UploadId::new(text)
    }

    fn of(id: &UploadId) -> Result<Self, ProviderError> {
        Self::read(id.as_str()).ok_or_else(|| ProviderError::answer(ProviderErrorKind::UploadGone))
    }

    fn read(text: &str) -> Option<Self> {
        let mut texts = text.splitn(3, '.');
        let nonce = nonce::read(texts.next()?)?;
        let mut terms = Terms::new();
        if let Some(class) = texts.next().filter(|class| !class.is_empty()) {
            terms = terms.storage_class(class);
        }
        if let Some(key) = texts.next().filter(|key| !key.is_empty()) {
            terms = terms.encryption(Encryption::kms(key));
        }
        terms::check(&terms).ok().map(|()| Self { nonce, terms })
    }

    /// The prefix of the upload's temporaries.
    fn place(&self, key: &Key) -> String {
        format!("{PLACE}{}/{}/", key.as_str(), nonce::written(self.nonce))
    }
}

/// The key and the upload of the temporary with this name, and the prefix of all temporaries of this upload.
fn owner(name: &str) -> Option<(&str, UploadId, &str)> {
    let (rest, _) = name.rsplit_once('/')?;
    let place = &name[..=rest.len()];
    let (key, nonce) = rest.strip_prefix(PLACE)?.rsplit_once('/')?;
    nonce::read(nonce).map(|_| (key, UploadId::new(nonce), place))
}

/// The part's place in front of the attempt that stored it: a late attempt replaces nothing.
fn tag(number: u32, attempt: u128) -> String {
    format!("{number:05}-{}", nonce::written(attempt))
}

fn is_of(tag: &str, number: u32) -> bool {
    let (at, attempt) = tag.split_once('-').unwrap_or_default();
    at == format!("{number:05}") && nonce::read(attempt).is_some()
}

pub(super) fn kms_key(terms: &Terms) -> Option<&str> {
    match &terms.encryption {
        Some(Encryption::Kms { key }) => key.as_deref(),
        // With `Encryption::Store` there is nothing to be said: Google encrypts whatever it is sent.
        _ => None,
    }
}

impl Gcs {
    /// Sends nothing.
    pub(super) fn begin(&self, begin: &BeginUpload) -> Result<UploadId, ProviderError> {
        check_attributes(&begin.attributes, begin.write_id.as_ref())?;
        let terms = begin.terms.over(&self.defaults);
        terms::check(&terms)?;
        if begin.key.as_str().len() + BESIDE > Key::MAX_BYTES {
            return Err(ProviderError::unsupported(
                "the key is too long for an upload to Google: the names of its temporary objects contain it",
            ));
        }
        let nonce = nonce::draw()?;
        Ok(Upload { nonce, terms }.id())
    }

    pub(super) async fn temporary(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        let upload = Upload::of(&part.upload)?;
        let size = part.body.len() as u64;
        if part.number == 0 || part.number > RULE.count || size > RULE.most {
            return Err(invalid("an upload to Google has at most 1,024 parts of at most 5 TiB"));
        }
        let tag = tag(part.number, nonce::draw()?);
        let (sending, told) = Sending::of(part.body, &part.progress);
        let name = upload.place(&part.key) + &tag;
        let mut request = self
            .storage
            .write_object(&*self.resource, name, sending)
            .with_retry_policy(NeverRetry)
            .with_resumable_upload_threshold(usize::MAX);
        if let Some(class) = &upload.terms.storage_class {
            request = request.set_storage_class(class);
        }
        if let Some(key) = kms_key(&upload.terms) {
            request = request.set_kms_key(key);
        }
        let stored = match told {
            true => Box::pin(request.send_unbuffered()).await,
            false => Box::pin(request.send_buffered()).await,
        };
        let stored = stored.map_err(|error| failed(Asked::Overwrite, &error))?;
        part.progress.answered();
        confirmed(stored.generation)?;
        Ok(PartTag::new(part.number, size, tag))
    }

    /// Composes the object, and removes the temporaries with the same request.
    pub(super) async fn assemble(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        check_mode(&complete.mode)?;
        check_attributes(&complete.attributes, complete.write_id.as_ref())?;
        check_parts(&complete.parts)?;
        let upload = Upload::of(&complete.upload)?;
        let terms = complete.terms.over(&self.defaults);
        terms::check(&terms)?;
        let (condition, asked) = super::condition(&complete.mode)?;
        if !complete.parts.iter().all(|part| is_of(&part.tag, part.number))
            || complete.parts.len() > RULE.count as usize
        {
            return Err(invalid("a part is none of an upload to Google"));
        }
        let place = upload.place(&complete.key);
        let mut sources: Vec<_> = complete
            .parts
            .iter()
            .map(|part| format!("{place}{}", part.tag))
            .collect();
        if sources.len() > SOURCES {
            let groups: Vec<BoxFuture<'_, _>> = sources
                .chunks(SOURCES)
                .map(|group| self.group(&place, group, &terms).boxed())
                .collect();
            sources = stream::iter(groups).buffered(AT_ONCE).try_collect().await?;
        }
        let object = super::described(&complete.attributes, complete.write_id.as_ref(), &terms);
        let object = object.set_name(complete.key.as_str());
        let composed = self.compose(&sources, object, &terms, condition).await;
        let composed = composed.map_err(|error| match absent(&error) {
            Some(gone) => gone,
            None => failed(asked, &error),
        })?;
        let answer = PutAnswer::new(Some(confirmed(composed.generation)?));
        // What attempts have left whose answers were lost. The object is complete, whatever comes of it.
        let _ = self.clear(&place).await;
        Ok(answer)
    }

    /// Composes some of many temporaries. If they are gone, an earlier attempt has composed them, or the whole upload
    /// is gone: the last request finds out.
    async fn group(&self, place: &str, group: &[String], terms: &Terms) -> Result<String, ProviderError> {
        let digest: [u8; 32] = Sha256::digest(group.join("\n")).into();
        let name = digest[..12]
            .iter()
            .fold(format!("{place}c-"), |name, byte| name + &format!("{byte:02x}"));
        let object = super::described(&Default::default(), None, terms).set_name(&name);
        match self.compose(group, object, terms, None).await {
            Ok(composed) => confirmed(composed.generation).map(|_| name),
            Err(error) if absent(&error).is_some() => Ok(name),
            Err(error) => Err(failed(Asked::Overwrite, &error)),
        }
    }

    async fn compose(
        &self,
        sources: &[String],
        destination: model::Object,
        terms: &Terms,
        condition: Option<i64>,
    ) -> google_cloud_storage::Result<model::Object> {
        let (control, watch) = self.control.client().await;
        let sources = sources.iter().map(|name| SourceObject::new().set_name(name));
        let request = control
            .compose_object()
            .set_destination(destination.set_bucket(&*self.resource))
            .set_source_objects(sources)
            .set_kms_key(kms_key(terms).unwrap_or_default())
            .set_or_clear_if_generation_match(condition)
            .set_delete_source_objects(true)
            .with_retry_policy(NeverRetry);
        let composed = Box::pin(request.send()).await;
        ended(watch);
        composed
    }

    pub(super) async fn give_up(&self, abort: &AbortUpload) -> Result<(), ProviderError> {
        match Upload::of(&abort.upload) {
            Ok(upload) => self.clear(&upload.place(&abort.key)).await,
            Err(_) => Ok(()),
        }
    }

    /// Removes everything with this prefix, until nothing is there: a completion under way may make temporaries of its
    /// own meanwhile.
    async fn clear(&self, place: &str) -> Result<(), ProviderError> {
        let mut before = None;
        loop {
            let page = self.temporaries(place, place).await?;
            let Some(first) = page
                .objects
                .first()
                .map(|object| (object.name.clone(), object.generation))
            else {
                return Ok(());
            };
            if before.as_ref() == Some(&first) {
                return Err(wrong(Symptom::Nonsense, None).with_message("what was removed is listed again"));
            }
            before = Some(first);
            let removals = page.objects.iter().map(|object| self.remove(object).boxed());
            let removals: Vec<BoxFuture<'_, _>> = removals.collect();
            stream::iter(removals)
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
        }
    }

    /// Removes this generation for good, also from a bucket that keeps earlier ones.
    async fn remove(&self, object: &model::Object) -> Result<(), ProviderError> {
        let (control, watch) = self.control.client().await;
        let request = control.delete_object().set_bucket(&*self.resource);
        let request = request.set_object(&object.name).set_generation(object.generation);
        let removed = Box::pin(request.with_retry_policy(NeverRetry).send()).await;
        ended(watch);
        match removed {
            Err(error) if absent(&error).is_none() => Err(failed(Asked::Delete, &error)),
            _ => Ok(()),
        }
    }

    async fn temporaries(&self, prefix: &str, from: &str) -> Result<model::ListObjectsResponse, ProviderError> {
        let (control, watch) = self.control.client().await;
        let request = control
            .list_objects()
            .set_parent(&*self.resource)
            .set_prefix(prefix)
            .set_lexicographic_start(from)
            .set_page_size(PAGE as i32)
            .with_retry_policy(NeverRetry);
        let page = Box::pin(request.send()).await;
        ended(watch);
        page.map_err(|error| failed(Asked::List, &error))
    }

    /// The uploads that have temporaries. A continuation is the name that the next page starts at.
    pub(super) async fn under_way(&self, list: &ListUploads) -> Result<UploadPage, ProviderError> {
        let prefix = format!("{PLACE}{}", list.prefix);
        let from = list.continuation.as_deref().unwrap_or_default();
        let page = self.temporaries(&prefix, from).await?;
        let mut uploads: Vec<OpenUpload> = Vec::new();
        let mut next = None;
        for object in &page.objects {
            let Some((key, upload, place)) = owner(&object.name) else {
                next = Some(format!("{}\0", object.name));
                continue;
            };
            // Behind all temporaries of this upload, of which the page may not have the last.
            next = Some(format!("{place}~"));
            let started = object.create_time.map(SystemTime::try_from).and_then(Result::ok);
            match uploads
                .last_mut()
                .filter(|last| last.upload == upload && last.key == key)
            {
                Some(last) => last.started = last.started.into_iter().chain(started).min(),
                // The prefix may have reached beyond the key.
                None if key.starts_with(&list.prefix) => uploads.push(OpenUpload::new(key, upload, started)),
                None => {}
            }
        }
        if page.next_page_token.is_empty() {
            next = None;
        } else if next.is_none() {
            return Err(wrong(Symptom::Nonsense, None));
        }
        Ok(UploadPage::new(uploads, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uploads_name_says_what_its_temporaries_need() {
        let key = "projects/p.example:q/locations/europe-west3/keyRings/r/cryptoKeys/k";
        for terms in [
            Terms::new(),
            Terms::new().storage_class("NEARLINE"),
            Terms::new().encryption(Encryption::kms(key)),
            Terms::new().storage_class("ARCHIVE").encryption(Encryption::kms(key)),
        ] {
            let upload = Upload { nonce: 7, terms };
            assert_eq!(Upload::of(&upload.id()).unwrap(), upload);
        }
        for foreign in ["0000000000004711", "000000000000000000000001.Cool."] {
            let refused = Upload::of(&UploadId::new(foreign)).unwrap_err();
            assert_eq!(refused.kind(), ProviderErrorKind::UploadGone);
        }
    }

    #[test]
    fn a_temporarys_name_says_whose_it_is() {
        for key in ["a", "a/b", &"k".repeat(Key::MAX_BYTES - BESIDE)] {
            let terms = Terms::new().storage_class("NEARLINE");
            let (key, upload) = (Key::new(key).unwrap(), Upload { nonce: 7, terms });
            let place = upload.place(&key);
            let name = format!("{place}{}", tag(1024, (1 << 96) - 1));
            assert!(name.len() <= Key::MAX_BYTES);
            let id = UploadId::new(nonce::written(7));
            assert_eq!(owner(&name), Some((key.as_str(), id, &*place)));
            assert!(*name < *format!("{place}~") && *format!("{place}c-ff") < *format!("{place}~"));
        }
        for foreign in [".evenkeel/uploads/a/b/c", ".evenkeel/probe", "a"] {
            assert_eq!(owner(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_parts_tag_is_of_its_number() {
        assert!(is_of(&tag(1, 7), 1));
        for (tag, number) in [(&*tag(1, 7), 2), ("", 1), ("00001", 1), ("00001-x", 1), ("1-0", 1)] {
            assert!(!is_of(tag, number), "{tag}");
        }
    }
}
