//! The fault proxy before a server that answers before it has read everything, and reads no further.

use libtest_mimic::Trial;

#[cfg(not(feature = "drill"))]
pub(super) fn trials() -> Vec<Trial> {
    Vec::new()
}

#[cfg(feature = "drill")]
pub(super) fn trials() -> Vec<Trial> {
    use crate::promise::{Promise, rounds};
    use evenkeel::{
        Endpoint,
        drill::{FaultProxy, Timeline},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    /// An idle proxy between a client that sends a head and a megabyte, and a server that answers after the head. `closes`: and
    /// leaves at once, which resets the connection.
    async fn passes(head: &'static str, answer: &'static [u8], closes: bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = vec![0; head.len()];
                if stream.read_exact(&mut read).await.is_ok() {
                    let _ = stream.write_all(answer).await;
                }
                held.extend((!closes).then_some(stream));
            }
        });
        let profile = Endpoint::new("primary", ()).profile().clone();
        let proxy = FaultProxy::bind(server, profile, Timeline::idle()).await.unwrap();
        for round in 0..rounds(60) {
            Promise::Healthy.tried();
            let (mut answers, mut requests) = TcpStream::connect(proxy.addr()).await.unwrap().into_split();
            let sending = tokio::spawn(async move {
                requests.write_all(head.as_bytes()).await?;
                requests.write_all(&vec![7; 1 << 20]).await?;
                std::io::Result::Ok(requests)
            });
            let mut status = vec![0; 12];
            let read = answers.read_exact(&mut status).await;
            let status = String::from_utf8_lossy(&status);
            assert!(
                read.is_ok() && answer.starts_with(status.as_bytes()),
                "round {round}: {status}"
            );
            // Whoever does not leave holds the rest up, too.
            if closes && head.starts_with("PUT") {
                sending
                    .await
                    .unwrap()
                    .expect("its connection is not cut while it sends");
            } else {
                sending.abort();
            }
        }
        serving.abort();
    }

    const PUT: &str = "PUT /bucket/k HTTP/1.1\r\nhost: h\r\ncontent-length: 1048576\r\n\r\n";
    const REFUSED: &[u8] = b"HTTP/1.1 412 Precondition Failed\r\ncontent-length: 2\r\n\r\nno";
    vec![
        Promise::Healthy.trial("writes::an_idle_proxy_passes_on_an_early_answer", || async {
            passes(PUT, REFUSED, true).await;
            passes(PUT, REFUSED, false).await;
        }),
        Promise::Healthy.trial(
            "writes::an_idle_proxy_passes_on_an_early_answer_to_foreign_protocols",
            || async {
                passes("*2\r\n$3\r\nset\r\n", b"-ERR max number of clients\r\n", true).await;
                passes("*2\r\n$3\r\nset\r\n", b"-ERR max number of clients\r\n", false).await;
            },
        ),
    ]
}
