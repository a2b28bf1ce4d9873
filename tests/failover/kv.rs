//! Values by key over several endpoints: the authority of conditions, lost answers, stale copies, scans that move on.

mod batches;
mod drill;
mod shared_health;

use crate::{
    scripted::secs,
    store::{Table, Trouble},
};
use evenkeel::{
    BuildError, Endpoint, ErrorKind, KvClient, Replication,
    provider::{KvProvider, MemoryTable},
    request::{
        WriteId,
        kv::{Condition, Delete, Key, Limits, Put},
    },
    stack::retry::Budget,
};
use futures_util::{StreamExt, future::join_all};
use tokio::time::sleep;

pub(crate) fn client<const N: usize>(replication: Replication) -> (KvClient, [Table; N]) {
    over([(); N].map(|()| Table::new()), replication)
}

/// Replicas of one table, each with troubles of its own.
fn replicas<const N: usize>() -> (KvClient, [Table; N]) {
    let one = MemoryTable::new();
    over([(); N].map(|()| Table::on(one.clone())), Replication::strong())
}

fn over<const N: usize>(tables: [Table; N], replication: Replication) -> (KvClient, [Table; N]) {
    const NAMES: [&str; 4] = ["virginia", "ireland", "frankfurt", "zurich"];
    let endpoints = NAMES.iter().zip(&tables);
    let endpoints = endpoints.map(|(name, table)| Endpoint::new(*name, table.clone()));
    let builder = KvClient::builder().endpoints(endpoints.collect::<Vec<_>>());
    // Roomy, so that what a call does depends on the troubles and not on the calls before it.
    let roomy = Budget::new(1.0, 1_000.0);
    let client = builder.replication(replication).budget(roomy).seed(7).build().unwrap();
    (client, tables)
}

/// Somebody else's write, past the client.
pub(crate) async fn seed(table: &MemoryTable, key: &str, value: &'static str, id: &str) {
    let put = Put::new(Key::new(key).unwrap(), value, WriteId::new(id));
    table.put(put).await.unwrap();
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn only_the_home_judges_conditions() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    let stored = client.put("k", "v1").await.unwrap();
    let version = stored.version().unwrap().clone();
    seed(&ireland.memory, "k", "v1", "copied").await;
    virginia.always(Trouble::Refused);
    ireland.forget();
    // With the home dead each of them fails by name, and says that nothing happened,
    for kind in [
        client.put_if_absent("new", "x").await.unwrap_err().kind(),
        client
            .compare_and_set("k", version.clone(), "v2")
            .await
            .unwrap_err()
            .kind(),
        client.delete_if("k", version.clone()).await.unwrap_err().kind(),
        client.increment("n", 1).await.unwrap_err().kind(),
        client.put("k", "v2").await.unwrap_err().kind(),
        client.delete("k").await.unwrap_err().kind(),
        client.put_many([("k", "v2")]).await.unwrap_err().kind(),
    ] {
        assert_eq!(kind, ErrorKind::HomeUnavailable);
    }
    // and no copy was asked.
    assert_eq!(ireland.log(), [""; 0]);
    // Reads go on, and say what they are.
    let (value, explanation) = client.get("k").explained().await.unwrap();
    assert_eq!((value.endpoint(), value.is_possibly_stale()), ("ireland", true));
    assert!(explanation.possibly_stale());
    assert!(client.scan("").collect_all().await.unwrap().possibly_stale);
    let many = client.get_many(["k"]).await.unwrap();
    assert!(many[0].as_ref().unwrap().is_possibly_stale());
    // A version that the copy gave is not the home's.
    let foreign = value.version().clone();
    virginia.heal();
    sleep(secs(31)).await;
    let error = client.compare_and_set("k", foreign, "v2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "compare_and_set failed before anything was sent: ireland gave the version, but under provider_managed writes go to the \
         home virginia only; fetch the key from the home"
    );
    client.compare_and_set("k", version, "v2").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_conditional_write_with_a_lost_answer_is_no_conflict() {
    for replicated in [false, true] {
        let (client, [virginia, ireland]) = match replicated {
            false => client::<2>(Replication::provider_managed()),
            true => replicas::<2>(),
        };
        virginia.then([Trouble::LostAnswer]);
        let created = client.put_if_absent("k", "v1").await.unwrap();
        virginia.then([Trouble::LostAnswer]);
        let version = created.version().unwrap().clone();
        let replaced = client.compare_and_set("k", version, "v2").await.unwrap();
        assert_eq!(text(client.get("k").await.unwrap().bytes()), "v2");
        // What came back is the current version.
        let version = replaced.version().unwrap().clone();
        client.compare_and_set("k", version, "v3").await.unwrap();
        // And somebody else's value is still a conflict.
        let conflict = client.put_if_absent("k", "w").await.unwrap_err();
        assert_eq!(conflict.kind(), ErrorKind::AlreadyExists);
        assert!(conflict.to_string().contains("the key exists already at"), "{conflict}");
        assert_eq!(ireland.asked() > 0, replicated, "only replicas may judge");
    }
}

/// A store that does not recognise its own write ids: the client has to look.
#[derive(Clone)]
struct Forgetful(Table);

impl KvProvider for Forgetful {
    async fn get(&self, get: evenkeel::request::kv::Get) -> Result<evenkeel::request::kv::Value, Failure> {
        self.0.get(get).await
    }

    async fn put(&self, put: Put) -> Result<evenkeel::request::kv::PutAnswer, Failure> {
        let there = self
            .0
            .memory
            .get(evenkeel::request::kv::Get::new(put.key.clone()))
            .await;
        if put.condition != Condition::Always && there.is_ok_and(|there| there.write_id == Some(put.write_id.clone())) {
            let refused = match put.condition {
                Condition::Absent => evenkeel::provider::ProviderErrorKind::AlreadyExists,
                _ => evenkeel::provider::ProviderErrorKind::PreconditionFailed,
            };
            return Err(Failure::answer(refused));
        }
        self.0.put(put).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), Failure> {
        self.0.delete(delete).await
    }

    async fn scan(&self, scan: evenkeel::request::kv::Scan) -> Result<evenkeel::request::kv::ScanPage, Failure> {
        self.0.scan(scan).await
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }
}

type Failure = evenkeel::provider::ProviderError;

#[tokio::test(start_paused = true)]
async fn a_store_without_self_recognition_is_read_after_a_conflict() {
    let table = Table::new();
    let client = KvClient::builder()
        .endpoint(Endpoint::new("virginia", Forgetful(table.clone())))
        .seed(1)
        .build()
        .unwrap();
    table.then([Trouble::LostAnswer]);
    let (created, explanation) = client.put_if_absent("k", "v").explained().await.unwrap();
    assert_eq!(table.log(), ["put", "get"], "{explanation}");
    assert_eq!(explanation.attempts().len(), 3, "{explanation}");
    table.then([Trouble::LostAnswer]);
    let version = created.version().unwrap().clone();
    client.compare_and_set("k", version, "w").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_of_unknown_outcome_is_maybe_applied() {
    let (client, [virginia]) = client::<1>(Replication::provider_managed());
    let version = client.put("k", "v1").await.unwrap().version().unwrap().clone();
    // A lost compare-and-set that somebody else replaced before the retry:
    virginia.then([Trouble::LostAnswer, Trouble::Slow(secs(0))]);
    let racing = client.compare_and_set("k", version, "v2");
    let other = virginia.memory.clone();
    let (raced, ()) = tokio::join!(racing, async move {
        tokio::task::yield_now().await;
        seed(&other, "k", "theirs", "theirs").await;
    });
    let error = raced.unwrap_err();
    // two stories are possible, and none is told.
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
    let id = error.write_id().unwrap().clone();
    assert_ne!(client.get("k").await.unwrap().write_id(), Some(&id));

    // A lost conditional delete finds nothing: who removed it?
    let version = client.get("k").await.unwrap().version().clone();
    virginia.then([Trouble::LostAnswer]);
    let error = client.delete_if("k", version).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");

    // A write that failed for good, repeated under its id, recognises what it stored.
    virginia.then([Trouble::LostAnswer, Trouble::Reset, Trouble::Reset]);
    let error = client.put_if_absent("new", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied);
    assert!(error.is_retryable());
    let id = error.write_id().unwrap().clone();
    client.put_if_absent("new", "v").write_id(id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_id_is_recognised_by_another_process() {
    let table = MemoryTable::new();
    let process = || over([Table::on(table.clone())], Replication::provider_managed());
    let ((first, [lossy]), (second, _)) = (process(), process());
    let id = || WriteId::new("order-42");
    lossy.always(Trouble::LostAnswer);
    let error = first.put_if_absent("k", "mine").write_id(id()).await.unwrap_err();
    assert!(error.may_have_been_applied(), "{error}");
    let stored = second.put_if_absent("k", "mine").write_id(id()).await.unwrap();
    let there = second.get("k").await.unwrap();
    assert_eq!(stored.version(), Some(there.version()));
    let its = there.write_id().unwrap();
    assert!(its.names_same_write(&id()) && its.names_same_write(error.write_id().unwrap()));
    // So is one of a version before the stamp, and no other.
    seed(&table, "old", "mine", "order-42").await;
    second.put_if_absent("old", "mine").write_id(id()).await.unwrap();
    for (key, value, id) in [
        ("k", "mine", "order-43"),
        ("k", "longer", "order-42"),
        ("old", "mine", "order-43"),
    ] {
        let refused = second.put_if_absent(key, value).write_id(WriteId::new(id)).await;
        assert_eq!(
            refused.unwrap_err().kind(),
            ErrorKind::AlreadyExists,
            "{key} {value} {id}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn increments_add_up_through_lost_answers() {
    let (client, [virginia]) = client::<1>(Replication::provider_managed());
    let mut sum = 0;
    for step in 0..20 {
        if step % 3 == 0 {
            virginia.then([Trouble::None, Trouble::LostAnswer]);
        }
        sum += step;
        assert_eq!(client.increment("n", step).await.unwrap(), sum);
    }
    assert_eq!(client.increment("n", -200).await.unwrap(), -10);
    client.put("n", "nine").await.unwrap();
    assert_eq!(client.increment("n", 1).await.unwrap_err().kind(), ErrorKind::Rejected);
    client.put("n", i64::MAX.to_string()).await.unwrap();
    assert_eq!(client.increment("n", 1).await.unwrap_err().kind(), ErrorKind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn concurrent_increments_add_up() {
    let table = MemoryTable::new().with_latency(secs(0)..std::time::Duration::from_millis(9), 3);
    let client = KvClient::builder()
        .endpoint(Endpoint::new("virginia", table))
        .seed(5)
        .build()
        .unwrap();
    let count = |client: KvClient| async move {
        for _ in 0..25 {
            client.increment("n", 1).await.unwrap();
        }
    };
    join_all((0..8).map(|_| count(client.clone()))).await;
    assert_eq!(client.increment("n", 0).await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn strong_replicas_take_over_for_each_other() {
    let (client, [virginia, ireland]) = replicas::<2>();
    let version = client.put("k", "v1").await.unwrap().version().unwrap().clone();
    assert_eq!(version.endpoint(), "virginia");
    virginia.always(Trouble::Refused);
    // The version that virginia gave holds at ireland, conditions are judged there, and nothing is stale.
    let stored = client.compare_and_set("k", version.clone(), "v2").await.unwrap();
    assert_eq!(stored.endpoint(), "ireland");
    let late = client.compare_and_set("k", version, "v3").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::PreconditionFailed);
    assert!(!client.get("k").await.unwrap().is_possibly_stale());
    assert_eq!(client.increment("n", 2).await.unwrap(), 2);
    // One of them that says "absent" speaks for all.
    let absent = client.get("other").await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound, "{absent}");
    assert!(ireland.asked() > 0);
}

#[tokio::test(start_paused = true)]
async fn under_write_once_a_put_creates_and_conditions_are_refused() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    virginia.always(Trouble::Refused);
    let stored = client.put("k", "v").await.unwrap();
    assert_eq!(stored.endpoint(), "ireland");
    assert_eq!(client.put("k", "w").await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    ireland.forget();
    let version = stored.version().unwrap().clone();
    for error in [
        client.put_if_absent("k2", "v").await.unwrap_err(),
        client.compare_and_set("k", version.clone(), "w").await.unwrap_err(),
        client.delete_if("k", version).await.unwrap_err(),
        client.increment("n", 1).await.unwrap_err(),
        client.put_many([("a", "b")]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    assert_eq!(ireland.asked(), 0);
    // A copy's word is no proof that a key does not exist.
    assert_eq!(client.get("other").await.unwrap_err().kind(), ErrorKind::Unavailable);
    virginia.heal();
    sleep(secs(31)).await;
    client.put("j", "v").pin("virginia").await.unwrap();
    assert_eq!(client.get("other").await.unwrap_err().kind(), ErrorKind::NotFound);
    // Listings are merged.
    let all = client.scan("").collect_all().await.unwrap();
    let keys: Vec<_> = all.entries.iter().map(|entry| &*entry.key).collect();
    assert_eq!((keys, all.possibly_stale), (vec!["j", "k"], false));
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_fails_over_skips_and_repeats_no_key() {
    for trouble in [
        Trouble::Refused,
        Trouble::Hang,
        Trouble::Reset,
        Trouble::Code("SlowDown"),
    ] {
        let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
        for key in 0..2_500 {
            let key = format!("k/{key:05}");
            seed(&virginia.memory, &key, "v", &key).await;
            seed(&ireland.memory, &key, "v", &format!("copy-of-{key}")).await;
        }
        seed(&virginia.memory, "other", "v", "other").await;
        let mut scan = client.scan("k/").stream();
        let mut keys = Vec::new();
        while let Some(entry) = scan.next().await {
            keys.push(entry.unwrap().key);
            // In the midst of the second page, virginia dies.
            if keys.len() == 1_200 {
                assert!(!scan.is_possibly_stale());
                virginia.always(trouble);
            }
        }
        let expected: Vec<_> = (0..2_500).map(|key| format!("k/{key:05}")).collect();
        assert_eq!(keys, expected, "{trouble:?}");
        assert!(scan.is_possibly_stale(), "the last page was a copy's");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_range_has_its_bounds() {
    let (client, [_]) = client::<1>(Replication::provider_managed());
    for key in ["a", "b", "c", "d", "e"] {
        client.put(key, key).await.unwrap();
    }
    let keys = |scanned: evenkeel::client::kv::Scanned| {
        let keys = scanned.entries.into_iter().map(|entry| entry.key);
        keys.collect::<Vec<_>>().join("")
    };
    let range = client.scan("").from_key("b").until("e");
    assert_eq!(keys(range.collect_all().await.unwrap()), "bcd");
    let range = client.scan("").from_key("b").until("e").after("b").limit(1);
    assert_eq!(keys(range.collect_all().await.unwrap()), "c");
    assert_eq!(keys(client.scan("").limit(0).collect_all().await.unwrap()), "");
}

#[tokio::test(start_paused = true)]
async fn the_strictest_endpoint_sets_the_limits_of_a_client() {
    let redis = MemoryTable::new();
    let dynamodb = MemoryTable::new().with_limits(Limits::new(2_048, 409_600));
    let cosmos = MemoryTable::new().with_limits(Limits::new(1_023, 2_000_000).forbidding(&['/', '#']));
    let client = KvClient::builder()
        .endpoint(Endpoint::new("redis", redis))
        .endpoint(Endpoint::new("dynamodb", dynamodb).read_only())
        .endpoint(Endpoint::new("cosmos", cosmos).read_only())
        .build()
        .unwrap();
    let said = async |key: String, bytes: usize| {
        let error = client.put(key, vec![0; bytes]).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::InvalidInput, 0));
        error.to_string()
    };
    assert_eq!(
        said("k".into(), 409_600).await,
        "put failed before anything was sent: dynamodb takes key and value of at most 409600 bytes together; these have \
         409601"
    );
    assert_eq!(
        said("k".repeat(1_500), 1).await,
        "put failed before anything was sent: cosmos takes keys of at most 1023 bytes; this key has 1500"
    );
    assert!(
        said("a/b".into(), 1)
            .await
            .ends_with("cosmos takes no key with '/' in it")
    );
    assert!(said(String::new(), 1).await.ends_with("a key must not be empty"));
    assert!(said("a\0b".into(), 1).await.contains("control characters"));
    assert_eq!(
        (client.limits().key_bytes, client.limits().item_bytes),
        (1_023, 409_600)
    );
    client.put("k", vec![0; 409_599]).await.unwrap();
    for life in [secs(0), secs(u64::MAX)] {
        let error = client.put("k", "v").time_to_live(life).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let twice = client.get_many(["a", "b", "a"]).await.unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::InvalidInput);
}

#[test]
fn an_ambiguous_configuration_is_refused_with_a_clear_error() {
    let table = |name: &'static str, provider: &'static str| Endpoint::new(name, MemoryTable::new()).provider(provider);
    let two = || {
        KvClient::builder()
            .endpoint(table("a", "aws"))
            .endpoint(table("b", "aws"))
    };
    let said = |builder: evenkeel::client::KvClientBuilder| builder.build().unwrap_err();
    assert!(matches!(said(two()), BuildError::ReplicationRequired(_)));
    assert_eq!(
        said(two().replication(Replication::strong().home("a"))),
        BuildError::NoHomeAmongReplicas
    );
    let clouds = KvClient::builder()
        .endpoint(table("a", "aws"))
        .endpoint(table("b", "azure"));
    assert_eq!(
        said(clouds.replication(Replication::strong())).to_string(),
        "`a` and `b` are of different providers, so they cannot be replicas of one table under `strong`"
    );
    let unfit = KvClient::builder().endpoint(Endpoint::new("a", Forgetful(Table::new())));
    assert!(matches!(said(unfit.replication(Replication::strong())), BuildError::NotStrong(name) if &*name == "a"));
    let objects = evenkeel::ObjectClient::builder().endpoint(Endpoint::new("a", evenkeel::provider::Memory::new()));
    let objects = objects.replication(Replication::strong()).build();
    assert!(matches!(objects.unwrap_err(), BuildError::NotStrong(_)));
    assert!(two().replication(Replication::strong()).build().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_expired_value_is_gone_in_time() {
    let (client, [_]) = client::<1>(Replication::provider_managed());
    client
        .put_if_absent("lease", "me")
        .time_to_live(secs(30))
        .await
        .unwrap();
    assert!(client.get("lease").await.unwrap().expires_at().is_some());
    sleep(secs(29)).await;
    assert_eq!(
        client.put_if_absent("lease", "you").await.unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    sleep(secs(1)).await;
    assert_eq!(client.get("lease").await.unwrap_err().kind(), ErrorKind::NotFound);
    client.put_if_absent("lease", "you").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn neither_errors_nor_debug_show_a_key_or_a_value() {
    let (client, [virginia]) = client::<1>(Replication::provider_managed());
    client.put("customer-4711", "secret-4711").await.unwrap();
    let shown = format!(
        "{client:?} {:?} {:?}",
        client.get("customer-4711").await.unwrap(),
        client.scan("customer-").collect_all().await.unwrap(),
    );
    assert!(!shown.contains("4711"), "{shown}");
    virginia.always(Trouble::Reset);
    let error = client.put_if_absent("customer-4711", "x").await.unwrap_err();
    let shown = format!("{error} {error:?} {}", error.explanation());
    assert!(!shown.contains("4711"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn errors_name_their_operation() {
    let (client, [_]) = client::<1>(Replication::provider_managed());
    let old = client.put("k", "1").await.unwrap().version().unwrap().clone();
    client.put("k", "2").await.unwrap();
    for (error, says) in [
        (
            client.put_if_absent("k", "3").await.unwrap_err(),
            "put_if_absent failed after 1 attempt: the key exists already at virginia",
        ),
        (
            client.compare_and_set("k", old.clone(), "3").await.unwrap_err(),
            "compare_and_set failed after 1 attempt: the key at virginia has changed",
        ),
        (
            client.delete_if("k", old).await.unwrap_err(),
            "delete_if failed after 1 attempt: the key at virginia has changed",
        ),
    ] {
        assert_eq!(error.to_string(), says);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(!cause.contains("object"), "{cause}");
    }
}
