use super::{KvDoor, Room};
use crate::request::kv::{Get, GetMany, Scan};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// The shortest time to live that every provider keeps.
const LIFE: Duration = Duration::from_secs(1);
/// A time to live is rounded up to whole seconds, and two hosts read their clocks.
const SURELY_OVER: Duration = Duration::from_millis(2_500);
const LONG: Duration = Duration::from_secs(3_600);

pub(super) async fn what_has_expired_is_absent<D: KvDoor>(room: &Room<'_, D>) {
    room.ok("a put", room.door.put(room.expiring("short", "x", LIFE)).await);
    room.ok("a put", room.door.put(room.expiring("long", "x", LONG)).await);
    let expires = room.fetch("long").await.expires_at;
    let left = expires.and_then(|at| at.duration_since(crate::model::clock::wall()).ok());
    let left = left.unwrap_or_else(|| panic!("{}: when it expires is not said", room.name));
    assert!(
        left > LONG - Duration::from_secs(60) && left < LONG + Duration::from_secs(60),
        "{}: an hour became {left:?}",
        room.name
    );
    sleep(SURELY_OVER).await;
    room.is_absent("a get of what has expired", "short").await;
    room.fetch("long").await;
    let many = GetMany::new([room.key("short"), room.key("long")]);
    let many = room.ok("a get of both", room.door.get_many(many).await);
    assert!(many[0].is_err() && many[1].is_ok(), "{}: {many:?}", room.name);
    let scan = Scan {
        prefix: room.prefix.clone(),
        ..Scan::default()
    };
    // A table without scans says so, and that is another check's matter.
    if let Ok(page) = room.door.scan(scan).await {
        assert_eq!(page.entries.len(), 1, "{}: what has expired is listed", room.name);
    }
}

pub(super) async fn what_has_expired_can_be_created_again<D: KvDoor>(room: &Room<'_, D>) {
    room.ok("a put", room.door.put(room.expiring("a", "first", LIFE)).await);
    let early = room.door.put(room.create("a", "early")).await;
    room.refused("a create before it has expired", early);
    sleep(SURELY_OVER).await;
    room.ok(
        "a create of what has expired",
        room.door.put(room.create("a", "second")).await,
    );
    assert_eq!(room.fetch("a").await.bytes, "second", "{}", room.name);
}

pub(super) async fn a_put_without_a_time_to_live_stays<D: KvDoor>(room: &Room<'_, D>) {
    room.ok("a put", room.door.put(room.expiring("a", "first", LIFE)).await);
    room.store("a", "second").await;
    sleep(SURELY_OVER).await;
    let there = room.fetch("a").await;
    assert_eq!(
        (&there.bytes[..], there.expires_at),
        (&b"second"[..], None),
        "{}",
        room.name
    );
}

/// The next state of a session belongs to the same session, and expires when the session would have.
pub(super) async fn a_compare_and_set_keeps_the_time_to_live<D: KvDoor>(room: &Room<'_, D>) {
    room.ok("a put", room.door.put(room.expiring("long", "1", LONG)).await);
    room.ok("a put", room.door.put(room.expiring("short", "1", LIFE)).await);
    let (long, short) = (room.fetch("long").await, room.fetch("short").await);
    let mut version = long.version;
    for step in 2..5 {
        let swap = room.swap("long", &version, step.to_string());
        version = room.ok("a compare-and-set", room.door.put(swap).await).version;
        let there = room.fetch("long").await;
        assert_eq!(there.version, version, "{}: another version than was said", room.name);
        let (was, is) = (long.expires_at, there.expires_at);
        let near = |(was, is): (SystemTime, SystemTime)| {
            let off = is.duration_since(was).unwrap_or_else(|early| early.duration());
            off < Duration::from_secs(2)
        };
        assert!(was.zip(is).is_some_and(near), "{}: {was:?} became {is:?}", room.name);
    }
    let swap = room.swap("short", &short.version, "2");
    room.ok("a compare-and-set", room.door.put(swap).await);
    sleep(SURELY_OVER).await;
    room.refused(
        "a get of what has expired",
        room.door.get(Get::new(room.key("short"))).await,
    );
    // With a word of its own it is otherwise.
    let longer = room.swap("long", &version, "5").expiring(LONG * 2);
    let version = room.ok("a compare-and-set", room.door.put(longer).await).version;
    let there = room.fetch("long").await;
    assert!(
        there.expires_at > long.expires_at.map(|at| at + LONG / 2),
        "{}",
        room.name
    );
    let stays = room.swap("long", &version, "6").without_expiry();
    room.ok("a compare-and-set", room.door.put(stays).await);
    assert_eq!(room.fetch("long").await.expires_at, None, "{}", room.name);
}
