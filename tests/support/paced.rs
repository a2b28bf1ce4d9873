//! Bodies that move slowly, stop, or trickle, over real sockets: what every adapter that tells of them makes of it.

#![allow(dead_code)] // each test binary uses the part it needs
#![allow(clippy::disallowed_methods)] // the tests' own clock

use bytes::Bytes;
use evenkeel::{Endpoint, ErrorKind, ObjectClient, Replication, provider::AnyObjectProvider};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep_until,
};

const MB: usize = 1_000_000;

/// An address of these servers' own. Linux keeps what it learns of a connection by the other side's address: after the
/// broken connections of other tests (`reordering 28` in `ip tcp_metrics`) bytes move in steps of two seconds.
const HOST: &str = if cfg!(target_os = "linux") {
    "127.0.0.77"
} else {
    "127.0.0.1"
};

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// Answers with a body of so many bytes, at so many a second; of which it sends no more than `until`.
    Sends { length: usize, rate: f64, until: usize },
    /// Reads the request's body at so many bytes a second, and no more than `until`; then answers, if it `answers`.
    Reads { rate: f64, until: usize, answers: bool },
}

/// A provider's way to say it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// The headers, beside the length, of an object of so many bytes that is fetched.
    pub(crate) fetched: fn(usize) -> String,
    /// The whole answer to a put.
    pub(crate) stored: fn() -> String,
}

/// Ends with its connections when dropped.
pub(crate) struct Paced {
    pub(crate) addr: SocketAddr,
    asked: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Paced {
    /// Requests whose head has come in.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

pub(crate) async fn serve(words: Words, does: Does) -> Paced {
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let counted = counted.clone();
            connections.spawn(async move {
                // Ends with the connection.
                while play(&mut socket, words, does, &counted).await.is_some() {}
            });
        }
    });
    Paced {
        addr,
        asked,
        _tasks: tasks,
    }
}

async fn play(socket: &mut TcpStream, words: Words, does: Does, asked: &AtomicUsize) -> Option<()> {
    let mut seen = Vec::new();
    let end = loop {
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        (socket.read_buf(&mut seen).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
    asked.fetch_add(1, Ordering::SeqCst);
    match does {
        Does::Sends { length, rate, until } => {
            let headers = (words.fetched)(length);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{headers}\r\n");
            socket.write_all(head.as_bytes()).await.ok()?;
            let piece = (rate / 20.0).ceil() as usize;
            let (began, mut sent) = (tokio::time::Instant::now(), 0);
            while sent < until.min(length) {
                let next = piece.min(until.min(length) - sent);
                socket.write_all(&vec![b'x'; next]).await.ok()?;
                sent += next;
                sleep_until(began + Duration::from_secs_f64(sent as f64 / rate)).await;
            }
            if sent < length {
                stays_silent(socket).await?;
            }
        }
        Does::Reads { rate, until, answers } => {
            let began = tokio::time::Instant::now();
            let mut body = Incoming::new(&head, &seen[end..]);
            let mut buffer = vec![0; 16 << 10];
            while !body.is_over() && body.came < until {
                sleep_until(began + Duration::from_secs_f64(body.came as f64 / rate)).await;
                match socket.read(&mut buffer).await.ok()? {
                    0 => return None,
                    read => body.take(&buffer[..read]),
                }
            }
            if !answers || !body.is_over() {
                std::future::pending::<()>().await;
            }
            socket.write_all((words.stored)().as_bytes()).await.ok()?;
        }
    }
    Some(())
}

/// As long as the connection lasts.
async fn stays_silent(socket: &mut TcpStream) -> Option<()> {
    while socket.read(&mut [0; 512]).await.ok()? > 0 {}
    None
}

/// How much of a request's body has come: by its length, or by the last of its chunks.
struct Incoming {
    length: Option<usize>,
    came: usize,
    tail: Vec<u8>,
}

impl Incoming {
    fn new(head: &str, first: &[u8]) -> Self {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let mut incoming = Self {
            length: length.map(|length| length.trim().parse().unwrap()),
            came: 0,
            tail: Vec::new(),
        };
        incoming.take(first);
        incoming
    }

    fn take(&mut self, bytes: &[u8]) {
        self.came += bytes.len();
        self.tail.extend_from_slice(bytes);
        let tail = self.tail.len().saturating_sub(5);
        self.tail.drain(..tail);
    }

    fn is_over(&self) -> bool {
        match self.length {
            Some(length) => self.came >= length,
            None => self.tail == b"0\r\n\r\n",
        }
    }
}

/// A client over the adapter at these servers.
fn client<const N: usize>(at: impl Fn(SocketAddr) -> AnyObjectProvider, servers: [&Paced; N]) -> ObjectClient {
    let endpoints = servers.into_iter().enumerate();
    let endpoints = endpoints.map(|(number, server)| Endpoint::new(format!("endpoint-{number}"), at(server.addr)));
    ObjectClient::builder()
        .endpoints(endpoints)
        .replication(Replication::provider_managed())
        .seed(1)
        .build()
        .unwrap()
}

fn sends(rate: f64) -> Does {
    Does::Sends {
        length: 6 * MB,
        rate,
        until: usize::MAX,
    }
}

fn stops_after(bytes: usize) -> Does {
    Does::Sends {
        length: 6 * MB,
        rate: 50e6,
        until: bytes,
    }
}

/// 6 MB at 2 MB/s, from cold and again: three times the limit of an attempt on the whole.
pub(crate) async fn a_slow_body_is_requested_once(words: Words, at: impl Fn(SocketAddr) -> AnyObjectProvider) {
    let (slow, other) = (serve(words, sends(2e6)).await, serve(words, sends(50e6)).await);
    let client = client(at, [&slow, &other]);
    for gets in 1..=2 {
        let object = client.get("key").await.unwrap();
        assert_eq!(object.body().len(), 6 * MB);
        assert_eq!((slow.asked(), other.asked()), (gets, 0));
    }
}

/// 8 MB at 0.5 MB/s.
pub(crate) async fn a_slow_upload_is_sent_once(words: Words, at: impl Fn(SocketAddr) -> AnyObjectProvider) {
    let does = Does::Reads {
        rate: 0.5e6,
        until: usize::MAX,
        answers: true,
    };
    let slow = serve(words, does).await;
    let client = client(at, [&slow]);
    let put = client.put("key", Bytes::from(vec![b'x'; 8 * MB])).overwrite();
    let put = put.deadline(Duration::from_secs(40));
    let (_, explained) = put.explained().await.unwrap();
    assert_eq!(slow.asked(), 1, "{explained}");
}

/// One that stops after its head, one that stops in the middle, one that sends a few bytes a second.
pub(crate) async fn a_stalled_body_is_read_elsewhere(words: Words, at: impl Fn(SocketAddr) -> AnyObjectProvider) {
    let trickles = Does::Sends {
        length: 6 * MB,
        rate: 40.0,
        until: usize::MAX,
    };
    for does in [stops_after(0), stops_after(3 * MB), trickles] {
        let (bad, good) = (serve(words, does).await, serve(words, sends(50e6)).await);
        let client = client(&at, [&bad, &good]);
        let start = Instant::now();
        let (object, explained) = client.get("key").explained().await.unwrap();
        assert_eq!(object.body().len(), 6 * MB, "{does:?}");
        assert_eq!(explained.answered_by(), Some("endpoint-1"), "{does:?}");
        assert_eq!((bad.asked(), good.asked()), (1, 1), "{does:?}");
        assert!(start.elapsed() >= Duration::from_secs(1), "{does:?}");
    }
}

/// The error says what it was, and that it was not the answer.
pub(crate) async fn a_stalled_body_is_named_in_the_error(words: Words, at: impl Fn(SocketAddr) -> AnyObjectProvider) {
    let stops = serve(words, stops_after(3 * MB)).await;
    let get = client(&at, [&stops]);
    let error = get.get("key").deadline(Duration::from_secs(3)).await.unwrap_err();
    let said = error.attempts()[0].message().unwrap_or_default().to_owned();
    assert!(said.starts_with("the body stood still for 1"), "{error}: {said}");
}

/// A server that takes a megabyte of eight, and one that takes all and says nothing: seconds before any allowance for the
/// bytes has passed.
pub(crate) async fn a_stalled_upload_is_given_up(words: Words, at: impl Fn(SocketAddr) -> AnyObjectProvider) {
    tokio::join!(
        gives_up(words, &at, MB, "the body stood still for"),
        gives_up(words, &at, usize::MAX, "no answer within"),
    );
}

async fn gives_up(words: Words, at: impl Fn(SocketAddr) -> AnyObjectProvider, until: usize, expected: &str) {
    let does = Does::Reads {
        rate: 1e12,
        until,
        answers: false,
    };
    let bad = serve(words, does).await;
    let client = client(&at, [&bad]);
    let put = client.put("key", Bytes::from(vec![b'x'; 8 * MB])).overwrite();
    let error = put.deadline(Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied);
    let first = &error.attempts()[0];
    let said = first.message().unwrap_or_default();
    assert!(said.starts_with(expected), "{error}: {said}");
    // Half of what is left would be 10 s, and 8 MB alone had 8 s.
    assert!(first.elapsed().unwrap() < Duration::from_secs(8), "{error}");
}
