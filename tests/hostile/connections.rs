//! Connections that die while the endpoint is well: forgotten by somebody on the way, reset under an answer, silent. One that
//! died is not an endpoint that did, and nothing is done twice for it.

use libtest_mimic::Trial;

#[allow(unused_mut)] // without the feature
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    #[cfg(feature = "s3")]
    trials.extend(of_s3::trials());
    #[cfg(feature = "bigtable")]
    trials.push(of_bigtable::trial());
    trials
}

#[cfg(feature = "s3")]
#[allow(dead_code)] // an example uses more of it
#[path = "../../examples/gray/server.rs"]
mod server;
#[cfg(feature = "s3")]
#[path = "../../examples/gray/tls.rs"]
mod tls;
#[cfg(any(feature = "s3", feature = "bigtable"))]
#[allow(dead_code, clippy::disallowed_methods)] // its own clock, which is the real one
#[path = "../../examples/gray/wire.rs"]
mod wire;

#[cfg(feature = "s3")]
mod of_s3 {
    use super::{
        server::{BUCKET, Manner, Server},
        tls::Tls,
    };
    use crate::promise::Promise;
    use aws_sdk_s3::{
        Client,
        config::{Credentials, RequestChecksumCalculation::WhenRequired, SharedHttpClient},
        primitives::ByteStream,
    };
    use aws_smithy_http_client::{
        Builder,
        tls::{Provider, rustls_provider::CryptoMode},
    };
    use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
    use evenkeel::{
        Endpoint, ErrorKind, Explanation, Failover, ObjectClient,
        client::Attempt,
        provider::s3::{
            S3, prepared,
            preset::{self, Addressing},
        },
        verdict::Verdict,
    };
    use futures_util::future::join_all;
    use http::Method;
    use libtest_mimic::Trial;
    use std::{
        net::{IpAddr, SocketAddr},
        time::Duration,
    };
    use tokio::{
        net::{TcpSocket, TcpStream},
        time::timeout,
    };

    const POOLED: usize = 20;

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Healthy.trial("connections::a_forgotten_pool_fails_no_attempt", || {
                forgotten(Kept::OverWritten)
            }),
            Promise::Healthy.trial("connections::a_forgotten_pool_fails_no_create", || {
                forgotten(Kept::Created)
            }),
            Promise::NoSecondWrite.trial(
                "connections::a_repeated_create_does_not_conflict_with_itself",
                a_lost_create,
            ),
            Promise::NoSecondWrite.trial("connections::once_only_writes_are_not_repeated", a_write_of_the_callers),
            Promise::Healthy.trial(
                "connections::a_broken_new_connection_does_not_count_as_pooled",
                new_ones_break,
            ),
            Promise::Deadline.trial(
                "connections::a_dead_first_address_takes_the_time_of_all",
                a_dead_address,
            ),
            Promise::Healthy.trial("connections::a_silent_pool_is_closed_as_a_whole", || silent(None)),
            Promise::Healthy.trial("connections::a_silent_http2_connection_is_closed", || {
                silent(Some(Tls::new()))
            }),
        ]
    }

    async fn server(tls: Option<&Tls>) -> Server {
        // Those that are to be under way together take longer.
        let manner = Manner::new(|key| Duration::from_millis(if key == "together" { 50 } else { 1 }));
        let server = Server::start(match tls {
            Some(tls) => manner.tls(tls.acceptor.clone()),
            None => manner,
        });
        let server = server.await;
        server.seed("object", "body");
        server.seed("together", "body");
        server
    }

    fn sdk(url: String, http: Option<SharedHttpClient>) -> Client {
        let mut config = preset::generic(url, "us-east-1", Addressing::Path, WhenRequired)
            .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
        config.set_http_client(http);
        Client::from_conf(config.build())
    }

    fn client(sdk: Client) -> ObjectClient {
        let store = S3::new(sdk, BUCKET).trusting_conditions();
        ObjectClient::builder()
            .endpoint(Endpoint::new("home", store).capacity(1e5))
            .hedging(false)
            .seed(1)
            .build()
            .unwrap()
    }

    /// So many connections lie in its pool.
    async fn fill(server: &Server, client: &ObjectClient) {
        while server.lines().accepted() < POOLED {
            join_all((0..POOLED).map(|_| async { client.get("together").await.unwrap() })).await;
        }
    }

    fn failed(explanation: &Explanation) -> usize {
        let attempts = explanation.attempts().iter();
        attempts
            .filter(|attempt| attempt.verdict() != Some(Verdict::Success))
            .count()
    }

    fn is_closed(client: &ObjectClient) {
        let snapshot = client.snapshot();
        let classes = &snapshot.endpoints[0].classes;
        assert!(
            classes.iter().all(|class| class.breaker.as_str() == "closed"),
            "{snapshot}"
        );
    }

    #[derive(Clone, Copy)]
    enum Kept {
        OverWritten,
        Created,
    }

    /// Each connection answers its next request with a reset.
    async fn forgotten(how: Kept) {
        let server = server(None).await;
        let client = client(sdk(server.url(), None));
        fill(&server, &client).await;
        let before = server.objects();
        for round in 0..5 {
            server.lines().forget();
            for number in 0..4 {
                Promise::Healthy.tried();
                let (_, explanation) = client.get("object").explained().await.unwrap();
                assert_eq!(failed(&explanation), 0, "{explanation}");
                let put = client.put(format!("{round}-{number}"), "body");
                let put = match how {
                    Kept::OverWritten => put.overwrite(),
                    Kept::Created => put,
                };
                let (_, explanation) = put.explained().await.unwrap();
                assert_eq!(failed(&explanation), 0, "{explanation}");
            }
            is_closed(&client);
            // A new pool for the next round.
            join_all((0..POOLED).map(|_| async { client.get("together").await.unwrap() })).await;
        }
        assert_eq!(server.objects(), before + 20);
    }

    /// So often it is tried whether a request goes out over the connection that was kept: on a busy machine it may not be back in the pool.
    const ROUNDS: u64 = 20;

    /// Until the connection that was last used is likely back in its pool.
    async fn kept(round: u64) {
        tokio::time::sleep(Duration::from_millis(10 * round)).await;
    }

    /// It was stored, its answer lost, and the repetition refused because of it.
    async fn a_lost_create() {
        let server = server(None).await;
        let client = client(sdk(server.url(), None));
        for round in 0..ROUNDS {
            client.get("object").await.unwrap();
            kept(round).await;
            server.lines().lose_answers();
            let key = format!("new-{round}");
            let put = client.put(key.clone(), "body").await;
            assert_eq!(put.map_err(|error| error.kind()).map(drop), Ok(()));
            // Its own, the repetition that was refused, and the stack's retry, which looks whose the object is.
            match server.count(&Method::PUT, &key) {
                1 => continue,
                requests => return assert_eq!(requests, 3),
            }
        }
        panic!("no request went out over a kept connection");
    }

    /// The SDK's own put, by a caller who has not said that it may be repeated.
    async fn a_write_of_the_callers() {
        let server = server(None).await;
        let failover = Failover::builder()
            .endpoint(Endpoint::new("home", prepared(&sdk(server.url(), None))))
            .build()
            .unwrap();
        for round in 0..ROUNDS {
            let read = failover.read(|s3: Client| async move {
                let got = s3.get_object().bucket(BUCKET).key("object").send().await?;
                got.body.collect().await.unwrap();
                Ok::<_, aws_sdk_s3::error::SdkError<_>>(())
            });
            read.await.unwrap();
            kept(round).await;
            server.lines().lose_answers();
            let key = format!("once-{round}");
            let asked = key.clone();
            let write = failover.write(move |s3: Client| {
                let put = s3.put_object().bucket(BUCKET).key(asked.clone());
                async move { put.body(ByteStream::from_static(b"body")).send().await }
            });
            let Err(error) = write.await else { continue };
            assert_eq!(error.kind(), ErrorKind::MaybeApplied);
            assert_eq!(server.count(&Method::PUT, &key), 1);
            return;
        }
        panic!("no request went out over a kept connection");
    }

    /// Then it is the endpoint that does not answer: one request for each attempt.
    async fn new_ones_break() {
        let server = server(None).await;
        let client = client(sdk(server.url(), None));
        server.lines().lose_all_answers();
        let error = client.get("object").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(server.count(&Method::GET, "object"), error.attempts_made());
    }

    /// The name leads to an address that swallows packets, and then to a good one.
    #[derive(Clone, Debug)]
    struct DeadFirst;

    impl ResolveDns for DeadFirst {
        fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
            DnsFuture::ready(Ok([2, 1].map(|last| IpAddr::from([127, 0, 0, last])).to_vec()))
        }
    }

    /// The SDK does not come to the good one: it has one limit for connecting, and none for each address.
    async fn a_dead_address() {
        let server = server(None).await;
        let port = server.addr.port();
        let dead = TcpSocket::new_v4().unwrap();
        dead.bind(SocketAddr::from(([127, 0, 0, 2], port))).unwrap();
        let _dead = dead.listen(1).unwrap();
        // Whose queue is full.
        let fill = || timeout(Duration::from_millis(200), TcpStream::connect(("127.0.0.2", port)));
        let _fillers = join_all((0..4).map(|_| fill())).await;
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        let http = http.build_with_resolver(DeadFirst);
        let client = client(sdk(format!("http://several.test:{port}"), Some(http)));
        let error = client.get("object").await.unwrap_err();
        let verdicts = error.attempts().iter().map(Attempt::verdict);
        assert!(
            verdicts.clone().all(|verdict| verdict == Some(Verdict::Unreachable)),
            "{error:?}"
        );
        assert!(
            error.attempts()[0].elapsed().unwrap() >= Duration::from_millis(850),
            "{error:?}"
        );
        assert_eq!(server.count(&Method::GET, "object"), 0);
    }

    /// What is open stays open and says nothing any more.
    async fn silent(tls: Option<Tls>) {
        let server = server(tls.as_ref()).await;
        let url = server
            .url()
            .replace("http:", if tls.is_some() { "https:" } else { "http:" });
        let client = client(sdk(url, tls.as_ref().map(Tls::http)));
        match tls {
            Some(_) => drop(client.get("object").await.unwrap()),
            None => fill(&server, &client).await,
        }
        for _ in 0..50 {
            client.get("object").await.unwrap();
        }
        let before = server.lines().accepted();
        server.lines().silence();
        // Two attempts are lost, and no more.
        let mut lost = 0;
        for _ in 0..10 {
            Promise::Healthy.tried();
            match client.get("object").explained().await {
                Ok((_, explanation)) => lost += failed(&explanation),
                Err(error) => lost += failed(error.explanation()),
            }
        }
        assert!(lost <= 2, "{lost}");
        assert!(server.lines().accepted() > before);
    }
}

#[cfg(feature = "bigtable")]
mod of_bigtable {
    use super::wire::{Lines, Wire};
    use crate::promise::Promise;
    use evenkeel::{Endpoint, ErrorKind, KvClient, provider::Bigtable, verdict::Verdict};
    use google_cloud_auth::credentials::anonymous;
    use http::{Request, Response};
    use http_body_util::Empty;
    use hyper::{
        body::{Bytes, Incoming},
        server::conn::http2,
        service::service_fn,
    };
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use libtest_mimic::Trial;
    use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
    use tokio::{net::TcpListener, task::JoinSet};

    pub(super) fn trial() -> Trial {
        Promise::Healthy.trial("connections::a_silent_bigtable_connection_is_replaced", silent)
    }

    /// Of the rows that are read there are none.
    async fn server() -> (SocketAddr, Arc<Lines>, JoinSet<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let lines = Arc::new(Lines::default());
        let accepting = lines.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let wire = TokioIo::new(Wire::new(socket, &accepting, None));
                connections.spawn(async move {
                    let service = service_fn(|_: Request<Incoming>| async {
                        let answer = Response::builder()
                            .header("content-type", "application/grpc")
                            .header("grpc-status", "0");
                        Ok::<_, Infallible>(answer.body(Empty::<Bytes>::new()).unwrap())
                    });
                    let http = http2::Builder::new(TokioExecutor::new());
                    drop(http.serve_connection(wire, service).await);
                });
            }
        });
        (addr, lines, tasks)
    }

    async fn silent() {
        let (addr, lines, _tasks) = server().await;
        let table = Bigtable::new(anonymous::Builder::new().build(), "projects/p/instances/i/tables/t")
            .endpoint(format!("http://{addr}"));
        let client = KvClient::builder()
            .endpoint(Endpoint::new("home", table).capacity(1e5))
            .hedging(false)
            // No attempt is given up late enough to be suspect by itself.
            .deadline(Duration::from_millis(300))
            .seed(1)
            .build()
            .unwrap();
        for _ in 0..50 {
            assert_eq!(client.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
        }
        lines.silence();
        let mut lost = 0;
        for _ in 0..10 {
            Promise::Healthy.tried();
            let ended = client.get("k").await.unwrap_err();
            let attempts = ended.attempts().iter();
            lost += attempts
                .filter(|attempt| attempt.verdict() != Some(Verdict::Absent))
                .count();
        }
        assert!(lost <= 4, "{lost}");
        assert_eq!(lines.accepted(), 2);
    }
}
