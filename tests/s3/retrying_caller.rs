//! A caller that does what errors invite it to do: it repeats a call that says it may be repeated, a put under its id. If
//! it needs the home's word, it repeats a read that another endpoint answered.

use evenkeel::{
    ObjectClient,
    provider::ProviderErrorKind,
    request::object::{Delete, ETag, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, WriteId},
    testing::objects::{ObjectDoor, Refused},
};
use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

pub(crate) struct Patient {
    client: ObjectClient,
    home: Option<&'static str>,
    puts: AtomicUsize,
    repeated: AtomicUsize,
}

/// So long a call is repeated, every 100 ms: far longer than a breaker stays open for an endpoint that flaps.
const TIMES: usize = 200;

impl Patient {
    pub(crate) fn new(client: ObjectClient, home: Option<&'static str>) -> Self {
        Self {
            client,
            home,
            puts: AtomicUsize::new(0),
            repeated: AtomicUsize::new(0),
        }
    }

    /// How many calls were repeats.
    pub(crate) fn repeated(&self) -> usize {
        self.repeated.load(Relaxed)
    }

    fn of_the_home<T>(&self, value: T, tag: Option<&ETag>) -> Result<T, Refused> {
        match (self.home, tag) {
            (Some(home), Some(tag)) if tag.endpoint() != home => {
                Err(Refused::new(ProviderErrorKind::Failed, "another endpoint answered"))
            }
            _ => Ok(value),
        }
    }

    async fn patiently<T, F>(&self, call: impl Fn() -> F) -> Result<T, Refused>
    where
        F: Future<Output = Result<T, Refused>>,
    {
        let mut result = call().await;
        let mut unresolved = false;
        for _ in 0..TIMES {
            match &result {
                // All kinds of error of a client that may be repeated are one of these two here.
                Err(refused) if matches!(refused.kind, ProviderErrorKind::Failed | ProviderErrorKind::Throttled) => {
                    unresolved |= refused.unresolved;
                }
                _ => break,
            }
            self.repeated.fetch_add(1, Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
            result = call().await;
        }
        // What is refused now may have been applied by an earlier call, and replaced since by somebody else's.
        result.map_err(|mut refused| {
            refused.unresolved |= unresolved;
            refused
        })
    }
}

impl ObjectDoor for Patient {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, Refused> {
        let number = self.puts.fetch_add(1, Relaxed);
        put.write_id
            .get_or_insert_with(|| WriteId::new(format!("patient-{number}")));
        self.patiently(|| ObjectDoor::put(&self.client, put.clone())).await
    }

    async fn get(&self, get: Get) -> Result<Object, Refused> {
        self.patiently(|| async {
            let object = ObjectDoor::get(&self.client, get.clone()).await?;
            let tag = object.meta.etag.clone();
            self.of_the_home(object, tag.as_ref())
        })
        .await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, Refused> {
        self.patiently(|| async {
            let meta = ObjectDoor::head(&self.client, head.clone()).await?;
            let tag = meta.etag.clone();
            self.of_the_home(meta, tag.as_ref())
        })
        .await
    }

    async fn delete(&self, delete: Delete) -> Result<(), Refused> {
        self.patiently(|| ObjectDoor::delete(&self.client, delete.clone()))
            .await
    }

    /// An incomplete listing says that it is; whoever needs all of it asks again.
    async fn list(&self, list: List) -> Result<ListPage, Refused> {
        self.patiently(|| async {
            let mut call = self.client.list(list.prefix.clone());
            if let Some(start_after) = &list.start_after {
                call = call.start_after(start_after.clone());
            }
            if let Some(delimiter) = &list.delimiter {
                call = call.delimiter(delimiter.clone());
            }
            if let Some(limit) = list.limit {
                call = call.limit(limit);
            }
            let listed = call.collect_all().await?;
            if let Some(missing) = listed.missing.first() {
                return Err(Refused::new(ProviderErrorKind::Failed, missing.reason()));
            }
            if self.home.is_some() && listed.possibly_stale {
                return Err(Refused::new(ProviderErrorKind::Failed, "another endpoint answered"));
            }
            Ok(ListPage::new(listed.entries, None))
        })
        .await
    }
}
