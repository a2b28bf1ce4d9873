use crate::endpoint::Host;
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::HttpRequest,
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
};
use futures_util::FutureExt as _;
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

/// An HTTP client that sends nothing and records the host of the request.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Recorder(Asked);

/// The recorded host.
#[derive(Clone, Debug, Default)]
pub(in crate::provider) struct Asked(Arc<Mutex<Option<Host>>>);

/// Credentials of nobody: the request that they sign is not sent.
pub(in crate::provider) fn nobody() -> Credentials {
    Credentials::new("nobody", "nothing", None, None, "evenkeel")
}

impl Recorder {
    pub(in crate::provider) fn new() -> (Self, Asked) {
        let asked = Asked::default();
        (Self(asked.clone()), asked)
    }
}

impl Asked {
    /// The host that this call asks. The call waits for nothing, so one poll is enough. `None`: the call cannot be
    /// sent, for example because there is no region.
    pub(in crate::provider) fn during(&self, call: impl Future) -> Option<Host> {
        drop(call.now_or_never());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Ok(uri) = request.uri().parse::<http::Uri>() {
            let known = match uri.scheme_str() {
                Some("https") => Some(443),
                Some("http") => Some(80),
                _ => None,
            };
            let host = uri.host().map(|host| Host::new(host, uri.port_u16().or(known)));
            *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = host;
        }
        HttpConnectorFuture::ready(Err(ConnectorError::user("nothing is sent".into())))
    }
}

impl HttpClient for Recorder {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    fn validate_base_client_config(
        &self,
        _: &aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder,
        _: &aws_smithy_types::config_bag::ConfigBag,
    ) -> Result<(), BoxError> {
        Ok(())
    }
}
