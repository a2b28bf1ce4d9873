use crate::{
    provider::{ProviderError, ProviderErrorKind, redis::verdict as verdicts},
    verdict::{Finding, Verdict, table::Symptom},
};
use redis::RedisError;

/// The error of a failed command.
pub(super) fn failed(error: &RedisError) -> ProviderError {
    of(verdicts::finding(error), error)
}

/// A failure to connect: nothing was sent.
pub(super) fn connecting(error: &RedisError) -> ProviderError {
    of(verdicts::connecting(error), error)
}

/// The error of a failure to connect with TLS. A plain server waits for the end of the bytes, which it takes for a
/// command.
pub(super) fn connecting_with_tls(error: &RedisError) -> ProviderError {
    let mut found = verdicts::connecting(error);
    if found.detail.code.as_deref() == Some(Symptom::ConnectTimeout.as_str()) {
        found.detail.message = Some("the connection was not made in time: does the server speak TLS?".to_owned());
    }
    of(found, error)
}

fn of(found: Finding, error: &RedisError) -> ProviderError {
    let kind = match found.outcome.verdict {
        Verdict::Denied => ProviderErrorKind::Denied,
        Verdict::Throttled if found.detail.says_full() => ProviderErrorKind::Full,
        Verdict::Throttled => ProviderErrorKind::Throttled,
        Verdict::Caller => ProviderErrorKind::Invalid,
        _ => ProviderErrorKind::Failed,
    };
    let made = ProviderError::found(kind, found);
    // A server's own words can quote what it was sent; those of the operating system cannot.
    match error.is_io_error() {
        true => made.with_source(error.clone()),
        false => made,
    }
}

/// The error for an answer that the command cannot have.
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
