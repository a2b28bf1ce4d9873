//! An S3 server that checks signatures, against keys that can change while it runs.

use aws_sdk_s3::config::Builder;
use evenkeel::provider::s3::preset::{self, Addressing};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{
    S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
    s3_error,
    service::S3ServiceBuilder,
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::{net::TcpListener, task::JoinSet};

/// Which keys a server knows.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<Mutex<HashMap<String, String>>>);

impl Keys {
    /// Those that an issuer gives: the first hundred.
    pub(crate) fn issued() -> Self {
        let keys = Self::default();
        (0..100).for_each(|number| keys.learn(number));
        keys
    }

    pub(crate) fn learn(&self, number: usize) {
        let secret = format!("s3cret-{number}");
        self.0.lock().unwrap().insert(format!("key-{number}"), secret);
    }

    pub(crate) fn revoke(&self, number: usize) {
        self.0.lock().unwrap().remove(&format!("key-{number}")).unwrap();
    }

    /// Forgets all, as Alibaba's in 2023.
    pub(crate) fn fail(&self) -> HashMap<String, String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub(crate) fn heal(&self, keys: HashMap<String, String>) {
        *self.0.lock().unwrap() = keys;
    }
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.0.lock().unwrap().get(access_key) {
            Some(secret) => Ok(secret.clone().into()),
            None => Err(s3_error!(InvalidAccessKeyId)),
        }
    }
}

/// Whoever may sign may do all, but to the key `forbidden`.
struct Permissions;

#[async_trait::async_trait]
impl S3Access for Permissions {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        match context.s3_path().get_object_key() {
            Some("forbidden") => Err(s3_error!(AccessDenied)),
            _ => Ok(()),
        }
    }
}

/// Ends with everything it accepted when dropped.
pub(crate) struct Store {
    pub(crate) addr: SocketAddr,
    asked: Arc<AtomicUsize>,
    _accepting: JoinSet<()>,
}

/// A server with the bucket `orders`.
pub(crate) async fn start(keys: Keys) -> Store {
    let mut builder = S3ServiceBuilder::new(evenkeel_s3_server::Store::new(&["orders"]));
    builder.set_auth(keys);
    builder.set_access(Permissions);
    let service = builder.build();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let (service, count) = (service.clone(), count.clone());
            connections.spawn(async move {
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    count.fetch_add(1, SeqCst);
                    let service = service.clone();
                    async move { service.call(request.map(s3s::Body::from)).await }
                });
                let http = auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Store {
        addr,
        asked,
        _accepting: accepting,
    }
}

impl Store {
    /// A configuration without credentials.
    pub(crate) fn config(&self) -> Builder {
        config(&format!("http://{}", self.addr))
    }

    /// Requests so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

pub(crate) fn config(url: &str) -> Builder {
    let checksums = aws_sdk_s3::config::RequestChecksumCalculation::WhenSupported;
    preset::generic(url, "us-east-1", Addressing::Path, checksums)
}
