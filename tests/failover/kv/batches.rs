//! Several keys in one call: each has its own fate.

use crate::{
    kv::{client, seed},
    store::{Table, Trouble},
};
use evenkeel::{
    Endpoint, ErrorKind, KvClient, Replication,
    provider::{KvProvider, MemoryTable, ProviderError, ProviderErrorKind},
    request::kv::{GetMany, Limits, PutAnswer, PutMany, Value},
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A table whose batches leave every other key undone, for so many batches.
#[derive(Clone)]
struct Partial {
    table: Table,
    left: Arc<AtomicUsize>,
    outcome: Outcome,
}

impl Partial {
    fn spoil<T>(&self, results: Vec<Result<T, ProviderError>>) -> Vec<Result<T, ProviderError>> {
        let spoilt = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if spoilt.is_err() {
            return results;
        }
        let kind = match self.outcome.verdict {
            Verdict::Throttled => ProviderErrorKind::Throttled,
            _ => ProviderErrorKind::Failed,
        };
        let all = results.into_iter().enumerate();
        all.map(|(at, result)| match at % 2 {
            0 => result,
            _ => Err(ProviderError::new(kind, self.outcome)),
        })
        .collect()
    }
}

impl KvProvider for Partial {
    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        Ok(self.spoil(self.table.get_many(many).await?))
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        Ok(self.spoil(self.table.put_many(many).await?))
    }

    fn limits(&self) -> Limits {
        Limits::new(2_048, 400_000).with_batches(40, 40)
    }

    values_through!(self.table: get put delete scan);
}

fn partial(spoilt: usize, outcome: Outcome) -> (KvClient, Table) {
    let table = Table::new();
    let partial = Partial {
        table: table.clone(),
        left: Arc::new(AtomicUsize::new(spoilt)),
        outcome,
    };
    let client = KvClient::builder()
        .endpoint(Endpoint::new("virginia", partial))
        .seed(3)
        .build();
    (client.unwrap(), table)
}

const THROTTLED: Outcome = Outcome::new(Verdict::Throttled, Sent::Maybe);

#[tokio::test(start_paused = true)]
async fn undone_keys_of_a_batch_are_retried() {
    let (client, table) = partial(2, THROTTLED);
    let values: Vec<_> = (0..4).map(|i| (format!("k{i}"), format!("v{i}"))).collect();
    let stored = client.put_many(values.clone()).await.unwrap();
    assert!(stored.iter().all(Result::is_ok), "{stored:?}");
    // Four, then the two that were left undone, then the one of these.
    assert_eq!(table.log(), ["put_many"; 3]);
    let (client, table) = partial(2, THROTTLED);
    for (key, value) in values {
        seed(&table.memory, &key, "x", &value).await;
    }
    let got = client.get_many(["k3", "k1", "none", "k0"]).await.unwrap();
    assert_eq!(got.len(), 4);
    assert_eq!(got[2].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(got.iter().filter(|result| result.is_ok()).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_partial_batch_reports_each_key() {
    let (client, _) = partial(usize::MAX, THROTTLED);
    let values: Vec<_> = (0..40).map(|i| (format!("k{i}"), "v")).collect();
    let stored = client.put_many(values).await.unwrap();
    let failed: Vec<_> = stored.iter().filter_map(|result| result.as_ref().err()).collect();
    assert!(!failed.is_empty() && failed.len() < 40);
    for error in failed {
        assert_eq!(error.kind(), ErrorKind::Throttled, "{error}");
        assert!(error.write_id().is_some());
    }
    // One of unknown fate is no plain failure.
    let (client, _) = partial(usize::MAX, Outcome::new(Verdict::Faulty, Sent::Maybe));
    let values: Vec<_> = (0..40).map(|i| (format!("k{i}"), "v")).collect();
    let stored = client.put_many(values).await.unwrap();
    let failed: Vec<_> = stored.into_iter().filter_map(Result::err).collect();
    assert!(!failed.is_empty());
    assert!(
        failed.iter().all(|error| error.kind() == ErrorKind::MaybeApplied),
        "{failed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_copys_absence_is_proven_at_the_home_in_one_batch() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    for key in ["a", "b", "c"] {
        seed(&virginia.memory, key, "home", key).await;
    }
    seed(&ireland.memory, "a", "copy", "a").await;
    let got = client.get_many(["a", "b", "c", "d"]).pin("ireland").await.unwrap();
    assert_eq!(
        got.iter().filter(|result| result.is_ok()).count(),
        1,
        "pinned, its word is final"
    );
    virginia.forget();
    virginia.then([Trouble::Reset]);
    // The first ask fails at home and is answered by the copy, which has one of the four.
    let got = client.get_many(["a", "b", "c", "d"]).await.unwrap();
    let from: Vec<_> = got
        .iter()
        .map(|result| result.as_ref().map_or("?", |value| value.endpoint()))
        .collect();
    assert_eq!(from, ["ireland", "virginia", "virginia", "?"]);
    assert!(got[0].as_ref().unwrap().is_possibly_stale() && !got[1].as_ref().unwrap().is_possibly_stale());
    let absent = got[3].as_ref().unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    assert_eq!(virginia.log(), ["get_many", "get_many"]);
    // With the home dead, what the copy has not is not known.
    virginia.always(Trouble::Refused);
    let got = client.get_many(["a", "b"]).await.unwrap();
    assert!(got[0].is_ok());
    assert_eq!(got[1].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_a_batch_is_repeated_or_maybe_applied() {
    let (client, [virginia]) = client::<1>(Replication::provider_managed());
    virginia.then([Trouble::LostAnswer]);
    let stored = client.put_many([("a", "1"), ("b", "2")]).await.unwrap();
    assert!(stored.iter().all(Result::is_ok));
    virginia.then([Trouble::LostAnswer, Trouble::Reset, Trouble::Reset]);
    let error = client.put_many([("a", "3"), ("b", "4")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_strictest_endpoint_bounds_the_batch_size() {
    let small = MemoryTable::new().with_limits(Limits::new(2_048, 400_000).with_batches(3, 2));
    let home = Table::new();
    let client = KvClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .endpoint(Endpoint::new("copy", small).read_only())
        .build()
        .unwrap();
    let stored = client.put_many((0..5).map(|i| (format!("k{i}"), "v"))).await.unwrap();
    assert_eq!((stored.len(), home.asked()), (5, 3));
    home.forget();
    let got = client.get_many((0..7).map(|i| format!("k{i}"))).await.unwrap();
    assert_eq!(
        (
            got.len(),
            home.log().iter().filter(|asked| **asked == "get_many").count()
        ),
        (7, 3)
    );
    assert!(client.get_many([""; 0]).await.unwrap().is_empty());
}

/// Two of three tables have the keys between them; the third hangs, and nobody waits for its word.
#[tokio::test(start_paused = true)]
async fn a_hanging_table_does_not_delay_keys_that_others_hold() {
    let (client, [virginia, ireland, paris]) = client::<3>(Replication::write_once());
    seed(&virginia.memory, "a", "v", "a").await;
    seed(&ireland.memory, "b", "v", "b").await;
    paris.always(Trouble::Hang);
    let began = tokio::time::Instant::now();
    let got = client.get_many(["a", "b"]).await.unwrap();
    let from: Vec<_> = got
        .iter()
        .map(|result| result.as_ref().map_or("?", |value| value.endpoint()))
        .collect();
    assert_eq!(from, ["virginia", "ireland"]);
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    // A key that nobody else has stays unknown.
    let got = client.get_many(["a", "c"]).await.unwrap();
    assert_eq!(got[1].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
}
