//! The AWS SDK's behaviour in paused time.

use super::{super::load, Contender, PlainSdk, Right, Tally, compare};
use evenkeel::{
    client::ObjectStack,
    provider::ProviderError,
    request::{
        Call, Key,
        object::{Get, ObjectRequest, ObjectResponse, Put, PutMode},
    },
    verdict::Verdict,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tower::ServiceExt;

/// What stands for the plain SDK in paused time, which the SDK itself cannot follow: up to three attempts at the first
/// place, and before each further one a wait drawn from zero to 1 s, then 2 s, as the SDK's standard mode does.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) primary: ObjectStack,
    pub(crate) rng: Arc<Mutex<fastrand::Rng>>,
}

impl Model {
    async fn send(&self, request: ObjectRequest, tally: &Arc<Tally>) -> Result<ObjectResponse, String> {
        let mut longest = Duration::from_secs(1);
        loop {
            tally.attempt(0);
            let error = match self.primary.clone().oneshot(Call::new(request.clone())).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let verdict = error.downcast_ref::<ProviderError>().map(|e| e.outcome().verdict);
            let transient = matches!(
                verdict,
                Some(Verdict::Faulty | Verdict::Unreachable | Verdict::Throttled)
            );
            if !transient || tally.attempts() >= 3 {
                return Err(error.to_string());
            }
            let share = self.rng.lock().unwrap_or_else(PoisonError::into_inner).f64();
            tokio::time::sleep(longest.mul_f64(share)).await;
            longest *= 2;
        }
    }
}

impl Contender for Model {
    const CUT: Duration = PlainSdk::CUT;

    async fn get(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let request = ObjectRequest::Get(Get::new(valid(key)?));
        match self.send(request, tally).await? {
            ObjectResponse::Get(object) => compare(key, &object.body).map(|()| None),
            _ => Err("answered another question".to_owned()),
        }
    }

    async fn put(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let mut put = Put::new(valid(key)?, load::body(key));
        put.mode = PutMode::Overwrite;
        self.send(ObjectRequest::Put(put), tally).await.map(|_| None)
    }
}

fn valid(key: &str) -> Result<Key, String> {
    Key::new(key).map_err(|invalid| invalid.to_string())
}
