//! Copies one key from one endpoint to another, and overwrites nobody's data.
//!
//! An endpoint lacks what another endpoint has: the endpoint was empty on its first day, or missed a write. A copy must
//! not undo a newer write there, must notice a body that was damaged on its way, and must notice a source that changes
//! meanwhile. A [`Copier`] does that for one key: an object, or a table's value. The caller chooses the keys, and lends
//! a [`Pacer`], which says when and how often requests are sent. The backfill is such a caller.
//!
//! # How a key is copied
//!
//! 1. The copier reads the source, unless the caller brings the value along.
//! 2. The copier writes to the target **on the condition that the target has no such key**. The id of the write is made
//!    of the source's [stamp](crate::request::Stamp), and of a mark of [`Copier::run`] and the source's version. By this
//!    id the copier recognises a write whose answer was lost, and what an earlier copier of the same run put there. By
//!    the stamp everybody recognises the content. A source without a stamp of its own has the run and the version
//!    instead. (So has a source with so much metadata that the longer id does not fit in.)
//! 3. The copier reads the target and compares length, SHA-256 and attributes (of a value: bytes and expiry). If an
//!    earlier copy of the same run lies there with other content, the copier replaces that copy, on the condition that
//!    the copy is still there.
//! 4. The copier asks the source again. If the source was overwritten meanwhile, the copier begins again, on the
//!    condition that the target still has the first copy. After four times the key has failed.
//!
//! # What becomes of a key
//!
//! | answer | what lies at the target |
//! |---|---|
//! | [`Fate::Copied`] | the source's content, which a copier of this run put there, now or earlier |
//! | [`Fate::Skipped`] | the source's content, which another writer put there |
//! | [`Fate::Conflict`] | another writer's other content. The copier cannot tell whether it is older or newer |
//! | [`Fate::Gone`] | nothing, or the copy that was made before the key vanished from the source |
//! | [`Fate::NotCopyable`] | as before: the target cannot keep this key or this content, today or tomorrow |
//! | [`Fate::Failed`] | as before, or a copy that nobody has confirmed: copy the key again later |
//! | a [`Refusal`] | the same. A request was refused, failed in every attempt, or was stopped by the pacer |
//!
//! # What the caller has to know
//!
//! - **Limits are the pacer's**: the attempts of a request, the time of an attempt, the deadline of the whole. Every
//!   request may be repeated, because reads change nothing and writes recognise themselves.
//! - **The target must keep to conditions.** The copier takes the provider's word for it. If the provider's
//!   [capabilities](crate::provider::Capabilities) are unknown, ask the target first, as
//!   [`verify`](crate::ObjectClient::verify) does.
//! - **One copier at a time** for a key and a run. A slow copier takes the newer copy of a fast copier for an outdated
//!   copy of the run, puts its older content back, and notices only when it asks the source again.
//! - **Memory** is one body at a time. The length that a caller knows from a listing only sets the limit of an attempt.
//! - **Cancel safety.** A future that is dropped leaves a whole copy or none. The next copier of the same run goes on
//!   from there.
//! - **Nothing is deleted**, and no delete is copied.

mod ask;
mod checksum;
mod fate;
mod objects;
#[cfg(test)]
mod tests;
mod timed;
mod values;

pub(crate) use ask::{Refusal, ask};
pub use checksum::Checksum;
pub use fate::Fate;
pub(crate) use objects::is_copy_of;
pub(crate) use timed::Timed;

use crate::{provider::ProviderError, request::WriteId};
use std::{future::Future, time::Duration};

/// How often a key is copied again because its source was overwritten meanwhile. A key that is overwritten faster than
/// it can be copied is not existing data: the application's own writes must reach the target.
const REDONE: u32 = 4;

/// How a copy is verified. Every level also compares length, content type, cache control and user metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// A HEAD asks the target for the object's length. No body travels twice. Damage that does not change a body's
    /// length goes unnoticed. Tables have no such request: their values are always read back.
    Length,
    /// The copy is read back from the target, and its SHA-256 is compared with that of the content read at the source.
    /// This costs the target's egress once for every copied byte.
    #[default]
    ReadBack,
}

/// Copies single keys from one place to another.
pub(crate) struct Copier<'c, P, T> {
    pub(crate) from: &'c P,
    pub(crate) to: &'c P,
    /// The target's name, for reasons.
    pub(crate) target: &'c str,
    /// How copies of objects are verified.
    pub(crate) verify: Verify,
    /// Marks the id of each copy: at most 47 visible ASCII characters. Copiers of one run replace each other's outdated
    /// copies, and no other copies.
    pub(crate) run: &'c str,
    pub(crate) pacer: &'c T,
}

/// Which of the two places a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Source,
    Target,
}

/// Says when a copier sends its requests and how often, and hears how they end.
pub(crate) trait Pacer: Sync {
    /// Why no more requests are to be sent.
    type Stop: Send;

    /// Waits until the next request may be sent to this place.
    fn turn(&self, role: Role) -> impl Future<Output = ()> + Send;

    /// The longest that an attempt may take that moves about this many bytes.
    fn limit(&self, bytes: u64) -> Duration;

    /// The place works.
    fn answered(&self, role: Role);

    /// The place asks to send less. The request is sent again at its next [`turn`](Self::turn).
    ///
    /// # Errors
    /// No more requests are to be sent.
    fn throttled(&self, role: Role, error: &ProviderError) -> Result<(), Self::Stop>;

    /// This many attempts of a request have failed, the last with this error, and another attempt may succeed. Returns
    /// how long to wait before that attempt. `None`: no further attempt is to be made.
    ///
    /// # Errors
    /// No more requests are to be sent.
    fn failed(&self, role: Role, error: &ProviderError, attempts: u32) -> Result<Option<Duration>, Self::Stop>;

    /// How long to wait before the next look at a fresh copy. This many looks have not shown the copy as it should be.
    fn wait(&self, looks: u32) -> Duration;

    /// The source was overwritten while the key was copied. The copier copies the key again.
    fn source_changed(&self, key: &str);
}

/// The part of a copy's write id that names the source's version.
fn digest(version: &str) -> String {
    Checksum::of(version.as_bytes()).short()
}

impl<P, T> Copier<'_, P, T> {
    /// The id under which the copier puts a source's version at the target: the same in every attempt of every copier
    /// of the same run.
    fn write_id(&self, version: &str) -> WriteId {
        WriteId::new(format!("{}.{}", self.run, digest(version)))
    }

    /// The same for a source whose write has a stamp, which the copy keeps. `None`: the source has no stamp, or one that
    /// was made for another key or length.
    fn stamped_id(&self, version: &str, written: Option<&WriteId>, key: &str, size: u64) -> Option<WriteId> {
        let written = written.filter(|id| id.fits(key, size))?;
        written.of_copy(self.mark().bytes(), Checksum::of(version.as_bytes()).bytes())
    }

    /// Whether this write was a copier's of the same run.
    fn is_ours(&self, id: Option<&WriteId>) -> bool {
        id.is_some_and(|id| {
            let rest = id.as_str().strip_prefix(self.run);
            rest.is_some_and(|rest| rest.starts_with('.')) || id.is_of_copy_by(self.mark().bytes())
        })
    }

    fn mark(&self) -> Checksum {
        Checksum::of(self.run.as_bytes())
    }
}
