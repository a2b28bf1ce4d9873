//! What the stack tells: events, spans, metrics, a snapshot.
//!
//! - **Events**: every decision worth knowing, with onset and cause, as one enum: [`Event`]. They go to `tracing` (target
//!   `evenkeel`) and to the function given to a builder's `on_event`.
//! - **Calls**: how each ended, to the function given to a builder's `on_call_end`: [`CallEnd`].
//! - **Spans**: one per attempt, named `attempt`, kind CLIENT, with the fields `otel.kind`, `endpoint`, `cloud.provider`,
//!   `cloud.region`, `operation.class`, `attempt.reason`, and, once known, `error.type` and `provider.request_id`.
//! - **Metrics**, through the `metrics` facade. Handles are taken when a client is built: install the recorder before.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `evenkeel_calls_total` | counter | `class`, `outcome` (an `ErrorKind`, or `ok`) |
//! | `evenkeel_call_duration_seconds` | histogram | `class` |
//! | `evenkeel_attempts_total` | counter | `endpoint`, `class`, `verdict` |
//! | `evenkeel_attempt_duration_seconds` | histogram | `endpoint`, `class` |
//! | `evenkeel_probes_total` | counter | `endpoint`, `class`, `verdict`: [probes](crate::probe) from the background |
//! | `evenkeel_breaker_transitions_total` | counter | `endpoint`, `class`, `to` |
//! | `evenkeel_large_write_transitions_total` | counter | `endpoint`, `to`: writes of a megabyte and more |
//! | `evenkeel_passed_over_total` | counter | `endpoint`: times that it began to say that it takes no create |
//! | `evenkeel_unverified_writes_total` | counter | `endpoint`: conditional writes before it was known what it does with them |
//! | `evenkeel_credentials_transitions_total` | counter | `credentials`, `to`: `kept`, `lost`, `renewed` |
//! | `evenkeel_budget_exhausted_total` | counter | `class` |
//! | `evenkeel_all_bad_total` | counter | `class` |
//! | `evenkeel_shadow_differences_total` | counter | `class` |
//!
//! None of them carries an object's key or a secret.
//!
//! ```
//! use evenkeel::telemetry::Event;
//!
//! fn page_someone(event: &Event) {
//!     if let Event::AllBad { class } = event {
//!         eprintln!("no endpoint looks good for {class}s: is it us?");
//!     }
//! }
//! # let _ = page_someone as fn(&Event);
//! ```

mod call_end;
mod event;
mod metrics;
mod observer;
mod reporter;

pub use call_end::CallEnd;
pub(crate) use call_end::CallListener;
pub use event::Event;
pub(crate) use metrics::{CallMetrics, shadow_difference};
pub(crate) use observer::{AttemptObserver, Labels};
pub(crate) use reporter::{Listener, Reporter};

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls code that is not ours, for what is not the business of the call that happens to cause it. What that code panics with
/// has been told by the panic hook, and ends here: nothing that the call holds (a permit, a probe, a token) is lost with it,
/// and nobody else's call ends for it.
#[inline]
pub(crate) fn aside<T>(foreign: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(foreign)).ok()
}
