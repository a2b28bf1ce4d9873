use super::{AttemptEnd, Audience, aside, metrics::AttemptMetrics};
use crate::{
    model::noted::{self, Noted},
    request::{CallRecord, Ended, Leg},
    verdict::Detail,
};
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

/// Observes one endpoint's attempts: a span for each, the metrics, and whoever hears of each attempt.
#[derive(Debug)]
pub(crate) struct AttemptObserver(Option<Observed>);

#[derive(Debug)]
struct Observed {
    labels: Labels,
    metrics: AttemptMetrics,
    /// `None`: nobody hears of each attempt.
    followed_by: Option<Box<Audience>>,
}

/// What goes with an attempt that somebody looks at.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The span, where there is a subscriber.
    span: Option<Span>,
    /// What the adapter says of its answers, where somebody hears of each attempt.
    noted: Option<Noted>,
}

impl Watch {
    /// Enters or polls the attempt.
    #[inline]
    pub(crate) fn during<T>(watch: &mut Option<Box<Self>>, act: impl FnOnce() -> T) -> T {
        let Some(watch) = watch else { return act() };
        let _entered = watch.span.as_ref().map(Span::enter);
        match &mut watch.noted {
            Some(noted) => noted::during(noted, act),
            None => act(),
        }
    }

    pub(crate) const fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }
}

impl AttemptObserver {
    /// An observer for layers used alone: no metrics, and a span without a place.
    pub(crate) const fn unnamed() -> Self {
        Self(None)
    }

    pub(crate) fn new(labels: Labels, audience: &Audience) -> Self {
        let metrics = AttemptMetrics::new(&labels.client, &labels.endpoint);
        let followed_by = audience.is_followed().then(|| Box::new(audience.clone()));
        Self(Some(Observed {
            labels,
            metrics,
            followed_by,
        }))
    }

    fn followed_by(&self) -> Option<&Audience> {
        self.0.as_ref()?.followed_by.as_deref()
    }

    /// What goes with attempt `leg`; `None` where nobody looks. Boxed, so that an attempt is no larger for it.
    #[inline]
    pub(crate) fn watch(&self, record: &CallRecord, leg: Leg) -> Option<Box<Watch>> {
        // Asked first: with tracing's feature `log`, which any crate may turn on, even a span that nobody wants is built.
        let is_traced = Level::INFO <= LevelFilter::current();
        if !is_traced && self.followed_by().is_none() {
            return None;
        }
        let span = is_traced.then(|| aside(|| self.new_span(record, leg))).flatten();
        let watch = Watch {
            span: span.filter(|span| !span.is_disabled()),
            noted: self.followed_by().map(|_| Noted::default()),
        };
        (watch.span.is_some() || watch.noted.is_some()).then(|| Box::new(watch))
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

    /// Tells who hears of each attempt that attempt `leg` ended.
    pub(crate) fn tell(
        &self,
        (record, leg): (&CallRecord, Leg),
        watch: Option<&Watch>,
        (ended, took): (Ended, Duration),
        detail: Option<&Detail>,
    ) {
        let Some((observed, noted)) = self.0.as_ref().zip(watch.and_then(|watch| watch.noted.as_ref())) else {
            return;
        };
        let Some(audience) = &observed.followed_by else { return };
        let Labels {
            client,
            endpoint,
            provider,
            region,
        } = observed.labels.clone();
        let said = |text: fn(&Detail) -> &Option<String>| detail.and_then(|detail| text(detail).clone());
        audience.tell_attempt(&AttemptEnd {
            wall: audience.wall(),
            client,
            noun: audience.noun,
            endpoint,
            provider,
            region,
            operation: record.operation(),
            class: record.class(),
            kind: record.kind(leg),
            ended,
            took,
            status: noted.status,
            code: said(|detail| &detail.code),
            request_id: said(|detail| &detail.request_id).or_else(|| noted.request_id.clone()),
        });
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
