//! HTTP/2 over TLS, as both ends need it.

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use std::sync::Arc;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

/// A server on loopback that speaks HTTP/2 only, and a certificate of its own.
pub(crate) struct Tls {
    root: String,
    pub(crate) acceptor: TlsAcceptor,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let mut config = config.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self {
            root: own.cert.pem(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    /// The SDK's HTTP client, which trusts the server.
    pub(crate) fn http(&self) -> SharedHttpClient {
        let trust = TrustStore::empty().with_pem_certificate(self.root.as_bytes());
        let context = TlsContext::builder().with_trust_store(trust).build().unwrap();
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        http.tls_context(context).build_https()
    }
}
