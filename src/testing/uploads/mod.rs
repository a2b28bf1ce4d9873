//! What a store that takes objects in parts, copies objects on its own side, or removes many at once must do, check by
//! check.
//!
//! The checks send requests to an [`ObjectProvider`]. Each check works under a key prefix of its own, below `suite/`.
//! If a store is known not to do something, say so in its [`Claims`], with the reason: the checks that need that claim
//! are then skipped by name. Parts are as short as the store's [`PartRule`] allows.
//!
//! ```
//! use evenkeel::provider::Memory;
//! use evenkeel::testing::uploads::{Claims, run};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let report = run("memory", &Memory::new(), &Claims::all()).await;
//! assert!(report.skipped.is_empty());
//! # }
//! ```

mod bulk;
mod copy;
mod parts;

use super::claims::suite;
use crate::{
    provider::{ObjectProvider, PartRule, ProviderError},
    request::{
        Key,
        object::{
            BeginUpload, CompleteUpload, Get, Object, PartTag, Put, PutAnswer, PutMode, PutPart, UploadId, WriteId,
        },
    },
};
use bytes::Bytes;

/// A capability of good stores that not every store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// The store takes objects in parts.
    Parts,
    /// A completion that names a part which the upload does not have is refused.
    KnownParts,
    /// A completion on a condition is refused where a put would be.
    ConditionalCompletion,
    /// An upload that was given up cannot be completed any more.
    Aborts,
    /// The uploads under way can be listed.
    ListUploads,
    /// The store copies objects on its own side.
    Copy,
    /// A copy on a condition is refused where a put would be.
    ConditionalCopy,
    /// A copy on a tag of the source is refused if the source has changed.
    CopyOfState,
}

/// What a store claims to do: everything, except the named gaps.
pub type Claims = super::claims::Claims<Claim>;
/// The results of the suite.
pub type Report = super::claims::Report<Claim>;
/// A check that did not apply.
pub type Skipped = super::claims::Skipped<Claim>;

impl Claims {
    /// All claims.
    pub const fn all() -> Self {
        Self::none_missing()
    }
}

/// The place of a check: the store, and the prefix of all its keys.
struct Room<'a, D> {
    door: &'a D,
    /// The store's name and the check's name, for messages.
    name: String,
    prefix: String,
}

suite! {
    ObjectProvider, |check| format!("suite/{check}/");
    parts::an_upload_is_assembled_in_the_order_of_the_numbers [Parts];
    parts::a_part_that_is_sent_again_replaces_the_earlier_one [Parts];
    parts::nothing_is_visible_before_the_completion [Parts];
    parts::attributes_and_write_id_come_back [Parts];
    parts::a_completion_replaces_what_is_there [Parts];
    parts::a_completed_create_never_overwrites [Parts, ConditionalCompletion];
    parts::a_completion_with_if_match_needs_the_current_tag [Parts, ConditionalCompletion];
    parts::a_completion_that_is_sent_twice_changes_nothing [Parts];
    parts::an_aborted_upload_is_gone [Parts, Aborts];
    parts::a_part_of_another_upload_completes_nothing [Parts];
    parts::a_completion_without_one_of_its_parts_is_refused [Parts, KnownParts];
    parts::uploads_under_way_are_listed [Parts, ListUploads];
    parts::refusals_show_no_key [Parts];
    copy::a_copy_has_the_bytes_and_its_own_attributes [Copy];
    copy::a_copied_create_never_overwrites [Copy, ConditionalCopy];
    copy::a_copy_of_what_is_absent_is_not_found [Copy];
    copy::a_copy_of_another_state_is_refused [Copy, CopyOfState];
    bulk::a_declared_bulk_delete_removes_each_key_and_no_other [];
}

impl<D: ObjectProvider> Room<'_, D> {
    fn key(&self, name: &str) -> Key {
        let key = Key::new(format!("{}{name}", self.prefix));
        key.unwrap_or_else(|error| panic!("{}: the suite's own key: {error}", self.name))
    }

    fn rule(&self) -> PartRule {
        let rule = self.door.capabilities().parts;
        rule.unwrap_or_else(|| panic!("{}: the adapter declares no parts", self.name))
    }

    /// A body as long as a part must be, of this byte.
    fn long(&self, byte: u8) -> Bytes {
        let least = usize::try_from(self.rule().least).unwrap_or(usize::MAX);
        Bytes::from(vec![byte; least.max(3)])
    }

    async fn begin(&self, name: &str) -> (BeginUpload, UploadId) {
        self.begin_with(BeginUpload::new(self.key(name))).await
    }

    async fn begin_with(&self, begin: BeginUpload) -> (BeginUpload, UploadId) {
        let upload = self.ok(
            "the beginning of an upload",
            self.door.begin_upload(begin.clone()).await,
        );
        (begin, upload)
    }

    async fn part(&self, (begin, upload): &(BeginUpload, UploadId), number: u32, body: impl Into<Bytes>) -> PartTag {
        let part = PutPart::new(begin.key.clone(), upload.clone(), number, body);
        let length = part.body.len() as u64;
        let tag = self.ok("a part", self.door.put_part(part).await);
        assert_eq!((tag.number, tag.size), (number, length), "{}", self.name);
        tag
    }

    fn completion((begin, upload): &(BeginUpload, UploadId), parts: Vec<PartTag>, mode: PutMode) -> CompleteUpload {
        CompleteUpload {
            mode,
            ..CompleteUpload::new(begin, upload.clone(), parts)
        }
    }

    async fn complete(&self, upload: &(BeginUpload, UploadId), parts: Vec<PartTag>) -> PutAnswer {
        let complete = Self::completion(upload, parts, PutMode::Overwrite);
        self.ok("a completion", self.door.complete_upload(complete).await)
    }

    async fn overwrite(&self, name: &str, body: &'static str) -> PutAnswer {
        let put = Put {
            mode: PutMode::Overwrite,
            ..Put::new(self.key(name), body)
        };
        self.ok("an overwrite", self.door.put(put).await)
    }

    async fn fetch(&self, name: &str) -> Object {
        self.ok("a get", self.door.get(Get::new(self.key(name))).await)
    }

    /// Checks the object's bytes without showing them.
    async fn holds(&self, name: &str, parts: &[Bytes]) {
        let got = self.fetch(name).await.body;
        assert!(got == parts.concat(), "{}: {} bytes that differ", self.name, got.len());
    }

    fn ok<T>(&self, what: &str, result: Result<T, ProviderError>) -> T {
        result.unwrap_or_else(|refused| panic!("{}: {what} was refused: {refused}", self.name))
    }

    fn refused<T>(&self, what: &str, result: Result<T, ProviderError>) -> ProviderError {
        match result {
            Ok(_) => panic!("{}: {what} should have been refused", self.name),
            Err(refused) => refused,
        }
    }
}

fn id(text: &'static str) -> Option<WriteId> {
    Some(WriteId::new(text))
}
