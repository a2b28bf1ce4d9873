//! What the layer must know of a request to play faults on it: for objects and for keys.

use crate::{
    BoxError,
    client::failover::Opaque,
    provider::{ProviderError, ProviderErrorKind},
    request::{
        OpClass,
        kv::{Key, KvRequest, KvResponse},
        object::{ByteRange, Get, Head, Object, ObjectRequest, ObjectResponse},
    },
};

/// A request on which a drill can play. Sealed: [`ObjectRequest`], [`KvRequest`] and
/// [`Opaque`].
pub trait Subject: Send + Sync + 'static {
    /// The provider's answer.
    type Response: Clone + Send + 'static;

    /// Whether the layer sees what the answer holds. If not, it cannot play the faults that change an answer.
    const SHOWS_ANSWERS: bool = true;

    /// The class of work.
    fn class(&self) -> OpClass;

    /// The parts of a read that decide its answer; `None` for a write.
    fn asked(&self) -> Option<Asked>;

    /// The keys that a write changes.
    fn written(&self) -> Vec<String>;

    /// Whether this is a read whose answer depends on what the caller already has.
    fn is_conditional(&self) -> bool;

    /// A copy of an answer.
    fn keep(answer: &Self::Response) -> Answer;

    /// The kept answer, as the answer to this read. `None` if it belongs to another request.
    fn answered_by(&self, kept: &Answer) -> Option<Result<Self::Response, BoxError>>;

    /// The size of an answer's body.
    fn body_bytes(answer: &Self::Response) -> u64;
}

/// A closure over a client: only the class of work is known.
impl Subject for Opaque {
    type Response = ();

    const SHOWS_ANSWERS: bool = false;

    fn class(&self) -> OpClass {
        self.class()
    }

    fn asked(&self) -> Option<Asked> {
        None
    }

    fn written(&self) -> Vec<String> {
        Vec::new()
    }

    fn is_conditional(&self) -> bool {
        false
    }

    fn keep((): &()) -> Answer {
        Answer::Nothing
    }

    fn answered_by(&self, _: &Answer) -> Option<Result<(), BoxError>> {
        None
    }

    fn body_bytes((): &()) -> u64 {
        0
    }
}

/// The parts of a read that decide its answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    operation: &'static str,
    of: Of,
    details: Vec<Option<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Keys(Vec<String>),
    Under(String),
}

/// An answer that was seen.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The answer of an object store.
    Object(ObjectResponse),
    /// The answer of a table.
    Kv(KvResponse),
    /// An answer that is not shown.
    Nothing,
}

impl Asked {
    /// Whether a write of `key` can change this answer.
    pub(super) fn shows(&self, key: &str) -> bool {
        match &self.of {
            Of::Keys(own) => own.iter().any(|own| own == key),
            Of::Under(prefix) => key.starts_with(prefix),
        }
    }
}

impl Subject for ObjectRequest {
    type Response = ObjectResponse;

    fn class(&self) -> OpClass {
        self.class()
    }

    fn asked(&self) -> Option<Asked> {
        let (of, details) = match self {
            Self::Get(get) => (
                Of::Keys(vec![get.key.as_str().into()]),
                vec![get.range.as_ref().map(ByteRange::to_header)],
            ),
            Self::Head(head) => (Of::Keys(vec![head.key.as_str().into()]), Vec::new()),
            Self::List(list) => (
                Of::Under(list.prefix.clone()),
                vec![
                    list.start_after.clone(),
                    list.delimiter.clone(),
                    list.continuation.clone(),
                    list.limit.map(|limit| limit.to_string()),
                ],
            ),
            // Writes, and uploads under way, which no copy shows.
            _ => return None,
        };
        Some(Asked {
            operation: self.name(),
            of,
            details,
        })
    }

    fn written(&self) -> Vec<String> {
        match self {
            Self::Put(put) => vec![put.key.as_str().into()],
            Self::Delete(delete) => vec![delete.key.as_str().into()],
            Self::CompleteUpload(complete) => vec![complete.key.as_str().into()],
            Self::Copy(copy) => vec![copy.to.as_str().into()],
            _ => Vec::new(),
        }
    }

    fn is_conditional(&self) -> bool {
        match self {
            Self::Get(get) => get.if_none_match.is_some() || get.if_match.is_some(),
            Self::Head(head) => head.if_match.is_some(),
            _ => false,
        }
    }

    fn keep(answer: &ObjectResponse) -> Answer {
        Answer::Object(answer.clone())
    }

    fn answered_by(&self, kept: &Answer) -> Option<Result<ObjectResponse, BoxError>> {
        match (self, kept) {
            (Self::Get(get), Answer::Object(ObjectResponse::Get(object)))
                if get.if_none_match.is_some() && object.meta.etag == get.if_none_match =>
            {
                Some(Err(ProviderError::answer(ProviderErrorKind::NotModified).into()))
            }
            (Self::Get(Get { if_match: asked, .. }), Answer::Object(ObjectResponse::Get(Object { meta, .. })))
            | (Self::Head(Head { if_match: asked, .. }), Answer::Object(ObjectResponse::Head(meta)))
                if asked.is_some() && meta.etag != *asked =>
            {
                Some(Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed).into()))
            }
            (_, Answer::Object(answer)) => Some(Ok(answer.clone())),
            (_, Answer::Kv(_) | Answer::Nothing) => None,
        }
    }

    fn body_bytes(answer: &ObjectResponse) -> u64 {
        match answer {
            ObjectResponse::Get(object) => object.body.len() as u64,
            // Listings have a body, too, of which only the size is unknown here: 300 bytes an entry, as S3's XML has.
            ObjectResponse::List(page) => 300 * page.entries.len() as u64,
            _ => 0,
        }
    }
}

impl Subject for KvRequest {
    type Response = KvResponse;

    fn class(&self) -> OpClass {
        self.class()
    }

    fn asked(&self) -> Option<Asked> {
        let (of, details) = match self {
            Self::Get(get) => (Of::Keys(names([&get.key])), Vec::new()),
            Self::GetMany(many) => (Of::Keys(names(many.keys.iter())), Vec::new()),
            Self::Scan(scan) => (
                Of::Under(scan.prefix.clone()),
                vec![
                    scan.from.clone(),
                    scan.until.clone(),
                    scan.after.clone(),
                    scan.limit.map(|limit| limit.to_string()),
                ],
            ),
            Self::Put(_) | Self::Delete(_) | Self::PutMany(_) => return None,
        };
        Some(Asked {
            operation: self.name(),
            of,
            details,
        })
    }

    fn written(&self) -> Vec<String> {
        match self {
            Self::Put(put) => names([&put.key]),
            Self::Delete(delete) => names([&delete.key]),
            Self::PutMany(many) => names(many.puts.iter().map(|put| &put.key)),
            _ => Vec::new(),
        }
    }

    fn is_conditional(&self) -> bool {
        false
    }

    fn keep(answer: &KvResponse) -> Answer {
        Answer::Kv(answer.clone())
    }

    fn answered_by(&self, kept: &Answer) -> Option<Result<KvResponse, BoxError>> {
        match kept {
            Answer::Kv(answer) => Some(Ok(answer.clone())),
            Answer::Object(_) | Answer::Nothing => None,
        }
    }

    fn body_bytes(answer: &KvResponse) -> u64 {
        match answer {
            KvResponse::Get(value) => value.bytes.len() as u64,
            KvResponse::GetMany(results) => results.iter().flatten().map(|value| value.bytes.len() as u64).sum(),
            KvResponse::Scan(page) => {
                let sizes = page
                    .entries
                    .iter()
                    .map(|entry| entry.key.len() + entry.value.bytes.len());
                sizes.sum::<usize>() as u64
            }
            _ => 0,
        }
    }
}

fn names<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Vec<String> {
    keys.into_iter().map(|key| key.as_str().to_owned()).collect()
}
