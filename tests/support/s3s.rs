//! A real S3-protocol server inside the test process, on a loopback socket: our own, in memory.

#![allow(dead_code)] // each test binary uses the part it needs

use aws_sdk_s3::config::{Builder, Credentials, RequestChecksumCalculation};
use evenkeel::provider::s3::preset::{self, Addressing};
use evenkeel_s3_server::Settings;
use std::net::SocketAddr;

pub(crate) use evenkeel_s3_server::{ACCESS_KEY, SECRET_KEY};

/// Ends with everything it accepted when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    /// Its faults, its log and what it holds.
    pub(crate) inner: evenkeel_s3_server::Server,
}

/// Starts a server that has these buckets.
pub(crate) async fn start(buckets: &[&str]) -> Server {
    Server::of(evenkeel_s3_server::Server::start(Settings::new(buckets)).await.unwrap())
}

impl Server {
    fn of(inner: evenkeel_s3_server::Server) -> Self {
        Self {
            addr: inner.addr(),
            inner,
        }
    }

    /// Another server over the same store: a copy that the provider keeps in step without any lag.
    pub(crate) async fn copy(&self) -> Self {
        Self::of(self.inner.twin().await.unwrap())
    }

    /// A client's configuration for this server.
    pub(crate) fn config(&self) -> Builder {
        config(&self.inner.url())
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
