//! A small S3 on a loopback socket, as ill as a case wants it.

use super::wire::{Lines, Wire};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{net::TcpSocket, task::JoinSet, time::sleep};
use tokio_rustls::TlsAcceptor;

pub(crate) const BUCKET: &str = "orders";

/// How a server behaves while it is well.
#[derive(Clone)]
pub(crate) struct Manner {
    /// How long it takes until the first byte of an answer about this key.
    latency: Arc<dyn Fn(&str) -> Duration + Send + Sync>,
    one_worker: bool,
    pace: Option<u32>,
    tls: Option<TlsAcceptor>,
}

impl Manner {
    pub(crate) fn new(latency: impl Fn(&str) -> Duration + Send + Sync + 'static) -> Self {
        Self {
            latency: Arc::new(latency),
            one_worker: false,
            pace: None,
            tls: None,
        }
    }

    /// Always the same latency.
    pub(crate) fn steady(latency: Duration) -> Self {
        Self::new(move |_| latency)
    }

    /// It does one thing at a time.
    pub(crate) fn one_worker(mut self) -> Self {
        self.one_worker = true;
        self
    }

    /// Each connection carries so many bytes a second, each way.
    pub(crate) fn pace(mut self, per_second: u32) -> Self {
        self.pace = Some(per_second);
        self
    }

    pub(crate) fn tls(mut self, acceptor: TlsAcceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }
}

/// Ends with its connections when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    manner: Manner,
    lines: Arc<Lines>,
    hangs: AtomicBool,
    worker: tokio::sync::Mutex<()>,
    asked: Mutex<Vec<(Method, String)>>,
    objects: Mutex<HashMap<String, Stored>>,
}

#[derive(Clone)]
struct Stored {
    body: Bytes,
    tag: String,
    /// What was said of it when it was stored.
    said: Vec<(HeaderName, HeaderValue)>,
}

impl Server {
    pub(crate) async fn start(manner: Manner) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if manner.pace.is_some() {
            // What lies in a buffer of the system looks sent. (On loopback one packet has 64 KiB.)
            socket.set_recv_buffer_size(256 << 10).unwrap();
            socket.set_send_buffer_size(256 << 10).unwrap();
        }
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listener = socket.listen(1024).unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            manner,
            lines: Arc::default(),
            hangs: AtomicBool::new(false),
            worker: tokio::sync::Mutex::new(()),
            asked: Mutex::default(),
            objects: Mutex::default(),
        });
        let serving = shared.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let wire = Wire::new(socket, &serving.lines, serving.manner.pace);
                connections.spawn(serving.clone().serve(wire));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            addr,
            shared,
            _tasks: tasks,
        }
    }

    /// Puts an object into it, past its sockets.
    pub(crate) fn seed(&self, key: &str, body: impl Into<Bytes>) {
        self.shared.store(path(key), body.into(), Vec::new());
    }

    /// How many requests of this kind about this key have begun to arrive.
    pub(crate) fn count(&self, method: &Method, key: &str) -> usize {
        let (path, asked) = (path(key), self.shared.asked.lock().unwrap());
        asked
            .iter()
            .filter(|(how, what)| how == method && *what == path)
            .count()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many objects it holds.
    pub(crate) fn objects(&self) -> usize {
        self.shared.objects.lock().unwrap().len()
    }

    /// It accepts and reads, and answers nothing any more.
    pub(crate) fn hang(&self) {
        self.shared.hangs.store(true, SeqCst);
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.shared.lines
    }
}

fn path(key: &str) -> String {
    format!("/{BUCKET}/{key}")
}

impl Shared {
    async fn serve(self: Arc<Self>, wire: Wire) {
        match self.manner.tls.clone() {
            None => self.converse(wire).await,
            Some(tls) => {
                if let Ok(stream) = tls.accept(wire).await {
                    self.converse(stream).await;
                }
            }
        }
    }

    async fn converse<S>(self: Arc<Self>, stream: S)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let service = service_fn(move |request| {
            let shared = self.clone();
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        let http = auto::Builder::new(TokioExecutor::new());
        // A client that goes away is no failure of the server's.
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        self.asked.lock().unwrap().push((head.method.clone(), path.clone()));
        let Ok(body) = body.collect().await else {
            return said(StatusCode::BAD_REQUEST).body(Full::default()).unwrap();
        };
        if self.hangs.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        let key = path.strip_prefix("/orders/").unwrap_or_default();
        let latency = (self.manner.latency)(key);
        if self.manner.one_worker {
            let _working = self.worker.lock().await;
            sleep(latency).await;
        } else {
            sleep(latency).await;
        }
        match head.method {
            Method::PUT => {
                let creates = head.headers.contains_key("if-none-match");
                if creates && self.objects.lock().unwrap().contains_key(&path) {
                    return refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
                }
                let kept = |name: &HeaderName| name.as_str().starts_with("x-amz-meta-") || name == "content-type";
                let headers = head.headers.iter().filter(|(name, _)| kept(name));
                let headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
                let tag = self.store(path, body.to_bytes(), headers);
                said(StatusCode::OK).header("etag", tag).body(Full::default()).unwrap()
            }
            Method::DELETE => {
                self.objects.lock().unwrap().remove(&path);
                said(StatusCode::NO_CONTENT).body(Full::default()).unwrap()
            }
            Method::GET if key.is_empty() => listing(),
            method => match self.objects.lock().unwrap().get(&path).cloned() {
                Some(stored) => {
                    let mut answer = said(StatusCode::OK)
                        .header("etag", stored.tag)
                        .header("content-length", stored.body.len());
                    for (name, value) in stored.said {
                        answer = answer.header(name, value);
                    }
                    let body = if method == Method::HEAD {
                        Bytes::new()
                    } else {
                        stored.body
                    };
                    answer.body(Full::new(body)).unwrap()
                }
                None if method == Method::HEAD => said(StatusCode::NOT_FOUND).body(Full::default()).unwrap(),
                None => refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
            },
        }
    }

    fn store(&self, path: String, body: Bytes, said: Vec<(HeaderName, HeaderValue)>) -> String {
        let mut objects = self.objects.lock().unwrap();
        let tag = format!("\"{}\"", objects.len());
        let stored = Stored {
            body,
            tag: tag.clone(),
            said,
        };
        objects.insert(path, stored);
        tag
    }
}

/// As S3 marks what it says.
fn said(status: StatusCode) -> http::response::Builder {
    Response::builder().status(status).header("x-amz-request-id", "REQ42")
}

fn refusal(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
    let answer = said(status).header("content-type", "application/xml");
    answer.body(Full::new(body.into())).unwrap()
}

/// Of a bucket in which nothing begins with what was asked for.
fn listing() -> Response<Full<Bytes>> {
    let body = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                <IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>";
    let answer = said(StatusCode::OK).header("content-type", "application/xml");
    answer.body(Full::new(body.into())).unwrap()
}
