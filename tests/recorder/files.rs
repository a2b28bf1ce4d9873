//! What is in the file, and what becomes of it.

use crate::support::{Orders, SOON, file, numbers, to, until};
use evenkeel::ops::recorder::{FlightRecorder, FlushError, Gaps, Record, RecorderError, Recording};
use std::{cell::RefCell, fs, io::ErrorKind, path::Path};
use tempfile::tempdir;

fn read(path: &Path) -> Recording {
    Recording::read(path).unwrap()
}

/// A recording with these orders, whose process has ended.
fn recorded(path: &Path, orders: impl IntoIterator<Item = usize>) {
    // The one before may be about to end.
    let started = RefCell::new(None);
    until("the file is free", || {
        let result = start(path);
        let is_free = !matches!(result, Err(RecorderError::InUse { .. }));
        started.replace(Some(result));
        is_free
    });
    let recorder = started.into_inner().unwrap().unwrap();
    Orders::heard_by(&recorder).number(orders);
    recorder.flush(SOON).unwrap();
    drop(recorder);
    until("the recorder ends", || {
        matches!(read(path).records.last(), Some(Record::End(_)))
    });
}

fn start(path: &Path) -> Result<FlightRecorder, RecorderError> {
    FlightRecorder::builder().file(path).start()
}

#[test]
fn a_file_says_what_it_holds_and_is_read_back() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    recorded(&path, 0..3);
    let recording = read(&path);
    assert_eq!((numbers(&recording), recording.gaps), (vec![0, 1, 2], Gaps::default()));
    let Some(Record::Start(start)) = recording.records.first() else {
        panic!("{:?}", recording.records.first());
    };
    assert_eq!(start.evenkeel, env!("CARGO_PKG_VERSION"));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("evenkeel-flight-recorder 1\n# What evenkeel decided"));
    assert!(text.contains("No keys or contents of objects, no credentials"));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempdir().unwrap();
    let path = file(&folder);
    // Also a file that others could read before.
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let recorder = FlightRecorder::builder()
        .file(&path)
        .file_limit(256 << 10)
        .start()
        .unwrap();
    let orders = Orders::heard_by(&recorder);
    for round in 0..6 {
        orders.number(round * 200..(round + 1) * 200);
        recorder.flush(SOON).unwrap();
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{entry:?}"
        );
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort_unstable();
    assert_eq!(names, ["photos.flight", "photos.flight.1", "photos.flight.lock"]);
}

#[test]
fn two_segments_take_no_more_than_the_limit_and_hold_the_latest() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    let limit = 256 << 10;
    let recorder = FlightRecorder::builder().file(&path).file_limit(limit).start().unwrap();
    let orders = Orders::heard_by(&recorder);
    for round in 0..20 {
        orders.number(round * 100..(round + 1) * 100);
        recorder.flush(SOON).unwrap();
        let sizes = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len());
        let sum: u64 = sizes.sum();
        assert!(sum <= limit + 64, "{sum} after round {round}");
    }
    let recording = read(&path);
    let numbers = numbers(&recording);
    let events = recording.records.iter();
    let events = events.filter(|record| matches!(record, Record::Event(_))).count();
    assert_eq!(
        recording.gaps.pushed_out,
        4_000 - events as u64,
        "the rest of all events"
    );
    let others = Gaps::default();
    assert_eq!(
        (recording.gaps.lost, recording.gaps.damaged),
        (others.lost, others.damaged)
    );
    // At least what one segment takes, without a gap.
    assert!(numbers.len() > 150, "{}", numbers.len());
    assert_eq!(numbers, (2_000 - numbers.len()..2_000).collect::<Vec<_>>());
    assert_eq!(recorder.stats().written, 4_000);
}

#[test]
fn one_process_at_a_time_writes_to_a_file() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    let first = to(&path);
    match start(&path) {
        Err(RecorderError::InUse { process, .. }) => assert_eq!(process, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    // Reading disturbs nobody.
    assert_eq!(read(&path).records.len(), 1);
    // Clients keep a recorder alive.
    let orders = Orders::heard_by(&first);
    drop(first);
    orders.number(0..1);
    until("the order is written", || numbers(&read(&path)) == [0]);
    assert!(matches!(start(&path), Err(RecorderError::InUse { .. })));
    drop(orders);
    until("the first one ends", || start(&path).is_ok());
}

#[test]
fn a_process_that_starts_again_keeps_what_was_there() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    recorded(&path, 0..2);
    recorded(&path, 2..4);
    let recording = read(&path);
    assert_eq!(
        (numbers(&recording), recording.gaps),
        (vec![0, 1, 2, 3], Gaps::default())
    );
    let starts = recording
        .records
        .iter()
        .filter(|record| matches!(record, Record::Start(_)));
    assert_eq!(starts.count(), 2);
}

#[test]
fn a_torn_tail_costs_the_torn_line() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    recorded(&path, 0..3);
    let whole = fs::read(&path).unwrap();
    // Cut at any byte behind the first line.
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in (first..whole.len()).step_by(7) {
        fs::write(&path, &whole[..cut]).unwrap();
        let recording = read(&path);
        let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        let comments = 5;
        assert_eq!(recording.records.len(), lines.saturating_sub(comments), "{cut}");
        assert_eq!(recording.gaps.torn, whole[cut - 1] != b'\n', "{cut}");
    }
    // Who starts again cuts it off, and goes on.
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    recorded(&path, 3..5);
    let recording = read(&path);
    assert_eq!(
        (numbers(&recording), recording.gaps),
        (vec![0, 1, 2, 3, 4], Gaps::default())
    );
}

#[test]
fn a_damaged_line_costs_itself() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    recorded(&path, 0..5);
    let mut bytes = fs::read(&path).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let at = text.find("\"reason\":\"2\"").unwrap();
    bytes[at + 10] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let recording = read(&path);
    assert_eq!((numbers(&recording), recording.gaps.damaged), (vec![0, 1, 3, 4], 1));
    // A line's end that is gone takes two lines with it.
    let text = String::from_utf8(bytes).unwrap();
    let joined = text.replacen("}\n", "} ", 1);
    fs::write(&path, joined).unwrap();
    assert_eq!(read(&path).gaps.damaged, 2);
    // And a line without end is passed over, in bounded memory.
    fs::write(
        &path,
        text.replacen("# What", &format!("{}\n# What", "x".repeat(1 << 20)), 1),
    )
    .unwrap();
    let recording = read(&path);
    assert_eq!((numbers(&recording), recording.gaps.damaged), (vec![0, 1, 3, 4], 2));
}

#[test]
fn what_is_no_recording_is_refused_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    for (bytes, is_newer) in [
        ("evenkeel-flight-recorder 2\nsomething", true),
        ("the minutes of the meeting\n", false),
        ("PK\u{3}\u{4}", false),
    ] {
        fs::write(&path, bytes).unwrap();
        for error in [start(&path).unwrap_err(), Recording::read(&path).unwrap_err()] {
            let is_right = match &error {
                RecorderError::Newer { found, .. } => is_newer && *found == 2,
                RecorderError::Foreign(_) => !is_newer,
                _ => false,
            };
            assert!(is_right, "{error} for {bytes}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), bytes);
        // Nor where a lock, or a full segment, would lie.
        fs::remove_file(&path).unwrap();
        for ending in [".lock", ".1"] {
            let beside = folder
                .path()
                .join(format!("{}{ending}", path.file_name().unwrap().display()));
            fs::write(&beside, bytes).unwrap();
            let error = start(&path).unwrap_err();
            assert!(
                matches!(error, RecorderError::Foreign(_) | RecorderError::Newer { .. }),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&beside).unwrap(), bytes);
            fs::remove_file(&beside).unwrap();
        }
    }
    // A piece of the first line is what a full disk leaves.
    for bytes in ["", "evenkeel-fli"] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path).records, []);
        recorded(&path, 0..1);
        assert_eq!(numbers(&read(&path)), [0]);
    }
}

/// Anybody can put a link into a folder that all may write to.
#[cfg(unix)]
#[test]
fn a_symbolic_link_is_refused_and_what_it_leads_to_is_left_as_it_is() {
    use std::os::unix::fs::symlink;
    let folder = tempdir().unwrap();
    let path = file(&folder);
    let name = path.file_name().unwrap().display().to_string();
    let (theirs, none) = (folder.path().join("theirs"), folder.path().join("none"));
    for ending in [".lock", "", ".1"] {
        let link = folder.path().join(format!("{name}{ending}"));
        for bytes in ["", "4711"] {
            fs::write(&theirs, bytes).unwrap();
            for target in [&theirs, &none] {
                symlink(target, &link).unwrap();
                let error = start(&path).unwrap_err();
                assert!(matches!(error, RecorderError::NotAFile(_)), "{ending}: {error}");
                assert_eq!(fs::read_to_string(&theirs).unwrap(), bytes, "{ending}");
                assert!(!none.exists(), "{ending}");
                fs::remove_file(&link).unwrap();
            }
        }
    }
    // A link that comes later gets nothing either.
    let recorder = FlightRecorder::builder().file(&path).start().unwrap();
    let orders = Orders::heard_by(&recorder);
    fs::remove_file(&path).unwrap();
    fs::write(&theirs, "").unwrap();
    symlink(&theirs, &path).unwrap();
    orders.number(0..1);
    assert!(recorder.flush(SOON).is_err());
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "");
    // A folder may be one.
    let elsewhere = tempdir().unwrap();
    let linked = elsewhere.path().join("linked");
    symlink(folder.path(), &linked).unwrap();
    drop(start(&linked.join("other.flight")).unwrap());
}

#[test]
fn a_path_that_cannot_be_written_to_is_an_error_at_once() {
    let folder = tempdir().unwrap();
    assert!(matches!(start(folder.path()), Err(RecorderError::NotAFile(_))));
    assert!(matches!(
        Recording::read(folder.path()),
        Err(RecorderError::NotAFile(_))
    ));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [folder.path().join("no/folder"), file.join("under/a/file")] {
        let error = start(&path).unwrap_err();
        assert!(matches!(error, RecorderError::Io { .. }), "{error}");
        let error = Recording::read(&path).unwrap_err();
        assert!(matches!(error, RecorderError::Io { .. }), "{error}");
    }
    let builder = || FlightRecorder::builder().file(folder.path().join("new"));
    assert!(matches!(
        builder().file_limit(1_000).start(),
        Err(RecorderError::Setting(_))
    ));
    assert!(matches!(builder().records(0).start(), Err(RecorderError::Setting(_))));
}

/// Somebody tidies up while the process runs.
#[cfg(unix)]
#[test]
fn a_file_that_vanishes_is_made_again_and_losses_are_counted() {
    let folder = tempdir().unwrap();
    let inner = folder.path().join("logs");
    fs::create_dir(&inner).unwrap();
    let path = inner.join("photos.flight");
    let recorder = to(&path);
    let orders = Orders::heard_by(&recorder);
    orders.number(0..1);
    recorder.flush(SOON).unwrap();
    // The file alone: the next records are in a new one.
    fs::remove_file(&path).unwrap();
    orders.number(1..2);
    recorder.flush(SOON).unwrap();
    assert_eq!(numbers(&read(&path)), [1]);
    // The folder, too: nothing can be written,
    fs::remove_dir_all(&inner).unwrap();
    orders.number(2..4);
    assert_eq!(recorder.flush(SOON), Err(FlushError::Lost(4)));
    let stats = recorder.stats();
    assert_eq!(
        (stats.written, stats.lost, stats.refused),
        (4, 4, Some(ErrorKind::NotFound))
    );
    // until it is back. The file says what is missing, and memory has it all.
    fs::create_dir(&inner).unwrap();
    orders.number(4..5);
    recorder.flush(SOON).unwrap();
    let recording = read(&path);
    assert_eq!((numbers(&recording), recording.gaps.lost), (vec![4], 4));
    assert_eq!(
        (numbers(&recorder.recording()), recorder.stats().refused),
        (vec![0, 1, 2, 3, 4], None)
    );
}

#[test]
fn a_record_that_is_too_long_is_lost_and_counted() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    let recorder = to(&path);
    let orders = Orders::heard_by(&recorder);
    orders.give("because ".repeat(20_000));
    orders.number(0..1);
    assert_eq!(recorder.flush(SOON), Err(FlushError::Lost(2)));
    assert_eq!(numbers(&read(&path)), [0]);
}

#[test]
fn memory_is_bounded() {
    let recorder = FlightRecorder::builder().records(10).start().unwrap();
    Orders::heard_by(&recorder).number(0..100);
    let recording = recorder.recording();
    assert_eq!(
        (numbers(&recording), recording.gaps.pushed_out),
        ((95..100).collect(), 190)
    );
    assert_eq!(recorder.flush(SOON), Ok(()), "there is no file to wait for");
}
