//! One client's connection, and the connection to the server that belongs to it.

use super::{
    Shared,
    body::Body,
    early::{Drained, Forgiving},
    exchange,
    relay::{self, Spoken},
};
use crate::BoxError;
use http::{HeaderMap, Request, Response, header};
use hyper::{body::Incoming, client::conn::http1::SendRequest, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tokio::{net::TcpStream, select, sync::watch, task::JoinHandle};

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

/// Serves one client until the client leaves, a fault ends the connection, or `resets` says that all connections are to
/// be reset.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>, mut resets: watch::Receiver<u64>) {
    // Without it a small answer can wait for the ACK of the one before; a client would see 40 ms that no fault asked for.
    let _ = stream.set_nodelay(true);
    let unread = async {
        match relay::spoken(&stream).await? {
            Spoken::Http1 => None,
            other => Some(relay::pass(&mut stream, &shared, other).await),
        }
    };
    let ending = select! {
        biased;
        ending = unread => ending,
        _ = resets.changed() => Some(Ending::Reset),
    };
    match ending {
        None => {}
        Some(ending) => return end(&stream, ending),
    }
    let (ending, mut endings) = watch::channel(None);
    let connection = Arc::new(Connection {
        shared,
        ending,
        upstream: Mutex::new(None),
    });
    let service = service_fn(move |request| exchange::exchange(request, connection.clone()));
    let mut serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // Serving comes first: it flushes what it has before an ending that it asked for itself is seen.
    let ending = select! {
        biased;
        _ = &mut serving => return,
        _ = resets.changed() => Some(Ending::Reset),
        _ = endings.changed() => *endings.borrow(),
    };
    let stream = serving.into_parts().io.into_inner();
    end(&stream, ending.unwrap_or(Ending::Close));
}

/// Sets how the connection ends when it is dropped next.
fn end(stream: &TcpStream, ending: Ending) {
    if ending == Ending::Reset {
        // With a linger of zero, closing sends an RST instead of a FIN.
        let _ = stream.set_zero_linger();
    }
}

impl Connection {
    /// Asks for the end of this connection. Anything awaited afterwards gets no answer.
    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_replace(Some(ending));
    }

    /// Sends a request on to the server.
    pub(super) async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Incoming>, BoxError> {
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
        let mut response = upstream.sender.send_request(request.map(Drained::new)).await?;
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

/// The proxy's answer.
pub(super) type Answered = Result<Response<Body>, BoxError>;
