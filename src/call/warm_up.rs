use crate::model::clock;
use futures_util::future::join_all;
use std::{fmt, future::Future, sync::Arc, time::Duration};

/// The limit of warming up one endpoint: the connect limit of 0.9 s and the floor of an attempt, 1 s, rounded up.
const WARM_UP_LIMIT: Duration = Duration::from_secs(2);

/// The result of a warm-up, by endpoint.
#[derive(Clone, Debug)]
#[must_use = "it says which endpoints are not ready"]
pub struct WarmUp(Vec<Warmed>);

/// The result of warming up one endpoint.
#[derive(Clone, Debug)]
pub struct Warmed {
    endpoint: Arc<str>,
    took: Duration,
    failure: Option<String>,
}

impl WarmUp {
    /// The endpoints that were warmed up, in the client's order. Endpoints that break a constraint are left alone.
    pub fn endpoints(&self) -> &[Warmed] {
        &self.0
    }

    /// Whether all endpoints are ready.
    pub fn is_complete(&self) -> bool {
        self.0.iter().all(Warmed::is_ready)
    }
}

impl Warmed {
    /// The endpoint's name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How long the warm-up took.
    pub const fn took(&self) -> Duration {
        self.took
    }

    /// Whether the endpoint has a connection and credentials.
    pub const fn is_ready(&self) -> bool {
        self.failure.is_none()
    }

    /// Why the endpoint is not ready, as a phrase.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

/// Runs all warm-ups at once, each for at most [`WARM_UP_LIMIT`].
pub(super) async fn warmed<'e, F, E>(each: impl Iterator<Item = (&'e Arc<str>, F)>) -> WarmUp
where
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    let started = clock::now();
    let all = each.map(|(endpoint, opening)| async move {
        let result = tokio::time::timeout(WARM_UP_LIMIT, opening).await;
        Warmed {
            endpoint: endpoint.clone(),
            took: clock::now() - started,
            failure: match result {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("not ready within {} s", WARM_UP_LIMIT.as_secs())),
            },
        }
    });
    WarmUp(join_all(all).await)
}
