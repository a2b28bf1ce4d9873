//! Killed at any await, and resumed.

use crate::support::{
    Hooked, Kept, KillAfter, assert_equal, between, between_tables, body, filled, key, ms, put_value, value, write,
};
use evenkeel::{
    backfill::Report,
    provider::{Memory, MemoryTable},
};
use proptest::prelude::*;
use std::future::Future;

const KEYS: usize = 60;

fn paused<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(story)
}

/// Runs that are dropped after so many polls each, and one that is not.
async fn run_to_the_end<F>(kills: &[u32], run: impl Fn() -> F, mut between_runs: impl FnMut()) -> Report
where
    F: Future<Output = Report>,
{
    for polls in kills {
        let killed = KillAfter {
            future: Box::pin(run()),
            polls: *polls,
        };
        if let Some(report) = killed.await {
            return report;
        }
        between_runs();
    }
    run().await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_object_is_copied_once(kills in prop::collection::vec(0_u32..400, 0..8), concurrency in 1..12_usize, seed: u64) {
        paused(async {
            let from = filled(KEYS).await;
            let to = Memory::new();
            let source = Hooked::watched(from.clone().with_latency(ms(1)..ms(200), seed));
            let target = Hooked::watched(to.clone().with_latency(ms(1)..ms(200), seed ^ 1));
            let kept = Kept::default();
            let run = || async {
                let backfill = between(source.clone(), target.clone()).checkpoint(kept.clone());
                backfill.concurrency(concurrency).rate(f64::INFINITY).run().await.unwrap()
            };
            let report = run_to_the_end(&kills, run, || ()).await;
            assert!(report.is_clean(), "{}", report.counts);
            assert_eq!(report.counts.keys(), KEYS as u64);
            // Its own copies of before a kill are known by their id, not merely by their content.
            assert_eq!(report.counts.copied, KEYS as u64);
            assert_equal(&from, &to).await;
            let applied = target.applied();
            assert!(applied.len() == KEYS && applied.values().all(|times| *times == 1), "{applied:?}");
        });
    }

    /// A kill between the copy and the check leaves an outdated copy, which the next run must know for its own.
    #[test]
    fn an_outdated_copy_of_the_backfill_is_renewed(kills in prop::collection::vec(1_u32..200, 1..8), concurrency in 1..12_usize, seed: u64) {
        paused(async {
            let from = filled(KEYS).await;
            let to = Memory::new();
            let source = from.clone().with_latency(ms(1)..ms(200), seed);
            let target = to.clone().with_latency(ms(1)..ms(200), seed ^ 1);
            let kept = Kept::default();
            let run = || async {
                let backfill = between(source.clone(), target.clone()).checkpoint(kept.clone());
                backfill.concurrency(concurrency).rate(f64::INFINITY).run().await.unwrap()
            };
            let mut kill = 0;
            let report = run_to_the_end(&kills, run, || {
                kill += 1;
                // Behind the position the application's own writes are to reach both; beyond it the backfill's do.
                let text = kept.text.lock().unwrap().clone().map(|bytes| String::from_utf8(bytes).unwrap());
                let position = text.and_then(|text| Some(text.lines().find_map(|l| l.strip_prefix("position "))?.to_owned()));
                for number in 0..KEYS {
                    if position.as_ref().is_none_or(|position| key(number) > *position) {
                        write(&from, &key(number), &format!("version {kill} of {number}"));
                    }
                }
            }).await;
            assert_eq!(report.counts.copied, KEYS as u64, "{}", report.counts);
            assert_equal(&from, &to).await;
        });
    }

    #[test]
    fn every_value_is_copied_once(kills in prop::collection::vec(0_u32..300, 0..8), concurrency in 1..12_usize, seed: u64) {
        paused(async {
            let (from, to) = (MemoryTable::new(), MemoryTable::new());
            for number in 0..KEYS {
                put_value(&from, &key(number), &format!("value {number}"), &format!("w{number}"), None);
            }
            let source = from.clone().with_latency(ms(1)..ms(200), seed);
            let target = to.clone().with_latency(ms(1)..ms(200), seed ^ 1);
            let kept = Kept::default();
            let run = || async {
                let backfill = between_tables(source.clone(), target.clone()).checkpoint(kept.clone());
                backfill.concurrency(concurrency).rate(f64::INFINITY).run().await.unwrap()
            };
            let mut kill = 0;
            let report = run_to_the_end(&kills, run, || {
                kill += 1;
                // The last key is never behind the position before the end.
                put_value(&from, &key(KEYS - 1), &format!("newer {kill}"), &format!("n{kill}"), None);
            }).await;
            assert_eq!(report.counts.copied, KEYS as u64, "{}", report.counts);
            for number in 0..KEYS {
                assert_eq!(value(&from, &key(number)).unwrap().bytes, value(&to, &key(number)).unwrap().bytes);
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_repeats_at_most_the_window() {
    let (from, to) = (filled(6_000).await, Memory::new());
    let source = Hooked::watched(from.clone().with_latency(ms(1)..ms(5), 3));
    let kept = Kept::default();
    let run = || {
        between(source.clone(), to.clone())
            .checkpoint(kept.clone())
            .rate(f64::INFINITY)
            .run()
    };
    let killed = tokio::time::timeout(ms(700), run()).await;
    assert!(killed.is_err());
    let before = source.count("get");
    assert!((1_000..5_000).contains(&before), "{before}");
    run().await.unwrap();
    let repeated = source.count("get") - 6_000;
    assert!(repeated <= 1_000, "{repeated} of {before}");
    assert!(body(&to, &key(5_999)).is_some());
}
