//! The operator wins, with a guard.

use evenkeel::{
    Endpoint, Failover,
    ops::operator::{Refused, Selector},
    telemetry::Event,
};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// A store that answers in 5 ms, or fails at once.
#[derive(Clone, Default)]
struct Store(Arc<Inner>);

#[derive(Default)]
struct Inner {
    calls: AtomicU32,
    down: AtomicBool,
}

impl Store {
    async fn get(self) -> Result<(), io::Error> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        if self.0.down.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(())
    }

    fn calls(&self) -> u32 {
        self.0.calls.swap(0, Ordering::Relaxed)
    }

    fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::Relaxed);
    }
}

fn client() -> (Failover<Store>, Store, Store) {
    let (virginia, stackit) = (Store::default(), Store::default());
    let client = Failover::builder()
        .endpoint(
            Endpoint::new("virginia", virginia.clone())
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("stackit", stackit.clone())
                .provider("stackit")
                .region("eu01"),
        )
        .seed(1)
        .build()
        .unwrap();
    (client, virginia, stackit)
}

async fn reads(client: &Failover<Store>, count: u32) -> u32 {
    let mut failed = 0;
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(20)).await;
        failed += u32::from(client.read(Store::get).await.is_err());
    }
    failed
}

#[tokio::test(start_paused = true)]
async fn a_drained_endpoint_gets_nothing_until_the_order_expires() {
    let (client, virginia, stackit) = client();
    let proposal = client
        .operator()
        .drain(Selector::region("aws", "us-east-1"), "change 4711", HOUR);
    assert_eq!(
        (proposal.affected(), proposal.leaves()),
        (vec!["virginia"], vec!["stackit"])
    );
    assert_eq!(reads(&client, 5).await, 0);
    assert_eq!(
        (virginia.calls(), stackit.calls()),
        (5, 0),
        "a proposal alone does nothing"
    );
    proposal.apply().unwrap();
    stackit.down(true);
    reads(&client, 20).await;
    assert_eq!(virginia.calls(), 0, "not even when everything else is down");
    stackit.down(false);
    tokio::time::sleep(HOUR).await;
    assert_eq!(reads(&client, 20).await, 0);
    assert!(virginia.calls() >= 17, "all but the probes of the other");
    assert!(client.operator().orders().is_empty());
}

/// It is approved while somebody looks at it.
#[tokio::test(start_paused = true)]
async fn an_order_lasts_from_when_it_is_given() {
    let (client, virginia, _) = client();
    let drain = client
        .operator()
        .drain(Selector::endpoint("virginia"), "change 4711", HOUR);
    tokio::time::sleep(2 * HOUR).await;
    drain.apply().unwrap();
    assert_eq!(client.snapshot().orders[0].expires_in, HOUR);
    reads(&client, 5).await;
    assert_eq!(virginia.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_guard_refuses_typos_and_the_last_endpoint() {
    let (client, ..) = client();
    let operator = client.operator();
    let typo = operator
        .drain(Selector::region("aws", "us-est-1"), "change", HOUR)
        .apply();
    assert_eq!(
        typo.unwrap_err().to_string(),
        "the order to drain aws us-est-1 was refused: no endpoint of this client matches"
    );
    operator
        .drain(Selector::endpoint("virginia"), "change", HOUR)
        .apply()
        .unwrap();
    let last = operator.drain(Selector::endpoint("stackit"), "change", HOUR);
    assert!(last.leaves().is_empty());
    assert!(matches!(last.apply(), Err(Refused::LeavesNothing { .. })));
    let no_reason = operator.drain(Selector::endpoint("stackit"), " ", HOUR);
    assert_eq!(no_reason.apply(), Err(Refused::NoReason));
    let for_ever = operator.drain(Selector::endpoint("stackit"), "x", HOUR * 24 * 8);
    assert_eq!(for_ever.apply(), Err(Refused::Expiry));
    let wanted = operator.drain(Selector::endpoint("stackit"), "really", HOUR);
    assert!(wanted.apply_regardless().is_ok());
    assert_eq!(reads(&client, 1).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_leaves_only_dead_endpoints_is_refused() {
    let (client, _, stackit) = client();
    stackit.down(true);
    let force = client.operator().force(Selector::endpoint("stackit"), "test", HOUR);
    let order = force.apply().unwrap();
    reads(&client, 20).await;
    client.operator().lift(order);
    let drain = client
        .operator()
        .drain(Selector::endpoint("virginia"), "maintenance", HOUR);
    assert!(matches!(drain.apply(), Err(Refused::LeavesNothing { .. })));
}

#[tokio::test(start_paused = true)]
async fn forcing_a_barred_endpoint_is_refused_with_the_reason() {
    let client = Failover::builder()
        .endpoint(Endpoint::new("virginia", Store::default()).location("US"))
        .endpoint(Endpoint::new("frankfurt", Store::default()).location("DE"))
        .only_locations(["DE"])
        .build()
        .unwrap();
    let force = client.operator().force(Selector::endpoint("virginia"), "test", HOUR);
    assert_eq!(
        force.apply().unwrap_err().to_string(),
        "the order to force virginia was refused: no endpoint would be left to serve calls; virginia cannot, because it \
         lies in US, which is not among the permitted locations"
    );
    let (value, explanation) = client.read(Store::get).explained().await.unwrap();
    assert_eq!(
        (value, explanation.considered()[0].not_used()),
        ((), Some("it lies in US, which is not among the permitted locations"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_forced_endpoint_gets_all_traffic_until_the_order_is_lifted() {
    let (client, virginia, stackit) = client();
    let order = client
        .operator()
        .force(Selector::provider("stackit"), "drill", HOUR)
        .apply()
        .unwrap();
    assert_eq!(reads(&client, 10).await, 0);
    assert_eq!((virginia.calls(), stackit.calls()), (0, 10));
    assert!(client.operator().lift(order) && !client.operator().lift(order));
    reads(&client, 10).await;
    assert_eq!((virginia.calls(), stackit.calls()), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn frozen_failback_keeps_a_recovered_endpoint_out() {
    let (client, virginia, stackit) = client();
    reads(&client, 30).await;
    let order = client
        .operator()
        .freeze_failback(Selector::provider("aws"), "it flaps", HOUR)
        .apply()
        .unwrap();
    reads(&client, 10).await;
    assert_eq!(virginia.calls(), 40, "it is in use as long as it is well");
    virginia.down(true);
    reads(&client, 50).await;
    virginia.down(false);
    virginia.calls();
    assert_eq!(reads(&client, 1_000).await, 0);
    assert_eq!(virginia.calls(), 0, "well again for 20 s, and still out");
    stackit.calls();
    client.operator().lift(order);
    reads(&client, 500).await;
    assert!(virginia.calls() > 400, "lifted, it comes back");
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_never_fails_over() {
    let (client, virginia, stackit) = client();
    client
        .operator()
        .shadow(Selector::provider("aws"), "first week", HOUR)
        .apply()
        .unwrap();
    assert_eq!(reads(&client, 10).await, 0);
    virginia.down(true);
    assert_eq!(reads(&client, 10).await, 10);
    assert_eq!(stackit.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn events_report_orders_with_their_reasons() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = heard.clone();
    let client = Failover::builder()
        .endpoint(Endpoint::new("virginia", Store::default()))
        .endpoint(Endpoint::new("stackit", Store::default()))
        .on_event(move |event: &Event| ears.lock().unwrap().push(event.to_string()))
        .build()
        .unwrap();
    let order = client
        .operator()
        .drain(Selector::endpoint("virginia"), "change 4711", HOUR)
        .apply()
        .unwrap();
    client.operator().lift(order);
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "the operator ordered: drain virginia for at most 3600s (change 4711)",
            "the operator lifted the order: drain virginia (change 4711)"
        ]
    );
}
