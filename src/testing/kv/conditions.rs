use super::{KvDoor, Room, fresh_id};
use crate::{
    provider::ProviderErrorKind::{AlreadyExists, PreconditionFailed, Throttled},
    request::kv::{Condition, Delete, Put, Value, Version},
};
use futures_util::future::join_all;

/// With this many racers and rounds, the suite found every store that checks first and writes afterwards.
const RACERS: usize = 24;
const ROUNDS: usize = 5;
const WRITERS: usize = 8;
const STEPS: usize = 25;

pub(super) async fn a_create_never_overwrites<D: KvDoor>(room: &Room<'_, D>) {
    room.ok("a create", room.door.put(room.create("once", "first")).await);
    let second = room.refused("a second create", room.door.put(room.create("once", "second")).await);
    room.is(&second, AlreadyExists);
    assert_eq!(room.fetch("once").await.bytes, "first", "{}", room.name);
}

pub(super) async fn racing_creates_have_one_winner<D: KvDoor>(room: &Room<'_, D>) {
    for round in 0..ROUNDS {
        let name = format!("round-{round}");
        let racer = |i: usize| room.door.put(room.create(&name, format!("racer {i}")));
        let answers = join_all((0..RACERS).map(racer)).await;
        let there = room.fetch(&name).await.bytes;
        for (racer, answer) in answers.iter().enumerate() {
            let won = there == format!("racer {racer}");
            match answer {
                Ok(_) => assert!(won, "{}: two winners of round {round}", room.name),
                Err(refused) if refused.unresolved => {}
                // A store may leave a race undecided: try again.
                Err(refused) => assert!(
                    !won && [AlreadyExists, Throttled].contains(&refused.kind),
                    "{}: {refused}",
                    room.name
                ),
            }
        }
    }
}

/// The retry of a create whose answer was lost either succeeds, or finds a value that carries its own id.
pub(super) async fn a_repeated_create_recognises_itself<D: KvDoor>(room: &Room<'_, D>) {
    let create = room.create("a", "value");
    let first = room.ok("a create", room.door.put(create.clone()).await).version;
    repeated(room, create, &first).await;
}

/// The same for the retry of a compare-and-set.
pub(super) async fn a_repeated_compare_and_set_recognises_itself<D: KvDoor>(room: &Room<'_, D>) {
    let before = room.store("a", "before").await;
    let swap = room.swap("a", &before, "value");
    let first = room.ok("a compare-and-set", room.door.put(swap.clone()).await).version;
    repeated(room, swap, &first).await;
}

async fn repeated<D: KvDoor>(room: &Room<'_, D>, put: Put, first: &Version) {
    match room.door.put(put.clone()).await {
        Ok(again) => assert_eq!(again.version, *first, "{}: a repetition wrote again", room.name),
        Err(refused) => {
            let expected = match put.condition {
                Condition::Absent => AlreadyExists,
                _ => PreconditionFailed,
            };
            room.is(&refused, expected);
        }
    }
    let there = room.fetch("a").await;
    assert_eq!(
        (&there.version, there.write_id),
        (first, Some(put.write_id)),
        "{}",
        room.name
    );
}

pub(super) async fn a_deleted_key_can_be_created_again<D: KvDoor>(room: &Room<'_, D>) {
    room.ok("a create", room.door.put(room.create("a", "before")).await);
    room.delete("a").await;
    room.ok("a create", room.door.put(room.create("a", "after")).await);
    assert_eq!(room.fetch("a").await.bytes, "after", "{}", room.name);
}

pub(super) async fn a_compare_and_set_needs_the_current_version<D: KvDoor>(room: &Room<'_, D>) {
    let first = room.store("a", "first").await;
    let second = room.door.put(room.swap("a", &first, "second")).await;
    let second = room.ok("a compare-and-set with the current version", second).version;
    let late = room.door.put(room.swap("a", &first, "late")).await;
    room.is(
        &room.refused("a compare-and-set with an old version", late),
        PreconditionFailed,
    );
    let there = room.fetch("a").await;
    assert_eq!(
        (&there.bytes[..], there.version),
        (&b"second"[..], second),
        "{}",
        room.name
    );
}

pub(super) async fn a_compare_and_set_on_an_absent_key_is_refused<D: KvDoor>(room: &Room<'_, D>) {
    let elsewhere = room.store("there", "x").await;
    let refused = room.door.put(room.swap("not-there", &elsewhere, "x")).await;
    room.is(
        &room.refused("a compare-and-set on an absent key", refused),
        PreconditionFailed,
    );
    room.is_absent("a get of what was not stored", "not-there").await;
}

/// Equal bytes are not the same state, not even when the key was gone in between (the ABA problem).
pub(super) async fn a_value_that_came_back_is_another_one<D: KvDoor>(room: &Room<'_, D>) {
    let first = room.store("a", "same").await;
    room.store("a", "other").await;
    room.store("a", "same").await;
    let late = room.door.put(room.swap("a", &first, "late")).await;
    room.is(&room.refused("an old version", late), PreconditionFailed);
    room.delete("a").await;
    room.store("a", "same").await;
    let late = room.door.put(room.swap("a", &first, "late")).await;
    room.is(
        &room.refused("a version from before the delete", late),
        PreconditionFailed,
    );
    assert_eq!(room.fetch("a").await.bytes, "same", "{}", room.name);
}

fn count(name: &str, value: &Value) -> usize {
    let text = std::str::from_utf8(&value.bytes).ok();
    text.and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{name}: the counter is no number: {:?}", value.bytes))
}

/// Eight writers count to 25 each, by compare-and-set.
pub(super) async fn racing_increments_add_up<D: KvDoor>(room: &Room<'_, D>) {
    room.store("counter", "0").await;
    let writer = async || {
        let mut unresolved = 0;
        for _ in 0..STEPS {
            loop {
                let there = room.fetch("counter").await;
                let next = (count(&room.name, &there) + 1).to_string();
                match room.door.put(room.swap("counter", &there.version, next)).await {
                    Ok(_) => break,
                    Err(refused) if refused.unresolved => unresolved += 1,
                    Err(refused) => assert!(
                        [PreconditionFailed, Throttled].contains(&refused.kind),
                        "{}: {refused}",
                        room.name
                    ),
                }
            }
        }
        unresolved
    };
    let unresolved: usize = join_all((0..WRITERS).map(|_| writer())).await.into_iter().sum();
    let sum = count(&room.name, &room.fetch("counter").await);
    let steps = WRITERS * STEPS;
    assert!(
        (steps..=steps + unresolved).contains(&sum),
        "{}: {sum} of {steps}",
        room.name
    );
}

pub(super) async fn a_delete_with_a_version_needs_the_current_one<D: KvDoor>(room: &Room<'_, D>) {
    let first = room.store("a", "first").await;
    let second = room.store("a", "second").await;
    let delete = |version: Version| Delete {
        if_version: Some(version),
        ..Delete::new(room.key("a"), fresh_id())
    };
    let late = room.door.delete(delete(first)).await;
    room.is(&room.refused("a delete with an old version", late), PreconditionFailed);
    assert_eq!(room.fetch("a").await.bytes, "second", "{}", room.name);
    room.ok(
        "a delete with the current version",
        room.door.delete(delete(second.clone())).await,
    );
    let gone = room.door.delete(delete(second)).await;
    room.is(&room.refused("a delete of what is gone", gone), PreconditionFailed);
}
