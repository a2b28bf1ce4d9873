//! The thread that writes. Disks hang: nobody else waits for one.

use super::{SlaStats, csv};
use crate::{
    model::clock,
    ops::text::Utc,
    telemetry::{AttemptEnd, Instance, unix_millis},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError},
    },
    thread,
};

/// So many rows wait for the disk at most.
pub(super) const QUEUE: usize = 8_192;
/// Rows are written in pieces of about so many bytes.
const PIECE: usize = 64 << 10;
/// So many bytes of a file are left to say what is missing.
const RESERVE: u64 = 4 << 10;

pub(super) enum Work {
    Row(Box<AttemptEnd>),
    /// Says whether all rows since the last flush are in the file.
    Flush(SyncSender<bool>),
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Shared {
    pub(super) fn drop_rows(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> SlaStats {
        SlaStats {
            written: self.written.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// Opens the first file and starts the thread, which ends with the last sender.
pub(super) fn start(folder: PathBuf, limit: u64, rows: Receiver<Work>, shared: Arc<Shared>) -> io::Result<()> {
    let mut writer = Writer {
        file: None,
        month: String::new(),
        piece: String::new(),
        rows: 0,
        said: 0,
        refused: false,
        torn: false,
        folder,
        limit,
        shared,
    };
    writer.open(&month(unix_millis(clock::wall())))?;
    let thread = thread::Builder::new().name("evenkeel-sla".to_owned());
    thread.spawn(move || writer.run(&rows)).map(drop)
}

struct Writer {
    folder: PathBuf,
    limit: u64,
    shared: Arc<Shared>,
    /// `None`: the month's file could not be opened yet.
    file: Option<(File, u64)>,
    /// The month of the file.
    month: String,
    piece: String,
    /// The rows in the piece.
    rows: u64,
    /// So many dropped rows stand in files.
    said: u64,
    /// Rows were refused since the last flush.
    refused: bool,
    /// The last write failed.
    torn: bool,
}

/// `2026-11`.
fn month(ms: u64) -> String {
    let mut date = Utc(ms).to_string();
    date.truncate("2026-11".len());
    date
}

impl Writer {
    fn run(mut self, rows: &Receiver<Work>) {
        loop {
            let work = match rows.try_recv() {
                Ok(work) => work,
                Err(TryRecvError::Empty) => {
                    self.write();
                    match rows.recv() {
                        Ok(work) => work,
                        Err(_) => return self.say_dropped(),
                    }
                }
                Err(TryRecvError::Disconnected) => {
                    self.write();
                    return self.say_dropped();
                }
            };
            match work {
                Work::Row(end) => self.add(&end),
                Work::Flush(tell) => {
                    self.write();
                    self.say_dropped();
                    let _ = tell.send(!std::mem::take(&mut self.refused));
                }
            }
        }
    }

    fn add(&mut self, end: &AttemptEnd) {
        let now = month(unix_millis(end.wall));
        // A clock that goes back stays in the file that is open.
        if now > self.month {
            self.write();
            if self.open(&now).is_err() {
                self.file = None;
                self.month = now;
            }
        }
        csv::row(end, &mut self.piece);
        self.rows += 1;
        if self.piece.len() >= PIECE {
            self.write();
        }
    }

    /// Opens a new file for this month. A file that is there is left as it is.
    fn open(&mut self, month: &str) -> io::Result<()> {
        let instance = Instance::current();
        for number in 1..1_000 {
            let number = if number == 1 {
                String::new()
            } else {
                format!("-{number}")
            };
            let path = self.folder.join(format!("evenkeel-sla-{month}-{instance}{number}.csv"));
            match OpenOptions::new().append(true).create_new(true).open(path) {
                Ok(mut file) => {
                    let head = csv::head();
                    file.write_all(head.as_bytes())?;
                    self.file = Some((file, head.len() as u64));
                    self.month = month.to_owned();
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Writes the piece. What the disk refuses is dropped, and said before the next piece that it takes.
    fn write(&mut self) {
        if self.rows == 0 {
            return;
        }
        if self.file.is_none() {
            let _ = self.open(&self.month.clone());
        }
        let (piece, rows) = (std::mem::take(&mut self.piece), std::mem::take(&mut self.rows));
        let dropped = self.shared.stats().dropped;
        let missing = self.missing(dropped);
        if self.append(&(missing + &piece), self.limit.saturating_sub(RESERVE)) {
            self.said = dropped;
            self.shared.written.fetch_add(rows, Ordering::Relaxed);
        } else {
            self.refused = true;
            self.shared.drop_rows(rows);
        }
    }

    /// Says what is missing, if something is and the file has room.
    fn say_dropped(&mut self) {
        let dropped = self.shared.stats().dropped;
        let missing = self.missing(dropped);
        if self.append(&missing, self.limit) {
            self.said = dropped;
        }
    }

    /// A row for what was dropped since the last one; empty if nothing was.
    fn missing(&self, dropped: u64) -> String {
        match dropped - self.said {
            0 => String::new(),
            unsaid => csv::dropped(unix_millis(clock::wall()), unsaid),
        }
    }

    fn append(&mut self, text: &str, limit: u64) -> bool {
        match &mut self.file {
            Some((file, length)) if *length + text.len() as u64 <= limit => {
                // A full disk may have taken the beginning of a row: the next one begins on a line of its own.
                let begun = if std::mem::take(&mut self.torn) { "\r\n" } else { "" };
                *length += (begun.len() + text.len()) as u64;
                let taken = file.write_all((begun.to_owned() + text).as_bytes()).is_ok();
                self.torn = !taken;
                taken
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::SlaLog, *};
    use crate::{
        request::{Ended, LegKind, OpClass},
        verdict::Outcome,
    };
    use std::{
        fs,
        path::Path,
        time::{Duration, SystemTime},
    };

    fn end(ms: u64) -> AttemptEnd {
        AttemptEnd {
            wall: SystemTime::UNIX_EPOCH + Duration::from_millis(ms),
            client: "photos".into(),
            noun: "object",
            endpoint: "virginia".into(),
            provider: None,
            region: None,
            operation: "get",
            class: OpClass::Read,
            kind: LegKind::First,
            ended: Ended::Judged(Outcome::SUCCESS),
            took: Duration::ZERO,
            status: None,
            code: None,
            request_id: None,
        }
    }

    fn files(folder: &Path) -> Vec<(String, Vec<String>)> {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| {
                let file = file.unwrap();
                let text = fs::read_to_string(file.path()).unwrap();
                let rows = text.lines().skip(1).map(str::to_owned).collect();
                (file.file_name().into_string().unwrap(), rows)
            })
            .collect();
        files.sort();
        files
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn each_month_has_its_file_and_the_clock_may_go_back() {
        let folder = tempfile::tempdir().unwrap();
        let log = SlaLog::start(folder.path()).unwrap();
        let tell = log.listener();
        let now = unix_millis(clock::wall());
        let next = now + 32 * 24 * 60 * 60 * 1_000;
        for at in [now, next, now] {
            tell(&end(at));
        }
        log.flush(LONG).unwrap();
        let found = files(folder.path());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].0.contains(&month(now)) && found[1].0.contains(&month(next)),
            "{found:?}"
        );
        assert_eq!((found[0].1.len(), found[1].1.len()), (1, 2));
        // A second log of the process has a file of its own.
        let other = SlaLog::start(folder.path()).unwrap();
        other.listener()(&end(now));
        other.flush(LONG).unwrap();
        assert_eq!(files(folder.path()).len(), 3);
        assert_eq!(other.stats(), SlaStats { written: 1, dropped: 0 });
    }

    #[test]
    fn what_finds_no_place_is_counted_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let head = csv::head().len() as u64;
        let log = SlaLog::bounded(folder.path(), head + RESERVE + 300).unwrap();
        let tell = log.listener();
        for _ in 0..20 {
            tell(&end(unix_millis(clock::wall())));
            let _ = log.flush(LONG);
        }
        let SlaStats { written, dropped } = log.stats();
        assert!(
            written > 0 && dropped > 0 && written + dropped == 20,
            "{:?}",
            log.stats()
        );
        tell(&end(unix_millis(clock::wall()) + 32 * 24 * 60 * 60 * 1_000));
        log.flush(LONG).unwrap();
        let found = files(folder.path());
        let missing = |row: &String| row.rsplit(',').next().unwrap().parse::<u64>().unwrap_or(0);
        let kept = found[0].1.iter().filter(|row| missing(row) == 0).count();
        assert_eq!(kept as u64, written);
        let said: u64 = found.iter().flat_map(|(_, rows)| rows).map(missing).sum();
        assert_eq!(said, dropped, "{found:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(SlaLog::start(folder.path().join("missing")).is_err());
    }

    #[test]
    fn rows_that_were_heard_before_the_last_handle_went_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let log = SlaLog::start(folder.path()).unwrap();
        let tell = log.listener();
        for _ in 0..1_000 {
            tell(&end(unix_millis(clock::wall())));
        }
        drop((log, tell));
        for _ in 0..600 {
            if files(folder.path())[0].1.len() == 1_000 {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("the thread ended without its rows");
    }
}
