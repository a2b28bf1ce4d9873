//! What an object store must do, check by check.
//!
//! The checks send requests through an [`ObjectDoor`]. Every [`ObjectProvider`](crate::provider::ObjectProvider) is a
//! door, and a whole client can be one. Each check works under a key prefix of its own, so that one store serves all
//! checks. The store should hold nothing under `suite/` beforehand.
//!
//! If a store is known not to do something, say so in its [`Claims`], with the reason. The checks that need that claim
//! are then skipped *by name*, printed, and listed in the [`Report`].
//!
//! ```
//! use evenkeel::testing::objects::{Claim, Claims};
//!
//! let claims = Claims::all().without(Claim::ConditionalGet, "ignores If-None-Match on GET");
//! assert_eq!(claims.gap(&[Claim::Create]), None);
//! assert_eq!(claims.gap(&[Claim::Create, Claim::ConditionalGet]).unwrap().0, Claim::ConditionalGet);
//! ```

mod attributes;
mod claim;
mod client;
mod door;
mod list;
mod read;
mod write;

pub use super::refused::Refused;
pub use claim::Claim;
pub use door::ObjectDoor;

use super::claims::suite;
use crate::request::{
    Key,
    object::{Get, Object, Put, PutAnswer, PutMode},
};

/// What a store claims to do: everything, except the named gaps.
pub type Claims = super::claims::Claims<Claim>;
/// The results of the suite.
pub type Report = super::claims::Report<Claim>;
/// A check that did not apply.
pub type Skipped = super::claims::Skipped<Claim>;

/// The place of a check: the door, and the prefix of all its keys.
struct Room<'a, D> {
    door: &'a D,
    /// The store's name and the check's name, for messages.
    name: String,
    prefix: String,
}

suite! {
    ObjectDoor, |check| format!("suite/{check}/");
    write::a_put_is_read_back [];
    write::an_empty_body_is_kept [];
    write::a_large_body_is_kept [];
    write::a_create_never_overwrites [Create];
    write::racing_creates_have_one_winner [Create, AtomicCreate];
    write::an_overwrite_replaces [Overwrite];
    write::if_match_needs_the_current_tag [Overwrite, IfMatch];
    write::if_match_on_an_absent_key_is_refused [IfMatch];
    write::racing_if_matches_lose_no_update [IfMatch, AtomicIfMatch];
    write::a_condition_that_is_declared_as_kept_is_kept [];
    write::tags_change_with_the_bytes [Overwrite];
    write::every_write_has_its_own_tag [Overwrite, UniqueEtags];
    write::equal_bytes_have_equal_tags [Overwrite, ContentEtags];
    write::a_delete_removes_and_may_be_repeated [Delete, Absence];
    write::a_conditional_delete_removes_that_state_and_no_other [Overwrite, ConditionalDelete];
    write::a_deleted_key_can_be_created_again [Create, Overwrite, Delete];
    read::what_is_absent_is_not_found [Absence];
    read::ranges_are_exact [];
    read::a_suffix_longer_than_the_object_is_all_of_it [LongSuffix];
    read::a_range_outside_is_refused [];
    read::an_unchanged_object_is_not_sent_again [ConditionalGet];
    read::a_changed_object_is_sent_again [ConditionalGet, Overwrite];
    read::a_read_on_a_tag_answers_with_that_state_or_fails [Overwrite];
    read::head_and_get_agree [];
    read::a_get_is_dated [DatedGets];
    read::odd_keys_are_kept_apart [];
    read::the_longest_key_works [LongKeys];
    read::refusals_show_no_key [];
    attributes::attributes_round_trip [Attributes];
    attributes::an_overwrite_replaces_the_attributes_too [Overwrite, Attributes];
    attributes::bad_attributes_store_nothing [Absence];
    attributes::a_write_id_comes_back_apart [WriteId, Attributes];
    list::a_listing_has_the_prefix_and_is_sorted [];
    list::a_listing_starts_after [];
    list::pages_add_up [Paging];
    list::a_delimiter_folds [Delimiter];
    list::folded_pages_add_up [Delimiter, Paging];
    list::odd_keys_are_listed_as_they_are [];
    list::what_was_deleted_is_not_listed [Delete];
    list::an_empty_listing_is_empty [];
}

impl<D: ObjectDoor> Room<'_, D> {
    fn key(&self, name: &str) -> Key {
        let key = Key::new(format!("{}{name}", self.prefix));
        key.unwrap_or_else(|error| panic!("{}: the suite's own key: {error}", self.name))
    }

    fn put(&self, name: &str, body: impl Into<bytes::Bytes>) -> Put {
        Put::new(self.key(name), body)
    }

    /// Stores an object that does not exist. The put is a create if the store takes creates, which works in every
    /// replication.
    async fn store(&self, name: &str, body: impl Into<bytes::Bytes>) -> PutAnswer {
        let created = self.door.put(self.put(name, body)).await;
        self.ok("a put of a new key", created)
    }

    async fn overwrite(&self, name: &str, body: impl Into<bytes::Bytes>) -> PutAnswer {
        let put = Put {
            mode: PutMode::Overwrite,
            ..self.put(name, body)
        };
        let overwritten = self.door.put(put).await;
        self.ok("an overwrite", overwritten)
    }

    async fn fetch(&self, name: &str) -> Object {
        let got = self.door.get(Get::new(self.key(name))).await;
        self.ok("a get", got)
    }

    fn ok<T>(&self, what: &str, result: Result<T, Refused>) -> T {
        result.unwrap_or_else(|refused| panic!("{}: {what} was refused: {refused}", self.name))
    }

    fn refused<T>(&self, what: &str, result: Result<T, Refused>) -> Refused {
        match result {
            Ok(_) => panic!("{}: {what} should have been refused", self.name),
            Err(refused) => refused,
        }
    }
}
