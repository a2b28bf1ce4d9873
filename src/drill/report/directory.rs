//! A report as a directory, which is there as a whole or not at all.

use super::{
    Attestation, Bundle,
    manifest::{ATTESTATION, MANIFEST, Manifest, PAGE, RECORDS, REPORT, SIGNATURE, json},
};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// There is a report already, and evidence is not overwritten.
    #[error("{} holds a report already: give another directory", .0.display())]
    Report(PathBuf),
    /// The directory has files that are not a report's.
    #[error("{} holds other files: give an empty directory, or one that does not exist", .0.display())]
    NotEmpty(PathBuf),
    /// It is something else than a directory.
    #[error("{} is no directory", .0.display())]
    NotADirectory(PathBuf),
    /// The file system refused. Nothing was left at the directory's place.
    #[error("the report could not be written to {}", .path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

/// Signs the bytes of a manifest.
pub(super) type Sign<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

impl Bundle {
    /// Writes the report to a directory that does not exist or is empty, without a signature. `approved_by` is whoever
    /// approved the drill. When this returns, the files are stored; until then there is nothing at the directory's place.
    ///
    /// # Errors
    /// If the directory holds something, or the file system refuses, as a full disk does.
    pub fn write(&self, directory: &Path, approved_by: Option<&str>) -> Result<Attestation, WriteError> {
        self.write_with(directory, approved_by, None)
    }

    /// `signer`: the public key, and what signs.
    pub(super) fn write_with(
        &self,
        directory: &Path,
        approved_by: Option<&str>,
        signer: Option<(&str, Sign<'_>)>,
    ) -> Result<Attestation, WriteError> {
        is_free(directory)?;
        let key = signer.map(|(key, _)| key);
        let attestation = self.wall.attested(approved_by, key);
        let files = [
            (REPORT, json(&self.report)),
            (RECORDS, self.jsonl().into_bytes()),
            (PAGE, self.report.html(Some(&attestation)).into_bytes()),
            (ATTESTATION, json(&attestation)),
        ];
        let manifest = Manifest::of(&files, self.report.records.clone(), key).bytes();
        let signature = signer.map(|(_, sign)| (SIGNATURE, sign(&manifest)));
        let all = files.into_iter().chain(signature).chain([(MANIFEST, manifest)]);
        place(directory, all).map_err(|source| WriteError::Io {
            path: directory.to_owned(),
            source,
        })?;
        Ok(attestation)
    }
}

/// Checks that a report may be written here, as [`Bundle::write`] does: before a drill rather than after it.
///
/// # Errors
/// If the directory holds something, or is none.
pub fn is_free(directory: &Path) -> Result<(), WriteError> {
    let io = |source| WriteError::Io {
        path: directory.to_owned(),
        source,
    };
    match fs::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
        Ok(found) if !found.is_dir() => return Err(WriteError::NotADirectory(directory.to_owned())),
        Ok(_) => {}
    }
    let mut is_empty = true;
    for entry in fs::read_dir(directory).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        if name == MANIFEST {
            return Err(WriteError::Report(directory.to_owned()));
        }
        is_empty = false;
    }
    is_empty.then_some(()).ok_or(WriteError::NotEmpty(directory.to_owned()))
}

/// Writes all files beside the directory's place, stores them, and moves them there at once. The manifest comes last: what
/// a killed process leaves behind is no report.
fn place(directory: &Path, files: impl Iterator<Item = (&'static str, Vec<u8>)>) -> io::Result<()> {
    let parent = match directory.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)?;
    let draft = draft(parent)?;
    let written = (|| {
        for (name, bytes) in files {
            let mut file = File::options().write(true).create_new(true).open(draft.join(name))?;
            file.write_all(&bytes)?;
            file.sync_all()?;
        }
        // An empty directory may be there. Only an empty one can be removed.
        if directory.is_dir() {
            fs::remove_dir(directory)?;
        }
        fs::rename(&draft, directory)?;
        // The renaming itself. Not every system can open a directory.
        if let Ok(parent) = File::open(parent) {
            let _ = parent.sync_all();
        }
        Ok(())
    })();
    if written.is_err() {
        // It may be half there. There is no better place to say that it stays.
        let _ = fs::remove_dir_all(&draft);
    }
    written
}

/// A directory that nobody else has.
fn draft(parent: &Path) -> io::Result<PathBuf> {
    let number = getrandom::u64().map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let draft = parent.join(format!(".drill-report-{number:016x}"));
    fs::create_dir(&draft)?;
    Ok(draft)
}
