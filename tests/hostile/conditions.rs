//! Tags that cannot match, stores that read them in their own way, and stores that ignore conditions.

use crate::promise::Promise;
use evenkeel::{
    Endpoint, Error, ErrorKind, ObjectClient, Replication,
    client::object::{Property, VERIFY_PREFIX},
    ops::operator::Selector,
    provider::{AnyObjectProvider, Capabilities, Capability, Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Call, Key,
        object::{Delete, ETag, Get, List, Object, ObjectRequest, Put, PutAnswer, PutMode},
    },
    telemetry::Event,
};
use libtest_mimic::Trial;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// What a store does with a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Does {
    #[default]
    Keep,
    /// Success, whatever is there.
    Ignore,
    /// Says that it does not hold, whatever is there.
    Refuse,
    /// As `Keep`, but a tag in quotes never matches.
    WantNoQuotes,
}

/// A store in this process that speaks a dialect of which its adapter knows nothing.
#[derive(Clone, Default)]
struct Dialect {
    memory: Memory,
    create: Does,
    if_match: Does,
    delete: Does,
    /// What is asked under [`VERIFY_PREFIX`] waits here.
    gate: Option<Arc<Semaphore>>,
    /// Nothing is allowed under [`VERIFY_PREFIX`].
    denies_questions: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Dialect {
    fn new(create: Does, if_match: Does, delete: Does) -> Self {
        Self {
            create,
            if_match,
            delete,
            ..Self::default()
        }
    }

    async fn arrive(&self, key: &Key) -> Result<(), ProviderError> {
        self.asked.lock().unwrap().push(key.as_str().to_owned());
        if key.as_str().starts_with(VERIFY_PREFIX) {
            if self.denies_questions {
                let denied =
                    evenkeel::verdict::Outcome::new(evenkeel::verdict::Verdict::Denied, evenkeel::verdict::Sent::Maybe);
                return Err(ProviderError::new(ProviderErrorKind::Denied, denied));
            }
            if let Some(gate) = &self.gate {
                drop(gate.acquire().await.unwrap());
            }
        }
        Ok(())
    }

    /// How often it was asked what it does.
    fn questions(&self) -> usize {
        self.count(|key| key.starts_with(VERIFY_PREFIX))
    }

    /// How often it was asked for something else.
    fn calls(&self) -> usize {
        self.count(|key| !key.starts_with(VERIFY_PREFIX))
    }

    fn count(&self, which: impl Fn(&str) -> bool) -> usize {
        self.asked.lock().unwrap().iter().filter(|key| which(key)).count()
    }

    /// The tag as the memory compares it; `None`: whatever is there.
    fn read(does: Does, tag: &ETag) -> Result<Option<ETag>, ProviderError> {
        let quoted = tag.value().starts_with('"');
        match does {
            Does::Ignore => Ok(None),
            Does::Keep if quoted => Ok(Some(tag.clone())),
            Does::WantNoQuotes if !quoted => Ok(Some(ETag::new(format!("\"{}\"", tag.value()), ""))),
            _ => Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed)),
        }
    }
}

impl ObjectProvider for Dialect {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, ProviderError> {
        self.arrive(&put.key).await?;
        put.mode = match (&put.mode, self.create) {
            (PutMode::Create, Does::Ignore) => PutMode::Overwrite,
            (PutMode::IfMatch(tag), _) => Self::read(self.if_match, tag)?.map_or(PutMode::Overwrite, PutMode::IfMatch),
            (mode, _) => mode.clone(),
        };
        self.memory.put(put).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.arrive(&get.key).await?;
        self.memory.get(get).await
    }

    async fn delete(&self, mut delete: Delete) -> Result<(), ProviderError> {
        self.arrive(&delete.key).await?;
        if let Some(tag) = delete.if_match.take() {
            delete.if_match = Self::read(self.delete, &tag)?;
        }
        self.memory.delete(delete).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all(Capability::Unknown)
    }

    objects_through!(self.memory: head list);
}

type Told = Arc<Mutex<Vec<Event>>>;

fn told() -> (Told, impl Fn(&Event) + Send + Sync + 'static) {
    let told = Told::default();
    let listener = told.clone();
    (told, move |event: &Event| listener.lock().unwrap().push(event.clone()))
}

/// What was told of the endpoint's conditions: what is known, and how many writes went there before.
fn verified(told: &Told, of: &str) -> Option<(Capabilities, u64)> {
    told.lock().unwrap().iter().find_map(|event| match event {
        Event::ConditionsVerified {
            endpoint,
            found,
            unverified,
        } if **endpoint == *of => Some((*found, *unverified)),
        _ => None,
    })
}

/// A minute is not measured here: it only ends a test that would hang.
async fn until(what: impl Fn() -> bool) {
    let waited = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap();
}

fn home(provider: impl ObjectProvider) -> ObjectClient {
    ObjectClient::builder()
        .endpoint(Endpoint::new("home", provider))
        .build()
        .unwrap()
}

/// As many would do it: read, write if it has not changed, begin anew if it has.
async fn compare_and_set(client: &ObjectClient) -> Result<usize, Error> {
    for round in 1..=20 {
        let tag = client.get("k").await?.etag().cloned().unwrap();
        match client.put("k", "new").if_match(tag).await {
            Ok(_) => return Ok(round),
            Err(changed) if changed.kind() == ErrorKind::PreconditionFailed => {}
            Err(other) => return Err(other),
        }
    }
    panic!("it would never end");
}

/// `holds`: there is a store behind it. Else nobody listens there, and nobody is asked.
async fn weak_at(name: &str, provider: AnyObjectProvider, holds: bool) {
    let key = Key::new("k").unwrap();
    if holds {
        provider.put(Put::new(key.clone(), "x")).await.unwrap();
    }
    for wrong in ["W/\"a\"", "*", "\"a\", \"b\"", "", "\"a\nb\""] {
        Promise::BadInput.tried();
        let tag = ETag::new(wrong, "");
        let mut put = Put::new(key.clone(), "y");
        put.mode = PutMode::IfMatch(tag.clone());
        let refused = [
            provider.put(put).await.map(drop),
            provider.delete(Delete::new(key.clone()).if_match(tag)).await,
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert_eq!(
                error.kind(),
                ProviderErrorKind::Unsupported,
                "{name}: {wrong:?}: {error}"
            );
        }
    }
    if holds {
        assert_eq!(provider.get(Get::new(key)).await.unwrap().body, "x", "{name}");
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Promise::BadInput.trial("conditions::an_unmatchable_tag_is_refused_by_every_adapter", || async {
            weak_at("memory", AnyObjectProvider::new(Memory::new()), true).await;
            #[cfg(feature = "object_store")]
            {
                let store = Arc::new(object_store::memory::InMemory::new());
                let store = evenkeel::provider::GenericStore::new(store)
                    .unwrap()
                    .trusting_transport();
                weak_at("object_store", AnyObjectProvider::new(store), true).await;
            }
            #[cfg(feature = "s3")]
            {
                let store = over_sockets::s3("http://127.0.0.1:9");
                weak_at("s3", AnyObjectProvider::new(store), false).await;
            }
            #[cfg(feature = "azure_blob")]
            {
                use evenkeel::provider::azure_blob::{AzureBlob, Credential};
                let url = "http://127.0.0.1:9/account/container".parse().unwrap();
                let store = AzureBlob::new(url, Credential::InTheUrl).unwrap();
                weak_at("azure_blob", AnyObjectProvider::new(store), false).await;
            }
        }),
        Promise::BadInput.paused("conditions::an_unmatchable_tag_is_refused_by_every_client", || async {
            let store = Dialect::default();
            let client = home(store.clone());
            for wrong in ["W/\"a\"", "*", "\"a\", \"b\""] {
                Promise::BadInput.tried();
                let tag = || ETag::new(wrong, "home");
                let put = client.put("k", "v").if_match(tag()).await.unwrap_err();
                let delete = client.delete("k").if_match(tag()).await.unwrap_err();
                assert_eq!(
                    [put.kind(), delete.kind()],
                    [ErrorKind::InvalidInput; 2],
                    "{put} {delete}"
                );
                let mut put = Put::new(Key::new("k").unwrap(), "v");
                put.mode = PutMode::IfMatch(tag());
                let call = Call::idempotent_write(ObjectRequest::Put(put));
                let refused = client.service().oneshot(call).await.unwrap_err();
                let refused = refused.downcast_ref::<ProviderError>().unwrap();
                assert_eq!(refused.kind(), ProviderErrorKind::Unsupported, "{refused}");
            }
            assert_eq!(store.calls(), 0, "nothing was sent");
        }),
        Promise::FoundOut.paused(
            "conditions::a_store_that_wants_unquoted_tags_gets_unquoted_tags",
            || async {
                let client = home(Dialect::new(Does::Keep, Does::WantNoQuotes, Does::WantNoQuotes));
                let old = client.put("k", "x").await.unwrap().etag().cloned().unwrap();
                let found = client.verify().await;
                let home = &found.endpoints()[0];
                assert_eq!(
                    (home.if_match(), home.delete_if_match()),
                    (&Property::Holds, &Property::Holds)
                );
                assert!(home.wants_tags_unquoted(), "{home:?}");
                assert_eq!(compare_and_set(&client).await.unwrap(), 1);
                let stale = client.put("k", "z").if_match(old.clone()).await.unwrap_err();
                assert_eq!(stale.kind(), ErrorKind::PreconditionFailed, "and the condition is one");
                assert_eq!(
                    client.delete("k").if_match(old).await.unwrap_err().kind(),
                    ErrorKind::PreconditionFailed
                );
                assert!(client.verify().await.endpoints()[0].wants_tags_unquoted(), "and again");
            },
        ),
        Promise::FoundOut.paused("conditions::a_compare_and_set_loop_over_unquoted_tags_ends", || async {
            // Nobody called `verify`: the first If-Match has the store asked.
            let store = Dialect::new(Does::Keep, Does::WantNoQuotes, Does::Keep);
            let client = home(store);
            client.put("k", "x").overwrite().await.unwrap();
            let tag = client.get("k").await.unwrap().etag().cloned().unwrap();
            let first = client.put("k", "y").if_match(tag).await;
            assert!(first.is_err());
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(compare_and_set(&client).await.unwrap(), 1);
        }),
        Promise::FoundOut.paused("conditions::a_store_without_if_match_gets_no_if_match", || async {
            for (does, how) in [
                (Does::Ignore, "a put with a wrong If-Match was answered with success"),
                (
                    Does::Refuse,
                    "a put with a right If-Match was refused, with quotes and without",
                ),
            ] {
                Promise::FoundOut.tried();
                let store = Dialect::new(Does::Keep, does, does);
                let client = home(store.clone());
                let tag = client.put("k", "x").await.unwrap().etag().cloned().unwrap();
                let found = client.verify().await;
                let property = Property::Broken(how.to_owned());
                assert_eq!(*found.endpoints()[0].if_match(), property);
                assert!(found.is_sound(), "it can be trusted with creates: {found:?}");
                let before = store.calls();
                let put = client.put("k", "y").if_match(tag.clone()).await.unwrap_err();
                let delete = client.delete("k").if_match(tag.clone()).await.unwrap_err();
                assert_eq!(
                    [put.kind(), delete.kind()],
                    [ErrorKind::Unsupported; 2],
                    "{put} {delete}"
                );
                // Not by the way round the client either.
                let mut put = Put::new(Key::new("k").unwrap(), "v");
                put.mode = PutMode::IfMatch(tag);
                let call = Call::idempotent_write(ObjectRequest::Put(put));
                assert!(client.service().oneshot(call).await.is_err());
                assert_eq!(store.calls(), before, "nothing was sent");
                assert_eq!(client.get("k").await.unwrap().body(), "x");
                client.put("k2", "x").await.unwrap();
                client.put("k", "z").overwrite().await.unwrap();
                client.delete("k").await.unwrap();
            }
        }),
        Promise::FoundOut.paused("conditions::a_delete_whose_condition_is_ignored_is_refused", || async {
            let store = Dialect::new(Does::Keep, Does::Keep, Does::Ignore);
            let client = home(store);
            let old = client.put("k", "x").await.unwrap().etag().cloned().unwrap();
            let found = client.verify().await;
            let how = "a delete with a wrong If-Match was answered with success";
            assert_eq!(*found.endpoints()[0].delete_if_match(), Property::Broken(how.into()));
            let tag = client.put("k", "y").if_match(old.clone()).await.unwrap();
            assert!(tag.etag().is_some(), "its puts are trusted");
            let error = client.delete("k").if_match(old).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert_eq!(client.get("k").await.unwrap().body(), "y");
        }),
        Promise::FoundOut.paused("conditions::the_first_create_verifies_an_unknown_store", || async {
            let liar = Dialect::new(Does::Ignore, Does::Ignore, Does::Ignore);
            let good = Memory::new();
            let (told, listener) = told();
            let client = ObjectClient::builder()
                .endpoint(Endpoint::new("liar", liar.clone()))
                .endpoint(Endpoint::new("good", good))
                .replication(Replication::write_once())
                .on_event(listener)
                .build()
                .unwrap();
            assert_eq!(
                client.put("k", "first").await.unwrap().endpoint(),
                "liar",
                "it holds nothing up"
            );
            until(|| verified(&told, "liar").is_some()).await;
            let lacking = of_puts(Capability::Lacking);
            assert_eq!(verified(&told, "liar"), Some((lacking, 1)));
            for key in ["k2", "k3"] {
                assert_eq!(client.put(key, "x").await.unwrap().endpoint(), "good");
            }
            // No health came of it, good or bad, and nothing is left.
            assert_eq!(client.get("k").await.unwrap().body(), "first");
            let left = liar.memory.list(List::default()).await.unwrap().entries;
            assert_eq!(left.len(), 1, "{left:?}");
        }),
        Promise::FoundOut.paused(
            "conditions::a_bounded_number_of_creates_goes_during_verification",
            || async {
                let gate = Arc::new(Semaphore::new(0));
                let store = Dialect {
                    gate: Some(gate.clone()),
                    ..Dialect::default()
                };
                let (told, listener) = told();
                let client = ObjectClient::builder()
                    .endpoint(Endpoint::new("home", store.clone()))
                    .on_event(listener)
                    .build()
                    .unwrap();
                let mut calls = tokio::task::JoinSet::new();
                for n in 0..300 {
                    let client = client.clone();
                    calls.spawn(async move { client.put(format!("k{n}"), "x").await.map(drop) });
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(store.calls(), 100, "the others wait for the answer");
                gate.add_permits(1000);
                while let Some(call) = calls.join_next().await {
                    call.unwrap().unwrap();
                }
                assert_eq!((store.calls(), verified(&told, "home").unwrap().1), (300, 100));
                assert_eq!(verified(&told, "home").unwrap().0, of_puts(Capability::Kept));
                let asked = store.questions();
                client.put("later", "x").await.unwrap();
                tokio::time::sleep(Duration::from_secs(7200)).await;
                assert_eq!(store.questions(), asked, "once");
            },
        ),
        Promise::FoundOut.paused("conditions::required_verification_precedes_every_create", || async {
            let gate = Arc::new(Semaphore::new(0));
            let liar = Dialect {
                create: Does::Ignore,
                gate: Some(gate.clone()),
                ..Dialect::default()
            };
            let slow = Dialect {
                gate: Some(gate.clone()),
                ..Dialect::default()
            };
            let client = ObjectClient::builder()
                .endpoint(Endpoint::new("liar", liar.clone()))
                .endpoint(Endpoint::new("slow", slow.clone()))
                .replication(Replication::write_once())
                .require_verified()
                .build()
                .unwrap();
            let waiting = tokio::spawn({
                let client = client.clone();
                async move { client.put("k", "x").await.map(|stored| stored.endpoint().to_owned()) }
            });
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!((liar.calls(), slow.calls()), (0, 0));
            let short = client
                .put("k2", "x")
                .deadline(Duration::from_secs(1))
                .await
                .unwrap_err();
            assert_eq!(short.kind(), ErrorKind::DeadlineExceeded, "{short}");
            assert!(!short.may_have_been_applied());
            gate.add_permits(1000);
            assert_eq!(waiting.await.unwrap().unwrap(), "slow");
            assert_eq!(liar.calls(), 0);
        }),
        Promise::FoundOut.paused(
            "conditions::a_store_that_cannot_be_verified_is_asked_rarely",
            || async {
                // Its credentials are for another prefix, say. By default it is used as before, and that is said.
                let store = Dialect {
                    denies_questions: true,
                    ..Dialect::default()
                };
                let (told, listener) = told();
                let builder = || ObjectClient::builder().endpoint(Endpoint::new("home", store.clone()));
                let client = builder().on_event(listener).build().unwrap();
                for n in 0..250 {
                    client.put(format!("k{n}"), "x").await.unwrap();
                }
                until(|| verified(&told, "home").is_some()).await;
                assert_eq!(verified(&told, "home").unwrap().0.create, Capability::Unknown);
                assert!(
                    store.questions() < 10,
                    "it is not asked with every call: {}",
                    store.questions()
                );
                let asked = store.questions();
                tokio::time::sleep(Duration::from_secs(61)).await;
                client.put("later", "x").await.unwrap();
                until(|| store.questions() > asked).await;

                let strict = builder().require_verified().build().unwrap();
                let calls = store.calls();
                let error = strict.put("k", "x").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                assert!(error.is_retryable());
                assert_eq!(store.calls(), calls, "nothing was sent");
                strict.put("k", "x").overwrite().await.unwrap();
            },
        ),
        Promise::Constraint.paused("conditions::read_only_stores_are_not_verified", || async {
            let [home, copy, far, drained] = [(); 4].map(|()| Dialect::default());
            let client = ObjectClient::builder()
                .endpoint(Endpoint::new("home", home.clone()).location("DE"))
                .endpoint(Endpoint::new("copy", copy.clone()).location("DE").read_only())
                .endpoint(Endpoint::new("far", far.clone()).location("US"))
                .endpoint(Endpoint::new("drained", drained.clone()).location("DE"))
                .replication(Replication::write_once())
                .only_locations(["DE"])
                .build()
                .unwrap();
            let order = client
                .operator()
                .drain(Selector::endpoint("drained"), "moving", Duration::from_secs(60));
            order.apply().unwrap();
            for n in 0..10 {
                client.put(format!("k{n}"), "x").await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            assert!(home.questions() > 0);
            assert_eq!([copy, far, drained].map(|store| store.questions()), [0; 3]);
        }),
        Promise::OwnCode.paused("conditions::verification_ends_with_the_client", || async {
            for close in [true, false] {
                let gate = Arc::new(Semaphore::new(0));
                let store = Dialect {
                    gate: Some(gate.clone()),
                    ..Dialect::default()
                };
                let client = home(store.clone());
                client.put("k", "x").await.unwrap();
                until(|| store.questions() == 1).await;
                if close {
                    client.close();
                } else {
                    drop(client);
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                gate.add_permits(1000);
                tokio::time::sleep(Duration::from_secs(60)).await;
                assert_eq!(store.questions(), 1, "closed: {close}");
            }
        }),
        Promise::OwnCode.paused("conditions::a_panic_during_verification_harms_no_call", || async {
            let store = Panics(
                Memory::new(),
                Arc::new(AtomicUsize::new(0)),
                Arc::new(AtomicBool::new(true)),
            );
            let client = home(store.clone());
            client.put("k", "x").await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(store.1.load(SeqCst), 1);
            client.put("k2", "x").await.unwrap();
            store.2.store(false, SeqCst);
            tokio::time::sleep(Duration::from_secs(61)).await;
            client.put("k3", "x").await.unwrap();
            tokio::time::sleep(Duration::from_secs(61)).await;
            assert!(store.1.load(SeqCst) > 100, "asked anew");
        }),
        Promise::Budget.paused("conditions::known_stores_are_not_verified", || async {
            let store = Memory::new();
            let client = home(store.clone());
            let tag = client.put("k", "x").await.unwrap().etag().cloned().unwrap();
            client.put("k", "y").if_match(tag).await.unwrap();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            let stored = store.list(List::default()).await.unwrap().entries.len();
            assert_eq!(stored, 1);
            // The write that would take the next tag takes it: nothing was written and removed in between.
            let tag = client.put("k2", "x").await.unwrap().etag().cloned().unwrap();
            assert!(tag.value().contains("3\""), "{tag}");
        }),
    ];
    trials.extend(over_sockets_trials());
    trials
}

/// A store whose adapter panics when it is asked under [`VERIFY_PREFIX`].
#[derive(Clone)]
struct Panics(Memory, Arc<AtomicUsize>, Arc<AtomicBool>);

impl ObjectProvider for Panics {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        if put.key.as_str().starts_with(VERIFY_PREFIX) {
            self.1.fetch_add(1, SeqCst);
            assert!(!self.2.load(SeqCst), "as the test wants it");
        }
        self.0.put(put).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all(Capability::Unknown)
    }

    objects_through!(self.0: get head delete list);
}

#[cfg(not(feature = "s3"))]
fn over_sockets_trials() -> Vec<Trial> {
    Vec::new()
}

#[cfg(feature = "s3")]
use over_sockets::trials as over_sockets_trials;

/// The same over HTTP, where quotes are what they are on the wire.
#[cfg(feature = "s3")]
mod over_sockets {
    use super::*;
    use crate::script::{self, Answer, Asked, answer, s3_refusal};
    use aws_sdk_s3::{
        Client,
        config::{Credentials, RequestChecksumCalculation},
    };
    use evenkeel::provider::{
        S3,
        s3::preset::{self, Addressing},
    };
    use http::Method;
    use std::collections::BTreeMap;

    pub(super) fn s3(url: &str) -> S3 {
        let config = preset::generic(
            url,
            "us-east-1",
            Addressing::Path,
            RequestChecksumCalculation::WhenRequired,
        );
        S3::new(
            Client::from_conf(config.credentials_provider(nobody()).build()),
            "bucket",
        )
    }

    fn nobody() -> Credentials {
        Credentials::new("id", "secret", None, None, "test")
    }

    /// How a server treats If-Match, and what its tags are like.
    #[derive(Clone, Copy)]
    struct Manners {
        if_match: Does,
        create: Does,
        weak: bool,
    }

    /// A small S3: bodies by path, each write with a tag of its own.
    async fn server(manners: Manners) -> script::Server {
        let objects: Arc<Mutex<BTreeMap<String, (bytes::Bytes, String)>>> = Arc::default();
        let writes = Arc::new(AtomicUsize::new(0));
        script::serve(move |asked| {
            let (objects, writes) = (objects.clone(), writes.clone());
            async move { serve(&asked, manners, &mut objects.lock().unwrap(), &writes) }
        })
        .await
    }

    fn serve(
        asked: &Asked,
        manners: Manners,
        objects: &mut BTreeMap<String, (bytes::Bytes, String)>,
        writes: &AtomicUsize,
    ) -> Answer {
        let path = asked.path().to_owned();
        let shown = |tag: &str| {
            if manners.weak {
                format!("W/\"{tag}\"")
            } else {
                format!("\"{tag}\"")
            }
        };
        let there = objects.get(&path);
        if let Some(condition) = asked.header("if-match") {
            let holds = there.is_some_and(|(_, tag)| match manners.if_match {
                Does::Keep => condition == shown(tag),
                Does::WantNoQuotes => condition == tag,
                Does::Ignore => true,
                Does::Refuse => false,
            });
            if !holds && manners.if_match != Does::Ignore {
                return s3_refusal(412, "PreconditionFailed");
            }
        }
        let id = ("x-amz-request-id", "REQ42");
        match asked.method {
            Method::PUT => {
                if asked.header("if-none-match") == Some("*") && there.is_some() && manners.create == Does::Keep {
                    return s3_refusal(412, "PreconditionFailed");
                }
                let tag = format!("t{}", writes.fetch_add(1, SeqCst));
                let answer = answer(200, &[id, ("etag", &shown(&tag))], "");
                objects.insert(path, (asked.body.clone(), tag));
                answer
            }
            Method::GET | Method::HEAD => match there {
                Some((body, tag)) => {
                    let (tag, length) = (shown(tag), body.len().to_string());
                    let date = ("last-modified", "Fri, 27 Nov 2026 09:00:00 GMT");
                    let head = [id, ("etag", &*tag), ("content-length", &*length), date];
                    let body = if asked.method == Method::HEAD {
                        "".into()
                    } else {
                        body.clone()
                    };
                    answer(200, &head, body)
                }
                None => s3_refusal(404, "NoSuchKey"),
            },
            _ => {
                objects.remove(&path);
                answer(204, &[id], "")
            }
        }
    }

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::FoundOut.trial(
                "conditions::a_gateway_that_wants_unquoted_if_match_gets_unquoted_tags",
                || async {
                    let manners = Manners {
                        if_match: Does::WantNoQuotes,
                        create: Does::Keep,
                        weak: false,
                    };
                    let server = server(manners).await;
                    {
                        let client = home(s3(&server.url()));
                        let old = client.put("k", "x").overwrite().await.unwrap().etag().cloned().unwrap();
                        assert!(old.value().starts_with('"'), "the caller has it as it was given");
                        let found = client.verify().await;
                        assert_eq!(*found.endpoints()[0].if_match(), Property::Holds, "{found:?}");
                        assert_eq!(compare_and_set(&client).await.unwrap(), 1);
                        let stale = client.put("k", "z").if_match(old).await.unwrap_err();
                        assert_eq!(stale.kind(), ErrorKind::PreconditionFailed);
                    }
                },
            ),
            Promise::BadInput.trial("conditions::weak_tags_are_shown_and_refused_as_conditions", || async {
                let manners = Manners {
                    if_match: Does::Keep,
                    create: Does::Keep,
                    weak: true,
                };
                let server = server(manners).await;
                {
                    let client = home(s3(&server.url()));
                    let stored = client.put("k", "x").overwrite().await.unwrap();
                    let fetched = client.get("k").await.unwrap();
                    let known = client.head("k").await.unwrap();
                    for tag in [stored.etag(), fetched.etag(), known.etag()] {
                        assert!(tag.unwrap().is_weak(), "{tag:?}");
                    }
                    let asked = server.count();
                    let refused = client.put("k", "y").if_match(fetched.etag().unwrap().clone()).await;
                    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
                    assert_eq!(server.count(), asked, "nothing was sent");
                    let found = client.verify().await;
                    let how = "the store gives weak tags, which no condition can match";
                    assert_eq!(*found.endpoints()[0].if_match(), Property::Broken(how.into()));
                }
            }),
            Promise::FoundOut.trial(
                "conditions::a_server_that_overwrites_on_create_is_found_out",
                || async {
                    let manners = Manners {
                        if_match: Does::Ignore,
                        create: Does::Ignore,
                        weak: false,
                    };
                    let server = server(manners).await;
                    let (told, listener) = told();
                    let client = ObjectClient::builder()
                        .endpoint(Endpoint::new("liar", s3(&server.url())))
                        .endpoint(Endpoint::new("good", Memory::new()))
                        .replication(Replication::write_once())
                        .on_event(listener)
                        .build()
                        .unwrap();
                    client.put("k", "x").await.unwrap();
                    until(|| verified(&told, "liar").is_some()).await;
                    assert_eq!(conditions(verified(&told, "liar").unwrap().0), [Capability::Lacking; 4]);
                    assert_eq!(client.put("k2", "x").await.unwrap().endpoint(), "good");
                },
            ),
            Promise::FoundOut.trial(
                "conditions::stores_known_to_lack_conditions_get_no_conditions",
                || async {
                    // Their hosts are known. Nothing is sent, so that nobody need be there.
                    for preset in [preset::google_xml(), preset::alibaba_oss("eu-central-1")] {
                        Promise::FoundOut.tried();
                        let config = preset.credentials_provider(nobody()).build();
                        let store = S3::new(Client::from_conf(config), "bucket");
                        assert_eq!(conditions(store.capabilities()), [Capability::Lacking; 4]);
                        let error = home(store.clone()).put("k", "x").await.unwrap_err();
                        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                        let client = ObjectClient::builder()
                            .endpoint(Endpoint::new("known", store.clone()))
                            .endpoint(Endpoint::new("good", Memory::new()))
                            .replication(Replication::write_once())
                            .build()
                            .unwrap();
                        assert_eq!(client.put("k", "x").await.unwrap().endpoint(), "good");
                        let own = store.with_create_header("x-own-create").capabilities();
                        assert_eq!((own.create, own.if_match), (Capability::Unknown, Capability::Lacking));
                    }
                },
            ),
            Promise::Budget.trial("conditions::a_trusted_server_is_not_verified", || async {
                let manners = Manners {
                    if_match: Does::Keep,
                    create: Does::Keep,
                    weak: false,
                };
                let server = server(manners).await;
                let client = home(s3(&server.url()).trusting_conditions());
                let tag = client.put("k", "x").await.unwrap().etag().cloned().unwrap();
                client.put("k", "y").if_match(tag).await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
                assert_eq!(server.count(), 2);
                // Amazon's own, by its host.
                let config = preset::aws("eu-central-1").credentials_provider(nobody()).build();
                let amazon = S3::new(Client::from_conf(config), "bucket");
                assert_eq!(conditions(amazon.capabilities()), [Capability::Kept; 4]);
            }),
        ]
    }

    const fn conditions(found: Capabilities) -> [Capability; 4] {
        [found.create, found.if_match, found.delete_if_match, found.complete_if]
    }
}

/// What is known of a store that takes no parts: of their completion there is nothing to know.
const fn of_puts(capability: Capability) -> Capabilities {
    let mut all = Capabilities::all(capability);
    all.complete_if = Capability::Unknown;
    all
}
