use super::{ObjectDoor, Room, read::ODD};
use crate::request::object::{Delete, List, ListEntry};

/// No store needs more pages than this for the suite's objects. A store that does goes in circles.
const MOST_PAGES: usize = 100;

/// The names in a listing, without the room's prefix: `name (size)` for an object, `name/…` for a common prefix.
/// Follows the continuations.
async fn listed<D: ObjectDoor>(room: &Room<'_, D>, list: List) -> Vec<String> {
    let mut list = List {
        prefix: format!("{}{}", room.prefix, list.prefix),
        start_after: list.start_after.map(|after| format!("{}{after}", room.prefix)),
        ..list
    };
    let mut names = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = room.ok("a listing", room.door.list(list.clone()).await);
        let limit = list.limit.unwrap_or(usize::MAX);
        assert!(
            page.entries.len() <= limit,
            "{}: {} entries in a page",
            room.name,
            page.entries.len()
        );
        for entry in &page.entries {
            let name = entry.name().strip_prefix(&room.prefix);
            let name = name.unwrap_or_else(|| panic!("{}: another check's key is listed", room.name));
            names.push(match entry {
                ListEntry::Object(meta) => format!("{name} ({})", meta.size),
                ListEntry::CommonPrefix(_) => format!("{name}…"),
            });
        }
        match page.continuation {
            None => return names,
            continuation => list.continuation = continuation,
        }
    }
    panic!("{}: more than {MOST_PAGES} pages", room.name);
}

async fn fill<D: ObjectDoor>(room: &Room<'_, D>, names: &[&str]) {
    for name in names {
        room.store(name, name.as_bytes().to_vec()).await;
    }
}

pub(super) async fn a_listing_has_the_prefix_and_is_sorted<D: ObjectDoor>(room: &Room<'_, D>) {
    // Stored in another order than listed; by bytes `-` < `/` < `0` and upper case before lower case.
    fill(room, &["b", "a/2", "a-1", "B", "a/10", "a0", "ab/c/d"]).await;
    let all = listed(room, List::default()).await;
    let expected = [
        "B (1)",
        "a-1 (3)",
        "a/10 (4)",
        "a/2 (3)",
        "a0 (2)",
        "ab/c/d (6)",
        "b (1)",
    ];
    assert_eq!(all, expected, "{}", room.name);
    for (prefix, expected) in [
        ("a/", &["a/10 (4)", "a/2 (3)"][..]),
        ("a/1", &["a/10 (4)"]),
        ("ab", &["ab/c/d (6)"]),
        ("zzz", &[]),
    ] {
        let list = List {
            prefix: prefix.into(),
            ..List::default()
        };
        assert_eq!(listed(room, list).await, expected, "{}: prefix {prefix}", room.name);
    }
}

pub(super) async fn a_listing_starts_after<D: ObjectDoor>(room: &Room<'_, D>) {
    fill(room, &["a", "b", "c"]).await;
    for (after, expected) in [
        ("a", &["b (1)", "c (1)"][..]),
        ("aa", &["b (1)", "c (1)"]),
        ("c", &[]),
        ("zzz", &[]),
    ] {
        let list = List {
            start_after: Some(after.into()),
            ..List::default()
        };
        assert_eq!(listed(room, list).await, expected, "{}: after {after}", room.name);
    }
}

pub(super) async fn pages_add_up<D: ObjectDoor>(room: &Room<'_, D>) {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    fill(room, &names).await;
    let expected: Vec<_> = names.iter().map(|name| format!("{name} (1)")).collect();
    for limit in [1, 2, 3, 7, 8] {
        let list = List {
            limit: Some(limit),
            ..List::default()
        };
        assert_eq!(
            listed(room, list.clone()).await,
            expected,
            "{}: pages of {limit}",
            room.name
        );
        let from = List {
            start_after: Some("b".into()),
            ..list
        };
        assert_eq!(
            listed(room, from).await,
            expected[2..],
            "{}: after b, pages of {limit}",
            room.name
        );
    }
}

const TREE: [&str; 7] = ["a", "b/1", "b/2", "b/c/3", "d", "e/1", "f"];

pub(super) async fn a_delimiter_folds<D: ObjectDoor>(room: &Room<'_, D>) {
    fill(room, &TREE).await;
    let folded = |prefix: &str, start_after: Option<&str>| List {
        prefix: prefix.into(),
        start_after: start_after.map(str::to_owned),
        delimiter: Some("/".into()),
        ..List::default()
    };
    for (prefix, after, expected) in [
        ("", None, &["a (1)", "b/…", "d (1)", "e/…", "f (1)"][..]),
        ("b/", None, &["b/1 (3)", "b/2 (3)", "b/c/…"]),
        ("b", None, &["b/…"]),
        ("", Some("a"), &["b/…", "d (1)", "e/…", "f (1)"]),
        // Taken up after an entry that it returned, a listing does not return it again.
        ("", Some("b/"), &["d (1)", "e/…", "f (1)"]),
    ] {
        let names = listed(room, folded(prefix, after)).await;
        assert_eq!(names, expected, "{}: prefix {prefix:?}, after {after:?}", room.name);
    }
}

pub(super) async fn folded_pages_add_up<D: ObjectDoor>(room: &Room<'_, D>) {
    fill(room, &TREE).await;
    for limit in 1..=6 {
        let list = List {
            delimiter: Some("/".into()),
            limit: Some(limit),
            ..List::default()
        };
        let expected = ["a (1)", "b/…", "d (1)", "e/…", "f (1)"];
        assert_eq!(listed(room, list).await, expected, "{}: pages of {limit}", room.name);
    }
}

pub(super) async fn odd_keys_are_listed_as_they_are<D: ObjectDoor>(room: &Room<'_, D>) {
    fill(room, &ODD).await;
    let expected: Vec<_> = ODD.iter().map(|name| format!("{name} ({})", name.len())).collect();
    assert_eq!(listed(room, List::default()).await, expected, "{}", room.name);
    // A prefix and a start that look escaped are taken as they are, too.
    let list = List {
        prefix: "a%".into(),
        ..List::default()
    };
    assert_eq!(listed(room, list).await, ["a%20b (5)"], "{}", room.name);
    let list = List {
        start_after: Some("a%20b".into()),
        prefix: "a".into(),
        ..List::default()
    };
    let rest = listed(room, list).await;
    assert_eq!(rest.first().map(String::as_str), Some("a+b (3)"), "{}", room.name);
}

pub(super) async fn what_was_deleted_is_not_listed<D: ObjectDoor>(room: &Room<'_, D>) {
    fill(room, &["a", "b", "c"]).await;
    room.ok("a delete", room.door.delete(Delete::new(room.key("b"))).await);
    assert_eq!(listed(room, List::default()).await, ["a (1)", "c (1)"], "{}", room.name);
}

pub(super) async fn an_empty_listing_is_empty<D: ObjectDoor>(room: &Room<'_, D>) {
    assert!(listed(room, List::default()).await.is_empty(), "{}", room.name);
}
