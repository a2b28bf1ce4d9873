//! A real S3-protocol server inside this process, on a loopback socket: the tests' own, in memory.

use evenkeel_s3_server::Settings;
use std::{error::Error, net::SocketAddr};

pub(crate) const ACCESS_KEY: &str = "replay-access-key";
pub(crate) const SECRET_KEY: &str = "replay-secret-key";
pub(crate) const BUCKET: &str = "orders";
/// The plain SDK's own, so that neither finds what the other wrote.
pub(crate) const PLAIN_BUCKET: &str = "orders-plain";

/// Ends with everything that it accepted when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    inner: evenkeel_s3_server::Server,
}

impl Server {
    /// Ends it, and waits until nobody listens any more.
    pub(crate) async fn stop(self) {
        self.inner.stop().await;
    }
}

pub(crate) async fn start() -> Result<Server, Box<dyn Error>> {
    let settings = Settings::new(&[BUCKET, PLAIN_BUCKET]).credentials(ACCESS_KEY, SECRET_KEY);
    let inner = evenkeel_s3_server::Server::start(settings).await?;
    Ok(Server {
        addr: inner.addr(),
        inner,
    })
}
