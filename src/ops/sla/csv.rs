//! Rows of the file.

use crate::{
    ops::text::Utc,
    request::{Abandoned, Ended},
    telemetry::{AttemptEnd, ENDINGS, ending, unix_millis},
    verdict::{Sent, Verdict},
};
use std::fmt::{Display, Write};

/// The name of the column that says what Amazon S3 counts by its agreement of 28 November 2023.
pub const COUNTS_AWS_S3: &str = "counts_aws_s3_2023_11";

/// The codes whose share of the requests is the error rate of that agreement.
const COUNTED: [&str; 2] = ["InternalError", "ServiceUnavailable"];

pub(super) fn head() -> String {
    format!(
        "ended_utc,client,endpoint,provider,region,operation,attempt,status,code,request_id,verdict,took_ms,{COUNTS_AWS_S3},dropped\r\n"
    )
}

/// A row that says how many rows are missing.
pub(super) fn dropped(now_ms: u64, count: u64) -> String {
    format!("{},,,,,,,,,,,,,{count}\r\n", Utc(now_ms))
}

pub(super) fn row(end: &AttemptEnd, into: &mut String) {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
    let _ = write!(into, "{}", Utc(unix_millis(end.wall)));
    for cell in [
        &*end.client,
        &*end.endpoint,
        &text(&end.provider),
        &text(&end.region),
        end.operation,
        end.kind.as_str(),
    ] {
        add(into, cell);
    }
    add_number(into, end.status);
    add(into, end.code.as_deref().unwrap_or_default());
    add(into, end.request_id.as_deref().unwrap_or_default());
    add(into, ENDINGS[ending(end.ended)]);
    add_number(into, Some(end.took.as_millis()));
    add(into, counts(end));
    into.push_str(",\r\n");
}

fn add_number(into: &mut String, number: Option<impl Display>) {
    into.push(',');
    if let Some(number) = number {
        let _ = write!(into, "{number}");
    }
}

/// Adds a comma and a cell: on one line, quoted where it must be, and no formula.
fn add(into: &mut String, cell: &str) {
    into.push(',');
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let is_quoted = cell.contains([',', '"']) || cell.starts_with(' ') || cell.ends_with(' ');
    if is_quoted {
        into.push('"');
    }
    if is_formula {
        into.push('\'');
    }
    for letter in cell.chars() {
        match letter {
            '"' => into.push_str("\"\""),
            _ if letter.is_control() => into.push(' '),
            _ => into.push(letter),
        }
    }
    if is_quoted {
        into.push('"');
    }
}

/// What Amazon's text counts.
fn counts(end: &AttemptEnd) -> &'static str {
    let is_amazon_s3 = end.noun == "object"
        && end
            .provider
            .as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case("aws"));
    if !is_amazon_s3 {
        return "";
    }
    match end.ended {
        Ended::Abandoned(Abandoned::Young | Abandoned::Late) => "apart",
        Ended::Judged(outcome) => match outcome.verdict {
            // A limit of ours returned nothing, whatever the code is called.
            _ if outcome.timed_out => "apart",
            _ if end.code.as_deref().is_some_and(|code| COUNTED.contains(&code)) => "error",
            Verdict::Faulty | Verdict::Throttled | Verdict::Unreachable => "apart",
            // Refused in this process: no request was sent.
            _ if outcome.sent == Sent::No => "apart",
            Verdict::Success | Verdict::Answer | Verdict::Absent | Verdict::Denied | Verdict::Caller => "request",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        request::{LegKind, OpClass},
        verdict::Outcome,
    };
    use std::time::{Duration, SystemTime};

    fn end(outcome: Outcome, code: Option<&str>) -> AttemptEnd {
        AttemptEnd {
            wall: SystemTime::UNIX_EPOCH + Duration::from_millis(1_760_943_000_042),
            client: "photos".into(),
            noun: "object",
            endpoint: "virginia".into(),
            provider: Some("aws".into()),
            region: Some("us-east-1".into()),
            operation: "get",
            class: OpClass::Read,
            kind: LegKind::Hedge,
            ended: Ended::Judged(outcome),
            took: Duration::from_millis(17),
            status: Some(500),
            code: code.map(str::to_owned),
            request_id: Some("REQ42".to_owned()),
        }
    }

    fn written(end: &AttemptEnd) -> String {
        let mut text = String::new();
        row(end, &mut text);
        text
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let faulty = Outcome::new(Verdict::Faulty, Sent::Maybe);
        let row = written(&end(faulty, Some("InternalError")));
        assert_eq!(
            row,
            "2025-10-20T06:50:00.042Z,photos,virginia,aws,us-east-1,get,hedge,500,InternalError,REQ42,faulty,17,error,\r\n"
        );
        let columns = |text: &str| text.split(',').count();
        assert_eq!(columns(&head()), columns(&row));
        assert_eq!(columns(&dropped(0, 7)), columns(&row));
    }

    #[test]
    fn only_returned_errors_count() {
        let maybe = |verdict| Outcome::new(verdict, Sent::Maybe);
        for (outcome, code, counted) in [
            (maybe(Verdict::Faulty), Some("InternalError"), "error"),
            (maybe(Verdict::Faulty), Some("ServiceUnavailable"), "error"),
            (maybe(Verdict::Throttled), Some("SlowDown"), "apart"),
            (maybe(Verdict::Faulty), Some("HTTP 503"), "apart"),
            (Outcome::TIMED_OUT, Some("timeout"), "apart"),
            (Outcome::new(Verdict::Unreachable, Sent::No), Some("dns-empty"), "apart"),
            (Outcome::new(Verdict::Caller, Sent::No), None, "apart"),
            (maybe(Verdict::Success), None, "request"),
            (maybe(Verdict::Absent), Some("NoSuchKey"), "request"),
            (maybe(Verdict::Denied), Some("AccessDenied"), "request"),
        ] {
            assert_eq!(counts(&end(outcome, code)), counted, "{outcome:?} {code:?}");
        }
        let mut elsewhere = end(maybe(Verdict::Faulty), Some("InternalError"));
        elsewhere.provider = Some("stackit".into());
        assert_eq!(counts(&elsewhere), "", "another provider's agreement");
        elsewhere = end(maybe(Verdict::Faulty), Some("InternalError"));
        elsewhere.noun = "key";
        assert_eq!(counts(&elsewhere), "", "DynamoDB has an agreement of its own");
        elsewhere = end(maybe(Verdict::Faulty), None);
        elsewhere.ended = Ended::Abandoned(Abandoned::Late);
        assert_eq!(counts(&elsewhere), "apart");
    }

    #[test]
    fn hostile_names_are_neither_formulas_nor_rows() {
        let cell = |text: &str| {
            let mut into = String::new();
            add(&mut into, text);
            into
        };
        assert_eq!(
            cell("=HYPERLINK(\"http://x\",1)"),
            ",\"'=HYPERLINK(\"\"http://x\"\",1)\""
        );
        assert_eq!(cell("+1"), ",'+1");
        assert_eq!(cell("-1"), ",'-1");
        assert_eq!(cell("@SUM(A1)"), ",'@SUM(A1)");
        assert_eq!(cell("\t=1"), ",' =1");
        assert_eq!(cell("a\r\nb,c"), ",\"a  b,c\"");
        assert_eq!(cell("plain"), ",plain");
        assert_eq!(cell(""), ",");
    }
}
