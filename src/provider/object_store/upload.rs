//! Uploads, by the store's `MultipartStore`.

use super::{
    GenericStore,
    attributes::{sent, tags},
    error::{failed, is_gone},
};
use crate::{
    model::PartRule,
    provider::{ProviderError, ProviderErrorKind, check_attributes, check_parts, refusal::Asked},
    request::object::{AbortUpload, BeginUpload, CompleteUpload, PartTag, PutAnswer, PutMode, PutPart, UploadId},
};
use object_store::{
    Error, MultipartId, PutMultipartOptions,
    multipart::{MultipartStore, PartId},
};

/// S3's rule, which Google's holds to, too, and the equal parts that R2 asks for.
pub(super) const RULE: PartRule = PartRule::S3.equal();

/// What the error of a request about an upload means.
fn refused(error: &Error) -> ProviderError {
    match is_gone(error) {
        true => ProviderError::answer(ProviderErrorKind::UploadGone),
        false => failed(Asked::Overwrite, error),
    }
}

fn id(upload: &UploadId) -> MultipartId {
    upload.as_str().to_owned()
}

impl GenericStore {
    fn multipart(&self) -> Result<&dyn MultipartStore, ProviderError> {
        self.admitted()?;
        self.parts.as_deref().ok_or_else(|| {
            ProviderError::unsupported("the store takes no objects in parts: see `GenericStore::with_parts`")
        })
    }

    pub(super) async fn begin(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        let store = self.multipart()?;
        check_attributes(&begin.attributes, begin.write_id.as_ref())?;
        self.passes.check(&begin.terms)?;
        let path = self.path(&begin.key)?;
        let write_id = begin.write_id.as_ref().filter(|_| self.write_ids);
        let options = PutMultipartOptions {
            attributes: sent(&begin.attributes, &begin.terms, write_id),
            tags: tags(&begin.terms),
            ..PutMultipartOptions::default()
        };
        let begun = store.create_multipart_opts(&path, options).await;
        begun
            .map(UploadId::new)
            .map_err(|error| failed(Asked::Overwrite, &error))
    }

    /// `object_store` counts parts from 0, and shows nothing of how a part's body leaves.
    pub(super) async fn part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        let store = self.multipart()?;
        let path = self.path(&part.key)?;
        let index = (part.number as usize).checked_sub(1);
        let index = index.filter(|_| part.number <= RULE.count);
        let index = index.ok_or_else(|| ProviderError::unsupported("an upload has at most 10,000 parts, from 1"))?;
        let size = part.body.len() as u64;
        let stored = store.put_part(&path, &id(&part.upload), index, part.body.into()).await;
        let stored = stored.map_err(|error| refused(&error))?;
        Ok(PartTag::new(part.number, size, stored.content_id))
    }

    pub(super) async fn complete(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        let store = self.multipart()?;
        check_parts(&complete.parts)?;
        if complete.mode != PutMode::Overwrite {
            return Err(ProviderError::unsupported(
                "object_store completes no upload on a condition",
            ));
        }
        if !complete
            .parts
            .iter()
            .map(|part| part.number)
            .eq(1..=complete.parts.len() as u32)
        {
            return Err(ProviderError::unsupported(
                "object_store completes no upload in which a number is left out",
            ));
        }
        let path = self.path(&complete.key)?;
        let parts = complete.parts.iter().map(|part| PartId {
            content_id: part.tag.as_ref().to_owned(),
        });
        let stored = store
            .complete_multipart(&path, &id(&complete.upload), parts.collect())
            .await;
        let stored = stored.map_err(|error| refused(&error))?;
        let tag = self.tag(stored.e_tag.as_ref(), stored.version.as_ref());
        Ok(PutAnswer::new(self.confirmed(tag)?))
    }

    pub(super) async fn abort(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        let store = self.multipart()?;
        let path = self.path(&abort.key)?;
        match store.abort_multipart(&path, &id(&abort.upload)).await {
            Err(error) if !is_gone(&error) => Err(failed(Asked::Delete, &error)),
            _ => Ok(()),
        }
    }
}
