use crate::{
    provider::{
        ProviderError,
        refusal::{Asked, record, refused},
    },
    verdict::azure_judged,
};
use azure_core::Error;

pub(super) use crate::verdict::AZURE_REQUEST_ID as REQUEST_ID;

/// The SDK's error as ours.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    let (finding, status) = azure_judged(error);
    record(finding.detail.request_id.as_deref());
    refused(asked, finding, status)
}
