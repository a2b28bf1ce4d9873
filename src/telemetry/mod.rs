//! What the stack reports: events, spans, metrics, a snapshot.
//!
//! - **Events**: every decision worth knowing, with onset and cause, as one enum: [`Event`]. Events go to `tracing`
//!   (target `evenkeel`) and to the functions given to a builder's `on_event` and `on_event_record`; the latter get an
//!   [`EventRecord`], which says when and where, and can be kept as an [`Entry`]. [`ops`](crate::ops) says what to use
//!   for what.
//! - **Calls**: the end of each call, as a [`CallEnd`], goes to the function given to a builder's `on_call_end`.
//! - **Attempts**: the end of each attempt, as an [`AttemptEnd`], goes to the functions given to a builder's
//!   `on_attempt_end`. Without one, nothing is gathered.
//! - **Spans**: one per attempt, named `attempt`, kind CLIENT, with the fields `otel.kind`, `endpoint`, `cloud.provider`,
//!   `cloud.region`, `operation.class`, `attempt.reason`, and, once known, `error.type` and `provider.request_id`.
//! - **Metrics**, through the `metrics` facade. A client takes its metric handles when the client is built: install the
//!   recorder before. Every metric has the label `client`: the builder's [`client_name`](crate::client::StoreBuilder::client_name),
//!   or `default`. [`Snapshot::publish`](crate::ops::snapshot::Snapshot::publish) sets the last four gauges of the table.
//!   The counters of troubles begin at 0 when the client is built, those of an operation's failures at its first call.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `evenkeel_calls_total` | counter | `operation`, `class`, `outcome` (an `ErrorKind`, or `ok`) |
//! | `evenkeel_call_duration_seconds` | histogram | `operation`, `class` |
//! | `evenkeel_attempts_total` | counter | `endpoint`, `class`, `verdict` |
//! | `evenkeel_attempt_duration_seconds` | histogram | `endpoint`, `class` |
//! | `evenkeel_probes_total` | counter | `endpoint`, `class`, `verdict`: [probes](crate::ops::probe) from the background |
//! | `evenkeel_breaker_transitions_total` | counter | `endpoint`, `class`, `to` |
//! | `evenkeel_large_write_transitions_total` | counter | `endpoint`, `to`: writes of a megabyte and more |
//! | `evenkeel_uploads_restarted_total` | counter | `endpoint`: how often an upload began again at the endpoint, after its endpoint had failed it |
//! | `evenkeel_downloads_resumed_total` | counter | `endpoint`: how often a download went on at the endpoint, after another had served it |
//! | `evenkeel_wrong_checksums_total` | counter | `endpoint`: how often an object's bytes did not have the checksum of their write |
//! | `evenkeel_passed_over_total` | counter | `endpoint`: how often creates began to pass the endpoint over |
//! | `evenkeel_unverified_writes_total` | counter | `endpoint`, `found` (`kept`, `lacking`, `unknown`): conditional writes sent before the endpoint's treatment of conditions was known, and what was found then |
//! | `evenkeel_credentials_transitions_total` | counter | `credentials`, `to`: `kept`, `lost`, `renewed` |
//! | `evenkeel_credentials_state` | gauge | `credentials`: 0 well, 1 kept, 2 lost |
//! | `evenkeel_budget_exhausted_total` | counter | `class`: the seconds in which the budget refused a retry or a hedge |
//! | `evenkeel_all_bad_total` | counter | `class`: how often every endpoint began to look bad |
//! | `evenkeel_all_bad` | gauge | `class`: 1 while every endpoint looks bad |
//! | `evenkeel_shadow_differences_total` | counter | `class` |
//! | `evenkeel_breaker_state` | gauge | `endpoint`, `class`: 0 closed, 1 half-open, 2 open |
//! | `evenkeel_share` | gauge | `endpoint`, `class`: the share of its normal traffic that the endpoint may carry, 0–1 |
//! | `evenkeel_in_flight` | gauge | `endpoint` |
//! | `evenkeel_budget` | gauge | whole retries or hedges that the budget would grant now |
//!
//! `operation` is `get`, `put`, `read`, `write` and the like, or the [name](crate::request::Options::name) that a call
//! was given. The first 16 names have a value of their own; all later names share `other`. Credentials belong to a
//! process and not to a client: their `client` is `default`. No metric carries an object's key or a secret.
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

mod attempt_end;
mod audience;
mod call_end;
mod event;
mod fields;
mod instance;
mod latest;
mod metrics;
mod observer;
#[cfg(any(feature = "recorder", feature = "status"))]
mod once;
mod record;
mod reporter;

pub use attempt_end::AttemptEnd;
pub(crate) use attempt_end::AttemptListener;
pub(crate) use audience::{Audience, Listener};
pub use call_end::CallEnd;
pub(crate) use call_end::CallListener;
pub use event::Event;
pub use fields::Field;
pub(crate) use fields::millis;
pub use instance::Instance;
pub(crate) use latest::{Decisions, Latest};
pub(crate) use metrics::{CallMetrics, ENDINGS, ending, register_credentials, shadow_difference};
pub(crate) use observer::{AttemptObserver, Labels, Watch};
#[cfg(any(feature = "recorder", feature = "status"))]
pub(crate) use once::Once;
pub(crate) use record::unix_millis;
pub use record::{Entry, EventRecord};
pub(crate) use reporter::Reporter;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls foreign code on behalf of somebody other than the current call. A panic of that code ends here, after the
/// panic hook has reported it. So the current call keeps what it holds (a permit, a probe, a token), and no other
/// caller's call ends.
#[inline]
pub(crate) fn aside<T>(foreign: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(foreign)).ok()
}
