//! The connection to one server, and what each exchange shows about the connection.

use super::error;
use crate::{
    endpoint::Host,
    provider::{
        ProviderError,
        shared_connection::{CONNECT_LIMIT, SharedConnection, Watch},
    },
};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

type Exchange<'l> = Watch<'l, MultiplexedConnection, RedisError>;

pub(super) struct Link {
    client: Client,
    /// Whether a server that redirects a command is the wrong server.
    is_alone: bool,
    line: SharedConnection<MultiplexedConnection, RedisError>,
}

impl Link {
    /// A link to a server that has all keys. The server's name may lead to another server tomorrow.
    pub(super) const fn to_server(client: Client) -> Self {
        Self::new(client, true)
    }

    /// A link to a node of a cluster. A node redirects commands for keys of other nodes.
    pub(super) const fn to_node(client: Client) -> Self {
        Self::new(client, false)
    }

    const fn new(client: Client, is_alone: bool) -> Self {
        Self {
            client,
            is_alone,
            line: SharedConnection::new(),
        }
    }

    /// The server's host. Empty if the server is a socket on this host.
    pub(super) fn hosts(&self) -> Vec<Host> {
        match self.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(name, port) | ConnectionAddr::TcpTls { host: name, port, .. } => {
                vec![Host::new(name, Some(*port))]
            }
            _ => Vec::new(),
        }
    }

    /// Sends one command and returns the answer.
    pub(super) async fn command(&self, command: &Cmd) -> Result<RedisResult<Value>, ProviderError> {
        let (mut connection, watch) = self.connection().await?;
        let answer = connection.req_packed_command(command).await;
        let answer = answer.and_then(Value::extract_error);
        watch.ended(!answer.as_ref().is_err_and(|error| self.is_of_no_use(error)));
        Ok(answer)
    }

    /// Sends several commands in one go and returns the answer to each.
    pub(super) async fn pipeline(&self, mut pipeline: Pipeline) -> Result<Vec<RedisResult<Value>>, ProviderError> {
        let (mut connection, watch) = self.connection().await?;
        let answers: RedisResult<Vec<RedisResult<Value>>> = pipeline.ignore_errors().query_async(&mut connection).await;
        // A server that is not the primary any more says so to each command.
        let useless = match &answers {
            Ok(answers) => answers
                .iter()
                .filter_map(|answer| answer.as_ref().err())
                .any(|e| self.is_of_no_use(e)),
            Err(error) => self.is_of_no_use(error),
        };
        watch.ended(!useless);
        answers.map_err(|error| error::failed(&error))
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, Exchange<'_>), ProviderError> {
        // Whether it lives shows in the next exchange.
        let opened = self.line.connection(|_| true, || open(self.client.clone())).await;
        let is_tls = matches!(self.client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. });
        opened.map_err(|error| match is_tls {
            true => error::connecting_with_tls(&error),
            false => error::connecting(&error),
        })
    }

    /// Whether the connection is broken, or leads to a server that has changed its role.
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
}

async fn open(client: Client) -> RedisResult<MultiplexedConnection> {
    // The stack has time limits of its own, which are learnt.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_LIMIT))
        .set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Whether the connection is broken, or the server has changed what it is or does.
pub(super) fn speaks_of_a_change(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly};
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Parse | ErrorKind::Server(ReadOnly | MasterDown | Moved | ClusterDown | BusyLoading)
        )
}
