//! A server that answers as a script tells it, over real sockets, and keeps what it was asked.

#![allow(dead_code)] // each test binary uses the part it needs

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinSet};

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) type Answer = Response<Full<Bytes>>;

/// Ends with its connections when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// A server on a free port of loopback. `answer` sees each request, once its body has come in, on a connection that is kept.
pub(crate) async fn serve<F, A>(answer: F) -> Server
where
    F: Fn(Asked) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let (answer, seen) = (answer.clone(), seen.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (answer, seen) = (answer.clone(), seen.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let asked = Asked {
                        method: head.method,
                        uri: head.uri,
                        headers: head.headers,
                        body: body.collect().await.map(|body| body.to_bytes()).unwrap_or_default(),
                    };
                    seen.lock().unwrap().push(asked.clone());
                    Ok::<_, Infallible>(answer(asked).await)
                }
            });
            connections.spawn(async move {
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    Server {
        addr,
        asked,
        _tasks: tasks,
    }
}

/// The same answer to everything.
pub(crate) async fn always(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Server {
    serve(move |_| async move { answer(status, headers, body) }).await
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Full::new(body.into())).unwrap()
}

/// S3's own refusal: its code in XML, its request id in the head.
pub(crate) fn s3_refusal(status: u16, code: &str) -> Answer {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
    let headers = [("x-amz-request-id", "REQ42"), ("content-type", "application/xml")];
    answer(status, &headers, body)
}
