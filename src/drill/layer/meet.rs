//! How the layer plays each fault.

use super::{
    super::plan::{Answer, End, Plan},
    ending::Ending,
    subject::Subject,
};
use crate::{
    BoxError,
    model::clock::{self, Instant},
    provider::{ProviderError, ProviderErrorKind},
    request::OpClass,
    verdict::{
        Finding, Outcome, Sent, Verdict,
        table::{self, Symptom},
    },
};
use std::time::Duration;

/// How long a call hangs in connecting before its connect timeout strikes: the connect timeout of the crate's own
/// adapters.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);

/// The whole course of a call that never reaches the provider.
pub(super) struct Before {
    /// How long the call is held. `None`: for ever.
    pub(super) wait: Option<Duration>,
    /// The call's error after that time.
    pub(super) error: ProviderError,
}

/// `None` for a call that reaches the provider.
pub(super) fn before_the_request(plan: &Plan) -> Option<Before> {
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
            reset("the connection was reset, as the drill says"),
        ),
        // The provider is not asked, but the answer keeps the delays that the plan has for it.
        End::Answer(answer) => (Some(plan.due(Duration::ZERO)), answered(answer)),
        End::ResetAfterRequest => return None,
    };
    Some(Before { wait, error })
}

/// The error of a call for which the plan has a fault that the layer cannot play, because it does not see the answer. A
/// layer that skipped the fault would show a milder outage than the scenario's.
pub(super) fn unplayable<R: Subject>(plan: &Plan, class: OpClass) -> Option<ProviderError> {
    let fault = match plan {
        _ if R::SHOWS_ANSWERS || plan.end.is_some() => return None,
        Plan { stale: true, .. } if class != OpClass::Write => "stale_reads",
        Plan { cut: Some(_), .. } => "truncate",
        Plan {
            bytes_per_second: Some(_),
            ..
        } => "drip",
        _ => return None,
    };
    Some(ProviderError::unsupported(format!(
        "the drill cannot play `{fault}` on a closure, whose answer it does not see"
    )))
}

/// What becomes of the provider's answer to a call that was sent at `sent`. The answer stays as it is if the drill ends
/// before all of it is there.
pub(super) async fn after_the_request<R: Subject>(
    plan: &Plan,
    sent: Instant,
    answer: Result<R::Response, BoxError>,
    mut ending: Ending,
) -> Result<R::Response, BoxError> {
    let took = clock::now().saturating_duration_since(sent);
    let late = plan.due(took).saturating_sub(took);
    // Whatever the answer is, nobody gets to see it.
    let lost = plan.end == Some(End::ResetAfterRequest);
    let length = answer.as_ref().map_or(0, R::body_bytes);
    let kept = plan.cut.and_then(|cut| cut.of(length));
    let dripping = match plan.bytes_per_second {
        // To the millisecond, which is what timers resolve to.
        Some(rate) if !lost => Duration::from_millis(kept.unwrap_or(length).saturating_mul(1000) / rate.max(1)),
        _ => Duration::ZERO,
    };
    if !ending.holds_for(Some(late.saturating_add(dripping))).await {
        return answer;
    }
    if lost {
        return Err(reset("the connection was reset before the answer came, as the drill says").into());
    }
    match (answer, kept) {
        (Ok(_), Some(kept)) => Err(ProviderError::faulty(format!(
            "the body ended after {kept} of {length} bytes, as the drill says"
        ))
        .into()),
        (answer, _) => answer,
    }
}

fn unreachable(message: &str) -> ProviderError {
    let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
    ProviderError::new(ProviderErrorKind::Failed, outcome).with_message(message)
}

fn reset(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Failed, table::for_symptom(Symptom::Reset)).with_message(message)
}

/// The error that an adapter would make of this answer.
fn answered(answer: &Answer) -> ProviderError {
    let outcome = Finding::refusal(answer.status, answer.s3_code.as_deref(), None)
        .outcome
        .with_retry_after(answer.retry_after);
    let kind = match (outcome.verdict, answer.status) {
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
