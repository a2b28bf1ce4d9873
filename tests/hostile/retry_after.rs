//! How long a call waits where a store asks to be left alone (`Retry-After`).

#![allow(clippy::disallowed_methods)] // the test's own clock

use crate::promise::Promise;
use evenkeel::{
    Endpoint, ObjectClient,
    provider::{Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{Get, Object},
    verdict::{Outcome, Sent, Verdict},
};
use libtest_mimic::Trial;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Promise::Healthy.paused(
            "retry_after::a_single_store_is_left_alone_for_its_retry_after",
            || async {
                for verdict in [Verdict::Throttled, Verdict::Faulty] {
                    let waited = waits(verdict, Duration::from_millis(1_500)).await;
                    assert!((1_500..1_600).contains(&waited.as_millis()), "{verdict:?}: {waited:?}");
                }
            },
        ),
        Promise::Deadline.paused("retry_after::the_wait_is_at_most_two_seconds", || async {
            for asked in [3, 60, 86_400 * 365] {
                let waited = waits(Verdict::Throttled, Duration::from_secs(asked)).await;
                assert!((2_000..2_100).contains(&waited.as_millis()), "{asked} s: {waited:?}");
            }
        }),
    ]
}

/// Answers its first get so.
struct Busy {
    store: Memory,
    answer: Arc<Mutex<Option<Outcome>>>,
}

impl ObjectProvider for Busy {
    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        let answer = self.answer.lock().unwrap().take();
        match answer {
            Some(outcome) => Err(ProviderError::new(ProviderErrorKind::Failed, outcome)),
            None => self.store.get(get).await,
        }
    }

    objects_through!(self.store: put head delete list);
}

/// How long a get takes whose first attempt is answered so.
async fn waits(verdict: Verdict, retry_after: Duration) -> Duration {
    Promise::Deadline.tried();
    let answer = Arc::new(Mutex::new(None));
    let store = Busy {
        store: Memory::new(),
        answer: answer.clone(),
    };
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("only", store))
        .hedging(false)
        .seed(1)
        .build()
        .unwrap();
    client.put("k", "v").await.unwrap();
    let outcome = Outcome::new(verdict, Sent::Maybe).with_retry_after(Some(retry_after));
    *answer.lock().unwrap() = Some(outcome);
    let start = Instant::now();
    client.get("k").await.unwrap();
    start.elapsed()
}
