//! The bytes below the connection: connected once, with a sign of when the connection has ended.

use crate::{BoxError, provider::shared_connection::CONNECT_LIMIT};
use futures_util::{FutureExt, future::BoxFuture};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use pin_project_lite::pin_project;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};
use tokio::net::TcpStream;
use tower::Service;

/// Connects once. tonic's channel would go on to connect by itself, for its callers one after the other, and each
/// caller would wait until the callers before it have failed.
pub(super) struct Once {
    tcp: HttpConnector,
    /// Taken by the one connection.
    life: Option<Arc<()>>,
}

impl Once {
    /// A connector, and a handle that tells whether its connection still lives.
    pub(super) fn new() -> (Self, Weak<()>) {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_LIMIT));
        let life = Arc::new(());
        let alive = Arc::downgrade(&life);
        (Self { tcp, life: Some(life) }, alive)
    }
}

/// The error instead of a second connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection had ended")]
pub(super) struct Ended;

impl Service<Uri> for Once {
    type Response = Wire;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Wire, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Some(life) = self.life.take() else {
            return std::future::ready(Err(Ended.into())).boxed();
        };
        let connecting = self.tcp.call(uri);
        async move {
            Ok(Wire {
                io: connecting.await?,
                _life: life,
            })
        }
        .boxed()
    }
}

pin_project! {
    /// A socket. HTTP/2 drops the socket when HTTP/2 is done.
    pub(super) struct Wire {
        #[pin]
        io: TokioIo<TcpStream>,
        _life: Arc<()>,
    }
}

impl Read for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_read(cx, into)
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.project().io.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().io.poll_write_vectored(cx, bytes)
    }
}
