use crate::provider::{
    ProviderError,
    google::judged,
    refusal::{Asked, refused},
};
use google_cloud_gax::error::Error;

/// The SDK's error as an evenkeel error.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    let (finding, status) = judged(error);
    refused(asked, finding, status)
}
