use crate::verdict::words;

/// Puts the provider's request id on the span of the attempt, whose layer has declared the field. (It finds that of a failure
/// in the error, too.)
pub(super) fn record(request_id: Option<&str>) {
    if let Some(id) = request_id.and_then(words::id) {
        tracing::Span::current().record("provider.request_id", id);
    }
}
