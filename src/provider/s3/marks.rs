use aws_sdk_s3::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef},
    error::BoxError,
};
use aws_smithy_runtime_api::http::Headers;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// By which a store's own answers are known: it puts at least one of these headers on each.
#[derive(Clone, Debug)]
pub(super) struct Marks(Arc<[Arc<str>]>);

impl Marks {
    pub(super) fn new(names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    pub(super) fn are_on(&self, headers: &Headers) -> bool {
        self.0.iter().any(|name| headers.contains_key(&**name))
    }

    /// Looks at the head of one answer, which the SDK does not show of a success.
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
