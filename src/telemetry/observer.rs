use super::{aside, metrics::AttemptMetrics};
use crate::request::{CallRecord, Ended, Leg};
use std::{sync::Arc, time::Duration};
use tracing::{Level, Span, field::Empty, level_filters::LevelFilter};

/// One endpoint's labels in spans and metrics.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    pub(crate) client: Arc<str>,
    pub(crate) endpoint: Arc<str>,
    pub(crate) provider: Option<Arc<str>>,
    pub(crate) region: Option<Arc<str>>,
}

/// Observes one endpoint's attempts: a span for each, and the metrics.
#[derive(Debug)]
pub(crate) struct AttemptObserver(Option<Observed>);

#[derive(Debug)]
struct Observed {
    labels: Labels,
    metrics: AttemptMetrics,
}

impl AttemptObserver {
    /// An observer for layers used alone: no metrics, and a span without a place.
    pub(crate) const fn unnamed() -> Self {
        Self(None)
    }

    pub(crate) fn new(labels: Labels) -> Self {
        let metrics = AttemptMetrics::new(&labels.client, &labels.endpoint);
        Self(Some(Observed { labels, metrics }))
    }

    /// The span of attempt `leg`; `None` without a subscriber. Boxed, so that an attempt is no larger for the span.
    #[inline]
    pub(crate) fn span(&self, record: &CallRecord, leg: Leg) -> Option<Box<Span>> {
        // Asked first: with tracing's feature `log`, which any crate may turn on, even a span that nobody wants is built.
        if Level::INFO > LevelFilter::current() {
            return None;
        }
        let span = aside(|| self.new_span(record, leg))?;
        (!span.is_disabled()).then(|| Box::new(span))
    }

    fn new_span(&self, record: &CallRecord, leg: Leg) -> Span {
        let labels = self.0.as_ref().map(|observed| &observed.labels);
        tracing::info_span!(
            target: "evenkeel",
            "attempt",
            otel.kind = "client",
            endpoint = labels.map(|labels| &*labels.endpoint),
            cloud.provider = labels.and_then(|labels| labels.provider.as_deref()),
            cloud.region = labels.and_then(|labels| labels.region.as_deref()),
            operation.class = record.class().as_str(),
            attempt.reason = record.kind(leg).as_str(),
            error.type = Empty,
            provider.request_id = Empty,
        )
    }

    /// An attempt of this call ended. A background probe is counted apart.
    #[inline]
    pub(crate) fn ended(&self, record: &CallRecord, how: Ended, took: Duration) {
        let Some(observed) = &self.0 else { return };
        aside(|| match record.is_background() {
            true => super::metrics::probed(&observed.labels.client, &observed.labels.endpoint, record.class(), how),
            false => observed.metrics.ended(record.class(), how, took),
        });
    }
}
