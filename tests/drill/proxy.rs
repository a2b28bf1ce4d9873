//! Each fault in the proxy, over real sockets.

use crate::{
    server::{Client, Server, io_kind},
    support::{profile, scenario, struck, timeline},
};
use bytes::Bytes;
use evenkeel::{
    drill::{FaultProxy, Scenario, Timeline},
    request::OpClass,
};
use std::{
    io::ErrorKind::{ConnectionRefused, ConnectionReset},
    sync::atomic::Ordering::SeqCst,
    time::Duration,
};
use tokio::time::{Instant, timeout};

struct Drill {
    server: Server,
    proxy: FaultProxy,
    timeline: Timeline,
}

/// A proxy before a server, with these rules, not started.
async fn drill(rules: &str) -> Drill {
    let server = Server::start().await;
    let timeline = timeline(rules);
    let proxy = FaultProxy::bind(server.addr, profile(), timeline.clone())
        .await
        .unwrap();
    Drill {
        server,
        proxy,
        timeline,
    }
}

async fn started(rules: &str) -> Drill {
    let drill = drill(rules).await;
    drill.timeline.start_now();
    drill
}

impl Drill {
    async fn client(&self) -> Client {
        Client::connect(self.proxy.addr()).await.unwrap()
    }

    /// Tries to connect until it goes as `wanted`: a change of the gate takes the proxy's task a moment.
    async fn connecting_comes_to(&self, wanted: Result<(), std::io::ErrorKind>) {
        for _ in 0..500 {
            let met = Client::connect(self.proxy.addr()).await.map(drop).map_err(|e| e.kind());
            if met == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("connecting never came to {wanted:?}");
    }
}

#[tokio::test]
async fn requests_without_a_fault_pass_unchanged() {
    let drill = drill(r#"{ "fault": "refuse" }"#).await;
    let mut client = drill.client().await;
    for _ in 0..3 {
        let got = client.get().await.unwrap();
        assert_eq!((got.status, got.body.unwrap()), (200, Bytes::from(vec![7; 1000])));
    }
    let big = vec![1; 300_000];
    assert_eq!(client.send("PUT", "/bucket/b", big).await.unwrap().status, 200);
    assert_eq!(
        drill.server.connections.load(SeqCst),
        1,
        "one connection onwards for one connection here"
    );
    let counts = drill.proxy.counts();
    assert_eq!(
        (counts.of(OpClass::Read).seen, counts.of(OpClass::Write).forwarded),
        (3, 1)
    );
    assert_eq!(
        (counts.total().seen, counts.total().forwarded, counts.total().faulted),
        (4, 4, 0)
    );
}

#[tokio::test]
async fn a_hang_accepts_and_stays_silent() {
    let drill = started(r#"{ "fault": "hang" }"#).await;
    let mut client = drill.client().await;
    assert!(timeout(Duration::from_millis(300), client.get()).await.is_err());
    assert_eq!(drill.server.requests(), 0);
    let reads = drill.proxy.counts().of(OpClass::Read);
    assert_eq!((reads.seen, reads.forwarded, reads.faulted), (1, 0, 1));
}

#[tokio::test]
async fn a_connect_hang_leaves_open_connections_alone() {
    let drill = drill(r#"{ "fault": "hang_connect" }"#).await;
    let mut pooled = drill.client().await;
    pooled.get().await.unwrap();
    drill.timeline.start_now();
    // Filling the queue takes the proxy a tenth of a second.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..3 {
        let connecting = Client::connect(drill.proxy.addr());
        assert!(
            timeout(Duration::from_millis(300), connecting).await.is_err(),
            "connected, or was refused"
        );
    }
    assert_eq!(pooled.get().await.unwrap().status, 200);
    drill.timeline.stop();
    drill.connecting_comes_to(Ok(())).await;
    assert_eq!(drill.client().await.get().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_refusal_closes_the_port_and_resets_open_connections() {
    let drill = drill(r#"{ "fault": "refuse" }"#).await;
    let mut pooled = drill.client().await;
    pooled.get().await.unwrap();
    drill.timeline.start_now();
    drill.connecting_comes_to(Err(ConnectionRefused)).await;
    pooled.get().await.unwrap_err();
    drill.timeline.stop();
    drill.connecting_comes_to(Ok(())).await;
    assert_eq!(drill.client().await.get().await.unwrap().status, 200);
}

#[tokio::test]
async fn an_empty_dns_answer_does_not_affect_the_proxy() {
    let drill = drill(r#"{ "fault": "dns_empty" }"#).await;
    let mut pooled = drill.client().await;
    drill.timeline.start_now();
    assert_eq!(pooled.get().await.unwrap().status, 200);
    assert_eq!(drill.proxy.counts().total().faulted, 0);
}

#[tokio::test]
async fn a_reset_before_the_request_never_reaches_the_server() {
    let drill = started(r#"{ "fault": "reset_before_request" }"#).await;
    let error = drill.client().await.get().await.unwrap_err();
    assert_eq!(io_kind(&error), Some(ConnectionReset), "{error:?}");
    assert_eq!(drill.server.requests(), 0);
}

#[tokio::test]
async fn a_reset_after_the_request_follows_the_servers_work() {
    let drill = started(r#"{ "fault": "reset_after_request" }"#).await;
    let error = drill.client().await.send("PUT", "/bucket/b", "body").await.unwrap_err();
    assert_eq!(io_kind(&error), Some(ConnectionReset), "{error:?}");
    assert_eq!(drill.server.requests(), 1);
}

#[tokio::test]
async fn a_status_has_an_error_document_and_keeps_the_connection() {
    let rule = r#"{ "fault": { "status": { "code": 503, "s3_code": "SlowDown", "retry_after": "1500ms" } } }"#;
    let drill = started(rule).await;
    let mut client = drill.client().await;
    for _ in 0..2 {
        let got = client.send("PUT", "/bucket/b", vec![1; 300_000]).await.unwrap();
        assert_eq!((got.status, &got.headers["retry-after"]), (503, &"2".parse().unwrap()));
        let body = String::from_utf8(got.body.unwrap().to_vec()).unwrap();
        assert!(body.contains("<Code>SlowDown</Code>"), "{body}");
    }
    assert_eq!(client.send("HEAD", "/bucket/b", "").await.unwrap().status, 503);
    assert_eq!(drill.server.requests(), 0);
}

#[tokio::test]
async fn an_authentication_failure_is_a_403_with_its_code() {
    let drill = started(r#"{ "fault": { "authentication": { "s3_code": "ExpiredToken" } } }"#).await;
    let got = drill.client().await.get().await.unwrap();
    assert_eq!(got.status, 403);
    assert!(String::from_utf8_lossy(&got.body.unwrap()).contains("<Code>ExpiredToken</Code>"));
}

#[tokio::test]
async fn a_delay_holds_back_the_answer() {
    let drill = started(r#"{ "fault": { "delay": { "by": "200ms" } } }"#).await;
    let start = Instant::now();
    assert_eq!(drill.client().await.get().await.unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_distance_delays_answers_without_any_fault() {
    let drill = drill(r#"{ "fault": "refuse" }"#).await;
    drill.proxy.set_distance(Duration::from_millis(100));
    let start = Instant::now();
    assert_eq!(drill.client().await.get().await.unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(drill.proxy.counts().total().faulted, 0);
}

#[tokio::test]
async fn slowness_multiplies_the_servers_time() {
    let drill =
        started(r#"{ "fault": { "delay": { "by": "20ms" } } }, { "fault": { "slow": { "factor": 3 } } }"#).await;
    // The server behind is itself such a proxy, 20 ms late, so that its time is known from below.
    let slow = timeline(r#"{ "fault": { "slow": { "factor": 5 } } }"#);
    slow.start_now();
    let slow = FaultProxy::bind(drill.proxy.addr(), profile(), slow).await.unwrap();
    let start = Instant::now();
    Client::connect(slow.addr()).await.unwrap().get().await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_drip_is_slow_and_loses_nothing() {
    let drill = started(r#"{ "fault": { "drip": { "bytes_per_second": 4000 } } }"#).await;
    let start = Instant::now();
    let got = drill.client().await.get().await.unwrap();
    assert_eq!(got.body.unwrap().len(), 1000);
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_truncated_body_ends_before_its_content_length() {
    for drip in ["", r#", { "fault": { "drip": { "bytes_per_second": 20000 } } }"#] {
        let drill = started(&format!(
            r#"{{ "fault": {{ "truncate": {{ "after_bytes": 400 }} }} }}{drip}"#
        ))
        .await;
        let got = drill.client().await.get().await.unwrap();
        assert_eq!(
            (got.status, &got.headers["content-length"]),
            (200, &"1000".parse().unwrap())
        );
        let error = got.body.unwrap_err();
        assert!(error.is_incomplete_message() || io_kind(&error).is_some(), "{error:?}");
        // An answer without a body has nothing to cut.
        assert_eq!(
            drill.client().await.send("PUT", "/bucket/b", "x").await.unwrap().status,
            200
        );
    }
}

#[tokio::test]
async fn a_throttle_refuses_above_its_capacity() {
    let drill = started(r#"{ "fault": { "throttle": { "calls_per_second": 1 } } }"#).await;
    let mut client = drill.client().await;
    let mut statuses = vec![];
    for _ in 0..6 {
        statuses.push(client.get().await.unwrap().status);
    }
    // Two pass at once; what a second brings is far away for six calls on loopback.
    assert_eq!(statuses, [200, 200, 503, 503, 503, 503]);
}

#[tokio::test]
async fn rules_for_writes_leave_reads_alone() {
    let drill = started(r#"{ "classes": ["write"], "fault": { "status": { "code": 500 } } }"#).await;
    let mut client = drill.client().await;
    assert_eq!(client.get().await.unwrap().status, 200);
    assert_eq!(client.send("GET", "/bucket?list-type=2", "").await.unwrap().status, 200);
    assert_eq!(client.send("PUT", "/bucket/b", "").await.unwrap().status, 500);
}

#[tokio::test]
async fn phases_follow_each_other_on_open_connections() {
    let server = Server::start().await;
    let json = r#"{ "name": "two", "phases": [
        { "name": "errors", "duration": "400ms", "rules": [{ "fault": { "status": { "code": 500 } } }] },
        { "name": "healthy", "duration": "400ms" },
        { "name": "dark", "duration": "1h", "rules": [{ "fault": "refuse" }] }
    ] }"#;
    let timeline = Timeline::new(Scenario::from_json(json).unwrap(), 7).unwrap();
    let proxy = FaultProxy::bind(server.addr, profile(), timeline.clone())
        .await
        .unwrap();
    let mut client = Client::connect(proxy.addr()).await.unwrap();
    timeline.start_now();
    let mut met = vec![];
    while let Ok(got) = client.get().await {
        if met.last() != Some(&got.status) {
            met.push(got.status);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(met, [500, 200]);
}

#[tokio::test]
async fn a_dead_server_is_a_bad_gateway() {
    let gone = Server::start().await.addr;
    let proxy = FaultProxy::bind(gone, profile(), Timeline::idle()).await.unwrap();
    // The server's port closes when its task has ended, a moment after it was dropped.
    let mut status = 0;
    for _ in 0..500 {
        status = Client::connect(proxy.addr()).await.unwrap().get().await.unwrap().status;
        if status == 502 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(status, 502);
}

#[tokio::test]
async fn an_unplayable_fault_is_refused_at_bind() {
    let timeline = Timeline::new(scenario(r#"{ "fault": "stale_reads" }"#), 7).unwrap();
    let addr = "127.0.0.1:1".parse().unwrap();
    let error = FaultProxy::bind(addr, profile(), timeline).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the proxy cannot play `stale_reads` in phase \"trouble\": a proxy does not remember what the server answered before"
    );
}

#[tokio::test]
async fn a_dropped_proxy_leaves_no_task_running() {
    let server = Server::start().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for shut_down in [false, true] {
        let timeline = timeline(r#"{ "classes": ["write"], "fault": "hang" }"#);
        timeline.start_now();
        let proxy = FaultProxy::bind(server.addr, profile(), timeline).await.unwrap();
        let addr = proxy.addr();
        let (mut idle, mut hung) = (
            Client::connect(addr).await.unwrap(),
            Client::connect(addr).await.unwrap(),
        );
        idle.get().await.unwrap();
        assert!(
            timeout(Duration::from_millis(100), hung.send("PUT", "/bucket/b", "x"))
                .await
                .is_err()
        );
        if shut_down {
            proxy.shutdown().await;
            assert!(Client::connect(addr).await.is_err(), "the port is closed");
        } else {
            drop(proxy);
        }
        drop((idle, hung));
    }
    for _ in 0..500 {
        // The server's own tasks for the connections end, too.
        if tasks() <= before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} tasks before, {} after", before, tasks());
}

#[tokio::test]
async fn requests_succeed_after_every_builtin_incident() {
    let server = Server::start().await;
    let mut proxies = vec![];
    for incident in Scenario::builtins() {
        let timeline = Timeline::new(incident.compressed(Duration::from_millis(600)), 7).unwrap();
        timeline.start_now();
        proxies.push((
            FaultProxy::bind(server.addr, struck(&incident), timeline.clone())
                .await
                .unwrap(),
            timeline,
        ));
    }
    assert_eq!(proxies.len(), 13);
    for (proxy, timeline) in proxies {
        while timeline.now().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let drill = Drill {
            server: Server::start().await,
            proxy,
            timeline,
        };
        drill.connecting_comes_to(Ok(())).await;
        assert_eq!(drill.client().await.get().await.unwrap().status, 200);
    }
}
