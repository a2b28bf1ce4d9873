//! Who gave an answer: the store, or something on the way.

use super::{
    S3,
    error::{self, failed},
};
use crate::{
    provider::{
        ProviderError, ProviderErrorKind,
        aws::{Repeats, again},
        refusal::{Asked, wrong},
    },
    request::Key,
    verdict::table::Symptom,
};
use aws_sdk_s3::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef},
    error::{BoxError, SdkError},
    operation::{RequestId, head_object::HeadObjectError},
};
use aws_smithy_runtime_api::http::Headers;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The marks of a store's own answers: the store puts at least one of these headers on each answer.
#[derive(Clone, Debug)]
pub(super) struct Marks(Arc<[Arc<str>]>);

impl Marks {
    pub(super) fn new(names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    pub(super) fn are_on(&self, headers: &Headers) -> bool {
        self.0.iter().any(|name| headers.contains_key(&**name))
    }

    /// An interceptor that looks at the head of one answer. The SDK does not show the head of a success.
    pub(super) fn watch(&self) -> Watch {
        Watch {
            marks: self.clone(),
            seen: Arc::default(),
        }
    }
}

/// Whether an answer carried a mark.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    marks: Marks,
    seen: Arc<AtomicBool>,
}

impl Watch {
    pub(super) fn saw_one(&self) -> bool {
        self.seen.load(Ordering::Acquire)
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let marked = self.marks.are_on(context.response().headers());
        self.seen.store(marked, Ordering::Release);
        Ok(())
    }
}

impl S3 {
    /// Why a HEAD was refused. A mark alone proves that something is absent. But the answer for a missing bucket has a
    /// mark, too, so the bucket must be known to exist.
    pub(super) async fn unseen(&self, key: &Key, error: &SdkError<HeadObjectError>) -> ProviderError {
        if let Some(refused) = error::of_head(Asked::Read, error) {
            return refused;
        }
        let marked = error
            .raw_response()
            .is_some_and(|answer| self.marks.are_on(answer.headers()));
        if marked && self.bucket_seen.load(Ordering::Acquire) {
            return error::absent(error);
        }
        self.missing(key).await
    }

    /// Notes that the bucket exists.
    pub(super) fn see_bucket(&self) {
        self.bucket_seen.store(true, Ordering::Release);
    }

    /// Why the key is absent. This sends a GET of the key's first byte, because the refusal of a GET has a body that
    /// names what is missing. If the GET finds the key, the store contradicts itself, or the earlier answer was not the
    /// store's.
    pub(super) async fn missing(&self, key: &Key) -> ProviderError {
        let ask = || {
            let byte = self.client.get_object().bucket(&*self.bucket).key(key.as_str());
            byte.range("bytes=0-0").send()
        };
        let refused = match again(Repeats::Freely, ask).await {
            Ok(got) if got.e_tag().is_none() => return wrong(Symptom::ErrorDocument, got.request_id()),
            Ok(_) => None,
            Err(error) => Some(failed(Asked::Read, &error)),
        };
        match refused {
            Some(refused) if refused.kind() != ProviderErrorKind::RangeNotSatisfiable => self.noting(refused),
            _ => ProviderError::faulty("the store said that the object does not exist, but serves it"),
        }
    }

    /// A store that reports a missing key has the bucket.
    pub(super) fn noting(&self, refused: ProviderError) -> ProviderError {
        if refused.kind() == ProviderErrorKind::NotFound {
            self.see_bucket();
        }
        refused
    }
}
