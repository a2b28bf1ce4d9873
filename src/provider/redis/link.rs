//! The connection to one server: opened once for all who wait for it, and left when nobody knows whether it still lives.

use super::error;
use crate::{
    clock::{self, Instant},
    endpoint::Host,
    provider::ProviderError,
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Below the floor of an attempt, 1 s, so that a server that cannot be reached is *not sent* and no timeout of ours.
const CONNECT_LIMIT: Duration = Duration::from_millis(900);

/// An attempt that was given up after this leaves a connection of which nobody knows whether it still lives; given up
/// sooner, its hedge was faster, and the connection is as good as before. Any server answers in half this time.
const SUSPECT_AFTER: Duration = Duration::from_millis(500);

type Opening = BoxFuture<'static, Result<MultiplexedConnection, RedisError>>;

pub(super) struct Link {
    client: Client,
    /// Whether a server that sends somebody elsewhere is the wrong one to be connected to.
    is_alone: bool,
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
    Open(MultiplexedConnection),
}

impl Link {
    /// To a server that has everything, under a name that may lead to another one tomorrow.
    pub(super) const fn to_server(client: Client) -> Self {
        Self::new(client, true)
    }

    /// To a node of a cluster, which sends those elsewhere who ask it for what others have.
    pub(super) const fn to_node(client: Client) -> Self {
        Self::new(client, false)
    }

    const fn new(client: Client, is_alone: bool) -> Self {
        Self {
            client,
            is_alone,
            slot: Mutex::new(Slot {
                state: State::Idle,
                number: 0,
            }),
        }
    }

    /// The server; none where it is a socket on this host.
    pub(super) fn hosts(&self) -> Vec<Host> {
        match self.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(name, port) | ConnectionAddr::TcpTls { host: name, port, .. } => {
                vec![Host::new(name, Some(*port))]
            }
            _ => Vec::new(),
        }
    }

    /// One command and its answer.
    pub(super) async fn command(&self, command: &Cmd) -> Result<RedisResult<Value>, ProviderError> {
        let (mut connection, number) = self.connection().await?;
        let watch = Watch::new(self, number);
        let answer = connection.req_packed_command(command).await;
        Ok(watch.ended(answer.and_then(Value::extract_error)))
    }

    /// Several commands in one go, and the answer to each.
    pub(super) async fn pipeline(&self, mut pipeline: Pipeline) -> Result<Vec<RedisResult<Value>>, ProviderError> {
        let (mut connection, number) = self.connection().await?;
        let watch = Watch::new(self, number);
        let answers: RedisResult<Vec<RedisResult<Value>>> = pipeline.ignore_errors().query_async(&mut connection).await;
        // A server that is not the primary any more says so to each command.
        let telling = |answers: &Vec<RedisResult<Value>>| {
            answers
                .iter()
                .find_map(|answer| answer.as_ref().err().filter(|e| self.is_of_no_use(e)).cloned())
        };
        match answers.as_ref().ok().and_then(telling) {
            Some(error) => drop(watch.ended::<()>(Err(error))),
            None => drop(watch.ended(answers.as_ref().map(drop).map_err(Clone::clone))),
        }
        answers.map_err(|error| error::failed(&error))
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), ProviderError> {
        let (opening, number) = {
            let mut slot = self.lock();
            let under_way = match &slot.state {
                State::Open(connection) => return Ok((connection.clone(), slot.number)),
                State::Opening(opening) => opening.upgrade(),
                State::Idle => None,
            };
            match under_way {
                Some(opening) => (opening, slot.number),
                None => {
                    let opening = open(self.client.clone());
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
                Ok(connection) => State::Open(connection.clone()),
                Err(_) => State::Idle,
            };
        }
        drop(slot);
        match opened {
            Ok(connection) => Ok((connection, number)),
            Err(error) => Err(error::connecting(&error)),
        }
    }

    /// The next command opens a new connection. What is under way on this one may yet be answered.
    fn leave(&self, number: u64) {
        let mut slot = self.lock();
        if slot.number == number {
            slot.state = State::Idle;
        }
    }

    /// Broken; or good, but to a server that is not the one it was.
    fn is_of_no_use(&self, error: &RedisError) -> bool {
        let is_redirect = matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::ClusterDown)
        );
        match is_redirect {
            true => self.is_alone,
            false => speaks_of_a_change(error) || matches!(error.code(), Some("NOAUTH")),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(client: Client) -> Shared<Opening> {
    async move {
        // The stack has time limits of its own, which are learnt.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(None);
        client.get_multiplexed_async_connection_with_config(&config).await
    }
    .boxed()
    .shared()
}

/// Watches one exchange on a connection, and leaves the connection if the exchange says that it is of no use.
struct Watch<'l> {
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

    fn ended<T>(mut self, result: RedisResult<T>) -> RedisResult<T> {
        self.ended = true;
        if result.as_ref().is_err_and(|error| self.link.is_of_no_use(error)) {
            self.link.leave(self.number);
        }
        result
    }
}

/// The connection is broken, or the server is not, or does not do, what it was and did.
pub(super) fn speaks_of_a_change(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly};
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Parse | ErrorKind::Server(ReadOnly | MasterDown | Moved | ClusterDown | BusyLoading)
        )
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.ended && clock::now().saturating_duration_since(self.since) >= SUSPECT_AFTER {
            self.link.leave(self.number);
        }
    }
}
