//! Servers that close their connections in good order, as all do in the long run: after so many answers, or with a GOAWAY. No
//! call fails, nothing is done twice, and nobody blames the endpoint.

use libtest_mimic::Trial;

#[allow(unused_mut)] // without the features
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    #[cfg(feature = "s3")]
    trials.extend(of_http1::trials());
    #[cfg(feature = "bigtable")]
    trials.push(of_http2::trial());
    trials
}

/// What the attempts of a call came to, but for those that succeeded.
#[cfg(any(feature = "s3", feature = "bigtable"))]
fn failures(explanation: &evenkeel::Explanation) -> Vec<String> {
    use evenkeel::verdict::Verdict;
    let attempts = explanation.attempts().iter();
    let failed = attempts.filter(|attempt| {
        attempt
            .verdict()
            .is_none_or(|verdict| !matches!(verdict, Verdict::Success | Verdict::Absent))
    });
    failed.map(|attempt| format!("{attempt:?}")).collect()
}

#[cfg(feature = "s3")]
mod of_http1 {
    use super::failures;
    use crate::promise::Promise;
    use aws_sdk_s3::{
        Client,
        config::{Credentials, RequestChecksumCalculation::WhenRequired},
    };
    use evenkeel::{
        Endpoint, ObjectClient,
        provider::s3::{
            S3,
            preset::{self, Addressing},
        },
    };
    use futures_util::future::join_all;
    use libtest_mimic::Trial;
    use std::{
        net::SocketAddr,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        task::JoinSet,
        time::sleep,
    };

    pub(super) fn trials() -> Vec<Trial> {
        let ways = [
            (
                "graceful_close::connection_close_with_the_last_answer_fails_no_call",
                Way::Said,
            ),
            ("graceful_close::closed_idle_connections_fail_no_call", Way::Idle),
            (
                "graceful_close::a_close_under_the_next_request_fails_no_call",
                Way::Unsaid,
            ),
        ];
        let trial = |(name, way)| Promise::Healthy.trial(name, move || calls(way));
        ways.map(trial).into()
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Way {
        /// The last answer says that it is the last.
        Said,
        /// Not said, but nobody is about to ask.
        Idle,
        /// Not said, and the next request may be on its way.
        Unsaid,
    }

    /// The answers that a connection gives before it is closed.
    const ANSWERS: usize = 5;

    #[derive(Default)]
    struct Seen {
        connections: AtomicUsize,
        puts: AtomicUsize,
        /// Connections that are at their last answer, or closed by us and not yet by the client.
        ending: AtomicUsize,
    }

    async fn server(way: Way) -> (SocketAddr, Arc<Seen>, JoinSet<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (mut tasks, seeing) = (JoinSet::new(), seen.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                seeing.connections.fetch_add(1, Ordering::SeqCst);
                let seen = seeing.clone();
                connections.spawn(async move { drop(converse(socket, way, &seen).await) });
            }
        });
        (addr, seen, tasks)
    }

    async fn converse(mut socket: TcpStream, way: Way, seen: &Seen) -> std::io::Result<()> {
        for answer in 1..=ANSWERS {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await?);
            }
            let head = String::from_utf8_lossy(&head).to_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next());
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            socket.read_exact(&mut body).await?;
            let body = if head.starts_with("put ") {
                seen.puts.fetch_add(1, Ordering::SeqCst);
                ""
            } else {
                "body"
            };
            let last = if way == Way::Said && answer == ANSWERS {
                "connection: close\r\n"
            } else {
                ""
            };
            if answer == ANSWERS {
                seen.ending.fetch_add(1, Ordering::SeqCst);
            }
            let length = body.len();
            let said = format!(
                "HTTP/1.1 200 OK\r\nx-amz-request-id: REQ42\r\netag: \"e\"\r\n{last}content-length: {length}\r\n\r\n{body}"
            );
            socket.write_all(said.as_bytes()).await?;
        }
        socket.shutdown().await?;
        // Ends when the client has noticed.
        let _ = socket.read_u8().await;
        seen.ending.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    async fn calls(way: Way) {
        let (addr, seen, _tasks) = server(way).await;
        let config = preset::generic(format!("http://{addr}"), "us-east-1", Addressing::Path, WhenRequired)
            .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
        let store = S3::new(Client::from_conf(config.build()), "bucket").trusting_conditions();
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("home", store).capacity(1e5))
            .hedging(false)
            .build()
            .unwrap();
        let mut failed = Vec::new();
        let mut puts = 0;
        for round in 0..50 {
            let calls = (0..6).map(|i| {
                let client = client.clone();
                async move {
                    Promise::Healthy.tried();
                    let key = format!("{round}-{i}");
                    if i % 2 == 0 {
                        client.get(key).explained().await.unwrap().1
                    } else {
                        client.put(key, "body").explained().await.unwrap().1
                    }
                }
            });
            for explanation in join_all(calls).await {
                failed.extend(failures(&explanation));
            }
            puts += 3;
            while way == Way::Idle && seen.ending.load(Ordering::SeqCst) > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        assert!(seen.connections.load(Ordering::SeqCst) >= 50 * 6 / ANSWERS);
        assert_eq!(seen.puts.load(Ordering::SeqCst), puts, "{way:?}");
        let snapshot = client.snapshot();
        assert!(
            snapshot.endpoints[0]
                .classes
                .iter()
                .all(|class| class.breaker.as_str() == "closed"),
            "{snapshot}"
        );
        // What is closed without a word under a request looks like any other end.
        if way != Way::Unsaid {
            assert!(failed.is_empty(), "{way:?}: {} {:?}", failed.len(), failed.first());
        }
    }
}

#[cfg(feature = "bigtable")]
mod of_http2 {
    use super::failures;
    use crate::promise::Promise;
    use bytes::Bytes;
    use evenkeel::{Endpoint, ErrorKind, KvClient, provider::Bigtable};
    use futures_util::{future::join_all, stream};
    use google_cloud_auth::credentials::anonymous;
    use http::{HeaderMap, Request, Response};
    use http_body_util::{BodyExt, StreamBody};
    use hyper::{
        body::{Frame, Incoming},
        server::conn::http2,
        service::service_fn,
    };
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use libtest_mimic::Trial;
    use std::{
        convert::Infallible,
        net::SocketAddr,
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };
    use tokio::{
        net::{TcpListener, TcpStream},
        sync::Notify,
        task::JoinSet,
        time::sleep,
    };

    /// The streams after which a connection gets its GOAWAY.
    const STREAMS: usize = 20;

    #[derive(Default)]
    struct Seen {
        connections: AtomicUsize,
        writes: AtomicUsize,
    }

    async fn server() -> (SocketAddr, Arc<Seen>, JoinSet<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (mut tasks, seeing) = (JoinSet::new(), seen.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                seeing.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(converse(socket, seeing.clone()));
            }
        });
        (addr, seen, tasks)
    }

    async fn converse(socket: TcpStream, seen: Arc<Seen>) {
        let (streams, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let told = enough.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            if streams.fetch_add(1, Ordering::SeqCst) + 1 == STREAMS {
                told.notify_one();
            }
            let seen = seen.clone();
            async move {
                let writes = request.uri().path().ends_with("/MutateRow");
                let _ = request.into_body().collect().await;
                sleep(Duration::from_millis(5)).await;
                // A row that was changed is an empty message; of rows that are read there are none.
                let mut frames = Vec::new();
                if writes {
                    seen.writes.fetch_add(1, Ordering::SeqCst);
                    frames.push(Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[0; 5]))));
                }
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                frames.push(Ok(Frame::trailers(trailers)));
                let answer = Response::builder().header("content-type", "application/grpc");
                Ok::<_, Infallible>(answer.body(StreamBody::new(stream::iter(frames))).unwrap())
            }
        });
        let http = http2::Builder::new(TokioExecutor::new());
        let mut connection = pin!(http.serve_connection(TokioIo::new(socket), service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = enough.notified() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    pub(super) fn trial() -> Trial {
        Promise::Healthy.trial("graceful_close::a_goaway_fails_no_call", calls)
    }

    async fn calls() {
        let (addr, seen, _tasks) = server().await;
        let table = Bigtable::new(anonymous::Builder::new().build(), "projects/p/instances/i/tables/t")
            .endpoint(format!("http://{addr}"));
        let client = KvClient::builder()
            .endpoint(Endpoint::new("home", table).capacity(1e5))
            .hedging(false)
            .build()
            .unwrap();
        let (mut failed, mut puts) = (Vec::new(), 0);
        for worker in join_all((0..8).map(|worker| {
            let client = client.clone();
            async move {
                let (mut failed, mut puts) = (Vec::new(), 0);
                for round in 0..60 {
                    Promise::Healthy.tried();
                    let key = format!("{worker}-{round}");
                    if round % 2 == 0 {
                        puts += 1;
                        failed.extend(failures(&client.put(key, "v").explained().await.unwrap().1));
                    } else {
                        let absent = client.get(key).await.unwrap_err();
                        assert_eq!(absent.kind(), ErrorKind::NotFound, "{absent:?}");
                        failed.extend(failures(absent.explanation()));
                    }
                }
                (failed, puts)
            }
        }))
        .await
        {
            failed.extend(worker.0);
            puts += worker.1;
        }
        assert!(seen.connections.load(Ordering::SeqCst) >= 8 * 60 / STREAMS / 2);
        assert_eq!(seen.writes.load(Ordering::SeqCst), puts);
        assert!(
            failed.is_empty(),
            "{} of {}: {:?}",
            failed.len(),
            8 * 60,
            failed.first()
        );
    }
}
