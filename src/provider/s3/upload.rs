//! An object in parts: S3's multipart uploads.

use super::{
    S3,
    error::{called, failed, failed_late, is_empty_404},
    listing, read,
    sending::Sending,
    terms::described,
};
use crate::{
    provider::{
        Conditional, ProviderError, ProviderErrorKind,
        attributes::{check_attributes, check_mode, check_parts, invalid},
        aws::{Repeats, again},
        check_terms,
        refusal::{Asked, wrong},
        span::record,
    },
    request::{
        WriteId,
        object::{
            AbortUpload, Attributes, BeginUpload, CompleteUpload, ListUploads, PartTag, PutAnswer, PutMode, PutPart,
            Terms, UploadId, UploadPage,
        },
    },
    verdict::table::Symptom,
};
use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, complete_multipart_upload::CompleteMultipartUploadError},
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart, EncodingType},
};

/// S3's code for two conditional writes at the same time.
const CONFLICT: &str = "ConditionalRequestConflict";

impl S3 {
    /// Never repeated here: the first upload would stay behind, and nobody would know its name.
    pub(super) async fn begin(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        check_attributes(&begin.attributes, begin.write_id.as_ref())?;
        let terms = begin.terms.over(&self.defaults);
        check_terms(&terms)?;
        let ask = || {
            let request = self.client.create_multipart_upload();
            let request = request.bucket(&*self.bucket).key(begin.key.as_str());
            described!(request, &begin.attributes, begin.write_id.as_ref(), &terms).send()
        };
        let begun = again(Repeats::Never, ask).await;
        let begun = begun.map_err(|error| failed(Asked::Overwrite, &error))?;
        record(begun.request_id());
        let id = begun.upload_id().filter(|id| !id.is_empty());
        id.map(UploadId::new)
            .ok_or_else(|| wrong(Symptom::ErrorDocument, begun.request_id()))
    }

    pub(super) async fn part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        let number = number(part.number)?;
        let ask = || {
            let request = self
                .client
                .upload_part()
                .bucket(&*self.bucket)
                .key(part.key.as_str())
                .upload_id(part.upload.as_str())
                .part_number(number)
                .body(ByteStream::from(part.body.clone()));
            let mut request = request.customize();
            if let Some(sending) = Sending::of(&part.body, &part.progress) {
                request = request.interceptor(sending);
            }
            request.send()
        };
        let stored = again(Repeats::Freely, ask).await;
        let stored = stored.map_err(|error| failed(Asked::Overwrite, &error))?;
        part.progress.answered();
        record(stored.request_id());
        let tag = read::tag(stored.e_tag(), stored.request_id())?;
        Ok(PartTag::new(part.number, part.body.len() as u64, tag.value()))
    }

    /// Repeated over a new connection whatever its condition: an upload becomes an object once.
    pub(super) async fn complete(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        check_mode(&complete.mode)?;
        check_parts(&complete.parts)?;
        if complete.mode != PutMode::Overwrite {
            self.demand(Conditional::Complete)?;
        }
        let mut parts = CompletedMultipartUpload::builder();
        for part in &complete.parts {
            let named = CompletedPart::builder().part_number(number(part.number)?);
            parts = parts.parts(named.e_tag(&*part.tag).build());
        }
        let parts = parts.build();
        let ask = || {
            let request = self
                .client
                .complete_multipart_upload()
                .bucket(&*self.bucket)
                .key(complete.key.as_str())
                .upload_id(complete.upload.as_str())
                .multipart_upload(parts.clone());
            let request = match &complete.mode {
                PutMode::Create => request.if_none_match("*"),
                PutMode::Overwrite => request,
                PutMode::IfMatch(tag) => request.if_match(tag.value()),
            };
            request.send()
        };
        let completed = again(Repeats::Success, ask).await;
        let completed = completed.map_err(|error| not_completed(Asked::to(&complete.mode), &error))?;
        record(completed.request_id());
        let etag = read::tag(completed.e_tag(), completed.request_id())?;
        Ok(PutAnswer::new(Some(etag)))
    }

    /// What confirms an answer without a mark is as for a delete; see [`Self::missing`].
    pub(super) async fn abort(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        let watch = self.marks.watch();
        let ask = || {
            self.client
                .abort_multipart_upload()
                .bucket(&*self.bucket)
                .key(abort.key.as_str())
                .upload_id(abort.upload.as_str())
                .customize()
                .interceptor(watch.clone())
                .send()
        };
        let refused = match again(Repeats::Freely, ask).await {
            Ok(aborted) => {
                record(aborted.request_id());
                if watch.saw_one() {
                    return Ok(());
                }
                self.ended(&abort).await
            }
            Err(error) if is_empty_404(&error) => self.ended(&abort).await,
            Err(error) => failed(Asked::Overwrite, &error),
        };
        match refused.kind() {
            ProviderErrorKind::UploadGone => Ok(()),
            _ => Err(refused),
        }
    }

    /// Why the upload is gone. This asks for one of its parts, because that refusal has a body that says what is missing.
    async fn ended(&self, upload: &AbortUpload) -> ProviderError {
        let ask = || {
            let parts = self.client.list_parts().bucket(&*self.bucket);
            let parts = parts.key(upload.key.as_str()).upload_id(upload.upload.as_str());
            parts.max_parts(1).send()
        };
        match again(Repeats::Freely, ask).await {
            Ok(_) => ProviderError::faulty("the store said that the upload is gone, but lists its parts"),
            Err(error) => failed(Asked::Overwrite, &error),
        }
    }

    pub(super) async fn uploads(&self, list: ListUploads) -> Result<UploadPage, ProviderError> {
        let (key, upload) = match list.continuation.as_deref().map(listing::markers) {
            None => (None, None),
            Some(Some((key, upload))) => (Some(key), upload),
            Some(None) => return Err(invalid("the continuation is not that of a listing of uploads")),
        };
        let ask = |encoding| {
            self.client
                .list_multipart_uploads()
                .bucket(&*self.bucket)
                .set_prefix((!list.prefix.is_empty()).then(|| list.prefix.clone()))
                .set_key_marker(key.map(str::to_owned))
                .set_upload_id_marker(upload.map(str::to_owned))
                .set_encoding_type(encoding)
                .send()
        };
        let page = match again(Repeats::Freely, || ask(None)).await {
            Err(error) if listing::is_unreadable(&error, listing::UPLOADS) => {
                again(Repeats::Freely, || ask(Some(EncodingType::Url))).await
            }
            page => page,
        };
        let page = page.map_err(|error| listing::failed(&error))?;
        record(page.request_id());
        listing::uploads(&page)
    }
}

/// The number of a part, as the SDK has it.
fn number(part: u32) -> Result<i32, ProviderError> {
    match i32::try_from(part) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(invalid("the parts of an upload are numbered from 1")),
    }
}

/// Why there is no object. After a conflict of two conditional writes S3 wants the whole upload again, although nothing
/// was done: the same completion cannot succeed any more.
fn not_completed(asked: Asked, error: &SdkError<CompleteMultipartUploadError>) -> ProviderError {
    let refused = failed_late(asked, error);
    if error.code() != Some(CONFLICT) {
        return refused;
    }
    let gone = called(ProviderErrorKind::UploadGone, &refused);
    gone.with_message("another write was under way: the upload must be made again")
}
