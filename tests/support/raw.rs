//! Servers that misbehave on purpose, one TCP connection at a time.

#![allow(dead_code)] // each test binary uses the part it needs

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

/// What a server does with every connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Resets it at once.
    Reset,
    /// Reads the whole request, then resets it.
    ReadAndReset,
    /// Reads the whole request, then closes it without a word.
    ReadAndClose,
    /// Reads the whole request and stays silent.
    Hang,
    /// Reads the whole request, sends this, closes.
    Answer(Vec<u8>),
    /// Sends this without having read anything, closes.
    Blurt(&'static [u8]),
}

type Heads = Arc<Mutex<Vec<String>>>;

/// Ends with its connections when dropped.
pub(crate) struct Raw {
    pub(crate) addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    heads: Heads,
    _tasks: JoinSet<()>,
}

impl Raw {
    /// Connections that were accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The heads of the requests that were read so far, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

pub(crate) async fn serve(act: Act) -> Raw {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = accepted.clone();
    let heads = Heads::default();
    let seen = heads.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            connections.spawn(play(socket, act.clone(), seen.clone()));
        }
    });
    Raw {
        addr,
        accepted,
        heads,
        _tasks: tasks,
    }
}

async fn play(mut socket: TcpStream, act: Act, heads: Heads) {
    if matches!(act, Act::ReadAndReset | Act::ReadAndClose | Act::Hang | Act::Answer(_)) {
        read_request(&mut socket, &heads).await;
    }
    match act {
        // Zero linger: closing sends RST, not FIN.
        Act::Reset | Act::ReadAndReset => socket.set_zero_linger().unwrap(),
        Act::ReadAndClose => {}
        Act::Hang => std::future::pending().await,
        Act::Answer(bytes) => drop(socket.write_all(&bytes).await),
        Act::Blurt(bytes) => {
            drop(socket.write_all(bytes).await);
            drop(socket.shutdown().await);
            // Unread input at close would turn the FIN into a RST.
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    }
}

/// Head, and as much body as it announces.
async fn read_request(socket: &mut TcpStream, heads: &Heads) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => seen.extend_from_slice(&buffer[..n]),
        }
        let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())
            .unwrap_or(0);
        if seen.len() >= end + 4 + length {
            heads.lock().unwrap().push(head);
            return;
        }
    }
}

/// An HTTP answer.
pub(crate) fn http(status: &str, headers: &[(&str, &str)], body: &str) -> Act {
    let mut answer = format!("HTTP/1.1 {status}\r\nx-amz-request-id: REQ42\r\nconnection: close\r\n");
    for (name, value) in headers {
        answer += &format!("{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| *name == "content-length") {
        answer += &format!("content-length: {}\r\n", body.len());
    }
    Act::Answer(format!("{answer}\r\n{body}").into_bytes())
}

/// S3's answer to what it refuses. Its message quotes the key, as real ones do.
pub(crate) fn refusal(status: &str, code: &str) -> Act {
    http(
        status,
        &[("content-type", "application/xml")],
        &format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>about secret-key</Message><Key>secret-key</Key></Error>"
        ),
    )
}

/// A port at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    listener.local_addr().unwrap()
}

/// A listener that never accepts, its queue filled: further connects hang, as at a black hole.
pub(crate) struct BlackHole {
    pub(crate) addr: SocketAddr,
    _listener: TcpListener,
    _queued: JoinSet<()>,
}

pub(crate) async fn black_hole() -> BlackHole {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut queued = JoinSet::new();
    // Linux queues one more than asked for; the others wait, and keep the queue full.
    for _ in 0..8 {
        queued.spawn(async move {
            let _held = TcpStream::connect(addr).await;
            std::future::pending::<()>().await;
        });
    }
    // Full when a connect has not succeeded within a time that is ample on loopback.
    let attempt = || tokio::time::timeout(std::time::Duration::from_millis(50), TcpStream::connect(addr));
    let mut kept = Vec::new();
    while let Ok(connected) = attempt().await {
        kept.push(connected);
        assert!(kept.len() < 64, "the queue does not fill");
    }
    queued.spawn(async move {
        let _kept = kept;
        std::future::pending::<()>().await;
    });
    BlackHole {
        addr,
        _listener: listener,
        _queued: queued,
    }
}
