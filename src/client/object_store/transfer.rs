//! What a read does while it is under way.

use crate::client::object::{Download, Served};
use std::{
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a read has done so far: which endpoint serves it, how many requests it took, whether it went on elsewhere. It
/// lies in the extensions of a [`GetResult`](object_store::GetResult), and is live while the payload is read. Clones
/// share it.
///
/// ```
/// use evenkeel::{Endpoint, ObjectClient, client::object_store::Transfer, provider::Memory};
/// use object_store::{ObjectStore, ObjectStoreExt, path::Path};
/// use std::sync::Arc;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
/// let store: Arc<dyn ObjectStore> = Arc::new(client);
/// store.put(&Path::from("film"), vec![7; 1 << 20].into()).await?;
/// let film = store.get(&Path::from("film")).await?;
/// let transfer = film.extensions.get::<Transfer>().unwrap().clone();
/// film.bytes().await?;
/// assert_eq!((&*transfer.endpoint(), transfer.resumes(), transfer.delivered()), ("here", 0, 1 << 20));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The download's own count, which goes up while a part is on its way.
    attempts: Arc<AtomicU64>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    served: Vec<Served>,
    delivered: u64,
}

impl Transfer {
    /// A read whose bytes are all there.
    pub(super) fn whole(endpoint: &str, range: Range<u64>, attempts: usize) -> Self {
        let delivered = range.end - range.start;
        let endpoint = endpoint.into();
        Self::of(
            vec![Served { range, endpoint }],
            AtomicU64::new(attempts as u64).into(),
            delivered,
        )
    }

    pub(super) fn begun(download: &Download) -> Self {
        Self::of(download.served().to_vec(), download.counter(), download.delivered())
    }

    fn of(served: Vec<Served>, attempts: Arc<AtomicU64>, delivered: u64) -> Self {
        let state = Arc::new(Mutex::new(State { served, delivered }));
        Self { attempts, state }
    }

    pub(super) fn note(&self, download: &Download) {
        let mut state = self.state();
        state.served = download.served().to_vec();
        state.delivered = download.delivered();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoint that gave the latest bytes.
    pub fn endpoint(&self) -> Arc<str> {
        self.state()
            .served
            .last()
            .map_or_else(|| "?".into(), |served| served.endpoint.clone())
    }

    /// Which endpoint gave which bytes so far, in order.
    pub fn served(&self) -> Vec<Served> {
        self.state().served.clone()
    }

    /// How often the read went on at another endpoint, in mid-object.
    pub fn resumes(&self) -> usize {
        self.state().served.len().saturating_sub(1)
    }

    /// How many requests were sent and have ended so far, those of a part that is on its way among them.
    pub fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// How many bytes were delivered so far.
    pub fn delivered(&self) -> u64 {
        self.state().delivered
    }
}
