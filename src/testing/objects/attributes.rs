use super::{ObjectDoor, Room};
use crate::{
    provider::ProviderErrorKind,
    request::object::{Attributes, Head, Put, PutMode, WriteId},
};
use std::sync::Arc;

fn some() -> Attributes {
    Attributes {
        content_type: Some("text/plain; charset=utf-8".into()),
        cache_control: Some("max-age=60, private".into()),
        content_disposition: Some("attachment; filename=\"a.txt\"".into()),
        content_encoding: Some("identity".into()),
        content_language: Some("de-DE, en".into()),
        metadata: [("colour", "deep blue"), ("number-2", "a=b&c;d/%41+")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    }
}

pub(super) async fn attributes_round_trip<D: ObjectDoor>(room: &Room<'_, D>) {
    let put = Put {
        attributes: Arc::new(some()),
        ..room.put("a", "x")
    };
    room.ok("a put with attributes", room.door.put(put).await);
    assert_eq!(room.fetch("a").await.meta.attributes, some(), "{}: by get", room.name);
    let head = room.ok("a head", room.door.head(Head::new(room.key("a"))).await);
    assert_eq!(head.attributes, some(), "{}: by head", room.name);
}

pub(super) async fn an_overwrite_replaces_the_attributes_too<D: ObjectDoor>(room: &Room<'_, D>) {
    let put = Put {
        attributes: Arc::new(some()),
        mode: PutMode::Overwrite,
        ..room.put("a", "x")
    };
    room.ok("a put with attributes", room.door.put(put).await);
    room.overwrite("a", "y").await;
    let now = room.fetch("a").await.meta.attributes;
    assert!(
        now.metadata.is_empty() && now.cache_control.is_none(),
        "{}: {now:?}",
        room.name
    );
}

pub(super) async fn bad_attributes_store_nothing<D: ObjectDoor>(room: &Room<'_, D>) {
    let metadata = |name: &str, value: &str| Attributes {
        metadata: [(name.to_owned(), value.to_owned())].into(),
        ..Attributes::default()
    };
    for bad in [
        metadata("Colour", "blue"),
        metadata("co lour", "blue"),
        metadata("", "blue"),
        metadata("colour", "bl\u{fc}"),
        metadata("colour", "a\r\nb: c"),
        metadata("colour", " blue"),
        metadata(WriteId::METADATA_KEY, "mine"),
        metadata("colour", &"x".repeat(4096)),
        Attributes {
            content_type: Some("text/\nplain".into()),
            ..Attributes::default()
        },
        Attributes {
            cache_control: Some("\u{fc}".into()),
            ..Attributes::default()
        },
    ] {
        let put = Put {
            attributes: Arc::new(bad.clone()),
            ..room.put("a", "x")
        };
        let refused = room.refused("a put with bad attributes", room.door.put(put).await);
        let expected = [ProviderErrorKind::Invalid, ProviderErrorKind::Unsupported];
        assert!(expected.contains(&refused.kind), "{}: {bad:?}: {refused}", room.name);
        let absent = room.refused("a head", room.door.head(Head::new(room.key("a"))).await);
        assert_eq!(
            absent.kind,
            ProviderErrorKind::NotFound,
            "{}: something was stored: {absent}",
            room.name
        );
    }
}

pub(super) async fn a_write_id_comes_back_apart<D: ObjectDoor>(room: &Room<'_, D>) {
    let id = WriteId::new("0123456789abcdef0123456789abcdef");
    let put = Put {
        attributes: Arc::new(some()),
        write_id: Some(id.clone()),
        ..room.put("a", "x")
    };
    room.ok("a put with an id", room.door.put(put).await);
    let got = room.fetch("a").await.meta;
    let head = room.ok("a head", room.door.head(Head::new(room.key("a"))).await);
    for meta in [got, head] {
        assert_eq!(meta.write_id.as_ref(), Some(&id), "{}", room.name);
        assert_eq!(meta.attributes, some(), "{}: the id is not the user's", room.name);
    }
    room.store("without", "x").await;
    assert_eq!(room.fetch("without").await.meta.write_id, None, "{}", room.name);
}
