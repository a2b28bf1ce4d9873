use super::{KvDoor, Room};
use crate::request::kv::Scan;

/// No table needs more pages than this for the suite's values. A table that does goes in circles.
const MOST_PAGES: usize = 100;

/// The results of a scan, without the room's prefix, as `name=value`. Goes on from page to page.
async fn scanned<D: KvDoor>(room: &Room<'_, D>, scan: Scan) -> Vec<String> {
    let full = |bound: Option<String>| bound.map(|bound| format!("{}{bound}", room.prefix));
    let mut scan = Scan {
        prefix: format!("{}{}", room.prefix, scan.prefix),
        from: full(scan.from),
        until: full(scan.until),
        after: full(scan.after),
        limit: scan.limit,
    };
    let mut names = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = room.ok("a scan", room.door.scan(scan.clone()).await);
        let limit = scan.limit.unwrap_or(usize::MAX);
        assert!(
            page.entries.len() <= limit,
            "{}: {} entries in a page",
            room.name,
            page.entries.len()
        );
        for entry in &page.entries {
            let name = entry.key.strip_prefix(&room.prefix);
            let name = name.unwrap_or_else(|| panic!("{}: another check's key is there", room.name));
            names.push(format!("{name}={}", String::from_utf8_lossy(&entry.value.bytes)));
        }
        match page.next {
            None => return names,
            next => {
                let last = page.entries.last().map(|entry| entry.key.clone());
                assert!(next >= last && next > scan.after, "{}: a page leads back", room.name);
                scan.after = next;
            }
        }
    }
    panic!("{}: more than {MOST_PAGES} pages", room.name);
}

async fn fill<D: KvDoor>(room: &Room<'_, D>, names: &[&str]) {
    for name in names {
        room.store(name, name.to_uppercase()).await;
    }
}

pub(super) async fn a_scan_has_the_prefix_and_is_sorted<D: KvDoor>(room: &Room<'_, D>) {
    // Stored in another order than scanned; by bytes `-` < `.` < `0` < `B` < `a` < `é`.
    fill(room, &["b", "a.2", "a-1", "B", "é", "a.10", "a0", "ab.c.d"]).await;
    let all = scanned(room, Scan::default()).await;
    let expected = [
        "B=B",
        "a-1=A-1",
        "a.10=A.10",
        "a.2=A.2",
        "a0=A0",
        "ab.c.d=AB.C.D",
        "b=B",
        "é=É",
    ];
    assert_eq!(all, expected, "{}", room.name);
    for (prefix, expected) in [
        ("a.", &["a.10=A.10", "a.2=A.2"][..]),
        ("a.1", &["a.10=A.10"]),
        ("ab", &["ab.c.d=AB.C.D"]),
        ("zzz", &[]),
    ] {
        let scan = Scan {
            prefix: prefix.into(),
            ..Scan::default()
        };
        assert_eq!(scanned(room, scan).await, expected, "{}: prefix {prefix}", room.name);
    }
}

pub(super) async fn a_scan_has_its_bounds<D: KvDoor>(room: &Room<'_, D>) {
    fill(room, &["a", "b", "c", "d"]).await;
    let text = |bound: &str| Some(bound.to_owned()).filter(|bound| !bound.is_empty());
    for (from, until, after, expected) in [
        ("b", "", "", &["b=B", "c=C", "d=D"][..]),
        ("b", "d", "", &["b=B", "c=C"]),
        ("", "c", "a", &["b=B"]),
        ("a", "", "c", &["d=D"]),
        ("bb", "bc", "", &[]),
        ("c", "b", "", &[]),
        ("", "", "d", &[]),
    ] {
        let scan = Scan {
            from: text(from),
            until: text(until),
            after: text(after),
            ..Scan::default()
        };
        let seen = scanned(room, scan).await;
        assert_eq!(
            seen, expected,
            "{}: from {from:?} until {until:?} after {after:?}",
            room.name
        );
    }
}

pub(super) async fn pages_add_up<D: KvDoor>(room: &Room<'_, D>) {
    let names: Vec<String> = (0..11).map(|i| format!("{i:02}")).collect();
    fill(room, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let expected: Vec<String> = names.iter().map(|name| format!("{name}={name}")).collect();
    for limit in [1, 2, 5, 11, 12] {
        let scan = Scan {
            limit: Some(limit),
            ..Scan::default()
        };
        assert_eq!(scanned(room, scan).await, expected, "{}: pages of {limit}", room.name);
    }
}

pub(super) async fn what_was_deleted_is_not_there<D: KvDoor>(room: &Room<'_, D>) {
    fill(room, &["a", "b", "c"]).await;
    room.delete("b").await;
    assert_eq!(scanned(room, Scan::default()).await, ["a=A", "c=C"], "{}", room.name);
}

pub(super) async fn a_scan_of_nothing_is_empty<D: KvDoor>(room: &Room<'_, D>) {
    assert!(scanned(room, Scan::default()).await.is_empty(), "{}", room.name);
}
