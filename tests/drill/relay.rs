//! What the proxy does to connections that it does not understand.

use crate::support::{profile, timeline};
use evenkeel::{
    drill::{FaultProxy, Timeline},
    request::OpClass,
};
use std::{io::ErrorKind, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};

struct Echo {
    proxy: FaultProxy,
    timeline: Timeline,
    _server: JoinSet<()>,
}

/// A server that says again what it hears, in capitals, behind a proxy with these rules, not started.
async fn echo(rules: &str) -> Echo {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut heard = [0; 64];
                while let Ok(bytes @ 1..) = socket.read(&mut heard).await {
                    heard[..bytes].make_ascii_uppercase();
                    drop(socket.write_all(&heard[..bytes]).await);
                }
            });
        }
    });
    let timeline = timeline(rules);
    let proxy = FaultProxy::bind(addr, profile(), timeline.clone()).await.unwrap();
    Echo {
        proxy,
        timeline,
        _server: server,
    }
}

async fn said(client: &mut TcpStream, what: &[u8]) -> std::io::Result<Vec<u8>> {
    client.write_all(what).await?;
    let mut answer = vec![0; what.len()];
    client.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Not HTTP/1.1 by its first byte: what Redis says.
const HELLO: &[u8] = b"*1\r\nhello";

#[tokio::test]
async fn foreign_protocols_pass_unchanged_and_uncounted() {
    let drill = echo(r#"{ "fault": "hang" }"#).await;
    let mut client = TcpStream::connect(drill.proxy.addr()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(said(&mut client, HELLO).await.unwrap(), b"*1\r\nHELLO");
    }
    assert_eq!(OpClass::ALL.map(|class| drill.proxy.counts().of(class).seen), [0; 3]);
}

#[tokio::test]
async fn a_hang_holds_bytes_until_the_drill_stops() {
    let drill = echo(r#"{ "fault": "hang" }"#).await;
    drill.timeline.start_now();
    let mut client = TcpStream::connect(drill.proxy.addr()).await.unwrap();
    let silent = timeout(Duration::from_millis(200), said(&mut client, HELLO)).await;
    assert!(silent.is_err(), "{silent:?}");
    drill.timeline.stop();
    let mut answer = vec![0; HELLO.len()];
    let freed = timeout(Duration::from_secs(5), client.read_exact(&mut answer)).await;
    freed.unwrap().unwrap();
    assert_eq!(answer, b"*1\r\nHELLO", "what was sent is not lost");
}

#[tokio::test]
async fn resets_and_truncations_strike_foreign_protocols() {
    for (rules, kind) in [
        (r#"{ "fault": "reset_before_request" }"#, ErrorKind::ConnectionReset),
        (r#"{ "fault": "reset_after_request" }"#, ErrorKind::ConnectionReset),
        (
            r#"{ "fault": { "truncate": { "after_bytes": 4 } } }"#,
            ErrorKind::UnexpectedEof,
        ),
        // What it would have to understand is not left out, but worse than it was meant.
        (
            r#"{ "fault": { "status": { "code": 503 } } }"#,
            ErrorKind::ConnectionReset,
        ),
        (
            r#"{ "fault": { "delay": { "by": "1ms" } }, "classes": ["write"] }"#,
            ErrorKind::ConnectionReset,
        ),
    ] {
        let drill = echo(rules).await;
        let mut client = TcpStream::connect(drill.proxy.addr()).await.unwrap();
        said(&mut client, HELLO).await.unwrap();
        drill.timeline.start_now();
        let error = said(&mut client, HELLO).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{rules}");
    }
}

#[tokio::test]
async fn delays_and_drips_slow_foreign_protocols() {
    for rules in [
        r#"{ "fault": { "delay": { "by": "150ms" } } }"#,
        r#"{ "fault": { "drip": { "bytes_per_second": 60 } } }"#,
    ] {
        let drill = echo(rules).await;
        drill.timeline.start_now();
        let mut client = TcpStream::connect(drill.proxy.addr()).await.unwrap();
        let start = Instant::now();
        assert_eq!(said(&mut client, HELLO).await.unwrap(), b"*1\r\nHELLO");
        assert!(
            start.elapsed() >= Duration::from_millis(130),
            "{rules}: {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn a_refusal_resets_open_connections() {
    let drill = echo(r#"{ "fault": "refuse" }"#).await;
    let mut client = TcpStream::connect(drill.proxy.addr()).await.unwrap();
    said(&mut client, HELLO).await.unwrap();
    drill.timeline.start_now();
    let mut answer = [0];
    let reset = timeout(Duration::from_secs(5), client.read(&mut answer)).await.unwrap();
    assert_eq!(reset.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// The first byte of a `PUT` is that of HTTP/2's preface.
#[tokio::test]
async fn an_http_method_sent_byte_by_byte_is_recognised() {
    let drill = echo(r#"{ "fault": { "status": { "code": 503 } } }"#).await;
    drill.timeline.start_now();
    let mut client = TcpStream::connect(drill.proxy.addr()).await.unwrap();
    client.set_nodelay(true).unwrap();
    for byte in b"PUT /bucket/key HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n" {
        client.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = vec![0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 503");
}
