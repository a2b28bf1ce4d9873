//! A real S3-protocol server inside the test process, on a loopback socket: s3s with its file-system store.

#![allow(dead_code)] // each test binary uses the part it needs

use aws_sdk_s3::config::{Builder, Credentials, RequestChecksumCalculation};
use evenkeel::provider::s3::preset::{self, Addressing};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use std::net::SocketAddr;
use tokio::{net::TcpListener, task::JoinSet};

pub(crate) const ACCESS_KEY: &str = "test-access-key";
pub(crate) const SECRET_KEY: &str = "test-secret-key";

/// Ends with everything it accepted when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    _dir: tempfile::TempDir,
    _accepting: JoinSet<()>,
}

/// Starts a server that has these buckets.
pub(crate) async fn start(buckets: &[&str]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    for bucket in buckets {
        std::fs::create_dir(dir.path().join(bucket)).unwrap();
    }
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
                // A client that goes away is no failure of the server's.
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Server {
        addr,
        _dir: dir,
        _accepting: accepting,
    }
}

impl Server {
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
