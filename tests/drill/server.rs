//! The real server behind the proxy, and the client before it: both as small as hyper allows.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// Answers every GET with 1000 bytes and everything else with nothing, and counts.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) connections: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (requests, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut task = JoinSet::new();
        task.spawn(accept(listener, requests.clone(), connections.clone()));
        Self {
            addr,
            requests,
            connections,
            _task: task,
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }
}

async fn accept(listener: TcpListener, requests: Arc<AtomicUsize>, connections: Arc<AtomicUsize>) {
    let mut serving = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, SeqCst);
        let requests = requests.clone();
        serving.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let requests = requests.clone();
                async move {
                    let is_get = request.method() == http::Method::GET;
                    request.into_body().collect().await.unwrap();
                    requests.fetch_add(1, SeqCst);
                    let body = if is_get { vec![7; 1000] } else { vec![] };
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
                }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    _task: JoinSet<()>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Result<Bytes, hyper::Error>,
}

/// Long for loopback, and longer than any delay that these tests ask for.
pub(crate) const LONG: Duration = Duration::from_secs(5);

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        let (sender, driving) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let _ = driving.await;
        });
        Ok(Self { sender, _task: task })
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, body: impl Into<Bytes>) -> Result<Got, hyper::Error> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .body(Full::new(body.into()))
            .unwrap();
        let exchange = async {
            self.sender.ready().await?;
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            Ok(Got {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.collect().await.map(|body| body.to_bytes()),
            })
        };
        timeout(LONG, exchange).await.expect("an answer or an error in time")
    }

    pub(crate) async fn get(&mut self) -> Result<Got, hyper::Error> {
        self.send("GET", "/bucket/a", "").await
    }
}

/// The I/O error at the bottom of an HTTP error.
pub(crate) fn io_kind(error: &hyper::Error) -> Option<std::io::ErrorKind> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        source = error.source();
    }
    None
}
