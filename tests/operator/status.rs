//! What is shown to the outside keeps its form, and does not say what nobody knows.

use crate::{
    schema::{self, validate, wrong},
    store::{Store, Trouble},
};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    ops::{
        operator::Selector,
        status::{Condition, Status},
    },
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, UNIX_EPOCH},
};

const HOUR: Duration = Duration::from_secs(3_600);

fn schema() -> Value {
    schema::schema("status.schema.json")
}

/// The status, as readers get it. It is as the schema says, and nothing is lost on the way.
fn sent(client: &ObjectClient) -> (Status, Value) {
    let status = client.view().status().unwrap();
    let text = serde_json::to_string(&status).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    validate(&schema(), &json);
    assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
    (status, json)
}

struct World {
    client: ObjectClient,
    virginia: Store,
    ireland: Store,
}

fn world() -> World {
    let (virginia, ireland) = (Store::new(), Store::new());
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("virginia", virginia.clone())
                .provider("aws")
                .region("us-east-1")
                .location("US"),
        )
        .endpoint(
            Endpoint::new("ireland", ireland.clone())
                .provider("aws")
                .region("eu-west-1")
                .location("IE"),
        )
        .endpoint(Endpoint::new("archive", Store::new()).location("DE").read_only())
        .endpoint(Endpoint::new("shanghai", Store::new()).location("CN"))
        .replication(Replication::write_once())
        .only_locations(["US", "IE", "DE"])
        .wall_clock(|| UNIX_EPOCH + Duration::from_millis(1_700_000_000_123))
        .seed(1)
        .build()
        .unwrap();
    World {
        client,
        virginia,
        ireland,
    }
}

impl World {
    /// Reads and writes for so long, ten a second each. Collects in which conditions the endpoints were meanwhile.
    async fn calls(&self, during: Duration, met: &mut BTreeSet<Condition>) -> Status {
        let begun = tokio::time::Instant::now();
        loop {
            let key = format!("{:?}", begun.elapsed());
            let _ = self.client.put(&key, "x").await;
            let _ = self.client.get(&key).await;
            let (status, _) = sent(&self.client);
            let classes = status.endpoints.iter().flat_map(|endpoint| &endpoint.classes);
            met.extend(classes.map(|class| class.condition));
            if begun.elapsed() > during {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_is_null() {
    let World { client, .. } = world();
    let (status, json) = sent(&client);
    assert_eq!((&*status.client, status.taken_ms), ("photos", 1_700_000_000_123));
    for class in json["endpoints"][0]["classes"].as_array().unwrap() {
        assert_eq!(class["condition"], "untried");
        for unknown in [
            "breaker",
            "since_ms",
            "why",
            "next_probe_in_ms",
            "share",
            "admitted",
            "fault_share",
            "first_byte_p50_us",
            "first_byte_p99_us",
            "last_seen_age_ms",
            "last_success_age_ms",
        ] {
            assert!(class[unknown].is_null(), "{unknown}: {}", class[unknown]);
        }
        assert_eq!(class["attempts"], json!({}));
    }
    assert!(json["endpoints"][0]["unreachable"].is_null());
    assert!(json["endpoints"][2]["provider"].is_null());
}

#[tokio::test(start_paused = true)]
async fn the_status_of_every_condition_is_as_its_schema_says() {
    let world = world();
    let mut met = BTreeSet::new();
    let second = Duration::from_secs(1);
    // All is well, virginia is gone, and comes back on a ramp;
    world.calls(second, &mut met).await;
    world.virginia.always(Trouble::Code("InternalError"));
    let out = world.calls(2 * second, &mut met).await;
    let reads = &out.endpoints[0].classes[0];
    let why = reads.why.as_ref().unwrap();
    assert_eq!(reads.breaker.as_deref(), Some("open"), "{reads:?}");
    assert!(
        why.sentence.starts_with("virginia gets no more reads for ")
            && why.sentence.ends_with(", the last one: faulty (InternalError)"),
        "{}",
        why.sentence
    );
    assert_eq!(
        (&*why.kind, reads.since_ms),
        ("breaker-opened", Some(1_700_000_000_123))
    );
    assert!(reads.next_probe_in_ms.is_some() && reads.fault_share.unwrap() > 0.0);
    world.virginia.heal();
    world.calls(60 * second, &mut met).await;
    // it throttles;
    world.virginia.always(Trouble::Code("SlowDown"));
    world.calls(5 * second, &mut met).await;
    world.virginia.heal();
    // everything is gone, which is likelier this host's fault;
    for store in [&world.virginia, &world.ireland] {
        store.always(Trouble::Reset);
    }
    let gone = world.calls(5 * second, &mut met).await;
    assert_eq!(gone.suspected_here[0].class, "write");
    assert_eq!(gone.suspected_here[0].decision.kind, "all-bad");
    world.virginia.heal();
    world.ireland.heal();
    assert_eq!(world.calls(60 * second, &mut met).await.suspected_here, []);
    // and the operator has virginia drained.
    let operator = world.client.operator().by("anna");
    operator
        .drain(Selector::endpoint("virginia"), "change 4711", HOUR)
        .apply()
        .unwrap();
    let drained = world.calls(second, &mut met).await;
    let (order, virginia) = (&drained.orders[0], &drained.endpoints[0].classes[0]);
    assert_eq!((order.by.as_deref(), &*order.reason), (Some("anna"), "change 4711"));
    assert_eq!(order.endpoints, ["virginia"]);
    assert!(order.age_ms >= 1_000 && order.expires_in_ms < 3_600_000);
    assert_eq!(virginia.ordered_away.as_deref(), Some("the operator has drained it"));
    assert_eq!(
        virginia.why.as_ref().unwrap().sentence,
        "anna ordered: drain virginia for at most 3600s (change 4711)"
    );
    let all = [
        Condition::Barred,
        Condition::ReadOnly,
        Condition::OrderedAway,
        Condition::Out,
        Condition::Probed,
        Condition::Returning,
        Condition::Throttled,
        Condition::InUse,
        Condition::Untried,
    ];
    assert_eq!(met, BTreeSet::from(all));
}

#[tokio::test(start_paused = true)]
async fn hostile_names_and_codes_come_through_as_text() {
    let name = "</script><b onclick=\"x('\u{202e}')\">\n\u{0}&amp;\\";
    let store = Store::new();
    let client = ObjectClient::builder()
        .client_name(name)
        .endpoint(
            Endpoint::new(name, store.clone())
                .provider(name)
                .region(name)
                .jurisdictions([name]),
        )
        .endpoint(Endpoint::new("ireland", Store::new()))
        .replication(Replication::write_once())
        .seed(1)
        .build()
        .unwrap();
    store.always(Trouble::Foreign("<img src=x onerror=secret>"));
    for number in 0..20 {
        let _ = client.put(format!("secret-{number}"), "x").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let operator = client.operator().by(name);
    operator
        .freeze_failback(Selector::endpoint(name), name, HOUR)
        .apply()
        .unwrap();
    let (status, json) = sent(&client);
    let first = &status.endpoints[0];
    assert_eq!([&status.client, &first.name], [name, name]);
    assert_eq!(
        [&first.provider, &first.region],
        [&Some(name.to_owned()), &Some(name.to_owned())]
    );
    assert_eq!(first.jurisdictions, Some(vec![name.to_owned()]));
    assert_eq!(status.orders[0].by.as_deref(), Some(name));
    // A code that the table does not know is the server's text, and a key is the caller's.
    let text = json.to_string();
    assert!(!text.contains("onerror") && !text.contains("secret"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_counts_are_what_the_stores_were_asked() {
    let world = world();
    let mut met = BTreeSet::new();
    world
        .virginia
        .then([Trouble::Code("InternalError"), Trouble::Code("SlowDown")]);
    let status = world.calls(Duration::from_secs(3), &mut met).await;
    for (store, endpoint) in [&world.virginia, &world.ireland].into_iter().zip(&status.endpoints) {
        let counted: u64 = endpoint
            .classes
            .iter()
            .flat_map(|class| class.attempts.values().flat_map(|ends| ends.values()))
            .sum();
        let warm = store.log().iter().filter(|what| **what == "warm_up").count();
        assert_eq!(counted, (store.asked() - warm) as u64, "{endpoint:?}");
    }
    let ended = |how: &str| {
        let classes = status.endpoints[0].classes.iter();
        let ends = classes.flat_map(|class| class.attempts.values().filter_map(|ends| ends.get(how)));
        ends.sum::<u64>()
    };
    assert_eq!((ended("faulty"), ended("throttled")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_view_does_not_keep_its_client_alive() {
    let World { client, .. } = world();
    let view = client.view();
    assert_eq!(view.client(), "photos");
    assert!(view.status().is_some());
    drop(client);
    assert!(view.status().is_none() && view.snapshot().is_none());
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let good = json!({
        "version": 1, "instance": "0123456789abcdef", "uptime_ms": 1, "client": "c", "taken_ms": 1,
        "suspected_here": [], "budget_left": 1, "beyond_the_budget": {}, "orders": [], "endpoints": []
    });
    validate(&schema(), &good);
    let but = |name: &str, value: Value| {
        let mut bad = good.clone();
        bad[name] = value;
        wrong(&schema(), &bad).len()
    };
    assert_eq!(but("version", json!(2)), 1);
    assert_eq!(but("instance", json!("0123")), 1);
    assert_eq!(but("budget_left", json!(-1)), 1);
    assert_eq!(but("client", Value::Null), 1);
    assert_eq!(but("more", json!(1)), 1);
    assert!(but("endpoints", json!([{}])) > 0);
    assert!(but("suspected_here", json!([{ "class": "reads" }])) > 1);
}
