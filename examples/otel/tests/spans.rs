//! The spans as an exporter gets them.

#![allow(clippy::unwrap_used)]

use evenkeel_otel::{get_balance, ledger, traced};
use opentelemetry::trace::{SpanId, SpanKind};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.to_string())
}

#[tokio::test]
async fn attempts_are_children_of_the_callers_span() {
    let kept = Kept::default();
    let (provider, subscriber) = traced(kept.clone());
    let guard = tracing::subscriber::set_default(subscriber);
    assert_eq!(get_balance(&ledger().unwrap()).await.unwrap(), 7);
    drop(guard);
    provider.shutdown().unwrap();

    let spans = kept.0.lock().unwrap().clone();
    let request = spans.iter().find(|span| span.name == "GET /balance").unwrap();
    assert_eq!(request.span_kind, SpanKind::Server);
    assert_eq!(request.parent_span_id, SpanId::INVALID);

    let attempts: Vec<_> = spans.iter().filter(|span| span.name == "attempt").collect();
    for attempt in &attempts {
        assert_eq!(attempt.parent_span_id, request.span_context.span_id());
        assert_eq!(attempt.span_context.trace_id(), request.span_context.trace_id());
        assert_eq!(attempt.span_kind, SpanKind::Client);
        assert_eq!(attribute(attempt, "operation.class").as_deref(), Some("read"));
    }
    let told: Vec<_> = attempts
        .iter()
        .map(|span| ["endpoint", "cloud.provider", "attempt.reason", "error.type"].map(|key| attribute(span, key)))
        .collect();
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(
        told,
        [
            [some("virginia"), some("aws"), some("first"), some("connection refused")],
            [some("frankfurt"), some("stackit"), some("retry"), None],
        ]
    );
}
