//! Values by key, and what remains of their time.

use crate::support::{Asked, Hooked, between_tables, key, put_value, secs, value};
use evenkeel::{
    backfill::Counts,
    provider::{KvProvider, MemoryTable},
    request::WriteId,
    request::kv::{Delete, Key, Limits},
};
use futures_util::FutureExt;
use std::{
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    time::Duration,
};

fn filled(values: usize) -> MemoryTable {
    let table = MemoryTable::new();
    for number in 0..values {
        put_value(
            &table,
            &key(number),
            &format!("value {number}"),
            &format!("w{number}"),
            None,
        );
    }
    table
}

fn text(table: &MemoryTable, number: usize) -> Option<String> {
    value(table, &key(number)).map(|value| String::from_utf8(value.bytes.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn every_value_is_copied_and_the_estimate_is_right() {
    let (from, to) = (Hooked::watched(filled(250)), Hooked::watched(MemoryTable::new()));
    let backfill = || between_tables(from.clone(), to.clone());
    let estimate = backfill().estimate().await.unwrap();
    assert_eq!((estimate.keys, estimate.listing_requests, to.log().len()), (250, 3, 0));
    let dry = backfill().dry_run().await.unwrap();
    assert_eq!(to.count("put"), 0);
    let report = backfill().run().await.unwrap();
    assert!(report.is_clean());
    assert_eq!((report.counts, report.counts.bytes), (dry.counts, estimate.bytes));
    assert_eq!(
        (report.source_requests, report.target_requests),
        (estimate.source_requests, estimate.target_requests)
    );
    let (from, to) = (from.into_inner(), to.into_inner());
    assert!((0..250).all(|number| text(&from, number) == text(&to, number)));
}

#[tokio::test(start_paused = true)]
async fn the_remaining_time_to_live_is_copied() {
    let (from, to) = (filled(1), MemoryTable::new());
    put_value(&from, &key(1), "short", "s", Some(secs(100)));
    tokio::time::sleep(secs(40)).await;
    let report = between_tables(from.clone(), to.clone()).run().await.unwrap();
    assert_eq!(report.counts.copied, 2);
    assert_eq!(value(&to, &key(0)).unwrap().expires_at, None);
    tokio::time::sleep(secs(59)).await;
    assert!(text(&to, 1).is_some());
    tokio::time::sleep(secs(3)).await;
    assert!(text(&to, 1).is_none() && text(&to, 0).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_expires_during_the_backfill_is_gone() {
    let (from, to) = (filled(30), MemoryTable::new());
    put_value(&from, &key(30), "short", "s", Some(secs(5)));
    // Slow enough for the last to expire before its turn, after it was scanned.
    let report = between_tables(from, to.clone())
        .rate(2.0)
        .concurrency(1)
        .run()
        .await
        .unwrap();
    assert_eq!(
        (report.counts.copied, report.counts.gone, report.is_clean()),
        (30, 1, true)
    );
    assert_eq!(text(&to, 30), None);
}

#[tokio::test(start_paused = true)]
async fn existing_values_are_skipped_or_conflicts_and_never_touched() {
    let (from, to) = (filled(4), MemoryTable::new());
    put_value(&to, &key(1), "value 1", "other", None);
    put_value(&to, &key(2), "somebody else's", "other", None);
    put_value(&to, &key(3), "value 3", "other", Some(secs(60)));
    let expected = |counts: Counts| {
        assert_eq!((counts.copied, counts.skipped, counts.conflicts), (1, 1, 2), "{counts}");
    };
    expected(between_tables(from.clone(), to.clone()).dry_run().await.unwrap().counts);
    expected(between_tables(from, to.clone()).run().await.unwrap().counts);
    assert_eq!(text(&to, 2).unwrap(), "somebody else's");
    assert!(value(&to, &key(3)).unwrap().expires_at.is_some());
}

/// Does something at the `nth` request of this kind.
fn at(
    what: &'static str,
    nth: u32,
    act: impl Fn(u32) + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Option<evenkeel::provider::ProviderError> + Send + Sync {
    let seen = AtomicU32::new(0);
    move |asked| {
        if asked.what == what && seen.fetch_add(1, SeqCst) + 1 == nth {
            act(nth);
        }
        None
    }
}

#[tokio::test(start_paused = true)]
async fn overwrites_of_source_and_target_during_the_copy_are_noticed() {
    // The source, between the copy and the check: copied again, with the time to live that it has now.
    let (from, to) = (filled(1), MemoryTable::new());
    let writer = from.clone();
    let source = Hooked::new(
        from,
        at("get", 1, move |_| {
            put_value(&writer, &key(0), "newer", "n", Some(secs(60)))
        }),
    );
    let report = between_tables(source, to.clone()).run().await.unwrap();
    assert_eq!((report.counts.copied, report.source_changes), (1, 1));
    let there = value(&to, &key(0)).unwrap();
    assert!(there.bytes == "newer" && there.expires_at.is_some());

    // The target: left to whoever wrote it, also when our own copy is outdated.
    for (nth, overwritten) in [(1, false), (2, true)] {
        let (from, to) = (filled(1), MemoryTable::new());
        let (foreign, writer) = (to.clone(), from.clone());
        let target = Hooked::new(
            to.clone(),
            at("put", nth, move |_| put_value(&foreign, &key(0), "foreign", "f", None)),
        );
        let source = Hooked::new(
            from,
            at("get", 1, move |_| {
                if overwritten {
                    put_value(&writer, &key(0), "newer", "n", None);
                }
            }),
        );
        let report = between_tables(source, target).run().await.unwrap();
        assert_eq!(report.counts.conflicts, 1, "{nth}");
        assert_eq!(text(&to, 0).unwrap(), "foreign");
    }

    // The source is deleted: the copy stays, and is told.
    let (from, to) = (filled(1), MemoryTable::new());
    let remover = from.clone();
    let source = Hooked::new(
        from,
        at("get", 1, move |_| {
            let delete = Delete::new(Key::new(key(0)).unwrap(), WriteId::new("d"));
            remover.delete(delete).now_or_never().unwrap().unwrap();
        }),
    );
    let report = between_tables(source, to.clone()).run().await.unwrap();
    assert_eq!((report.counts.gone, text(&to, 0).is_some()), (1, true));
}

#[tokio::test(start_paused = true)]
async fn values_beyond_the_targets_limits_are_reported_unsent() {
    let from = filled(3);
    put_value(&from, &key(3), &"x".repeat(500), "long", None);
    let to = Hooked::watched(MemoryTable::new().with_limits(Limits::new(64, 100)));
    let backfill = || between_tables(from.clone(), to.clone());
    let estimate = backfill().estimate().await.unwrap();
    assert_eq!((estimate.keys, estimate.not_copyable), (4, 1));
    let dry = backfill().dry_run().await.unwrap().counts;
    let report = backfill()
        .on_event(|event, _| {
            if let evenkeel::backfill::Event::Key {
                fate: evenkeel::backfill::Fate::NotCopyable { reason },
                ..
            } = event
            {
                assert_eq!(
                    &**reason,
                    "ireland takes key and value of at most 100 bytes together; these have 508"
                );
            }
        })
        .run()
        .await
        .unwrap();
    assert_eq!((report.counts.copied, report.counts.not_copyable), (3, 1));
    assert_eq!(dry, report.counts);
    assert_eq!(report.target_requests, estimate.target_requests);
}

#[tokio::test(start_paused = true)]
async fn a_throttling_table_is_waited_out() {
    let (from, to) = (filled(100), MemoryTable::new());
    let asked = AtomicU32::new(0);
    let target = Hooked::new(to.clone(), move |_| {
        let throttles = (50..60).contains(&asked.fetch_add(1, SeqCst));
        throttles.then(|| crate::support::throttled(Some(Duration::from_secs(2))))
    });
    let report = between_tables(from, target).run().await.unwrap();
    assert_eq!((report.counts.copied, report.is_clean()), (100, true));
    assert!(report.elapsed >= secs(2));
    assert!((0..100).all(|number| text(&to, number).is_some()));
}
