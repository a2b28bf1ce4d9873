//! What the caller can do after an upload has failed. That depends on where the bytes come from.

use crate::{Error, model::ErrorKind, request::object::PutMode};

/// Who has the bytes of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    /// A source that can be read again: the same call can be made again.
    InSource,
    /// A stream that was read.
    InStream,
    /// The caller, who gave them part by part. After a failure the upload takes no further part.
    WithCaller,
}

/// The error with what helps, where its kind alone would say something else.
pub(super) fn advised(error: Error, bytes: Bytes, mode: &PutMode) -> Error {
    let advice = match (error.kind(), bytes) {
        // Elsewhere it would be a second object under an id of its own; and the id names no length.
        (ErrorKind::MaybeApplied, _) if *mode != PutMode::Overwrite => {
            "uploading the same bytes again under its write id is safe"
        }
        (ErrorKind::MaybeApplied, _) => "uploading the same bytes again is safe unless another write came since",
        _ if !error.is_retryable() => return error,
        (_, Bytes::InSource) => return error,
        (_, Bytes::InStream) => "the stream cannot be read again: a call with a new one may succeed",
        (_, Bytes::WithCaller) => NEW,
    };
    error.advising(advice)
}

/// After an upload that takes no further part.
pub(super) const NEW: &str = "a new upload may succeed";

/// An upload that the store does not have, or that it wants made again.
pub(super) const GONE: &str =
    "the store has ended the upload (a sweep, an abort, a rule of the bucket, or another write of the key)";
