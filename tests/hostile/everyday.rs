//! What real services do on an ordinary day: throttled answers, skewed clocks, closing connections, slow bodies.

#![allow(clippy::disallowed_methods)] // the crate's clock is its own

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    #[cfg(feature = "s3")]
    return s3::trials();
    #[cfg(not(feature = "s3"))]
    return Vec::new();
}

#[cfg(feature = "s3")]
mod s3 {
    use crate::{
        promise::{Promise, rounds},
        script::{Answer, Asked, Server, answer, s3_refusal, serve},
    };
    use aws_sdk_s3::{
        Client,
        config::{BehaviorVersion, Builder, Credentials, Region},
        primitives::ByteStream,
    };
    use aws_smithy_http_client::tls;
    use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
    use aws_smithy_types::{DateTime, date_time::Format};
    use bytes::Bytes;
    use evenkeel::{
        Endpoint, ErrorKind, Failover, ObjectClient, Replication,
        credentials::{Keeper, Lease},
        provider::s3::{S3, prepared},
        telemetry::Event,
        verdict::Verdict,
    };
    use http::Method;
    use libtest_mimic::Trial;
    use std::{
        convert::Infallible,
        net::SocketAddr,
        sync::{
            Arc, Mutex,
            atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        },
        time::{Duration, SystemTime},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::Barrier,
        task::JoinSet,
        time::Instant,
    };

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Healthy.trial(
                "everyday::an_isolated_retry_after_affects_its_own_call_alone",
                isolated_retry_after,
            ),
            Promise::Deadline.trial(
                "everyday::a_retry_after_delays_no_call_that_could_succeed",
                huge_retry_after,
            ),
            Promise::Credentials.trial(
                "everyday::a_skewed_clock_does_not_condemn_the_credentials",
                skew_that_is_learnt,
            ),
            Promise::Words.trial("everyday::the_error_names_a_persistently_wrong_clock", skew_that_stays),
            Promise::Healthy.trial(
                "everyday::connections_that_all_close_at_once_open_no_breaker",
                burst_of_closes,
            ),
            Promise::Healthy.trial(
                "everyday::a_server_that_closes_after_some_requests_is_healthy",
                closes_after_some,
            ),
            Promise::Deadline.trial("everyday::a_dripping_body_fails_over", dripping_body),
            Promise::Deadline.trial("everyday::a_dripping_body_ends_by_the_deadline", dripping_alone),
            Promise::Deadline.trial("everyday::a_resolver_that_takes_20_s_causes_failover", slow_resolver),
            Promise::NoSecondWrite.trial(
                "everyday::a_write_with_an_unresolved_host_is_unsent",
                slow_resolver_of_a_write,
            ),
            Promise::Healthy.trial("everyday::large_puts_go_elsewhere_and_small_ones_stay", large_puts),
            Promise::Words.trial(
                "everyday::a_large_put_without_an_alternative_explains_its_failure",
                large_put_alone,
            ),
        ]
    }

    fn config(addr: SocketAddr) -> Builder {
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{addr}"))
            .force_path_style(true)
            .credentials_provider(Credentials::new("key", "secret", None, None, "static"))
    }

    /// No test here is about conditions.
    fn bucket(client: Client) -> S3 {
        S3::new(client, "bucket").trusting_conditions()
    }

    fn store(addr: SocketAddr) -> S3 {
        bucket(Client::from_conf(config(addr).build()))
    }

    fn object() -> Answer {
        answer(200, &[("etag", "\"e\""), ("x-amz-request-id", "REQ42")], "body")
    }

    /// How often an event of this kind was told.
    fn heard(kind: fn(&Event) -> bool) -> (Arc<AtomicUsize>, impl Fn(&Event) + Send + Sync + 'static) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        (count, move |event| {
            counted.fetch_add(usize::from(kind(event)), SeqCst);
        })
    }

    fn opened(event: &Event) -> bool {
        matches!(event, Event::BreakerOpened { .. })
    }

    /// Seconds, days, a date of long ago, the past, nonsense.
    const RETRY_AFTER: [&str; 7] = [
        "3",
        "259200",
        "99999999999999999999999",
        "Fri, 20 Nov 2020 10:00:00 GMT",
        "-5",
        "soon",
        "0",
    ];

    fn slow_down(retry_after: &'static str) -> Answer {
        let mut refusal = s3_refusal(503, "SlowDown");
        refusal
            .headers_mut()
            .insert("retry-after", retry_after.parse().unwrap());
        refusal
    }

    /// How many of these calls the first of two stores is asked in, that refuses one request in a hundred, with these headers.
    async fn at_the_first(calls: usize, headers: &'static [&'static str]) -> usize {
        let asked = Arc::new(AtomicUsize::new(0));
        let busy = serve(move |_| {
            let number = asked.fetch_add(1, SeqCst);
            async move {
                match (number % 100, headers) {
                    (50, []) => s3_refusal(503, "SlowDown"),
                    (50, headers) => slow_down(headers[number / 100 % headers.len()]),
                    _ => object(),
                }
            }
        })
        .await;
        let other = serve(|_| async { object() }).await;
        let client = ObjectClient::builder()
            .endpoints([
                Endpoint::new("a", store(busy.addr)),
                Endpoint::new("b", store(other.addr)),
            ])
            .replication(Replication::provider_managed())
            .hedging(false)
            .build()
            .unwrap();
        for _ in 0..calls {
            Promise::Healthy.tried();
            client.get("k").await.unwrap();
        }
        busy.count()
    }

    async fn isolated_retry_after() {
        let first = at_the_first(700, &RETRY_AFTER).await;
        assert!(first * 10 > 700 * 7, "{first} of 700 at the first");
        // In the long run the refusals themselves send calls away. The headers add nothing to that.
        let calls = rounds(700);
        let (with, without) = (at_the_first(calls, &RETRY_AFTER).await, at_the_first(calls, &[]).await);
        assert!(with * 10 > without * 7, "{with} and {without} of {calls} at the first");
    }

    /// The only endpoint asks once for three days, and is well.
    async fn huge_retry_after() {
        for retry_after in RETRY_AFTER {
            Promise::Deadline.tried();
            let asked = AtomicUsize::new(0);
            let asked = Arc::new(asked);
            let server = serve(move |_| {
                let number = asked.fetch_add(1, SeqCst);
                async move {
                    match number {
                        0 => slow_down(retry_after),
                        _ => object(),
                    }
                }
            })
            .await;
            let client = ObjectClient::builder()
                .endpoint(Endpoint::new("a", store(server.addr)))
                .build()
                .unwrap();
            client.get("k").await.unwrap();
            // What it asked for it gets, within reason: 2 s at most.
            let start = Instant::now();
            client.get("k").await.unwrap();
            assert_eq!(server.count(), 3, "{retry_after} {:?}", start.elapsed());
        }
    }

    /// A store whose clock is this far ahead, and that believes in its own.
    async fn ahead(by: Arc<Mutex<Duration>>, learns: bool) -> Server {
        serve(move |asked: Asked| {
            let by = *by.lock().unwrap();
            async move {
                let there = SystemTime::now() + by;
                let signed = DateTime::from_str(
                    &asked
                        .header("x-amz-date")
                        .map(|date| {
                            // 20261127T090000Z
                            let (d, t) = date.split_at(8);
                            format!(
                                "{}-{}-{}T{}:{}:{}Z",
                                &d[..4],
                                &d[4..6],
                                &d[6..],
                                &t[1..3],
                                &t[3..5],
                                &t[5..7]
                            )
                        })
                        .unwrap(),
                    Format::DateTime,
                );
                let signed = SystemTime::try_from(signed.unwrap()).unwrap();
                let apart = there.duration_since(signed).unwrap_or_default();
                let mut said = match apart > Duration::from_secs(900) || (!learns && by > Duration::ZERO) {
                    true if asked.method == Method::HEAD => answer(403, &[("x-amz-request-id", "REQ42")], ""),
                    true => s3_refusal(403, "RequestTimeTooSkewed"),
                    false => object(),
                };
                let date = DateTime::from(there).fmt(Format::HttpDate).unwrap();
                said.headers_mut().insert("date", date.parse().unwrap());
                said
            }
        })
        .await
    }

    fn kept(fetches: &Arc<AtomicUsize>) -> Keeper<Credentials> {
        let fetches = fetches.clone();
        Keeper::new("keys", move || {
            fetches.fetch_add(1, SeqCst);
            async {
                Ok::<_, Infallible>(Lease::without_end(Credentials::new(
                    "key", "secret", None, None, "kept",
                )))
            }
        })
    }

    /// A client of a store whose clock may be ahead.
    struct Skewed {
        by: Arc<Mutex<Duration>>,
        fetches: Arc<AtomicUsize>,
        opened: Arc<AtomicUsize>,
        client: ObjectClient,
        _server: Server,
    }

    async fn skewed(learns: bool) -> Skewed {
        let by = Arc::new(Mutex::new(Duration::ZERO));
        let server = ahead(by.clone(), learns).await;
        let fetches = Arc::new(AtomicUsize::new(0));
        let keeper = kept(&fetches);
        let (opened, listen) = heard(opened);
        let store = bucket(Client::from_conf(keeper.s3(config(server.addr)).build()));
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("a", store).credentials(&keeper))
            .on_event(listen)
            .build()
            .unwrap();
        Skewed {
            by,
            fetches,
            opened,
            client,
            _server: server,
        }
    }

    /// This host wakes up, and its clock is an hour behind.
    async fn skew_that_is_learnt() {
        let Skewed {
            by,
            fetches,
            opened,
            client,
            _server,
        } = skewed(true).await;
        for _ in 0..30 {
            client.get("k").await.unwrap();
        }
        for hours in [1, 3, 0, 5] {
            *by.lock().unwrap() = Duration::from_secs(3_600 * hours);
            for round in 0..20 {
                Promise::Healthy.tried();
                // Also one whose refusal has no words.
                match round {
                    0 if hours == 3 => drop(client.head("k").await.unwrap()),
                    1 => drop(client.put("k", "v").await.unwrap()),
                    _ => drop(client.get("k").await.unwrap()),
                }
            }
        }
        assert_eq!((fetches.load(SeqCst), opened.load(SeqCst)), (1, 0));
    }

    /// No attempt is signed right: each error says whose clock it is.
    async fn skew_that_stays() {
        let Skewed {
            by,
            fetches,
            opened,
            client,
            _server,
        } = skewed(false).await;
        client.get("k").await.unwrap();
        *by.lock().unwrap() = Duration::from_secs(3_600);
        for round in 0..12 {
            Promise::Words.tried();
            let error = match round % 3 {
                0 => client.put("k", "v").await.map(drop).unwrap_err(),
                1 => client.head("k").await.map(drop).unwrap_err(),
                _ => client.get("k").await.map(drop).unwrap_err(),
            };
            assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
            assert!(error.to_string().contains("this host's clock"), "{error}");
            assert!(!error.to_string().contains("credentials"), "{error}");
        }
        assert_eq!((fetches.load(SeqCst), opened.load(SeqCst)), (1, 0));
    }

    /// Reads the head of a request without a body. `None`: the connection was closed.
    async fn head_of(socket: &mut TcpStream) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.ok()?);
        }
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    const GOT: &[u8] = b"HTTP/1.1 200 OK\r\nx-amz-request-id: REQ42\r\netag: \"e\"\r\ncontent-length: 4\r\n\r\nbody";

    /// A server over bare sockets.
    async fn raw<F, A>(each: F) -> (SocketAddr, JoinSet<()>)
    where
        F: Fn(TcpStream) -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(each(socket));
            }
        });
        (addr, tasks)
    }

    /// A deployment: every connection is closed under the request that it carries, at the same moment. The next ones work.
    async fn burst_of_closes() {
        const AT_ONCE: usize = 16;
        let closing = Arc::new(AtomicBool::new(false));
        let all = Arc::new(Barrier::new(AT_ONCE));
        let (closes, together) = (closing.clone(), all.clone());
        let (addr, _tasks) = raw(move |mut socket| {
            let (closes, together) = (closes.clone(), together.clone());
            async move {
                while head_of(&mut socket).await.is_some() {
                    if closes.load(SeqCst) {
                        let last = together.wait().await;
                        if last.is_leader() {
                            closes.store(false, SeqCst);
                        }
                        return;
                    }
                    let _ = socket.write_all(GOT).await;
                }
            }
        })
        .await;
        let (count, listen) = heard(opened);
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("a", store(addr)))
            .hedging(false)
            .on_event(listen)
            .build()
            .unwrap();
        let burst = async || {
            let mut calls = JoinSet::new();
            for _ in 0..AT_ONCE {
                let client = client.clone();
                calls.spawn(async move { client.get("k").deadline(Duration::from_secs(30)).await.map(drop) });
            }
            for result in calls.join_all().await {
                result.unwrap();
            }
        };
        for _ in 0..3 {
            Promise::Healthy.tried();
            for _ in 0..200 {
                client.get("k").await.unwrap();
            }
            burst().await;
            closing.store(true, SeqCst);
            burst().await;
            tokio::time::sleep(Duration::from_millis(1_100)).await;
        }
        assert_eq!(count.load(SeqCst), 0);
    }

    /// Each connection ends, unannounced, under its 25th request or soon after: never two within eight requests, which by chance
    /// could be all that a call has.
    async fn closes_after_some() {
        let asked_and_closed = Arc::new(Mutex::new((0, 0)));
        let (addr, _tasks) = raw(move |mut socket| {
            let asked_and_closed = asked_and_closed.clone();
            async move {
                let mut here = 0;
                while head_of(&mut socket).await.is_some() {
                    here += 1;
                    let ends = {
                        let mut both = asked_and_closed.lock().unwrap();
                        both.0 += 1;
                        let ends = here >= 25 && both.0 >= both.1 + 8;
                        if ends {
                            both.1 = both.0;
                        }
                        ends
                    };
                    if ends || socket.write_all(GOT).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        let (count, listen) = heard(opened);
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("a", store(addr)))
            .hedging(false)
            .on_event(listen)
            .build()
            .unwrap();
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            let client = client.clone();
            calls.spawn(async move {
                for _ in 0..rounds(150) {
                    Promise::Healthy.tried();
                    client.get("k").deadline(Duration::from_secs(30)).await.unwrap();
                }
            });
        }
        calls.join_all().await;
        assert_eq!(count.load(SeqCst), 0);
    }

    /// A head at once, and then a byte a second.
    async fn dripping() -> (SocketAddr, JoinSet<()>) {
        raw(|mut socket| async move {
            head_of(&mut socket).await;
            let head = "HTTP/1.1 200 OK\r\nx-amz-request-id: REQ42\r\netag: \"e\"\r\ncontent-length: 1000\r\n\r\n";
            let _ = socket.write_all(head.as_bytes()).await;
            while socket.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
        .await
    }

    async fn dripping_body() {
        let (addr, _tasks) = dripping().await;
        let well = serve(|_| async { object() }).await;
        let client = ObjectClient::builder()
            .endpoints([Endpoint::new("a", store(addr)), Endpoint::new("b", store(well.addr))])
            .replication(Replication::provider_managed())
            .hedging(false)
            .build()
            .unwrap();
        let mut asked = 0;
        for _ in 0..12 {
            Promise::Deadline.tried();
            let (got, explanation) = client.get("k").explained().await.unwrap();
            assert_eq!(got.endpoint(), "b");
            let first = &explanation.attempts()[0];
            if first.endpoint() == "a" {
                asked += 1;
                assert_eq!(first.verdict(), Some(Verdict::Faulty), "{explanation}");
            }
        }
        // It is its fault, and calls stop asking it first.
        assert!(asked < 8, "{asked}");
    }

    async fn dripping_alone() {
        let (addr, _tasks) = dripping().await;
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("a", store(addr)))
            .build()
            .unwrap();
        let start = Instant::now();
        let error = client.get("k").deadline(Duration::from_secs(2)).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }

    /// No name is resolved before 20 s have passed.
    #[derive(Clone, Debug)]
    struct Slow;

    impl ResolveDns for Slow {
        fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
            DnsFuture::new(async {
                tokio::time::sleep(Duration::from_secs(20)).await;
                Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()])
            })
        }
    }

    fn unresolved(server: &Server) -> Client {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .build_with_resolver(Slow);
        let url = format!("http://s3.us-east-1.drill.test:{}", server.addr.port());
        Client::from_conf(config(server.addr).endpoint_url(url).http_client(http).build())
    }

    async fn slow_resolver() {
        let (here, there) = (serve(|_| async { object() }).await, serve(|_| async { object() }).await);
        let (count, listen) = heard(opened);
        let client = ObjectClient::builder()
            .endpoints([
                Endpoint::new("a", bucket(unresolved(&here))),
                Endpoint::new("b", store(there.addr)),
            ])
            .replication(Replication::write_once())
            .on_event(listen)
            .build()
            .unwrap();
        while count.load(SeqCst) < 2 {
            let start = Instant::now();
            client.get("k").await.unwrap();
            client.put("k", "v").await.unwrap();
            assert!(start.elapsed() < Duration::from_secs(19), "{:?}", start.elapsed());
        }
        // And if everybody comes at once, once it is known.
        let mut calls = JoinSet::new();
        for _ in 0..64 {
            let client = client.clone();
            calls.spawn(async move { client.get("k").await.map(drop) });
        }
        for result in calls.join_all().await {
            Promise::Deadline.tried();
            result.unwrap();
        }
        assert_eq!(here.count(), 0);
    }

    async fn slow_resolver_of_a_write() {
        let (here, there) = (serve(|_| async { object() }).await, serve(|_| async { object() }).await);
        let failover = Failover::builder()
            .endpoints([
                Endpoint::new("a", prepared(&unresolved(&here))),
                Endpoint::new("b", prepared(&Client::from_conf(config(there.addr).build()))),
            ])
            .build()
            .unwrap();
        // A write that must not happen twice goes elsewhere only if it is known to be unsent.
        let put = async |s3: Client| {
            let body = ByteStream::from_static(b"v");
            s3.put_object().bucket("bucket").key("k").body(body).send().await
        };
        failover.write(put).await.unwrap();
        assert_eq!((here.count(), there.count()), (0, 1));
    }

    /// Something before the store takes no more than a megabyte, and says so in its own way. Whoever looks whether a large one
    /// was stored finds nothing.
    async fn narrow(how: u16) -> Server {
        serve(move |asked: Asked| async move {
            match asked.method {
                Method::PUT if asked.body.len() > 1_000_000 => answer(how, &[("server", "nginx")], "<html>no</html>"),
                Method::PUT => object(),
                _ => s3_refusal(404, "NoSuchKey"),
            }
        })
        .await
    }

    async fn large_puts() {
        for how in [413, 502] {
            let (here, there) = (narrow(how).await, serve(|_| async { object() }).await);
            let (count, listen) = heard(opened);
            let (large_out, also) = heard(|event| matches!(event, Event::LargeWritesOut { .. }));
            let client = ObjectClient::builder()
                .endpoints([
                    Endpoint::new("a", store(here.addr)),
                    Endpoint::new("b", store(there.addr)),
                ])
                .replication(Replication::write_once())
                .hedging(false)
                .on_event(move |event| {
                    listen(event);
                    also(event);
                })
                .build()
                .unwrap();
            let large = Bytes::from(vec![7; 2 << 20]);
            for round in 0..60 {
                Promise::Healthy.tried();
                let body = if round % 2 == 0 {
                    large.clone()
                } else {
                    Bytes::from_static(b"small")
                };
                client.put(format!("k{round}"), body).await.unwrap();
            }
            let asked = here.asked();
            let puts = |large: bool| {
                let puts = asked.iter().filter(|asked| asked.method == Method::PUT);
                puts.filter(|asked| (asked.body.len() > 1_000_000) == large).count()
            };
            // The small ones stay, the large ones soon stop to come.
            assert_eq!((puts(false), count.load(SeqCst)), (30, 0), "{how}");
            assert!(puts(true) < 15 && large_out.load(SeqCst) > 0, "{how}: {}", puts(true));
        }
    }

    async fn large_put_alone() {
        let server = narrow(413).await;
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("a", store(server.addr)))
            .build()
            .unwrap();
        let error = client.put("k", vec![7; 2 << 20]).await.unwrap_err();
        assert!(!error.may_have_been_applied(), "{error}");
        assert!(
            error.to_string().contains("too large for something on the way"),
            "{error}"
        );
        client.put("k", "small").await.unwrap();
    }
}
