//! Watches and steers the stack from outside of a call: a person's orders, probes in the background, and the snapshot.
//!
//! # What to use for what
//! Whoever shows, records or reports what a client does, in this crate or beside it, needs these:
//!
//! | to know | use |
//! |---|---|
//! | what happened, when and why | [`on_event_record`](crate::client::StoreBuilder::on_event_record) on the builder: an [`EventRecord`](crate::telemetry::EventRecord) per event, with the process, a number, both clocks and the client. Any number of listeners; each runs on the call's task, so keep a bounded queue of your own and count what you drop |
//! | the same in a file or on a wire | [`EventRecord::entry`](crate::telemetry::EventRecord::entry): plain data with a stable [`kind`](crate::telemetry::Event::kind), named [fields](crate::telemetry::Event::fields) and the sentence. Make it off the call's task: it allocates |
//! | which endpoints and classes an event is about | [`Event::endpoints`](crate::telemetry::Event::endpoints), [`Event::classes`](crate::telemetry::Event::classes) |
//! | what was observed before a breaker opened | `observed` of [`Event::BreakerOpened`](crate::telemetry::Event::BreakerOpened): an [`Observed`](crate::verdict::Observed), which holds no text of a server |
//! | the state now, typed, in this process | a client's `snapshot()`: a [`Snapshot`](snapshot::Snapshot) |
//! | the state now, for others | a client's `view()`: a [`ClientView`] has no type parameters, does not keep its client alive, and gives the [`Status`](status::Status) and the operator. `docs/status.schema.json` is the schema |
//! | the same, to look at | `StatusPage` in `ops::status_page` (feature `status`): a tower service with a page, its data and its events. With a token it takes orders, too |
//! | why an endpoint stands as it does, and since when | [`decided`](snapshot::ClassSnapshot::decided) and [`changed`](snapshot::ClassSnapshot::changed) of the snapshot, `why` and `since_ms` of the status |
//! | how many attempts went where and how they ended | [`attempts`](snapshot::ClassSnapshot::attempts): [`AttemptCounts`](crate::stack::health::AttemptCounts) only grow. For a rate or a share of traffic, subtract two readings. They are there without a metrics recorder |
//! | which share of attempts and bytes went to whom, and what all endpoints have in common | [`concentration`](concentration::concentration) over the clients' views |
//! | how each attempt ended, with the provider's request id | [`on_attempt_end`](crate::client::StoreBuilder::on_attempt_end) on the builder; in a file, as evidence for a claim: [`sla`] |
//! | who ordered what | [`Operator::by`](operator::Operator::by) names the author; given, refused, lifted and expired orders are events |
//! | what happened, after the process has died or with every provider dead | a flight recorder with a file: [`recorder`], and the report of it: [`incident`] (feature `recorder`) |
//! | what a loss takes down, before it happens | a client's `impact()`: [`impact`], for every provider, region, jurisdiction and host |
//! | which process this is | [`Instance`](crate::telemetry::Instance): drawn anew when a process starts |
//!
//! Compare times of one process by the monotonic clock ([`at`](crate::telemetry::EventRecord::at)), and show people the
//! wall clock. In paused time give the builder a [wall clock](crate::client::StoreBuilder::wall_clock) that follows the
//! paused one. Numbers and instances differ from run to run: what must be the same for the same seed counts for itself.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, Replication, ops::operator::Selector, provider::Memory};
//! use std::{sync::mpsc, time::Duration};
//!
//! let (tell, heard) = mpsc::sync_channel(1_000);
//! let photos = ObjectClient::builder()
//!     .client_name("photos")
//!     .endpoint(Endpoint::new("virginia", Memory::new()))
//!     .endpoint(Endpoint::new("ireland", Memory::new()))
//!     .replication(Replication::write_once())
//!     .on_event_record(move |record| drop(tell.try_send(record.clone())))
//!     .build()?;
//! let view = photos.view();
//! let minute = Duration::from_secs(60);
//! view.operator().by("anna").drain(Selector::endpoint("virginia"), "it fills up", minute).apply()?;
//!
//! assert_eq!(heard.try_recv()?.entry().kind, "order-given");
//! let status = view.status().ok_or("the client is gone")?;
//! let reads = &status.endpoints[0].classes[0];
//! assert_eq!(reads.ordered_away.as_deref(), Some("the operator has drained it"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    not(feature = "recorder"),
    doc = "\n[`recorder`]: https://docs.rs/evenkeel/latest/evenkeel/ops/recorder/\n[`incident`]: https://docs.rs/evenkeel/latest/evenkeel/ops/incident/"
)]

pub mod concentration;
pub mod impact;
#[cfg(feature = "recorder")]
pub mod incident;
pub mod operator;
pub mod probe;
mod proposal;
#[cfg(feature = "recorder")]
pub mod recorder;
mod refused;
pub mod sla;
pub mod snapshot;
pub mod status;
#[cfg(feature = "status")]
pub mod status_page;
#[cfg(any(feature = "recorder", feature = "drill"))]
pub(crate) mod steps;
mod text;
mod view;

#[cfg(feature = "drill")]
pub(crate) use text::Safe;
pub use view::ClientView;
