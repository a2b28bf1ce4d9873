use crate::{
    provider::{
        ProviderError,
        azure::judged,
        refusal::{Asked, refused},
        span,
    },
    verdict::words::guid,
};
use azure_core::{Error, http::headers::Headers};

pub(super) use crate::provider::azure::REQUEST_ID;

/// Azure's request id, put on the span of the attempt.
pub(super) fn request_id(headers: &Headers) -> Option<&str> {
    let id = headers.get_optional_str(&REQUEST_ID).and_then(guid);
    span::record(id);
    id
}

/// The SDK's error as an evenkeel error.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    let (finding, status) = judged(error);
    refused(asked, finding, status)
}
