mod again;
mod seen;

pub(in crate::provider) use again::{Repeats, again};

use crate::model::clock::{self, Instant};
use again::Broken;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        connection::CaptureSmithyConnection,
        connector_metadata::ConnectorMetadata,
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::{config_bag::ConfigBag, retry::ErrorKind};
use hyper_util::client::legacy::connect::HttpInfo;
use seen::Seen;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// An HTTP client that knows its connections, so that a dead connection does not count as a dead endpoint:
///
/// - A request may be reset before any byte of its answer, over a connection that had answered before. It fails with
///   [`Broken`]. [`again`] sends the request once more where that does no harm.
/// - After two such resets in a row, the whole pool is taken for old: every connection that has answered so far is
///   closed. The pool may also hold connections that never carried a request, because they were made for requests that
///   found other connections meanwhile. They are taken for old, too, up to [`Seen::UNASKED`].
/// - When two requests were given up without an answer, and no connection has answered meanwhile, every connection
///   known so far is closed. (The client closes an HTTP/1.1 connection whenever its request is given up. An HTTP/2
///   connection stays, and the client would reuse it for ever.)
///
/// A connection is known by its local address. If the client beneath does not show the address, or takes no orders to
/// close, none of this applies.
#[derive(Debug)]
struct Watched {
    inner: SharedHttpClient,
    connections: Arc<Connections>,
}

/// `given`, or the SDK's default client where none was given, with its connections watched.
pub(in crate::provider) fn watched(given: Option<SharedHttpClient>) -> SharedHttpClient {
    SharedHttpClient::new(Watched {
        inner: given.unwrap_or_else(usual),
        connections: Arc::default(),
    })
}

/// The client that the SDK (1.157) makes where no HTTP client was given. The SDK does not show this client.
fn usual() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

impl HttpClient for Watched {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(WatchedConnector {
            inner: self.inner.http_connector(settings, components),
            connections: self.connections.clone(),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct WatchedConnector {
    inner: SharedHttpConnector,
    connections: Arc<Connections>,
}

impl HttpConnector for WatchedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // The SDK asks so which connection it will be.
        let Some(capture) = request.extension::<CaptureSmithyConnection>().cloned() else {
            return self.inner.call(request);
        };
        let since = clock::now();
        self.connections.lock().close_silent(since);
        let mut asking = Asking {
            connections: self.connections.clone(),
            capture,
            since,
            has_ended: false,
        };
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            asking.has_ended = true;
            match answer {
                Ok(answer) => {
                    asking.heard(&answer);
                    Ok(answer)
                }
                Err(error) => Err(asking.failed(error)),
            }
        })
    }
}

/// A request under way.
struct Asking {
    connections: Arc<Connections>,
    capture: CaptureSmithyConnection,
    since: Instant,
    has_ended: bool,
}

impl Asking {
    fn heard(&self, answer: &HttpResponse) {
        let told = answer.extension::<HttpInfo>().map(HttpInfo::local_addr);
        let known = told.or_else(|| self.capture.get()?.local_addr());
        if let Some(address) = known {
            self.connections
                .lock()
                .heard(address, clock::now(), || self.capture.get());
        }
    }

    /// Marks an error that is the connection's, not the endpoint's.
    fn failed(&self, error: ConnectorError) -> ConnectorError {
        let was_reset = error.is_io() || error.as_other() == Some(ErrorKind::TransientError);
        let address = self.capture.get().and_then(|connection| connection.local_addr());
        match address.filter(|_| was_reset) {
            Some(address) if self.connections.lock().broke(address) => {
                let kind = error.as_other();
                let broken = Box::new(Broken(error.into_source()));
                match kind {
                    Some(kind) => ConnectorError::other(broken, Some(kind)),
                    None => ConnectorError::io(broken),
                }
            }
            _ => error,
        }
    }
}

/// The request was given up: its limit ran out, another attempt answered, or the caller has left.
impl Drop for Asking {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // None while it is being made.
        if let Some(connection) = self.capture.get() {
            self.connections.lock().unanswered(connection, self.since, clock::now());
        }
    }
}

#[derive(Default)]
struct Connections(Mutex<Seen>);

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}
