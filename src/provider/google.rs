use crate::verdict::{
    Classify, Detail, Finding, Outcome, Sent, Standard, chain, is_plain_to_tls,
    table::{self, Symptom},
};
use google_cloud_gax::error::{
    CredentialsError, Error,
    rpc::{self, StatusDetails},
};
use std::time::Duration;

/// [`Classify`] for Google's [`google_cloud_gax::error::Error`], which all of the `google-cloud-*` crates return, over
/// HTTP and over gRPC: Storage, Pub/Sub, Secret Manager, whatever is generated for Google's APIs. Also for the
/// [`CredentialsError`] of `google-cloud-auth`.
///
/// - A refusal in Google's own form is judged by its HTTP status. A refusal over gRPC is judged by the equivalent
///   status, with the time in its `RetryInfo`. `UNAUTHENTICATED` and `401` name the credential.
/// - `ABORTED` is throttled: the service did not decide a race, and did nothing.
/// - A `404` that is not in Google's form is a gateway's, and a fault.
/// - *Not sent* needs proof: by hyper-util, by gRPC's connector, or because there was no token.
///
/// | gRPC | verdict | gRPC | verdict |
/// |---|---|---|---|
/// | `INVALID_ARGUMENT` | caller | `RESOURCE_EXHAUSTED` | throttled |
/// | `UNAUTHENTICATED`, `PERMISSION_DENIED` | denied | `ABORTED` | throttled |
/// | `NOT_FOUND` | absent | `UNIMPLEMENTED` | caller |
/// | `ALREADY_EXISTS`, `FAILED_PRECONDITION` | answer | `UNAVAILABLE`, `DEADLINE_EXCEEDED` | faulty |
/// | `OUT_OF_RANGE` | answer | `INTERNAL`, `UNKNOWN`, `DATA_LOSS`, `CANCELLED` | faulty |
///
/// ```
/// use evenkeel::{provider::GoogleVerdicts, verdict::{Classify, Verdict}};
/// use google_cloud_gax::error::{Error, rpc::{Code, Status}};
///
/// let full = Error::service(Status::default().set_code(Code::ResourceExhausted));
/// let outcome = GoogleVerdicts.classify(Err::<&(), _>(&full));
/// assert_eq!(outcome.verdict, Verdict::Throttled);
/// ```
///
/// `GoogleVerdicts` sees what the SDK sees. Turn the SDK's own retries off in each request
/// (`.with_retry_policy(NeverRetry)`, and `.with_read_resume_policy(NeverResume)` for bodies): otherwise *not sent*
/// describes the last retry alone. Collect a body inside the closure.
///
/// ```no_run
/// # #[cfg(feature = "gcs")] mod sample {
/// use evenkeel::{Endpoint, Failover};
/// use google_cloud_gax::{options::RequestOptionsBuilder, retry_policy::NeverRetry};
/// use google_cloud_storage::client::StorageControl;
///
/// # async fn sample(europe: StorageControl, copy: StorageControl) -> Result<(), Box<dyn std::error::Error>> {
/// let control = Failover::builder()
///     .endpoint(Endpoint::new("europe", europe).provider("gcp").region("europe-west3"))
///     .endpoint(Endpoint::new("copy", copy).provider("gcp").region("europe-west4"))
///     .build()?;
/// let bucket = control
///     .read(|control| async move {
///         let request = control.get_bucket().set_name("projects/_/buckets/orders");
///         request.with_retry_policy(NeverRetry).send().await
///     })
///     .await?;
/// # Ok(()) }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GoogleVerdicts;

impl<T> Classify<T, Error> for GoogleVerdicts {
    fn classify(&self, result: Result<&T, &Error>) -> Outcome {
        result.map_or_else(|error| judged(error).0.outcome, |_| Outcome::SUCCESS)
    }

    fn detail(&self, result: Result<&T, &Error>) -> Detail {
        result.err().map(|error| judged(error).0.detail).unwrap_or_default()
    }
}

/// For calls that only fetch a token: without a token nothing can be sent.
impl<T> Classify<T, CredentialsError> for GoogleVerdicts {
    fn classify(&self, result: Result<&T, &CredentialsError>) -> Outcome {
        result.map_or_else(
            |_| table::for_symptom(Symptom::CredentialsNotLoaded),
            |_| Outcome::SUCCESS,
        )
    }

    fn detail(&self, result: Result<&T, &CredentialsError>) -> Detail {
        let unloaded = |_| Finding::symptom(Symptom::CredentialsNotLoaded).detail;
        result.err().map(unloaded).unwrap_or_default()
    }
}

/// What an SDK's error means. With it, the HTTP status of the answer, or the equivalent status, if there was an answer.
/// The error's words quote keys, so no word is kept.
pub(crate) fn judged(error: &Error) -> (Finding, Option<u16>) {
    if let Some(status) = error.http_status_code() {
        return (answered(status, error), Some(status));
    }
    if let Some(rpc) = error.status() {
        let status = as_http(rpc.code);
        let mut finding = said(status, rpc);
        finding.outcome.credential |= rpc.code == rpc::Code::Unauthenticated;
        finding.outcome.retry_after = retry_after(rpc);
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

/// gRPC's connector is not hyper-util's client. The type of its error is the proof that hyper-util's error states
/// itself.
fn finding_of(finding: Finding, error: &Error) -> Finding {
    if !error.is_connect() || finding.outcome.sent == Sent::No {
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

/// What a refusal over HTTP means.
fn answered(status: u16, error: &Error) -> Finding {
    let mut finding = match error.status() {
        Some(rpc) => said(status, rpc),
        None => {
            let body = error.http_payload().map(|body| &body[..]).unwrap_or_default();
            let text = std::str::from_utf8(body).unwrap_or_default();
            // Media requests are refused in plain words. Absence is believed only if they are the store's.
            match status {
                404 if text.contains("bucket does not exist") => Finding::refusal(404, Some("NoSuchBucket"), None),
                404 if !is_absence(error, text) => Finding::of_a_gateway(None),
                _ if is_plain_to_tls(status, body) => Finding::symptom(Symptom::PlainToTls),
                _ => Finding::refusal(status, None, None),
            }
        }
    };
    let retry_after = error.http_headers().and_then(|headers| headers.get("retry-after"));
    let asked = retry_after.and_then(|v| v.to_str().ok()).and_then(table::retry_after);
    finding.outcome.retry_after = asked.or_else(|| error.status().and_then(self::retry_after));
    finding.outcome.credential |= status == 401;
    finding
}

/// Whether the text is the store's own, or is one of two common texts with the id that the store puts on everything.
fn is_absence(error: &Error, text: &str) -> bool {
    let marked = || {
        error
            .http_headers()
            .is_some_and(|headers| headers.contains_key("x-guploader-uploadid"))
    };
    text.starts_with("No such object") || (text.trim() == "Not Found" && marked())
}

/// The time that the details of a refusal ask for. An hour at most, as for the header.
fn retry_after(rpc: &rpc::Status) -> Option<Duration> {
    let delay = rpc.details.iter().find_map(|detail| match detail {
        StatusDetails::RetryInfo(info) => info.retry_delay,
        _ => None,
    })?;
    let delay = Duration::try_from(delay).ok()?;
    Some(delay.min(table::LONGEST_RETRY_AFTER))
}

/// What a refusal in Google's own form means.
fn said(status: u16, rpc: &rpc::Status) -> Finding {
    let code = match rpc.code {
        _ if status == 404 && rpc.message.contains("bucket does not exist") => Some("NoSuchBucket"),
        // A quota is said to be a permission; the SDK keeps no reason, only the words.
        _ if status == 403 && speaks_of_a_quota(&rpc.message) => Some("QuotaExceeded"),
        // The documents of the JSON half have no such code.
        rpc::Code::Unknown => None,
        code => Some(code.name()),
    };
    Finding::refusal(status, code, Some(&rpc.message))
}

fn speaks_of_a_quota(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("quota") && message.contains("exceed")
}

/// The equivalent HTTP status.
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

/// Why an answer or a body is not what it should be.
fn unreadable(error: &Error) -> Symptom {
    if let Some(symptom) = of_storage(error) {
        symptom
    } else if error.is_serialization() {
        Symptom::Misuse
    } else {
        Symptom::Nonsense
    }
}

/// What Google's client for Storage says of a body.
#[cfg(feature = "gcs")]
fn of_storage(error: &Error) -> Option<Symptom> {
    use google_cloud_storage::error::{ReadError, WriteError};
    let read = chain::find::<ReadError>(error).and_then(|error| match error {
        ReadError::ChecksumMismatch(_) => Some(Symptom::WrongChecksum),
        ReadError::ShortRead(_) => Some(Symptom::ShortBody),
        ReadError::MissingHeader(_) => Some(Symptom::ErrorDocument),
        _ => None,
    });
    read.or_else(|| match chain::find::<WriteError>(error) {
        Some(WriteError::ChecksumMismatch { .. }) => Some(Symptom::WrongChecksum),
        _ => None,
    })
}

#[cfg(not(feature = "gcs"))]
const fn of_storage(_error: &Error) -> Option<Symptom> {
    None
}

impl<T> Classify<T, google_cloud_gax::error::Error> for Standard {
    fn classify(&self, result: Result<&T, &google_cloud_gax::error::Error>) -> Outcome {
        GoogleVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &google_cloud_gax::error::Error>) -> Detail {
        GoogleVerdicts.detail(result)
    }
}

impl<T> Classify<T, google_cloud_gax::error::CredentialsError> for Standard {
    fn classify(&self, result: Result<&T, &google_cloud_gax::error::CredentialsError>) -> Outcome {
        GoogleVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &google_cloud_gax::error::CredentialsError>) -> Detail {
        GoogleVerdicts.detail(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;
    use google_cloud_gax::error::rpc::{Code, Status};

    fn over_grpc(code: Code) -> Outcome {
        judged(&Error::service(
            Status::default().set_code(code).set_message("about secret-key"),
        ))
        .0
        .outcome
    }

    #[test]
    fn google_verdicts_match_the_documented_table() {
        use Verdict::*;
        for (code, verdict) in [
            (Code::InvalidArgument, Caller),
            (Code::PermissionDenied, Denied),
            (Code::NotFound, Absent),
            (Code::AlreadyExists, Answer),
            (Code::FailedPrecondition, Answer),
            (Code::OutOfRange, Answer),
            (Code::ResourceExhausted, Throttled),
            (Code::Aborted, Throttled),
            (Code::Unimplemented, Caller),
            (Code::Unavailable, Faulty),
            (Code::DeadlineExceeded, Faulty),
            (Code::Internal, Faulty),
            (Code::Unknown, Faulty),
            (Code::DataLoss, Faulty),
            (Code::Cancelled, Faulty),
        ] {
            assert_eq!(over_grpc(code), Outcome::new(verdict, Sent::Maybe), "{code:?}");
        }
        let unknown = Outcome::new(Denied, Sent::Maybe).naming_the_credential();
        assert_eq!(over_grpc(Code::Unauthenticated), unknown);
    }

    fn over_http(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Finding {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        };
        let headers = headers.iter().map(pair).collect();
        let (finding, met) = judged(&Error::http(status, headers, body.into()));
        assert_eq!(met, Some(status));
        finding
    }

    #[test]
    fn http_errors_without_googles_form_are_judged_by_status() {
        use Verdict::*;
        let page = "<html>welcome to this hotel</html>";
        for (status, body, verdict) in [
            (404, page, Faulty),
            (404, "No such object: orders/secret-key", Absent),
            (404, "Not Found", Faulty),
            (404, "The specified bucket does not exist.", Caller),
            (429, "", Throttled),
            (503, page, Faulty),
            (403, "", Denied),
            (412, "", Answer),
        ] {
            assert_eq!(over_http(status, &[], body).outcome.verdict, verdict, "{status} {body}");
        }
        let marked = over_http(404, &[("x-guploader-uploadid", "4711")], "Not Found");
        assert_eq!(marked.outcome.verdict, Absent);
        let busy = over_http(429, &[("retry-after", "7")], "");
        assert_eq!(busy.outcome.retry_after, Some(Duration::from_secs(7)));
        assert!(over_http(401, &[], "").outcome.credential);
    }

    #[test]
    fn an_exceeded_quota_is_throttled_and_not_denied() {
        let said = |message: &str| {
            let status = Status::default().set_message(message);
            said(403, &status).outcome.verdict
        };
        assert_eq!(said("Quota exceeded for quota metric 'bytes'"), Verdict::Throttled);
        assert_eq!(said("The bucket has exceeded its storage quota."), Verdict::Throttled);
        assert_eq!(said("customer-4711 does not have access"), Verdict::Denied);
    }

    #[test]
    fn errors_without_a_response_are_judged_by_kind() {
        let outcome = |error: Error| judged(&error).0.outcome;
        let faulty = Outcome::new(Verdict::Faulty, Sent::Maybe);
        assert_eq!(
            outcome(Error::connect("x")),
            Outcome::new(Verdict::Unreachable, Sent::No)
        );
        assert_eq!(outcome(Error::timeout("x")), faulty);
        assert_eq!(outcome(Error::exhausted("x")), faulty);
        assert_eq!(outcome(Error::io("x")), table::for_symptom(Symptom::Reset));
        assert_eq!(outcome(Error::deser("x")), faulty);
        assert_eq!(outcome(Error::binding("x")), Outcome::new(Verdict::Caller, Sent::No));
        let unloaded = Outcome::new(Verdict::Denied, Sent::No).naming_the_credential();
        let silent = || CredentialsError::from_msg(true, "about secret-key");
        assert_eq!(outcome(Error::authentication(silent())), unloaded);
        assert_eq!(GoogleVerdicts.classify(Err::<&(), _>(&silent())), unloaded);
    }

    #[test]
    fn the_retry_delay_in_the_details_is_read() {
        use google_cloud_gax::error::rpc::StatusDetails;
        let info = || serde_of(r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}"#);
        let status = Status::default()
            .set_code(Code::ResourceExhausted)
            .set_details([info()]);
        let outcome = judged(&Error::service(status)).0.outcome;
        assert_eq!(outcome.retry_after, Some(Duration::from_millis(1_500)));
        fn serde_of(json: &str) -> StatusDetails {
            serde_json::from_str(json).unwrap()
        }
    }
}
