//! Processes that are killed while they record, and disks that are full.
//!
//! A child is this test binary again, with a role.

use crate::{
    example,
    support::{Orders, SOON, file, numbers, to},
};
use evenkeel::ops::recorder::{FlushError, Record, Recording};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io::{BufRead as _, BufReader, ErrorKind},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::tempdir;

const SAYS: &str = "recorder: ";
const ROLE: &str = "EVENKEEL_RECORDER_ROLE";
const FILE: &str = "EVENKEEL_RECORDER_FILE";
/// So many orders are one flush.
const BATCH: usize = 50;

/// `wrapped`: what the shell does before it runs the child as `"$0" "$@"`.
fn child(role: &str, path: &Path, wrapped: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", wrapped]).arg(std::env::current_exe().unwrap());
    command.args(["processes::a_child_with_a_role", "--exact", "--ignored", "--nocapture"]);
    command.env(ROLE, role).env(FILE, path);
    command
}

fn say(word: &str) {
    println!("{SAYS}{word}");
}

#[test]
#[ignore = "a child of the other tests"]
fn a_child_with_a_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let path = PathBuf::from(std::env::var(FILE).unwrap());
    match role.as_str() {
        "record" => {
            let recorder = to(&path);
            let orders = Orders::heard_by(&recorder);
            for batch in 0.. {
                orders.number(batch * BATCH..(batch + 1) * BATCH);
                recorder.flush(SOON).unwrap();
                say(&((batch + 1) * BATCH).to_string());
            }
        }
        "fill the disk" => fill_the_disk(&path),
        "report" => {
            print!("{}", example::report(path.to_str().unwrap(), false).unwrap());
        }
        role => panic!("{role}"),
    }
}

/// Kills it in the middle of its work, again and again, on one file.
#[test]
fn what_a_flush_returned_for_survives_a_kill_at_any_moment() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    let mut rng = fastrand::Rng::with_seed(13);
    let mut before = 0;
    for round in 0..8 {
        let mut child: Child = child("record", &path, "exec \"$0\" \"$@\"")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut flushed = 0;
        let mut words = said.lines().map_while(Result::ok);
        let mut numbers_said = words
            .by_ref()
            .filter_map(|line| line.split_once(SAYS)?.1.parse::<usize>().ok());
        for _ in 0..rng.usize(1..8) {
            flushed = numbers_said.next().unwrap();
        }
        std::thread::sleep(Duration::from_micros(rng.u64(..3_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts, too.
        flushed = numbers_said.last().unwrap_or(flushed);

        let recording = Recording::read(&path).unwrap();
        let mut gaps = recording.gaps;
        gaps.torn = false;
        assert!(gaps.is_empty(), "round {round}: {gaps:?}");
        let numbers = numbers(&recording).split_off(before);
        assert!(
            numbers.len() >= flushed,
            "round {round}: {} of {flushed} are there",
            numbers.len()
        );
        assert_eq!(
            numbers,
            (0..numbers.len()).collect::<Vec<_>>(),
            "round {round}: without a gap"
        );
        before += numbers.len();
    }
}

fn events(recording: &Recording) -> u64 {
    let events = recording
        .records
        .iter()
        .filter(|record| matches!(record, Record::Event(_)));
    events.count() as u64
}

/// The limit of a file's size is as good as a full disk: the system takes a part of a write, and then no more.
fn fill_the_disk(path: &Path) {
    let hard = getrlimit(Resource::Fsize).maximum;
    let limit = |bytes| {
        let limit = Rlimit {
            current: bytes,
            maximum: hard,
        };
        setrlimit(Resource::Fsize, limit).unwrap();
    };
    let recorder = to(path);
    let orders = Orders::heard_by(&recorder);
    orders.number(0..10);
    recorder.flush(SOON).unwrap();
    limit(Some(20_001));
    let (mut lost, mut refused) = (0, None);
    for batch in 1..20 {
        orders.number(batch * 10..(batch + 1) * 10);
        match recorder.flush(SOON) {
            Ok(()) => {}
            Err(FlushError::Lost(count)) => lost += count,
            Err(other) => panic!("{other}"),
        }
        refused = refused.or(recorder.stats().refused);
    }
    assert!(lost >= 200, "{lost}");
    assert_eq!((recorder.stats().lost, refused), (lost, Some(ErrorKind::FileTooLarge)));
    // Each record is in the file or counted, and the file can be read to its last line. (The line that tells of losses is
    // short: it may still fit.)
    let recording = Recording::read(path).unwrap();
    let (there, mut gaps) = (events(&recording), recording.gaps);
    assert!(std::mem::take(&mut gaps.lost) <= lost && gaps.is_empty(), "{gaps:?}");
    assert_eq!(there + lost, 400);
    assert_eq!(numbers(&recorder.recording()).len(), 200, "memory has it all");
    // When there is room again, it goes on and says what is missing.
    limit(hard);
    orders.number(200..210);
    recorder.flush(SOON).unwrap();
    let recording = Recording::read(path).unwrap();
    let mut gaps = recording.gaps;
    assert_eq!(std::mem::take(&mut gaps.lost), lost);
    assert!(gaps.is_empty(), "{gaps:?}");
    assert_eq!(events(&recording), there + 20);
    assert!(numbers(&recording).ends_with(&(200..210).collect::<Vec<_>>()));
    say("done");
}

#[test]
fn a_full_disk_loses_records_and_nothing_else() {
    let folder = tempdir().unwrap();
    // The signal would end the process. A full disk sends none.
    let output = child("fill the disk", &file(&folder), "trap '' XFSZ; exec \"$0\" \"$@\"")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("recorder: done"), "{text}");
}

/// Where the system lets us, without any network: not even the loopback is up there.
#[test]
fn the_example_reports_without_any_network() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    crate::replays::flapping(&path);
    let alone = "if unshare -rn true 2> /dev/null; then exec unshare -rn \"$0\" \"$@\"; else exec \"$0\" \"$@\"; fi";
    let output = child("report", &path, alone).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("## 1. home: 2025-10-20"),
        "{text}"
    );
    let json = example::report(path.to_str().unwrap(), true).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["incidents"][0]["affected"][0]["subject"]["endpoint"]["endpoint"],
        "home"
    );
    assert!(example::report(folder.path().join("other").to_str().unwrap(), false).is_err());
}
