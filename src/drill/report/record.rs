use crate::telemetry::Field;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write};

/// One line of `records.jsonl`. A record holds the digest of the line before it, so that no line can be changed, removed
/// or put elsewhere without changing each one after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Record {
    /// Counted from 1.
    pub number: u64,
    /// Milliseconds from the start of the scenario; before it they are negative.
    pub at_ms: i64,
    /// `drill-planned`, `drill-started`, `phase-began`, `drill-ended`, `drill-measured`, or the
    /// [kind](crate::telemetry::Event::kind) of an event of the client.
    pub kind: String,
    /// What is known of it. Texts may be a user's: escape them.
    pub fields: BTreeMap<String, Field>,
    /// The digest of the line before, without its line feed. The first record has [`Record::NOTHING`].
    pub previous: String,
}

impl Record {
    /// What the first record has instead of a digest.
    pub const NOTHING: &'static str = "sha256:none";

    /// The record as a line, without a line feed.
    pub fn line(&self) -> String {
        // Strings and whole numbers only: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Records that grow at their end.
#[derive(Clone, Debug)]
pub(super) struct Records {
    pub(super) all: Vec<Record>,
    /// The digest of the last line.
    pub(super) head: String,
}

impl Records {
    pub(super) fn new() -> Self {
        Self {
            all: Vec::new(),
            head: Record::NOTHING.to_owned(),
        }
    }

    pub(super) fn add(&mut self, at_ms: i64, kind: &str, fields: BTreeMap<String, Field>) {
        let record = Record {
            number: self.all.len() as u64 + 1,
            at_ms,
            kind: kind.to_owned(),
            fields,
            previous: self.head.clone(),
        };
        self.head = digest(record.line().as_bytes());
        self.all.push(record);
    }

    /// As the file has them: a line feed after each.
    pub(super) fn lines(&self) -> String {
        let each = self.all.iter().map(|record| record.line() + "\n");
        each.collect()
    }
}

/// `sha256:` and 64 hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_holds_the_digest_of_the_line_before() {
        let mut records = Records::new();
        records.add(-50, "drill-planned", BTreeMap::new());
        records.add(
            0,
            "note",
            BTreeMap::from([("text".to_owned(), Field::from("a\nb\u{2028}"))]),
        );
        let lines = records.lines();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines.len(), 2, "a line feed in a text is escaped");
        assert_eq!(records.all[0].previous, Record::NOTHING);
        assert_eq!(records.all[1].previous, digest(lines[0].as_bytes()));
        assert_eq!(records.head, digest(lines[1].as_bytes()));
        let read: Record = serde_json::from_str(lines[1]).unwrap();
        assert_eq!(read, records.all[1]);
    }
}
