//! What a request asks for, read from its head alone: a fault has to know before the body comes.

use http::{HeaderMap, Method, Uri};
use std::fmt;

/// An operation of S3's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // S3's own names
pub enum Operation {
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CopyObject,
    CreateBucket,
    CreateMultipartUpload,
    DeleteBucket,
    DeleteObject,
    DeleteObjectTagging,
    DeleteObjects,
    GetBucketLocation,
    GetObject,
    GetObjectTagging,
    HeadBucket,
    HeadObject,
    ListBuckets,
    ListMultipartUploads,
    ListObjectsV2,
    ListParts,
    PutObject,
    PutObjectTagging,
    UploadPart,
    UploadPartCopy,
    /// What this server does not know.
    Other,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) part: Option<i32>,
    pub(crate) upload: Option<String>,
}

impl Asked {
    pub(crate) fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let path = uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query: Vec<(String, String)> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        let value = |name: &str| {
            query
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        let has = |name: &str| value(name).is_some();
        let copies = headers.contains_key("x-amz-copy-source");
        let operation = match (method.as_str(), bucket.is_empty(), key.is_empty()) {
            ("GET", true, _) => Operation::ListBuckets,
            ("PUT", false, true) if uri.query().is_none() => Operation::CreateBucket,
            ("HEAD", false, true) => Operation::HeadBucket,
            ("DELETE", false, true) if uri.query().is_none() => Operation::DeleteBucket,
            ("POST", false, true) if has("delete") => Operation::DeleteObjects,
            ("GET", false, true) if has("list-type") => Operation::ListObjectsV2,
            ("GET", false, true) if has("uploads") => Operation::ListMultipartUploads,
            ("GET", false, true) if has("location") => Operation::GetBucketLocation,
            ("GET", false, false) if has("uploadId") => Operation::ListParts,
            ("GET", false, false) if has("tagging") => Operation::GetObjectTagging,
            ("GET", false, false) => Operation::GetObject,
            ("HEAD", false, false) => Operation::HeadObject,
            ("PUT", false, false) if has("tagging") => Operation::PutObjectTagging,
            ("PUT", false, false) if has("uploadId") && copies => Operation::UploadPartCopy,
            ("PUT", false, false) if has("uploadId") => Operation::UploadPart,
            ("PUT", false, false) if copies => Operation::CopyObject,
            ("PUT", false, false) => Operation::PutObject,
            ("POST", false, false) if has("uploads") => Operation::CreateMultipartUpload,
            ("POST", false, false) if has("uploadId") => Operation::CompleteMultipartUpload,
            ("DELETE", false, false) if has("uploadId") => Operation::AbortMultipartUpload,
            ("DELETE", false, false) if has("tagging") => Operation::DeleteObjectTagging,
            ("DELETE", false, false) => Operation::DeleteObject,
            _ => Operation::Other,
        };
        Self {
            operation,
            bucket: decoded(bucket),
            key: decoded(key),
            part: value("partNumber").and_then(|number| number.parse().ok()),
            upload: value("uploadId").map(str::to_owned),
        }
    }
}

fn decoded(text: &str) -> String {
    urlencoding::decode(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}
