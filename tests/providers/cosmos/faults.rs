//! Faults between the SDK and the account: verdict, and sent or not.

use crate::account::{Account, error, fault, key, put, response};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::StatusCode,
    time::{Duration as Span, OffsetDateTime},
};
use azure_data_cosmos_driver::fault_injection::{
    CustomResponseBuilder, FaultInjectionErrorType, FaultInjectionResultBuilder, FaultInjectionRule,
};
use evenkeel::{
    Endpoint, KvClient,
    credentials::Keeper,
    provider::{KvProvider, ProviderError},
    request::kv::{Condition, Get},
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::timeout;

const UNSENT: Outcome = Outcome::new(Verdict::Unreachable, Sent::No);
const FAULTY: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);

/// The SDK goes through its regions before it gives up, with waits of its own.
const PATIENCE: Duration = Duration::from_secs(40);

fn shows_nothing(error: &ProviderError) {
    let shown = format!("{error} {error:?}");
    for secret in ["secret-key", "c2VjcmV0LWtleQ", "secret-value"] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
}

async fn meets(what: &str, result: FaultInjectionResultBuilder) -> [ProviderError; 2] {
    let rules = fault(what, result);
    let orders = Account::new(&rules, None).await.orders().await;
    orders.put(put("secret-key", "secret-value")).await.unwrap();
    rules.iter().for_each(|rule| rule.enable());
    let get = timeout(PATIENCE, orders.get(Get::new(key("secret-key"))))
        .await
        .unwrap();
    let put = timeout(PATIENCE, orders.put(put("secret-key", "secret-value")))
        .await
        .unwrap();
    let errors = [get.unwrap_err(), put.unwrap_err()];
    errors.iter().for_each(shows_nothing);
    errors
}

#[tokio::test]
async fn refusals_of_the_account_have_the_expected_outcome() {
    let throttled = Outcome::new(Verdict::Throttled, Sent::Maybe);
    use FaultInjectionErrorType::*;
    for (fault, expected) in [
        (InternalServerError, FAULTY),
        (TooManyRequests, throttled),
        (ServiceUnavailable, FAULTY),
        (PartitionIsGone, FAULTY),
        (DatabaseAccountNotFound, FAULTY),
        (ReadSessionNotAvailable, FAULTY),
    ] {
        let name = format!("{fault:?}");
        for met in meets(&name, error(fault)).await {
            let outcome = Outcome {
                retry_after: None,
                broken: false,
                ..met.outcome()
            };
            assert_eq!(outcome, expected, "{name}: {met:?}");
        }
    }
}

#[tokio::test]
async fn connection_failures_have_the_expected_outcome() {
    for met in meets("refused", error(FaultInjectionErrorType::ConnectionError)).await {
        assert_eq!(met.outcome(), UNSENT, "{met:?}");
    }
    for met in meets("no answer", error(FaultInjectionErrorType::ResponseTimeout)).await {
        assert_eq!(
            (met.outcome().verdict, met.outcome().sent),
            (FAULTY.verdict, FAULTY.sent),
            "{met:?}"
        );
    }
}

#[tokio::test]
async fn credential_refusals_and_gateway_pages_are_told_apart() {
    let naming = Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential();
    for (status, body, expected) in [
        (StatusCode::Unauthorized, "{}", naming),
        (StatusCode::Forbidden, "{}", Outcome::new(Verdict::Denied, Sent::Maybe)),
        (StatusCode::Ok, "<html>welcome to this hotel</html>", FAULTY),
        (StatusCode::Ok, r#"{"id": "c2Vj"#, FAULTY),
        (StatusCode::Ok, "", FAULTY),
        (StatusCode::BadGateway, "<html>", FAULTY),
        (StatusCode::NotFound, "<html>", FAULTY),
        (StatusCode::NotFound, "", FAULTY),
        (StatusCode::Conflict, "", FAULTY),
        (StatusCode::PreconditionFailed, "", FAULTY),
        (StatusCode::NoContent, "", FAULTY),
    ] {
        let answer = response(CustomResponseBuilder::new(status).with_body(body).build());
        for met in meets(&format!("{status} {body}"), answer).await {
            assert_eq!(met.outcome(), expected, "{status} {body}: {met:?}");
        }
    }
}

/// A token service that can fail.
#[derive(Clone, Debug, Default)]
struct Entra {
    down: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl TokenCredential for Entra {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        self.asked.fetch_add(1, SeqCst);
        match self.down.load(SeqCst) {
            true => Err(azure_core::Error::with_message(ErrorKind::Credential, "secret-value")),
            false => Ok(AccessToken::new("token", OffsetDateTime::now_utc() + Span::hours(1))),
        }
    }
}

/// The SDK asks for a token with every request; the keeper answers.
#[tokio::test]
async fn a_keepers_tokens_are_used_for_every_request() {
    let entra = Entra::default();
    let keeper = Keeper::azure("entra", Arc::new(entra.clone()), ["https://cosmos.azure.com/.default"]);
    let orders = Account::by_token(Arc::new(keeper.clone())).await.orders().await;
    for _ in 0..20 {
        orders.put(put("secret-key", "x")).await.unwrap();
    }
    assert_eq!(entra.asked.load(SeqCst), 1);
    entra.down.store(true, SeqCst);
    keeper.rotate().await.unwrap_err();
    orders.put(put("secret-key", "y")).await.unwrap();
    keeper.forget();
    let unloaded = Outcome::new(Verdict::Denied, Sent::No).naming_the_credential();
    for met in [
        orders.put(put("secret-key", "z")).await.unwrap_err(),
        orders.get(Get::new(key("secret-key"))).await.unwrap_err(),
    ] {
        assert_eq!(met.outcome(), unloaded, "{met:?}");
        shows_nothing(&met);
    }
}

/// What was stored and not confirmed is no conflict with itself; where nobody can tell, the error says that, too.
#[tokio::test]
async fn a_write_with_a_lost_answer_recognises_itself() {
    let rules = fault("lost", error(FaultInjectionErrorType::ResponseTimeoutAfterService));
    let orders = Account::new(&rules, None).await.orders().await;
    let version = orders.put(put("swapped", "before")).await.unwrap().version;
    let writes = [("created", Condition::Absent), ("swapped", Condition::Version(version))];
    for (name, condition) in writes {
        let mut mine = put(name, "mine");
        mine.condition = condition;
        rules.iter().for_each(|rule| rule.enable());
        let lost = timeout(PATIENCE, orders.put(mine.clone())).await.unwrap().unwrap_err();
        rules.iter().for_each(|rule| rule.disable());
        assert_eq!(lost.outcome(), FAULTY, "{name}: {lost:?}");
        let there = orders.get(Get::new(key(name))).await.unwrap();
        assert_eq!(
            (&there.bytes[..], there.write_id),
            (&b"mine"[..], Some(mine.write_id.clone()))
        );
    }
    // Through the whole client, the answer lost at the writes only: it reads what it wrote.
    let client = KvClient::builder()
        .endpoint(Endpoint::new("azure", orders))
        .build()
        .unwrap();
    let lost = |rule: &&std::sync::Arc<_>| !read_rule(rule);
    rules.iter().filter(lost).for_each(|rule| rule.enable());
    client.put_if_absent("through", "mine").await.unwrap();
    rules.iter().for_each(|rule| rule.disable());
    let error = client.put_if_absent("through", "theirs").await.unwrap_err();
    assert_eq!(error.kind(), evenkeel::ErrorKind::AlreadyExists, "{error}");
}

fn read_rule(rule: &FaultInjectionRule) -> bool {
    rule.id().contains("ReadItem")
}

#[tokio::test]
async fn the_stack_ends_a_hang() {
    let hang = FaultInjectionResultBuilder::new().with_delay(Duration::from_secs(3600));
    let rules = fault("hang", hang);
    let account = Account::new(&rules, None).await;
    let client = KvClient::builder()
        .endpoint(Endpoint::new("azure", account.orders().await))
        .deadline(Duration::from_millis(1_500))
        .build()
        .unwrap();
    rules.iter().for_each(|rule| rule.enable());
    let error = client.put("k", "x").await.unwrap_err();
    assert_eq!(error.kind(), evenkeel::ErrorKind::MaybeApplied, "{error}");
}
