//! A way to a store on which requests travel by themselves: whoever gives one up has not called it back.

use evenkeel::{
    provider::{KvProvider, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        kv::{self},
        object::{Delete, Get, Head, Object, ObjectMeta, Put, PutAnswer, PutMode},
    },
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::oneshot, time::sleep};

/// What becomes of one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    /// Until it lands.
    pub(super) there: Duration,
    /// Until its answer is back.
    pub(super) back: Duration,
    /// So long after it landed it lands once more.
    pub(super) again: Option<Duration>,
    /// The connection breaks at once; the request goes on.
    pub(super) reset: bool,
}

impl Fate {
    pub(super) fn late(seconds: u64) -> Self {
        Self {
            there: Duration::from_secs(seconds),
            ..Self::default()
        }
    }

    /// Lands at once; the connection breaks before the answer is back.
    pub(super) fn lost() -> Self {
        Self {
            reset: true,
            ..Self::default()
        }
    }

    /// Lands late, and the connection breaks at once.
    pub(super) fn lost_and_late(seconds: u64) -> Self {
        Self {
            reset: true,
            ..Self::late(seconds)
        }
    }
}

/// Draws the fate of a request; `true`: of one that could land a second time without anybody's knowing (a create).
type Draw = Box<dyn FnMut(&'static str, bool) -> Fate + Send>;

#[derive(Clone)]
pub(super) struct Wire<P> {
    pub(super) inner: P,
    script: Arc<Mutex<VecDeque<Fate>>>,
    draw: Arc<Mutex<Draw>>,
    log: Arc<Mutex<Vec<&'static str>>>,
}

impl<P: Clone + Send + 'static> Wire<P> {
    pub(super) fn to(inner: P) -> Self {
        Self {
            inner,
            script: Arc::default(),
            draw: Arc::new(Mutex::new(Box::new(|_, _| Fate::default()))),
            log: Arc::default(),
        }
    }

    /// The next writes meet these, in this order.
    pub(super) fn then(&self, fates: impl IntoIterator<Item = Fate>) {
        self.script.lock().unwrap().extend(fates);
    }

    pub(super) fn drawing(self, draw: impl FnMut(&'static str, bool) -> Fate + Send + 'static) -> Self {
        *self.draw.lock().unwrap() = Box::new(draw);
        self
    }

    /// What was asked since the last time.
    pub(super) fn log(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    async fn send<T, F, A>(&self, name: &'static str, create: bool, act: F) -> Result<T, ProviderError>
    where
        F: Fn(P) -> A + Send + 'static,
        A: Future<Output = Result<T, ProviderError>> + Send,
        T: Send + 'static,
    {
        self.log.lock().unwrap().push(name);
        let is_write = matches!(name, "put" | "delete" | "put_many");
        let scripted = is_write.then(|| self.script.lock().unwrap().pop_front()).flatten();
        let fate = scripted.unwrap_or_else(|| (self.draw.lock().unwrap())(name, create));
        let (answered, answer) = oneshot::channel();
        let inner = self.inner.clone();
        tokio::spawn(async move {
            pause(fate.there).await;
            let result = act(inner.clone()).await;
            if let Some(again) = fate.again {
                tokio::spawn(async move {
                    sleep(again).await;
                    let _ = act(inner).await;
                });
            }
            pause(fate.back).await;
            let _ = answered.send(result);
        });
        if fate.reset {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            return Err(reset());
        }
        answer.await.unwrap_or_else(|_| Err(reset()))
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

fn reset() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Failed, Outcome::new(Verdict::Faulty, Sent::Maybe)).with_code("reset")
}

impl<P: ObjectProvider + Clone> ObjectProvider for Wire<P> {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        let create = put.mode == PutMode::Create;
        self.send("put", create, move |to| {
            let put = put.clone();
            async move { to.put(put).await }
        })
        .await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.send("get", false, move |to| {
            let get = get.clone();
            async move { to.get(get).await }
        })
        .await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.send("head", false, move |to| {
            let head = head.clone();
            async move { to.head(head).await }
        })
        .await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.send("delete", false, move |to| {
            let delete = delete.clone();
            async move { to.delete(delete).await }
        })
        .await
    }

    objects_through!(self.inner: list capabilities);
}

impl<P: KvProvider + Clone> KvProvider for Wire<P> {
    async fn get(&self, get: kv::Get) -> Result<kv::Value, ProviderError> {
        self.send("get", false, move |to| {
            let get = get.clone();
            async move { to.get(get).await }
        })
        .await
    }

    async fn put(&self, put: kv::Put) -> Result<kv::PutAnswer, ProviderError> {
        let create = put.condition == kv::Condition::Absent;
        self.send("put", create, move |to| {
            let put = put.clone();
            async move { to.put(put).await }
        })
        .await
    }

    async fn delete(&self, delete: kv::Delete) -> Result<(), ProviderError> {
        self.send("delete", false, move |to| {
            let delete = delete.clone();
            async move { to.delete(delete).await }
        })
        .await
    }

    async fn put_many(&self, many: kv::PutMany) -> Result<Vec<Result<kv::PutAnswer, ProviderError>>, ProviderError> {
        self.send("put_many", false, move |to| {
            let many = many.clone();
            async move { to.put_many(many).await }
        })
        .await
    }

    values_through!(self.inner: scan limits);
}
