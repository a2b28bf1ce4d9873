use crate::verdict::{
    Classify, Detail, Finding, Outcome, Standard, chain, is_plain_to_tls,
    table::{self, Symptom},
    words, xml_code,
};
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        RawResponse,
        headers::{HeaderName, Headers},
    },
};
use serde::Deserialize;
use std::time::Duration;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static_standard("x-ms-request-id");
const ERROR_CODE: HeaderName = HeaderName::from_static_standard("x-ms-error-code");
const RETRY_AFTER: HeaderName = HeaderName::from_static_standard("retry-after");
const RETRY_AFTER_MS: [HeaderName; 2] = [
    HeaderName::from_static_standard("x-ms-retry-after-ms"),
    HeaderName::from_static_standard("retry-after-ms"),
];

/// [`Classify`] for [`azure_core::Error`], which all of Microsoft's `azure_*` crates return: Blob and Queue Storage,
/// Key Vault, whatever is built on `azure_core`. (Cosmos DB's SDK has an error type of its own.)
///
/// - A refusal is judged by its code (in `x-ms-error-code`, or in an XML or JSON document), then by its status. The
///   times that Azure asks for are kept. A `401` names the credential.
/// - A `404` without a code is a gateway's, and a fault: Azure's services send a code. A `404` with an unknown code and
///   without an `x-ms-request-id` is a fault, too.
/// - *Not sent* needs proof: by hyper-util, by the SDK itself ([`ErrorKind::Connection`] of another transport), or
///   because there was no token.
///
/// ```
/// use azure_core::{Error, error::ErrorKind};
/// use evenkeel::{provider::AzureVerdicts, verdict::{Classify, Outcome, Sent, Verdict}};
///
/// let silent = Error::with_message(ErrorKind::Credential, "the token service does not answer");
/// let outcome = AzureVerdicts.classify(Err::<&(), _>(&silent));
/// assert_eq!(outcome, Outcome::new(Verdict::Denied, Sent::No).naming_the_credential());
/// ```
///
/// `AzureVerdicts` sees what the SDK sees. Turn the SDK's own retries off (`client_options.retry =
/// RetryOptions::none()`): otherwise *not sent* describes the last retry alone. Give the SDK's transport a connect
/// timeout below 1 s. Collect a streaming body inside the closure. The SDK's clients are not `Clone`: give each in an
/// `Arc`.
///
/// ```no_run
/// # #[cfg(feature = "azure_blob")] mod sample {
/// use azure_core::http::{RequestContent, Url};
/// use azure_storage_blob::BlobClient;
/// use evenkeel::{Endpoint, Failover};
/// use std::sync::Arc;
///
/// # async fn sample(west: BlobClient, north: BlobClient) -> Result<(), Box<dyn std::error::Error>> {
/// let blobs = Failover::builder()
///     .endpoint(Endpoint::new("west", Arc::new(west)).provider("azure").region("westeurope"))
///     .endpoint(Endpoint::new("north", Arc::new(north)).provider("azure").region("northeurope"))
///     .build()?;
/// let tags = blobs.read(|blob| async move { blob.get_tags(None).await }).await?;
/// # Ok(()) }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AzureVerdicts;

impl<T> Classify<T, Error> for AzureVerdicts {
    fn classify(&self, result: Result<&T, &Error>) -> Outcome {
        result.map_or_else(|error| judged(error).0.outcome, |_| Outcome::SUCCESS)
    }

    fn detail(&self, result: Result<&T, &Error>) -> Detail {
        result.err().map(|error| judged(error).0.detail).unwrap_or_default()
    }
}

/// What an SDK's error means, and the status of the answer if there was an answer. The error's words may quote a key or
/// a signed URL, so no word is kept.
pub(crate) fn judged(error: &Error) -> (Finding, Option<u16>) {
    match error.kind() {
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
    }
}

/// What a refusal of a server means.
fn answered(status: u16, answer: Option<&RawResponse>) -> Finding {
    let Some(answer) = answer else {
        return Finding::refusal(status, None, None);
    };
    let headers = answer.headers();
    let id = headers.get_optional_str(&REQUEST_ID);
    let body = std::str::from_utf8(answer.body()).unwrap_or_default();
    let (id, marked) = (id.and_then(words::guid), id.is_some());
    let marked = marked || headers.get_optional_str(&ERROR_CODE).is_some();
    let code = headers.get_optional_str(&ERROR_CODE).or_else(|| xml_code(body));
    let code = code.map(str::to_owned).or_else(|| json_code(answer.body()));
    // The SDK takes a success of another number for a refusal: no Azure answers so.
    if (200..300).contains(&status) {
        return Finding::symptom(Symptom::Nonsense).with_request_id(id);
    }
    // Absence is believed only if it is the service that says so: by a code that is known, or on an answer that it marked.
    let is_known = |code: &str| marked || table::row_for_code(code).is_some();
    if status == 404 && !code.as_deref().is_some_and(is_known) {
        return Finding::of_a_gateway(id);
    }
    if code.is_none() && is_plain_to_tls(status, answer.body()) {
        return Finding::symptom(Symptom::PlainToTls);
    }
    let mut finding = Finding::refusal(status, code.as_deref(), Some(body));
    finding.outcome.retry_after = retry_after(headers);
    finding.outcome.credential |= status == 401;
    finding.with_request_id(id)
}

/// The time to wait, in Azure's milliseconds or in the standard header's form.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let in_ms = |name| headers.get_optional_str(name)?.trim().parse::<u64>().ok();
    let exact = RETRY_AFTER_MS.iter().find_map(in_ms).map(Duration::from_millis);
    exact
        .map(|wait| wait.min(table::LONGEST_RETRY_AFTER))
        .or_else(|| headers.get_optional_str(&RETRY_AFTER).and_then(table::retry_after))
}

/// The code in `{"error": {"code": ..}}`, the form of Azure's guidelines, or in OData's older form.
fn json_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(alias = "odata.error")]
        error: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        code: Option<String>,
    }
    let document: Document = azure_core::json::from_json(body).ok()?;
    document.error.code
}

impl<T> Classify<T, azure_core::Error> for Standard {
    fn classify(&self, result: Result<&T, &azure_core::Error>) -> Outcome {
        AzureVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &azure_core::Error>) -> Detail {
        AzureVerdicts.detail(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Sent, Verdict};
    use azure_core::http::StatusCode;
    use std::io;

    fn refused(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Finding {
        let mut all = Headers::new();
        for &(name, value) in headers {
            all.insert(name, value);
        }
        let raw = RawResponse::from_bytes(StatusCode::from(status), all, body);
        let kind = ErrorKind::HttpResponse {
            status: StatusCode::from(status),
            error_code: None,
            raw_response: Some(Box::new(raw)),
        };
        let (finding, met) = judged(&Error::with_message(kind, "about secret-key"));
        assert_eq!(met, Some(status));
        finding
    }

    #[test]
    fn azure_refusals_have_the_documented_verdicts() {
        use Verdict::*;
        let in_a_header = |status, code| refused(status, &[("x-ms-error-code", code)], "").outcome.verdict;
        for (status, code, verdict) in [
            (404, "BlobNotFound", Absent),
            (404, "QueueNotFound", Caller),
            (404, "MessageNotFound", Absent),
            (409, "BlobAlreadyExists", Answer),
            (412, "ConditionNotMet", Answer),
            (503, "ServerBusy", Throttled),
            (503, "Whatever", Faulty),
            (500, "OperationTimedOut", Faulty),
            (429, "TooManyRequests", Throttled),
            (403, "AuthorizationFailure", Denied),
            (400, "PopReceiptMismatch", Caller),
        ] {
            assert_eq!(in_a_header(status, code), verdict, "{status} {code}");
        }
        let secret = r#"{"error":{"code":"SecretNotFound","message":"about secret-key"}}"#;
        assert_eq!(refused(404, &[], secret).outcome.verdict, Faulty);
        let finding = refused(404, &[("x-ms-request-id", "4711")], secret);
        assert_eq!(finding.outcome.verdict, Absent);
        assert_eq!(finding.detail.code.as_deref(), Some("SecretNotFound"));
        let odata = r#"{"odata.error":{"code":"TableNotFound","message":{"lang":"en-US","value":"x"}}}"#;
        assert_eq!(refused(404, &[], odata).outcome.verdict, Caller);
        let xml = "<?xml version=\"1.0\"?><Error><Code>ServerBusy</Code></Error>";
        assert_eq!(refused(503, &[], xml).outcome.verdict, Throttled);
        for (status, page) in [(404, "<html>welcome to this hotel</html>"), (404, ""), (204, "")] {
            let outcome = refused(status, &[], page).outcome;
            assert_eq!(outcome, Outcome::new(Faulty, Sent::Maybe), "{status} {page}");
        }
        assert!(refused(401, &[], "").outcome.credential);
        assert!(!refused(403, &[], "").outcome.credential);
    }

    #[test]
    fn azure_retry_times_and_request_ids_are_read() {
        let wait = |headers: &[_]| refused(429, headers, "").outcome.retry_after;
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(
            wait(&[("retry-after", "7"), ("x-ms-retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(
            wait(&[("retry-after-ms", "999999999999")]),
            Some(Duration::from_secs(3600))
        );
        assert_eq!(wait(&[]), None);
        let id = "8b4f2c1e-501e-0012-6b7a-5c0d2e000000";
        let finding = refused(503, &[("x-ms-request-id", id)], "");
        assert_eq!(finding.detail.request_id.as_deref(), Some(id));
        let finding = refused(503, &[("x-ms-request-id", "4711")], "");
        assert_eq!(finding.detail.request_id, None);
    }

    #[test]
    fn errors_without_a_response_are_judged_by_kind() {
        let outcome = |kind| judged(&Error::with_message(kind, "x")).0.outcome;
        assert_eq!(
            outcome(ErrorKind::Connection),
            Outcome::new(Verdict::Unreachable, Sent::No)
        );
        for kind in [ErrorKind::Io, ErrorKind::DataConversion, ErrorKind::Other] {
            let expected = Outcome {
                broken: matches!(kind, ErrorKind::Io),
                ..Outcome::new(Verdict::Faulty, Sent::Maybe)
            };
            assert_eq!(outcome(kind), expected);
        }
        // A bare I/O error beneath proves nothing.
        let refused: io::Error = io::ErrorKind::ConnectionRefused.into();
        let (finding, _) = judged(&Error::new(ErrorKind::Io, refused));
        assert_eq!(finding.outcome, Outcome::new(Verdict::Unreachable, Sent::Maybe));
        // What lies beneath a credential's failure is another host's.
        let refused: io::Error = io::ErrorKind::ConnectionRefused.into();
        let (finding, _) = judged(&Error::new(ErrorKind::Credential, refused));
        assert_eq!(
            finding.outcome,
            Outcome::new(Verdict::Denied, Sent::No).naming_the_credential()
        );
    }
}
