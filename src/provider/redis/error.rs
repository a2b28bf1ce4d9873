use crate::{
    provider::{ProviderError, ProviderErrorKind},
    verdict::{Finding, Verdict, redis as verdicts},
};
use redis::RedisError;

/// A failed command.
pub(super) fn failed(error: &RedisError) -> ProviderError {
    of(verdicts::finding(error), error)
}

/// A failure to connect: nothing was sent.
pub(super) fn connecting(error: &RedisError) -> ProviderError {
    of(verdicts::connecting(error), error)
}

fn of(Finding { outcome, detail }: Finding, error: &RedisError) -> ProviderError {
    let kind = match outcome.verdict {
        Verdict::Denied => ProviderErrorKind::Denied,
        Verdict::Throttled if detail.says_full() => ProviderErrorKind::Full,
        Verdict::Throttled => ProviderErrorKind::Throttled,
        Verdict::Caller => ProviderErrorKind::Invalid,
        _ => ProviderErrorKind::Failed,
    };
    let mut made = ProviderError::new(kind, outcome);
    if let Some(code) = detail.code {
        made = made.with_code(code);
    }
    if let Some(message) = detail.message {
        made = made.with_message(message);
    }
    // A server's own words can quote what it was sent; those of the operating system cannot.
    if error.is_io_error() {
        made = made.with_source(error.clone());
    }
    made
}

/// An answer that the command does not have.
pub(super) fn nonsense() -> ProviderError {
    ProviderError::faulty("the answer made no sense").with_code("nonsense")
}

/// The key holds something that evenkeel did not write.
pub(super) fn foreign() -> ProviderError {
    let outcome = crate::verdict::Outcome::new(Verdict::Caller, crate::verdict::Sent::No);
    ProviderError::new(ProviderErrorKind::Invalid, outcome)
        .with_message("the key holds a value that evenkeel did not write")
        .with_code("WRONGTYPE")
}
