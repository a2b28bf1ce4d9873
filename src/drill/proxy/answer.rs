//! Answers of the proxy's own, as S3 or a CDN would give them.

use super::body::{self, Body};
use crate::drill::plan::Answer;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

/// With the error document if there is an S3 code, else bare.
pub(super) fn respond(answer: &Answer, is_head: bool) -> Response<Body> {
    let (kind, text) = match &answer.s3_code {
        Some(code) => (
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>The drill says \
                 so.</Message><RequestId>drill</RequestId></Error>"
            ),
        ),
        None => ("text/plain", "The drill says so.\n".to_owned()),
    };
    // An answer to HEAD has no body, which is why S3's clients then know nothing but the status.
    let mut response = Response::new(body::full(if is_head { String::new() } else { text }));
    // The scenario was checked: a status that is none cannot get here, and would be an internal error if it did.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        HeaderName::from_static("x-amz-request-id"),
        HeaderValue::from_static("drill"),
    );
    if let Some(after) = answer.retry_after {
        // Whole seconds, rounded up: a client that comes back early is what the header is to prevent.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
