//! Token services that hang, refuse, fail and lie, under S3 (whose server checks signatures) and DynamoDB.

use crate::{
    issuer::{HOST, Issuer, Trouble, quick},
    store::{self, Keys},
    web::{Web, dynamo},
};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_s3::config::{Credentials, ProvideCredentials};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    credentials::{Condition, Keeper, KeeperSettings},
    provider::{DynamoDb, KvProvider, ObjectProvider, ProviderError, S3},
    request::{
        Key, kv,
        object::{Get, Put, PutMode},
    },
    telemetry::Event,
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const HOUR: Duration = Duration::from_secs(3600);
/// What nobody would call waiting, on two cores that do other things as well.
const NO_WAIT: Duration = Duration::from_millis(150);

type Aws = Keeper<Credentials>;

fn s3(config: aws_sdk_s3::config::Builder, keeper: &Aws) -> S3 {
    let client = aws_sdk_s3::Client::from_conf(keeper.s3(config).build());
    // Every request counts here.
    S3::new(client, "orders").trusting_conditions()
}

fn table(web: &Web, keeper: &Aws) -> DynamoDb {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(format!("http://{}", web.addr));
    DynamoDb::new(
        aws_sdk_dynamodb::Client::from_conf(keeper.dynamodb(config).build()),
        "orders",
    )
}

fn put(body: &'static str) -> Put {
    let mut put = Put::new(Key::new("k").unwrap(), body);
    put.mode = PutMode::Overwrite;
    put
}

fn get() -> Get {
    Get::new(Key::new("k").unwrap())
}

fn get_item() -> kv::Get {
    kv::Get::new(kv::Key::new("k").unwrap())
}

/// Credentials could not be loaded, nothing was sent, and nothing is shown.
fn is_unsent(error: &ProviderError, what: &str) {
    let outcome = Outcome::new(Verdict::Denied, Sent::No).naming_the_credential();
    assert_eq!(error.outcome(), outcome, "{what}: {error:?}");
    let mut shown = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        shown += &format!(" {error} {error:?}");
        cause = error.source();
    }
    assert!(!shown.contains("s3cret"), "{what}: {shown}");
}

#[tokio::test]
async fn calls_succeed_during_every_token_service_fault() {
    let mut issuer = Issuer::start(HOUR).await;
    let keeper = Keeper::aws_with_settings("role", quick(), issuer.provider()).asks(HOST);
    let server = store::start(Keys::issued()).await;
    let items = Web::start(|_| Some(dynamo("200 OK", "{}"))).await;
    let (orders, table) = (s3(server.config(), &keeper), table(&items, &keeper));
    orders.put(put("signed")).await.unwrap();
    assert!(table.get(get_item()).await.unwrap_err().outcome().verdict == Verdict::Absent);
    assert_eq!(issuer.web.asked(), 1, "one token for both");

    for trouble in Trouble::ALL {
        let what = format!("{trouble:?}");
        let held = issuer.last();
        issuer.meets(trouble).await;
        // Given a token that is valid, when no new one can be had, then it stays in use and nobody waits,
        keeper.rotate().await.unwrap_err();
        assert_eq!(keeper.standing().snapshot().condition, Condition::Kept, "{what}");
        let hanging = tokio::spawn({
            let keeper = keeper.clone();
            async move { keeper.rotate().await }
        });
        let began = Instant::now();
        orders.get(get()).await.unwrap();
        table.get(get_item()).await.unwrap_err();
        assert!(began.elapsed() < NO_WAIT, "{what}: {:?}", began.elapsed());
        let head = items.heads().pop().unwrap();
        assert!(head.contains(&format!("Credential=key-{held}/")), "{what}: {head}");
        hanging.await.unwrap().unwrap_err();
        // and when it must not be used any more, nothing is sent, soon.
        keeper.forget();
        let (asked, items_asked) = (server.asked(), items.asked());
        let began = Instant::now();
        is_unsent(&orders.put(put("x")).await.unwrap_err(), &what);
        is_unsent(&orders.get(get()).await.unwrap_err(), &what);
        is_unsent(&table.get(get_item()).await.unwrap_err(), &what);
        assert!(
            began.elapsed() < Duration::from_millis(900),
            "{what}: {:?}",
            began.elapsed()
        );
        assert_eq!((server.asked(), items.asked()), (asked, items_asked), "{what}");
        assert_eq!(keeper.standing().snapshot().condition, Condition::Lost, "{what}");
        // When the token service is back, so are both.
        issuer.heals(trouble);
        until("it is back", async || orders.get(get()).await.is_ok()).await;
        table.get(get_item()).await.unwrap_err();
        let head = items.heads().pop().unwrap();
        assert!(
            head.contains(&format!("Credential=key-{}/", issuer.last())),
            "{what}: {head}"
        );
    }
}

#[tokio::test]
async fn four_hundred_callers_cause_one_fetch() {
    let issuer = Issuer::start(HOUR).await;
    // A busy machine is no slow token service.
    let mut settings = KeeperSettings::default();
    settings.first_patience = Duration::from_secs(60);
    let keeper = Keeper::aws_with_settings("role", settings, issuer.provider());
    // As an SDK asks for every request that it signs. (Four hundred connections to a store would test the machine.)
    let all = (0..400).map(|_| keeper.provide_credentials());
    let all = futures_util::future::join_all(all).await;
    let same =
        |given: &Result<Credentials, CredentialsError>| given.as_ref().is_ok_and(|key| key.access_key_id() == "key-0");
    assert!(all.iter().all(same));
    assert_eq!(issuer.web.asked(), 1);
    let server = store::start(Keys::issued()).await;
    s3(server.config(), &keeper).put(put("x")).await.unwrap();
    assert_eq!(issuer.web.asked(), 1);
}

#[tokio::test]
async fn calls_fail_over_when_the_token_service_outlasts_the_token() {
    // Given two providers, each with a token service of its own, and tokens that live for a second,
    let life = Duration::from_millis(1000);
    let (mut first, second) = (Issuer::start(life).await, Issuer::start(life).await);
    let keepers = [
        Keeper::aws_with_settings("first role", quick(), first.provider()),
        Keeper::aws_with_settings("second role", quick(), second.provider()),
    ];
    let servers = [store::start(Keys::issued()).await, store::start(Keys::issued()).await];
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = events.clone();
    let endpoint = |nth: usize, name: &'static str| {
        Endpoint::new(name, s3(servers[nth].config(), &keepers[nth]))
            .provider(name)
            .credentials(&keepers[nth])
    };
    let client = ObjectClient::builder()
        .endpoint(endpoint(0, "aws"))
        .endpoint(endpoint(1, "stackit"))
        .replication(Replication::write_once())
        .on_event(move |event| heard.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let (mut number, mut at) = (0, Vec::new());
    let mut puts = async |during: Duration| {
        let began = Instant::now();
        at.clear();
        while began.elapsed() < during {
            number += 1;
            let explanation = loop {
                match client.put(format!("{number}"), "x").explained().await {
                    Ok((_, explanation)) => break explanation,
                    // A busy machine: the attempt ran out of its 250 ms.
                    Err(late) if late.attempts().iter().any(|attempt| attempt.code() == Some("timeout")) => number += 1,
                    Err(error) => panic!("{error:?}"),
                }
            };
            at.push(explanation.answered_by().unwrap().to_owned());
            sleep(Duration::from_millis(5)).await;
        }
        at.clone()
    };
    // which are renewed while nobody waits,
    assert!(puts(3 * life / 2).await.iter().all(|at| at == "aws"));
    assert!(first.last() >= 2);
    // when the first token service fails, then its token is used to its end, and then no put fails,
    let asked = {
        first.meets(Trouble::Busy).await;
        let at = puts(2 * life).await;
        assert!(
            at.first().unwrap() == "aws" && at.last().unwrap() == "stackit",
            "{at:?}"
        );
        servers[0].asked()
    };
    let lost =
        |event: &Event| matches!(event, Event::CredentialsLost { credentials, .. } if &**credentials == "first role");
    assert!(events.lock().unwrap().iter().any(lost));
    // and nothing unsigned, or signed with what has expired, is sent there.
    assert!(puts(life / 2).await.iter().all(|at| at == "stackit"));
    assert_eq!(servers[0].asked(), asked);
    // When it is back, so are the puts.
    first.heals(Trouble::Busy);
    let began = Instant::now();
    while puts(life / 4).await.last().unwrap() != "aws" {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not return");
    }
}

#[tokio::test]
async fn a_key_rotates_without_a_restart() {
    let issuer = Issuer::start(HOUR).await;
    let keeper = Keeper::aws_with_settings("role", quick(), issuer.provider());
    let (keys, server) = {
        let keys = Keys::issued();
        (keys.clone(), store::start(keys).await)
    };
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("only", s3(server.config(), &keeper)).credentials(&keeper))
        .build()
        .unwrap();
    client.put("k", "x").await.unwrap();
    // Planned: the new key first, then the old one goes. No call fails.
    keeper.rotate().await.unwrap();
    keys.revoke(0);
    client.get("k").await.unwrap();
    assert_eq!(issuer.web.asked(), 2);
    // Unplanned: the key in use is revoked. The refusal brings a new one.
    keys.revoke(1);
    let error = client.get("k").await;
    if let Err(error) = &error {
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
    until("a new key is in use", async || client.get("k").await.is_ok()).await;
    assert_eq!(issuer.web.asked(), 3);
}

/// Asks every few milliseconds, for 10 s.
async fn until(what: &str, done: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        if done().await {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 10 s: {what}");
}
