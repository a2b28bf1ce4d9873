//! Plays a drill on real sockets: a proxy on loopback in front of a real server. An SDK with its pool, its timeouts and
//! its error types meets real hangs, resets and drips.
//!
//! ```
//! use evenkeel::drill::{FaultProxy, Scenario, Timeline};
//! use evenkeel::{Endpoint, request::OpClass};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
//! let endpoint = Endpoint::new("virginia", ()).provider("aws").region("us-east-1");
//! let timeline = Timeline::new(Scenario::builtin("fastly-2021").unwrap(), 7)?;
//!
//! let proxy = FaultProxy::bind(server, endpoint.profile().clone(), timeline.clone()).await?;
//! let url = format!("http://{}", proxy.addr()); // what the client under test is given
//! timeline.start_now();
//! assert_eq!(proxy.counts().of(OpClass::Read).seen, 0);
//! proxy.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! The proxy understands HTTP/1.1 without TLS, as S3 (paths are `/bucket/key`) and as DynamoDB. For DynamoDB, the
//! proxy's own errors are JSON with DynamoDB's codes, gets are reads, queries and scans are lists, and everything else
//! is a write. The proxy draws faults of a request when the request's head has arrived. Faults of connecting hold for
//! as long as their phase does:
//!
//! - `refuse` closes the listening socket and resets open connections. The port stays reserved meanwhile.
//! - `hang_connect` closes the listening socket. Behind it a second socket listens, whose queue of connections to be
//!   accepted was filled beforehand. Linux drops every SYN to a full queue, as a black hole does. (Only Linux does, so
//!   `hang_connect` cannot be played elsewhere.) Open connections are not touched. No client is connected and then left
//!   alone: a client that connects in the microseconds of the change is served or reset. The second socket listens at
//!   every address of the host, and answers no client.
//! - `dns_empty` does nothing here: open connections survive, and the SDK's resolver answers nothing
//!   (`drill::DrillResolver`, features `s3` or `dynamodb`, and `drill`).
//!
//! The proxy passes on other protocols byte by byte (HTTP/2 without TLS, as gRPC on loopback; TLS; Redis). On such a
//! connection it plays the faults that need no more: `refuse`, `hang_connect`, the two resets, `slow`, `delay`, `drip`,
//! `truncate` (of what arrives when the answer begins), and `hang`, which holds everything on the connection and passes
//! it on when the phase is over. Over HTTP/2 the proxy draws these faults for each request, elsewhere for each piece of
//! what a client sends. **The other faults need HTTP/1.1**, and so do rules for some classes of work. While such a rule
//! holds, the proxy resets a connection of another protocol at its next request, so that no drill is milder than
//! intended. Requests that are passed on byte by byte are not counted.
//!
//! A hung request over HTTP/1.1 hangs until its client gives up, even when the phase is over. If a server cannot be
//! reached, or breaks off before it has answered, the proxy answers a 502 without a document.
//!
//! Every task that the proxy spawns ends when the proxy is dropped. The proxy needs a running clock: paused time runs
//! ahead of sockets.

mod answer;
mod body;
mod connection;
mod counts;
mod dialect;
mod early;
mod exchange;
mod gate;
mod relay;
mod serve;
mod supervise;

pub use counts::{ClassCounts, Counts};

use super::{PlayerKind, Timeline, Unplayable, plan::Dice};
use crate::endpoint::Profile;
use counts::Counters;
use gate::Gate;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// A proxy on loopback that plays a drill before one server.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// Owns the listening socket and all connections. The connections are in a set that ends with the task.
    task: JoinHandle<()>,
}

/// What the proxy's connections share.
#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    profile: Profile,
    timeline: Timeline,
    dice: Mutex<Dice>,
    counters: Counters,
    /// The distance in nanoseconds.
    distance: AtomicU64,
}

impl Shared {
    fn distance(&self) -> Duration {
        Duration::from_nanos(self.distance.load(Relaxed))
    }
}

/// Why a proxy could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The scenario has a fault for this endpoint that a proxy cannot play.
    #[error(transparent)]
    Unplayable(#[from] Unplayable),
    /// No port was free.
    #[error("the proxy could not listen on loopback")]
    Listen(#[from] io::Error),
}

impl FaultProxy {
    /// Listens on a free port of 127.0.0.1, and forwards to `upstream` the requests that the drill lets through.
    /// `profile` says which endpoint the server stands for.
    ///
    /// # Errors
    /// If the drill has a fault for this endpoint that a proxy cannot play, and if no port is free.
    pub async fn bind(upstream: SocketAddr, profile: Profile, timeline: Timeline) -> Result<Self, ProxyError> {
        timeline.check(PlayerKind::Proxy, &profile)?;
        let gate = Gate::bind(timeline.stalls(&profile)).await?;
        let addr = gate.addr();
        let shared = Arc::new(Shared {
            upstream,
            dice: Mutex::new(Dice::new(timeline.rng("proxy", &profile))),
            profile,
            timeline,
            counters: Counters::default(),
            distance: AtomicU64::new(0),
        });
        let task = tokio::spawn(supervise::run(gate, shared.clone()));
        Ok(Self { addr, shared, task })
    }

    /// The address at which the proxy listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sets how far away the server is. Every answer comes later by this round trip, also while the drill plays
    /// nothing. Default: zero, as on loopback. Applies to requests that arrive from now on. Connecting is not slowed.
    pub fn set_distance(&self, round_trip: Duration) {
        let nanos = u64::try_from(round_trip.as_nanos()).unwrap_or(u64::MAX);
        self.shared.distance.store(nanos, Relaxed);
    }

    /// The requests that have passed so far. The proxy does not see connections that were refused or never accepted,
    /// and so does not count them.
    pub fn counts(&self) -> Counts {
        self.shared.counters.read()
    }

    /// Closes the port and all connections. Dropping the proxy does the same without waiting.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // It can only say that it was aborted.
        let _ = (&mut self.task).await;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
