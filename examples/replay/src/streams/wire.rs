//! The way of a large body: it takes its time, and a fault that begins meanwhile strikes it.
//!
//! The drill's fault layer strikes a request when it is sent. What is in mid-body when the trouble begins would come
//! through it unharmed, as nothing does that comes from a burning house.

use super::{super::outcome::now, is_large};
use evenkeel::{
    BoxError,
    drill::{Fault, Timeline},
    endpoint::Profile,
    provider::ProviderError,
    request::{
        Call, OpClass,
        object::{ObjectRequest, ObjectResponse},
    },
};
use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{sleep, sleep_until};
use tower::{Layer, Service};

/// What one connection carries in a second: 100 Mbit.
const RATE: usize = 12_500_000;

/// What comes at once.
const PIECE: usize = 128 << 10;

/// The way from one place.
#[derive(Clone)]
pub(crate) struct Wire {
    timeline: Timeline,
    profile: Profile,
    dice: Arc<Mutex<fastrand::Rng>>,
    carried: Arc<AtomicU64>,
    patience: Option<Duration>,
}

/// What becomes of a body.
enum Strike {
    Silent,
    Reset,
}

impl Wire {
    /// `carried` counts the bytes. `patience`: after how much silence a body fails; `None`: whoever waits must see to it.
    pub(crate) fn new(
        timeline: Timeline,
        profile: Profile,
        seed: u64,
        carried: Arc<AtomicU64>,
        patience: Option<Duration>,
    ) -> Self {
        Self {
            timeline,
            profile,
            dice: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            carried,
            patience,
        }
    }

    /// Carries a body of this length, and says what has arrived.
    pub(crate) async fn carry(&self, length: usize, mut arrived: impl FnMut(usize) + Send) -> Result<(), BoxError> {
        let began = now();
        let mut phase = self.phase();
        let mut done = 0;
        while done < length {
            let piece = PIECE.min(length - done);
            sleep_until(began + Duration::from_secs_f64((done + piece) as f64 / RATE as f64)).await;
            let here = self.phase();
            if here != phase {
                phase = here;
                match (self.strike(), self.patience) {
                    (None, _) => {}
                    (Some(Strike::Reset), _) => {
                        return Err(
                            ProviderError::faulty("the connection was reset in mid-body, as the drill says").into(),
                        );
                    }
                    (Some(Strike::Silent), None) => std::future::pending().await,
                    (Some(Strike::Silent), Some(patience)) => {
                        sleep(patience).await;
                        let words = format!("no byte came for {} s in mid-body", patience.as_secs());
                        return Err(ProviderError::faulty(words).into());
                    }
                }
            }
            done += piece;
            self.carried.fetch_add(piece as u64, Relaxed);
            arrived(piece);
        }
        Ok(())
    }

    fn phase(&self) -> Option<usize> {
        self.timeline.now().map(|moment| moment.index)
    }

    /// What the phase that has just begun does to a body under way. Faults of connecting, and those of answers' heads,
    /// do not concern it.
    fn strike(&self) -> Option<Strike> {
        let moment = self.timeline.now()?;
        let concern = |rule: &&evenkeel::drill::Rule| rule.concerns(&self.profile, OpClass::Read);
        for rule in moment.phase.rules.iter().filter(concern) {
            let strike = match rule.fault {
                Fault::Hang => Strike::Silent,
                Fault::Refuse | Fault::ResetBeforeRequest | Fault::ResetAfterRequest => Strike::Reset,
                _ => continue,
            };
            if self.dice.lock().unwrap_or_else(PoisonError::into_inner).f64() < rule.probability {
                return Some(strike);
            }
        }
        None
    }
}

impl<S> Layer<S> for Wire {
    type Service = Wired<S>;

    fn layer(&self, inner: S) -> Wired<S> {
        Wired {
            inner,
            wire: self.clone(),
        }
    }
}

/// A place behind its wire. Only large objects take time on it.
#[derive(Clone)]
pub(crate) struct Wired<S> {
    inner: S,
    wire: Wire,
}

impl<S> Service<Call<ObjectRequest>> for Wired<S>
where
    S: Service<Call<ObjectRequest>, Response = ObjectResponse, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = ObjectResponse;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ObjectResponse, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call<ObjectRequest>) -> Self::Future {
        let large = matches!(call.request(), ObjectRequest::Get(get) if is_large(get.key.as_str()));
        let progress = call.progress();
        let answer = self.inner.call(call);
        if !large {
            return Box::pin(answer);
        }
        let wire = self.wire.clone();
        Box::pin(async move {
            progress.begin(0);
            let answer = answer.await?;
            if let ObjectResponse::Get(object) = &answer {
                progress.answered();
                wire.carry(object.body.len(), |bytes| progress.received(bytes)).await?;
            }
            Ok(answer)
        })
    }
}
