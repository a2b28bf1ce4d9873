use std::{io, path::PathBuf};

/// Why a recorder was not started, or a recording not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// Another recorder writes to this file, of this process or another one.
    #[error("another recorder writes to {path:?}{}: give each process a file of its own", by_process(*.process))]
    InUse {
        /// The file.
        path: PathBuf,
        /// The number of its process, if that could be read.
        process: Option<u32>,
    },
    /// The file is there and is no recording. It was left as it is.
    #[error("{0:?} is no recording of evenkeel; it was left as it is")]
    Foreign(PathBuf),
    /// A later version of evenkeel wrote the file. It was left as it is.
    #[error("{path:?} has format {found}; this evenkeel knows format 1. It was left as it is")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's format.
        found: u32,
    },
    /// There is a folder, a symbolic link, or something else that is no plain file.
    #[error("{0:?} is no plain file")]
    NotAFile(PathBuf),
    /// The operating system refused.
    #[error("cannot {what} {path:?}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why that failed.
        source: io::Error,
    },
    /// The disk did not answer in time. Nothing is recorded.
    #[error("the disk of {0:?} did not answer within 5 s")]
    Silent(PathBuf),
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(&'static str),
}

impl RecorderError {
    pub(super) fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

fn by_process(process: Option<u32>) -> String {
    process.map_or_else(String::new, |process| format!(" (process {process})"))
}

/// Why a flush did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The disk did not answer in time. The records may still be written.
    #[error("the disk did not answer in time")]
    Late,
    /// Records were lost since the flush before: the disk refused them, or was so slow that the queue was full.
    #[error("{0} records were lost")]
    Lost(u64),
    /// What was written may not survive a crash of the machine: the operating system reported an error.
    #[error("the operating system could not store what was written")]
    NotStored,
}
