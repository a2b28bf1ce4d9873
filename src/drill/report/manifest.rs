use super::{Chain, record::digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const REPORT: &str = "report.json";
pub(super) const RECORDS: &str = "records.jsonl";
pub(super) const PAGE: &str = "report.html";
pub(super) const ATTESTATION: &str = "attestation.json";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const SIGNATURE: &str = "manifest.sig";

/// The files that a manifest names. The manifest and its signature are beside them.
pub(super) const FILES: [&str; 4] = [REPORT, RECORDS, PAGE, ATTESTATION];

/// What `manifest.json` begins with: a signature of it is no signature of anything else.
const KIND: &str = "evenkeel drill report";

/// The digest of every file. It is what is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    kind: String,
    version: u32,
    pub(super) files: BTreeMap<String, String>,
    pub(super) records: Chain,
    /// The public key whose signature belongs to it.
    pub(super) key: Option<String>,
}

/// Why bytes are no manifest.
#[derive(Debug)]
pub(super) enum Unreadable {
    Newer(u32),
    Altered,
}

impl Manifest {
    const VERSION: u32 = 1;

    pub(super) fn of(files: &[(&str, Vec<u8>)], records: Chain, key: Option<&str>) -> Self {
        let digests = files.iter().map(|(name, bytes)| ((*name).to_owned(), digest(bytes)));
        Self {
            kind: KIND.to_owned(),
            version: Self::VERSION,
            files: digests.collect(),
            records,
            key: key.map(str::to_owned),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        json(self)
    }

    /// Reads what [`bytes`](Self::bytes) wrote, and nothing else: without a signature, no byte may be free.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes).map_err(|_| Unreadable::Altered)?;
        if version > Self::VERSION {
            return Err(Unreadable::Newer(version));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(|_| Unreadable::Altered)?;
        let names_all = read.files.len() == FILES.len() && FILES.iter().all(|name| read.files.contains_key(*name));
        let is_ours = read.kind == KIND && read.version == Self::VERSION && names_all && read.bytes() == bytes;
        is_ours.then_some(read).ok_or(Unreadable::Altered)
    }
}

/// As our files are: for people, too, and with a line feed at the end.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    // Names are strings, and numbers that JSON lacks become null: it cannot fail.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
