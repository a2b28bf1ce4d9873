//! The connection to the service, and what each exchange shows about the connection.

use super::{
    error,
    wire::{Ended, Once},
};
use crate::{
    endpoint::Host,
    provider::{
        ProviderError, ProviderErrorKind,
        bigtable::grpc,
        shared_connection::{CONNECT_LIMIT, SharedConnection, Watch},
    },
    verdict::{Finding, chain, table::Symptom},
};
use std::{
    sync::{OnceLock, Weak},
    time::Duration,
};
use tonic::{
    Status,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

#[derive(Clone)]
struct Open {
    channel: Channel,
    alive: Weak<()>,
}

pub(super) struct Link {
    address: String,
    /// Includes the roots of trust, which are read once.
    endpoint: OnceLock<Result<Endpoint, ProviderError>>,
    line: SharedConnection<Open, ProviderError>,
}

impl Link {
    pub(super) const fn new(address: String) -> Self {
        Self {
            address,
            endpoint: OnceLock::new(),
            line: SharedConnection::new(),
        }
    }

    /// The host of the address. `None` if the address is invalid.
    pub(super) fn host(&self) -> Option<Host> {
        let uri: http::Uri = self.address.parse().ok()?;
        let port = match uri.scheme_str() {
            Some("http") => 80,
            _ => 443,
        };
        Some(Host::new(uri.host()?, Some(uri.port_u16().unwrap_or(port))))
    }

    /// A connection, and the watch that must learn how the exchange on the connection ended.
    pub(super) async fn channel(&self) -> Result<(Channel, Exchanging<'_>), ProviderError> {
        let endpoint = self.endpoint.get_or_init(|| endpoint(&self.address)).clone()?;
        // One that the service has ended since, as it does with idle ones, is not tried.
        let lives = |open: &Open| open.alive.strong_count() > 0;
        let (open, watch) = self.line.connection(lives, || open(endpoint)).await?;
        Ok((open.channel, Exchanging(watch)))
    }
}

/// The value of Google's own client for Java. Pings go out only while calls are under way: services cut off clients
/// that ping without need.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Any service answers a ping in a tenth of this time.
const PING_LIMIT: Duration = Duration::from_secs(2);

fn endpoint(address: &str) -> Result<Endpoint, ProviderError> {
    let made = Endpoint::from_shared(address.to_owned()).and_then(|endpoint| {
        let endpoint = endpoint
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(PING_LIMIT);
        match address.starts_with("https:") {
            true => endpoint.tls_config(ClientTlsConfig::new().with_native_roots()),
            false => Ok(endpoint),
        }
    });
    made.map_err(|_| ProviderError::found(ProviderErrorKind::Invalid, Finding::symptom(Symptom::NotBuilt)))
}

async fn open(endpoint: Endpoint) -> Result<Open, ProviderError> {
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

/// Whether the connection was at its end, so that the request has not been sent.
pub(super) fn had_ended(status: &Status) -> bool {
    // hyper's word for a request that it never began to write.
    let is_unwritten = chain::find(status).is_some_and(hyper::Error::is_canceled);
    is_unwritten || chain::find::<Ended>(status).is_some() || chain::is_going_away(status)
}

/// One exchange on a connection.
pub(super) struct Exchanging<'l>(Watch<'l, Open, ProviderError>);

impl Exchanging<'_> {
    pub(super) fn ended<T>(self, result: Result<T, Status>) -> Result<T, ProviderError> {
        // What a service says comes over a good connection; what the client says for want of an answer does not.
        let made_up = |status: &Status| std::error::Error::source(status).is_some() || grpc::is_connecting(status);
        self.0.ended(!result.as_ref().is_err_and(made_up));
        result.map_err(|status| error::failed(&status))
    }
}
