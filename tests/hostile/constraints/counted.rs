//! Stores in this process that count what reaches them, and behave as they are told.

use evenkeel::{
    provider::{Capabilities, KvProvider, Memory, MemoryTable, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{kv, object},
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// How a store takes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Well,
    Faulty,
    Throttled,
    Refusing,
    Hanging,
}

impl Manner {
    pub(crate) const ALL: [Self; 5] = [Self::Well, Self::Faulty, Self::Throttled, Self::Refusing, Self::Hanging];
}

/// A store, or anything else that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Counted<S> {
    store: S,
    manner: Manner,
    requests: Arc<AtomicUsize>,
}

impl<S> Counted<S> {
    pub(crate) fn new(store: S, manner: Manner) -> Self {
        Self {
            store,
            manner,
            requests: Arc::default(),
        }
    }

    /// Itself, whatever its manner, and uncounted.
    pub(crate) const fn store(&self) -> &S {
        &self.store
    }

    /// Every request so far, warm-ups included.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    async fn reached(&self) -> Result<(), ProviderError> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let failed = |verdict, sent| ProviderError::new(ProviderErrorKind::Failed, Outcome::new(verdict, sent));
        match self.manner {
            Manner::Well => Ok(()),
            Manner::Faulty => Err(ProviderError::faulty("as the test says")),
            Manner::Throttled => Err(ProviderError::new(
                ProviderErrorKind::Throttled,
                Outcome::new(Verdict::Throttled, Sent::Maybe),
            )),
            Manner::Refusing => Err(failed(Verdict::Unreachable, Sent::No)),
            Manner::Hanging => pending().await,
        }
    }
}

/// What a [`Failover`](evenkeel::Failover) calls.
impl Counted<()> {
    pub(crate) async fn ask(&self) -> io::Result<u32> {
        self.reached().await.map_err(io::Error::other)?;
        Ok(42)
    }
}

impl ObjectProvider for Counted<Memory> {
    async fn put(&self, put: object::Put) -> Result<object::PutAnswer, ProviderError> {
        self.reached().await?;
        self.store.put(put).await
    }

    async fn get(&self, get: object::Get) -> Result<object::Object, ProviderError> {
        self.reached().await?;
        self.store.get(get).await
    }

    async fn head(&self, head: object::Head) -> Result<object::ObjectMeta, ProviderError> {
        self.reached().await?;
        self.store.head(head).await
    }

    async fn delete(&self, delete: object::Delete) -> Result<(), ProviderError> {
        self.reached().await?;
        self.store.delete(delete).await
    }

    async fn list(&self, list: object::List) -> Result<object::ListPage, ProviderError> {
        self.reached().await?;
        self.store.list(list).await
    }

    async fn begin_upload(&self, begin: object::BeginUpload) -> Result<object::UploadId, ProviderError> {
        self.reached().await?;
        self.store.begin_upload(begin).await
    }

    async fn put_part(&self, part: object::PutPart) -> Result<object::PartTag, ProviderError> {
        self.reached().await?;
        self.store.put_part(part).await
    }

    async fn complete_upload(&self, complete: object::CompleteUpload) -> Result<object::PutAnswer, ProviderError> {
        self.reached().await?;
        self.store.complete_upload(complete).await
    }

    async fn abort_upload(&self, abort: object::AbortUpload) -> Result<(), ProviderError> {
        self.reached().await?;
        self.store.abort_upload(abort).await
    }

    async fn list_uploads(&self, list: object::ListUploads) -> Result<object::UploadPage, ProviderError> {
        self.reached().await?;
        self.store.list_uploads(list).await
    }

    async fn copy(&self, copy: object::Copy) -> Result<object::PutAnswer, ProviderError> {
        self.reached().await?;
        self.store.copy(copy).await
    }

    /// Sends nothing in earnest, but leads somebody there.
    async fn presign(&self, presign: object::Presign) -> Result<object::PresignedUrl, ProviderError> {
        self.reached().await?;
        Ok(object::PresignedUrl::new(format!(
            "https://here/{}",
            presign.key.as_str()
        )))
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities().with_presign()
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.reached().await
    }
}

impl KvProvider for Counted<MemoryTable> {
    async fn get(&self, get: kv::Get) -> Result<kv::Value, ProviderError> {
        self.reached().await?;
        self.store.get(get).await
    }

    async fn put(&self, put: kv::Put) -> Result<kv::PutAnswer, ProviderError> {
        self.reached().await?;
        self.store.put(put).await
    }

    async fn delete(&self, delete: kv::Delete) -> Result<(), ProviderError> {
        self.reached().await?;
        self.store.delete(delete).await
    }

    async fn scan(&self, scan: kv::Scan) -> Result<kv::ScanPage, ProviderError> {
        self.reached().await?;
        self.store.scan(scan).await
    }

    fn limits(&self) -> kv::Limits {
        self.store.limits()
    }

    fn has_strong_replicas(&self) -> bool {
        self.store.has_strong_replicas()
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.reached().await
    }
}
