//! What becomes of a key.

use crate::support::{Asked, Hooked, assert_equal, between, body, filled, key, read, remove, write};
use evenkeel::{
    backfill::{Event, Fate, Verify},
    provider::{Memory, ObjectProvider, ProviderError},
    request::object::{Put, PutAnswer},
};
use std::sync::{Arc, Mutex};

#[tokio::test(start_paused = true)]
async fn every_object_is_copied_and_the_estimate_is_right() {
    let (from, to) = (Hooked::watched(filled(2_500).await), Hooked::watched(Memory::new()));
    let backfill = || between(from.clone(), to.clone());

    let estimate = backfill().estimate().await.unwrap();
    assert_eq!((from.log().len(), to.log().len()), (3, 0), "a listing only");
    assert_eq!((estimate.keys, estimate.listing_requests), (2_500, 3));

    let dry = backfill().dry_run().await.unwrap();
    assert_eq!(to.count("put"), 0);
    assert_eq!((dry.counts.copied, dry.counts.bytes), (2_500, estimate.bytes));

    let (before, targets) = (from.log().len(), to.log().len());
    let report = backfill().run().await.unwrap();
    assert!(report.is_clean());
    assert_eq!(report.counts, dry.counts);
    assert_eq!(report.position.as_ref().unwrap().as_str(), key(2_499));
    assert_eq!(estimate.source_requests, report.source_requests);
    assert_eq!(estimate.target_requests, report.target_requests);
    assert_eq!(report.source_requests, (from.log().len() - before) as u64);
    assert_eq!(report.target_requests, (to.log().len() - targets) as u64);
    assert_eq!(
        (estimate.source_bytes, estimate.read_back_bytes),
        (report.counts.bytes, report.counts.bytes)
    );
    assert_equal(&from.into_inner(), &to.into_inner()).await;
}

#[tokio::test(start_paused = true)]
async fn existing_objects_are_skipped_or_conflicts_and_never_touched() {
    let (from, to) = (filled(6).await, Memory::new());
    write(&to, &key(1), "body 1");
    write(&to, &key(2), "somebody else's");
    to.put(Put::new(evenkeel::request::Key::new(key(3)).unwrap(), "body 3"))
        .await
        .unwrap();
    let before: Vec<_> = (1..4).map(|n| read(&to, &key(n)).unwrap().meta.etag).collect();

    let dry = between(from.clone(), to.clone()).dry_run().await.unwrap();
    let report = between(from.clone(), to.clone()).run().await.unwrap();
    let counts = report.counts;
    assert_eq!((counts.copied, counts.skipped, counts.conflicts), (3, 1, 2), "{counts}");
    assert_eq!(dry.counts, counts);
    assert!(!report.is_clean());
    let after: Vec<_> = (1..4).map(|n| read(&to, &key(n)).unwrap().meta.etag).collect();
    assert_eq!(before, after);

    let again = between(from.clone(), to.clone()).seed(8).run().await.unwrap();
    assert_eq!(
        (again.counts.copied, again.counts.skipped),
        (0, 4),
        "another run knows them by content"
    );
}

#[tokio::test(start_paused = true)]
async fn foreign_objects_of_equal_length_are_compared_by_content() {
    let (from, to) = (filled(1).await, Memory::new());
    write(&to, &key(0), "BODY 0");
    let report = between(from, to.clone()).verify(Verify::Length).run().await.unwrap();
    assert_eq!(
        report.counts.conflicts, 1,
        "what is not ours is always compared by content"
    );
    assert_eq!(body(&to, &key(0)).unwrap(), "BODY 0");
}

#[tokio::test(start_paused = true)]
async fn only_keys_under_the_prefix_are_copied() {
    let (from, to) = (filled(3).await, Memory::new());
    write(&from, "other/1", "x");
    let report = between(from, to.clone()).prefix("other/").run().await.unwrap();
    assert_eq!(report.counts.copied, 1);
    assert_eq!((body(&to, "other/1").as_deref(), body(&to, &key(0))), (Some("x"), None));
}

/// A hook that does something at the `nth` request of this kind.
fn at(
    what: &'static str,
    nth: usize,
    act: impl Fn() + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Option<ProviderError> + Send + Sync {
    let seen = Mutex::new(0);
    move |asked| {
        if asked.what == what {
            let mut seen = seen.lock().unwrap();
            *seen += 1;
            if *seen == nth {
                act();
            }
        }
        None
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_overwritten_during_the_copy_is_copied_again() {
    let (from, to) = (filled(1).await, Memory::new());
    let writer = from.clone();
    // Between the copy and the check.
    let hooked = Hooked::new(from.clone(), at("head", 1, move || write(&writer, &key(0), "newer")));
    let changed = Arc::new(Mutex::new(0));
    let seen = changed.clone();
    let report = between(hooked, to.clone())
        .on_event(move |event, _| {
            if matches!(event, Event::SourceChanged { key: changed } if changed.as_str() == key(0)) {
                *seen.lock().unwrap() += 1;
            }
        })
        .run()
        .await
        .unwrap();
    assert_eq!(
        (report.counts.copied, report.source_changes, *changed.lock().unwrap()),
        (1, 1, 1)
    );
    assert_equal(&from, &to).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_keeps_changing_is_reported() {
    let (from, to) = (filled(2).await, Memory::new());
    let (writer, count) = (from.clone(), Mutex::new(0));
    let hooked = Hooked::new(from, move |asked| {
        if asked.what == "head" && asked.key == key(0) {
            let mut count = count.lock().unwrap();
            *count += 1;
            write(&writer, &key(0), &format!("version {count}"));
        }
        None
    });
    let report = between(hooked, to.clone()).run().await.unwrap();
    assert_eq!((report.counts.copied, report.counts.failed), (1, 1));
    assert!(
        body(&to, &key(0)).unwrap().starts_with("version"),
        "its own copies were renewed meanwhile"
    );
}

#[tokio::test(start_paused = true)]
async fn foreign_writes_to_the_target_during_the_copy_are_kept() {
    // Before the put, between the put and the reading back, and before the renewal of an outdated copy.
    for (what, nth, overwritten) in [("put", 1, false), ("get", 1, false), ("put", 2, true)] {
        let (from, to) = (filled(1).await, Memory::new());
        let foreign = to.clone();
        let target = Hooked::new(to.clone(), at(what, nth, move || write(&foreign, &key(0), "foreign")));
        let writer = from.clone();
        let source = Hooked::new(
            from,
            at("head", 1, move || {
                if overwritten {
                    write(&writer, &key(0), "newer");
                }
            }),
        );
        let report = between(source, target).run().await.unwrap();
        assert_eq!(report.counts.conflicts, 1, "{what} {nth}: {}", report.counts);
        assert_eq!(body(&to, &key(0)).unwrap(), "foreign", "{what} {nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_deleted_during_the_copy_is_gone_and_deletes_nothing() {
    for (what, copied) in [("get", false), ("head", true)] {
        let (from, to) = (filled(1).await, Memory::new());
        let remover = from.clone();
        let hooked = Hooked::new(from, at(what, 1, move || remove(&remover, &key(0))));
        let fates = Arc::new(Mutex::new(Vec::new()));
        let seen = fates.clone();
        let report = between(hooked, to.clone())
            .on_event(move |event, _| {
                if let Event::Key { fate, .. } = event {
                    seen.lock().unwrap().push(fate.clone());
                }
            })
            .run()
            .await
            .unwrap();
        assert_eq!((report.counts.gone, report.is_clean()), (1, true));
        assert_eq!(*fates.lock().unwrap(), [Fate::Gone { copied }]);
        assert_eq!(body(&to, &key(0)).is_some(), copied, "{what}");
    }
}

/// Flips a bit of every body on its way in, or refuses what a store may refuse.
#[derive(Clone)]
struct Target {
    store: Memory,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Damages,
    RefusesConditions,
    TakesNoMetadata,
    ForgetsMetadata,
}

impl ObjectProvider for Target {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, ProviderError> {
        match self.kind {
            Kind::Damages => {
                let mut body = put.body.to_vec();
                body[0] ^= 1;
                put.body = body.into();
            }
            Kind::RefusesConditions => return Err(ProviderError::unsupported("no conditions here")),
            Kind::TakesNoMetadata if !put.attributes.metadata.is_empty() => {
                return Err(ProviderError::unsupported("no metadata here"));
            }
            Kind::ForgetsMetadata => put.attributes = Arc::default(),
            Kind::TakesNoMetadata => {}
        }
        self.store.put(put).await
    }

    objects_through!(self.store: get head delete list);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_copy_is_not_counted_as_copied() {
    for (kind, verify, expected) in [
        (Kind::Damages, Verify::ReadBack, [0, 0, 3]),
        // What it costs less, it sees less.
        (Kind::Damages, Verify::Length, [3, 0, 0]),
        (Kind::ForgetsMetadata, Verify::ReadBack, [0, 0, 3]),
        (Kind::ForgetsMetadata, Verify::Length, [0, 0, 3]),
        (Kind::RefusesConditions, Verify::ReadBack, [0, 3, 0]),
        (Kind::TakesNoMetadata, Verify::ReadBack, [0, 3, 0]),
    ] {
        let target = Target {
            store: Memory::new(),
            kind,
        };
        let report = between(filled(3).await, target).verify(verify).run().await.unwrap();
        let counts = report.counts;
        assert_eq!(
            [counts.copied, counts.not_copyable, counts.failed],
            expected,
            "{verify:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn neither_debug_nor_errors_show_a_key() {
    let (from, to) = (filled(1).await, Memory::new());
    let shown = Arc::new(Mutex::new(String::new()));
    let seen = shown.clone();
    let backfill = between(from, to).prefix("k/").on_event(move |event, progress| {
        seen.lock()
            .unwrap()
            .push_str(&format!("{event} {event:?} {progress:?}\n"));
    });
    let debug = format!("{backfill:?}");
    let report = backfill.run().await.unwrap();
    let all = format!("{debug} {report:?} {}", shown.lock().unwrap());
    assert!(!all.contains("k/"), "{all}");
    assert!(all.contains("KeyName(8 bytes)"), "{all}");
}
