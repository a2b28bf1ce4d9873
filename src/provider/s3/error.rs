use crate::{
    provider::{
        ProviderError, ProviderErrorKind,
        aws::with_cause,
        refusal::{Asked, refused},
        span::record,
    },
    verdict::{Finding, Outcome, Verdict, table},
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Headers;
use std::error::Error;

/// The SDK's error as an evenkeel error. `None` for a HEAD that says *not found*: its answer does not say what is
/// absent.
pub(super) fn of_head<E>(asked: Asked, error: &SdkError<E>) -> Option<ProviderError>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    (!is_empty_404(error)).then(|| refused_with(asked, error, true))
}

/// *Not found*, from the answer to a HEAD. The caller knows that the store itself answered.
pub(super) fn absent<E>(error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let id = crate::provider::aws::finding(error).detail.request_id;
    record(id.as_deref());
    refused(
        Asked::Read,
        Finding::refusal(404, Some("NotFound"), None).with_request_id(id.as_deref()),
        Some(404),
    )
}

/// The SDK's error as an evenkeel error.
pub(super) fn failed<E>(asked: Asked, error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    refused_with(asked, error, false)
}

/// The SDK's error as an evenkeel error, of a request that takes the store long. The store then sends its 200 before it
/// knows how the request ends, so that a code in the body counts as with a status of its own.
pub(super) fn failed_late<E>(asked: Asked, error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    /// Any status of a failure: a known code says more.
    const FAILED: u16 = 500;
    let is_late = error.raw_response().is_some_and(|answer| answer.status().is_success());
    match error.code().filter(|code| table::row_for_code(code).is_some()) {
        Some(code) if is_late => {
            let id = crate::provider::aws::finding(error).detail.request_id;
            record(id.as_deref());
            let finding = Finding::refusal(FAILED, Some(code), error.message()).with_request_id(id.as_deref());
            refused(asked, finding, Some(FAILED))
        }
        _ => failed(asked, error),
    }
}

/// The same refusal, called something else: the request says what it means.
pub(super) fn called(kind: ProviderErrorKind, refused: &ProviderError) -> ProviderError {
    let outcome = Outcome {
        verdict: Verdict::Answer,
        ..refused.outcome()
    };
    let detail = refused.detail().clone();
    ProviderError::found(kind, Finding { outcome, detail })
}

/// A 404 without a body. A store answers so only to a HEAD.
pub(super) fn is_empty_404<E>(error: &SdkError<E>) -> bool {
    error.raw_response().is_some_and(|answer| {
        let body = answer.body().bytes();
        answer.status().as_u16() == 404 && body.is_some_and(<[u8]>::is_empty)
    })
}

fn refused_with<E>(asked: Asked, error: &SdkError<E>, head: bool) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let answer = error.raw_response();
    let mut finding = crate::provider::aws::finding(error);
    if is_empty_404(error) {
        let id = finding.detail.request_id.take();
        finding = Finding::of_a_gateway(id.as_deref());
    }
    record(finding.detail.request_id.as_deref());
    let status = answer.map(|answer| answer.status().as_u16());
    let region = answer.and_then(|answer| region(answer.headers()));
    // The date of the answer may have said more than the answer to a HEAD can.
    let of_the_clock = finding.detail.code.as_deref() == Some(table::SKEWED);
    let known = status
        .filter(|_| !of_the_clock)
        .and_then(|status| words(status, error.code(), region, head));
    let refused = with_cause(refused(asked, finding, status), error);
    match known {
        Some(words) => refused.with_message(words),
        None => refused,
    }
}

/// What is known of a refusal beside the code. The answer to a HEAD has no code.
fn words(status: u16, code: Option<&str>, region: Option<&str>, head: bool) -> Option<String> {
    const NO_BODY: &str = "the answer to a HEAD does not say why";
    let elsewhere = match (status, code) {
        (301 | 307, _) => true,
        (_, code) => code == Some("AuthorizationHeaderMalformed"),
    };
    Some(match (status, region) {
        (_, Some(region)) if elsewhere => format!("the bucket lies in another region: {region}"),
        (400, Some(region)) if head => format!("the request is not valid; the bucket lies in {region}"),
        (301 | 307, None) if head => "the bucket lies elsewhere".to_owned(),
        (400, None) if head => format!("the request is not valid; {NO_BODY}"),
        (401 | 403, _) if head => format!("access was denied; {NO_BODY}"),
        _ => return None,
    })
}

/// Where the bucket lies, if the text is the name of a region and nothing else: a server chose the text.
fn region(headers: &Headers) -> Option<&str> {
    let region = headers.get("x-amz-bucket-region")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ((1..=32).contains(&region.len()) && region.bytes().all(plain)).then_some(region)
}
