//! What the answers of gRPC services mean: for Bigtable, and for any client of your own on tonic. Feature `bigtable`.
//!
//! The code judges a status that the service sent. A status that the client made up, because there was no answer, is
//! judged by its cause: only a failed connect is *not sent*.
//!
//! ```
//! use evenkeel::{provider::GrpcVerdicts, verdict::{Classify, Sent, Verdict}};
//!
//! let full = tonic::Status::resource_exhausted("quota of customer-4711");
//! let outcome = GrpcVerdicts.classify(Err::<&(), _>(&full));
//! assert_eq!((outcome.verdict, outcome.sent), (Verdict::Throttled, Sent::Maybe));
//! ```

use crate::verdict::{
    Classify, Detail, Finding, Outcome, Sent, Standard, Verdict,
    Verdict::{Absent, Answer, Caller, Denied, Faulty, Throttled},
    chain,
    table::{self, Symptom},
};
use prost::Message;
use std::{error::Error, time::Duration};
use tonic::{Code, Status};

/// One code and its meaning. All codes are *maybe sent*: a service can fail before it acts and after.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The code.
    pub code: Code,
    /// The code's name, as an error shows it.
    pub name: &'static str,
    /// The verdict on this code.
    pub verdict: Verdict,
    /// The words that an error shows.
    pub phrase: &'static str,
    /// The reason for the verdict.
    pub why: &'static str,
}

const fn row(code: Code, name: &'static str, verdict: Verdict, phrase: &'static str, why: &'static str) -> Row {
    Row {
        code,
        name,
        verdict,
        phrase,
        why,
    }
}

/// All codes. `UNAUTHENTICATED` names the credential.
#[rustfmt::skip]
pub const CODES: &[Row] = &[
    row(Code::Cancelled, "CANCELLED", Faulty, "the service cancelled the call", "nobody here did: a caller who gives up hears nothing more"),
    row(Code::Unknown, "UNKNOWN", Faulty, "the service failed for an unknown reason", "also an answer that broke off without a status"),
    row(Code::InvalidArgument, "INVALID_ARGUMENT", Caller, "an argument is not valid", "wrong here, wrong everywhere"),
    row(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", Faulty, "the service took too long", "it may yet act"),
    row(Code::NotFound, "NOT_FOUND", Absent, "the resource does not exist", "the service is healthy and says so"),
    row(Code::AlreadyExists, "ALREADY_EXISTS", Answer, "the resource exists already", "asked for, and answered"),
    row(Code::PermissionDenied, "PERMISSION_DENIED", Denied, "access was denied", "the permission, not the credential"),
    row(Code::ResourceExhausted, "RESOURCE_EXHAUSTED", Throttled, "a quota is exhausted", "healthy and full"),
    row(Code::FailedPrecondition, "FAILED_PRECONDITION", Answer, "the condition does not hold", "asked for, and answered"),
    row(Code::Aborted, "ABORTED", Throttled, "another call was in the way", "a race that was not decided: nothing was done, try again"),
    row(Code::OutOfRange, "OUT_OF_RANGE", Answer, "the range lies outside the resource", "asked for, and answered"),
    row(Code::Unimplemented, "UNIMPLEMENTED", Caller, "the service does not implement this", "and would not tomorrow"),
    row(Code::Internal, "INTERNAL", Faulty, "the service failed inside", "a 500 in words"),
    row(Code::Unavailable, "UNAVAILABLE", Faulty, "the service is unavailable", "a 503 in words"),
    row(Code::DataLoss, "DATA_LOSS", Faulty, "the service has lost data", "or cannot read it"),
    row(Code::Unauthenticated, "UNAUTHENTICATED", Denied, "the credentials are not valid", "expired, or the service that knows them is down"),
];

/// [`Classify`] for `tonic::Status`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcVerdicts;

impl<T> Classify<T, Status> for GrpcVerdicts {
    fn classify(&self, result: Result<&T, &Status>) -> Outcome {
        result.map_or_else(|status| finding(status).outcome, |_| Outcome::SUCCESS)
    }

    fn detail(&self, result: Result<&T, &Status>) -> Detail {
        result.err().map(|status| finding(status).detail).unwrap_or_default()
    }
}

/// What a status means. The service's message can quote the request, so the message is read and never shown.
pub(crate) fn finding(status: &Status) -> Finding {
    if is_connecting(status) {
        return Finding::symptom(chain::connect(status));
    }
    if chain::is_going_away(status) {
        return Finding::symptom(Symptom::Unread).of_a_connection();
    }
    if status.source().is_some()
        && let Some(found) = chain::transport(status)
    {
        return found;
    }
    // What tonic makes of an HTTP answer that is none of gRPC's: a page of something that stands in between.
    let is_page = status.message().starts_with("grpc-status header missing");
    if is_page && matches!(status.code(), Code::Unimplemented | Code::Unknown | Code::Internal) {
        return Finding::symptom(Symptom::Nonsense);
    }
    let mut found = for_code(status.code());
    if matches!(status.code(), Code::ResourceExhausted | Code::Unavailable) {
        found.outcome.retry_after = retry_after(status.details());
    }
    found
}

/// Whether the attempt ended before there was a connection.
pub(crate) fn is_connecting(status: &Status) -> bool {
    chain::find::<tonic::ConnectError>(status).is_some()
}

/// What a code alone means, as for one entry of a batch.
pub(crate) fn for_code(code: Code) -> Finding {
    let Some(row) = CODES.iter().find(|row| row.code == code) else {
        // A failure that says it is none.
        return Finding::symptom(Symptom::Nonsense);
    };
    let outcome = Outcome::new(row.verdict, Sent::Maybe);
    Finding {
        outcome: match code {
            Code::Unauthenticated => outcome.naming_the_credential(),
            _ => outcome,
        },
        detail: Detail {
            code: Some(row.name.to_owned()),
            request_id: None,
            message: Some(row.phrase.to_owned()),
        },
    }
}

/// How long the service asks the client to wait: `google.rpc.RetryInfo` among a status' details. An hour at most.
fn retry_after(details: &[u8]) -> Option<Duration> {
    use googleapis_tonic_google_bigtable_v2::google::rpc;
    let status = rpc::Status::decode(details).ok()?;
    let mut details = status.details.iter();
    let info = details.find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = rpc::RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    let delay = Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?);
    Some(delay.min(table::LONGEST_RETRY_AFTER))
}

impl<T> Classify<T, tonic::Status> for Standard {
    fn classify(&self, result: Result<&T, &tonic::Status>) -> Outcome {
        GrpcVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &tonic::Status>) -> Detail {
        GrpcVerdicts.detail(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_row_and_no_message_is_shown() {
        for code in 1..=16 {
            let code = Code::from(code);
            let status = Status::new(code, "table of customer-4711");
            let Finding { outcome, detail } = finding(&status);
            assert!(CODES.iter().any(|row| row.code == code), "{code:?}");
            assert_eq!(outcome.sent, Sent::Maybe, "{code:?}");
            assert!(!format!("{detail:?}").contains("4711"));
        }
        assert!(finding(&Status::unauthenticated("")).outcome.credential);
        assert!(!finding(&Status::permission_denied("")).outcome.credential);
        assert_eq!(finding(&Status::ok("")).outcome.verdict, Faulty);
    }

    /// Google's SDKs carry the same codes, and are judged by the table of HTTP statuses.
    #[cfg(feature = "google_cloud")]
    #[test]
    fn each_code_means_the_same_from_googles_sdks() {
        use google_cloud_gax::error::{Error, rpc};
        for row in CODES {
            let code = rpc::Code::from(row.code as i32);
            let sdk = crate::provider::google::judged(&Error::service(rpc::Status::default().set_code(code)));
            let mine = for_code(row.code).outcome;
            let theirs = sdk.0.outcome;
            assert_eq!(
                (mine.verdict, mine.sent, mine.credential),
                (theirs.verdict, theirs.sent, theirs.credential),
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn a_failed_connect_is_unsent_and_an_html_page_is_faulty() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let status = Status::from_error(Box::new(tonic::ConnectError(refused.into())));
        let Finding { outcome, detail } = finding(&status);
        assert_eq!((outcome.verdict, outcome.sent), (Verdict::Unreachable, Sent::No));
        assert_eq!(detail.code.as_deref(), Some("connection refused"));
        let page = Status::unimplemented("grpc-status header missing, mapped from HTTP status code 404");
        assert_eq!(finding(&page).outcome.verdict, Faulty);
        assert_eq!(
            finding(&Status::unimplemented("no such method")).outcome.verdict,
            Caller
        );
    }

    #[test]
    fn the_retry_delay_of_a_status_is_read() {
        use googleapis_tonic_google_bigtable_v2::google::rpc;
        // RetryInfo { retry_delay: { seconds: 7, nanos: 500_000_000 } }
        let mut delay = vec![0x0a, 0x07, 0x08, 0x07, 0x10];
        delay.extend([0x80, 0xca, 0xb5, 0xee, 0x01]);
        delay[1] = 8;
        let mut status = rpc::Status {
            code: 8,
            ..rpc::Status::default()
        };
        status.details.resize_with(1, Default::default);
        status.details[0].type_url = "type.googleapis.com/google.rpc.RetryInfo".into();
        status.details[0].value = delay;
        let status = Status::with_details(Code::ResourceExhausted, "", status.encode_to_vec().into());
        let outcome = finding(&status).outcome;
        assert_eq!(
            (outcome.verdict, outcome.retry_after),
            (Throttled, Some(Duration::from_millis(7_500)))
        );
        assert!(retry_after(b"nonsense").is_none());
    }
}
