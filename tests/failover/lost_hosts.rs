//! The loss of a host that endpoints need for their credentials.

use evenkeel::{
    Endpoint, ObjectClient,
    credentials::{Keeper, Lease},
    drill::{CREDENTIALS_LAST, Fault, FaultLayer, Phase, Rule, Scenario, Target, Timeline},
    endpoint::Role,
    provider::{Memory, ObjectProvider},
};
use std::{io, time::Duration};
use tokio::time::{Instant, sleep};

const HOUR: Duration = Duration::from_secs(3600);

fn lost(host: &str, fault: Fault, phases: u32) -> Timeline {
    let target = Target {
        host: Some(host.into()),
        ..Target::default()
    };
    let phase = |number: u32| Phase {
        name: number.to_string(),
        basis: None,
        duration: 30 * HOUR / phases,
        rules: vec![Rule {
            target: target.clone(),
            ..Rule::new(fault.clone())
        }],
    };
    let scenario = Scenario {
        name: "lost".into(),
        description: String::new(),
        phases: (0..phases).map(phase).collect(),
    };
    Timeline::new(scenario, 1).unwrap()
}

/// Who answers a read of a client whose first endpoint gets its tokens from this host.
struct World {
    client: ObjectClient,
}

impl World {
    async fn new(timeline: &Timeline, first: Endpoint<Memory>) -> Self {
        let second = Endpoint::new("second", Memory::new());
        first.client().put(put()).await.unwrap();
        second.client().put(put()).await.unwrap();
        let timeline = timeline.clone();
        let client = ObjectClient::builder()
            .endpoint(first)
            .endpoint(second.read_only())
            .endpoint_layer(move |profile| FaultLayer::new(timeline.clone(), profile.clone()))
            .build()
            .unwrap();
        Self { client }
    }

    async fn answered_by(&self) -> String {
        self.client.get("key").await.unwrap().endpoint().to_owned()
    }
}

fn put() -> evenkeel::request::object::Put {
    evenkeel::request::object::Put::new(evenkeel::request::Key::new("key").unwrap(), "body")
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_outlives_its_token_service_until_its_tokens_expire() {
    let keeper = Keeper::new("role", || async {
        Ok::<_, io::Error>(Lease::lasting("a token", 2 * HOUR))
    })
    .asks("login.example");
    keeper.current().await.unwrap();
    let valid_for = keeper.standing().snapshot().valid_for.unwrap();
    let timeline = lost("login.example", Fault::Hang, 3);
    let world = World::new(&timeline, Endpoint::new("first", Memory::new()).credentials(&keeper)).await;
    timeline.start_now();
    assert_eq!(world.answered_by().await, "first");
    sleep(valid_for - Duration::from_secs(1)).await;
    assert_eq!(world.answered_by().await, "first");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.answered_by().await, "second");
    timeline.stop();
    sleep(HOUR).await;
    for _ in 0..20 {
        sleep(Duration::from_secs(10)).await;
        world.answered_by().await;
    }
    assert_eq!(world.answered_by().await, "first", "the tokens are well again");
}

#[tokio::test(start_paused = true)]
async fn tokens_expire_once_although_the_outage_has_phases() {
    let timeline = lost("login.example", Fault::Refuse, 60);
    let first = Endpoint::new("first", Memory::new()).depends_on("login.example", Role::Credentials);
    let world = World::new(&timeline, first).await;
    timeline.start_now();
    sleep(CREDENTIALS_LAST - Duration::from_secs(1)).await;
    assert_eq!(world.answered_by().await, "first");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.answered_by().await, "second");
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_begins_in_the_past_finds_older_tokens() {
    let keeper = Keeper::new("role", || async {
        Ok::<_, io::Error>(Lease::lasting("a token", 2 * HOUR))
    })
    .asks("login.example");
    keeper.current().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    for (ago, expected) in [(Duration::ZERO, "first"), (HOUR, "first"), (2 * HOUR, "second")] {
        let timeline = lost("login.example", Fault::Refuse, 1);
        let first = Endpoint::new("first", Memory::new()).credentials(&keeper);
        let world = World::new(&timeline, first).await;
        // Credentials that never worked are refused for the caller's reasons, and the call goes nowhere else.
        assert_eq!(world.answered_by().await, "first");
        timeline.start(Instant::now() - ago);
        assert_eq!(world.answered_by().await, expected, "{ago:?} ago");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_without_end_and_slow_token_services_lose_nothing() {
    let endless =
        Keeper::new("role", || async { Ok::<_, io::Error>(Lease::without_end("a token")) }).asks("login.example");
    endless.current().await.unwrap();
    let slow = Fault::Delay {
        by: Duration::from_secs(5),
    };
    let declared = || Endpoint::new("first", Memory::new()).depends_on("login.example", Role::Credentials);
    for (timeline, first) in [
        (
            lost("login.example", Fault::Refuse, 1),
            Endpoint::new("first", Memory::new()).credentials(&endless),
        ),
        (lost("login.example", slow, 1), declared()),
    ] {
        let world = World::new(&timeline, first).await;
        timeline.start(Instant::now() - 20 * HOUR);
        assert_eq!(world.answered_by().await, "first");
    }
}

#[tokio::test(start_paused = true)]
async fn the_loss_of_a_data_host_is_met_at_once() {
    let timeline = lost("data.example:443", Fault::Refuse, 1);
    let first = Endpoint::new("first", Memory::new()).depends_on("data.example", Role::Data);
    let world = World::new(&timeline, first).await;
    assert_eq!(world.answered_by().await, "first");
    timeline.start_now();
    assert_eq!(world.answered_by().await, "second");
}
