use super::{ObjectDoor, Room};
use crate::{
    provider::ProviderErrorKind,
    request::{
        Key,
        object::{ByteRange, ETag, Get, Head},
    },
};
use std::time::{Duration, SystemTime};

/// Keys that some client or store might decode, escape, fold or sort in its own way. Ascending.
pub(super) const ODD: [&str; 13] = [
    "#hash",
    "%41",
    "'quoted\"",
    "(1)*~!",
    "<a>&amp;</a>",
    "A",
    "a b",
    "a%20b",
    "a+b",
    "a:b@c,d;e=f$",
    "a?x=1&y=2",
    "ünï",
    "键\u{1f511}",
];

fn part(key: Key, range: ByteRange) -> Get {
    Get {
        range: Some(range),
        ..Get::new(key)
    }
}

pub(super) async fn what_is_absent_is_not_found<D: ObjectDoor>(room: &Room<'_, D>) {
    let refusals = [
        room.refused("a get", room.door.get(Get::new(room.key("absent"))).await),
        room.refused("a head", room.door.head(Head::new(room.key("absent"))).await),
        room.refused(
            "a part",
            room.door.get(part(room.key("absent"), ByteRange::From(3))).await,
        ),
    ];
    for refused in refusals {
        assert_eq!(refused.kind, ProviderErrorKind::NotFound, "{}: {refused}", room.name);
    }
}

pub(super) async fn ranges_are_exact<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("digits", "0123456789").await;
    for (range, expected) in [
        (ByteRange::Bounded(0..1), 0..1),
        (ByteRange::Bounded(2..5), 2..5),
        (ByteRange::Bounded(0..10), 0..10),
        (ByteRange::Bounded(8..100), 8..10),
        (ByteRange::From(0), 0..10),
        (ByteRange::From(9), 9..10),
        (ByteRange::Suffix(3), 7..10),
    ] {
        let got = room.door.get(part(room.key("digits"), range.clone())).await;
        let object = room.ok("a part", got);
        let body = &b"0123456789"[expected.start as usize..expected.end as usize];
        assert_eq!(
            (&object.body[..], &object.range),
            (body, &expected),
            "{}: {range:?}",
            room.name
        );
        assert_eq!(object.meta.size, 10, "{}: the size is the whole object's", room.name);
    }
}

pub(super) async fn a_suffix_longer_than_the_object_is_all_of_it<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("digits", "0123456789").await;
    let got = room.door.get(part(room.key("digits"), ByteRange::Suffix(100))).await;
    let object = room.ok("a long suffix", got);
    assert_eq!(
        (&object.body[..], object.range),
        (&b"0123456789"[..], 0..10),
        "{}",
        room.name
    );
}

pub(super) async fn a_range_outside_is_refused<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("digits", "0123456789").await;
    room.store("empty", "").await;
    for (name, range) in [
        ("digits", ByteRange::From(10)),
        ("digits", ByteRange::Bounded(10..12)),
        ("digits", ByteRange::Bounded(5..5)),
        ("digits", ByteRange::Suffix(0)),
        ("empty", ByteRange::From(0)),
    ] {
        let got = room.door.get(part(room.key(name), range.clone())).await;
        let refused = room.refused("a range outside", got);
        let expected = ProviderErrorKind::RangeNotSatisfiable;
        assert_eq!(refused.kind, expected, "{}: {name} {range:?}: {refused}", room.name);
    }
}

pub(super) async fn an_unchanged_object_is_not_sent_again<D: ObjectDoor>(room: &Room<'_, D>) {
    let tag = room.store("a", "x").await.etag;
    let get = Get {
        if_none_match: tag,
        ..Get::new(room.key("a"))
    };
    let refused = room.refused("a get of what has not changed", room.door.get(get).await);
    assert_eq!(refused.kind, ProviderErrorKind::NotModified, "{}: {refused}", room.name);
}

pub(super) async fn a_changed_object_is_sent_again<D: ObjectDoor>(room: &Room<'_, D>) {
    let old = room.overwrite("a", "old").await.etag;
    room.overwrite("a", "new").await;
    let get = Get {
        if_none_match: old,
        ..Get::new(room.key("a"))
    };
    let object = room.ok("a get of what has changed", room.door.get(get).await);
    assert_eq!(object.body, "new", "{}", room.name);
}

pub(super) async fn a_read_on_a_tag_answers_with_that_state_or_fails<D: ObjectDoor>(room: &Room<'_, D>) {
    let (old, new) = (
        room.overwrite("a", "old").await.etag,
        room.overwrite("a", "new").await.etag,
    );
    let on = |tag: &Option<ETag>, range| Get {
        if_match: tag.clone(),
        range,
        ..Get::new(room.key("a"))
    };
    // A store without tags has nothing to hold on to.
    if new.is_none() {
        return;
    }
    for range in [None, Some(ByteRange::Bounded(1..3)), Some(ByteRange::Suffix(2))] {
        let object = room.ok("a get on the tag", room.door.get(on(&new, range.clone())).await);
        assert!(
            b"new".ends_with(&object.body) && object.meta.etag == new,
            "{}",
            room.name
        );
        let refused = room.refused("a get on an old tag", room.door.get(on(&old, range)).await);
        assert_eq!(
            refused.kind,
            ProviderErrorKind::PreconditionFailed,
            "{}: {refused}",
            room.name
        );
    }
    let head = |tag: &Option<ETag>| Head {
        if_match: tag.clone(),
        ..Head::new(room.key("a"))
    };
    let meta = room.ok("a head on the tag", room.door.head(head(&new)).await);
    assert_eq!((meta.size, meta.etag), (3, new), "{}", room.name);
    let refused = room.refused("a head on an old tag", room.door.head(head(&old)).await);
    assert_eq!(
        refused.kind,
        ProviderErrorKind::PreconditionFailed,
        "{}: {refused}",
        room.name
    );
}

pub(super) async fn head_and_get_agree<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("a", "some bytes").await;
    let got = room.fetch("a").await.meta;
    let head = room.ok("a head", room.door.head(Head::new(room.key("a"))).await);
    assert_eq!(
        (&head.key, head.size, &head.etag),
        (&got.key, got.size, &got.etag),
        "{}",
        room.name
    );
    assert_eq!(head.attributes, got.attributes, "{}", room.name);
    let written = head.last_modified.unwrap_or_else(|| panic!("{}: not dated", room.name));
    // Clocks differ; a date of another kind (1970, or milliseconds taken for seconds) is far off.
    let off = crate::model::clock::wall()
        .duration_since(written)
        .unwrap_or_else(|before: std::time::SystemTimeError| before.duration());
    assert!(off < Duration::from_secs(3600), "{}: dated {written:?}", room.name);
    assert!(written > SystemTime::UNIX_EPOCH, "{}", room.name);
}

pub(super) async fn a_get_is_dated<D: ObjectDoor>(room: &Room<'_, D>) {
    room.store("a", "some bytes").await;
    let got = room.fetch("a").await.meta;
    let head = room.ok("a head", room.door.head(Head::new(room.key("a"))).await);
    assert_eq!(head.last_modified, got.last_modified, "{}", room.name);
}

pub(super) async fn odd_keys_are_kept_apart<D: ObjectDoor>(room: &Room<'_, D>) {
    for name in ODD {
        room.store(name, name).await;
    }
    for name in ODD {
        let object = room.fetch(name).await;
        assert_eq!(object.body, name, "{}: {name:?} was taken for another key", room.name);
        let head = room.ok("a head", room.door.head(Head::new(room.key(name))).await);
        assert_eq!(head.size, name.len() as u64, "{}: {name:?}", room.name);
    }
}

pub(super) async fn the_longest_key_works<D: ObjectDoor>(room: &Room<'_, D>) {
    let name = "k".repeat(Key::MAX_BYTES - room.prefix.len());
    room.store(&name, "far").await;
    assert_eq!(room.fetch(&name).await.body, "far", "{}", room.name);
}

pub(super) async fn refusals_show_no_key<D: ObjectDoor>(room: &Room<'_, D>) {
    let absent = room.refused("a get", room.door.get(Get::new(room.key("customer-mustermann"))).await);
    assert!(
        !absent.shown.contains("mustermann"),
        "{}: an error shows a key",
        room.name
    );
}
