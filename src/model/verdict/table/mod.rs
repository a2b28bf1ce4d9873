//! Symptom → verdict, as data in one place.
//!
//! The lookups take the symptom in the client's own shape: [`for_code`], [`for_status`], both together with the
//! message ([`for_answer`]), [`for_io`], [`for_symptom`]. Build a [`Classify`](super::Classify) on these lookups
//! ([`guide::classify`](crate::guide::classify) shows how).
//!
//! ```
//! use evenkeel::verdict::{Verdict, table};
//!
//! assert_eq!(table::for_status(503).verdict, Verdict::Faulty);
//! assert_eq!(table::for_answer(503, Some("SlowDown"), None).verdict, Verdict::Throttled);
//! assert_eq!(table::for_code("NoSuchBucket").unwrap().verdict, Verdict::Caller);
//! ```
//!
//! # The table
#![doc = include_str!("table.md")]

mod rows;
mod symptom;

pub use rows::{CODES, IO, STATUSES, SYMPTOMS};
pub use symptom::Symptom;

use super::{Outcome, Sent, Verdict};
use std::{io, ops::RangeInclusive, time::Duration};

/// The phrase for a store that has no room: a quota is used up, or its disks are full. A full store is no evidence of
/// a fault.
pub(crate) const FULL: &str = "the store is full";

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row<S> {
    /// The symptom.
    pub symptom: S,
    /// The verdict on the symptom.
    pub verdict: Verdict,
    /// Whether the request may have reached the provider.
    pub sent: Sent,
    /// The symptom names the credential, not the permission.
    pub credential: bool,
    /// The symptom says something of one connection first.
    pub broken: bool,
    /// The phrase for a person. Ours, never the provider's: providers quote keys and account numbers.
    pub phrase: &'static str,
    /// Why this verdict.
    pub why: &'static str,
}

impl<S> Row<S> {
    const fn new(symptom: S, verdict: Verdict, sent: Sent, phrase: &'static str, why: &'static str) -> Self {
        Self {
            symptom,
            verdict,
            sent,
            credential: false,
            broken: false,
            phrase,
            why,
        }
    }

    const fn of_connection(symptom: S, phrase: &'static str, why: &'static str) -> Self
    where
        S: Copy,
    {
        Self {
            broken: true,
            ..Self::new(symptom, Verdict::Faulty, Sent::Maybe, phrase, why)
        }
    }

    const fn of_credential(symptom: S, sent: Sent, phrase: &'static str, why: &'static str) -> Self {
        Self {
            symptom,
            verdict: Verdict::Denied,
            sent,
            credential: true,
            broken: false,
            phrase,
            why,
        }
    }

    /// The outcome.
    pub const fn outcome(&self) -> Outcome {
        Outcome {
            credential: self.credential,
            broken: self.broken,
            ..Outcome::new(self.verdict, self.sent)
        }
    }
}

/// The row of a provider's error code, if it is known.
pub fn row_for_code(code: &str) -> Option<&'static Row<&'static str>> {
    CODES.iter().find(|row| match row.symptom.strip_suffix('*') {
        Some(start) => code.starts_with(start),
        None => code == row.symptom,
    })
}

/// The table's own spelling of a code or of a symptom's word, if the table has it.
pub(crate) fn known_word(code: &str) -> Option<&'static str> {
    let provider = || row_for_code(code).map(|row| row.symptom.trim_end_matches('*'));
    let ours = SYMPTOMS.iter().map(|row| row.symptom.as_str());
    ours.into_iter().find(|word| *word == code).or_else(provider)
}

/// The verdict on a provider's error code, if it is known.
pub fn for_code(code: &str) -> Option<Outcome> {
    row_for_code(code).map(Row::outcome)
}

/// The verdict on an HTTP status alone.
pub fn for_status(status: u16) -> Outcome {
    row_for_status(status).map_or(for_symptom(Symptom::Nonsense), Row::outcome)
}

fn row_for_status(status: u16) -> Option<&'static Row<RangeInclusive<u16>>> {
    STATUSES.iter().find(|row| row.symptom.contains(&status))
}

/// The phrase for a refusal without a code that comes from a gateway, and not from a store.
#[cfg_attr(not(feature = "http"), allow(dead_code))]
pub(crate) fn of_a_gateway(status: u16, code: Option<&str>) -> Option<&'static str> {
    let row = row_for_status(status).filter(|_| status == TOO_LARGE && code.is_none())?;
    Some(row.phrase)
}

/// *Content too large.*
const TOO_LARGE: u16 = 413;

/// The verdict on a *refusal*: its status, with the provider's code and message where there are any.
///
/// - `Please reduce your request rate` is Throttled under any code: several stores say just that with a plain 503.
/// - A success with an error document is Faulty, unless the document asks to slow down.
/// - A signature may be refused because of its time. The message then says so (DynamoDB: `Signature expired`): the
///   clocks differ, and the credential is not to blame.
/// - A cancelled DynamoDB transaction is judged by the codes in its message. A condition that did not hold is the
///   answer. Otherwise a conflict or a quota is Throttled, and an invalid request is the caller's mistake.
/// - Otherwise the code decides, if it is known; then the status.
pub fn for_answer(status: u16, code: Option<&str>, message: Option<&str>) -> Outcome {
    const REDUCE: &str = "reduce your request rate";
    if message.is_some_and(|message| message.to_ascii_lowercase().contains(REDUCE)) {
        return Outcome::new(Verdict::Throttled, Sent::Maybe);
    }
    let by_code = match (code, message) {
        (Some("TransactionCanceledException"), Some(message)) => for_code(cancelled(message)),
        (_, Some(message)) if is_of_the_clock(code, message) => for_code(SKEWED),
        _ => code.and_then(for_code),
    };
    match (status, by_code) {
        (200..=299, Some(outcome)) if outcome.verdict == Verdict::Throttled => outcome,
        (200..=299, _) => for_symptom(Symptom::ErrorDocument),
        (_, Some(outcome)) => outcome,
        // A store that says so in words of its own would say so again; a gateway has none.
        (TOO_LARGE, None) if code.is_some() => Outcome::new(Verdict::Caller, Sent::Maybe),
        (_, None) => for_status(status),
    }
}

/// The code for clocks that differ.
pub(crate) const SKEWED: &str = "RequestTimeTooSkewed";

/// Whether a refusal of a signature, or a refusal without a code, is about the signature's time. Its code may be the
/// code of a wrong key.
pub(crate) fn is_of_the_clock(code: Option<&str>, message: &str) -> bool {
    const CODES: [&str; 5] = [
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthenticationFailed",
        "AuthFailure",
        "Unauthorized",
    ];
    const WORDS: [&str; 5] = [
        // AWS, whatever the service.
        "signature expired",
        "signature not yet current",
        "difference between the request time and the current time is too large",
        // Azure's storage, of a shared key.
        "request date header too old",
        // Cosmos, of a master key.
        "authorization token is not valid at the current time",
    ];
    let message = message.to_ascii_lowercase();
    code.is_none_or(|code| CODES.contains(&code)) && WORDS.iter().any(|words| message.contains(words))
}

/// The code that stands for the reasons of a cancelled transaction: `… specific reasons [None, TransactionConflict]`.
fn cancelled(message: &str) -> &'static str {
    const REASONS: [(&str, &str); 6] = [
        ("ConditionalCheckFailed", "ConditionalCheckFailedException"),
        ("ValidationError", "ValidationException"),
        (
            "ItemCollectionSizeLimitExceeded",
            "ItemCollectionSizeLimitExceededException",
        ),
        ("TransactionConflict", "TransactionConflictException"),
        (
            "ProvisionedThroughputExceeded",
            "ProvisionedThroughputExceededException",
        ),
        ("ThrottlingError", "ThrottlingException"),
    ];
    let reasons = message.rsplit_once('[').map_or("", |(_, reasons)| reasons);
    let met = |reason: &str| reasons.split([',', ' ', ']']).any(|word| word == reason);
    let found = REASONS.iter().find(|(reason, _)| met(reason));
    found.map_or("TransactionCanceledException", |(_, code)| code)
}

/// The verdict on a bare I/O error. The verdict never says that nothing was sent.
pub fn for_io(kind: io::ErrorKind) -> Outcome {
    IO.iter()
        .find(|row| row.symptom == kind)
        .map_or(for_symptom(Symptom::Unknown), Row::outcome)
}

/// The row of a named symptom.
pub fn row_for_symptom(symptom: Symptom) -> &'static Row<Symptom> {
    SYMPTOMS
        .iter()
        .find(|row| row.symptom == symptom)
        .unwrap_or(&SYMPTOMS[SYMPTOMS.len() - 1])
}

/// The verdict on a named symptom.
pub fn for_symptom(symptom: Symptom) -> Outcome {
    row_for_symptom(symptom).outcome()
}

/// The longest `Retry-After` that a provider is granted: an hour, so that one wrong header cannot bar an endpoint for
/// a day.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// A `Retry-After` in seconds, an hour at most. The form with a date is ignored: a date depends on two clocks.
pub fn retry_after(value: &str) -> Option<Duration> {
    let seconds = value.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
