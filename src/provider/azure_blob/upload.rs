//! Uploads: blocks, and one request that makes them a blob.

use super::{AzureBlob, error, etag, marked, metadata, readable, terms};
use crate::{
    model::PartRule,
    provider::{
        ObjectProvider as _, ProviderError, ProviderErrorKind,
        attributes::invalid,
        check_attributes, check_mode, check_parts, names, nonce,
        refusal::{Asked, wrong},
    },
    request::object::{BeginUpload, CompleteUpload, PartTag, Put, PutAnswer, PutMode, PutPart, UploadId},
    verdict::table::Symptom,
};
use azure_core::{base64, http::Etag};
use azure_storage_blob::models::{
    BlockBlobClientCommitBlockListOptions, BlockBlobClientCommitBlockListResultHeaders as _,
    BlockBlobClientStageBlockOptions, BlockLookupList,
};
use bytes::Bytes;

/// Azure's blocks: up to 4,000 MiB each, and 50,000 of them.
pub(super) const RULE: PartRule = PartRule::S3.lengths(1, 4_000 << 20).count(50_000);

/// What the name of an upload says. Azure knows no uploads: it knows the blocks of a blob.
#[derive(Debug, PartialEq, Eq)]
struct Upload {
    /// Keeps the blocks of this upload apart from all others of the blob.
    nonce: u128,
    /// The encryption scope, which each block must name.
    scope: Option<String>,
}

impl Upload {
    fn id(&self) -> UploadId {
        let mut text = nonce::written(self.nonce);
        if let Some(scope) = &self.scope {
            text = text + "." + scope;
        }
        UploadId::new(text)
    }

    fn of(id: &UploadId) -> Result<Self, ProviderError> {
        let text = id.as_str();
        let (nonce, scope) = text.split_once('.').map_or((text, None), |(n, s)| (n, Some(s)));
        let is_whole = scope.is_none_or(terms::is_scope);
        let nonce = nonce::read(nonce).filter(|_| is_whole);
        let scope = scope.map(str::to_owned);
        let upload = nonce.map(|nonce| Self { nonce, scope });
        upload.ok_or_else(|| ProviderError::answer(ProviderErrorKind::UploadGone))
    }

    /// The name of a part's block: 16 bytes, as long as the names that Microsoft's SDK gives, because all blocks of a
    /// blob must have names of one length.
    const fn block(&self, number: u32) -> [u8; 16] {
        (self.nonce << 32 | number as u128).to_be_bytes()
    }

    fn tag(&self, number: u32, size: u64) -> PartTag {
        PartTag::new(number, size, base64::encode(self.block(number)))
    }
}

/// Azure's word for blocks that it does not have: those that were committed, and those that somebody else's commit has
/// discarded.
fn gone(error: ProviderError) -> ProviderError {
    if error.detail().code.as_deref() != Some("InvalidBlockList") {
        return error;
    }
    let gone = ProviderError::answer(ProviderErrorKind::UploadGone).with_code("InvalidBlockList");
    match &error.detail().request_id {
        Some(id) => gone.with_request_id(id.as_str()),
        None => gone,
    }
}

impl AzureBlob {
    /// Sends nothing.
    pub(super) fn begin(&self, begin: &BeginUpload) -> Result<UploadId, ProviderError> {
        check_attributes(&begin.attributes, begin.write_id.as_ref())?;
        names::azure(&begin.key)?;
        let terms = begin.terms.over(&self.defaults);
        terms::check(&terms)?;
        let nonce = nonce::draw()?;
        let scope = terms::Said::of(&terms).scope;
        Ok(Upload { nonce, scope }.id())
    }

    /// Put Block. An empty part needs no block.
    pub(super) async fn block(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        let upload = Upload::of(&part.upload)?;
        let size = part.body.len() as u64;
        if part.number == 0 || part.number > RULE.count || size > RULE.most {
            return Err(invalid("a blob has at most 50,000 blocks of at most 4,000 MiB"));
        }
        if size > 0 {
            let options = BlockBlobClientStageBlockOptions {
                encryption_scope: upload.scope.clone(),
                method_options: readable::telling(&part.progress),
                ..BlockBlobClientStageBlockOptions::default()
            };
            let blob = self.blob(&part.key)?.block_blob_client();
            let block = upload.block(part.number);
            let staged = blob.stage_block(&block, size, part.body.into(), Some(options)).await;
            let staged = staged.map_err(|error| error::failed(Asked::Overwrite, &error))?;
            part.progress.answered();
            marked(staged.headers())?;
        }
        Ok(upload.tag(part.number, size))
    }

    /// Put Block List. It names uncommitted blocks alone: a second completion finds none, and so writes nothing.
    pub(super) async fn commit(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        check_mode(&complete.mode)?;
        check_attributes(&complete.attributes, complete.write_id.as_ref())?;
        check_parts(&complete.parts)?;
        let upload = Upload::of(&complete.upload)?;
        if complete
            .parts
            .iter()
            .any(|part| *part != upload.tag(part.number, part.size))
        {
            return Err(invalid("a part is of another upload"));
        }
        let full = complete.parts.iter().filter(|part| part.size > 0);
        let blocks: Vec<_> = full.map(|part| upload.block(part.number).to_vec()).collect();
        if blocks.is_empty() {
            return self.put(nothing(complete)).await;
        }
        let terms = complete.terms.over(&self.defaults);
        terms::check(&terms)?;
        let said = terms::Said::of(&terms);
        let attributes = &*complete.attributes;
        let mut options = BlockBlobClientCommitBlockListOptions {
            blob_content_type: attributes.content_type.clone(),
            blob_cache_control: attributes.cache_control.clone(),
            blob_content_disposition: attributes.content_disposition.clone(),
            blob_content_encoding: attributes.content_encoding.clone(),
            blob_content_language: attributes.content_language.clone(),
            metadata: Some(metadata::sent(attributes, complete.write_id.as_ref())),
            tier: said.tier,
            blob_tags_string: said.tags,
            encryption_scope: said.scope,
            ..BlockBlobClientCommitBlockListOptions::default()
        };
        let asked = match &complete.mode {
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
        let list = BlockLookupList {
            uncommitted: Some(blocks),
            ..BlockLookupList::default()
        };
        let list = list.try_into().map_err(|_| wrong(Symptom::NotBuilt, None))?;
        let blob = self.blob(&complete.key)?.block_blob_client();
        let stored = blob.commit_block_list(list, Some(options)).await;
        let stored = stored.map_err(|error| gone(error::failed(asked, &error)))?;
        let id = error::request_id(stored.headers());
        let tag = stored.etag().map_err(|_| wrong(Symptom::Nonsense, id))?;
        // Without it nobody has confirmed what was stored.
        let tag = tag.ok_or_else(|| wrong(Symptom::ErrorDocument, id))?;
        Ok(PutAnswer::new(Some(etag(tag.as_ref()))))
    }
}

/// An upload of empty parts, as a put.
fn nothing(complete: CompleteUpload) -> Put {
    Put {
        mode: complete.mode,
        attributes: complete.attributes,
        terms: complete.terms,
        write_id: complete.write_id,
        ..Put::new(complete.key, Bytes::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uploads_name_says_what_its_blocks_need() {
        for scope in [None, Some("orders-scope".to_owned())] {
            let upload = Upload { nonce: 7 << 80, scope };
            assert_eq!(Upload::of(&upload.id()).unwrap(), upload);
        }
        let other = ["0000000000004711", "000000000000000000000001.a\r\nb: c"];
        for foreign in other.map(|id| Upload::of(&UploadId::new(id)).unwrap_err()) {
            assert_eq!(foreign.kind(), ProviderErrorKind::UploadGone);
        }
    }

    #[test]
    fn every_block_has_a_name_of_its_own_and_all_names_one_length() {
        let [one, other] = [1, (1 << 96) - 1].map(|nonce| Upload { nonce, scope: None });
        let tags = [one.tag(1, 1), one.tag(50_000, 1), other.tag(1, 1), other.tag(2, 1)];
        let names: std::collections::BTreeSet<_> = tags.iter().map(|part| part.tag.clone()).collect();
        assert_eq!(names.len(), 4);
        assert!(names.iter().all(|name| name.len() == 24));
    }
}
