//! What one client's connection needs besides its bytes: its end, and the connection to the server that belongs to it.

use super::{
    Shared,
    counts::Meter,
    early::{Drained, Forgiving},
};
use crate::BoxError;
use http::{HeaderMap, Request, Response, header};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tokio::{net::TcpStream, sync::watch, task::JoinHandle};

/// How a fault ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With an RST.
    Reset,
    /// With a FIN, in the middle of anything under way.
    Close,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    ending: watch::Sender<Option<Ending>>,
    /// HTTP/1.1 serves one request at a time, so one connection to the server is enough. The connection is taken out
    /// while in use.
    upstream: Mutex<Option<Upstream>>,
}

#[derive(Debug)]
struct Upstream {
    sender: SendRequest<Drained>,
    driver: JoinHandle<()>,
    /// Whether the server reads no more.
    deaf: Arc<AtomicBool>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// `ending` is where the connection asks for its end.
    pub(super) fn new(shared: Arc<Shared>, ending: watch::Sender<Option<Ending>>) -> Self {
        Self {
            shared,
            ending,
            upstream: Mutex::new(None),
        }
    }

    /// Asks for the end of this connection. Anything awaited afterwards gets no answer.
    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_replace(Some(ending));
    }

    /// Sends a request on to the server.
    pub(super) async fn forward(
        &self,
        mut request: Request<Incoming>,
        meter: Meter,
    ) -> Result<Response<Incoming>, BoxError> {
        strip(request.headers_mut());
        let mut kept = self.kept();
        if let Some(upstream) = &mut kept
            && (upstream.deaf.load(Ordering::Acquire) || upstream.sender.ready().await.is_err())
        {
            kept = None;
        }
        let mut upstream = match kept {
            Some(upstream) => upstream,
            None => self.connect().await?,
        };
        let mut response = upstream
            .sender
            .send_request(request.map(|body| Drained::new(body, meter)))
            .await?;
        strip(response.headers_mut());
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = Some(upstream);
        Ok(response)
    }

    fn kept(&self) -> Option<Upstream> {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn connect(&self) -> Result<Upstream, BoxError> {
        let stream = TcpStream::connect(self.shared.upstream).await?;
        stream.set_nodelay(true)?;
        let (stream, deaf) = Forgiving::new(stream);
        let (sender, driving) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // Its failure shows in the request that it fails.
            let _ = driving.await;
        });
        Ok(Upstream { sender, driver, deaf })
    }
}

/// Removes the headers of one hop. `Host` stays: it is part of the signature.
fn strip(headers: &mut HeaderMap) {
    headers.remove(header::CONNECTION);
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}
