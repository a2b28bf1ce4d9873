//! The server itself: its connections, its end, its speed, its twin.

use crate::{BUCKET, bytes, client, pair, pair_with, put, refusal, says};
use aws_sdk_s3::{Client, config::Credentials};
use evenkeel_s3_server::{Fault, Operation, Rule, Settings};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[expect(clippy::disallowed_methods, reason = "the server's clock is the real one")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn signatures_are_checked() {
    let pair = pair().await;
    for (access_key, secret_key, code) in [
        (evenkeel_s3_server::ACCESS_KEY, "wrong", "SignatureDoesNotMatch"),
        ("nobody", "wrong", "InvalidAccessKeyId"),
    ] {
        let credentials = Credentials::new(access_key, secret_key, None, None, "test");
        let config = crate::config(&pair.server).credentials_provider(credentials);
        let list = Client::from_conf(config.build()).list_buckets().send().await;
        assert_eq!(refusal(list), says(403, code));
    }
    let mut socket = TcpStream::connect(pair.server.addr()).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test]
async fn killed_and_revived() {
    let pair = pair().await;
    pair.put("a", "1").await;
    let mut idle = TcpStream::connect(pair.server.addr()).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    while pair.server.connections() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    pair.server.kill().await;
    assert_eq!(pair.server.connections(), 0);
    let error = idle.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(pair.server.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let get = pair.client.get_object().bucket(BUCKET).key("a").send().await;
    assert_eq!(refusal(get).0, 0);
    pair.server.revive().await.unwrap();
    assert_eq!(
        client(&pair.server)
            .get_object()
            .bucket(BUCKET)
            .key("a")
            .send()
            .await
            .unwrap()
            .content_length,
        Some(1)
    );
}

/// What was under way when the server was killed is ended.
#[tokio::test]
async fn a_kill_loses_nothing_that_was_begun() {
    let pair = pair().await;
    let soon = Duration::from_millis(200);
    pair.server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::Delay(soon)));
    let (put, ()) = tokio::join!(
        pair.client.put_object().bucket(BUCKET).key("a").body(bytes("1")).send(),
        async {
            tokio::time::sleep(soon / 2).await;
            pair.server.kill().await;
        }
    );
    assert_eq!(refusal(put).0, 0);
    pair.server.settled().await;
    assert_eq!(pair.stored("a").as_deref(), Some("1"));
}

#[tokio::test]
async fn one_connection_too_many() {
    let pair = pair_with(Settings::new(&[BUCKET]).max_connections(1)).await;
    pair.put("a", "1").await;
    let mut second = TcpStream::connect(pair.server.addr()).await.unwrap();
    let error = second.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!((pair.server.connections(), pair.server.accepted()), (1, 2));
    assert_eq!(pair.get("a").await, "1");
}

#[tokio::test]
async fn a_rate_holds_in_both_directions() {
    const RATE: u64 = 4_000_000;
    let pair = pair_with(Settings::new(&[BUCKET]).rate(RATE)).await;
    let body = vec![7; 1_000_000];
    let began = now();
    pair.client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(body.into())
        .send()
        .await
        .unwrap();
    let put = began.elapsed();
    let began = now();
    let got = pair.client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec().len(), 1_000_000);
    let got = began.elapsed();
    for took in [put, got] {
        assert!(took >= Duration::from_millis(220), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    pair.server.set_rate(None);
    assert_eq!(
        pair.client
            .get_object()
            .bucket(BUCKET)
            .key("a")
            .send()
            .await
            .unwrap()
            .content_length,
        Some(1_000_000)
    );
}

#[tokio::test]
async fn a_twin_has_the_same_objects_and_its_own_faults() {
    let pair = pair().await;
    let twin = pair.server.twin().await.unwrap();
    twin.faults()
        .add(Rule::on(Operation::GetObject, Fault::Status(503, "SlowDown")));
    put(&client(&twin), "a", "1").await;
    assert_eq!(pair.get("a").await, "1");
    let get = client(&twin).get_object().bucket(BUCKET).key("a").send().await;
    assert_eq!(refusal(get), says(503, "SlowDown"));
    assert_eq!(
        (
            pair.server.count(Operation::PutObject),
            twin.count(Operation::PutObject)
        ),
        (0, 1)
    );
    pair.server.clear_log();
    assert!(pair.server.log().is_empty());
}

#[tokio::test]
async fn in_a_process_of_its_own() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_evenkeel-s3-server"))
        .args(["--bucket", BUCKET, "--rate", "50000000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let pair = pair().await;
    let config = crate::config(&pair.server).endpoint_url(format!("http://{}", line.trim()));
    let put = Client::from_conf(config.build())
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(bytes("1"))
        .send()
        .await;
    process.kill().unwrap();
    process.wait().unwrap();
    put.unwrap();
}
