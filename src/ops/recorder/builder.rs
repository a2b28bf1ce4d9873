use super::{FlightRecorder, RecorderError, disk, state::Shared};
use std::{path::PathBuf, sync::Arc};

/// Sets up a [`FlightRecorder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RecorderBuilder {
    records: usize,
    file: Option<PathBuf>,
    limit: u64,
}

impl RecorderBuilder {
    /// How many records are kept in memory: about 2 MB, and weeks of quiet. An outage of a day leaves some hundreds.
    pub(crate) const RECORDS: usize = 4_096;
    /// How much disk the two segments take together: months of quiet, and a week of trouble.
    pub(crate) const LIMIT: u64 = 16 << 20;
    /// How many records wait for the disk at most.
    #[cfg(test)]
    pub(crate) const QUEUE: usize = super::state::QUEUE;
    /// How far apart readings are.
    #[cfg(test)]
    pub(crate) const READINGS: std::time::Duration = super::watch::EVERY;
    /// Two segments, each of which takes the longest lines.
    const LEAST: u64 = 256 << 10;

    pub(super) const fn new() -> Self {
        Self {
            records: Self::RECORDS,
            file: None,
            limit: Self::LIMIT,
        }
    }

    /// Sets how many records are kept in memory. Default 4,096.
    pub const fn records(mut self, most: usize) -> Self {
        self.records = most;
        self
    }

    /// Records into this file, too. Each process needs a file of its own; its folder must be there. Default: none.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Sets how many bytes the file's two segments take together. Default 16 MiB; at least 256 KiB.
    pub const fn file_limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Starts the recorder. With a file, this opens it, and blocks for at most 5 s.
    ///
    /// # Errors
    /// The file cannot be written to: another recorder has it, it is something else, or the operating system refuses. To
    /// go on all the same, record [in memory](FlightRecorder::in_memory).
    pub fn start(self) -> Result<FlightRecorder, RecorderError> {
        if self.records == 0 {
            return Err(RecorderError::Setting("a recorder keeps one record at least"));
        }
        if self.limit < Self::LEAST {
            return Err(RecorderError::Setting("a recorder's file takes 256 KiB at least"));
        }
        let shared = Arc::new(Shared::new(self.records, self.file.is_some()));
        if let Some(path) = self.file {
            disk::start(shared.clone(), path, self.limit)?;
        }
        Ok(FlightRecorder::of(shared))
    }
}
