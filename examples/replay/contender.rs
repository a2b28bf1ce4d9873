//! Who carries the load: evenkeel, the plain SDK, and the plain SDK's model in a simulation.

use super::{course, load};
use aws_sdk_s3::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    primitives::ByteStream,
};
use evenkeel::{
    BoxError, Explanation, ObjectClient,
    client::{Attempt, ObjectStack},
    provider::ProviderError,
    request::{
        Call, Key,
        object::{Get, ObjectRequest, ObjectResponse, Put, PutMode},
    },
    verdict::Verdict,
};
use std::{
    error::Error,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tower::ServiceExt;

/// A right answer, with its story where there is one; a failure is a sentence.
pub(crate) type Right = Result<Option<Explanation>, String>;

/// Gets and puts objects.
pub(crate) trait Contender: Clone + Send + Sync + 'static {
    /// When a call is cut off.
    const CUT: Duration;

    /// Fetches what lies under `key` and compares it.
    fn get(&self, key: &str, tally: &Arc<Tally>) -> impl Future<Output = Right> + Send;

    /// Stores under `key` what belongs there.
    fn put(&self, key: &str, tally: &Arc<Tally>) -> impl Future<Output = Right> + Send;
}

/// What one call's attempts were. Shared with the call, so that it is known of calls that were cut off, too.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    attempts: AtomicU32,
    touched: AtomicU8,
}

impl Tally {
    fn attempt(&self, place: usize) {
        self.attempts.fetch_add(1, Relaxed);
        self.touched.fetch_or(1 << place, Relaxed);
    }

    fn of(&self, attempts: &[Attempt]) {
        for attempt in attempts {
            self.attempt(course::position(attempt.endpoint()));
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    pub(crate) fn touched(&self) -> u8 {
        self.touched.load(Relaxed)
    }
}

fn compare(key: &str, found: &[u8]) -> Result<(), String> {
    if found == load::body(key) {
        Ok(())
    } else {
        Err(format!(
            "answered with {} bytes that were never stored there",
            found.len()
        ))
    }
}

/// evenkeel over all three places.
#[derive(Clone)]
pub(crate) struct Evenkeel(pub(crate) ObjectClient);

impl Contender for Evenkeel {
    /// Its own deadline is 10 s; a call that is still there 2 s later is a defect, and shows as one.
    const CUT: Duration = Duration::from_secs(12);

    async fn get(&self, key: &str, tally: &Arc<Tally>) -> Right {
        match self.0.get(key).explained().await {
            Ok((object, explanation)) => {
                tally.of(explanation.attempts());
                compare(key, object.body()).map(|()| Some(explanation))
            }
            Err(error) => {
                tally.of(error.attempts());
                Err(error.to_string())
            }
        }
    }

    async fn put(&self, key: &str, tally: &Arc<Tally>) -> Right {
        match self.0.put(key, load::body(key)).explained().await {
            Ok((_, explanation)) => {
                tally.of(explanation.attempts());
                Ok(Some(explanation))
            }
            Err(error) => {
                tally.of(error.attempts());
                Err(error.to_string())
            }
        }
    }
}

/// The SDK as it comes, with its default retries, at the first place.
#[derive(Clone)]
pub(crate) struct PlainSdk {
    pub(crate) client: aws_sdk_s3::Client,
    pub(crate) bucket: &'static str,
}

impl Contender for PlainSdk {
    /// It has no limit of its own for a whole call; ten seconds is evenkeel's default.
    const CUT: Duration = Duration::from_secs(10);

    async fn get(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let request = self.client.get_object().bucket(self.bucket).key(key);
        let answer = request.customize().interceptor(Count(tally.clone())).send().await;
        let object = answer.map_err(|error| chain(&error))?;
        let body = object.body.collect().await.map_err(|error| chain(&error))?;
        compare(key, &body.into_bytes()).map(|()| None)
    }

    /// Without a condition: a retry that met its own first success would fail on one, and that would be our doing.
    async fn put(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let body = ByteStream::from(load::body(key));
        let request = self.client.put_object().bucket(self.bucket).key(key).body(body);
        let answer = request.customize().interceptor(Count(tally.clone())).send().await;
        answer.map(|_| None).map_err(|error| chain(&error))
    }
}

/// Counts one call's attempts.
#[derive(Debug)]
struct Count(Arc<Tally>);

impl Intercept for Count {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.attempt(0);
        Ok(())
    }
}

/// An error with its causes, outermost first, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

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
