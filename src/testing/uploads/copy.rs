use super::{Room, id};
use crate::{
    provider::{ObjectProvider, ProviderErrorKind},
    request::object::{Attributes, Copy, Head, Put, PutMode},
};
use std::sync::Arc;

pub(super) async fn a_copy_has_the_bytes_and_its_own_attributes<D: ObjectProvider>(room: &Room<'_, D>) {
    let attributes = |colour: &str| Attributes {
        content_type: Some(format!("text/{colour}")),
        metadata: [("colour".to_owned(), colour.to_owned())].into(),
        ..Attributes::default()
    };
    let put = Put {
        mode: PutMode::Overwrite,
        attributes: Arc::new(attributes("blue")),
        write_id: id("suite-source"),
        ..Put::new(room.key("a"), "bytes")
    };
    room.ok("a put", room.door.put(put).await);
    let copy = Copy {
        mode: PutMode::Overwrite,
        attributes: Arc::new(attributes("green")),
        write_id: id("suite-copy"),
        ..Copy::new(room.key("a"), room.key("b"), 5)
    };
    let answer = room.ok("a copy", room.door.copy(copy).await);
    let there = room.ok("a head", room.door.head(Head::new(room.key("b"))).await);
    assert_eq!(there.etag, answer.etag, "{}", room.name);
    assert_eq!(
        (there.attributes, there.write_id),
        (attributes("green"), id("suite-copy")),
        "{}",
        room.name
    );
    let source = room.fetch("a").await;
    assert_eq!(
        (source.body, source.meta.write_id),
        ("bytes".into(), id("suite-source")),
        "{}",
        room.name
    );
    assert_eq!(room.fetch("b").await.body, "bytes", "{}", room.name);
}

pub(super) async fn a_copied_create_never_overwrites<D: ObjectProvider>(room: &Room<'_, D>) {
    room.overwrite("a", "source").await;
    let copy = || Copy::new(room.key("a"), room.key("b"), 6);
    room.ok("a copy to a new key", room.door.copy(copy()).await);
    room.overwrite("b", "other").await;
    let refused = room.refused("a copy over an object", room.door.copy(copy()).await);
    assert_eq!(
        refused.kind(),
        ProviderErrorKind::AlreadyExists,
        "{}: {refused}",
        room.name
    );
    assert_eq!(room.fetch("b").await.body, "other", "{}", room.name);
}

pub(super) async fn a_copy_of_what_is_absent_is_not_found<D: ObjectProvider>(room: &Room<'_, D>) {
    let copy = Copy {
        mode: PutMode::Overwrite,
        ..Copy::new(room.key("a"), room.key("b"), 1)
    };
    let refused = room.refused("a copy of nothing", room.door.copy(copy).await);
    assert_eq!(refused.kind(), ProviderErrorKind::NotFound, "{}: {refused}", room.name);
}

pub(super) async fn a_copy_of_another_state_is_refused<D: ObjectProvider>(room: &Room<'_, D>) {
    let Some(old) = room.overwrite("a", "one").await.etag else {
        panic!("{}: a store with conditions has tags", room.name);
    };
    room.overwrite("a", "two").await;
    let copy = Copy {
        mode: PutMode::Overwrite,
        if_match: Some(old),
        ..Copy::new(room.key("a"), room.key("b"), 3)
    };
    let refused = room.refused("a copy of an old state", room.door.copy(copy).await);
    assert_eq!(
        refused.kind(),
        ProviderErrorKind::PreconditionFailed,
        "{}: {refused}",
        room.name
    );
}
