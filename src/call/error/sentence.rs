//! An error in one sentence: what failed, after how many attempts, what each endpoint answered, and what helps.

use super::{Cause, ErrorKind, Inner, NotAsked};
use crate::{
    call::Attempt,
    stack::{deadline, limit},
    verdict::Verdict,
};
use std::{
    fmt::{self, Display, Formatter},
    sync::Arc,
};

pub(super) fn write<E>(error: &Inner<E>, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{} failed", error.explanation.operation())?;
    let attempts = error.explanation.attempts().iter();
    match attempts.filter(|attempt| attempt.has_left()).count() {
        0 if error.midway => f.write_str(" half-way")?,
        0 => f.write_str(" before anything was sent")?,
        1 => f.write_str(" after 1 attempt")?,
        n => write!(f, " after {n} attempts")?,
    }
    f.write_str(": ")?;
    reason(error, f)?;
    help(error, f)
}

fn reason<E>(error: &Inner<E>, f: &mut Formatter<'_>) -> fmt::Result {
    if let Some(reason) = error.reason {
        f.write_str(reason)?;
    } else if let Cause::Own(message) = &error.cause {
        f.write_str(message)?;
    } else {
        from_attempts(error, f)?;
    }
    let absent: Vec<_> = error.absent_at.iter().map(|name| &**name).collect();
    let confirmed: Vec<_> = error.confirmed_by.iter().map(|name| &**name).collect();
    match error.kind {
        ErrorKind::NotFound if !absent.is_empty() => write!(f, " at {}", Listed(&absent))?,
        _ if !absent.is_empty() => write!(f, ": absent at {}", Listed(&absent))?,
        _ => {}
    }
    if !confirmed.is_empty() {
        write!(f, ": confirmed by {}", Listed(&confirmed))?;
    }
    if !error.not_asked.is_empty() {
        let none_before = absent.is_empty() && confirmed.is_empty();
        f.write_str(if none_before { ": " } else { ", but " })?;
        let missing: Vec<_> = error.not_asked.iter().map(NotAsked::to_string).collect();
        write!(f, "{}", Listed(&missing))?;
    }
    if let Some(what) = error.withheld {
        write!(f, "; {what}")?;
    }
    match error.delivered {
        Some(bytes) => write!(f, "; the stream had delivered {bytes} bytes"),
        None => Ok(()),
    }
}

fn from_attempts<E>(error: &Inner<E>, f: &mut Formatter<'_>) -> fmt::Result {
    let at = error.endpoint.as_deref().unwrap_or("the endpoint");
    let met = Met(error.explanation.attempts());
    let noun = match error.explanation.noun() {
        Some(noun) => noun,
        None if error.kind.is_answer() => return write!(f, "{}", Deciding(error)),
        None => "",
    };
    match error.kind {
        ErrorKind::NotFound if error.absent_at.is_empty() => write!(f, "no such {noun} at {at}"),
        ErrorKind::NotFound => write!(f, "no such {noun}"),
        ErrorKind::AlreadyExists => write!(f, "the {noun} exists already at {at}"),
        ErrorKind::PreconditionFailed => write!(f, "the {noun} at {at} has changed"),
        ErrorKind::NotModified => write!(f, "the {noun} at {at} has not changed"),
        ErrorKind::RangeNotSatisfiable => write!(f, "the range lies outside the {noun} at {at}"),
        ErrorKind::Denied | ErrorKind::Rejected | ErrorKind::Unsupported => write!(f, "{}", Deciding(error)),
        ErrorKind::Overloaded => f.write_str("this client's own limit for its endpoints is full"),
        ErrorKind::DeadlineExceeded => {
            f.write_str("the call's deadline ")?;
            if let Some(elapsed) = error.cause.refusal::<deadline::Elapsed>() {
                write!(f, "of {} ", crate::model::Human(elapsed.limit))?;
            }
            f.write_str("ran out")?;
            if met.is_empty() { Ok(()) } else { write!(f, ", {met}") }
        }
        ErrorKind::MaybeApplied if met.is_empty() => f.write_str("the write may have been applied"),
        ErrorKind::MaybeApplied => write!(f, "the write may have been applied, {met}"),
        ErrorKind::HomeUnavailable if met.is_empty() => {
            f.write_str("the home cannot take the write now")?;
            unused(error, f)
        }
        ErrorKind::HomeUnavailable => write!(f, "the home cannot take the write now, {met}"),
        _ if met.is_empty() => match &error.cause {
            Cause::Refused(refusal) => {
                write!(f, "{refusal}")?;
                unused(error, f)
            }
            _ => f.write_str("no endpoint could answer"),
        },
        _ => write!(f, "no endpoint could answer, {met}"),
    }
}

/// Why the endpoints got no request, as far as the reason is known.
fn unused<E>(error: &Inner<E>, f: &mut Formatter<'_>) -> fmt::Result {
    let considered = error.explanation.considered().iter();
    let why: Vec<_> = considered
        .filter_map(|one| Some(format!("{} was not used because {}", one.endpoint(), one.not_used()?)))
        .collect();
    match why.is_empty() {
        true => Ok(()),
        false => write!(f, ": {}", Listed(&why)),
    }
}

fn help<E>(error: &Inner<E>, f: &mut Formatter<'_>) -> fmt::Result {
    if let Some(advice) = error.advice {
        return write!(f, "; {advice}");
    }
    let clock = || error.explanation.attempts().iter().any(Attempt::is_of_the_clock);
    match error.kind {
        ErrorKind::Denied if clock() => f.write_str("; set this host's clock"),
        ErrorKind::Denied => f.write_str("; check the credentials and permissions"),
        // What was met mostly says by itself what to check.
        ErrorKind::Rejected if matches!(error.cause, Cause::Own(_)) || advises(error) => Ok(()),
        ErrorKind::Rejected => f.write_str("; check the request and the endpoint's configuration"),
        _ if error.not_asked.iter().any(|missing| missing.lasts) && !error.confirmed_by.is_empty() => {
            f.write_str("; mend that, then repeat the call")
        }
        // A delete, which all have to confirm.
        ErrorKind::MaybeApplied if error.not_asked.iter().any(|missing| missing.lasts) => {
            f.write_str("; mend that, then repeat the call")
        }
        ErrorKind::MaybeApplied if error.retryable => f.write_str("; repeating the call is safe"),
        ErrorKind::MaybeApplied => f.write_str("; find out before you repeat the call"),
        ErrorKind::Overloaded => match error.cause.refusal::<limit::Full>() {
            Some(full) => write!(f, "; try again in {}", crate::model::Human(full.retry_after)),
            None => f.write_str("; try again later"),
        },
        _ if error.retryable => f.write_str("; trying again later may help"),
        _ => Ok(()),
    }
}

fn advises<E>(error: &Inner<E>) -> bool {
    let said = decided(error).and_then(Attempt::message);
    said.is_some_and(|message| message.contains("check "))
}

/// The attempt that decided.
fn decided<E>(error: &Inner<E>) -> Option<&Attempt> {
    let attempts = error.explanation.attempts();
    let decided = attempts.iter().rfind(|attempt| {
        Some(attempt.shared_endpoint()) == error.endpoint.as_ref() && attempt.verdict() != Some(Verdict::Success)
    });
    decided.or(attempts.last())
}

/// The clause about the attempt that decided.
struct Deciding<'e, E>(&'e Inner<E>);

impl<E> Display for Deciding<'_, E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match decided(self.0) {
            Some(attempt) => write!(f, "{attempt}"),
            None => f.write_str("the request was refused"),
        }
    }
}

/// The last failure at each endpoint, in the order in which the endpoints were first tried. Successes are left out.
struct Met<'e>(&'e [Attempt]);

impl Met<'_> {
    fn is_empty(&self) -> bool {
        let mut all = self.0.iter();
        all.all(|attempt| attempt.verdict() == Some(Verdict::Success))
    }
}

impl Display for Met<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut last: Vec<&Attempt> = Vec::new();
        let is_failure = |attempt: &&Attempt| attempt.verdict() != Some(Verdict::Success);
        for attempt in self.0.iter().filter(is_failure) {
            match last.iter_mut().find(|seen| seen.endpoint() == attempt.endpoint()) {
                Some(seen) => *seen = attempt,
                None => last.push(attempt),
            }
        }
        let clauses: Vec<_> = last.iter().map(ToString::to_string).collect();
        write!(f, "{}", Listed(&clauses))
    }
}

/// `a`, `a and b`, `a, b and c`.
struct Listed<'l, T>(&'l [T]);

impl<T: Display> Display for Listed<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            match index {
                0 => {}
                i if i + 1 == self.0.len() => f.write_str(" and ")?,
                _ => f.write_str(", ")?,
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}

impl Display for NotAsked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name: &Arc<str> = &self.endpoint;
        write!(f, "{name} {}", self.reason)
    }
}
