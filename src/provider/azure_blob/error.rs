use crate::{
    provider::{
        ProviderError,
        refusal::{Asked, refused},
        span,
    },
    verdict::azure_judged,
};
use azure_core::Error;

pub(super) use crate::verdict::AZURE_REQUEST_ID as REQUEST_ID;

/// Puts Azure's request id, which is a GUID, on the span of the attempt.
pub(super) fn record(request_id: Option<&str>) {
    let guid = |id: &&str| id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    span::record(request_id.filter(guid));
}

/// The SDK's error as ours.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    let (finding, status) = azure_judged(error);
    refused(asked, finding, status)
}
