//! What a finding means for a request: the part that every adapter over HTTP shares.

use super::{ProviderError, ProviderErrorKind};
use crate::{
    model::noted,
    request::object::PutMode,
    verdict::{
        Finding, Outcome, Verdict,
        table::{self, Symptom},
    },
};

/// The kind of request, as far as it matters to what a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Create,
    Overwrite,
    IfMatch,
    Read,
    Delete,
    List,
    #[cfg_attr(not(feature = "azure_blob"), allow(dead_code))]
    Bucket,
}

impl Asked {
    /// A write of this kind.
    #[cfg_attr(not(feature = "s3"), allow(dead_code))]
    pub(super) const fn to(mode: &PutMode) -> Self {
        match mode {
            PutMode::Create => Self::Create,
            PutMode::Overwrite => Self::Overwrite,
            PutMode::IfMatch(_) => Self::IfMatch,
        }
    }
}

/// A finding as the answer to this kind of request. `status` is the status of the answer, if there was an answer.
pub(super) fn refused(asked: Asked, finding: Finding, status: Option<u16>) -> ProviderError {
    if let Some(status) = status {
        noted::refused(status);
    }
    let (code, full) = (finding.detail.code.as_deref(), finding.detail.says_full());
    let (kind, verdict) = kind(asked, finding.outcome.verdict, status, code, full);
    let outcome = Outcome {
        verdict,
        ..finding.outcome
    };
    ProviderError::found(kind, Finding { outcome, ..finding })
}

/// The error of a success that lacks what a success must have.
pub(super) fn wrong(symptom: Symptom, request_id: Option<&str>) -> ProviderError {
    let finding = Finding::symptom(symptom).with_request_id(request_id);
    ProviderError::found(ProviderErrorKind::Failed, finding)
}

/// The error of a page that is no page of a listing: a gateway's page, or a page with a key that XML cannot hold.
#[cfg_attr(
    not(any(feature = "s3", feature = "azure_blob", feature = "object_store")),
    allow(dead_code)
)]
pub(super) fn unreadable_listing(request_id: Option<&str>) -> ProviderError {
    wrong(Symptom::Nonsense, request_id).with_message("the listing is not readable XML")
}

/// Warns that a header beside the body was left out. The caller calls this once for each header and adapter.
#[cfg_attr(
    not(any(feature = "s3", feature = "azure_blob", feature = "object_store_http")),
    allow(dead_code)
)]
pub(super) fn tell_unreadable(header: &str) {
    tracing::warn!(
        target: "evenkeel",
        "the store's `{header}` cannot be read and is left out; this is said once"
    );
}

/// What a verdict means for this kind of request, and the verdict as the request corrects it.
fn kind(
    asked: Asked,
    verdict: Verdict,
    status: Option<u16>,
    code: Option<&str>,
    full: bool,
) -> (ProviderErrorKind, Verdict) {
    use ProviderErrorKind::*;
    let is_named = code.and_then(table::row_for_code).is_some();
    let kind = match verdict {
        // The code names what is gone.
        Verdict::Absent if code == Some("NoSuchUpload") => return (UploadGone, Verdict::Answer),
        // S3 says 404 to If-Match on a key that is gone.
        Verdict::Absent if asked == Asked::IfMatch => return (PreconditionFailed, Verdict::Answer),
        Verdict::Absent if matches!(asked, Asked::Read | Asked::Delete) => NotFound,
        // Nothing but the bucket can be missing.
        Verdict::Absent => return (Invalid, Verdict::Caller),
        Verdict::Answer => match (asked, status, code) {
            // Anything on the way can say so. A store names what it means.
            (Asked::Create, Some(409), _) if !is_named => Conflict,
            (_, Some(409), _) | (Asked::Overwrite | Asked::Read, Some(412), _) if !is_named => {
                return (Failed, Verdict::Faulty);
            }
            (Asked::Create, ..) => AlreadyExists,
            (_, Some(304), _) => NotModified,
            (_, Some(416), _) | (_, _, Some("InvalidRange")) => RangeNotSatisfiable,
            _ => PreconditionFailed,
        },
        Verdict::Throttled if full => Full,
        Verdict::Throttled => Throttled,
        Verdict::Denied => Denied,
        Verdict::Caller if status == Some(501) || code == Some("NotImplemented") => Unsupported,
        Verdict::Caller => Invalid,
        Verdict::Success | Verdict::Unreachable | Verdict::Faulty => Failed,
    };
    (kind, verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_decides_what_a_refusal_means() {
        use ProviderErrorKind::*;
        let precondition = Some("PreconditionFailed");
        for (asked, verdict, status, code, expected) in [
            (
                Asked::Create,
                Verdict::Answer,
                412,
                precondition,
                (AlreadyExists, Verdict::Answer),
            ),
            (
                Asked::Create,
                Verdict::Answer,
                409,
                Some("FileAlreadyExists"),
                (AlreadyExists, Verdict::Answer),
            ),
            (Asked::Create, Verdict::Answer, 409, None, (Conflict, Verdict::Answer)),
            (Asked::IfMatch, Verdict::Answer, 409, None, (Failed, Verdict::Faulty)),
            (Asked::Delete, Verdict::Answer, 409, None, (Failed, Verdict::Faulty)),
            (Asked::Overwrite, Verdict::Answer, 412, None, (Failed, Verdict::Faulty)),
            (
                Asked::IfMatch,
                Verdict::Answer,
                412,
                precondition,
                (PreconditionFailed, Verdict::Answer),
            ),
            (
                Asked::IfMatch,
                Verdict::Absent,
                404,
                Some("NoSuchKey"),
                (PreconditionFailed, Verdict::Answer),
            ),
            (Asked::Read, Verdict::Absent, 404, None, (NotFound, Verdict::Absent)),
            (
                Asked::IfMatch,
                Verdict::Absent,
                404,
                Some("NoSuchUpload"),
                (UploadGone, Verdict::Answer),
            ),
            (Asked::Overwrite, Verdict::Absent, 404, None, (Invalid, Verdict::Caller)),
            (Asked::List, Verdict::Absent, 404, None, (Invalid, Verdict::Caller)),
            (Asked::Read, Verdict::Answer, 304, None, (NotModified, Verdict::Answer)),
            (
                Asked::Read,
                Verdict::Answer,
                416,
                None,
                (RangeNotSatisfiable, Verdict::Answer),
            ),
            (
                Asked::Read,
                Verdict::Answer,
                400,
                Some("InvalidRange"),
                (RangeNotSatisfiable, Verdict::Answer),
            ),
            (
                Asked::Create,
                Verdict::Caller,
                501,
                Some("NotImplemented"),
                (Unsupported, Verdict::Caller),
            ),
        ] {
            assert_eq!(
                kind(asked, verdict, Some(status), code, false),
                expected,
                "{asked:?} {status} {code:?}"
            );
        }
    }
}
