//! What is kept, and what is refused.

use crate::support::{Kept, between, filled, key, ms};
use evenkeel::{
    backfill::{CheckpointFile, Event, InvalidCheckpoint, StopReason, Verify},
    provider::Memory,
};
use std::sync::{Arc, Mutex};

#[tokio::test(start_paused = true)]
async fn a_checkpoint_of_another_backfill_is_refused_before_any_request() {
    let (from, to) = (filled(3).await, Memory::new());
    let kept = Kept::default();
    between(from.clone(), to.clone())
        .checkpoint(kept.clone())
        .run()
        .await
        .unwrap();
    let written = kept.text.lock().unwrap().clone().unwrap();

    let again = || between(from.clone(), Memory::new()).checkpoint(kept.clone());
    for other in [again().prefix("k"), again().verify(Verify::Length)] {
        let stopped = other.run().await.unwrap_err();
        let StopReason::Checkpoint(why) = stopped.reason() else {
            panic!("{stopped}")
        };
        assert_eq!(*why, InvalidCheckpoint::OtherSettings);
        assert!(stopped.to_string().contains("belongs to another backfill"), "{stopped}");
    }
    for (bytes, expected) in [
        (written[..written.len() - 1].to_vec(), InvalidCheckpoint::Damaged),
        (Vec::new(), InvalidCheckpoint::Damaged),
        (b"[package]".to_vec(), InvalidCheckpoint::Foreign),
    ] {
        *kept.text.lock().unwrap() = Some(bytes.clone());
        let stopped = again().run().await.unwrap_err();
        assert!(
            matches!(stopped.reason(), StopReason::Checkpoint(why) if *why == expected),
            "{stopped}"
        );
        assert_eq!(
            kept.text.lock().unwrap().as_ref(),
            Some(&bytes),
            "what is refused is not overwritten"
        );
    }
    // What may differ: the pace.
    *kept.text.lock().unwrap() = Some(written);
    let report = again().rate(7.0).concurrency(1).run().await.unwrap();
    assert_eq!(
        (report.counts.copied, report.target_requests),
        (3, 0),
        "all of it was done before"
    );
}

#[tokio::test]
async fn a_checkpoint_file_resumes_the_backfill() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backfill.checkpoint");
    let (from, to) = (filled(3_000).await, Memory::new());
    let run = || {
        let slow = from.clone().with_latency(ms(1)..ms(2), 1);
        between(slow, to.clone())
            .rate(f64::INFINITY)
            .checkpoint(CheckpointFile::new(&path))
            .run()
    };
    let killed = tokio::time::timeout(ms(150), run()).await;
    assert!(killed.is_err());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("evenkeel-backfill 1\n"), "{text}");
    let report = run().await.unwrap();
    assert_eq!((report.counts.copied, report.is_clean()), (3_000, true));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(&format!("position {}\n", key(2_999))), "{text}");
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing else is left"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unwritable_checkpoint_is_found_before_any_request() {
    let to = crate::support::Hooked::watched(Memory::new());
    let nowhere = CheckpointFile::new("/nonexistent/backfill.checkpoint");
    let stopped = between(filled(3).await, to.clone())
        .checkpoint(nowhere)
        .run()
        .await
        .unwrap_err();
    assert!(matches!(stopped.reason(), StopReason::Save(_)), "{stopped}");
    assert!(to.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_out_and_finally_ends_the_backfill() {
    for (full, ends) in [(3, false), (u32::MAX, true)] {
        let (from, to) = (filled(5_000).await, Memory::new());
        let kept = Kept::default();
        *kept.full.lock().unwrap() = full;
        let told = Arc::new(Mutex::new(0));
        let seen = told.clone();
        let result = between(from.clone(), to.clone())
            .checkpoint(kept.clone())
            .on_event(move |event, _| {
                if matches!(event, Event::NotSaved { .. }) {
                    *seen.lock().unwrap() += 1;
                }
            })
            .run()
            .await;
        if !ends {
            assert!(result.unwrap().is_clean());
            assert_eq!(*told.lock().unwrap(), 3);
            continue;
        }
        let stopped = result.unwrap_err();
        assert!(matches!(stopped.reason(), StopReason::Save(_)), "{stopped}");
        assert_eq!(*told.lock().unwrap(), 5);
        // It did not run on without a checkpoint for longer than the window.
        assert!(stopped.report().counts.keys() <= 1_000, "{}", stopped.report().counts);
        *kept.full.lock().unwrap() = 0;
        let report = between(from, to).checkpoint(kept).run().await.unwrap();
        assert_eq!((report.counts.copied, report.is_clean()), (5_000, true));
    }
}

#[tokio::test(start_paused = true)]
async fn an_estimate_and_a_dry_run_leave_no_checkpoint() {
    let kept = Kept::default();
    let backfill = || between(Memory::new(), Memory::new()).checkpoint(kept.clone());
    assert_eq!(backfill().estimate().await.unwrap().source_requests, 1);
    backfill().dry_run().await.unwrap();
    assert_eq!(*kept.saves.lock().unwrap(), 0);
    let report = backfill().run().await.unwrap();
    assert_eq!((report.counts.keys(), report.position), (0, None));
}
