//! A gRPC server that answers whatever a test wants.

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response,
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinSet};

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) http: u16,
    /// gRPC's frames.
    pub(crate) body: Vec<u8>,
    /// `None`: it ends without.
    pub(crate) status: Option<&'static str>,
    pub(crate) details: Vec<u8>,
    /// Where a redirect leads.
    pub(crate) location: String,
}

impl Answer {
    pub(crate) fn status(status: &'static str) -> Self {
        Self {
            http: 200,
            body: Vec::new(),
            status: Some(status),
            details: Vec::new(),
            location: String::new(),
        }
    }

    pub(crate) fn message(message: &impl prost::Message) -> Vec<u8> {
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0], &length[..], &message].concat()
    }
}

pub(crate) struct Fake {
    pub(crate) addr: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
    _accepting: JoinSet<()>,
}

impl Fake {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(answer));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (answers, seen) = (answer.clone(), heads.clone());
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (answers, seen) = (answers.clone(), seen.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| reply(answers.clone(), seen.clone(), request));
                    let http = auto::Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self {
            addr,
            answer,
            heads,
            _accepting: accepting,
        }
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// The headers of the last request.
    pub(crate) fn head(&self) -> HeaderMap {
        self.heads.lock().unwrap().last().unwrap().clone()
    }
}

async fn reply(
    answer: Arc<Mutex<Answer>>,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let (head, body) = request.into_parts();
    body.collect().await?;
    heads.lock().unwrap().push(head.headers);
    let answer = answer.lock().unwrap().clone();
    let mut frames = vec![Ok(Frame::data(Bytes::from(answer.body)))];
    if let Some(status) = answer.status {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        trailers.insert("grpc-message", "about customer-4711".parse().unwrap());
        if !answer.details.is_empty() {
            trailers.insert(
                "grpc-status-details-bin",
                azure_core::base64::encode(&answer.details).parse().unwrap(),
            );
        }
        frames.push(Ok(Frame::trailers(trailers)));
    }
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed();
    let content = if answer.http == 200 {
        "application/grpc"
    } else {
        "text/html"
    };
    Ok(Response::builder()
        .status(answer.http)
        .header("content-type", content)
        .header("location", answer.location)
        .body(body)
        .unwrap())
}
