//! The concentration report says what the fault proxies counted: each attempt, and each byte of a body.

use crate::support::timeline;
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    drill::{FaultProxy, Timeline},
    ops::{
        concentration::{Concentration, Reading},
        probe::ProbeSettings,
    },
    provider::S3,
    request::{LegKind, OpClass},
    stack::retry::Budget,
};
use evenkeel_s3_server::{Server, Settings};
use std::time::Duration;

/// More than is handed over at once, so that the adapter reports it piece by piece.
const LARGE: usize = 200_000;

struct World {
    client: ObjectClient,
    timeline: Timeline,
    proxies: [FaultProxy; 2],
    _servers: [Server; 2],
}

const NAMES: [(&str, &str); 2] = [("virginia", "aws"), ("heilbronn", "stackit")];

fn endpoint(name: &str, provider: &str) -> Endpoint<()> {
    Endpoint::new(name, ()).provider(provider).region("one")
}

/// Two stores, each behind a proxy; the rules strike the first.
async fn world(fault: &str) -> World {
    let rule = format!(r#"{{ "target": {{ "provider": "aws" }}, {fault} }}"#);
    let timeline = timeline(&rule);
    let settings = || Settings::new(&["bucket"]).credentials("key", "secret");
    let first = Server::start(settings()).await.unwrap();
    let servers = [first.twin().await.unwrap(), first];
    let mut proxies = Vec::new();
    let mut builder = ObjectClient::builder();
    for ((name, provider), server) in NAMES.into_iter().zip(&servers) {
        let endpoint = endpoint(name, provider);
        let profile = endpoint.profile().clone();
        let proxy = FaultProxy::bind(server.addr(), profile, timeline.clone())
            .await
            .unwrap();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", proxy.addr()))
            .force_path_style(true)
            .credentials_provider(Credentials::new("key", "secret", None, None, "static"))
            .build();
        let store = S3::new(Client::from_conf(config), "bucket").trusting_all_conditions();
        builder = builder.endpoint(endpoint.map(|()| store));
        proxies.push(proxy);
    }
    let mut probes = ProbeSettings::default();
    probes.idle = Some(Duration::from_millis(300));
    let client = builder
        .replication(Replication::write_once())
        // Of a hedge's loser whose body is on its way, the proxy may have sent more than has arrived. Where reads hang,
        // losers have no body.
        .hedging(fault.contains("hang"))
        .budget(Budget::new(1.0, 1_000.0))
        .probes(probes)
        .build()
        .unwrap();
    World {
        client,
        timeline,
        proxies: proxies.try_into().unwrap(),
        _servers: servers,
    }
}

impl World {
    /// Calls of every kind, some of which fail.
    async fn traffic(&self) {
        for (name, _) in NAMES {
            self.client
                .put(format!("of {name}"), vec![7; 1_000])
                .pin(name)
                .await
                .unwrap();
            // From now on both adapters know that their bucket is there, and need no second request for an absence.
            self.client.head(format!("of {name}")).pin(name).await.unwrap();
        }
        self.client.put("large", vec![1; LARGE]).await.unwrap();
        for _ in 0..30 {
            self.client.get("of virginia").await.unwrap();
        }
        self.timeline.start_now();
        for round in 0..20 {
            let _ = self.client.get("of virginia").await;
            let _ = self.client.get("large").deadline(Duration::from_secs(3)).await;
            let _ = self.client.put(format!("small {round}"), vec![2; 10]).await;
            let _ = self.client.put(format!("large {round}"), vec![3; LARGE]).await;
            let _ = self.client.list("of").collect_all().await;
        }
        // Until the standby was probed.
        let probed = || {
            let snapshot = self.client.snapshot();
            let classes = snapshot.endpoints.iter().flat_map(|one| &one.classes);
            classes.map(|class| class.attempts.of_kind(LegKind::Probe)).sum::<u64>() > 0
        };
        for _ in 0..100 {
            if probed() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until nothing is under way any more.
    async fn rests(&self) {
        self.client.close();
        for _ in 0..100 {
            let is_busy = |one: &evenkeel::ops::snapshot::EndpointSnapshot| one.in_flight > 0;
            if !self.client.snapshot().endpoints.iter().any(is_busy) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The proxy hears a little later of a client that has left.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    /// What the proxies counted: requests, and bytes of bodies up and down.
    fn counted(&self) -> [(u64, u64, u64); 2] {
        [0, 1].map(|index| {
            let counts = self.proxies[index].counts();
            let (writes, reads) = (counts.of(OpClass::Write), counts.of(OpClass::Read));
            (counts.total().seen, writes.bytes_up, reads.bytes_down)
        })
    }
}

/// What the report says of the same.
fn reported(report: &Concentration) -> [(u64, u64, u64); 2] {
    [0, 1].map(|index| {
        let one = &report.endpoints[index];
        let all = [one.foreground, one.hedge, one.probe];
        let sum = |of: &dyn Fn(usize) -> u64| (0..3).map(of).sum::<u64>();
        (
            sum(&|kind| all[kind].attempts),
            sum(&|kind| all[kind].bytes_up.unwrap()),
            sum(&|kind| all[kind].bytes_down.unwrap()),
        )
    })
}

async fn equals(fault: &str) -> Concentration {
    let world = world(fault).await;
    let view = world.client.view();
    world.traffic().await;
    world.rests().await;
    let report = Reading::of(&[view]).report();
    assert_eq!(reported(&report), world.counted(), "{fault}: {report}");
    // The shares are those of the counts.
    let parts = |kind: &evenkeel::ops::concentration::Measures| {
        let amounts = kind.attempts.parts.iter();
        amounts
            .map(|part| (part.name.clone(), part.amount.unwrap()))
            .collect::<Vec<_>>()
    };
    let by = &report.by_provider;
    for (index, (_, provider)) in NAMES.into_iter().enumerate() {
        let all = [&by.foreground, &by.hedge, &by.probe].into_iter().flat_map(parts);
        let of_it: u64 = all.filter(|(name, _)| name == provider).map(|(_, amount)| amount).sum();
        assert_eq!(of_it, world.proxies[index].counts().total().seen, "{fault}: {provider}");
    }
    assert!(world.proxies[0].counts().total().faulted > 0, "{fault} was met");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_equal_what_the_proxies_counted_while_requests_fail() {
    let report =
        equals(r#""probability": 0.4, "fault": { "status": { "code": 500, "s3_code": "InternalError" } }"#).await;
    let [aws, stackit] = [0, 1].map(|index| report.endpoints[index].foreground.attempts);
    assert!(aws > 0 && stackit > 0, "both had to serve: {report}");
    let probes = report.by_provider.probe.attempts.total;
    assert!(probes > Some(0), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_equal_what_the_proxies_counted_while_reads_are_hedged() {
    let report = equals(r#""classes": ["read"], "fault": "hang""#).await;
    let hedges = &report.by_provider.hedge;
    assert!(hedges.attempts.total > Some(0), "{report}");
    assert!(hedges.bytes.total > Some(0), "hedges brought the bodies: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_equal_what_the_proxies_counted_while_bodies_break_off() {
    equals(r#""classes": ["read"], "probability": 0.5, "fault": { "truncate": { "share": 0.5 } }"#).await;
}
