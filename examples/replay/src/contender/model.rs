//! The AWS SDK's behaviour in paused time.

use super::{
    super::{
        load,
        streams::{Reader, Streaming, Wire},
    },
    Contender, PlainSdk, Right, Tally, chain, compare,
};
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

/// The model, with the wire on which large bodies come.
#[derive(Clone)]
pub(crate) struct ModelStream {
    pub(crate) model: Model,
    pub(crate) wire: Wire,
}

/// How often a large object is asked for: as often as a small one.
const OPENINGS: usize = 3;

/// After how long without a byte the SDK gives a body up (its stalled-stream protection).
pub(crate) const STALLED: Duration = Duration::from_secs(5);

/// One GET for the whole object. The SDK repeats requests, but no body that has begun: whoever reads it begins again, at
/// the first byte.
impl Streaming for ModelStream {
    async fn stream(&self, key: &str, reader: &mut Reader) -> Result<(), String> {
        let request = ObjectRequest::Get(Get::new(valid(key)?));
        for opening in 1.. {
            let ObjectResponse::Get(object) = self.model.send(request.clone(), &Arc::default()).await? else {
                return Err("answered another question".to_owned());
            };
            let (mut at, mut right) = (0, Ok(()));
            let arrived = |bytes: usize| {
                let piece = &object.body[at..at + bytes];
                at += bytes;
                if right.is_ok() {
                    right = reader.take(piece);
                }
            };
            let carried = self.wire.carry(object.body.len(), arrived).await;
            right?;
            match carried {
                Ok(()) => break,
                Err(error) if opening == OPENINGS => return Err(chain(&*error)),
                Err(_) => reader.again(),
            }
        }
        Ok(())
    }
}

fn valid(key: &str) -> Result<Key, String> {
    Key::new(key).map_err(|invalid| invalid.to_string())
}
