//! One record as one line: `crc32 json`. And the lines before all records.

use super::Record;

const MAGIC: &str = "evenkeel-flight-recorder";
/// The version of the format.
pub(super) const FORMAT: u32 = 1;
/// The longest line. The longest that this crate writes, a reading of 64 places, is half of it, unless names are very long.
pub(super) const LONGEST: usize = 64 << 10;

const CONTAINS: &str = "\
# What evenkeel decided in this process and why: events, and counts of attempts, with times, names of clients, endpoints\n\
# and credentials' keepers, hosts that endpoints share, and the reasons and authors of operators' orders as they were given.\n\
# No keys or contents of objects, no credentials, no texts that a server sent.\n\
# Each line is the CRC-32 of its JSON in hexadecimal, a space, and the JSON. `cargo run --example incident` reads it.\n";

/// How a segment begins.
pub(super) fn header() -> String {
    format!("{MAGIC} {FORMAT}\n{CONTAINS}")
}

/// What a file is, by its beginning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// Nothing, or a piece of a first line: what a full disk leaves.
    Empty,
    Ours,
    Newer(u32),
    Foreign,
}

/// What a file is. `start`: its first bytes, [`FIRST`] if there are so many.
pub(super) fn beginning(start: &[u8]) -> Beginning {
    let Some(end) = start.iter().position(|byte| *byte == b'\n') else {
        let piece = format!("{MAGIC} {FORMAT}");
        return match piece.as_bytes().starts_with(start) {
            true => Beginning::Empty,
            false => Beginning::Foreign,
        };
    };
    let line = std::str::from_utf8(&start[..end]).unwrap_or_default();
    let version = line.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(' '));
    match version.map(|version| version.trim_end().parse::<u32>()) {
        Some(Ok(FORMAT)) => Beginning::Ours,
        Some(Ok(version)) if version > FORMAT => Beginning::Newer(version),
        _ => Beginning::Foreign,
    }
}

/// As many bytes as tell what a file is.
pub(super) const FIRST: usize = 64;

/// Appends a record. Returns whether it is there: a record that is too long is not.
pub(super) fn write(record: &Record, text: &mut Vec<u8>) -> bool {
    let Ok(json) = serde_json::to_vec(record) else {
        return false;
    };
    if json.len() + 10 > LONGEST {
        return false;
    }
    text.extend_from_slice(format!("{:08x} ", crc32fast::hash(&json)).as_bytes());
    text.extend_from_slice(&json);
    text.push(b'\n');
    true
}

/// What a line is, without its end.
#[derive(Debug)]
pub(super) enum Line {
    Record(Record),
    /// A comment, or nothing.
    Silent,
    /// Whole, and of a kind that this version does not know.
    Unknown,
    Damaged,
}

pub(super) fn read(line: &[u8]) -> Line {
    if line.is_empty() || line[0] == b'#' {
        return Line::Silent;
    }
    let Some((check, json)) = line.split_at_checked(9).filter(|(check, _)| check[8] == b' ') else {
        return Line::Damaged;
    };
    let said = std::str::from_utf8(&check[..8])
        .ok()
        .and_then(|hex| u32::from_str_radix(hex, 16).ok());
    if said != Some(crc32fast::hash(json)) {
        return Line::Damaged;
    }
    match serde_json::from_slice(json) {
        Ok(Record::Event(noted)) if noted.entry.version > crate::telemetry::Entry::VERSION => Line::Unknown,
        Ok(record) => Line::Record(record),
        Err(_) => Line::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Lost, *};

    #[test]
    fn every_damaged_byte_of_a_line_is_found() {
        let record = Record::Lost(Lost { count: 3, wall_ms: 7 });
        let mut line = Vec::new();
        assert!(write(&record, &mut line));
        assert_eq!(line.pop(), Some(b'\n'));
        assert!(matches!(read(&line), Line::Record(same) if same == record));
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut damaged = line.clone();
                damaged[at] ^= 1 << bit;
                // Hexadecimal digits have two cases, which mean the same.
                let same = damaged.eq_ignore_ascii_case(&line) && at < 8;
                assert!(
                    same || !matches!(read(&damaged), Line::Record(_)),
                    "byte {at}, bit {bit}"
                );
            }
            assert!(!matches!(read(&line[..at]), Line::Record(_)), "cut at {at}");
        }
    }

    #[test]
    fn a_kind_of_a_later_version_is_unknown_and_not_damaged() {
        let json = br#"{"weather":{"sunny":true}}"#;
        let line = [format!("{:08x} ", crc32fast::hash(json)).as_bytes(), json].concat();
        assert!(matches!(read(&line), Line::Unknown));
    }

    #[test]
    fn a_beginning_tells_what_a_file_is() {
        let header = header();
        assert_eq!(beginning(header.as_bytes()), Beginning::Ours);
        for cut in 0..MAGIC.len() + 2 {
            assert_eq!(beginning(&header.as_bytes()[..cut]), Beginning::Empty, "{cut}");
        }
        assert_eq!(beginning(b"evenkeel-flight-recorder 2\n"), Beginning::Newer(2));
        for foreign in [
            "evenkeel-flight-recorder 0\n",
            "evenkeel-backfill 1\n",
            "\n",
            "PK\x03\x04",
            "# hello\nworld",
        ] {
            assert_eq!(beginning(foreign.as_bytes()), Beginning::Foreign, "{foreign}");
        }
        assert!(
            header
                .lines()
                .skip(1)
                .all(|line| matches!(read(line.as_bytes()), Line::Silent))
        );
        assert!(
            header.lines().all(|line| line.len() <= 128),
            "people read it in a terminal"
        );
    }
}
