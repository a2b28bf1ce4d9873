//! The client for everything but bodies. It keeps one HTTP/2 connection and does not show this connection.

use crate::provider::shared_connection::{CONNECT_LIMIT, SharedConnection, Watch};
use futures_util::future::BoxFuture;
use google_cloud_storage::client::StorageControl;
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub(super) type Make = Arc<dyn Fn() -> BoxFuture<'static, Option<StorageControl>> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Control(Arc<Shared>);

struct Shared {
    given: StorageControl,
    is_used: AtomicBool,
    make: Option<Make>,
    line: SharedConnection<StorageControl, Infallible>,
}

impl Control {
    pub(super) fn new(given: StorageControl, make: Option<Make>) -> Self {
        Self(Arc::new(Shared {
            given,
            is_used: AtomicBool::new(false),
            make,
            line: SharedConnection::new(),
        }))
    }

    /// The given client, and how to make a new client where one is needed.
    pub(super) fn made_by(&self, make: Make) -> Self {
        Self::new(self.0.given.clone(), Some(make))
    }

    /// The client for an exchange, and the watch that must learn how the exchange ended. The client is the first one,
    /// or a new one if the last connection is silent.
    pub(super) async fn client(&self) -> (StorageControl, Option<Watch<'_, StorageControl, Infallible>>) {
        let shared = &*self.0;
        let Some(make) = &shared.make else {
            return (shared.given.clone(), None);
        };
        let open = || {
            let (make, given) = (make.clone(), shared.given.clone());
            let is_used = shared.is_used.swap(true, Ordering::Relaxed);
            async move {
                let made = match is_used {
                    true => tokio::time::timeout(CONNECT_LIMIT, make()).await.ok().flatten(),
                    false => None,
                };
                // What cannot be made now may be the next time.
                Ok(made.unwrap_or(given))
            }
        };
        let Ok((client, watch)) = shared.line.connection(|_| true, open).await;
        (client, Some(watch))
    }
}

/// The exchange was answered, or broke. The client reconnects by itself after a break. It does not notice silence.
pub(super) fn ended(watch: Option<Watch<'_, StorageControl, Infallible>>) {
    if let Some(watch) = watch {
        watch.ended(true);
    }
}
