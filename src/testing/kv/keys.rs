use super::{KvDoor, Room, fresh_id};
use crate::request::kv::{Get, Key, Put};

/// Names that stores confuse, fold or quote wrongly.
const ODD: &[&str] = &[
    "a", "A", "a ", " a", "a*", "a[b]", "{a}b", "a%20", "a+b", "..", ".", "a..b", "\"", "'", "é", "e\u{301}", "键",
    "🔑", "a:b", "NULL", "0", "00", "1e3", "=a", "a,b", "<a>", "a|b", "~", "^", "a$b", "`",
];

pub(super) async fn odd_keys_are_kept_apart<D: KvDoor>(room: &Room<'_, D>) {
    let limits = room.door.limits();
    let taken = |name: &&&str| limits.check_key(&room.key(name)).is_ok();
    let names: Vec<&str> = ODD.iter().filter(taken).copied().collect();
    for name in &names {
        room.store(name, name.as_bytes().to_vec()).await;
    }
    for name in names {
        assert_eq!(room.fetch(name).await.bytes, name, "{}: {name:?}", room.name);
    }
}

pub(super) async fn the_limits_are_as_said<D: KvDoor>(room: &Room<'_, D>) {
    let most = room.door.limits().key_bytes.min(Key::MAX_BYTES);
    let name = "k".repeat(most - room.prefix.len());
    room.store(&name, "at the limit").await;
    assert_eq!(room.fetch(&name).await.bytes, "at the limit", "{}", room.name);
    // One byte more, or the most that any key has: refused, and by name.
    if most < Key::MAX_BYTES {
        let put = Put::new(room.key(&format!("{name}k")), "x", fresh_id());
        room.refused("a key beyond the limit", room.door.put(put).await);
    }
}

pub(super) async fn refusals_show_no_key<D: KvDoor>(room: &Room<'_, D>) {
    let secret = "customer-4711";
    let absent = room.door.get(Get::new(room.key(secret))).await;
    let mut shown = vec![room.refused("a get of what is absent", absent)];
    room.store(secret, "value-4711").await;
    if let Err(refused) = room.door.put(room.create(secret, "value-4711")).await {
        shown.push(refused);
    }
    for refused in shown {
        assert!(!refused.shown.contains("4711"), "{}: {}", room.name, refused.shown);
    }
}
