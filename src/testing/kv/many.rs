use super::{KvDoor, Room};
use crate::{
    provider::ProviderErrorKind,
    request::kv::{GetMany, Key, Put, PutMany},
};

pub(super) async fn each_key_has_its_answer<D: KvDoor>(room: &Room<'_, D>) {
    room.store("a", "1").await;
    room.store("c", "3").await;
    // Not in the order of the keys, which is the order in which some stores answer.
    let keys = ["c", "b", "a"].map(|name| room.key(name));
    let mut answers = room.ok("a get of three", room.door.get_many(GetMany::new(keys)).await);
    assert_eq!(answers.len(), 3, "{}", room.name);
    let a = room.ok("the third", answers.remove(2));
    room.is(
        &room.refused("the second", answers.remove(1)),
        ProviderErrorKind::NotFound,
    );
    let c = room.ok("the first", answers.remove(0));
    assert_eq!((&c.bytes[..], &a.bytes[..]), (&b"3"[..], &b"1"[..]), "{}", room.name);
    assert_eq!(
        a,
        room.fetch("a").await,
        "{}: a get of one and of many differ",
        room.name
    );
    // As many as a batch takes.
    let most = room.door.limits().get_many.min(100);
    let keys: Vec<Key> = (0..most).map(|i| room.key(&format!("many-{i}"))).collect();
    let answers = room.ok("a full batch", room.door.get_many(GetMany::new(keys)).await);
    assert_eq!(answers.len(), most, "{}", room.name);
}

pub(super) async fn each_value_is_stored<D: KvDoor>(room: &Room<'_, D>) {
    room.store("1", "before").await;
    let most = room.door.limits().put_many.min(100);
    let puts: Vec<Put> = (0..most)
        .map(|i| room.new_put(&i.to_string(), format!("value {i}")))
        .collect();
    let answers = room.ok("a full batch", room.door.put_many(PutMany::new(puts)).await);
    assert_eq!(answers.len(), most, "{}", room.name);
    for (i, answer) in answers.into_iter().enumerate() {
        let version = room.ok("a put of many", answer).version;
        let there = room.fetch(&i.to_string()).await;
        assert_eq!(there.bytes, format!("value {i}"), "{}", room.name);
        assert_eq!(there.version, version, "{}: another version than was said", room.name);
    }
}
