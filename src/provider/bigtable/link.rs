//! The connection: opened once for all who wait for it, and left when nobody knows whether it still lives.

use super::{error, wire::Once};
use crate::{
    clock::{self, Instant},
    endpoint::Host,
    provider::{ProviderError, ProviderErrorKind},
    verdict::{Finding, chain, grpc, table::Symptom},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};
use tonic::{
    Status,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

/// Below the floor of an attempt, 1 s, so that a service that cannot be reached is *not sent* and no timeout of ours.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_millis(900);

/// An attempt that was given up after this leaves a connection of which nobody knows whether it still lives; given up
/// sooner, its hedge was faster, and the connection is as good as before.
const SUSPECT_AFTER: Duration = Duration::from_millis(500);

type Opening = BoxFuture<'static, Result<Open, ProviderError>>;

#[derive(Clone)]
struct Open {
    channel: Channel,
    alive: Weak<()>,
}

pub(super) struct Link {
    address: String,
    /// With the roots of trust, which are read once.
    endpoint: OnceLock<Result<Endpoint, ProviderError>>,
    slot: Mutex<Slot>,
}

struct Slot {
    state: State,
    /// Counts the connections, so that the failure of an old one does not end a new one.
    number: u64,
}

enum State {
    Idle,
    /// Ends when the last who waits for it leaves.
    Opening(WeakShared<Opening>),
    Open(Open),
}

impl Link {
    pub(super) const fn new(address: String) -> Self {
        Self {
            address,
            endpoint: OnceLock::new(),
            slot: Mutex::new(Slot {
                state: State::Idle,
                number: 0,
            }),
        }
    }

    /// Where it leads to; nothing where the address is none.
    pub(super) fn host(&self) -> Option<Host> {
        let uri: http::Uri = self.address.parse().ok()?;
        let port = match uri.scheme_str() {
            Some("http") => 80,
            _ => 443,
        };
        Some(Host::new(uri.host()?, Some(uri.port_u16().unwrap_or(port))))
    }

    /// A connection, and what has to be told how the exchange on it ended.
    pub(super) async fn channel(&self) -> Result<(Channel, Watch<'_>), ProviderError> {
        let (opening, number) = {
            let mut slot = self.lock();
            let under_way = match &slot.state {
                // One that the service has ended since, as it does with idle ones, is not tried.
                State::Open(open) if open.alive.strong_count() > 0 => {
                    return Ok((open.channel.clone(), Watch::new(self, slot.number)));
                }
                State::Opening(opening) => opening.upgrade(),
                State::Open(_) | State::Idle => None,
            };
            match under_way {
                Some(opening) => (opening, slot.number),
                None => {
                    let endpoint = self.endpoint.get_or_init(|| endpoint(&self.address)).clone()?;
                    let opening = open(endpoint);
                    slot.number += 1;
                    // It cannot have ended, as nobody has polled it.
                    slot.state = opening.downgrade().map_or(State::Idle, State::Opening);
                    (opening, slot.number)
                }
            }
        };
        let opened = opening.await;
        let mut slot = self.lock();
        if slot.number == number && matches!(slot.state, State::Opening(_)) {
            slot.state = match &opened {
                Ok(open) => State::Open(open.clone()),
                Err(_) => State::Idle,
            };
        }
        drop(slot);
        opened.map(|open| (open.channel, Watch::new(self, number)))
    }

    /// The next call opens a new connection. What is under way on this one may yet be answered.
    fn leave(&self, number: u64) {
        let mut slot = self.lock();
        if slot.number == number {
            slot.state = State::Idle;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn endpoint(address: &str) -> Result<Endpoint, ProviderError> {
    let made = Endpoint::from_shared(address.to_owned()).and_then(|endpoint| match address.starts_with("https:") {
        true => endpoint.tls_config(ClientTlsConfig::new().with_native_roots()),
        false => Ok(endpoint),
    });
    made.map_err(|_| ProviderError::found(ProviderErrorKind::Invalid, Finding::symptom(Symptom::NotBuilt)))
}

fn open(endpoint: Endpoint) -> Shared<Opening> {
    async move {
        let (connector, alive) = Once::new();
        let connecting = endpoint.connect_with_connector(connector);
        let connected = tokio::time::timeout(CONNECT_LIMIT, connecting).await;
        let symptom = match connected {
            Ok(Ok(channel)) => return Ok(Open { channel, alive }),
            Ok(Err(error)) => chain::connect(&error),
            Err(_) => Symptom::ConnectTimeout,
        };
        Err(ProviderError::found(
            ProviderErrorKind::Failed,
            Finding::symptom(symptom),
        ))
    }
    .boxed()
    .shared()
}

/// Watches one exchange on a connection, and leaves the connection if the exchange says that it is of no use.
pub(super) struct Watch<'l> {
    link: &'l Link,
    number: u64,
    since: Instant,
    ended: bool,
}

impl<'l> Watch<'l> {
    fn new(link: &'l Link, number: u64) -> Self {
        Self {
            link,
            number,
            since: clock::now(),
            ended: false,
        }
    }

    pub(super) fn ended<T>(mut self, result: Result<T, Status>) -> Result<T, ProviderError> {
        self.ended = true;
        result.map_err(|status| {
            // What a service says comes over a good connection; what the client says for want of an answer does not.
            if std::error::Error::source(&status).is_some() || grpc::is_connecting(&status) {
                self.link.leave(self.number);
            }
            error::failed(&status)
        })
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.ended && clock::now().saturating_duration_since(self.since) >= SUSPECT_AFTER {
            self.link.leave(self.number);
        }
    }
}
