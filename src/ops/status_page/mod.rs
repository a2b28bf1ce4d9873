//! A page for whoever is on call: what this process knows, and why it decides as it does. Needs the feature `status`.
//!
//! In 2017 a provider's status page was down with the provider; in 2021 monitoring was dark, and nobody found the cause
//! for hours. This page comes from the process that makes the calls. It needs no other server, no network but the one
//! on which it is asked, and nothing of any provider.
//!
//! [`StatusPage`] is a tower service. Any server can mount it:
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, Replication, ops::status_page::StatusPage, provider::Memory};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let page = StatusPage::new();
//! let photos = ObjectClient::builder()
//!     .client_name("photos")
//!     .endpoint(Endpoint::new("virginia", Memory::new()))
//!     .endpoint(Endpoint::new("ireland", Memory::new()))
//!     .replication(Replication::write_once())
//!     .on_event_record(page.listener()) // for the list of decisions
//!     .build()?;
//! page.show(photos.view()); // and every other client of this process
//!
//! let answer = page.clone().oneshot(Request::get("/status.json").body(())?).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//! # Ok(()) }
//! ```
//!
//! With axum: `router.nest_service("/status", page)`. With bare hyper: `TowerToHyperService::new(page)`, of the crate
//! hyper-util. The service expects the path without the prefix, as `nest_service` gives it. All addresses in the page
//! are relative, so any prefix will do.
//!
//! # Who may see it
//! The page can only be read, and asks nobody who they are. It shows names of endpoints, providers and hosts' places,
//! and reasons and authors of orders; never a key of an object and never a secret. Mount it where only your own people
//! get: on an internal port, or behind your own authentication.
//!
//! # What there is
//!
//! | path | what |
//! |---|---|
//! | `/` | the page, one HTML file with its style and script. It takes nothing from elsewhere |
//! | `/status.json` | `{"state", "history", "events"}`: everything that the page shows |
//! | `/events` | the same as server-sent events, as long as somebody reads |
//!
//! GET and HEAD are answered; other methods get 405, other paths 404. Browsers are told to keep nothing, to run no
//! script but the page's own, and to show the page in no frame.
//!
//! `state` has `version` (1), `instance`, `uptime_ms`, `taken_ms`, `readers`, `events` (how many were heard) and
//! `clients`: a list of `{"id", "status"}`, where `status` is a [`Status`](super::status::Status). `history` has the
//! attempts that ended per bin of `bin_ms` (10 s), in rows by `client` (the id), `endpoint` (the place in the client's
//! list) and `class`, oldest first, 90 bins at most, the last of which ended at `ended_ms`. `null` is a gap: nobody
//! knows, as the client or the page was not there, or the process stood still. `events` are the last 256, each an `id`
//! and an [`Entry`](crate::telemetry::Entry).
//!
//! On `/events`, a message `state` comes every 2 s, `history` when a bin has ended, `decision` for each event, `missed`
//! with how many events are no longer kept, and `closed` before the end. A reader that comes back with `Last-Event-ID`
//! gets what it has missed, of the last 256.
//!
//! # What the figures mean
//!
//! | on the page | is |
//! |---|---|
//! | in use, out of use, … | the [`Condition`](super::status::Condition) |
//! | why | the sentence of the last decision on this endpoint for these calls |
//! | traffic now | the share of the attempts of this client and class that ended here, in the last full bin of 10 s |
//! | traffic over 15 minutes | the same, bin by bin. No bar: a gap, or no attempt ended anywhere |
//! | may carry | the share of its normal traffic that the endpoint is trusted with, on its way back or while it throttles |
//! | faults | the share of recent attempts that failed or were late, over about 5 s |
//! | throttled | the share of attempts that were refused as too many, over 15 minutes |
//! | first byte | median and 99th percentile of the time until an answer begins |
//! | seen | how long ago an attempt last ended: the age of faults and first byte |
//!
//! An endpoint is *in trouble* if it is out, probed, throttled or on its way back, if an order keeps calls away, if it
//! could not be reached, if its credentials are lost or kept, or if a twentieth of its attempts fail. Everything else
//! is well and collapsed.
//!
//! # Promises
//! - **This process only.** Other replicas know other things. The page says so, with its
//!   [instance](crate::telemetry::Instance).
//! - **Bounded**: 16 readers of `/events` (the next gets 503), who share one text of the state; 256 events; 90 bins for
//!   each endpoint and class. A reader that takes nothing for 30 s loses its place, and is counted. Its connection is
//!   the server's affair: set a time limit for writing there.
//! - **A call is never held up**: the listener keeps a copy of the event, and writes no text.
//! - **A page that hears nothing says that it is stale**, after 8 s.
//! - The page does not keep clients alive. A client that is gone disappears from it.
//!
//! A task takes the readings, one for all clones of a page. It begins with the first call of [`new`](StatusPage::new),
//! [`show`](StatusPage::show) or the service that is made within a tokio runtime, and ends with the last clone.
//!
//! **Place in the stack**: beside it. **Cancel safety**: an answer that is dropped frees its place.

mod answer;
mod body;
mod feed;
mod history;
mod readers;
mod shared;
mod stream;

pub use body::PageBody;
#[cfg(test)]
pub(crate) use feed::RING;
#[cfg(test)]
pub(crate) use history::{BIN, BINS};
#[cfg(test)]
pub(crate) use readers::{PATIENCE, READERS};
#[cfg(test)]
pub(crate) use shared::EVERY;

use super::ClientView;
use crate::telemetry::EventRecord;
use http::{Request, Response};
use shared::Shared;
use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::{runtime::Handle, task::AbortHandle};
use tower::Service;

/// The status page of this process. Clones share everything.
#[derive(Clone, Debug)]
pub struct StatusPage {
    shared: Arc<Shared>,
    task: Arc<Task>,
}

/// The task that takes the readings, and ends with the page.
#[derive(Debug, Default)]
struct Task(Mutex<Option<AbortHandle>>);

impl StatusPage {
    /// A page without clients.
    pub fn new() -> Self {
        let page = Self {
            shared: Arc::new(Shared::new()),
            task: Arc::default(),
        };
        page.ensure_running();
        page
    }

    /// Adds a client, below those that are there. The page does not keep the client alive.
    pub fn show(&self, view: ClientView) {
        self.shared.show(view);
        self.ensure_running();
    }

    /// A listener for the [`on_event_record`](crate::client::StoreBuilder::on_event_record) of a builder, so that the
    /// page lists the client's decisions. Without it the page shows the last decision on each endpoint only.
    pub fn listener(&self) -> impl Fn(&EventRecord) + Clone + Send + Sync + 'static + use<> {
        feed::listener(&self.shared.feed)
    }

    /// Ends every answer of `/events` after a last message, and refuses new ones with 503, so that a server that waits
    /// for its connections can shut down. The rest is served as before.
    pub fn close(&self) {
        self.shared.close();
    }

    fn ensure_running(&self) {
        let mut task = self.task.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The runtime that it ran on may have ended before the page.
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        *task = Some(runtime.spawn(shared::run(Arc::downgrade(&self.shared))).abort_handle());
    }
}

impl Default for StatusPage {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let task = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

/// Answers at once, whatever the body of the request.
impl<B> Service<Request<B>> for StatusPage {
    type Response = Response<PageBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<PageBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.ensure_running();
        let answer = self
            .shared
            .answer(request.method(), request.uri().path(), request.headers());
        ready(Ok(answer))
    }
}
