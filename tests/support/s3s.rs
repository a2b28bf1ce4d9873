//! A real S3-protocol server inside the test process, on a loopback socket: s3s with its file-system store.

#![allow(dead_code)] // each test binary uses the part it needs

use aws_sdk_s3::config::{Builder, Credentials, RequestChecksumCalculation};
use evenkeel::provider::s3::preset::{self, Addressing};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use std::{net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, task::JoinSet};

pub(crate) const ACCESS_KEY: &str = "test-access-key";
pub(crate) const SECRET_KEY: &str = "test-secret-key";

/// Ends with everything it accepted when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    dir: Arc<tempfile::TempDir>,
    _accepting: JoinSet<()>,
}

/// Starts a server that has these buckets.
pub(crate) async fn start(buckets: &[&str]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    for bucket in buckets {
        std::fs::create_dir(dir.path().join(bucket)).unwrap();
    }
    serve(Arc::new(dir)).await
}

async fn serve(dir: Arc<tempfile::TempDir>) -> Server {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(dir.path()).unwrap());
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = builder.build();

    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            connections.spawn(async move {
                let http = auto::Builder::new(TokioExecutor::new());
                // A real store is atomic: what it began it ends, also when the connection is gone. s3s-fs writes the body
                // first and the metadata then.
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let service = service.clone();
                    let answering = tokio::spawn(async move { service.call(request.map(s3s::Body::from)).await });
                    async move { answering.await.expect("s3s does not panic") }
                });
                // A client that goes away is no failure of the server's.
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Server {
        addr,
        dir,
        _accepting: accepting,
    }
}

impl Server {
    /// Another server over the same directory: a copy that the provider keeps in step without any lag.
    pub(crate) async fn copy(&self) -> Self {
        serve(self.dir.clone()).await
    }

    /// A client's configuration for this server.
    pub(crate) fn config(&self) -> Builder {
        config(&format!("http://{}", self.addr))
    }
}

/// A client's configuration for any server at this URL, with the credentials of [`start`].
pub(crate) fn config(url: &str) -> Builder {
    preset::generic(
        url,
        "us-east-1",
        Addressing::Path,
        RequestChecksumCalculation::WhenSupported,
    )
    .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
}
