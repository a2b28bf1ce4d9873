use super::{aside, metrics::AttemptMetrics};
use crate::{
    clock::Instant,
    endpoint::Profile,
    request::{CallRecord, Ended, Leg},
};
use std::time::Duration;
use tracing::{Level, Span, field::Empty, level_filters::LevelFilter};

/// Sees one endpoint's attempts: a span each, and the metrics.
#[derive(Debug)]
pub(crate) struct AttemptObserver(Option<Observed>);

#[derive(Debug)]
struct Observed {
    profile: Profile,
    metrics: AttemptMetrics,
}

impl AttemptObserver {
    /// For layers used alone: no metrics, and a span without a place.
    pub(crate) const fn unnamed() -> Self {
        Self(None)
    }

    pub(crate) fn new(profile: Profile) -> Self {
        let metrics = AttemptMetrics::new(profile.name());
        Self(Some(Observed { profile, metrics }))
    }

    /// The span of attempt `leg`; none where nobody subscribes. Boxed, so that an attempt is no larger for it.
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
        let profile = self.0.as_ref().map(|observed| &observed.profile);
        tracing::info_span!(
            target: "evenkeel",
            "attempt",
            otel.kind = "client",
            endpoint = profile.map(Profile::name),
            cloud.provider = profile.and_then(Profile::provider),
            cloud.region = profile.and_then(Profile::region),
            operation.class = record.class().as_str(),
            attempt.reason = record.kind(leg).as_str(),
            error.type = Empty,
            provider.request_id = Empty,
        )
    }

    /// The provider refused what an attempt was signed with that started then.
    pub(crate) fn credentials_refused(&self, started: Instant) {
        if let Some(credentials) = self.0.as_ref().and_then(|observed| observed.profile.credentials()) {
            credentials.refused(started);
        }
    }

    /// An attempt of this call ended. A probe from the background is counted apart.
    #[inline]
    pub(crate) fn ended(&self, record: &CallRecord, how: Ended, took: Duration) {
        let Some(observed) = &self.0 else { return };
        aside(|| match record.is_background() {
            true => super::metrics::probed(observed.profile.name(), record.class(), how),
            false => observed.metrics.ended(record.class(), how, took),
        });
    }
}
