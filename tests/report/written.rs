//! A report is there as a whole or not at all.

use super::{bundle, key};
use evenkeel::drill::report::{WriteError, check, is_free};
use std::fs;

#[tokio::test(start_paused = true)]
async fn nothing_that_is_there_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = bundle().await;
    // A directory that is empty, and one below others that are not there.
    bundle.write(dir.path().join("a/b/report").as_path(), None).unwrap();
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    bundle.write(&empty, None).unwrap();
    assert!(check(&empty).is_ok());
    // A report, foreign files, a file.
    assert!(matches!(bundle.write(&empty, None), Err(WriteError::Report(_))));
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("letter.txt"), "dear").unwrap();
    assert!(matches!(
        bundle.write_signed(&foreign, None, &key()),
        Err(WriteError::NotEmpty(_))
    ));
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1);
    let file = foreign.join("letter.txt");
    assert!(matches!(is_free(&file), Err(WriteError::NotADirectory(_))));
    assert!(bundle.write(&file, None).is_err());
    assert_eq!(fs::read_to_string(&file).unwrap(), "dear");
}

/// As on a full disk: the file system refuses, and there is no half report.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_file_system_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("blocked");
    fs::write(&blocked, "").unwrap();
    let error = bundle().await.write(&blocked.join("report"), None).unwrap_err();
    assert!(matches!(error, WriteError::Io { .. }), "{error}");
    assert!(error.to_string().contains("could not be written to"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// Two processes that write at once: one report, whole.
#[tokio::test(start_paused = true)]
async fn of_two_writers_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("report");
    let (one, other) = (bundle().await, bundle().await);
    let results = std::thread::scope(|scope| {
        let both = [&one, &other].map(|bundle| scope.spawn(|| bundle.write(&place, None).is_ok()));
        both.map(|writer| writer.join().unwrap())
    });
    assert!(results.contains(&true), "{results:?}");
    assert!(check(&place).is_ok());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays");
}
