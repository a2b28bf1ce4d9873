use crate::model::clock;
use crate::verdict::{Classify, Detail, Finding, Outcome, Standard, chain, is_plain_to_tls, table, table::Symptom};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http::endpoint::ResolveEndpointError;
use aws_smithy_runtime_api::client::{
    dns::ResolveDnsError,
    orchestrator::HttpResponse,
    result::{DispatchFailure, SdkError},
};
use aws_smithy_types::{DateTime, date_time::Format, error::metadata::ProvideErrorMetadata};
use std::{
    error::Error,
    time::{Duration, SystemTime},
};

/// [`Classify`] for every AWS SDK for Rust: S3, DynamoDB, whatever speaks [`SdkError`].
///
/// ```
/// # #[cfg(feature = "s3")] {
/// use aws_sdk_s3::{error::SdkError, operation::get_object::{GetObjectError, GetObjectOutput}};
/// use evenkeel::{provider::AwsVerdicts, verdict::{Classify, Sent, Verdict}};
///
/// type Got = Result<GetObjectOutput, SdkError<GetObjectError>>;
/// let late: Got = Err(SdkError::timeout_error("the operation took too long"));
/// let outcome = AwsVerdicts.classify(late.as_ref());
/// assert_eq!((outcome.verdict, outcome.sent), (Verdict::Faulty, Sent::Maybe));
/// # }
/// ```
///
/// A `404` counts only from the service: by a known code, or by a request id in the head. A gateway's answer (a page,
/// or nothing at all) is faulty.
///
/// `AwsVerdicts` sees what the SDK sees. A body that streams after `send()` fails later: collect the body inside the
/// closure. `AwsVerdicts` believes every success, so check what every success of the operation must have (a GET from
/// S3: an ETag; a DELETE: a request id).
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsVerdicts;

impl<T, E> Classify<T, SdkError<E, HttpResponse>> for AwsVerdicts
where
    E: ProvideErrorMetadata + Error + 'static,
{
    fn classify(&self, result: Result<&T, &SdkError<E, HttpResponse>>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) => finding(error).outcome,
        }
    }

    fn detail(&self, result: Result<&T, &SdkError<E, HttpResponse>>) -> Detail {
        match result {
            Ok(_) => Detail::default(),
            Err(error) => finding(error).detail,
        }
    }
}

/// What an SDK's error means.
pub(crate) fn finding<E>(error: &SdkError<E, HttpResponse>) -> Finding
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(refused) => {
            let (answer, error) = (refused.raw(), refused.err());
            let status = answer.status().as_u16();
            let body = answer.body().bytes().unwrap_or_default();
            if status == 404 && !is_the_services(answer, error.code().filter(|_| !body.is_empty())) {
                return Finding::of_a_gateway(request_id(answer));
            }
            if error.code().is_none() && is_plain_to_tls(status, body) {
                return Finding::symptom(Symptom::PlainToTls);
            }
            // The answer to a HEAD has no code: its date says it.
            let skewed = || matches!(status, 400 | 403) && is_skewed(answer);
            let code = error.code().or_else(|| skewed().then_some(table::SKEWED));
            let mut finding = Finding::refusal(status, code, error.message());
            finding.outcome.retry_after = answer.headers().get("retry-after").and_then(table::retry_after);
            finding.with_request_id(request_id(answer))
        }
        SdkError::DispatchFailure(failure) => dispatch(failure),
        // Credentials are also loaded under the operation's own time limit. Then nobody can prove that this was all.
        SdkError::TimeoutError(_) => Finding::symptom(Symptom::AttemptTimeout),
        SdkError::ConstructionFailure(_) => {
            let symptom = if source(error).is_some_and(lacks_credentials) {
                Symptom::CredentialsNotLoaded
            } else {
                Symptom::NotBuilt
            };
            Finding::symptom(symptom)
        }
        SdkError::ResponseError(nonsense) => source(error)
            .and_then(chain::transport)
            .unwrap_or_else(|| Finding::symptom(Symptom::Nonsense))
            .with_request_id(request_id(nonsense.raw())),
        _ => Finding::symptom(Symptom::Unknown),
    }
}

/// No answer came. The SDK (1.157) reports here whatever fails between the signing of the request and the answer's
/// head: credentials that could not be loaded, an endpoint that could not be resolved, and every error of the HTTP
/// client, in the words of hyper-util.
fn dispatch(failure: &DispatchFailure) -> Finding {
    let Some(error) = failure.as_connector_error() else {
        return Finding::symptom(Symptom::Unknown);
    };
    // First, because what kept credentials from loading may itself be a failed connect, to another host.
    if lacks_credentials(error) {
        return Finding::symptom(Symptom::CredentialsNotLoaded);
    }
    // No region, a bucket's name that is none. A test pins that it is of the version of the crate that we know.
    if chain::find::<ResolveEndpointError>(error).is_some() {
        return Finding::symptom(Symptom::NotBuilt);
    }
    chain::transport(error).unwrap_or_else(|| {
        Finding::symptom(if chain::find::<ResolveDnsError>(error).is_some() {
            Symptom::DnsUnproven
        } else if failure.is_timeout() {
            Symptom::AttemptTimeout
        } else if failure.is_user() {
            Symptom::Misuse
        } else if failure.is_io() {
            Symptom::Reset
        } else {
            Symptom::Unknown
        })
    })
}

/// Whether signing was impossible, so that nothing was sent.
///
/// The SDK's error for a credentials provider that hangs has a private type. That error arises in this process only,
/// before the request is signed. A test over a real client pins the error's words.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    chain::chain(error)
        .any(|error| error.is::<CredentialsError>() || error.to_string().starts_with("identity resolver timed out"))
}

fn source(error: &dyn Error) -> Option<&(dyn Error + 'static)> {
    error.source()
}

/// Whether this host's clock and the server's clock differ by more than the SDK's own threshold for a clock error. (The
/// SDK has learnt the difference, and signs the next attempt by it.)
fn is_skewed(answer: &HttpResponse) -> bool {
    const TOO_MUCH: Duration = Duration::from_secs(4 * 60);
    let date = answer.headers().get("date");
    let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
    let Some(there) = date.and_then(|date| SystemTime::try_from(date).ok()) else {
        return false;
    };
    let here = clock::wall();
    let apart = there.duration_since(here).or_else(|_| here.duration_since(there));
    apart.is_ok_and(|apart| apart > TOO_MUCH)
}

/// The headers of request ids. AWS's services, and the services that copy them, put one of these headers on every
/// answer.
pub(crate) const MARKS: [&str; 3] = ["x-amz-request-id", "x-amzn-requestid", "x-amz-id-2"];

/// Whether the service itself says that something is absent, and not a gateway. The proof is a known code. Where there
/// is no body (as to a HEAD) or an unknown code, the proof is a mark in the head. A page is a gateway's.
fn is_the_services(answer: &HttpResponse, code: Option<&str>) -> bool {
    let marked = || MARKS.iter().any(|name| answer.headers().contains_key(*name));
    match code {
        Some(code) => table::row_for_code(code).is_some() || marked(),
        None => answer.body().bytes().is_some_and(<[u8]>::is_empty) && marked(),
    }
}

fn request_id(answer: &HttpResponse) -> Option<&str> {
    MARKS[..2].iter().find_map(|name| answer.headers().get(*name))
}

impl<T, E> Classify<T, SdkError<E, HttpResponse>> for Standard
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
{
    fn classify(&self, result: Result<&T, &SdkError<E, HttpResponse>>) -> Outcome {
        AwsVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &SdkError<E, HttpResponse>>) -> Detail {
        AwsVerdicts.detail(result)
    }
}
