//! The files: the segment that is written to, the one before it, and the lock.

use super::{
    Record, RecorderError, Rotated,
    line::{self, Beginning, Line},
};
use crate::{model::clock, telemetry::unix_millis};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// The path of the segment before the one at `path`.
pub(super) fn older(path: &Path) -> PathBuf {
    beside(path, ".1")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

#[derive(Debug)]
pub(super) struct Segments {
    path: PathBuf,
    /// The most bytes of one segment.
    most: u64,
    segment: Segment,
    /// How a new segment begins: the header, and which process this is.
    head: Vec<u8>,
    /// Held until the process ends.
    _lock: File,
}

#[derive(Debug)]
struct Segment {
    file: File,
    /// The bytes that are surely whole lines.
    length: u64,
    /// A piece of a line may stand at the end.
    torn: bool,
}

impl Segments {
    /// Opens what is there, or begins anew. `start`: the line that says which process this is.
    ///
    /// # Errors
    /// Another recorder has the lock; what is there is not ours; the operating system refuses.
    pub(super) fn open(path: &Path, limit: u64, start: &[u8]) -> Result<Self, RecorderError> {
        let lock = lock(path)?;
        let older = older(path);
        if fs::symlink_metadata(&older).is_ok() {
            // A full segment will take its place.
            is_ours(&older)?;
        }
        let head = [line::header().as_bytes(), start].concat();
        let (mut segment, is_new) = Segment::open(path, &head)?;
        if !is_new {
            segment.append(start).map_err(RecorderError::io("write to", path))?;
        }
        Ok(Self {
            path: path.to_owned(),
            most: limit / 2,
            segment,
            head,
            _lock: lock,
        })
    }

    /// Writes whole lines, into a new segment if this one is full.
    ///
    /// # Errors
    /// Nothing of it counts as written.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if !self.is_in_place() {
            self.reopen()?;
        }
        let is_full = self.segment.length + lines.len() as u64 > self.most;
        if is_full && self.segment.length > self.head.len() as u64 {
            self.sync()?;
            let older = older(&self.path);
            // Before they are gone; said once they are.
            let pushed_out = pushed_out_by(&self.path, &older);
            fs::rename(&self.path, &older)?;
            self.reopen()?;
            self.say_rotated(pushed_out);
        }
        self.segment.append(lines)
    }

    /// A segment that cannot say it is one as before: the next rotation finds the number where the last one left it.
    fn say_rotated(&mut self, pushed_out: u64) {
        if pushed_out > 0 {
            let rotated = Rotated {
                pushed_out,
                wall_ms: unix_millis(clock::wall()),
            };
            let mut text = Vec::new();
            line::write(&Record::Rotated(rotated), &mut text);
            let _ = self.segment.append(&text);
        }
    }

    /// Has the operating system store what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.segment.file.sync_data()
    }

    /// Whether the path still leads to the file that is open: somebody may have removed or moved it.
    fn is_in_place(&self) -> bool {
        is_at(&self.segment.file, &self.path).unwrap_or(false)
    }

    fn reopen(&mut self) -> io::Result<()> {
        let opened = Segment::open(&self.path, &self.head);
        let (mut segment, is_new) = opened.map_err(|error| match error {
            RecorderError::Io { source, .. } => source,
            other => io::Error::other(other),
        })?;
        if !is_new {
            // What somebody put there in our file's place is a recording, too: it hears who writes now.
            segment.append(&self.head[line::header().len()..])?;
        }
        self.segment = segment;
        Ok(())
    }
}

impl Segment {
    /// Opens the file, and creates it if need be. Returns whether it is new: it then has the head.
    fn open(path: &Path, head: &[u8]) -> Result<(Self, bool), RecorderError> {
        let mut file = open(path, OpenOptions::new().read(true).append(true).create(true))?;
        let length = end_of_lines(&mut file, path)?;
        protect(&file, path)?;
        let mut segment = Self {
            file,
            length,
            torn: false,
        };
        segment.cut().map_err(RecorderError::io("write to", path))?;
        if length == 0 {
            segment.append(head).map_err(RecorderError::io("write to", path))?;
        }
        Ok((segment, length == 0))
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            // Perhaps it can be cut by now. Else the piece becomes a line of its own, which readers pass over.
            if self.cut().is_err() {
                self.file.write_all(b"\n")?;
                self.length = self.file.metadata()?.len();
            }
            self.torn = false;
        }
        match self.file.write_all(lines) {
            Ok(()) => {
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.torn = self.cut().is_err();
                Err(error)
            }
        }
    }

    /// Removes what stands behind the last whole line.
    fn cut(&self) -> io::Result<()> {
        match self.file.metadata()?.len() > self.length {
            true => self.file.set_len(self.length),
            false => Ok(()),
        }
    }
}

/// Whether a recording is there, which may be replaced.
fn is_ours(path: &Path) -> Result<(), RecorderError> {
    let mut file = open(path, OpenOptions::new().read(true))?;
    end_of_lines(&mut file, path).map(drop)
}

/// How many records are gone once this segment has taken the place of the older one.
fn pushed_out_by(segment: &Path, older: &Path) -> u64 {
    let (before, _) = counted(segment);
    let (earlier, there) = counted(older);
    before.max(earlier).saturating_add(there)
}

/// How many records a segment says were pushed out before it, and how many are in it. What cannot be read is not counted.
fn counted(path: &Path) -> (u64, u64) {
    let Ok(file) = File::open(path) else { return (0, 0) };
    let (mut before, mut here) = (0, 0_u64);
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    for line in lines.skip(1) {
        match line::read(&line) {
            Line::Record(Record::Rotated(rotated)) => before = rotated.pushed_out.max(before),
            Line::Record(Record::Lost(lost)) => here = here.saturating_add(lost.count),
            Line::Record(Record::Event(_) | Record::Reading(_)) | Line::Unknown => here = here.saturating_add(1),
            Line::Record(Record::Start(_) | Record::End(_)) | Line::Silent | Line::Damaged => {}
        }
    }
    (before, here)
}

/// Where the last whole line of a recording ends; 0 for a file that is to begin anew.
fn end_of_lines(file: &mut File, path: &Path) -> Result<u64, RecorderError> {
    let mut start = Vec::new();
    let mut begin = || {
        file.seek(SeekFrom::Start(0))?;
        (&*file).take(line::FIRST as u64).read_to_end(&mut start)
    };
    begin().map_err(RecorderError::io("read", path))?;
    match line::beginning(&start) {
        Beginning::Ours => {}
        Beginning::Empty => return Ok(0),
        Beginning::Newer(found) => {
            let path = path.to_owned();
            return Err(RecorderError::Newer { path, found });
        }
        Beginning::Foreign => return Err(RecorderError::Foreign(path.to_owned())),
    }
    last_end(file).map_err(RecorderError::io("read", path))
}

/// The end of the last line. Without one in twice the longest line's bytes, the file's end: readers pass over what is there.
fn last_end(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(2 * line::LONGEST as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    (&*file).take(length - from).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n');
    Ok(end.map_or(length, |at| from + at as u64 + 1))
}

/// One process at a time writes to a path. The lock is a file beside it, as the segments themselves are renamed.
fn lock(path: &Path) -> Result<File, RecorderError> {
    let place = beside(path, ".lock");
    let mut file = open(
        &place,
        OpenOptions::new().read(true).write(true).create(true).truncate(false),
    )?;
    let mut start = Vec::new();
    let read = (&file).take(32).read_to_end(&mut start);
    read.map_err(RecorderError::io("read", &place))?;
    if !start.trim_ascii().iter().all(u8::is_ascii_digit) {
        return Err(RecorderError::Foreign(place));
    }
    protect(&file, &place)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(RecorderError::InUse {
                path: path.to_owned(),
                process: String::from_utf8(start).ok().and_then(|text| text.trim().parse().ok()),
            });
        }
        Err(TryLockError::Error(error)) => return Err(RecorderError::io("lock", &place)(error)),
    }
    // For the message of the one who comes second. A full disk keeps nobody from recording.
    let named = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
    let _ = named.and_then(|_| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

/// Opens a file, and no link to one. A file that is made by this has mode 0600 (on Unix).
fn open(path: &Path, options: &mut OpenOptions) -> Result<File, RecorderError> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(RecorderError::NotAFile(path.to_owned()));
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    let file = options.open(path).map_err(RecorderError::io("open", path))?;
    // Somebody may have put a link there between the two.
    if !is_at(&file, path).map_err(RecorderError::io("read", path))? {
        return Err(RecorderError::NotAFile(path.to_owned()));
    }
    Ok(file)
}

/// Whether this open file is what lies at the path, and nothing that a link there leads to.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let id = |of: fs::Metadata| (of.dev(), of.ino());
        Ok(id(fs::symlink_metadata(path)?) == id(file.metadata()?))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        Ok(true) // an open file cannot be removed
    }
}

/// Lets nobody else read a file that is ours (on Unix: mode 0600).
#[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "it fails on Unix"))]
fn protect(file: &File, path: &Path) -> Result<(), RecorderError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let there = file.metadata().map_err(RecorderError::io("read", path))?;
        if there.permissions().mode() & 0o7777 != 0o600 {
            let alone = fs::Permissions::from_mode(0o600);
            file.set_permissions(alone)
                .map_err(RecorderError::io("protect", path))?;
        }
    }
    #[cfg(not(unix))]
    let _ = (file, path);
    Ok(())
}
