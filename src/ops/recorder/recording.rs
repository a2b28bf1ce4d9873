use super::{
    Record, RecorderError,
    line::{self, Beginning, Line},
    segments,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
};

/// What a recorder has kept, oldest first, and what is missing from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recording {
    /// The records. Those of a file can be of several processes, one after the other.
    pub records: Vec<Record>,
    /// What is missing.
    pub gaps: Gaps,
}

/// What is missing from a recording, or could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gaps {
    /// Records that newer ones have pushed out of memory, or of the file.
    pub pushed_out: u64,
    /// Records that were not written, because the disk hung or refused them.
    pub lost: u64,
    /// Lines that are damaged.
    pub damaged: u64,
    /// Records of a kind that a later version of evenkeel wrote.
    pub unknown: u64,
    /// The last line is not whole: the process or the machine stopped while it was written, or writes it just now.
    pub torn: bool,
}

impl Gaps {
    /// Whether nothing is known to be missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Recording {
    /// Reads a recorder's file, and the segment before it. Nothing is locked and nothing changed: the recorder may go on.
    /// Damaged lines are passed over and counted. Blocks on the disk, and keeps all records in memory.
    ///
    /// # Errors
    /// There is no such file, it is no recording, a later version wrote it, or it cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RecorderError> {
        let path = path.as_ref();
        let before = segments::older(path);
        // The newer one first: it may become the older one meanwhile.
        let newer = open(path)?;
        let older = open(&before)?.filter(|(_, of)| newer.as_ref().is_none_or(|(_, newer)| !same(of, newer)));
        if newer.is_none() && older.is_none() {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            return Err(RecorderError::io("open", path)(missing));
        }
        let mut recording = Self::default();
        for ((file, _), path) in older.zip(Some(&*before)).into_iter().chain(newer.zip(Some(path))) {
            // A segment is begun when the one before it ends with a whole line.
            recording.gaps.damaged += u64::from(std::mem::take(&mut recording.gaps.torn));
            recording.add(BufReader::new(file), path)?;
        }
        Ok(recording)
    }

    fn add(&mut self, mut file: BufReader<File>, path: &Path) -> Result<(), RecorderError> {
        let failed = || RecorderError::io("read", path);
        let mut text = Vec::new();
        let mut is_first = true;
        loop {
            text.clear();
            let most = line::LONGEST as u64 + 1;
            let read = file
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut text)
                .map_err(failed())?;
            if read == 0 {
                return Ok(());
            }
            let is_whole = text.pop_if(|last| *last == b'\n').is_some();
            if std::mem::take(&mut is_first) {
                let mut start = text.clone();
                start.extend(is_whole.then_some(b'\n'));
                match line::beginning(&start) {
                    Beginning::Ours => {}
                    Beginning::Empty => self.gaps.torn = true,
                    Beginning::Newer(found) => {
                        let path = path.to_owned();
                        return Err(RecorderError::Newer { path, found });
                    }
                    Beginning::Foreign => return Err(RecorderError::Foreign(path.to_owned())),
                }
                continue;
            }
            if !is_whole && read as u64 == most {
                // No line is as long: the rest of it is passed over.
                pass_over(&mut file).map_err(failed())?;
                self.gaps.damaged += 1;
                continue;
            }
            if !is_whole {
                self.gaps.torn = true;
                return Ok(());
            }
            self.hear(&text);
        }
    }

    fn hear(&mut self, text: &[u8]) {
        match line::read(text) {
            Line::Record(record) => {
                match &record {
                    Record::Lost(lost) => self.gaps.lost = self.gaps.lost.saturating_add(lost.count),
                    // Each tells of all that were pushed out before it.
                    Record::Rotated(rotated) => self.gaps.pushed_out = self.gaps.pushed_out.max(rotated.pushed_out),
                    _ => {}
                }
                self.records.push(record);
            }
            Line::Silent => {}
            Line::Unknown => self.gaps.unknown += 1,
            Line::Damaged => self.gaps.damaged += 1,
        }
    }
}

/// `None`: there is no such file.
fn open(path: &Path) -> Result<Option<(File, fs::Metadata)>, RecorderError> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => return Err(RecorderError::NotAFile(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    let file = File::open(path).map_err(RecorderError::io("open", path))?;
    let metadata = file.metadata().map_err(RecorderError::io("read", path))?;
    Ok(Some((file, metadata)))
}

#[cfg(unix)]
fn same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    false
}

/// To the end of the line, in bounded memory.
fn pass_over(file: &mut BufReader<File>) -> io::Result<()> {
    loop {
        let here = file.fill_buf()?;
        let end = here.iter().position(|byte| *byte == b'\n');
        let (used, is_end) = end.map_or((here.len(), here.is_empty()), |end| (end + 1, true));
        file.consume(used);
        if is_end {
            return Ok(());
        }
    }
}
