use crate::{model::noted, verdict::words};

/// Puts the provider's request id on the attempt's span, whose layer has declared the field, and tells whoever follows
/// the attempt. (For a failure, that layer also finds the id in the error.)
pub(super) fn record(request_id: Option<&str>) {
    if let Some(id) = request_id.and_then(words::id) {
        tracing::Span::current().record("provider.request_id", id);
        noted::answered(None, Some(id));
    }
}
