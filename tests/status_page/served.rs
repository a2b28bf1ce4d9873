//! The page on a port of loopback, and how it is asked.

use crate::schema;
use bytes::Bytes;
use evenkeel::ops::status_page::{PageBody, StatusPage};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::Value;
use std::{convert::Infallible, error::Error, net::SocketAddr, time::Duration};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tower::{Service, ServiceExt};

/// Bare hyper, until it is dropped.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    _task: JoinSet<()>,
}

pub(crate) async fn serve<P, B>(page: P) -> Served
where
    P: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    P::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(page.clone());
            connections.spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(socket), service).await);
            });
        }
    });
    Served { addr, _task: task }
}

/// A way to this address that stops carrying anything on the connections of its first 3 s. Nobody closes them.
pub(crate) async fn forgetful(to: SocketAddr) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut connections = JoinSet::new();
        let mut forgets_at = None;
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let at = *forgets_at.get_or_insert_with(|| Instant::now() + Duration::from_secs(3));
            connections.spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                if Instant::now() > at {
                    drop(copy_bidirectional(&mut near, &mut far).await);
                } else {
                    let _ = timeout_at(at, copy_bidirectional(&mut near, &mut far)).await;
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    Served { addr, _task: task }
}

impl Served {
    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, method: Method, path: &str) -> Response<Incoming> {
        let socket = TcpStream::connect(self.addr).await.unwrap();
        let (mut requests, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "page");
        requests
            .send_request(request.body(Empty::<Bytes>::new()).unwrap())
            .await
            .unwrap()
    }
}

/// The answer without any server.
pub(crate) async fn get(page: &StatusPage, path: &str) -> Response<PageBody> {
    let request = Request::get(path).body(()).unwrap();
    page.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn text(page: &StatusPage, path: &str) -> String {
    let body = get(page, path).await.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// `status.json`, which is always as its schema says.
pub(crate) async fn json(page: &StatusPage) -> Value {
    let all = serde_json::from_str(&text(page, "/status.json").await).unwrap();
    schema::validate(&schema::schema("status_page.schema.json"), &all);
    all
}

/// A reader of `/events`.
pub(crate) struct Reader(PageBody);

/// One message.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Reader {
    pub(crate) async fn new(page: &StatusPage, last: Option<&str>) -> Self {
        let mut request = Request::get("/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = page.clone().oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self(answer.into_body())
    }

    /// `None`: the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            let frame = self.0.frame().await?.unwrap().into_data().unwrap();
            let frame = std::str::from_utf8(&frame).unwrap();
            let frame = frame.strip_suffix("\n\n").unwrap();
            assert!(!frame.contains("\n\n"), "one message: {frame}");
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            if let Some(name) = field("event") {
                return Some(Message {
                    name: name.to_owned(),
                    id: field("id").map(str::to_owned),
                    data: serde_json::from_str(field("data").unwrap()).unwrap(),
                });
            }
        }
    }

    /// The next message of this name. Says which came before it.
    pub(crate) async fn until(&mut self, name: &str) -> (Vec<Message>, Message) {
        let mut before = Vec::new();
        loop {
            let message = self.next().await.unwrap();
            if message.name == name {
                return (before, message);
            }
            before.push(message);
        }
    }
}
