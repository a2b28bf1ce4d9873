//! How the layer plays each fault.

use super::super::plan::{Answer, End, Plan};
use crate::{
    BoxError,
    clock::{self, Instant},
    provider::{ProviderError, ProviderErrorKind},
    request::object::ObjectResponse,
    verdict::{Outcome, Sent, Verdict},
};
use std::{future::Future, time::Duration};
use tokio::time::sleep;

/// How long a call hangs in connecting before its connect timeout strikes: what the crate's own adapters set.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);

/// The whole course of a call that never reaches the provider; `None` for one that does.
pub(super) fn before_the_request(
    plan: &Plan,
) -> Option<impl Future<Output = Result<ObjectResponse, BoxError>> + Send + use<>> {
    let (wait, error) = match plan.end.as_ref()? {
        End::Hang => (None, ProviderError::faulty("never comes")),
        End::HangConnect => (
            Some(CONNECT_TIMEOUT),
            unreachable("connecting timed out, as the drill says").with_code("connect timeout"),
        ),
        End::Refuse => (
            Some(Duration::ZERO),
            unreachable("the connection was refused, as the drill says"),
        ),
        End::DnsEmpty => (
            Some(Duration::ZERO),
            unreachable("the name resolved to nothing, as the drill says"),
        ),
        End::ResetBeforeRequest => (
            Some(Duration::ZERO),
            ProviderError::faulty("the connection was reset, as the drill says"),
        ),
        // The provider is not asked, but the answer keeps the delays that the plan has for it.
        End::Answer(answer) => (Some(plan.due(Duration::ZERO)), answered(answer)),
        End::ResetAfterRequest => return None,
    };
    Some(async move {
        match wait {
            None => std::future::pending().await,
            Some(Duration::ZERO) => {}
            Some(wait) => sleep(wait).await,
        }
        Err(error.into())
    })
}

/// What becomes of the provider's answer to a call that was sent at `sent`.
pub(super) async fn after_the_request(
    plan: &Plan,
    sent: Instant,
    answer: Result<ObjectResponse, BoxError>,
) -> Result<ObjectResponse, BoxError> {
    let took = clock::now().saturating_duration_since(sent);
    let late = plan.due(took).saturating_sub(took);
    if !late.is_zero() {
        sleep(late).await;
    }
    if plan.end == Some(End::ResetAfterRequest) {
        // Whatever the answer was, nobody got to see it.
        return Err(ProviderError::faulty("the connection was reset before the answer came, as the drill says").into());
    }
    let answer = answer?;
    let length = match &answer {
        ObjectResponse::Get(object) => object.body.len() as u64,
        // Listings have a body, too, of which only the size is unknown here: 300 bytes an entry, as S3's XML has.
        ObjectResponse::List(page) => 300 * page.entries.len() as u64,
        _ => 0,
    };
    let kept = plan.cut.and_then(|cut| cut.of(length));
    if let Some(rate) = plan.bytes_per_second {
        // To the millisecond, which is what timers resolve to.
        sleep(Duration::from_millis(
            kept.unwrap_or(length).saturating_mul(1000) / rate.max(1),
        ))
        .await;
    }
    match kept {
        Some(kept) => Err(ProviderError::faulty(format!(
            "the body ended after {kept} of {length} bytes, as the drill says"
        ))
        .into()),
        None => Ok(answer),
    }
}

fn unreachable(message: &str) -> ProviderError {
    let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
    ProviderError::new(ProviderErrorKind::Failed, outcome).with_message(message)
}

/// The error that an adapter would make of this answer.
fn answered(answer: &Answer) -> ProviderError {
    let code = answer.s3_code.as_deref().unwrap_or_default();
    let verdict = verdict(answer.status, code);
    let mut outcome = Outcome::new(verdict, Sent::Maybe).with_retry_after(answer.retry_after);
    if verdict == Verdict::Denied && names_the_credential(code) {
        outcome = outcome.naming_the_credential();
    }
    let kind = match (verdict, answer.status) {
        (Verdict::Absent, _) => ProviderErrorKind::NotFound,
        (Verdict::Answer, 304) => ProviderErrorKind::NotModified,
        (Verdict::Answer, 409) => ProviderErrorKind::AlreadyExists,
        (Verdict::Answer, _) => ProviderErrorKind::PreconditionFailed,
        (Verdict::Throttled, _) => ProviderErrorKind::Throttled,
        (Verdict::Denied, _) => ProviderErrorKind::Denied,
        (Verdict::Caller, 416) => ProviderErrorKind::RangeNotSatisfiable,
        (Verdict::Caller, 501) => ProviderErrorKind::Unsupported,
        (Verdict::Caller, _) => ProviderErrorKind::Invalid,
        _ => ProviderErrorKind::Failed,
    };
    let error = ProviderError::new(kind, outcome)
        .with_message(format!("HTTP {}, as the drill says", answer.status))
        .with_request_id("drill");
    match &answer.s3_code {
        Some(code) => error.with_code(code.as_str()),
        None => error,
    }
}

/// The verdict on an HTTP status with an S3 code.
fn verdict(status: u16, code: &str) -> Verdict {
    match (status, code) {
        (_, "SlowDown" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequests")
        | (429, _) => Verdict::Throttled,
        (_, "RequestTimeout") | (408, _) => Verdict::Faulty,
        (400, code) if names_the_credential(code) => Verdict::Denied,
        (401 | 403, _) => Verdict::Denied,
        (_, "NoSuchBucket") => Verdict::Caller,
        (404, _) => Verdict::Absent,
        (304 | 409 | 412, _) => Verdict::Answer,
        (501, _) | (300..=499, _) => Verdict::Caller,
        // 5xx, and a 2xx that is not the answer to what was asked.
        _ => Verdict::Faulty,
    }
}

fn names_the_credential(code: &str) -> bool {
    matches!(
        code,
        "InvalidAccessKeyId" | "ExpiredToken" | "InvalidToken" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (status, code, expected) in [
            (503, "SlowDown", Verdict::Throttled),
            (503, "", Verdict::Faulty),
            (429, "", Verdict::Throttled),
            (500, "InternalError", Verdict::Faulty),
            (200, "InternalError", Verdict::Faulty),
            (403, "AccessDenied", Verdict::Denied),
            (400, "ExpiredToken", Verdict::Denied),
            (400, "RequestTimeout", Verdict::Faulty),
            (404, "NoSuchKey", Verdict::Absent),
            (404, "NoSuchBucket", Verdict::Caller),
            (412, "PreconditionFailed", Verdict::Answer),
            (301, "PermanentRedirect", Verdict::Caller),
            (501, "NotImplemented", Verdict::Caller),
        ] {
            assert_eq!(verdict(status, code), expected, "{status} {code}");
        }
    }
}
