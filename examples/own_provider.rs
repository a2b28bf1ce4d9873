//! A store of one's own behind evenkeel: a directory of files.
//!
//! ```text
//! cargo run --example own_provider --features testing
//! ```
//!
//! [`ObjectProvider`] is all that an adapter implements: one attempt per method, no retries, no timeouts. What it must
//! promise is in the trait's docs; the page `guide::provider` goes through it step by step. Whether it keeps the promises,
//! the conformance suite tells: this program runs it, and then serves reads from a second directory while the first is
//! gone.

use bytes::Bytes;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    provider::{
        Capabilities, Capability, ObjectProvider, ProviderError, ProviderErrorKind, check_match, check_put, check_range,
    },
    request::object::{
        Attributes, Delete, ETag, Get, Head, List, ListEntry, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode,
        WriteId,
    },
    testing::objects::{self, Claim, Claims},
    verdict::{Classify, IoVerdicts},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    error::Error,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

/// Objects as files: a line of JSON with what is known of the object, then its body.
#[derive(Clone, Debug)]
struct Directory {
    root: PathBuf,
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    key: String,
    /// New with every write, so that a tag names one version and not just its bytes.
    etag: String,
    content_type: Option<String>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    metadata: BTreeMap<String, String>,
    write_id: Option<String>,
}

impl Directory {
    fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(root.join("partial"))?;
        fs::create_dir_all(root.join("objects"))?;
        Ok(Self { root })
    }

    /// A key is any text of up to 1,024 bytes: as hex it cannot leave the directory, and in pieces it fits into file names.
    fn path(&self, key: &str) -> PathBuf {
        let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut path = self.root.join("objects");
        let mut rest = hex.as_str();
        while rest.len() > 200 {
            let (piece, more) = rest.split_at(200);
            path.push(piece);
            rest = more;
        }
        path.join(format!("{rest}.object"))
    }

    fn write(&self, put: &Put) -> Result<PutAnswer, ProviderError> {
        if matches!(put.mode, PutMode::IfMatch(_)) {
            return Err(ProviderError::unsupported("files have no compare-and-swap"));
        }
        let header = Header {
            key: put.key.as_str().to_owned(),
            etag: format!("\"{:032x}\"", fastrand::u128(..)),
            content_type: put.attributes.content_type.clone(),
            cache_control: put.attributes.cache_control.clone(),
            content_disposition: put.attributes.content_disposition.clone(),
            content_encoding: put.attributes.content_encoding.clone(),
            content_language: put.attributes.content_language.clone(),
            metadata: put.attributes.metadata.clone(),
            write_id: put.write_id.as_ref().map(|id| id.as_str().to_owned()),
        };
        let path = self.path(put.key.as_str());
        let partial = self.root.join("partial").join(format!("{:032x}", fastrand::u128(..)));
        let written = (|| {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = fs::File::create(&partial)?;
            serde_json::to_writer(&mut file, &header)?;
            file.write_all(b"\n")?;
            file.write_all(&put.body)?;
            file.sync_all()?;
            match put.mode {
                // Both are atomic: nobody sees half a file, and of two creates one finds the name taken.
                PutMode::Create => fs::hard_link(&partial, &path),
                _ => fs::rename(&partial, &path),
            }
        })();
        let _ = fs::remove_file(&partial);
        match written {
            Ok(()) => Ok(PutAnswer::new(Some(ETag::new(header.etag, "")))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(ProviderError::answer(ProviderErrorKind::AlreadyExists))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// A file that is not there is an object that is not there, but for a disk that is not mounted.
    fn failed(&self, error: io::Error) -> ProviderError {
        if error.kind() == io::ErrorKind::NotFound && self.root.join("objects").is_dir() {
            return ProviderError::not_found();
        }
        let outcome = IoVerdicts.classify(Err::<&(), _>(&error));
        ProviderError::new(ProviderErrorKind::Failed, outcome).with_source(error)
    }

    fn read(&self, path: &Path) -> Result<(ObjectMeta, Bytes), ProviderError> {
        let bytes = Bytes::from(fs::read(path).map_err(|error| self.failed(error))?);
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| ProviderError::faulty("a file without a header"))?;
        let header: Header = serde_json::from_slice(&bytes[..end])
            .map_err(|error| ProviderError::faulty("a file with a broken header").with_source(error))?;
        let body = bytes.slice(end + 1..);
        let mut attributes = Attributes::default();
        attributes.content_type = header.content_type;
        attributes.cache_control = header.cache_control;
        attributes.content_disposition = header.content_disposition;
        attributes.content_encoding = header.content_encoding;
        attributes.content_language = header.content_language;
        attributes.metadata = header.metadata;
        let mut meta = ObjectMeta::new(header.key, body.len() as u64);
        meta.etag = Some(ETag::new(header.etag, ""));
        meta.last_modified = fs::metadata(path).and_then(|file| file.modified()).ok();
        meta.attributes = attributes;
        meta.write_id = header.write_id.map(WriteId::new);
        Ok((meta, body))
    }

    /// Every object's file.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut open = vec![self.root.join("objects")];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        Ok(files)
    }

    fn page(&self, list: &List) -> Result<ListPage, ProviderError> {
        let mut entries = BTreeMap::new();
        for file in self.files().map_err(|error| self.failed(error))? {
            let (mut meta, _) = match self.read(&file) {
                // It was deleted since the directory was read.
                Err(error) if error.kind() == ProviderErrorKind::NotFound => continue,
                read => read?,
            };
            let Some(rest) = meta.key.strip_prefix(&list.prefix) else {
                continue;
            };
            let delimiter = list.delimiter.as_ref();
            let folded = delimiter.and_then(|by| rest.find(by).map(|at| at + by.len()));
            meta.attributes = Attributes::default();
            let entry = match folded {
                Some(end) => ListEntry::CommonPrefix(format!("{}{}", list.prefix, &rest[..end])),
                None => ListEntry::Object(meta),
            };
            entries.insert(entry.name().to_owned(), entry);
        }
        // What counts is an entry's name, so that a listing can be taken up after any entry that it returned.
        let after = list.start_after.as_ref().max(list.continuation.as_ref());
        let mut left: Vec<_> = entries
            .into_iter()
            .filter(|(name, _)| after.is_none_or(|after| name > after))
            .collect();
        let more = left.len() > list.limit.unwrap_or(1_000);
        left.truncate(list.limit.unwrap_or(1_000));
        let continuation = left.last().filter(|_| more).map(|(name, _)| name.clone());
        Ok(ListPage::new(
            left.into_iter().map(|(_, entry)| entry).collect(),
            continuation,
        ))
    }
}

/// What an I/O error means: absent, or the verdict of evenkeel's own table.
/// Files block; a provider must not block the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| Err(ProviderError::faulty("the file worker ended").with_source(panic)))
}

impl ObjectProvider for Directory {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        check_put(&put)?;
        let store = self.clone();
        blocking(move || store.write(&put)).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        check_range(get.range.as_ref())?;
        let path = self.path(get.key.as_str());
        let store = self.clone();
        let (meta, body) = blocking(move || store.read(&path)).await?;
        check_match(get.if_match.as_ref(), meta.etag.as_ref())?;
        if get.if_none_match.is_some()
            && get.if_none_match.as_ref().map(ETag::value) == meta.etag.as_ref().map(ETag::value)
        {
            return Err(ProviderError::answer(ProviderErrorKind::NotModified));
        }
        let range = match &get.range {
            None => 0..meta.size,
            Some(range) => range
                .of(meta.size)
                .ok_or_else(|| ProviderError::answer(ProviderErrorKind::RangeNotSatisfiable))?,
        };
        let body = body.slice(range.start as usize..range.end as usize);
        Ok(Object::new(meta, range, body))
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        let path = self.path(head.key.as_str());
        let store = self.clone();
        let (meta, _) = blocking(move || store.read(&path)).await?;
        check_match(head.if_match.as_ref(), meta.etag.as_ref())?;
        Ok(meta)
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        // Nothing removes a file on the condition of what is in it, and what cannot be kept is refused, never left out.
        if delete.if_match.is_some() {
            return Err(ProviderError::unsupported("a directory has no conditional delete"));
        }
        let path = self.path(delete.key.as_str());
        let store = self.clone();
        let removed = blocking(move || fs::remove_file(path).map_err(|error| store.failed(error))).await;
        match removed {
            Err(error) if error.kind() == ProviderErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        let store = self.clone();
        blocking(move || store.page(&list)).await
    }

    /// So that nobody asks for what is refused, and nobody need ask what is kept.
    fn capabilities(&self) -> Capabilities {
        let mut known = Capabilities::all(Capability::Kept);
        known.if_match = Capability::Lacking;
        known.delete_if_match = Capability::Lacking;
        known
    }

    /// The directory must be there: a disk that is not mounted is no empty store.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        let root = self.root.join("objects");
        blocking(move || {
            let there = fs::metadata(root)
                .map_err(|error| ProviderError::faulty("the directory is not there").with_source(error))?;
            there
                .is_dir()
                .then_some(())
                .ok_or_else(|| ProviderError::faulty("that is no directory"))
        })
        .await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = tempfile::tempdir()?;

    // Does it keep the promises?
    let claims = Claims::all()
        .without(Claim::IfMatch, "files have no compare-and-swap")
        .without(Claim::AtomicIfMatch, "files have no compare-and-swap")
        .without(Claim::ConditionalDelete, "files have no compare-and-swap");
    let report = objects::run("directory", &Directory::open(place.path().join("suite"))?, &claims).await;
    println!(
        "the conformance suite: {} checks passed, {} do not apply",
        report.passed.len(),
        report.skipped.len()
    );

    // Two of them behind a client; one disk goes.
    let (first, second) = (place.path().join("first"), place.path().join("second"));
    let notes = ObjectClient::builder()
        .endpoint(Endpoint::new("first", Directory::open(&first)?))
        .endpoint(Endpoint::new("second", Directory::open(&second)?))
        .replication(Replication::write_once())
        .build()?;
    notes.put("greeting", "hello").await?;
    fs::remove_dir_all(&first)?;
    fs::write(&first, "no directory any more")?;
    notes.put("after", "still here").await?;
    println!(
        "the first disk is gone; {} has what was written since",
        notes.get("after").await?.endpoint()
    );
    notes.close();
    Ok(())
}
