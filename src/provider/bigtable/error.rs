use crate::{
    provider::{ProviderError, ProviderErrorKind, bigtable::grpc},
    verdict::{Finding, Outcome, Sent, Verdict},
};
use tonic::{Code, Status};

/// The error of a failed call.
pub(super) fn failed(status: &Status) -> ProviderError {
    of(grpc::finding(status), status.code())
}

/// The error of one failed entry of a batch.
pub(super) fn entry(code: i32) -> ProviderError {
    let code = Code::from(code);
    of(grpc::for_code(code), code)
}

fn of(mut found: Finding, code: Code) -> ProviderError {
    // No key and no condition of ours is answered so: an absent row is an empty answer, and what a condition came to is a
    // field of one.
    let configuration = match code {
        Code::NotFound => Some("no such instance, table, application profile or column family"),
        Code::FailedPrecondition => {
            Some("the application profile must route to one cluster and allow single-row transactions")
        }
        Code::AlreadyExists | Code::OutOfRange => Some("the request is not valid"),
        _ => None,
    };
    if let Some(message) = configuration.filter(|_| found.outcome.verdict.is_healthy()) {
        found.outcome = Outcome::new(Verdict::Caller, Sent::Maybe);
        found.detail.message = Some(message.to_owned());
    }
    let kind = match found.outcome.verdict {
        Verdict::Denied => ProviderErrorKind::Denied,
        Verdict::Throttled => ProviderErrorKind::Throttled,
        Verdict::Caller => ProviderErrorKind::Invalid,
        _ => ProviderErrorKind::Failed,
    };
    ProviderError::found(kind, found)
}

/// The error for an answer that the call cannot have.
pub(super) fn nonsense() -> ProviderError {
    ProviderError::faulty("the answer made no sense").with_code("nonsense")
}

/// The row holds something that evenkeel did not write.
pub(super) fn foreign() -> ProviderError {
    let outcome = Outcome::new(Verdict::Caller, Sent::Maybe);
    ProviderError::new(ProviderErrorKind::Invalid, outcome)
        .with_message("the row holds a value that evenkeel did not write")
}
