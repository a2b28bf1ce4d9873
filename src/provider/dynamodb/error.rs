use crate::{
    provider::{ProviderError, ProviderErrorKind, aws::with_cause, span::record},
    verdict::{Finding, Outcome, Verdict, table::Symptom},
};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

/// The SDK's error as an evenkeel error.
pub(super) fn failed<E>(error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let finding = found(error);
    let (kind, verdict) = kind(finding.outcome.verdict);
    let outcome = Outcome {
        verdict,
        ..finding.outcome
    };
    with_cause(ProviderError::found(kind, Finding { outcome, ..finding }), error)
}

/// The error of a condition that did not hold.
pub(super) fn refusal<E>(kind: ProviderErrorKind, error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    ProviderError::found(kind, found(error))
}

/// Checks that a success is DynamoDB's: every answer of DynamoDB has a request id.
pub(super) fn confirmed(request_id: Option<&str>) -> Result<(), ProviderError> {
    record(request_id);
    match request_id {
        Some(_) => Ok(()),
        None => Err(ProviderError::found(
            ProviderErrorKind::Failed,
            Finding::symptom(Symptom::ErrorDocument),
        )),
    }
}

fn found<E>(error: &SdkError<E>) -> Finding
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let finding = crate::provider::aws::finding(error);
    record(finding.detail.request_id.as_deref());
    finding
}

/// The kind of error for a verdict, and the verdict as this store corrects it.
const fn kind(verdict: Verdict) -> (ProviderErrorKind, Verdict) {
    use ProviderErrorKind::*;
    let kind = match verdict {
        // DynamoDB has no status for *not there* and none for *conflict*: absence is a success without an item, and the
        // one refusal that is an answer was recognised by its type. A server that says this is not DynamoDB.
        Verdict::Success | Verdict::Absent | Verdict::Answer => return (Failed, Verdict::Faulty),
        Verdict::Throttled => Throttled,
        Verdict::Denied => Denied,
        Verdict::Caller => Invalid,
        Verdict::Unreachable | Verdict::Faulty => Failed,
    };
    (kind, verdict)
}
