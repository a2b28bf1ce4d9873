//! What a backfill needs to go on after a kill: a few lines of text.
//!
//! ```text
//! evenkeel-backfill 1
//! settings 6b86b273ff34fce1
//! run 9f2c41d07ab3e85
//! counts 4711 1048576 12 0 0 0 0
//! position orders/2026/11/20/42.json
//! check d4735e3a265e16ee
//! ```

use super::{Checksum, Counts, KeyName};
use std::fmt::Write;

const MAGIC: &str = "evenkeel-backfill";
const VERSION: u32 = 1;

/// Why a checkpoint was refused. Nothing was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCheckpoint {
    /// The text does not begin as a checkpoint does.
    #[error("the text is no checkpoint of a backfill")]
    Foreign,
    /// A later version of evenkeel wrote the checkpoint.
    #[error("the checkpoint has format {0}; this evenkeel reads format 1")]
    Version(u32),
    /// The checkpoint ends early, or was changed.
    #[error(
        "the checkpoint is truncated or damaged: remove it to begin anew; the backfill skips keys that were copied"
    )]
    Damaged,
    /// The checkpoint belongs to a backfill of another kind, or with another source, target, prefix or level of
    /// verification.
    #[error(
        "the checkpoint belongs to another backfill (kind, names of source and target, prefix or verification differ): \
         name another place for this backfill's checkpoint"
    )]
    OtherSettings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// The settings that must be the same when the backfill is resumed.
    pub(super) settings: String,
    /// The name of the run, which marks the ids of its copies, so that the backfill recognises them.
    pub(super) run: String,
    /// The results of all keys up to the position.
    pub(super) counts: Counts,
    pub(super) position: Option<KeyName>,
}

impl Checkpoint {
    pub(super) fn encode(&self) -> Vec<u8> {
        let Counts {
            copied,
            bytes,
            skipped,
            conflicts,
            gone,
            not_copyable,
            failed,
        } = self.counts;
        let mut text = format!(
            "{MAGIC} {VERSION}\nsettings {}\nrun {}\n\
             counts {copied} {bytes} {skipped} {conflicts} {gone} {not_copyable} {failed}\n",
            self.settings, self.run
        );
        if let Some(position) = &self.position {
            text.push_str("position ");
            escape(position.as_str(), &mut text);
            text.push('\n');
        }
        let check = Checksum::of(text.as_bytes()).short();
        text.push_str("check ");
        text.push_str(&check);
        text.push('\n');
        text.into_bytes()
    }

    /// # Errors
    /// Why the backfill cannot resume from these bytes.
    pub(super) fn decode(bytes: &[u8], settings: &str) -> Result<Self, InvalidCheckpoint> {
        use InvalidCheckpoint::{Damaged, Foreign, OtherSettings, Version};
        // An empty file is what a full disk leaves, not somebody else's.
        if bytes.is_empty() || MAGIC.as_bytes().starts_with(bytes) {
            return Err(Damaged);
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) if text.starts_with(MAGIC) => text,
            _ if bytes.starts_with(MAGIC.as_bytes()) => return Err(Damaged),
            _ => return Err(Foreign),
        };
        let first = text[MAGIC.len()..].lines().next().ok_or(Damaged)?;
        let version: u32 = first.trim().parse().map_err(|_| Damaged)?;
        // Cut within its number a later version could look like an earlier one: the checksum below finds that.
        if version > VERSION {
            return Err(Version(version));
        }
        let (body, check) = text.rsplit_once("check ").ok_or(Damaged)?;
        if check.strip_suffix('\n') != Some(&Checksum::of(body.as_bytes()).short()) {
            return Err(Damaged);
        }
        let field = |name: &str| body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let counts: Result<Vec<u64>, _> = field("counts").ok_or(Damaged)?.split(' ').map(str::parse).collect();
        let Ok([copied, bytes, skipped, conflicts, gone, not_copyable, failed]) = counts.as_deref() else {
            return Err(Damaged);
        };
        let checkpoint = Self {
            settings: field("settings").ok_or(Damaged)?.to_owned(),
            run: field("run").ok_or(Damaged)?.to_owned(),
            counts: Counts {
                copied: *copied,
                bytes: *bytes,
                skipped: *skipped,
                conflicts: *conflicts,
                gone: *gone,
                not_copyable: *not_copyable,
                failed: *failed,
            },
            position: match field("position") {
                Some(escaped) => Some(KeyName::new(unescape(escaped).ok_or(Damaged)?)),
                None => None,
            },
        };
        match checkpoint.settings == settings {
            true => Ok(checkpoint),
            false => Err(OtherSettings),
        }
    }
}

/// Other programs wrote some of the listed keys. A line break in a key must not end the line.
fn escape(key: &str, into: &mut String) {
    for c in key.chars() {
        match c {
            '%' | '\0'..='\u{1f}' | '\u{7f}' => {
                // Writing to a string does not fail.
                let _ = write!(into, "%{:02x}", c as u32);
            }
            _ => into.push(c),
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut key = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        key.push(char::from(u8::from_str_radix(code, 16).ok()?));
        key.push_str(rest);
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checkpoint(position: Option<&str>) -> Checkpoint {
        Checkpoint {
            settings: "6b86b273ff34fce1".into(),
            run: "9f2c41d07ab3e85".into(),
            counts: Counts {
                copied: 4711,
                bytes: 1 << 40,
                skipped: 12,
                ..Counts::default()
            },
            position: position.map(KeyName::new),
        }
    }

    #[test]
    fn invalid_checkpoints_say_what_is_wrong() {
        let read = |bytes: &[u8]| Checkpoint::decode(bytes, "6b86b273ff34fce1").unwrap_err();
        assert_eq!(read(b"{\"json\": true}"), InvalidCheckpoint::Foreign);
        assert_eq!(read(&[0xff, 0xfe]), InvalidCheckpoint::Foreign);
        assert_eq!(read(b""), InvalidCheckpoint::Damaged);
        assert_eq!(read(b"evenkeel-backfill 2\nanything"), InvalidCheckpoint::Version(2));
        let changed = String::from_utf8(checkpoint(Some("a")).encode())
            .unwrap()
            .replace("4711", "4712");
        assert_eq!(read(changed.as_bytes()), InvalidCheckpoint::Damaged);
        let other = Checkpoint::decode(&checkpoint(None).encode(), "other").unwrap_err();
        assert_eq!(other, InvalidCheckpoint::OtherSettings);
    }

    proptest! {
        #[test]
        fn a_checkpoint_round_trips_and_a_truncated_one_is_damaged(key in prop::option::of("\\PC{0,20}|[\0-\u{7f}%]{0,20}"), cut: prop::sample::Index) {
            let written = checkpoint(key.as_deref());
            let bytes = written.encode();
            prop_assert_eq!(Checkpoint::decode(&bytes, &written.settings), Ok(written.clone()));
            let part = &bytes[..cut.index(bytes.len())];
            prop_assert_eq!(Checkpoint::decode(part, &written.settings), Err(InvalidCheckpoint::Damaged));
        }
    }
}
