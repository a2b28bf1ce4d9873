//! An S3 server for tests: in memory, atomic, strict about conditions, and faulty on request.
//!
//! It speaks S3's protocol on a loopback socket, through the crate s3s, and checks signatures. Where S3 is strict it is
//! strict: about conditions, checksums, the order and the size of parts. It is no independent peer of a client that is
//! tested with it, as one hand wrote both: moto and Azurite are.
//!
//! ```
//! use evenkeel_s3_server::{Fault, Operation, Rule, Server, Settings};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Server::start(Settings::new(&["orders"])).await?;
//! // The second put of this key has no answer, and is applied a second time ten seconds later.
//! let lost = Rule::on(Operation::PutObject, Fault::ApplyLate(Duration::from_secs(10)));
//! let hits = server.faults().add(lost.key("receipt").nth(2));
//! // … a client works at `server.url()` …
//! assert_eq!(hits.count(), 0);
//! assert_eq!(server.count(Operation::PutObject), 0);
//! assert!(server.store().object("orders", "receipt").is_none());
//! # Ok(())
//! # }
//! ```
//!
//! # What it is not
//!
//! It has no versions, no lifecycles, no access control lists, no regions, no virtual-hosted names and no `ListObjects` of
//! the first version. A delete that demands a tag of an object that is not there succeeds. A completion that comes again is
//! answered as the first, unless its condition fails by now. Memory is not bounded.

mod asked;
mod attributes;
mod conditions;
mod faults;
mod front;
mod listing;
mod multipart;
mod objects;
mod operations;
mod store;
mod sums;
mod wire;

pub use asked::Operation;
pub use faults::{Fault, Faults, Hits, Rule};
pub use front::Logged;
pub use store::{MIN_PART_SIZE, OpenUpload, Store, Stored};

use front::Shared;
use s3s::{
    S3Result,
    auth::{S3Auth, SecretKey},
    s3_error,
    service::S3ServiceBuilder,
};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::SeqCst},
};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

/// The access key, unless [`Settings::credentials`] says another.
pub const ACCESS_KEY: &str = "test-access-key";
/// The secret key, unless [`Settings::credentials`] says another.
pub const SECRET_KEY: &str = "test-secret-key";

/// What a server is like.
#[derive(Clone, Debug)]
pub struct Settings {
    store: Store,
    access_key: String,
    secret_key: String,
    port: u16,
    rate: Option<u64>,
    max_connections: Option<usize>,
}

impl Settings {
    /// A server with these empty buckets, on a port that is free.
    pub fn new(buckets: &[&str]) -> Self {
        Self {
            store: Store::new(buckets),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            port: 0,
            rate: None,
            max_connections: None,
        }
    }

    /// The one pair of keys that may sign.
    #[must_use]
    pub fn credentials(mut self, access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        (self.access_key, self.secret_key) = (access_key.into(), secret_key.into());
        self
    }

    /// A port of loopback.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// What every part of an upload but the last has at least, in place of [`MIN_PART_SIZE`].
    #[must_use]
    pub fn min_part_size(mut self, bytes: u64) -> Self {
        self.store.min_part_size = bytes;
        self
    }

    /// A completion that comes again is answered with `NoSuchUpload`, as if the first one had been long ago.
    #[must_use]
    pub fn forgets_completions(mut self) -> Self {
        self.store.remembers_completions = false;
        self
    }

    /// Each direction of each connection moves so many bytes a second at most.
    #[must_use]
    pub fn rate(mut self, bytes_per_second: u64) -> Self {
        self.rate = Some(bytes_per_second);
        self
    }

    /// Has at most so many connections. One more is accepted and reset.
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = Some(most);
        self
    }
}

/// The one pair of keys that may sign. s3s's own has another error than S3 for a key that nobody knows.
struct Keys {
    access_key: String,
    secret_key: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access_key {
            return Err(s3_error!(InvalidAccessKeyId));
        }
        Ok(self.secret_key.clone())
    }
}

/// A server that runs. Ends with everything that it accepted when dropped; the store stays as long as anybody has it.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    settings: Settings,
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// The port is not free.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", settings.port)).await?;
        let mut service = S3ServiceBuilder::new(settings.store.clone());
        service.set_auth(Keys {
            access_key: settings.access_key.clone(),
            secret_key: settings.secret_key.clone().into(),
        });
        let shared = Shared::new(
            settings.store.clone(),
            service.build(),
            Faults::default(),
            settings.max_connections,
        );
        let server = Self {
            addr: listener.local_addr()?,
            shared: Arc::new(shared),
            accepting: Mutex::default(),
            settings,
        };
        server.set_rate(server.settings.rate);
        server.accept(listener);
        Ok(server)
    }

    /// Another server over the same store, with faults and a log of its own: a copy that the provider keeps in step without
    /// any lag.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn twin(&self) -> io::Result<Self> {
        Self::start(self.settings.clone().port(0)).await
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens, as an endpoint's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What goes wrong here.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What it holds.
    pub fn store(&self) -> &Store {
        &self.settings.store
    }

    /// Everything that was asked for so far, in the order in which it ended.
    pub fn log(&self) -> Vec<Logged> {
        self.shared.log().clone()
    }

    /// Takes everything out of the log.
    pub fn clear_log(&self) {
        self.shared.log().clear();
    }

    /// How many requests for this operation the log has.
    pub fn count(&self, operation: Operation) -> usize {
        let log = self.shared.log();
        log.iter().filter(|logged| logged.operation == operation).count()
    }

    /// Waits until no request is under way, late ones and those that nobody waits for among them.
    pub async fn settled(&self) {
        self.shared.under_way.none().await;
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.open.now()
    }

    /// How many connections there were, with those that were one too many.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(SeqCst)
    }

    /// Changes how many bytes a second each direction of each connection moves; `None` for no limit.
    pub fn set_rate(&self, bytes_per_second: Option<u64>) {
        let rate = bytes_per_second.map_or(0, |rate| rate.max(1));
        self.shared.common.rate.store(rate, SeqCst);
    }

    /// Nobody listens any more, and every connection is reset. What was begun is ended. Returns when it is so.
    pub async fn kill(&self) {
        self.shared.common.is_killed.store(true, SeqCst);
        self.end().await;
        self.shared.open.none().await;
    }

    /// Listens again on the same port, after [`kill`](Self::kill).
    ///
    /// # Errors
    ///
    /// Somebody else has the port by now.
    pub async fn revive(&self) -> io::Result<()> {
        self.end().await;
        let listener = TcpListener::bind(self.addr).await?;
        self.shared.common.is_killed.store(false, SeqCst);
        self.accept(listener);
        Ok(())
    }

    /// Ends it, and returns when nobody listens any more. Connections are closed, not reset.
    pub async fn stop(self) {
        self.end().await;
    }

    fn accept(&self, listener: TcpListener) {
        let shared = self.shared.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                // An accept that fails has no socket left. Others may be closed soon.
                match listener.accept().await {
                    Ok((socket, _)) => {
                        connections.spawn(front::serve(shared.clone(), socket));
                    }
                    Err(_) => tokio::task::yield_now().await,
                }
                while connections.try_join_next().is_some() {}
            }
        });
        *self.accepting() = Some(accepting);
    }

    async fn end(&self) {
        let accepting = self.accepting().take();
        if let Some(accepting) = accepting {
            accepting.abort();
            let _ = accepting.await;
        }
    }

    fn accepting(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.accepting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting().take() {
            accepting.abort();
        }
    }
}
