//! The place of a checkpoint: a file, or a place of the user's choice.

use std::{
    fs::{self, File},
    future::Future,
    io::{self, Write},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Keeps a checkpoint. A checkpoint is less than a kilobyte of text, plus the longest key (the text names a key).
///
/// ```
/// use evenkeel::backfill::CheckpointKeeper;
/// use std::{io, sync::Mutex};
///
/// /// A row of a table of one's own would look the same.
/// #[derive(Default)]
/// struct Row(Mutex<Option<Vec<u8>>>);
///
/// impl CheckpointKeeper for Row {
///     async fn load(&self) -> io::Result<Option<Vec<u8>>> {
///         Ok(self.0.lock().expect("no holder panics").clone())
///     }
///
///     async fn save(&self, checkpoint: Vec<u8>) -> io::Result<()> {
///         *self.0.lock().expect("no holder panics") = Some(checkpoint);
///         Ok(())
///     }
/// }
/// ```
pub trait CheckpointKeeper: Send + Sync + 'static {
    /// The checkpoint that was saved last. `None` if there is none. Called once, at the start.
    fn load(&self) -> impl Future<Output = io::Result<Option<Vec<u8>>>> + Send;

    /// Replaces the earlier checkpoint, wholly or not at all. Returns when the new checkpoint would survive a power
    /// cut. Calls never overlap. The future may be dropped.
    fn save(&self, checkpoint: Vec<u8>) -> impl Future<Output = io::Result<()>> + Send;
}

/// A checkpoint in a file. The new checkpoint is written to a file beside the old one, synced, and renamed over the old
/// one. A kill or a full disk thus leaves the old checkpoint.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    path: Arc<Path>,
}

impl CheckpointFile {
    /// A checkpoint at this path. The path's directory must exist. The temporary file lies there, too.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into().into(),
        }
    }
}

/// The calls block, on tokio's threads for blocking calls. A call whose future is dropped ends by itself. It writes a
/// whole checkpoint. That checkpoint can be older than a later one only if two backfills share the file, which they
/// must not.
impl CheckpointKeeper for CheckpointFile {
    async fn load(&self) -> io::Result<Option<Vec<u8>>> {
        let path = self.path.clone();
        blocking(move || match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn save(&self, checkpoint: Vec<u8>) -> io::Result<()> {
        let path = self.path.clone();
        blocking(move || replace(&path, &checkpoint)).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A name of its own: a save whose future was dropped may still be under way.
    static SAVES: AtomicU64 = AtomicU64::new(0);
    let mut temporary = path.as_os_str().to_owned();
    let number = SAVES.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{}-{number}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It is the first error that matters.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_directory(path)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Without this call the rename itself may not survive a power cut. Only Unix offers such a call.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A keeper with its type erased.
pub(super) trait AnyKeeper: Send + Sync {
    fn load(&self) -> Boxed<'_, Option<Vec<u8>>>;
    fn save(&self, checkpoint: Vec<u8>) -> Boxed<'_, ()>;
}

impl<K: CheckpointKeeper> AnyKeeper for K {
    fn load(&self) -> Boxed<'_, Option<Vec<u8>>> {
        Box::pin(CheckpointKeeper::load(self))
    }

    fn save(&self, checkpoint: Vec<u8>) -> Boxed<'_, ()> {
        Box::pin(CheckpointKeeper::save(self, checkpoint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_replaced_wholly_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        let file = CheckpointFile::new(&path);
        assert_eq!(CheckpointKeeper::load(&file).await.unwrap(), None);
        for text in ["first", "second"] {
            CheckpointKeeper::save(&file, text.into()).await.unwrap();
            assert_eq!(CheckpointKeeper::load(&file).await.unwrap().unwrap(), text.as_bytes());
        }
        // A directory in the way of the rename: what was there stays, and nothing is left lying about.
        let taken = dir.path().join("taken");
        fs::create_dir_all(taken.join("full")).unwrap();
        CheckpointKeeper::save(&CheckpointFile::new(&taken), b"x".to_vec())
            .await
            .unwrap_err();
        let names = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, 2, "the checkpoint and the directory");
    }

    #[tokio::test]
    async fn a_missing_directory_is_an_error() {
        let nowhere = CheckpointFile::new("/nonexistent/checkpoint");
        let error = CheckpointKeeper::save(&nowhere, b"x".to_vec()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
