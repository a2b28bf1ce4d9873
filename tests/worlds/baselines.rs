//! What one would have without the crate.

use crate::{
    load::{Client, Failed},
    store::{Ask, Store},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// evenkeel's own.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A limit and a fallback, both fixed. A limit of `None` is the plain client: the first endpoint and the deadline.
#[derive(Clone)]
pub(crate) struct ByHand {
    pub(crate) stores: Arc<[Store]>,
    pub(crate) limit: Option<Duration>,
}

impl Client for ByHand {
    async fn read(&self) -> bool {
        self.call(Ask::default()).await.is_ok()
    }

    async fn call(&self, ask: Ask) -> Result<(), Failed> {
        let attempts = async {
            let Some(limit) = self.limit else {
                return self.stores[0].get().await.is_ok();
            };
            for store in &*self.stores {
                let answer = timeout(limit, store.get()).await;
                if matches!(answer, Ok(Ok(()))) {
                    return true;
                }
                if ask.write {
                    return false;
                }
            }
            false
        };
        let answered = timeout(ask.deadline.unwrap_or(DEADLINE), attempts).await;
        answered.unwrap_or(false).then_some(()).ok_or(Failed::Otherwise)
    }
}
