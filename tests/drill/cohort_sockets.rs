//! A cohort over real sockets: the AWS SDK and two S3 servers.

use crate::cohort_world::{is_closed, scenario};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    drill::{
        Guard,
        cohort::{CANARY_PREFIX, Canary, Cohort, GameDay, Split},
    },
    provider::S3,
};
use evenkeel_s3_server::{Server, Settings};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;

async fn server() -> Server {
    Server::start(Settings::new(&["photos"]).credentials("key", "secret"))
        .await
        .unwrap()
}

fn s3(server: &Server) -> S3 {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.url())
        .force_path_style(true)
        .credentials_provider(Credentials::new("key", "secret", None, None, "static"))
        .build();
    S3::new(Client::from_conf(config), "photos").trusting_all_conditions()
}

/// The keys with this start that the server was asked for.
fn asked(server: &Server, start: &str) -> usize {
    server
        .log()
        .iter()
        .filter(|request| request.key.starts_with(start))
        .count()
}

#[tokio::test]
async fn over_sockets_production_stays_where_it_is_while_the_cohort_goes_elsewhere() {
    let (virginia, ireland) = (server().await, server().await);
    let events = Arc::new(Mutex::new(vec![]));
    let hear = events.clone();
    let builder = ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("virginia", s3(&virginia))
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("ireland", s3(&ireland))
                .provider("aws")
                .region("eu-west-1"),
        )
        .replication(Replication::write_once())
        .on_event_record(move |record| hear.lock().unwrap().push((record.client.clone(), record.event.kind())));
    let photos = Split::build(builder).unwrap();
    let cohort = Cohort::new(0.5, 7).unwrap();
    let inside = (0..)
        .map(|n| format!("tenant-{n}"))
        .find(|key| cohort.contains(key))
        .unwrap();
    let outside = (0..)
        .map(|n| format!("tenant-{n}"))
        .find(|key| !cohort.contains(key))
        .unwrap();
    let day = GameDay::new(
        scenario(r#""reset_before_request""#, true, "4s"),
        cohort,
        Guard::lasting(Duration::from_secs(120)),
    )
    .lead(Duration::from_secs(1))
    .tail(Duration::from_secs(1))
    .canary(Canary::default().every(Duration::from_millis(100)));

    let over = tokio::sync::watch::Sender::new(false);
    let load = async {
        let (mut n, mut elsewhere) = (0, 0);
        while !*over.borrow() {
            n += 1;
            photos.of(&outside).put(format!("p/{n}"), "body").await.unwrap();
            let stored = photos.of(&inside).put(format!("c/{n}"), "body").await.unwrap();
            elsewhere += usize::from(stored.endpoint() == "ireland");
            assert!(is_closed(photos.production()));
            sleep(Duration::from_millis(20)).await;
        }
        (n, elsewhere)
    };
    let drill = async {
        let findings = photos.drill(&day).await.unwrap();
        over.send_replace(true);
        findings
    };
    let (findings, (calls, elsewhere)) = futures_util::join!(drill, load);
    assert_eq!(findings.ended, None);
    assert!(calls > 20 && elsewhere > calls / 10, "{elsewhere} of {calls}");
    assert_eq!((asked(&virginia, "p/"), asked(&ireland, "p/")), (calls, 0));
    let production = |client: &Option<Arc<str>>| client.as_deref() == Some("photos");
    let events = events.lock().unwrap().clone();
    assert_eq!(events.iter().find(|(client, _)| production(client)), None);
    assert!(
        events
            .iter()
            .any(|(client, kind)| !production(client) && *kind == "breaker-opened")
    );

    let canary = findings.canary.unwrap();
    assert!(
        canary.acknowledged > 5 && canary.read_back == canary.acknowledged,
        "{canary:?}"
    );
    assert_eq!((canary.lost, canary.left.len()), (0, 0));
    assert!(asked(&ireland, CANARY_PREFIX) > 0);
    for server in [&virginia, &ireland] {
        let left = server
            .store()
            .keys("photos")
            .into_iter()
            .find(|key| key.starts_with(".evenkeel/"));
        assert_eq!(left, None);
    }
    // What the cohort stored elsewhere, production finds.
    for n in 1..=calls {
        photos.production().get(format!("c/{n}")).await.unwrap();
    }
}
