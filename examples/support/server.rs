//! A real S3-protocol server inside this process, on a loopback socket: s3s with its file-system store.

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use std::{error::Error, net::SocketAddr};
use tokio::{net::TcpListener, task::JoinSet};

pub(crate) const ACCESS_KEY: &str = "replay-access-key";
pub(crate) const SECRET_KEY: &str = "replay-secret-key";
pub(crate) const BUCKET: &str = "orders";
/// The plain SDK's own, so that neither finds what the other wrote.
pub(crate) const PLAIN_BUCKET: &str = "orders-plain";

/// Ends with everything that it accepted when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    accepting: JoinSet<()>,
    _dir: tempfile::TempDir,
}

impl Server {
    /// Ends it, and waits until nobody listens any more.
    pub(crate) async fn stop(mut self) {
        self.accepting.shutdown().await;
    }
}

pub(crate) async fn start() -> Result<Server, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    for bucket in [BUCKET, PLAIN_BUCKET] {
        std::fs::create_dir(dir.path().join(bucket))?;
    }
    let files =
        s3s_fs::FileSystem::new(dir.path()).map_err(|error| format!("the S3 server did not start: {error:?}"))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = builder.build();

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let addr = listener.local_addr()?;
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            // Without it an answer in two packets waits for an ACK: 40 ms that no server at a cloud takes.
            let _ = socket.set_nodelay(true);
            let service = service.clone();
            connections.spawn(async move {
                let http = auto::Builder::new(TokioExecutor::new());
                // A client that goes away is no failure of the server's.
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
            while connections.try_join_next().is_some() {}
        }
    });
    Ok(Server {
        addr,
        accepting,
        _dir: dir,
    })
}
