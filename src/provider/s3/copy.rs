//! Copies on the store's side.

use super::{
    S3,
    error::{called, failed_late},
    read, repeats,
    terms::described,
};
use crate::{
    model::PartRule,
    provider::{
        Capability, ObjectProvider, ProviderError, ProviderErrorKind,
        attributes::{check_attributes, check_condition, check_mode},
        aws::again,
        check_terms,
        refusal::Asked,
        span::record,
        terms::escaped,
    },
    request::{
        Key, WriteId,
        object::{Attributes, Copy, Head, PutAnswer, PutMode, Terms},
    },
};
use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, copy_object::CopyObjectError},
    types::{MetadataDirective, TaggingDirective},
};

/// The most that S3 copies in one request: 5 GiB, as much as a part may have.
const MOST: u64 = PartRule::S3.most;

impl S3 {
    pub(super) async fn copied(&self, copy: Copy) -> Result<PutAnswer, ProviderError> {
        check_mode(&copy.mode)?;
        check_attributes(&copy.attributes, copy.write_id.as_ref())?;
        let terms = copy.terms.over(&self.defaults);
        check_terms(&terms)?;
        if copy.size > MOST {
            return Err(ProviderError::unsupported(
                "this store copies at most 5 GiB in one request",
            ));
        }
        if let Some(tag) = &copy.if_match {
            check_condition(tag)?;
        }
        let is_conditional = copy.mode != PutMode::Overwrite || copy.if_match.is_some();
        if is_conditional && !self.keeps_all_conditions() {
            return Err(ProviderError::unsupported(
                "this store cannot be trusted with conditions on copies",
            ));
        }
        let source = source(&self.bucket, &copy.from);
        let ask = || {
            let request = self
                .client
                .copy_object()
                .bucket(&*self.bucket)
                .key(copy.to.as_str())
                .copy_source(&source)
                .set_copy_source_if_match(copy.if_match.as_ref().map(|tag| tag.value().to_owned()))
                // Also where there is nothing to put in their place: the source's own would travel along.
                .metadata_directive(MetadataDirective::Replace)
                .tagging_directive(TaggingDirective::Replace);
            let request = described!(request, &copy.attributes, copy.write_id.as_ref(), &terms);
            let request = match &copy.mode {
                PutMode::Create => request.if_none_match("*"),
                PutMode::Overwrite => request,
                PutMode::IfMatch(tag) => request.if_match(tag.value()),
            };
            request.send()
        };
        let copied = match again(repeats(copy.write_id.as_ref(), &copy.mode), ask).await {
            Ok(copied) => copied,
            Err(error) => return Err(self.not_copied(&copy, &error).await),
        };
        record(copied.request_id());
        let result = copied.copy_object_result();
        let etag = read::tag(result.and_then(|copy| copy.e_tag()), copied.request_id())?;
        Ok(PutAnswer::new(Some(etag)))
    }

    /// Conditions on copies are rarer than the others: a store may keep those and ignore these.
    fn keeps_all_conditions(&self) -> bool {
        let known = self.capabilities();
        let all = [known.create, known.if_match, known.delete_if_match, known.complete_if];
        all == [Capability::Kept; 4]
    }

    /// Why there is no copy. The store does not say whether a missing object or a condition is the source's or the
    /// copy's: a HEAD tells, where both are possible.
    async fn not_copied(&self, copy: &Copy, error: &SdkError<CopyObjectError>) -> ProviderError {
        let asked = match &copy.if_match {
            Some(_) if copy.mode == PutMode::Overwrite => Asked::IfMatch,
            _ => Asked::to(&copy.mode),
        };
        let refused = failed_late(asked, error);
        let is_absent = error.code() == Some("NoSuchKey");
        match (refused.kind(), &copy.mode) {
            // Either something is where the copy should be, or the source has another tag.
            (ProviderErrorKind::AlreadyExists, _) if copy.if_match.is_some() => {
                match self
                    .head(Head::new(copy.to.clone()))
                    .await
                    .map_err(|error| error.kind())
                {
                    Ok(_) => refused,
                    Err(ProviderErrorKind::NotFound) => called(ProviderErrorKind::PreconditionFailed, &refused),
                    Err(_) => called(ProviderErrorKind::Conflict, &refused),
                }
            }
            // Either nothing is where the copy should replace something, or there is no source.
            (_, PutMode::IfMatch(_)) if is_absent => match self.head(Head::new(copy.from.clone())).await {
                Ok(_) => refused,
                Err(missing) => missing,
            },
            _ if is_absent => failed_late(Asked::Read, error),
            _ => refused,
        }
    }
}

/// The header that names the source. An access point is named by its ARN, in a form of its own.
fn source(bucket: &str, key: &Key) -> String {
    let object = if bucket.starts_with("arn:") { "/object/" } else { "/" };
    let path = [bucket, object, key.as_str()].concat();
    let parts: Vec<String> = path.split('/').map(escaped).collect();
    parts.join("/")
}
