use super::{Room, id};
use crate::{
    provider::{ObjectProvider, ProviderErrorKind},
    request::object::{AbortUpload, Attributes, BeginUpload, Get, Head, ListUploads, PutMode, PutPart, UploadId},
};
use std::sync::Arc;

pub(super) async fn an_upload_is_assembled_in_the_order_of_the_numbers<D: ObjectProvider>(room: &Room<'_, D>) {
    let upload = room.begin("a").await;
    let (a, b) = (room.long(b'a'), room.long(b'b'));
    let third = room.part(&upload, 3, "the end").await;
    let second = room.part(&upload, 2, b.clone()).await;
    let first = room.part(&upload, 1, a.clone()).await;
    let answer = room.complete(&upload, vec![first, second, third]).await;
    room.holds("a", &[a, b, "the end".into()]).await;
    assert_eq!(room.fetch("a").await.meta.etag, answer.etag, "{}", room.name);
}

pub(super) async fn a_part_that_is_sent_again_replaces_the_earlier_one<D: ObjectProvider>(room: &Room<'_, D>) {
    let upload = room.begin("a").await;
    room.part(&upload, 1, room.long(b'x')).await;
    let first = room.part(&upload, 1, room.long(b'a')).await;
    let second = room.part(&upload, 2, "b").await;
    room.complete(&upload, vec![first, second]).await;
    room.holds("a", &[room.long(b'a'), "b".into()]).await;
}

pub(super) async fn nothing_is_visible_before_the_completion<D: ObjectProvider>(room: &Room<'_, D>) {
    let upload = room.begin("a").await;
    let part = room.part(&upload, 1, "whole").await;
    let early = room.refused(
        "a get before the completion",
        room.door.get(Get::new(room.key("a"))).await,
    );
    assert_eq!(early.kind(), ProviderErrorKind::NotFound, "{}: {early}", room.name);
    room.complete(&upload, vec![part]).await;
    room.holds("a", &["whole".into()]).await;
}

pub(super) async fn attributes_and_write_id_come_back<D: ObjectProvider>(room: &Room<'_, D>) {
    let attributes = Attributes {
        content_type: Some("text/plain".into()),
        cache_control: Some("max-age=60".into()),
        metadata: [("colour".to_owned(), "deep blue".to_owned())].into(),
        ..Attributes::default()
    };
    let begin = BeginUpload {
        attributes: Arc::new(attributes.clone()),
        write_id: id("suite-upload"),
        ..BeginUpload::new(room.key("a"))
    };
    let upload = room.begin_with(begin).await;
    let part = room.part(&upload, 1, "x").await;
    room.complete(&upload, vec![part]).await;
    let head = room.ok("a head", room.door.head(Head::new(room.key("a"))).await);
    assert_eq!(
        (head.attributes, head.write_id),
        (attributes, id("suite-upload")),
        "{}",
        room.name
    );
}

pub(super) async fn a_completion_replaces_what_is_there<D: ObjectProvider>(room: &Room<'_, D>) {
    let before = room.overwrite("a", "old").await;
    let upload = room.begin("a").await;
    let part = room.part(&upload, 1, "new").await;
    let after = room.complete(&upload, vec![part]).await;
    assert_ne!(before.etag, after.etag, "{}", room.name);
    room.holds("a", &["new".into()]).await;
}

pub(super) async fn a_completed_create_never_overwrites<D: ObjectProvider>(room: &Room<'_, D>) {
    let upload = room.begin("a").await;
    let part = room.part(&upload, 1, "second").await;
    room.overwrite("a", "first").await;
    let complete = Room::<D>::completion(&upload, vec![part], PutMode::Create);
    let refused = room.refused("a create over an object", room.door.complete_upload(complete).await);
    assert_eq!(
        refused.kind(),
        ProviderErrorKind::AlreadyExists,
        "{}: {refused}",
        room.name
    );
    room.holds("a", &["first".into()]).await;

    let upload = room.begin("b").await;
    let part = room.part(&upload, 1, "created").await;
    let complete = Room::<D>::completion(&upload, vec![part], PutMode::Create);
    room.ok("a create of a new key", room.door.complete_upload(complete).await);
    room.holds("b", &["created".into()]).await;
}

pub(super) async fn a_completion_with_if_match_needs_the_current_tag<D: ObjectProvider>(room: &Room<'_, D>) {
    let Some(old) = room.overwrite("a", "one").await.etag else {
        panic!("{}: a store with conditions has tags", room.name);
    };
    let Some(current) = room.overwrite("a", "two").await.etag else {
        panic!("{}: a store with conditions has tags", room.name);
    };
    for (mode, expected) in [(old, None), (current, Some("three"))] {
        let upload = room.begin("a").await;
        let part = room.part(&upload, 1, "three").await;
        let complete = Room::<D>::completion(&upload, vec![part], PutMode::IfMatch(mode));
        let completed = room.door.complete_upload(complete).await;
        match expected {
            Some(body) => {
                room.ok("a completion on the current tag", completed);
                room.holds("a", &[body.into()]).await;
            }
            None => {
                let refused = room.refused("a completion on an old tag", completed);
                assert_eq!(
                    refused.kind(),
                    ProviderErrorKind::PreconditionFailed,
                    "{}: {refused}",
                    room.name
                );
                room.holds("a", &["two".into()]).await;
            }
        }
    }
}

/// A completion whose answer was lost is sent again. The second answer is that of the first, or *gone*.
pub(super) async fn a_completion_that_is_sent_twice_changes_nothing<D: ObjectProvider>(room: &Room<'_, D>) {
    let upload = room.begin("a").await;
    let part = room.part(&upload, 1, "once").await;
    let first = room.complete(&upload, vec![part.clone()]).await;
    let complete = Room::<D>::completion(&upload, vec![part], PutMode::Overwrite);
    match room.door.complete_upload(complete).await {
        Ok(again) => assert_eq!(again.etag, first.etag, "{}", room.name),
        Err(refused) => assert_eq!(
            refused.kind(),
            ProviderErrorKind::UploadGone,
            "{}: {refused}",
            room.name
        ),
    }
    let there = room.fetch("a").await;
    assert_eq!(
        (there.body, there.meta.etag),
        ("once".into(), first.etag),
        "{}",
        room.name
    );
}

pub(super) async fn an_aborted_upload_is_gone<D: ObjectProvider>(room: &Room<'_, D>) {
    let upload = room.begin("a").await;
    let part = room.part(&upload, 1, "x").await;
    for what in ["an abort", "an abort of what is gone"] {
        let abort = AbortUpload::new(upload.0.key.clone(), upload.1.clone());
        room.ok(what, room.door.abort_upload(abort).await);
    }
    let complete = Room::<D>::completion(&upload, vec![part], PutMode::Overwrite);
    let refused = room.refused(
        "a completion after the abort",
        room.door.complete_upload(complete).await,
    );
    assert_eq!(
        refused.kind(),
        ProviderErrorKind::UploadGone,
        "{}: {refused}",
        room.name
    );
    let absent = room.refused("a get after the abort", room.door.get(Get::new(room.key("a"))).await);
    assert_eq!(absent.kind(), ProviderErrorKind::NotFound, "{}: {absent}", room.name);
}

/// Two uploads of one key at the same time stay apart.
pub(super) async fn a_part_of_another_upload_completes_nothing<D: ObjectProvider>(room: &Room<'_, D>) {
    let (mine, other) = (room.begin("a").await, room.begin("a").await);
    assert_ne!(mine.1, other.1, "{}", room.name);
    let part = room.part(&mine, 1, "mine").await;
    let foreign = room.part(&other, 1, "other").await;
    room.complete(&mine, vec![part]).await;
    room.holds("a", &["mine".into()]).await;
    let complete = Room::<D>::completion(&other, vec![foreign], PutMode::Overwrite);
    match room.door.complete_upload(complete).await {
        Ok(_) => room.holds("a", &["other".into()]).await,
        // At Azure the first commit discards the other's blocks.
        Err(refused) => {
            assert_eq!(
                refused.kind(),
                ProviderErrorKind::UploadGone,
                "{}: {refused}",
                room.name
            );
            room.holds("a", &["mine".into()]).await;
        }
    }
}

/// An adapter that left out what the store lacks would store an object with a hole.
pub(super) async fn a_completion_without_one_of_its_parts_is_refused<D: ObjectProvider>(room: &Room<'_, D>) {
    let mine = room.begin("a").await;
    let first = room.part(&mine, 1, room.long(b'a')).await;
    // A tag as the store gives it, of a part that this upload does not have.
    let other = room.begin("b").await;
    let lacking = room.part(&other, 2, "the end").await;
    let complete = Room::<D>::completion(&mine, vec![first, lacking], PutMode::Overwrite);
    room.refused(
        "a completion without one of its parts",
        room.door.complete_upload(complete).await,
    );
    let absent = room.refused(
        "a get after a refused completion",
        room.door.get(Get::new(room.key("a"))).await,
    );
    assert_eq!(absent.kind(), ProviderErrorKind::NotFound, "{}: {absent}", room.name);
}

pub(super) async fn uploads_under_way_are_listed<D: ObjectProvider>(room: &Room<'_, D>) {
    let upload = room.begin("a").await;
    let part = room.part(&upload, 1, "x").await;
    let listed = || async {
        let page = room.door.list_uploads(ListUploads::new(room.prefix.clone())).await;
        let page = room.ok("a listing of uploads", page);
        page.uploads
            .iter()
            .any(|open| open.key == room.key("a").as_str() && open.upload == upload.1)
    };
    assert!(listed().await, "{}: an upload under way is not listed", room.name);
    room.complete(&upload, vec![part]).await;
    assert!(!listed().await, "{}: a completed upload is listed", room.name);
}

pub(super) async fn refusals_show_no_key<D: ObjectProvider>(room: &Room<'_, D>) {
    let key = room.key("customer-4711");
    let unknown = UploadId::new("0000000000004711");
    let refused = room.refused(
        "a part of an upload that never began",
        room.door.put_part(PutPart::new(key, unknown, 1, room.long(b'x'))).await,
    );
    let shown = format!("{refused} {refused:?}");
    assert!(!shown.contains("4711"), "{}: {shown}", room.name);
}
