use super::*;
use std::fmt::Write;

/// Every row is found under its own symptom: no row is hidden by an earlier one.
#[test]
fn every_row_of_the_table_is_reachable() {
    for row in CODES {
        let code = row.symptom.replace('*', "Something");
        assert_eq!(row_for_code(&code), Some(row), "{code}");
        assert!(
            row.symptom
                .trim_end_matches('*')
                .bytes()
                .all(|b| b.is_ascii_alphanumeric())
        );
    }
    for row in STATUSES {
        let reached = row.symptom.clone().any(|status| for_status(status) == row.outcome());
        assert!(reached, "{row:?}");
    }
    for row in IO {
        assert_eq!(for_io(row.symptom), row.outcome());
        assert_eq!(row.sent, Sent::Maybe, "a bare I/O error proves nothing: {row:?}");
    }
    for row in SYMPTOMS {
        assert_eq!(row_for_symptom(row.symptom), row);
    }
    assert_eq!(row_for_symptom(Symptom::Unknown).symptom, Symptom::Unknown);
}

/// An answer shows that the request was sent.
#[test]
fn an_answered_request_is_never_unsent() {
    // Unless it says that it was not even believed to be from now.
    let of_the_clock = [SKEWED, "RequestExpired"];
    assert!(
        CODES
            .iter()
            .all(|row| (row.sent == Sent::No) == of_the_clock.contains(&row.symptom))
    );
    let of_a_gateway = |row: &Row<RangeInclusive<u16>>| row.symptom == (413..=413);
    assert!(STATUSES.iter().all(|row| (row.sent == Sent::No) == of_a_gateway(row)));
}

#[test]
fn statuses_and_codes_have_the_decided_verdicts() {
    use Verdict::*;
    for (status, code, verdict) in [
        (503, Some("SlowDown"), Throttled),
        (503, None, Faulty),
        (503, Some("ServiceUnavailable"), Faulty),
        (429, None, Throttled),
        (400, Some("ThrottlingException"), Throttled),
        (400, Some("ProvisionedThroughputExceededException"), Throttled),
        (400, Some("RequestLimitExceeded"), Throttled),
        (400, Some("TransactionConflictException"), Throttled),
        (400, Some("ReplicatedWriteConflictException"), Throttled),
        (400, Some("ItemCollectionSizeLimitExceededException"), Caller),
        (400, Some("ResourceNotFoundException"), Caller),
        (500, Some("InternalError"), Faulty),
        (500, None, Faulty),
        (502, None, Faulty),
        (504, None, Faulty),
        (599, None, Faulty),
        (501, None, Caller),
        (507, None, Throttled),
        (507, Some("XMinioStorageFull"), Throttled),
        (403, Some("QuotaExceeded"), Throttled),
        (404, Some("NoSuchKey"), Absent),
        (404, None, Absent),
        (404, Some("NoSuchBucket"), Caller),
        (412, None, Answer),
        (304, None, Answer),
        (409, None, Answer),
        (409, Some("ConditionalRequestConflict"), Throttled),
        (409, Some("OperationAborted"), Throttled),
        (416, None, Answer),
        (400, Some("InvalidRange"), Answer),
        (401, None, Denied),
        (403, None, Denied),
        (403, Some("AccessDenied"), Denied),
        (400, Some("RequestTimeout"), Faulty),
        (400, None, Caller),
        (405, None, Caller),
        (413, None, Faulty),
        (413, Some("EntityTooLarge"), Caller),
        (413, Some("SomethingNew"), Caller),
        (422, Some("SomethingNew"), Caller),
        (301, Some("PermanentRedirect"), Caller),
        (302, None, Caller),
        (200, Some("InternalError"), Faulty),
        (200, Some("NoSuchKey"), Faulty),
        (200, Some("SlowDown"), Throttled),
        (200, None, Faulty),
        (99, None, Faulty),
    ] {
        assert_eq!(for_answer(status, code, None).verdict, verdict, "{status} {code:?}");
    }
    let reduce = Some("Please reduce your request rate.");
    assert_eq!(for_answer(503, Some("ServiceUnavailable"), reduce).verdict, Throttled);
}

#[test]
fn refusals_of_the_credential_name_the_credential() {
    for code in [
        "InvalidAccessKeyId",
        "ExpiredToken",
        "TokenRefreshRequired",
        "SignatureDoesNotMatch",
        "InvalidToken",
    ] {
        let outcome = for_answer(403, Some(code), None);
        assert!(outcome.verdict == Verdict::Denied && outcome.credential, "{code}");
    }
    assert!(!for_answer(403, Some("AccessDenied"), None).credential);
    for (code, message) in [
        (Some("RequestTimeTooSkewed"), ""),
        (
            Some("InvalidSignatureException"),
            "Signature expired: 20261120T100000Z is now earlier than 20261120T100200Z",
        ),
        (
            Some("SignatureDoesNotMatch"),
            "Signature not yet current: x is still later than y",
        ),
        (
            Some("AuthenticationFailed"),
            "<AuthenticationErrorDetail>Request date header too old</AuthenticationErrorDetail>",
        ),
        (None, "The authorization token is not valid at the current time."),
    ] {
        let outcome = for_answer(403, code, Some(message));
        assert_eq!(outcome, Outcome::new(Verdict::Denied, Sent::No), "{code:?} {message}");
    }
    // A permission is one, whatever the message says.
    let denied = for_answer(403, Some("AccessDenied"), Some("Signature expired"));
    assert_eq!(denied.sent, Sent::Maybe);
    assert!(!for_status(403).credential);
}

#[test]
fn only_connection_failures_are_unsent() {
    use Symptom::*;
    let unsent: Vec<_> = SYMPTOMS
        .iter()
        .filter(|row| row.sent == Sent::No)
        .map(|row| row.symptom)
        .collect();
    let proven = [
        ConnectRefused,
        ConnectTimeout,
        DnsNoSuchName,
        DnsEmpty,
        DnsFailed,
        TlsHandshake,
        NotTls,
        ConnectFailed,
        Unread,
        CredentialsNotLoaded,
        NotBuilt,
    ];
    assert_eq!(unsent, proven);
}

#[test]
fn retry_after_is_parsed_in_seconds() {
    assert_eq!(retry_after(" 5 "), Some(Duration::from_secs(5)));
    assert_eq!(retry_after("86400"), Some(Duration::from_secs(3600)));
    assert_eq!(retry_after("Fri, 20 Nov 2026 10:00:00 GMT"), None);
    assert_eq!(retry_after("-1"), None);
}

/// Nothing was done in any case, but the next steps differ.
#[test]
fn reasons_decide_the_verdict_of_a_cancelled_transaction() {
    use Verdict::*;
    for (reasons, verdict) in [
        ("[ConditionalCheckFailed, None]", Answer),
        ("[TransactionConflict, ConditionalCheckFailed]", Answer),
        ("[None, TransactionConflict]", Throttled),
        ("[ProvisionedThroughputExceeded]", Throttled),
        ("[ThrottlingError, None, None]", Throttled),
        ("[ItemCollectionSizeLimitExceeded]", Caller),
        ("[ValidationError, TransactionConflict]", Caller),
        ("[SomethingNew]", Answer),
        ("", Answer),
    ] {
        let message =
            format!("Transaction cancelled, please refer cancellation reasons for specific reasons {reasons}");
        let outcome = for_answer(400, Some("TransactionCanceledException"), Some(&message));
        assert_eq!(outcome.verdict, verdict, "{reasons}");
        assert!(!outcome.may_have_been_applied());
    }
}

/// The page in the docs is the data. When this test fails, put its output into `table.md`.
#[test]
fn the_documented_table_matches_the_code() {
    fn part<S>(out: &mut String, title: &str, rows: &[Row<S>], name: impl Fn(&S) -> String) {
        let _ = writeln!(
            out,
            "\n## {title}\n\n| symptom | verdict | sent | it says | why |\n|---|---|---|---|---|"
        );
        for row in rows {
            let credential = match (row.credential, row.broken) {
                (true, _) => ", names the credential",
                (false, true) => ", of one connection",
                (false, false) => "",
            };
            let sent = if row.sent == Sent::No { "no" } else { "maybe" };
            let _ = writeln!(
                out,
                "| {} | `{:?}`{credential} | {sent} | {} | {} |",
                name(&row.symptom),
                row.verdict,
                row.phrase,
                row.why
            );
        }
    }
    let mut page = String::new();
    part(&mut page, "By the provider's code", CODES, |code| format!("`{code}`"));
    part(
        &mut page,
        "By HTTP status, where no known code says more",
        STATUSES,
        |range| match (*range.start(), *range.end()) {
            (0, _) => "any other".into(),
            (start, end) if start == end => start.to_string(),
            (start, end) => format!("{start}–{end}"),
        },
    );
    part(&mut page, "By the kind of a bare I/O error", IO, |kind| {
        format!("`{kind:?}`")
    });
    part(&mut page, "By name", SYMPTOMS, |symptom| format!("`{symptom:?}`"));
    assert!(page == include_str!("table.md"), "{page}");
}
