#[cfg(feature = "files")]
use super::spool::Spooled;
use crate::BoxError;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future, stream};
#[cfg(feature = "files")]
use std::path::PathBuf;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

/// An open source.
pub(super) type Opened = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;
type Opening = Pin<Box<dyn Future<Output = Result<Opened, BoxError>> + Send>>;

/// The bytes of a [`put_stream`](crate::ObjectClient::put_stream), and whether they can be read again.
///
/// If an endpoint dies in the middle of an upload, and another endpoint takes writes, the upload is made again there from
/// the first byte. That needs the bytes once more:
///
/// | source | can be read again |
/// |---|---|
/// | [`bytes`](Self::bytes), and anything that becomes [`Bytes`] | yes |
/// | [`repeatable`](Self::repeatable): a function that opens a stream | yes |
/// | `file`, with the feature `files` | yes |
/// | [`stream`](Self::stream): one stream | no: the upload fails with its endpoint; unless it is `spooled`, with the feature `files` |
///
/// ```
/// use evenkeel::client::object::Source;
/// use futures_util::stream;
///
/// let pieces = || stream::iter([Ok::<_, std::io::Error>("a".into()), Ok("b".into())]);
/// let source = Source::repeatable(move || async move { Ok::<_, std::io::Error>(pieces()) });
/// assert!(source.can_be_read_again());
/// assert!(!Source::stream(pieces()).can_be_read_again());
/// ```
pub struct Source {
    kind: Kind,
    size: Option<u64>,
}

enum Kind {
    Bytes(Bytes),
    Repeatable(Arc<dyn Fn() -> Opening + Send + Sync>),
    #[cfg(feature = "files")]
    File(PathBuf),
    #[cfg(feature = "files")]
    Spooled(Spooled),
    /// `None`: the stream was taken. (The lock makes the source `Sync`. Nobody waits for it.)
    Once(Mutex<Option<Opened>>),
}

impl Source {
    /// These bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            size: Some(bytes.len() as u64),
            kind: Kind::Bytes(bytes),
        }
    }

    /// A stream, which can be read once.
    pub fn stream<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        Self {
            kind: Kind::Once(Mutex::new(Some(stream.map_err(Into::into).boxed()))),
            size: None,
        }
    }

    /// What `open` opens, which must have the same bytes each time. `open` is called once, and once more for each time
    /// that the upload is made again. Open a file in it, or send a request for the bytes.
    pub fn repeatable<F, O, S, E>(open: F) -> Self
    where
        F: Fn() -> O + Send + Sync + 'static,
        O: Future<Output = Result<S, E>> + Send + 'static,
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let open = move || -> Opening {
            let opening = open();
            Box::pin(opening.map(|opened| match opened {
                Ok(stream) => Ok(stream.map_err(Into::into).boxed()),
                Err(error) => Err(error.into()),
            }))
        };
        Self {
            kind: Kind::Repeatable(Arc::new(open)),
            size: None,
        }
    }

    /// The file at this path. It is opened when the upload begins, and again each time that the upload is made again; it
    /// should not change meanwhile. Feature `files`.
    #[cfg(feature = "files")]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            kind: Kind::File(path.into()),
            size: None,
        }
    }

    /// Keeps what is read of a stream, so that it can be read again: see [`Spool`](super::Spool). A source that can be
    /// read again anyway stays as it is. Feature `files`.
    #[cfg(feature = "files")]
    #[must_use]
    pub fn spooled(self, spool: super::Spool) -> Self {
        let kind = match self.kind {
            Kind::Once(stream) => match stream.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Some(stream) => Kind::Spooled(Spooled::new(stream, spool)),
                None => Kind::Once(Mutex::new(None)),
            },
            kind => kind,
        };
        Self { kind, ..self }
    }

    /// Says how many bytes there are. A source of another length fails the upload. For bodies above 80 GB the parts are
    /// then made long enough; without the size, set [`part_size`](super::PutStreamCall::part_size).
    #[must_use]
    pub const fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Whether the bytes can be read again.
    pub const fn can_be_read_again(&self) -> bool {
        !matches!(self.kind, Kind::Once(_))
    }

    pub(super) const fn known_size(&self) -> Option<u64> {
        self.size
    }

    /// Opens the source. `None`: it cannot be read again.
    pub(super) async fn open(&mut self) -> Option<Result<Opened, BoxError>> {
        match &mut self.kind {
            Kind::Bytes(bytes) => Some(Ok(stream::once(future::ready(Ok(bytes.clone()))).boxed())),
            Kind::Repeatable(open) => Some(open().await),
            #[cfg(feature = "files")]
            Kind::File(path) => match super::spool::read_file(path.clone()).await {
                Ok((length, opened)) => {
                    self.size.get_or_insert(length);
                    Some(Ok(opened))
                }
                Err(error) => Some(Err(error.into())),
            },
            #[cfg(feature = "files")]
            Kind::Spooled(spooled) => Some(Ok(spooled.open())),
            Kind::Once(stream) => stream.get_mut().unwrap_or_else(PoisonError::into_inner).take().map(Ok),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Source {
    fn from(bytes: T) -> Self {
        Self::bytes(bytes)
    }
}

/// Shows no bytes.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("size", &self.size)
            .field("can_be_read_again", &self.can_be_read_again())
            .finish_non_exhaustive()
    }
}
