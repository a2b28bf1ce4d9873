//! What the outages of token services teach (2020, 2021, 2025): what is valid is kept, nobody waits, nobody storms.

use crate::scripted::{Heard, ms, secs};
use evenkeel::{
    Endpoint, ErrorKind, Failover,
    credentials::{Condition, Keeper, KeeperSettings, Lease, NotLoaded},
    telemetry::Event,
    verdict::{Classify, Outcome, Verdict, table, table::Symptom},
};
use futures_util::future::join_all;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

/// The life of a token.
const HOUR: Duration = secs(3600);

/// What the token service does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Answer(Duration),
    Fail,
    Hang,
    /// Gives tokens that have expired.
    Lie,
}

/// A token, which shows what no log may show.
#[derive(Clone, Debug)]
struct Token {
    secret: String,
    expires: Instant,
}

/// A token service.
#[derive(Clone)]
struct Issuer(Arc<Inner>);

struct Inner {
    does: Mutex<Does>,
    life: Duration,
    asked: AtomicUsize,
}

#[derive(Debug, thiserror::Error)]
#[error("503 from the token service")]
struct Down;

impl Issuer {
    fn new(life: Duration) -> Self {
        Self(Arc::new(Inner {
            does: Mutex::new(Does::Answer(ms(20))),
            life,
            asked: AtomicUsize::new(0),
        }))
    }

    fn now(&self, does: Does) {
        *self.0.does.lock().unwrap() = does;
    }

    fn asked(&self) -> usize {
        self.0.asked.load(SeqCst)
    }

    async fn give(self) -> Result<Lease<Token>, Down> {
        let number = self.0.asked.fetch_add(1, SeqCst);
        let token = |expires| Token {
            secret: format!("s3cret-{number}"),
            expires,
        };
        let does = *self.0.does.lock().unwrap();
        match does {
            Does::Answer(after) => {
                sleep(after).await;
                Ok(Lease::lasting(token(Instant::now() + self.0.life), self.0.life))
            }
            Does::Fail => Err(Down),
            Does::Hang => std::future::pending().await,
            Does::Lie => Ok(Lease::lasting(token(Instant::now()), Duration::ZERO)),
        }
    }

    fn keeper(&self, name: &str) -> Keeper<Token> {
        let issuer = self.clone();
        let mut settings = KeeperSettings::default();
        settings.seed = Some(7);
        Keeper::with_settings(name, settings, move || issuer.clone().give())
    }
}

/// A store that wants a token, and knows when it expires.
#[derive(Clone)]
struct Store {
    name: &'static str,
    keeper: Keeper<Token>,
    /// It refuses tokens that were given before this.
    revoked: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    NotLoaded(#[from] NotLoaded),
    #[error("ExpiredToken")]
    Expired,
    #[error("AccessDenied")]
    AccessDenied,
}

impl Store {
    fn new(name: &'static str, keeper: &Keeper<Token>) -> Self {
        Self {
            name,
            keeper: keeper.clone(),
            revoked: Arc::default(),
        }
    }

    async fn get(self) -> Result<&'static str, Refused> {
        let token = self.keeper.current().await?;
        sleep(ms(5)).await;
        let revoked = self.revoked.lock().unwrap().contains(&token.secret);
        match token.expires < Instant::now() || revoked {
            true => Err(Refused::Expired),
            false => Ok(self.name),
        }
    }
}

#[derive(Clone, Copy)]
struct Verdicts;

impl<T> Classify<T, Refused> for Verdicts {
    fn classify(&self, result: Result<&T, &Refused>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(Refused::NotLoaded(_)) => table::for_symptom(Symptom::CredentialsNotLoaded),
            Err(Refused::Expired) => table::for_code("ExpiredToken").unwrap(),
            Err(Refused::AccessDenied) => table::for_code("AccessDenied").unwrap(),
        }
    }
}

type Stores = Failover<Store, Verdicts>;

/// Two providers, each with a token service of its own.
struct World {
    stores: Stores,
    issuers: [Issuer; 2],
    keepers: [Keeper<Token>; 2],
    heard: Heard,
}

fn world() -> World {
    let issuers = [Issuer::new(HOUR), Issuer::new(HOUR)];
    let keepers = [issuers[0].keeper("role"), issuers[1].keeper("account")];
    let heard = Heard::default();
    let stores = Failover::builder()
        .endpoint(
            Endpoint::new("aws", Store::new("aws", &keepers[0]))
                .provider("aws")
                .credentials(&keepers[0]),
        )
        .endpoint(
            Endpoint::new("azure", Store::new("azure", &keepers[1]))
                .provider("azure")
                .credentials(&keepers[1]),
        )
        .classify(Verdicts)
        .on_event(heard.listener())
        .seed(7)
        .build()
        .unwrap();
    World {
        stores,
        issuers,
        keepers,
        heard,
    }
}

/// One read every so often for so long: who answered each, and how long the slowest took.
async fn reads(stores: &Stores, every: Duration, during: Duration) -> (Vec<Result<&'static str, ErrorKind>>, Duration) {
    let (start, mut slowest, mut answers) = (Instant::now(), Duration::ZERO, Vec::new());
    while start.elapsed() < during {
        let began = Instant::now();
        answers.push(stores.read(Store::get).await.map_err(|error| error.kind()));
        slowest = slowest.max(began.elapsed());
        sleep(every).await;
    }
    (answers, slowest)
}

fn count(answers: &[Result<&'static str, ErrorKind>], name: &str) -> usize {
    answers.iter().filter(|answer| **answer == Ok(name)).count()
}

#[tokio::test(start_paused = true)]
async fn calls_survive_half_an_hour_without_a_token_service() {
    let World {
        stores, issuers, heard, ..
    } = world();
    let troubles = [Does::Fail, Does::Hang, Does::Lie];
    for (phase, trouble) in (0..12).zip(troubles.into_iter().cycle()) {
        // Given tokens that live an hour, at whatever age of theirs, when the token service is down for 30 minutes,
        reads(&stores, secs(1), secs(45 + phase * 300)).await;
        let asked = issuers[0].asked();
        issuers[0].now(trouble);
        let (answers, slowest) = reads(&stores, secs(1), secs(30 * 60)).await;
        // then every call is served where it was before, none waits, and the token service is not stormed.
        assert_eq!(count(&answers, "aws"), answers.len(), "{trouble:?}");
        assert!(slowest < ms(50), "{trouble:?}: {slowest:?}");
        assert!(issuers[0].asked() - asked <= 5 + 60, "{trouble:?}");
        issuers[0].now(Does::Answer(ms(20)));
        // Back, and long enough for a new token.
        let (answers, _) = reads(&stores, secs(1), secs(60)).await;
        assert_eq!(count(&answers, "aws"), answers.len(), "{trouble:?}");
    }
    assert_eq!(heard.count(|event| matches!(event, Event::CredentialsLost { .. })), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_fail_over_unsent_while_no_token_is_valid() {
    let World {
        stores,
        issuers,
        keepers,
        heard,
    } = world();
    reads(&stores, secs(1), secs(45)).await;
    for trouble in [Does::Fail, Does::Hang, Does::Lie] {
        issuers[0].now(trouble);
        // Given a token service that is down for three hours,
        let (answers, slowest) = reads(&stores, secs(1), 3 * HOUR).await;
        // then no call fails, at most a few wait for a moment, and the other provider serves two hours and more.
        assert!(answers.iter().all(Result::is_ok), "{trouble:?}: {answers:?}");
        assert!(slowest <= ms(300), "{trouble:?}: {slowest:?}");
        assert!(
            count(&answers, "azure") >= 7100,
            "{trouble:?}: {}",
            count(&answers, "azure")
        );
        assert_eq!(keepers[0].standing().snapshot().condition, Condition::Lost);
        let shown = stores.snapshot().to_string();
        assert!(shown.contains("credentials `role` lost"), "{shown}");
        assert!(shown.contains("credentials `account` valid for"), "{shown}");
        // A write that must not happen twice goes elsewhere, too: nothing was sent.
        let (at, explanation) = stores.write(Store::get).explained().await.unwrap();
        assert_eq!(at, "azure", "{explanation}");
        // When it is back, calls return.
        issuers[0].now(Does::Answer(ms(20)));
        reads(&stores, secs(1), secs(180)).await;
        let (answers, _) = reads(&stores, ms(100), secs(30)).await;
        assert_eq!(count(&answers, "aws"), answers.len(), "{trouble:?}");
    }
    let of_role = |event: &Event| {
        let text = event.to_string();
        text.contains("credentials `role`").then_some(text)
    };
    let told: Vec<_> = heard.all().iter().filter_map(of_role).collect();
    assert_eq!(told.len(), 9, "kept, lost, renewed; three times: {told:#?}");
    assert!(
        !told
            .iter()
            .any(|line| line.contains("s3cret") || line.contains("503 from")),
        "{told:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_token_service_does_not_delay_other_providers() {
    // Given a token service that hangs from the start,
    let World { stores, issuers, .. } = world();
    issuers[0].now(Does::Hang);
    // then the first calls come through at the other provider, after the patience at most,
    let (answers, slowest) = reads(&stores, ms(100), secs(20)).await;
    assert!(answers.iter().all(|answer| *answer == Ok("azure")), "{answers:?}");
    assert!(slowest < secs(1), "{slowest:?}");
    // and a single provider without a token says so, unsent.
    let only = Failover::builder()
        .endpoint(Endpoint::new("aws", Store::new("aws", &issuers[0].keeper("role"))))
        .classify(Verdicts)
        .build()
        .unwrap();
    let error = only.write(Store::get).await.unwrap_err();
    assert!(!error.may_have_been_applied(), "{error}");
    assert_eq!(error.attempts()[0].verdict(), Some(Verdict::Denied));
}

#[tokio::test(start_paused = true)]
async fn four_hundred_callers_cause_one_fetch() {
    let issuer = Issuer::new(HOUR);
    let keeper = issuer.keeper("role");
    issuer.now(Does::Answer(ms(150)));
    let all = join_all((0..400).map(|_| keeper.current())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(issuer.asked(), 1);
    // And when the token has expired, with a service that fails: one question, not 400, nor 400 retries.
    sleep(HOUR).await;
    issuer.now(Does::Fail);
    for _ in 0..10 {
        let all = join_all((0..400).map(|_| keeper.current())).await;
        assert!(all.iter().all(Result::is_err));
    }
    assert!(issuer.asked() <= 1 + 5, "{}", issuer.asked());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_does_not_end_the_fetch() {
    let issuer = Issuer::new(HOUR);
    let keeper = issuer.keeper("role");
    issuer.now(Does::Answer(ms(100)));
    // Given the caller who began the fetch, when it leaves,
    assert!(timeout(ms(10), keeper.current()).await.is_err());
    // then those who come after have its answer.
    keeper.current().await.unwrap();
    assert_eq!(issuer.asked(), 1);
}

#[test]
fn a_fetch_restarts_after_its_runtime_ended() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let issuer = Issuer::new(HOUR);
    let keeper = issuer.keeper("role");
    issuer.now(Does::Hang);
    let first = runtime();
    first.block_on(async { timeout(ms(10), keeper.current()).await.unwrap_err() });
    drop(first);
    issuer.now(Does::Answer(ms(1)));
    runtime().block_on(keeper.current()).unwrap();
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_source_counts_as_one_failed_fetch() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let keeper = Keeper::new("role", move || {
        let number = count.fetch_add(1, SeqCst);
        async move {
            assert!(number > 0, "the first time it panics");
            Ok::<_, Down>(Lease::without_end("token"))
        }
    });
    let error = keeper.current().await.unwrap_err();
    assert_eq!(error.to_string(), "no valid credentials `role`: the source panicked");
    assert_eq!(asked.load(SeqCst), 1, "it costs one fetch, as any that fails");
    // The cap of the wait after it is a second.
    tokio::time::sleep(ms(1_001)).await;
    assert_eq!(keeper.current().await.unwrap(), "token");
    assert_eq!(asked.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn credentials_rotate_without_restart_and_without_a_gap() {
    let issuer = Issuer::new(HOUR);
    let keeper = issuer.keeper("role");
    let old = keeper.current().await.unwrap().secret;
    issuer.now(Does::Answer(secs(2)));
    let rotation = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.rotate().await }
    });
    sleep(secs(1)).await;
    assert_eq!(
        keeper.current().await.unwrap().secret,
        old,
        "until the new one is there"
    );
    rotation.await.unwrap().unwrap();
    assert_ne!(keeper.current().await.unwrap().secret, old);
    // One that fails leaves what there is, and says so.
    let held = keeper.current().await.unwrap().secret;
    issuer.now(Does::Fail);
    keeper.rotate().await.unwrap_err();
    assert_eq!(keeper.current().await.unwrap().secret, held);
    // And they have a budget.
    for _ in 0..4 {
        keeper.rotate().await.unwrap_err();
    }
    let asked = issuer.asked();
    assert_eq!(
        keeper.rotate().await.unwrap_err().to_string(),
        "no valid credentials `role`: the source was asked too often"
    );
    assert_eq!(issuer.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn forgotten_credentials_are_never_used_again() {
    let issuer = Issuer::new(HOUR);
    let keeper = issuer.keeper("role");
    let leaked = keeper.current().await.unwrap().secret;
    issuer.now(Does::Answer(ms(100)));
    let early = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.rotate().await }
    });
    sleep(ms(50)).await; // the fetch may bring what is being revoked
    keeper.forget();
    let next = keeper.current().await.unwrap().secret;
    assert_ne!(next, leaked);
    assert_eq!(issuer.asked(), 3, "the one under way was given up");
    early.await.unwrap().unwrap_err();
    // With nothing to replace it, there is nothing.
    issuer.now(Does::Fail);
    keeper.forget();
    keeper.current().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_fetched_anew_once() {
    let World {
        stores,
        issuers,
        keepers,
        ..
    } = world();
    reads(&stores, ms(100), secs(10)).await;
    let asked = issuers[0].asked();
    // Given a token that is revoked long before it expires,
    let revoked = keepers[0].current().await.unwrap().secret;
    stores
        .read(|store: Store| {
            let revoked = revoked.clone();
            async move {
                store.revoked.lock().unwrap().push(revoked);
                Ok::<_, Refused>(())
            }
        })
        .await
        .unwrap();
    // then no read fails, and the next ones have another token.
    let (answers, _) = reads(&stores, ms(100), secs(30)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(issuers[0].asked(), asked + 1);
    let (answers, _) = reads(&stores, ms(100), secs(10)).await;
    assert_eq!(count(&answers, "aws"), answers.len());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_refuses_every_token_causes_no_fetch_storm() {
    let World {
        stores,
        issuers,
        keepers,
        ..
    } = world();
    reads(&stores, ms(100), secs(10)).await;
    let asked = issuers[0].asked();
    // Given a provider that refuses what just worked, and whatever comes next (Alibaba 2023),
    let refuse_all = |store: Store| async move {
        store.keeper.current().await?;
        match store.name {
            "aws" => Err(Refused::Expired),
            name => Ok(name),
        }
    };
    let start = Instant::now();
    let mut served = 0;
    while start.elapsed() < secs(600) {
        assert_eq!(stores.read(refuse_all).await.unwrap(), "azure");
        served += 1;
        sleep(ms(100)).await;
    }
    // then calls are served elsewhere, and the token service hears of it twice a minute at most.
    assert!(served > 4000);
    assert!(issuers[0].asked() - asked <= 5 + 20, "{}", issuers[0].asked() - asked);
    assert_eq!(
        keepers[0].standing().snapshot().condition,
        Condition::Well,
        "the tokens are"
    );
    let opened = stores.snapshot().endpoints[0].classes[0].breaker.as_str();
    assert_ne!(opened, "closed");
}

#[tokio::test(start_paused = true)]
async fn a_callers_missing_permission_causes_no_failover() {
    let World {
        stores, issuers, heard, ..
    } = world();
    reads(&stores, ms(100), secs(10)).await;
    let asked = issuers[0].asked();
    let denied = |_: Store| async move { Err::<&str, _>(Refused::AccessDenied) };
    for _ in 0..50 {
        let error = stores.read(denied).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::Denied, 1));
        let at = stores.read(Store::get).await.unwrap();
        assert_eq!(at, "aws");
        sleep(ms(100)).await;
    }
    assert_eq!(issuers[0].asked(), asked);
    assert_eq!(heard.count(|event| matches!(event, Event::BreakerOpened { .. })), 0);
}

#[tokio::test(start_paused = true)]
async fn no_output_shows_a_secret() {
    let World {
        stores,
        issuers,
        keepers,
        heard,
    } = world();
    reads(&stores, secs(1), secs(10)).await;
    let held = keepers[0].current().await.unwrap().secret;
    assert!(held.starts_with("s3cret"));
    issuers[0].now(Does::Fail);
    keepers[0].forget();
    let error = keepers[0].current().await.unwrap_err();
    let lease = Lease::lasting(held.clone(), HOUR);
    let shown = format!(
        "{lease:?} {error} {error:?} {:?} {:?} {:?} {:?} {} {:?} {:?}",
        keepers[0],
        keepers[0].standing(),
        stores,
        stores.snapshot(),
        stores.snapshot(),
        heard.all(),
        stores.endpoints().collect::<Vec<_>>(),
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(!shown.contains("503 from"), "the source's words are not ours: {shown}");
}
