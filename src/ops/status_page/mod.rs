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
//! A [`StatusPage`] can only be read, and asks nobody who they are. It shows names of endpoints, providers and hosts'
//! places, and reasons and authors of orders; never a key of an object and never a secret. Mount it where only your own
//! people get: on an internal port, or behind your own authentication.
//!
//! # Orders
//! [`operable`](StatusPage::operable) makes an [`OperablePage`] of it: the same page, which also takes the orders of
//! the [operator](super::operator) from whoever has a token. The page has buttons then, and `POST /orders` does the
//! same for programs. The `StatusPage` stays as it is, so that all may read it at one place, and a few give orders at
//! another.
//!
//! ```
//! # use evenkeel::{Endpoint, ObjectClient, Replication, ops::status_page::StatusPage, provider::Memory};
//! # use http::{Request, StatusCode};
//! # use tower::ServiceExt;
//! # use http_body_util::BodyExt;
//! # use evenkeel::telemetry::Instance;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let page = StatusPage::new();
//! # let photos = ObjectClient::builder()
//! #     .client_name("photos")
//! #     .endpoint(Endpoint::new("virginia", Memory::new()))
//! #     .endpoint(Endpoint::new("ireland", Memory::new()))
//! #     .replication(Replication::write_once())
//! #     .build()?;
//! # page.show(photos.view());
//! // From your secret store: as good as `openssl rand -hex 32`.
//! # let token = "correct-horse-battery-staple";
//! let operable = page.operable(token)?.hosts(["status.example.com"]);
//!
//! let order = serde_json::json!({
//!     "instance": Instance::current().to_string(), // of status.json
//!     "client": "photos",
//!     "order": "drain",
//!     "selector": { "endpoint": "virginia" },
//!     "reason": "change 4711",
//!     "for_s": 3600,
//!     "by": "anna",
//!     "dry_run": true,
//! });
//! let request = Request::post("/orders")
//!     .header("host", "status.example.com")
//!     .header("authorization", format!("Bearer {token}"))
//!     .header("content-type", "application/json");
//! let answer = operable.oneshot(request.body(order.to_string())?).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//! let told: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
//! assert_eq!(told["proposal"]["left"]["reads"], serde_json::json!(["ireland"]));
//! # Ok(()) }
//! ```
//!
//! | field | what |
//! |---|---|
//! | `instance` | the process that the order is for, as `status.json` names it. Another process answers 409 |
//! | `client` | the client's name, or its `id` in `status.json` |
//! | `order` | `drain`, `drain_writes`, `force`, `freeze` (failback), `pass_through` ([shadow][pass]), `lift` |
//! | `selector` | `{"endpoint"}`, `{"provider"}`, or `{"provider", "region"}` |
//! | `reason`, `by` | why, and who says so: one line each, at most 1,000 and 200 characters. The token proves no name |
//! | `for_s` | after how many seconds the order expires: at most a week |
//! | `number` | of a `lift`, in place of `selector`, `reason` and `for_s`: the order to lift |
//! | `dry_run` | `true`, or left out: nothing changes, and the answer says what would. `false`: the order is given |
//! | `effect` | of an order in earnest: the `effect` of the dry run |
//!
//! [pass]: super::operator::Operator::shadow
//!
//! **The dry run comes first.** It answers `{"dry_run", "proposal"}`. The proposal says which endpoints are `affected`,
//! which are `left` for `reads` and `writes`, and why the order would be `refused`, if so. Its `effect` is a digest of
//! all that. An order in earnest must carry it. If the effect has changed meanwhile, or was never looked at, the answer
//! is 409 with the new proposal, and nothing has changed. The answer to an order that was given has its `number`.
//!
//! Problems are `{"error", "message"}`, with a stable word in `error`: `host` (421), `origin` (403), `no-token` and
//! `wrong-token` (401), `many-wrong-tokens` (429), `type` (415), `too-large` (413), `too-slow` (408), `broken` and
//! `body` (400), `instance`, `two-clients` and `effect` (409), `no-client` and `no-order` (404), `refused` by the
//! operator's guard (422). The guard's refusals cannot be overridden from here, only [in
//! code](super::operator::Proposal::apply_regardless).
//!
//! What keeps strangers out:
//! - **The token**, in the header `Authorization: Bearer`. There is no cookie that a browser would send by itself. Only
//!   the token's SHA-256 is kept, and compared in constant time. At most 10 wrong tokens at once, then one a second,
//!   are answered 401 and logged; the others get 429. The right token is always taken, so that nobody can lock the
//!   operator out: what keeps guessers out is the token's length. On the page the token is in the memory of the one
//!   tab, and forgotten with it or after 15 min without use.
//! - **`Origin`** must be absent, as with curl, or of the same host as `Host`, and the body must say that it is JSON:
//!   no foreign page can make a browser send an order.
//! - **`Host`** must be an IP address, `localhost`, or a name that you gave to [`hosts`](OperablePage::hosts): a
//!   foreign name that was rebound to your host gives no orders. Until you name your hosts, no name but `localhost` is
//!   taken. A proxy must leave `Host` as the browser sent it.
//! - **The body** has at most 16 KiB, arrives within 10 s, and holds nothing unknown. Reason, author and unknown
//!   names hold no control characters.
//!
//! TLS and your own authentication are the server's affair. A proxy that asks for a password by `Authorization: Basic`
//! takes the header that the token needs.
//!
//! # What there is
//!
//! | path | what |
//! |---|---|
//! | `/` | the page, one HTML file with its style and script. It takes nothing from elsewhere |
//! | `/status.json` | `{"state", "history", "events"}`: everything that the page shows |
//! | `/?json` | the same as `/status.json`, for links that must not depend on where the page is mounted |
//! | `/events` | the same data as server-sent events, as long as somebody reads |
//! | `/orders` | of an operable page: takes orders by POST |
//!
//! Elsewhere GET and HEAD are answered; other methods get 405, other paths 404. Browsers are told to keep nothing, to
//! run no script but the page's own, and to show the page in no frame.
//!
//! `state` has `version` (1), `instance`, `uptime_ms`, `taken_ms`, `readers`, `events` (how many were heard) and
//! `clients`: a list of `{"id", "status"}`, where `status` is a [`Status`](super::status::Status). `history` has the
//! attempts that ended per bin of `bin_ms` (10 s), in rows by `client` (the id), `endpoint` (the place in the client's
//! list) and `class`, oldest first, 90 bins at most, the last of which ended at `ended_ms`. `null` is a gap: nobody
//! knows, as the client or the page was not there, or the process stood still. `events` are the last 256, each an `id`
//! and an [`Entry`](crate::telemetry::Entry). `docs/status_page.schema.json` is the JSON schema.
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
//! - **A page that hears nothing says that it is stale**, after 8 s, and connects anew after 15 s: a connection can be
//!   cut without either end hearing of it.
//! - The page does not keep clients alive. A client that is gone disappears from it.
//!
//! A task takes the readings, one for all clones of a page. It begins with the first call of [`new`](StatusPage::new),
//! [`show`](StatusPage::show) or the service that is made within a tokio runtime, and ends with the last clone.
//!
//! **Place in the stack**: beside it. **Cancel safety**: an answer that is dropped frees its place. An order whose
//! sender goes away before all of it has arrived is not given; afterwards it is. Orders need a tokio runtime with time.

mod answer;
mod body;
mod feed;
mod history;
mod orders;
mod readers;
mod shared;
mod stream;

pub use body::PageBody;
#[cfg(test)]
pub(crate) use feed::RING;
#[cfg(test)]
pub(crate) use history::{BIN, BINS};
#[cfg(test)]
pub(crate) use orders::{LARGEST_ORDER, ORDER_PATIENCE, SHORTEST_TOKEN, WRONG_TOKENS};
pub use orders::{OperablePage, TokenError};
#[cfg(test)]
pub(crate) use readers::{PATIENCE, READERS};
#[cfg(test)]
pub(crate) use shared::EVERY;

use super::ClientView;
use crate::telemetry::EventRecord;
use answer::Shell;
use http::{Request, Response, request::Parts};
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

    /// Ends each answer of `/events` after a last message, and refuses new ones with 503, so that a server that waits
    /// for its connections can shut down. The rest is served as before.
    ///
    /// A reader whose connection is stuck takes no last message, and only the server can end its connection: let the
    /// shutdown give up after some seconds, as `examples/photos` does.
    pub fn close(&self) {
        self.shared.close();
    }

    /// What can be read.
    fn answer(&self, request: &Parts, which: Shell) -> Response<PageBody> {
        self.ensure_running();
        self.shared.answer(request, which)
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
        ready(Ok(self.answer(&request.into_parts().0, Shell::ReadOnly)))
    }
}
