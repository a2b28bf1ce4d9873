//! Sources in files: a file to upload, and a stream that is kept until its upload is done.

use super::source::Opened;
use crate::BoxError;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use std::{io, path::PathBuf, sync::Arc};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, SeekFrom},
    sync::Mutex,
};

/// How much of a file is read at a time: what the disk's own read-ahead makes cheap.
const PIECE: usize = 256 << 10;

/// Where a stream is kept so that it can be [read again](super::Source::spooled), and how much of it.
///
/// The first bytes are kept in memory, and all further bytes in one temporary file. The file has no name (on Unix), so
/// that nothing of it is left when the upload is done or the process dies. A disk without room fails the upload with the
/// disk's error.
///
/// ```
/// use evenkeel::client::object::{Source, Spool};
/// use futures_util::stream;
///
/// let pieces = stream::iter([Ok::<_, std::io::Error>("a".into())]);
/// let source = Source::stream(pieces).spooled(Spool::new().memory(1 << 20).most(10 << 30).dir("/var/tmp"));
/// assert!(source.can_be_read_again());
/// ```
#[derive(Clone, Debug)]
pub struct Spool {
    memory: u64,
    most: u64,
    dir: Option<PathBuf>,
}

impl Default for Spool {
    fn default() -> Self {
        Self::new()
    }
}

impl Spool {
    /// 8 MiB in memory, which is one part; in all as much as the disk takes; in the folder for temporary files of this
    /// system, which may be memory itself (`/tmp` often is).
    pub const fn new() -> Self {
        Self {
            memory: 8 << 20,
            most: u64::MAX,
            dir: None,
        }
    }

    /// Sets how many bytes are kept in memory.
    #[must_use]
    pub const fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how many bytes are kept in all. A stream with more fails the upload.
    #[must_use]
    pub const fn most(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }

    /// Sets the folder of the temporary file.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }
}

/// A stream, and what was read of it.
pub(super) struct Spooled(Arc<Mutex<Kept>>);

struct Kept {
    settings: Spool,
    stream: Opened,
    /// A piece that was taken from the stream and is not kept yet: a reader may be dropped while it is written.
    taken: Option<Bytes>,
    pieces: Vec<Bytes>,
    in_memory: u64,
    file: Option<File>,
    in_file: u64,
}

/// What a reader reads next.
enum At {
    Piece(usize),
    Byte(u64),
}

impl Spooled {
    pub(super) fn new(stream: Opened, settings: Spool) -> Self {
        Self(Arc::new(Mutex::new(Kept {
            settings,
            stream,
            taken: None,
            pieces: Vec::new(),
            in_memory: 0,
            file: None,
            in_file: 0,
        })))
    }

    /// The stream from its first byte.
    pub(super) fn open(&self) -> Opened {
        let start = (self.0.clone(), At::Piece(0));
        let read = stream::unfold(start, |(kept, at)| async move {
            let next = kept.lock().await.next(at).await;
            match next {
                Ok(None) => None,
                Ok(Some((piece, at))) => Some((Ok(piece), (kept, at))),
                Err(error) => Some((Err(error), (kept, At::Byte(u64::MAX)))),
            }
        });
        read.boxed()
    }
}

impl Kept {
    async fn next(&mut self, at: At) -> Result<Option<(Bytes, At)>, BoxError> {
        match at {
            At::Piece(number) if number < self.pieces.len() => {
                Ok(Some((self.pieces[number].clone(), At::Piece(number + 1))))
            }
            At::Piece(number) if self.in_file == 0 => self.pull(number).await,
            At::Piece(_) => self.read(0).await,
            At::Byte(byte) if byte < self.in_file => self.read(byte).await,
            // A reader that met an error.
            At::Byte(u64::MAX) => Ok(None),
            At::Byte(_) => self.pull(0).await,
        }
    }

    /// Reads on in the stream, and keeps what it gives.
    async fn pull(&mut self, number: usize) -> Result<Option<(Bytes, At)>, BoxError> {
        if self.taken.is_none() {
            self.taken = self.stream.next().await.transpose()?;
        }
        let Some(piece) = self.taken.clone() else {
            return Ok(None);
        };
        let length = piece.len() as u64;
        let most = self.settings.most;
        if self.in_memory + self.in_file + length > most {
            return Err(format!("the spool holds at most {most} bytes, and the stream has more").into());
        }
        if self.in_file == 0 && self.in_memory + length <= self.settings.memory {
            self.in_memory += length;
            self.pieces.push(piece.clone());
            self.taken = None;
            return Ok(Some((piece, At::Piece(number + 1))));
        }
        let failed = |error: io::Error| format!("the spool could not be written: {error}");
        self.write(&piece).await.map_err(failed)?;
        Ok(Some((piece, At::Byte(self.in_file))))
    }

    async fn write(&mut self, piece: &Bytes) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let dir = self.settings.dir.clone().unwrap_or_else(std::env::temp_dir);
                let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(dir)).await;
                self.file.insert(File::from_std(made.map_err(io::Error::other)??))
            }
        };
        file.seek(SeekFrom::Start(self.in_file)).await?;
        file.write_all(piece).await?;
        // The file's own errors come with the flush.
        file.flush().await?;
        self.in_file += piece.len() as u64;
        self.taken = None;
        Ok(())
    }

    async fn read(&mut self, byte: u64) -> Result<Option<(Bytes, At)>, BoxError> {
        let failed = |error: io::Error| format!("the spool could not be read: {error}");
        let Some(file) = &mut self.file else {
            return Ok(None);
        };
        let length = usize::try_from(self.in_file - byte).unwrap_or(PIECE).min(PIECE);
        let mut piece = BytesMut::zeroed(length);
        file.seek(SeekFrom::Start(byte)).await.map_err(failed)?;
        file.read_exact(&mut piece).await.map_err(failed)?;
        Ok(Some((piece.freeze(), At::Byte(byte + length as u64))))
    }
}

/// A file from its first byte, and its length.
pub(super) async fn read_file(path: PathBuf) -> io::Result<(u64, Opened)> {
    let file = File::open(path).await?;
    let length = file.metadata().await?.len();
    let read = stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut piece = BytesMut::with_capacity(PIECE);
        match file.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(piece.freeze()), Some(file))),
            Err(error) => Some((Err(error.into()), None)),
        }
    });
    Ok((length, read.boxed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt as _;

    fn pieces(lengths: &[usize]) -> (Opened, Vec<u8>) {
        let mut at = 0_u8;
        let pieces: Vec<Bytes> = lengths
            .iter()
            .map(|&length| {
                at = at.wrapping_add(1);
                vec![at; length].into()
            })
            .collect();
        let all = pieces.concat();
        (stream::iter(pieces.into_iter().map(Ok)).boxed(), all)
    }

    async fn rest(mut stream: Opened) -> Result<Vec<u8>, BoxError> {
        let mut all = Vec::new();
        while let Some(piece) = stream.try_next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn a_spooled_stream_is_read_again_from_wherever_a_reader_stopped() {
        for memory in [0, 10, 1 << 20] {
            let (stream, all) = pieces(&[5, 0, 300_000, 700_000, 1]);
            let spooled = Spooled::new(stream, Spool::new().memory(memory));
            for pieces in [0, 1, 3] {
                let mut reader = spooled.open();
                for _ in 0..pieces {
                    reader.try_next().await.unwrap().unwrap();
                }
            }
            assert!(rest(spooled.open()).await.unwrap() == all, "{memory}");
            assert!(rest(spooled.open()).await.unwrap() == all, "{memory}");
        }
    }

    #[tokio::test]
    async fn a_spool_that_is_full_or_has_no_place_says_so() {
        let (stream, _) = pieces(&[50, 50, 1]);
        let error = rest(Spooled::new(stream, Spool::new().memory(10).most(100)).open()).await;
        let error = error.unwrap_err().to_string();
        assert_eq!(error, "the spool holds at most 100 bytes, and the stream has more");
        let (stream, _) = pieces(&[50]);
        let error = rest(Spooled::new(stream, Spool::new().memory(10).dir("/nowhere/at/all")).open()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("the spool could not be written: "), "{error}");
    }

    /// `/dev/full` is a disk without room.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_disk_without_room_fails_the_reader() {
        let (stream, _) = pieces(&[50]);
        let spooled = Spooled::new(stream, Spool::new().memory(10));
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        spooled.0.lock().await.file = Some(File::from_std(full));
        let error = rest(spooled.open()).await.unwrap_err().to_string();
        assert!(error.contains("No space left on device"), "{error}");
    }

    /// A reader that is dropped while a piece is written takes nothing away from the next reader.
    #[tokio::test]
    async fn a_reader_that_is_dropped_half_way_loses_no_piece() {
        let (stream, all) = pieces(&[5, 7, 300_000, 9]);
        let spooled = Spooled::new(stream, Spool::new().memory(10));
        let mut reader = spooled.open();
        reader.try_next().await.unwrap().unwrap();
        // The second piece goes to the file: the first poll is not the last.
        assert!(futures_util::FutureExt::now_or_never(reader.try_next()).is_none());
        drop(reader);
        let rest = rest(spooled.open()).await.unwrap();
        assert_eq!(rest.len(), all.len());
        assert!(rest == all);
    }
}
