use super::answer::Unproven;
use crate::{
    provider::{
        ProviderError, ProviderErrorKind,
        refusal::{Asked, refused, unreadable_listing},
    },
    verdict::{Finding, Outcome, Sent, Verdict, chain, table::Symptom, xml_code},
};
use object_store::Error;

/// `object_store`'s error as an evenkeel error.
///
/// `object_store`'s HTTP clients report a refusal with the status and the body, in the words of a private type (tests
/// pin the words). The words say more than the variant: a 409 is the variant `AlreadyExists`, whether a blob exists or
/// two writes raced.
pub(super) fn failed(asked: Asked, error: &Error) -> ProviderError {
    if asked == Asked::List
        && let Some(why) = unlisted(error)
    {
        return why;
    }
    if let Some(unproven) = unproven(error) {
        let finding = Finding::symptom(Symptom::ErrorDocument);
        return refused(asked, finding, None).with_message(unproven.to_string());
    }
    if let Some((status, finding)) = refusal(error) {
        return refused(asked, finding, Some(status));
    }
    match variant(asked, error) {
        Ok(known) => known,
        Err(mut finding) => {
            // A connect that fails on the second try proves nothing about the first.
            if chain::chain(error).any(|error| error.to_string().contains(", after ")) {
                finding.outcome.sent = Sent::Maybe;
            }
            refused(asked, finding, None)
        }
    }
}

/// `object_store`'s words for a listing that it could not read.
const UNREADABLE: &str = "Got invalid list response: ";

/// The error for a listing that cannot be read.
fn unlisted(error: &Error) -> Option<ProviderError> {
    if matches!(error, Error::InvalidPath { .. }) {
        let why = "the listing has a key that object_store has no path for, and is lost with it: build the store with `NoRedirects`";
        let outcome = Outcome::new(Verdict::Caller, Sent::Maybe);
        return Some(ProviderError::new(ProviderErrorKind::Unsupported, outcome).with_message(why));
    }
    let is_no_xml = chain::chain(error).any(|error| error.to_string().starts_with(UNREADABLE));
    is_no_xml.then(|| unreadable_listing(None))
}

/// Whether the store itself says that there is no such upload: by S3's code, which Google has, too, or in the words of
/// `InMemory`.
pub(super) fn is_gone(error: &Error) -> bool {
    let code = refusal(error).and_then(|(_, finding)| finding.detail.code);
    let in_words = || chain::chain(error).any(|error| error.to_string().starts_with("MultipartUpload not found: "));
    code.as_deref() == Some("NoSuchUpload") || in_words()
}

/// Whether a server answered 404, whatever else it said.
pub(super) fn is_http_404(error: &Error) -> bool {
    status(error) == Some(404)
}

/// Whether the 404 has a code of the provider's, or a mark that [`NoRedirects`](super::NoRedirects) has seen.
pub(super) fn is_known_absence(error: &Error) -> bool {
    is_http_404(error) && refusal(error).is_some_and(|(_, finding)| finding.outcome.verdict == Verdict::Absent)
}

fn unproven(error: &Error) -> Option<&Unproven> {
    chain::find(error)
}

/// Whether `NoRedirects` saw nothing that confirms the deletion.
pub(super) fn is_unproven_delete(error: &Error) -> bool {
    unproven(error).is_some()
}

fn status(error: &Error) -> Option<u16> {
    chain::chain(error).find_map(|error| error.to_string().strip_prefix(STATUS)?.get(..3)?.parse().ok())
}

const STATUS: &str = "Server returned non-2xx status code: ";

/// The refusal of a server, if the error is one.
fn refusal(error: &Error) -> Option<(u16, Finding)> {
    const DOCUMENT: &str = "Server returned error response: ";
    const REDIRECT: &str = "Received redirect without LOCATION";
    chain::chain(error).find_map(|error| {
        let said = error.to_string();
        if let Some(answer) = said.strip_prefix(STATUS) {
            let status = answer.get(..3)?.parse().ok()?;
            let body = answer.split_once(": ").map_or("", |(_, body)| body);
            let code = xml_code(body);
            // Absence is believed only if it is the store that says so.
            if status == 404 && code.is_none() {
                return Some((status, Finding::symptom(Symptom::Nonsense)));
            }
            return Some((status, Finding::refusal(status, code, Some(body))));
        }
        if let Some(body) = said.strip_prefix(DOCUMENT) {
            return Some((200, Finding::refusal(200, xml_code(body), Some(body))));
        }
        said.starts_with(REDIRECT)
            .then(|| (301, Finding::refusal(301, None, None)))
    })
}

/// What the error means if no server refused: by the variant, or by the transport's error.
fn variant(asked: Asked, error: &Error) -> Result<ProviderError, Finding> {
    use ProviderErrorKind::*;
    Ok(match error {
        Error::NotFound { .. } if asked == Asked::IfMatch => ProviderError::answer(PreconditionFailed),
        Error::NotFound { .. } => ProviderError::not_found(),
        Error::AlreadyExists { .. } => ProviderError::answer(AlreadyExists),
        Error::Precondition { .. } if asked == Asked::Create => ProviderError::answer(AlreadyExists),
        Error::Precondition { .. } => ProviderError::answer(PreconditionFailed),
        Error::NotModified { .. } => ProviderError::answer(NotModified),
        Error::PermissionDenied { .. } => ProviderError::new(Denied, Outcome::new(Verdict::Denied, Sent::Maybe)),
        Error::Unauthenticated { .. } => {
            let denied = Outcome::new(Verdict::Denied, Sent::Maybe);
            ProviderError::new(Denied, denied.naming_the_credential())
        }
        Error::NotImplemented { .. } | Error::NotSupported { .. } => {
            ProviderError::unsupported("object_store has not implemented this for the store")
        }
        // OpenDAL's bridge has the kind of OpenDAL's error here.
        Error::Generic {
            store: "RateLimited", ..
        } => ProviderError::new(Throttled, Outcome::new(Verdict::Throttled, Sent::Maybe)),
        Error::Generic {
            store: "PermissionDenied",
            ..
        } => ProviderError::new(Denied, Outcome::new(Verdict::Denied, Sent::Maybe)),
        Error::Generic {
            store: "RangeNotSatisfied",
            ..
        } => ProviderError::answer(RangeNotSatisfiable),
        Error::InvalidPath { .. } | Error::UnknownConfigurationKey { .. } => {
            return Err(Finding::symptom(Symptom::NotBuilt));
        }
        _ if chain::chain(error).any(|error| error.to_string().starts_with("Wanted range starting at")) => {
            ProviderError::answer(RangeNotSatisfiable)
        }
        _ => {
            return Err(chain::transport(error).unwrap_or_else(|| {
                // The HTTP client's own limit has a private type.
                let late = chain::chain(error).any(|error| error.to_string() == "operation timed out");
                Finding::symptom(if late {
                    Symptom::AttemptTimeout
                } else {
                    Symptom::Unknown
                })
            }));
        }
    })
}
