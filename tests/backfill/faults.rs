//! Sources and targets that throttle, hang, lose answers, die and lie.

use crate::support::{Drilled, Hooked, assert_equal, between, body, denied, filled, key, ms, secs, throttled, write};
use evenkeel::{
    backfill::{Event, StopReason},
    provider::{Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{Delete, Get, Head, List, ListEntry, ListPage, Object, ObjectMeta, Put, PutAnswer},
    verdict::{Outcome, Sent, Verdict},
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn retry_after_pauses_every_request_to_the_endpoint() {
    let (from, to) = (filled(200).await, Memory::new());
    let asked = AtomicU32::new(0);
    let target = Hooked::new(to.clone(), move |_| {
        (asked.fetch_add(1, SeqCst) == 100).then(|| throttled(Some(secs(7))))
    });
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let seen = pauses.clone();
    let report = between(from.clone(), target.clone())
        .on_event(move |event, _| {
            if let Event::Throttled { endpoint, pause } = event {
                seen.lock().unwrap().push((endpoint.to_string(), *pause));
            }
        })
        .run()
        .await
        .unwrap();
    assert!(report.is_clean());
    assert_eq!(*pauses.lock().unwrap(), [("ireland".to_owned(), secs(7))]);
    assert_equal(&from, &to).await;
    let log = target.log();
    let refused = log[100].at;
    let next = log[101..].iter().find(|asked| asked.at > refused + ms(1)).unwrap();
    assert!(next.at >= refused + secs(7), "{:?}", next.at - refused);
    // Then at half the pace that was refused, and growing.
    let in_the_next_second = log
        .iter()
        .filter(|asked| (next.at..next.at + secs(1)).contains(&asked.at))
        .count();
    assert!(in_the_next_second <= 260, "{in_the_next_second}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_of_an_hour_ends_the_backfill() {
    let target = Hooked::new(Memory::new(), |_| Some(throttled(Some(secs(3_600)))));
    let stopped = between(filled(3).await, target).run().await.unwrap_err();
    let StopReason::Unavailable { endpoint, silent, .. } = stopped.reason() else {
        panic!("{stopped}");
    };
    assert_eq!((&**endpoint, *silent), ("ireland", secs(3_600)));
}

#[tokio::test(start_paused = true)]
async fn endless_throttling_ends_the_backfill_after_its_patience() {
    let start = Instant::now();
    let target = Hooked::new(Memory::new(), |_| Some(throttled(None)));
    let stopped = between(filled(3).await, target.clone()).run().await.unwrap_err();
    assert!(matches!(stopped.reason(), StopReason::Unavailable { .. }), "{stopped}");
    assert!(
        (secs(299)..secs(310)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    assert!(target.log().len() < 400, "{} requests", target.log().len());
}

#[tokio::test(start_paused = true)]
async fn a_hang_of_a_minute_is_waited_out() {
    for at_the_source in [true, false] {
        let (from, to) = (filled(300).await, Memory::new());
        let hang = r#"{ "fault": "hang" }"#;
        let report = if at_the_source {
            between(Drilled::new(from.clone(), 60, hang), to.clone()).run().await
        } else {
            between(from.clone(), Drilled::new(to.clone(), 60, hang)).run().await
        };
        assert!(report.unwrap().is_clean());
        assert_equal(&from, &to).await;
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_cause_no_conflicts() {
    let (from, to) = (filled(300).await, Memory::new());
    let lossy = r#"{ "fault": "reset_after_request", "probability": 0.3 }, { "fault": "reset_before_request", "probability": 0.2 }"#;
    let target = Hooked::watched(Drilled::new(to.clone(), 86_000, lossy));
    let source = Drilled::new(
        from.clone(),
        86_000,
        r#"{ "fault": { "truncate": { "share": 0.5 } }, "probability": 0.2 }"#,
    );
    let report = between(source, target.clone()).attempts(30).run().await.unwrap();
    assert_eq!(
        (report.counts.copied, report.is_clean()),
        (300, true),
        "{}",
        report.counts
    );
    assert!(target.count("put") > 400, "it was lossy");
    assert_equal(&from, &to).await;
}

#[tokio::test(start_paused = true)]
async fn a_dying_target_ends_the_backfill_with_a_position_to_resume_from() {
    let (from, to) = (filled(500).await, Memory::new());
    let dead = Arc::new(AtomicBool::new(false));
    let (kill, asked) = (dead.clone(), AtomicU32::new(0));
    let target = Hooked::new(to.clone(), move |_| {
        if asked.fetch_add(1, SeqCst) == 400 {
            kill.store(true, SeqCst);
        }
        let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
        kill.load(SeqCst)
            .then(|| ProviderError::new(ProviderErrorKind::Failed, outcome))
    });
    let kept = crate::support::Kept::default();
    let run = || between(from.clone(), target.clone()).checkpoint(kept.clone()).run();
    let start = Instant::now();
    let stopped = run().await.unwrap_err();
    assert!(start.elapsed() < secs(310), "{:?}", start.elapsed());
    let position = stopped.report().position.clone().unwrap();
    assert!(
        position.as_str() > &*key(100) && position.as_str() < &*key(300),
        "{}",
        position.as_str()
    );
    assert!(!stopped.to_string().contains("k/"));

    dead.store(false, SeqCst);
    let first = Arc::new(Mutex::new(None));
    let seen = first.clone();
    let report = between(from.clone(), target.clone())
        .checkpoint(kept)
        .on_event(move |event, _| {
            if let Event::Started { resumed_after } = event {
                *seen.lock().unwrap() = resumed_after.clone();
            }
        })
        .run()
        .await
        .unwrap();
    assert_eq!(first.lock().unwrap().as_ref(), Some(&position));
    assert_eq!(
        (report.counts.keys(), report.is_clean()),
        (500, true),
        "{}",
        report.counts
    );
    assert_equal(&from, &to).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_ends_the_backfill_and_skips_no_key() {
    let (from, to) = (filled(100).await, Memory::new());
    let may = Arc::new(AtomicBool::new(false));
    let allowed = may.clone();
    let target = Hooked::new(to.clone(), move |asked| {
        (asked.what == "put" && asked.key >= key(10) && !allowed.load(SeqCst)).then(denied)
    });
    let kept = crate::support::Kept::default();
    let run = || between(from.clone(), target.clone()).checkpoint(kept.clone()).run();
    let stopped = run().await.unwrap_err();
    assert!(
        matches!(stopped.reason(), StopReason::FailuresInARow { count: 20.., .. }),
        "{stopped}"
    );
    assert!(target.count("put") < 100);
    assert_eq!(stopped.report().position.as_ref().unwrap().as_str(), key(9));
    may.store(true, SeqCst);
    let report = run().await.unwrap();
    assert_eq!((report.counts.copied, report.is_clean()), (100, true));
    assert_equal(&from, &to).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_key_delays_no_other() {
    let (from, to) = (filled(100).await, Memory::new());
    let source = Hooked::new(from, |asked| {
        (asked.what == "get" && asked.key == key(50)).then(|| ProviderError::faulty("HTTP 500"))
    });
    let report = between(source.clone(), to.clone()).run().await.unwrap();
    assert_eq!((report.counts.copied, report.counts.failed), (99, 1));
    assert_eq!(
        source
            .log()
            .iter()
            .filter(|asked| asked.what == "get" && asked.key == key(50))
            .count(),
        6
    );
    assert_eq!(body(&to, &key(50)), None);
}

#[tokio::test(start_paused = true)]
async fn listed_keys_are_copied_when_the_listing_fails() {
    let (from, to) = (filled(1_500).await, Memory::new());
    let broken = Arc::new(AtomicBool::new(true));
    let breaks = broken.clone();
    let source = Hooked::new(from.clone(), move |asked| {
        let second_page = asked.what == "list" && !asked.key.is_empty();
        (second_page && breaks.load(SeqCst)).then(|| ProviderError::faulty("HTTP 500"))
    });
    let kept = crate::support::Kept::default();
    let run = || between(source.clone(), to.clone()).checkpoint(kept.clone()).run();
    let stopped = run().await.unwrap_err();
    assert!(matches!(stopped.reason(), StopReason::Listing { .. }), "{stopped}");
    assert_eq!(stopped.report().counts.copied, 1_000);
    broken.store(false, SeqCst);
    assert_eq!(run().await.unwrap().counts.copied, 1_500);
    assert_equal(&from, &to).await;
}

/// Lists what it is told to, page by page, by its tokens alone.
struct Liar(Vec<ListPage>, AtomicU32);

impl ObjectProvider for Liar {
    async fn put(&self, _: Put) -> Result<PutAnswer, ProviderError> {
        Err(ProviderError::unsupported("a source"))
    }

    async fn get(&self, _: Get) -> Result<Object, ProviderError> {
        Err(ProviderError::not_found())
    }

    async fn head(&self, _: Head) -> Result<ObjectMeta, ProviderError> {
        Err(ProviderError::not_found())
    }

    async fn delete(&self, _: Delete) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn list(&self, _: List) -> Result<ListPage, ProviderError> {
        let page = self.1.fetch_add(1, SeqCst) as usize;
        Ok(self.0[page.min(self.0.len() - 1)].clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_nonsensical_listing_ends_the_backfill() {
    let page = |keys: &[&str], more: Option<&str>| {
        let entries = keys
            .iter()
            .map(|key| ListEntry::Object(ObjectMeta::new(*key, 1)))
            .collect();
        ListPage::new(entries, more.map(str::to_owned))
    };
    for (why, pages) in [
        ("not sorted", vec![page(&["b", "a"], None)]),
        ("a key twice", vec![page(&["a", "a"], None)]),
        ("the same page again", vec![page(&["a", "b"], Some("t"))]),
        ("an empty page that leads to itself", vec![page(&[], Some("t"))]),
        (
            "a common prefix",
            vec![ListPage::new(vec![ListEntry::CommonPrefix("a/".into())], None)],
        ),
    ] {
        let stopped = between(Liar(pages, AtomicU32::new(0)), Memory::new())
            .run()
            .await
            .unwrap_err();
        assert!(
            matches!(stopped.reason(), StopReason::Listing { .. }),
            "{why}: {stopped}"
        );
    }
    // An empty page with more to come is legal, and foreign keys may be ones that not every provider takes.
    let pages = vec![page(&[], Some("t")), page(&["/a", "b//c", "d"], None)];
    let report = between(Liar(pages, AtomicU32::new(0)), Memory::new())
        .run()
        .await
        .unwrap();
    assert_eq!((report.counts.not_copyable, report.counts.gone), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_changing_source_is_copied_correctly_despite_lost_answers() {
    let (from, to) = (filled(50).await, Memory::new());
    let (writer, count) = (from.clone(), AtomicU32::new(0));
    // Every third check finds the source overwritten.
    let source = Hooked::new(from.clone(), move |asked| {
        if asked.what == "head" && count.fetch_add(1, SeqCst).is_multiple_of(3) {
            write(&writer, &asked.key, &format!("newer than {:?}", asked.at));
        }
        None
    });
    let lossy = r#"{ "fault": "reset_after_request", "probability": 0.3 }"#;
    let target = Drilled::new(to.clone(), 86_000, lossy);
    let report = between(source, target).attempts(30).run().await.unwrap();
    assert_eq!(
        (report.counts.copied, report.is_clean()),
        (50, true),
        "{}",
        report.counts
    );
    assert!(report.source_changes >= 15);
    assert_equal(&from, &to).await;
}
