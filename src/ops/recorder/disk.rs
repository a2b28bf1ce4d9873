//! The thread that writes. Disks hang: nobody else waits for one.

use super::{
    End, Record, RecorderError, Start, line,
    segments::Segments,
    state::{self, Done, Shared, Work},
};
use crate::{
    model::clock::{self, Instant},
    telemetry::{Instance, unix_millis},
};
use std::{
    io,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

/// How long the disk may take when the recorder starts.
const PATIENCE: Duration = Duration::from_secs(5);
/// The operating system is asked to store what was written so often: a crash of the machine costs at most as much.
const STORE_EVERY: Duration = Duration::from_secs(1);
/// So many records are taken at a time,
const AT_A_TIME: usize = 256;
/// and written in pieces of at least so many bytes.
const PIECE: usize = 32 << 10;

/// Opens the file and begins to write. Waits until the file is open.
pub(super) fn start(shared: Arc<Shared>, path: PathBuf, limit: u64) -> Result<(), RecorderError> {
    let (tell, told) = mpsc::sync_channel(1);
    let place = path.clone();
    let run = move || {
        let mut start = Vec::new();
        line::write(&Record::Start(Start::now(clock::wall())), &mut start);
        match Segments::open(&place, limit, &start) {
            Ok(segments) => {
                // Nobody may wait any longer: then the lock is let go of.
                if tell.send(Ok(())).is_ok() {
                    Writer::new(segments).run(&shared);
                }
            }
            Err(error) => drop(tell.send(Err(error))),
        }
    };
    let thread = thread::Builder::new().name("evenkeel-recorder".to_owned());
    thread
        .spawn(run)
        .map_err(RecorderError::io("start the thread for", &path))?;
    told.recv_timeout(PATIENCE).unwrap_or(Err(RecorderError::Silent(path)))
}

struct Writer {
    segments: Segments,
    /// When what was written was last stored; `None`: nothing was written since.
    unstored_since: Option<Instant>,
}

impl Writer {
    const fn new(segments: Segments) -> Self {
        Self {
            segments,
            unstored_since: None,
        }
    }

    fn run(&mut self, shared: &Shared) {
        loop {
            let work = shared.work(AT_A_TIME, self.unstored_since.map(|_| STORE_EVERY));
            let (count, closing) = (work.records.len(), work.closing);
            let done = self.do_it(work);
            shared.finished(count, &done);
            if closing {
                return;
            }
        }
    }

    fn do_it(&mut self, work: Work) -> Done {
        let mut done = Done::default();
        let mut piece = Piece::default();
        if work.lost > 0 {
            piece.say_lost(work.lost);
        }
        for kept in &work.records {
            piece.add(&kept.record(), &mut done);
            if piece.text.len() >= PIECE {
                self.write(&mut piece, &mut done);
            }
        }
        if work.closing {
            piece.end();
        }
        self.write(&mut piece, &mut done);
        let now = clock::now();
        let is_due = |since: Instant| now.saturating_duration_since(since) >= STORE_EVERY;
        if work.flush || work.closing || self.unstored_since.is_some_and(is_due) {
            done.stored = Some(self.segments.sync().is_ok());
            self.unstored_since = None;
        }
        done
    }

    fn write(&mut self, piece: &mut Piece, done: &mut Done) {
        if piece.text.is_empty() {
            return;
        }
        match self.segments.append(&piece.text) {
            Ok(()) => {
                done.written += piece.records;
                done.said += piece.lost;
                self.unstored_since.get_or_insert_with(clock::now);
            }
            Err(error) => {
                done.lost += piece.records;
                done.refused = Some(error.kind());
            }
        }
        *piece = Piece::default();
    }
}

/// Lines that are written, or lost, together.
#[derive(Default)]
struct Piece {
    text: Vec<u8>,
    records: u64,
    /// So many losses it tells of.
    lost: u64,
}

impl Piece {
    fn add(&mut self, record: &Record, done: &mut Done) {
        if line::write(record, &mut self.text) {
            self.records += 1;
        } else {
            done.lost += 1;
            done.refused = Some(io::ErrorKind::InvalidInput);
        }
    }

    fn say_lost(&mut self, count: u64) {
        line::write(&state::lost(count, clock::wall()), &mut self.text);
        self.lost = count;
    }

    fn end(&mut self) {
        let end = End {
            instance: Instance::current().to_string(),
            wall_ms: unix_millis(clock::wall()),
        };
        line::write(&Record::End(end), &mut self.text);
    }
}
