use super::{KvDoor, Room, fresh_id};
use crate::request::kv::Delete;

pub(super) async fn a_put_is_read_back<D: KvDoor>(room: &Room<'_, D>) {
    let version = room.store("a", "some bytes").await;
    let value = room.fetch("a").await;
    assert_eq!(value.bytes, "some bytes", "{}", room.name);
    assert_eq!(
        value.version, version,
        "{}: the put and the get must give the same version",
        room.name
    );
    assert!(!version.token().is_empty(), "{}: no version", room.name);
    assert_eq!(value.expires_at, None, "{}: it expires", room.name);
}

pub(super) async fn an_empty_value_is_kept<D: KvDoor>(room: &Room<'_, D>) {
    room.store("empty", "").await;
    assert!(room.fetch("empty").await.bytes.is_empty(), "{}", room.name);
}

pub(super) async fn any_bytes_are_kept<D: KvDoor>(room: &Room<'_, D>) {
    // Each byte, and what text protocols trip over.
    let mut bytes: Vec<u8> = (0..=u8::MAX).collect();
    bytes.extend_from_slice(b"\r\n$-1\r\n\"\\\0");
    room.store("bytes", bytes.clone()).await;
    assert_eq!(
        room.fetch("bytes").await.bytes,
        bytes,
        "{}: the bytes differ",
        room.name
    );
}

pub(super) async fn a_large_value_is_kept<D: KvDoor>(room: &Room<'_, D>) {
    // As much as every provider takes, so that a standby may be any of them; no two positions near each other alike.
    let most = room.door.limits().item_bytes.min(300_000) - 100;
    let value: Vec<u8> = (0..most as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    room.store("large", value.clone()).await;
    assert!(
        room.fetch("large").await.bytes == value,
        "{}: the bytes differ",
        room.name
    );
}

pub(super) async fn a_put_replaces<D: KvDoor>(room: &Room<'_, D>) {
    room.store("a", "a long first value").await;
    room.store("a", "short").await;
    assert_eq!(room.fetch("a").await.bytes, "short", "{}", room.name);
}

pub(super) async fn every_write_has_its_own_version<D: KvDoor>(room: &Room<'_, D>) {
    let first = room.store("a", "same").await;
    let second = room.store("a", "same").await;
    assert_ne!(first, second, "{}", room.name);
}

pub(super) async fn a_write_id_comes_back<D: KvDoor>(room: &Room<'_, D>) {
    let put = room.new_put("a", "value");
    let id = put.write_id.clone();
    room.ok("a put", room.door.put(put).await);
    assert_eq!(room.fetch("a").await.write_id, Some(id), "{}", room.name);
}

pub(super) async fn a_delete_removes_and_may_be_repeated<D: KvDoor>(room: &Room<'_, D>) {
    room.store("a", "x").await;
    for _ in 0..2 {
        room.delete("a").await;
        room.is_absent("a get of what was deleted", "a").await;
    }
    room.ok(
        "a delete of what never was",
        room.door.delete(Delete::new(room.key("never"), fresh_id())).await,
    );
}
