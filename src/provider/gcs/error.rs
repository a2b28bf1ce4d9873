use crate::{
    provider::{
        ProviderError,
        refusal::{Asked, refused},
    },
    verdict::google_judged,
};
use google_cloud_gax::error::Error;

/// The SDK's error as ours.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    let (finding, status) = google_judged(error);
    refused(asked, finding, status)
}
