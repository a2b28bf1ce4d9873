use crate::{
    provider::{
        ProviderError, ProviderErrorKind,
        google::judged,
        refusal::{Asked, refused},
    },
    verdict::Verdict,
};
use google_cloud_gax::error::Error;

/// The SDK's error as an evenkeel error.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    let (finding, status) = judged(error);
    refused(asked, finding, status)
}

/// That a temporary of an upload is not there, if the store itself says so.
pub(super) fn absent(error: &Error) -> Option<ProviderError> {
    let (finding, _) = judged(error);
    let is_absent = finding.outcome.verdict == Verdict::Absent;
    is_absent.then(|| ProviderError::answer(ProviderErrorKind::UploadGone))
}
