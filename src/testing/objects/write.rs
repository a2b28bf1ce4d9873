use super::{ObjectDoor, Room};
use crate::{
    provider::{Capability, ProviderErrorKind},
    request::object::{Delete, ETag, Get, Head, Put, PutMode},
};
use futures_util::future::join_all;

/// With this many racers and rounds, the suite found every store that checks first and writes afterwards.
const RACERS: usize = 24;
const ROUNDS: usize = 5;

fn if_match(put: Put, tag: &ETag) -> Put {
    Put {
        mode: PutMode::IfMatch(tag.clone()),
        ..put
    }
}

/// The tag. Every put must give one.
fn tag<D: ObjectDoor>(room: &Room<'_, D>, etag: Option<ETag>) -> ETag {
    etag.unwrap_or_else(|| panic!("{}: a put gave no tag", room.name))
}

pub(super) async fn a_put_is_read_back<D: ObjectDoor>(room: &Room<'_, D>) {
    let stored = room.store("a", "some bytes").await;
    let object = room.fetch("a").await;
    assert_eq!(object.body, "some bytes", "{}", room.name);
    assert_eq!(object.range, 0..10, "{}", room.name);
    assert_eq!(object.meta.size, 10, "{}", room.name);
    assert_eq!(object.meta.key, room.key("a").as_str(), "{}", room.name);
    assert_eq!(
        object.meta.etag, stored.etag,
        "{}: the put and the get must give the same tag",
        room.name
    );
    assert!(object.meta.etag.is_some(), "{}: no tag", room.name);
}

pub(super) async fn an_empty_body_is_kept<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("empty", "").await;
    let object = room.fetch("empty").await;
    assert!(
        object.body.is_empty() && object.range == (0..0) && object.meta.size == 0,
        "{}: {object:?}",
        room.name
    );
}

pub(super) async fn a_large_body_is_kept<D: ObjectDoor>(room: &Room<'_, D>) {
    // Many frames of every transport, and no two positions near each other alike.
    let body: Vec<u8> = (0..1_048_576_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    room.store("large", body.clone()).await;
    assert!(
        room.fetch("large").await.body == body,
        "{}: the bytes differ",
        room.name
    );
}

pub(super) async fn a_create_never_overwrites<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("once", "first").await;
    let second = room.refused("a second create", room.door.put(room.put("once", "second")).await);
    assert_eq!(second.kind, ProviderErrorKind::AlreadyExists, "{}: {second}", room.name);
    assert_eq!(room.fetch("once").await.body, "first", "{}", room.name);
}

pub(super) async fn racing_creates_have_one_winner<D: ObjectDoor>(room: &Room<'_, D>) {
    for round in 0..ROUNDS {
        let name = format!("round-{round}");
        let racer = |i: usize| room.door.put(room.put(&name, format!("racer {i}")));
        let answers = join_all((0..RACERS).map(racer)).await;
        let there = room.fetch(&name).await.body;
        for (racer, answer) in answers.iter().enumerate() {
            let won = there == format!("racer {racer}");
            // S3 may leave a race undecided (409), which is Throttled: try again.
            let expected = [ProviderErrorKind::AlreadyExists, ProviderErrorKind::Throttled];
            match answer {
                Ok(_) => assert!(won, "{}: two winners of round {round}", room.name),
                Err(refused) if refused.unresolved => {}
                Err(refused) => assert!(!won && expected.contains(&refused.kind), "{}: {refused}", room.name),
            }
        }
    }
}

pub(super) async fn an_overwrite_replaces<D: ObjectDoor>(room: &Room<'_, D>) {
    room.overwrite("a", "a long first body").await;
    room.overwrite("a", "short").await;
    let object = room.fetch("a").await;
    assert_eq!(
        (&object.body[..], object.meta.size),
        (&b"short"[..], 5),
        "{}",
        room.name
    );
}

pub(super) async fn if_match_needs_the_current_tag<D: ObjectDoor>(room: &Room<'_, D>) {
    let first = tag(room, room.overwrite("a", "first").await.etag);
    let second = room.door.put(if_match(room.put("a", "second"), &first)).await;
    let second = tag(room, room.ok("an If-Match with the current tag", second).etag);
    let late = room.door.put(if_match(room.put("a", "late"), &first)).await;
    let late = room.refused("an If-Match with an old tag", late);
    assert_eq!(
        late.kind,
        ProviderErrorKind::PreconditionFailed,
        "{}: {late}",
        room.name
    );
    let object = room.fetch("a").await;
    assert_eq!(
        (&object.body[..], object.meta.etag),
        (&b"second"[..], Some(second)),
        "{}",
        room.name
    );
}

pub(super) async fn if_match_on_an_absent_key_is_refused<D: ObjectDoor>(room: &Room<'_, D>) {
    let elsewhere = tag(room, room.store("there", "x").await.etag);
    let refused = room.door.put(if_match(room.put("not-there", "x"), &elsewhere)).await;
    let refused = room.refused("an If-Match on an absent key", refused);
    assert_eq!(
        refused.kind,
        ProviderErrorKind::PreconditionFailed,
        "{}: {refused}",
        room.name
    );
    let absent = room.door.head(Head::new(room.key("not-there"))).await;
    room.refused("a head of what was not stored", absent);
}

/// Five writers count to ten each, by compare-and-set.
pub(super) async fn racing_if_matches_lose_no_update<D: ObjectDoor>(room: &Room<'_, D>) {
    const WRITERS: usize = 5;
    const STEPS: usize = 10;
    room.store("counter", "0").await;
    let writer = async || {
        let mut unresolved = 0;
        for _ in 0..STEPS {
            loop {
                let object = room.fetch("counter").await;
                let count: usize = std::str::from_utf8(&object.body)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or_else(|| panic!("{}: the counter is no number: {:?}", room.name, object.body));
                let put = room.put("counter", (count + 1).to_string());
                match room.door.put(if_match(put, &tag(room, object.meta.etag))).await {
                    Ok(_) => break,
                    Err(refused) if refused.unresolved => unresolved += 1,
                    Err(refused) => {
                        let expected = [ProviderErrorKind::PreconditionFailed, ProviderErrorKind::Throttled];
                        assert!(expected.contains(&refused.kind), "{}: {refused}", room.name);
                    }
                }
            }
        }
        unresolved
    };
    let unresolved: usize = join_all((0..WRITERS).map(|_| writer())).await.into_iter().sum();
    let counted = room.fetch("counter").await.body;
    let steps = WRITERS * STEPS;
    let expected = (steps..=steps + unresolved).map(|sum| sum.to_string());
    assert!(
        expected.into_iter().any(|sum| counted == sum),
        "{}: {counted:?} of {steps}",
        room.name
    );
}

pub(super) async fn a_condition_that_is_declared_as_kept_is_kept<D: ObjectDoor>(room: &Room<'_, D>) {
    let declared = room.door.capabilities();
    let first = room.store("a", "first").await;
    if declared.create == Capability::Kept {
        let refused = room.refused("a second create", room.door.put(room.put("a", "second")).await);
        assert_eq!(
            refused.kind,
            ProviderErrorKind::AlreadyExists,
            "{}: {refused}",
            room.name
        );
    }
    let tag = first.etag.unwrap_or_else(|| ETag::new("\"none\"", ""));
    if declared.if_match == Capability::Kept {
        let put = |body: &'static str| Put {
            mode: PutMode::IfMatch(tag.clone()),
            ..room.put("a", body)
        };
        room.ok("a put on the current tag", room.door.put(put("second")).await);
        let refused = room.refused("a put on an old tag", room.door.put(put("third")).await);
        assert_eq!(
            refused.kind,
            ProviderErrorKind::PreconditionFailed,
            "{}: {refused}",
            room.name
        );
        if declared.delete_if_match == Capability::Kept {
            let delete = Delete::new(room.key("a")).if_match(tag);
            let refused = room.refused("a delete on an old tag", room.door.delete(delete).await);
            assert_eq!(
                refused.kind,
                ProviderErrorKind::PreconditionFailed,
                "{}: {refused}",
                room.name
            );
        }
    }
}

pub(super) async fn tags_change_with_the_bytes<D: ObjectDoor>(room: &Room<'_, D>) {
    let first = room.overwrite("a", "one").await.etag;
    let second = room.overwrite("a", "two").await.etag;
    assert_ne!(first, second, "{}", room.name);
}

pub(super) async fn every_write_has_its_own_tag<D: ObjectDoor>(room: &Room<'_, D>) {
    let first = room.overwrite("a", "same").await.etag;
    let second = room.overwrite("a", "same").await.etag;
    assert_ne!(first, second, "{}", room.name);
}

pub(super) async fn equal_bytes_have_equal_tags<D: ObjectDoor>(room: &Room<'_, D>) {
    let first = room.overwrite("a", "same").await.etag;
    room.overwrite("a", "other").await;
    let third = room.overwrite("a", "same").await.etag;
    assert_eq!(first, third, "{}", room.name);
}

pub(super) async fn a_delete_removes_and_may_be_repeated<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("a", "x").await;
    for what in ["a delete", "a delete of what is not there"] {
        room.ok(what, room.door.delete(Delete::new(room.key("a"))).await);
        let gone = room.refused(
            "a get of what was deleted",
            room.door.get(Get::new(room.key("a"))).await,
        );
        assert_eq!(gone.kind, ProviderErrorKind::NotFound, "{}: {gone}", room.name);
    }
    room.ok(
        "a delete of what never was",
        room.door.delete(Delete::new(room.key("never"))).await,
    );
}

pub(super) async fn a_conditional_delete_removes_that_state_and_no_other<D: ObjectDoor>(room: &Room<'_, D>) {
    let first = tag(room, room.store("a", "first").await.etag);
    let second = tag(room, room.overwrite("a", "second").await.etag);
    let delete = |tag: &ETag| Delete::new(room.key("a")).if_match(tag.clone());
    let late = room.refused("a delete on an old tag", room.door.delete(delete(&first)).await);
    assert_eq!(
        late.kind,
        ProviderErrorKind::PreconditionFailed,
        "{}: {late}",
        room.name
    );
    assert_eq!(room.fetch("a").await.body, "second", "{}", room.name);
    let current = room.door.delete(delete(&second)).await;
    room.ok("a delete on the current tag", current);
    room.refused(
        "a head of what was deleted",
        room.door.head(Head::new(room.key("a"))).await,
    );
    // Of what is gone a store may say either.
    if let Err(refused) = room.door.delete(delete(&second)).await {
        assert_eq!(
            refused.kind,
            ProviderErrorKind::PreconditionFailed,
            "{}: {refused}",
            room.name
        );
    }
}

pub(super) async fn a_deleted_key_can_be_created_again<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("a", "before").await;
    room.ok("a delete", room.door.delete(Delete::new(room.key("a"))).await);
    room.store("a", "after").await;
    assert_eq!(room.fetch("a").await.body, "after", "{}", room.name);
}
