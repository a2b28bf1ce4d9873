use super::{KeeperSettings, Standing, lease::Lease, policy::Step};
use crate::{
    BoxError,
    model::{NotLoaded, Why},
};
use futures_util::FutureExt;
use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::task::AbortHandle;

/// Keeps credentials of one kind fresh. See the [module](super). Clones share the credentials.
pub struct Keeper<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    standing: Standing,
    slot: Arc<Slot<T>>,
    source: Source<T>,
    fetch: Mutex<Option<AbortHandle>>,
}

/// The credentials that the keeper holds.
type Slot<T> = Mutex<Option<T>>;
type Fetch<T> = Pin<Box<dyn Future<Output = Result<Lease<T>, BoxError>> + Send>>;
type Source<T> = Arc<dyn Fn() -> Fetch<T> + Send + Sync>;

impl<T> Clone for Keeper<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<T: Clone + Send + 'static> Keeper<T> {
    /// Keeps the credentials that `source` returns, under this name. Errors, events and snapshots show the name. `new`
    /// fetches nothing yet.
    ///
    /// `source` makes one attempt, without retries of its own: such retries would come on top of the budget.
    pub fn new<F, Fut, E>(name: impl Into<Arc<str>>, source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Lease<T>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::with_settings(name, KeeperSettings::default(), source)
    }

    /// Does the same as [`new`](Self::new), with other settings.
    pub fn with_settings<F, Fut, E>(name: impl Into<Arc<str>>, settings: KeeperSettings, source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Lease<T>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let source = move || -> Fetch<T> {
            let fetch = source();
            Box::pin(async move { fetch.await.map_err(Into::into) })
        };
        Self {
            inner: Arc::new(Inner {
                standing: Standing::new(name.into(), settings),
                slot: Arc::default(),
                source: Arc::new(source),
                fetch: Mutex::new(None),
            }),
        }
    }

    /// Declares that the credentials are fetched from this host. The clients'
    /// [`dependencies`](crate::ObjectClient::dependencies) list the host.
    #[must_use]
    pub fn asks(self, host: impl Into<Arc<str>>) -> Self {
        self.inner.standing.asks(host.into());
        self
    }

    /// The state of the credentials: never the credentials themselves.
    pub fn standing(&self) -> &Standing {
        &self.inner.standing
    }

    /// Returns credentials to use now. Valid credentials come at once, whatever the source does. Without valid
    /// credentials the call waits for a fetch, at most [`patience`](KeeperSettings::patience).
    ///
    /// Dropping the future ends only this wait: the fetch goes on for later calls.
    ///
    /// # Errors
    /// [`NotLoaded`]: there are no credentials, so nothing can be sent. To the stack the error is *denied, not sent*:
    /// the call goes elsewhere.
    ///
    /// # Panics
    /// Outside a tokio runtime, when a fetch is due.
    pub async fn current(&self) -> Result<T, NotLoaded> {
        let standing = &self.inner.standing;
        loop {
            let ended = standing.ended();
            match standing.step() {
                Step::Use { fetch } => self.fetch_if(fetch),
                Step::Wait { fetch, until } => {
                    self.fetch_if(fetch);
                    let in_time = tokio::time::timeout_at(until, ended).await.is_ok();
                    // A fetch that was dropped has neither failed nor brought anything: this caller begins the next.
                    if in_time && standing.failures() == 0 && !standing.is_valid() {
                        continue;
                    }
                }
                Step::Fail => {}
            }
            return self.held().ok_or_else(|| self.not_loaded(standing.why()));
        }
    }

    /// Fetches now, for a planned change of a key, and uses the new credentials from then on. Until then, and if the
    /// fetch brings none, the held credentials stay in use. If a fetch is under way, `rotate` waits for its end and
    /// then makes another: the earlier fetch may have begun before the change.
    ///
    /// # Errors
    /// [`NotLoaded`]: the fetch failed, or there have been too many fetches of late.
    pub async fn rotate(&self) -> Result<(), NotLoaded> {
        let standing = &self.inner.standing;
        loop {
            let ended = standing.ended();
            let before = standing.successes();
            let began = standing.begin();
            if !began && !standing.is_under_way() {
                return Err(self.not_loaded(Why::NoBudget));
            }
            self.fetch_if(began);
            ended.await;
            if began {
                return match standing.successes() > before {
                    true => Ok(()),
                    false => Err(self.not_loaded(standing.why())),
                };
            }
        }
    }

    /// Stops using the held credentials: they have been revoked, or have leaked. The next call waits for other
    /// credentials, and fails, unsent, if there are none.
    pub fn forget(&self) {
        self.inner.standing.forget(|| *self.inner.slot() = None);
        // It is overtaken: the next caller need not wait for it.
        self.inner.end_fetch();
    }

    /// The held credentials, if they are valid.
    pub(super) fn held(&self) -> Option<T> {
        let value = self.inner.slot().clone()?;
        self.inner.standing.is_valid().then_some(value)
    }

    fn not_loaded(&self, why: Why) -> NotLoaded {
        NotLoaded::new(self.inner.standing.name().into(), why)
    }

    fn fetch_if(&self, begun: bool) {
        if !begun {
            return;
        }
        let inner = &self.inner;
        let under_way = UnderWay {
            number: inner.standing.forgotten(),
            standing: inner.standing.clone(),
            over: false,
        };
        let source = inner.source.clone();
        let task = tokio::spawn(under_way.run(async move { source().await }, inner.slot.clone()));
        *inner.fetch() = Some(task.abort_handle());
    }
}

impl<T> Inner<T> {
    fn slot(&self) -> MutexGuard<'_, Option<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetch(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.fetch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_fetch(&self) {
        if let Some(fetch) = self.fetch().take() {
            fetch.abort();
        }
    }
}

/// A fetch ends with the last keeper.
impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        self.end_fetch();
    }
}

/// A fetch in a task of its own. The end of a caller does not end the fetch. A panic of the source fails the fetch, and
/// reaches no caller. If the fetch does not end by itself (its runtime has shut down), the next caller begins another.
struct UnderWay {
    standing: Standing,
    number: u64,
    over: bool,
}

impl UnderWay {
    async fn run<T>(mut self, fetch: impl Future<Output = Result<Lease<T>, BoxError>>, slot: Arc<Slot<T>>) {
        let limit = self.standing.limit();
        let fetch = AssertUnwindSafe(fetch).catch_unwind();
        let fetched = tokio::time::timeout(limit, fetch).await;
        self.over = true;
        match fetched {
            Err(_) => self.standing.failed(Why::Hung(limit)),
            Ok(Err(_panic)) => self.standing.failed(Why::Panicked),
            Ok(Ok(Err(error))) => self.standing.failed(Why::failed(error)),
            Ok(Ok(Ok(lease))) => self.standing.fetched(self.number, lease.life, || {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.value);
            }),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.over {
            self.standing.dropped();
        }
    }
}

/// Shows neither the credentials nor their source.
impl<T> fmt::Debug for Keeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("standing", &self.inner.standing)
            .finish_non_exhaustive()
    }
}
