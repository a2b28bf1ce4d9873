use crate::{
    provider::{
        ProviderError,
        aws::with_cause,
        refusal::{Asked, record, refused},
    },
    verdict::aws_finding,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

/// The SDK's error as ours.
pub(super) fn failed<E>(asked: Asked, error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let finding = aws_finding(error);
    record(finding.detail.request_id.as_deref());
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    with_cause(refused(asked, finding, status), error)
}
