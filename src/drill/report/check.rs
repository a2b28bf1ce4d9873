//! Whether a directory is the report that was written. What is not is named.

use super::{
    Attestation, Chain, Criteria, Record, Report,
    judge::{judge, verdict},
    manifest::{ATTESTATION, FILES, MANIFEST, Manifest, RECORDS, REPORT, SIGNATURE, Unreadable},
    record::digest,
};
use crate::telemetry::Field;
use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// A report that is consistent in itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Checked {
    /// The report.
    pub report: Report,
    /// Who approved and when, as the directory says.
    pub attestation: Attestation,
    /// The public key that the directory names, in hexadecimal digits. It proves nothing: whoever changes the directory
    /// names another. `None`: it is not signed.
    pub key: Option<String>,
    /// The digest of the manifest, which has the digest of every file: one line that stands for the whole directory.
    pub digest: String,
}

/// Why a directory is not the report that was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no manifest.
    #[error("this is no report of a drill: there is no manifest.json")]
    NoReport,
    /// A later version of evenkeel wrote it.
    #[error("a later version of evenkeel wrote this report (its form is {found}): use that version to verify it")]
    Newer {
        /// The version of its form.
        found: u32,
    },
    /// A file of the report is not there.
    #[error("{file} was removed")]
    Removed {
        /// The file's name.
        file: String,
    },
    /// There is a file that the report does not have.
    #[error("{file} does not belong to the report: it was added")]
    Added {
        /// The file's name, with what no terminal should get left out.
        file: String,
    },
    /// A file is a link or a directory.
    #[error("{file} is no regular file")]
    NotAFile {
        /// The file's name.
        file: String,
    },
    /// A file is not as it was written.
    #[error("{file} was altered")]
    Altered {
        /// The file's name.
        file: String,
    },
    /// The records are not as they were written.
    #[error("records.jsonl was altered: {0}")]
    Records(BrokenChain),
    /// The files are as they were written, and contradict each other.
    #[error("the report contradicts itself: {0}")]
    Contradiction(&'static str),
    /// It is not signed.
    #[error("the report is not signed: nobody vouches for it")]
    Unsigned,
    /// It was signed by a key that is not the one given.
    #[error("the report was signed by another key")]
    OtherKey,
    /// The signature is none of this key and this manifest.
    #[error("the signature is not one of this key for this report")]
    BadSignature,
    /// The file system refused.
    #[error("{file} could not be read")]
    Io {
        /// The file's name, or `the directory`.
        file: String,
        /// What the file system said.
        source: io::Error,
    },
}

/// What happened to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokenChain {
    /// A line is not what it was.
    Altered {
        /// The line, counted from 1.
        line: u64,
    },
    /// A record is missing between others.
    Removed {
        /// The number of the record.
        number: u64,
    },
    /// A record stands where another should.
    Reordered {
        /// The line, counted from 1.
        line: u64,
    },
    /// Records at the end are missing.
    Cut {
        /// How many there are.
        left: u64,
        /// How many there were.
        of: u64,
    },
    /// Records were added at the end.
    Added {
        /// How many there were.
        of: u64,
    },
}

impl fmt::Display for BrokenChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { line } => write!(f, "line {line} is not what it was"),
            Self::Removed { number } => write!(f, "record {number} was removed"),
            Self::Reordered { line } => write!(f, "the record on line {line} is not in its place"),
            Self::Cut { left, of } => write!(f, "the end was cut off, {left} of {of} records are left"),
            Self::Added { of } => write!(f, "records were added after the last of {of}"),
        }
    }
}

/// Checks that a directory is a report that is consistent in itself: every file has its digest, every record the digest of
/// the one before, and verdicts follow from figures. **It does not prove who made it**: without a key, whoever can write
/// the directory can make another one.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(directory: &Path) -> Result<Checked, VerifyError> {
    let (manifest, bytes) = manifest(directory)?;
    contents(directory, &manifest, &bytes)
}

/// A text, a signature and digests are far smaller than this.
const SMALL: u64 = 1 << 20;
/// Far above what a journal keeps.
const LARGE: u64 = 1 << 30;

/// The manifest, and its bytes.
pub(super) fn manifest(directory: &Path) -> Result<(Manifest, Vec<u8>), VerifyError> {
    let bytes = match read(directory, MANIFEST, SMALL) {
        Err(VerifyError::Removed { .. }) => return Err(VerifyError::NoReport),
        other => other?,
    };
    match Manifest::read(&bytes) {
        Ok(manifest) => Ok((manifest, bytes)),
        Err(Unreadable::Newer(found)) => Err(VerifyError::Newer { found }),
        Err(Unreadable::Altered) => Err(altered(MANIFEST)),
    }
}

#[cfg_attr(not(feature = "attest"), allow(dead_code))]
pub(super) fn signature(directory: &Path) -> Result<Vec<u8>, VerifyError> {
    read(directory, SIGNATURE, SMALL)
}

/// Everything but the signature.
pub(super) fn contents(directory: &Path, manifest: &Manifest, bytes: &[u8]) -> Result<Checked, VerifyError> {
    nothing_else(directory, manifest.key.is_some())?;
    let records = read(directory, RECORDS, LARGE)?;
    chain(&records, &manifest.records).map_err(VerifyError::Records)?;
    let mut files = Vec::new();
    for name in FILES {
        let found = if name == RECORDS {
            records.clone()
        } else {
            read(directory, name, LARGE)?
        };
        if manifest.files.get(name) != Some(&digest(&found)) {
            return Err(altered(name));
        }
        files.push((name, found));
    }
    let found = |name: &str| {
        files
            .iter()
            .find(|(other, _)| *other == name)
            .map_or(&[][..], |(_, found)| found)
    };
    // Older forms would be read here; there is none yet.
    let report: Report = serde_json::from_slice(found(REPORT)).map_err(|_| altered(REPORT))?;
    let attestation: Attestation = serde_json::from_slice(found(ATTESTATION)).map_err(|_| altered(ATTESTATION))?;
    if report.version > Report::VERSION {
        return Err(VerifyError::Newer { found: report.version });
    }
    if attestation.key != manifest.key {
        return Err(VerifyError::Contradiction(
            "the attestation and the manifest name different keys",
        ));
    }
    agrees(&report, manifest, &records)?;
    Ok(Checked {
        report,
        attestation,
        key: manifest.key.clone(),
        digest: digest(bytes),
    })
}

/// Whether the report says what its records, its figures and its criteria say.
fn agrees(report: &Report, manifest: &Manifest, records: &[u8]) -> Result<(), VerifyError> {
    let wrong = |what| Err(VerifyError::Contradiction(what));
    if report.records != manifest.records {
        return wrong("report.json is about other records");
    }
    if report.criteria_digest != recorded_criteria(report, records).unwrap_or_default() {
        return wrong("the criteria are not those that were recorded before the start");
    }
    if report.configuration_digest != report.plan.configuration.digest() {
        return wrong("the configuration is not the one that was recorded");
    }
    let judged = judge(&report.plan.criteria, &report.client, report.breaches.as_ref());
    let same = judged.len() == report.judgements.len()
        && judged
            .iter()
            .zip(&report.judgements)
            .all(|(one, other)| (one.criterion, one.outcome) == (other.criterion, other.outcome));
    if !same || report.verdict != verdict(&judged, &report.end, &report.client) {
        return wrong("a verdict does not follow from criteria and figures");
    }
    Ok(())
}

/// The digest of the criteria in the first record, if they are those of the report. Texts are compared, and numbers that were
/// read from texts: a number that was read and written again may have other digits.
fn recorded_criteria(report: &Report, records: &[u8]) -> Option<String> {
    let first = records.split(|byte| *byte == b'\n').next()?;
    let first: Record = serde_json::from_slice(first).ok()?;
    let (Field::Text(criteria), Field::Text(recorded)) =
        (first.fields.get("criteria_json")?, first.fields.get("criteria_digest")?)
    else {
        return None;
    };
    let same = serde_json::from_str(criteria).is_ok_and(|criteria: Criteria| criteria == report.plan.criteria);
    (same && *recorded == digest(criteria.as_bytes())).then(|| recorded.clone())
}

/// No file beside those of a report.
fn nothing_else(directory: &Path, is_signed: bool) -> Result<(), VerifyError> {
    let io = |source| VerifyError::Io {
        file: "the directory".to_owned(),
        source,
    };
    for entry in fs::read_dir(directory).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        let name = name.to_string_lossy();
        let is_known = FILES.contains(&&*name) || name == MANIFEST || (is_signed && name == SIGNATURE);
        if !is_known {
            let file = name.chars().filter(|letter| !letter.is_control()).collect();
            return Err(VerifyError::Added { file });
        }
    }
    Ok(())
}

fn altered(file: &str) -> VerifyError {
    VerifyError::Altered { file: file.to_owned() }
}

fn read(directory: &Path, name: &str, most: u64) -> Result<Vec<u8>, VerifyError> {
    let file = || name.to_owned();
    let path = directory.join(name);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => VerifyError::Removed { file: file() },
        _ => VerifyError::Io { file: file(), source },
    };
    if !fs::symlink_metadata(&path).map_err(failed)?.is_file() {
        return Err(VerifyError::NotAFile { file: file() });
    }
    let mut bytes = Vec::new();
    let mut open = File::open(&path).map_err(failed)?.take(most + 1);
    open.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(altered(name));
    }
    Ok(bytes)
}

/// Whether these lines are the chain that the manifest names; else what happened to them.
pub(super) fn chain(lines: &[u8], expected: &Chain) -> Result<(), BrokenChain> {
    let of = expected.count;
    let mut previous = Record::NOTHING.to_owned();
    let mut count = 0;
    let mut rest = lines;
    while !rest.is_empty() {
        let line = count + 1;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let Some(end) = end else {
            // The last line was cut within.
            return Err(BrokenChain::Cut { left: count, of });
        };
        let (text, after) = (&rest[..end], &rest[end + 1..]);
        let record: Record = serde_json::from_slice(text).map_err(|_| BrokenChain::Altered { line })?;
        if line > of {
            return Err(BrokenChain::Added { of });
        }
        if record.number != line {
            let is_elsewhere = numbers(after).any(|number| number == line);
            return Err(match record.number {
                _ if is_elsewhere => BrokenChain::Reordered { line },
                number if number > line && number <= of => BrokenChain::Removed { number: line },
                _ => BrokenChain::Altered { line },
            });
        }
        if record.previous != previous {
            // Either the line before was changed, or this one. Whoever comes after this one knows.
            let next = serde_json::from_slice(after.split(|byte| *byte == b'\n').next().unwrap_or_default());
            let next = next.map_or(expected.head.clone(), |next: Record| next.previous);
            let is_whole = next == digest(text) && line > 1;
            return Err(BrokenChain::Altered {
                line: if is_whole { line - 1 } else { line },
            });
        }
        previous = digest(text);
        count = line;
        rest = after;
    }
    match () {
        () if count < of => Err(BrokenChain::Cut { left: count, of }),
        () if previous != expected.head => Err(BrokenChain::Altered { line: count }),
        () => Ok(()),
    }
}

/// The numbers of records that can be read.
fn numbers(lines: &[u8]) -> impl Iterator<Item = u64> {
    let lines = lines.split(|byte| *byte == b'\n');
    lines.filter_map(|line| Some(serde_json::from_slice::<Record>(line).ok()?.number))
}
