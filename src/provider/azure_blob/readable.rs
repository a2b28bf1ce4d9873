use crate::{
    provider::{
        part::{UNFRAMED, UNSAID},
        refusal::tell_unreadable,
    },
    request::Progress,
};
use async_trait::async_trait;
use azure_core::{
    http::{
        AsyncRawResponse, ClientMethodOptions, Context, Request, StatusCode,
        headers::{HeaderName, Headers},
        policies::{Policy, PolicyResult},
    },
    time::parse_rfc7231,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Marks a call of this adapter. Only the needed headers of its answer are read.
#[derive(Debug)]
struct Ours;

/// The options of such a call.
pub(super) fn ours() -> ClientMethodOptions<'static> {
    let mut context = Context::new();
    context.insert(Ours);
    ClientMethodOptions { context }
}

/// The options of a call that reports how its body moves.
pub(super) fn telling(progress: &Progress) -> ClientMethodOptions<'static> {
    let mut context = Context::new();
    context.insert(progress.clone());
    ClientMethodOptions { context }
}

/// The SDK (1.1) gives up a whole blob if one of some thirty headers is unreadable. This policy keeps the headers that
/// matter. Of the others, it keeps a date that is readable.
#[derive(Debug, Default)]
pub(super) struct Readable {
    told: AtomicBool,
}

const NEEDED: [&str; 10] = [
    "etag",
    "content-length",
    "content-range",
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "last-modified",
    "x-ms-request-id",
];
const CONTENT_RANGE: HeaderName = HeaderName::from_static_standard("content-range");
/// The headers that say where an answer ends.
const FRAMES: [HeaderName; 2] = [
    HeaderName::from_static_standard("content-length"),
    HeaderName::from_static_standard("transfer-encoding"),
];
const LAST_MODIFIED: HeaderName = HeaderName::from_static_standard("last-modified");

impl Readable {
    fn only_needed(&self, headers: Headers) -> Headers {
        let mut kept = Headers::new();
        for (name, value) in headers {
            let called = name.as_str();
            if NEEDED.contains(&called) || called.starts_with("x-ms-meta-") {
                kept.insert(name, value);
            }
        }
        let unreadable = |date| parse_rfc7231(date).is_err();
        if kept.get_optional_str(&LAST_MODIFIED).is_some_and(unreadable) {
            kept.remove(LAST_MODIFIED);
            if !self.told.swap(true, Ordering::AcqRel) {
                tell_unreadable("last-modified");
            }
        }
        kept
    }
}

#[async_trait]
#[allow(elided_lifetimes_in_paths)] // the trait's are late-bound
impl Policy for Readable {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let answer = next[0].send(ctx, request, &next[1..]).await?;
        if ctx.value::<Ours>().is_none() || !answer.status().is_success() {
            return Ok(answer);
        }
        let (status, headers, body) = answer.deconstruct();
        let is_framed = FRAMES.iter().any(|name| headers.get_optional_str(name).is_some());
        let mut headers = self.only_needed(headers);
        // Neither is a whole object: a gateway's "no content", and a part that must say which.
        let is_part = matches!(status, StatusCode::NoContent | StatusCode::PartialContent);
        if headers.get_optional_str(&CONTENT_RANGE).is_none() {
            match (is_part, is_framed) {
                (true, _) => headers.insert(CONTENT_RANGE, UNSAID),
                (false, false) => headers.insert(CONTENT_RANGE, UNFRAMED),
                (false, true) => {}
            }
        }
        Ok(AsyncRawResponse::new(status, headers, Box::pin(body)))
    }
}
