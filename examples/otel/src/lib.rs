//! Attempts in a trace: which endpoint was asked for a request, why, and how that ended.
//!
//! evenkeel opens a `tracing` span for each attempt, and knows nothing of OpenTelemetry. The layer of `tracing-opentelemetry`
//! turns the spans into OpenTelemetry's, with the span of your own request as their parent. So a slow request shows by itself
//! that its first endpoint was silent for 1.9 s, and which endpoint answered then.
//!
//! An attempt's span is named `attempt` and is of kind CLIENT. Its attributes are in the docs of `evenkeel::telemetry`.
//! No attribute is a key of an object.

use evenkeel::{Endpoint, Failover, client::BuildError};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use std::io;
use tracing::{Instrument, Subscriber, info_span, level_filters::LevelFilter};
use tracing_subscriber::{Layer, layer::SubscriberExt};

/// What turns spans of `tracing` into spans that `exporter` gets. In earnest the exporter is that of `opentelemetry-otlp`, in
/// batches: a span's end must not wait for the network.
pub fn traced(exporter: impl SpanExporter + 'static) -> (SdkTracerProvider, impl Subscriber + Send + Sync) {
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    // Where in the code a span was opened, and by which thread, is of no use to who reads a trace.
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("orders"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    // Attempts are spans of the level INFO; below lie the spans of libraries, for debugging.
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO));
    (provider, subscriber)
}

/// The ledger at two places. A host's name stands for your client here.
///
/// # Errors
/// None: the settings make sense.
pub fn ledger() -> Result<Failover<&'static str>, BuildError> {
    Failover::builder()
        .endpoint(
            Endpoint::new("virginia", "ledger.virginia")
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("frankfurt", "ledger.frankfurt")
                .provider("stackit")
                .region("eu01"),
        )
        .build()
}

/// A request to the service, in a span of its own.
///
/// # Errors
/// No place answered.
pub async fn get_balance(ledger: &Failover<&'static str>) -> Result<u64, evenkeel::Error<io::Error>> {
    let span = info_span!("GET /balance", otel.kind = "server");
    async { ledger.read(ask).operation_name("balance").await }
        .instrument(span)
        .await
}

/// Nobody listens in Virginia.
async fn ask(host: &'static str) -> Result<u64, io::Error> {
    match host {
        "ledger.virginia" => Err(io::ErrorKind::ConnectionRefused.into()),
        _ => Ok(7),
    }
}
