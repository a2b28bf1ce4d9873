//! One request, sent until there is an answer.

use super::{Fate, Pacer, Role};
use crate::{
    provider::{ProviderError, ProviderErrorKind},
    verdict::{Outcome, Sent, Verdict},
};
use std::future::Future;
use tokio::time::{sleep, timeout};

/// Why a request has no good answer.
#[derive(Debug)]
pub(crate) enum Refusal<S> {
    /// A definite answer, which concerns the key.
    Answer(Box<ProviderError>),
    /// The request failed in every attempt.
    GaveUp(Box<ProviderError>),
    /// No more requests are to be sent.
    Stop(S),
}

impl<S> Refusal<S> {
    pub(super) fn is(&self, kind: ProviderErrorKind) -> bool {
        matches!(self, Self::Answer(error) if error.kind() == kind)
    }

    /// Whether a create or a conditional overwrite found other content.
    pub(super) fn is_occupied(&self) -> bool {
        self.is(ProviderErrorKind::AlreadyExists) || self.is(ProviderErrorKind::PreconditionFailed)
    }

    /// The end of a copy that met this refusal. Only a stop concerns more than the key.
    pub(crate) fn fate(self) -> Result<Fate, S> {
        match self {
            Self::Answer(error) | Self::GaveUp(error) => Ok(Fate::failed(error)),
            Self::Stop(reason) => Err(reason),
        }
    }
}

/// Sends a request until there is an answer, or the pacer has had enough. Each attempt has the pacer's limit for a body
/// of this many bytes. A future that is dropped abandons one attempt.
pub(crate) async fn ask<P, T, F>(
    pacer: &P,
    role: Role,
    bytes: u64,
    request: impl Fn() -> F,
) -> Result<T, Refusal<P::Stop>>
where
    P: Pacer,
    F: Future<Output = Result<T, ProviderError>>,
{
    let limit = pacer.limit(bytes);
    let mut attempts = 0;
    loop {
        pacer.turn(role).await;
        let error = match timeout(limit, request()).await {
            Ok(Ok(answer)) => {
                pacer.answered(role);
                return Ok(answer);
            }
            Ok(Err(error)) => error,
            Err(_) => ProviderError::new(ProviderErrorKind::Failed, Outcome::TIMED_OUT)
                .with_message("the endpoint did not answer in time"),
        };
        let outcome = error.outcome();
        let judgement = match error.kind() {
            // It does not get emptier by waiting, as a rule: what is tried a few times is said.
            ProviderErrorKind::Full => Judgement::Again,
            _ => judge(outcome),
        };
        match judgement {
            Judgement::Answer => {
                // A refusal of permission is an answer, too, but no sign that anything is well.
                if outcome.verdict.is_healthy() {
                    pacer.answered(role);
                }
                return Err(Refusal::Answer(Box::new(error)));
            }
            Judgement::SlowDown => pacer.throttled(role, &error).map_err(Refusal::Stop)?,
            Judgement::Again => {
                attempts += 1;
                match pacer.failed(role, &error, attempts).map_err(Refusal::Stop)? {
                    Some(wait) => sleep(wait).await,
                    None => return Err(Refusal::GaveUp(Box::new(error))),
                }
            }
        }
    }
}

/// What to do about an attempt that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// The failure is an answer, and concerns the key.
    Answer,
    /// The endpoint throttles. The pacer sends less.
    SlowDown,
    /// The endpoint is in trouble. The request is repeated later. Every request of a copy may be repeated: reads change
    /// nothing, and writes are conditional and recognise themselves.
    Again,
}

fn judge(outcome: Outcome) -> Judgement {
    match outcome.verdict {
        Verdict::Throttled => Judgement::SlowDown,
        Verdict::Unreachable | Verdict::Faulty => Judgement::Again,
        Verdict::Denied if outcome.credential || outcome.sent == Sent::No => Judgement::Again,
        Verdict::Success | Verdict::Answer | Verdict::Absent | Verdict::Denied | Verdict::Caller => Judgement::Answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_faults_of_the_endpoint_are_retried() {
        for (verdict, sent, expected) in [
            (Verdict::Absent, Sent::Maybe, Judgement::Answer),
            (Verdict::Answer, Sent::Maybe, Judgement::Answer),
            (Verdict::Caller, Sent::Maybe, Judgement::Answer),
            (Verdict::Denied, Sent::Maybe, Judgement::Answer),
            (Verdict::Denied, Sent::No, Judgement::Again),
            (Verdict::Unreachable, Sent::No, Judgement::Again),
            (Verdict::Faulty, Sent::Maybe, Judgement::Again),
            (Verdict::Throttled, Sent::Maybe, Judgement::SlowDown),
        ] {
            assert_eq!(judge(Outcome::new(verdict, sent)), expected, "{verdict} {sent:?}");
        }
        let refused = Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential();
        assert_eq!(
            judge(refused),
            Judgement::Again,
            "an expired token is refreshed by the SDK"
        );
    }
}
