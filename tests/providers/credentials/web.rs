//! An HTTP server whose answers are a function that can be exchanged while it runs.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

/// What it makes of a request's head: an answer, or silence.
type Answer = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

pub(crate) struct Web {
    pub(crate) addr: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    heads: Arc<Mutex<Vec<String>>>,
    accepting: Option<JoinSet<()>>,
}

impl Web {
    pub(crate) async fn start(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let mut web = Self {
            addr: ([127, 0, 0, 1], 0).into(),
            answer: Arc::new(Mutex::new(Arc::new(answer))),
            heads: Arc::default(),
            accepting: None,
        };
        web.listen();
        web
    }

    /// Answers so from now on.
    pub(crate) fn now(&self, answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    /// Nobody listens any more, until it [listens](Self::listen) again.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut accepting) = self.accepting.take() {
            accepting.shutdown().await;
        }
    }

    pub(crate) fn listen(&mut self) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.addr).unwrap();
        let listener = socket.listen(64).unwrap();
        self.addr = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, self.answer.clone(), self.heads.clone()));
        self.accepting = Some(accepting);
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

async fn accept(listener: TcpListener, answer: Arc<Mutex<Answer>>, heads: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(serve(socket, answer.clone(), heads.clone()));
    }
}

async fn serve(mut socket: TcpStream, answer: Arc<Mutex<Answer>>, heads: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut read = Vec::new();
    let end = loop {
        if socket.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let length = head.to_ascii_lowercase().lines().find_map(|line| {
        let length = line.strip_prefix("content-length:")?;
        length.trim().parse::<usize>().ok()
    });
    while read.len() < end + length.unwrap_or(0) && socket.read_buf(&mut read).await.ok()? > 0 {}
    heads.lock().unwrap().push(head.clone());
    let answer = answer.lock().unwrap().clone();
    match answer(&head) {
        None => std::future::pending().await,
        Some(answer) => {
            socket.write_all(answer.as_bytes()).await.ok()?;
            socket.shutdown().await.ok()
        }
    }
}

/// An HTTP answer.
pub(crate) fn http(status: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// What DynamoDB says.
pub(crate) fn dynamo(status: &str, body: &str) -> String {
    let headers = ["content-type: application/x-amz-json-1.0", "x-amzn-requestid: REQ42"];
    http(status, &headers, body)
}

/// What DynamoDB says when it refuses.
pub(crate) fn dynamo_refusal(code: &str) -> String {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"about s3cret"}}"#);
    dynamo("400 Bad Request", &body)
}

/// What S3 says when it refuses.
pub(crate) fn s3_refusal(status: &str, code: &str) -> String {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>about s3cret</Message></Error>");
    http(
        status,
        &["content-type: application/xml", "x-amz-request-id: REQ42"],
        &body,
    )
}
