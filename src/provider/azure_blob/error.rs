use crate::{
    provider::{
        ProviderError,
        refusal::{Asked, record, refused, xml_code},
    },
    verdict::{
        Finding, chain,
        table::{self, Symptom},
    },
};
use azure_core::{
    Error,
    error::ErrorKind,
    http::{RawResponse, headers::HeaderName},
};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static_standard("x-ms-request-id");
const ERROR_CODE: HeaderName = HeaderName::from_static_standard("x-ms-error-code");
const RETRY_AFTER: HeaderName = HeaderName::from_static_standard("retry-after");

/// The SDK's error as ours. Its words may quote the key or a signed URL, so none is kept.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    let (finding, status) = match error.kind() {
        ErrorKind::HttpResponse {
            status, raw_response, ..
        } => {
            let status = u16::from(*status);
            (answered(status, raw_response.as_deref()), Some(status))
        }
        // First, because what kept a token from loading may itself be a failed connect, to another host.
        ErrorKind::Credential => (Finding::symptom(Symptom::CredentialsNotLoaded), None),
        kind => {
            let finding = chain::transport(error).unwrap_or_else(|| {
                Finding::symptom(match kind {
                    // A transport that is not reqwest: the SDK's word for "never sent".
                    ErrorKind::Connection => Symptom::ConnectFailed,
                    ErrorKind::Io => Symptom::Reset,
                    ErrorKind::DataConversion => Symptom::Nonsense,
                    _ => Symptom::Unknown,
                })
            });
            (finding, None)
        }
    };
    record(finding.detail.request_id.as_deref());
    refused(asked, finding, status)
}

/// What a server refused.
fn answered(status: u16, answer: Option<&RawResponse>) -> Finding {
    let Some(answer) = answer else {
        return Finding::refusal(status, None, None);
    };
    let headers = answer.headers();
    let id = headers.get_optional_str(&REQUEST_ID);
    let body = std::str::from_utf8(answer.body()).unwrap_or_default();
    let code = headers.get_optional_str(&ERROR_CODE).or_else(|| xml_code(body));
    // The SDK takes a success of another number for a refusal: no Azure answers so.
    if (200..300).contains(&status) {
        return Finding::symptom(Symptom::Nonsense).with_request_id(id);
    }
    // Absence is believed only if it is the store that says so.
    if status == 404 && code.is_none() {
        return Finding::symptom(Symptom::Nonsense).with_request_id(id);
    }
    let mut finding = Finding::refusal(status, code, None);
    finding.outcome.retry_after = headers.get_optional_str(&RETRY_AFTER).and_then(table::retry_after);
    finding.with_request_id(id)
}
