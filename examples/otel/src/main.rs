//! Prints the spans of one request that fails over.
//!
//! ```text
//! cargo run -p evenkeel-otel
//! ```

use evenkeel_otel::{get_balance, ledger, traced};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

/// Prints spans, each when it ends.
#[derive(Debug)]
struct Stdout;

impl SpanExporter for Stdout {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            let (id, parent) = (span.span_context.span_id(), span.parent_span_id);
            println!("{} ({:?}, span {id}, parent {parent})", span.name, span.span_kind);
            for attribute in &span.attributes {
                println!("    {} = {}", attribute.key, attribute.value);
            }
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (provider, subscriber) = traced(Stdout);
    let guard = tracing::subscriber::set_default(subscriber);
    let balance = get_balance(&ledger()?).await?;
    println!("the balance is {balance}");
    drop(guard);
    provider.shutdown()?;
    Ok(())
}
