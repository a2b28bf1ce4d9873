//! Derives the kind of an error from what came out of the stack.

use crate::model::ErrorKind;
use crate::{
    BoxError,
    provider::{ProviderError, ProviderErrorKind},
    request::{CallRecord, Ended, LegRecord},
    stack::{deadline, limit, route::Barred},
    verdict::Verdict,
};
use std::{any::Any, error::Error};

/// The cause of an error.
pub(crate) enum Cause<E> {
    /// The wrapped client's own error, and how to look at the error as the standard library's trait does.
    Provider(E, fn(&E) -> &(dyn Error + 'static)),
    /// The error that a user's layer put in the place of the client's own.
    Injected(Box<ProviderError>),
    /// A local refusal of a layer, or an error that a user's layer made.
    Refused(BoxError),
    /// Decided at the door or by the replication, in these words.
    Own(String),
}

impl Cause<ProviderError> {
    /// Finds the provider's error in its box.
    pub(super) fn open(error: BoxError) -> Self {
        // The one place to open wrappers that a layer may put around it.
        match error.downcast::<ProviderError>() {
            Ok(error) => Self::Provider(*error, |error| error),
            Err(other) => Self::Refused(other),
        }
    }
}

impl<E> Cause<E> {
    /// The local refusal of this type.
    pub(super) fn refusal<R: std::error::Error + 'static>(&self) -> Option<&R> {
        match self {
            Self::Refused(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

/// The attempt that decided: the last attempt with the verdict that the error carries, else the last attempt that
/// ended. No attempt decides a passed deadline or a full limiter.
pub(super) fn deciding_leg<E: 'static>(cause: &Cause<E>, record: &CallRecord) -> Option<LegRecord> {
    let verdict = match cause {
        Cause::Provider(error, _) => as_provider_error(error).map(|error| error.outcome().verdict),
        Cause::Injected(error) => Some(error.outcome().verdict),
        Cause::Refused(error) if error.is::<deadline::Elapsed>() || error.is::<limit::Full>() => return None,
        Cause::Refused(_) | Cause::Own(_) => None,
    };
    let mut judged: Vec<_> = record.legs().into_iter().filter(|leg| judged(leg).is_some()).collect();
    judged.sort_by_key(|leg| leg.started.zip(leg.elapsed).map(|(at, elapsed)| at + elapsed));
    let last = judged.last().cloned();
    judged
        .into_iter()
        .rfind(|leg| verdict.is_some() && judged_as(leg) == verdict)
        .or(last)
}

pub(super) fn kind<E: 'static>(cause: &Cause<E>, deciding: Option<&LegRecord>, record: &CallRecord) -> ErrorKind {
    match cause {
        Cause::Injected(error) => of_provider(error),
        Cause::Provider(error, _) => match as_provider_error(error) {
            Some(error) => of_provider(error),
            None => deciding.and_then(judged_as).map_or(ErrorKind::Unavailable, of_verdict),
        },
        Cause::Refused(error) if error.is::<deadline::Elapsed>() => ErrorKind::DeadlineExceeded,
        Cause::Refused(error) if error.is::<limit::Full>() => ErrorKind::Overloaded,
        Cause::Refused(error) if error.is::<Barred>() => ErrorKind::InvalidInput,
        // Nobody was left. If all who were asked wanted less, that is what the caller should know.
        Cause::Refused(_) | Cause::Own(_) => {
            let legs = record.legs();
            let mut met = legs.iter().filter_map(judged_as).peekable();
            if met.peek().is_some() && met.all(|verdict| verdict == Verdict::Throttled) {
                ErrorKind::Throttled
            } else {
                ErrorKind::Unavailable
            }
        }
    }
}

const fn of_verdict(verdict: Verdict) -> ErrorKind {
    match verdict {
        Verdict::Answer => ErrorKind::PreconditionFailed,
        Verdict::Absent => ErrorKind::NotFound,
        Verdict::Throttled => ErrorKind::Throttled,
        Verdict::Denied => ErrorKind::Denied,
        Verdict::Caller => ErrorKind::Rejected,
        // A success that came back as an error cannot be trusted as either.
        Verdict::Success | Verdict::Unreachable | Verdict::Faulty => ErrorKind::Unavailable,
    }
}

const fn of_provider(error: &ProviderError) -> ErrorKind {
    match error.kind() {
        ProviderErrorKind::NotFound => ErrorKind::NotFound,
        ProviderErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        ProviderErrorKind::PreconditionFailed => ErrorKind::PreconditionFailed,
        ProviderErrorKind::NotModified => ErrorKind::NotModified,
        ProviderErrorKind::RangeNotSatisfiable => ErrorKind::RangeNotSatisfiable,
        ProviderErrorKind::Denied => ErrorKind::Denied,
        ProviderErrorKind::Throttled | ProviderErrorKind::Full => ErrorKind::Throttled,
        ProviderErrorKind::Conflict | ProviderErrorKind::UploadGone => ErrorKind::Unavailable,
        ProviderErrorKind::Invalid => ErrorKind::Rejected,
        ProviderErrorKind::Unsupported => ErrorKind::Unsupported,
        ProviderErrorKind::Failed => of_verdict(error.outcome().verdict),
    }
}

fn as_provider_error<E: 'static>(error: &E) -> Option<&ProviderError> {
    (error as &dyn Any).downcast_ref()
}

fn judged(leg: &LegRecord) -> Option<Ended> {
    leg.ended.filter(|_| leg.started.is_some())
}

fn judged_as(leg: &LegRecord) -> Option<Verdict> {
    match judged(leg)? {
        Ended::Judged(outcome) => Some(outcome.verdict),
        Ended::Abandoned(_) => None,
    }
}
