use crate::{
    provider::{
        ProviderError,
        refusal::{Asked, refused},
    },
    verdict::{
        Finding, chain,
        table::{self, Symptom},
    },
};
use google_cloud_gax::error::{Error, rpc};
use google_cloud_storage::error::{ReadError, WriteError};

/// The SDK's error as ours. Its words quote keys, so none is kept.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    let (finding, status) = judged(error);
    refused(asked, finding, status)
}

fn judged(error: &Error) -> (Finding, Option<u16>) {
    if let Some(status) = error.http_status_code() {
        return (answered(status, error), Some(status));
    }
    if let Some(rpc) = error.status() {
        let status = as_http(rpc.code);
        let mut finding = said(status, rpc);
        finding.outcome.credential |= rpc.code == rpc::Code::Unauthenticated;
        return (finding, Some(status));
    }
    let symptom = if error.is_authentication() {
        // First, because what kept a token from loading may itself be a failed connect, to another host.
        Symptom::CredentialsNotLoaded
    } else if error.is_binding() {
        Symptom::NotBuilt
    } else if error.is_deserialization() || error.is_serialization() {
        unreadable(error)
    } else if let Some(finding) = chain::transport(error) {
        return (finding_of(finding, error), None);
    } else if error.is_connect() {
        Symptom::ConnectFailed
    } else if error.is_timeout() {
        Symptom::AttemptTimeout
    } else if error.is_transport() || error.is_io() {
        Symptom::Reset
    } else {
        Symptom::Unknown
    };
    (Finding::symptom(symptom), None)
}

/// gRPC's connector is not hyper-util's client, so that its errors prove by their type alone what the other says itself.
fn finding_of(finding: Finding, error: &Error) -> Finding {
    if !error.is_connect() || finding.outcome.sent == crate::verdict::Sent::No {
        return finding;
    }
    let refused = chain::chain(error)
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
    Finding::symptom(if refused {
        Symptom::ConnectRefused
    } else {
        Symptom::ConnectFailed
    })
}

/// What the HTTP half refused.
fn answered(status: u16, error: &Error) -> Finding {
    let mut finding = match error.status() {
        Some(rpc) => said(status, rpc),
        None => {
            let body = error.http_payload().map(|body| &body[..]).unwrap_or_default();
            let text = std::str::from_utf8(body).unwrap_or_default();
            // Media requests are refused in plain words. Absence is believed only if they are the store's.
            match status {
                404 if text.contains("bucket does not exist") => Finding::refusal(404, Some("NoSuchBucket"), None),
                404 if !text.starts_with("No such object") && text.trim() != "Not Found" => {
                    Finding::symptom(Symptom::Nonsense)
                }
                _ => Finding::refusal(status, None, None),
            }
        }
    };
    let retry_after = error.http_headers().and_then(|headers| headers.get("retry-after"));
    finding.outcome.retry_after = retry_after.and_then(|v| v.to_str().ok()).and_then(table::retry_after);
    finding.outcome.credential |= status == 401;
    finding
}

/// A refusal in Google's own form.
fn said(status: u16, rpc: &rpc::Status) -> Finding {
    let code = match rpc.code {
        _ if status == 404 && rpc.message.contains("bucket does not exist") => Some("NoSuchBucket"),
        // The documents of the JSON half have no such code.
        rpc::Code::Unknown => None,
        code => Some(code.name()),
    };
    Finding::refusal(status, code, Some(&rpc.message))
}

/// The HTTP status that says the same.
fn as_http(code: rpc::Code) -> u16 {
    use rpc::Code::*;
    match code {
        InvalidArgument => 400,
        Unauthenticated => 401,
        PermissionDenied => 403,
        NotFound => 404,
        AlreadyExists => 409,
        FailedPrecondition => 412,
        OutOfRange => 416,
        ResourceExhausted => 429,
        // A race that was not decided: nothing was done, try again.
        Aborted => 429,
        Unimplemented => 501,
        Unavailable => 503,
        DeadlineExceeded => 504,
        _ => 500,
    }
}

/// An answer, or a body, that is not what it should be.
fn unreadable(error: &Error) -> Symptom {
    match chain::find::<ReadError>(error) {
        Some(ReadError::ChecksumMismatch(_)) => return Symptom::WrongChecksum,
        Some(ReadError::ShortRead(_)) => return Symptom::ShortBody,
        Some(ReadError::MissingHeader(_)) => return Symptom::ErrorDocument,
        _ => {}
    }
    match chain::find::<WriteError>(error) {
        Some(WriteError::ChecksumMismatch { .. }) => Symptom::WrongChecksum,
        _ if error.is_serialization() => Symptom::Misuse,
        _ => Symptom::Nonsense,
    }
}
