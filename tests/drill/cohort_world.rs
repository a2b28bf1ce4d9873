//! Two stores in memory that remember whom they were asked for, and can die or lie.

use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    client::object::ObjectClientBuilder,
    drill::{Scenario, cohort::Split},
    provider::{Capabilities, Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode},
    stack::breaker::State,
    telemetry::EventRecord,
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

pub(crate) const SEC: Duration = Duration::from_secs(1);

/// Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) memory: Memory,
    log: Arc<Mutex<Vec<(&'static str, String)>>>,
    pub(crate) dead: Arc<AtomicBool>,
    /// Every listing fails.
    pub(crate) unlisted: Arc<AtomicBool>,
    /// Every so many puts is acknowledged and not stored. 0: none.
    pub(crate) forgets: Arc<AtomicU32>,
    puts: Arc<AtomicU32>,
    /// A put of what is there already is acknowledged and not stored.
    pub(crate) keeps_old: Arc<AtomicBool>,
}

impl Store {
    /// The keys that this operation was asked for.
    pub(crate) fn asked(&self, operation: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let of = log.iter().filter(|(name, _)| *name == operation);
        of.map(|(_, key)| key.clone()).collect()
    }

    /// The keys, and the prefixes of listings, of all that was asked.
    pub(crate) fn all(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|(_, key)| key.clone()).collect()
    }

    /// What is stored under the prefix.
    pub(crate) async fn stored(&self, prefix: &str) -> Vec<String> {
        let mut list = List::default();
        list.prefix = prefix.to_owned();
        let page = self.memory.list(list).await.unwrap();
        assert!(page.continuation.is_none());
        page.entries.iter().map(|entry| entry.name().to_owned()).collect()
    }

    fn meet(&self, operation: &'static str, key: &str) -> Result<(), ProviderError> {
        self.log.lock().unwrap().push((operation, key.to_owned()));
        if !self.dead.load(Relaxed) {
            return Ok(());
        }
        let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
        Err(ProviderError::new(ProviderErrorKind::Failed, outcome).with_message("connection refused"))
    }
}

impl ObjectProvider for Store {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, ProviderError> {
        self.meet("put", put.key.as_str())?;
        let forgets = self.forgets.load(Relaxed);
        let forgotten = forgets > 0 && self.puts.fetch_add(1, Relaxed) % forgets == forgets - 1;
        let is_there = self.memory.head(Head::new(put.key.clone())).await.is_ok();
        if forgotten || (is_there && self.keeps_old.load(Relaxed)) {
            // Stored elsewhere, for a credible answer.
            put.mode = PutMode::Overwrite;
            return Memory::new().put(put).await;
        }
        self.memory.put(put).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.meet("get", get.key.as_str())?;
        self.memory.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.meet("head", head.key.as_str())?;
        self.memory.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.meet("delete", delete.key.as_str())?;
        self.memory.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.meet("list", &list.prefix)?;
        if self.unlisted.load(Relaxed) {
            let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
            return Err(ProviderError::new(ProviderErrorKind::Failed, outcome).with_message("access denied"));
        }
        self.memory.list(list).await
    }

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }
}

/// Virginia and Ireland, and what their clients report.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) virginia: Store,
    pub(crate) ireland: Store,
    events: Arc<Mutex<Vec<EventRecord>>>,
}

impl World {
    pub(crate) fn builder(&self) -> ObjectClientBuilder {
        let events = self.events.clone();
        ObjectClient::builder()
            .client_name("photos")
            .endpoint(virginia(self.virginia.clone()))
            .endpoint(
                Endpoint::new("ireland", self.ireland.clone())
                    .provider("aws")
                    .region("eu-west-1"),
            )
            .on_event_record(move |record| events.lock().unwrap().push(record.clone()))
            .seed(7)
    }

    pub(crate) fn split(&self) -> Split {
        Split::build(self.builder().replication(Replication::write_once())).unwrap()
    }

    /// The kinds of the events that the client of this name reported.
    pub(crate) fn events(&self, client: &str) -> Vec<&'static str> {
        let events = self.events.lock().unwrap();
        let of = events.iter().filter(|record| record.client.as_deref() == Some(client));
        of.map(|record| record.event.kind()).collect()
    }
}

pub(crate) fn virginia(store: Store) -> Endpoint<Store> {
    Endpoint::new("virginia", store).provider("aws").region("us-east-1")
}

/// So long this fault at Virginia, or everywhere.
pub(crate) fn scenario(fault: &str, at_virginia: bool, lasting: &str) -> Scenario {
    let target = if at_virginia {
        r#""target": { "region": "us-east-1" }, "#
    } else {
        ""
    };
    Scenario::from_json(&format!(
        r#"{{ "name": "trouble", "phases": [{{ "name": "trouble", "duration": "{lasting}", "rules": [
            {{ {target}"fault": {fault} }}
        ] }}] }}"#
    ))
    .unwrap()
}

/// Whether every breaker of the client is closed.
pub(crate) fn is_closed(client: &ObjectClient) -> bool {
    let snapshot = client.snapshot();
    let mut classes = snapshot.endpoints.iter().flat_map(|endpoint| &endpoint.classes);
    classes.all(|class| class.breaker == State::Closed)
}

/// The name of the client.
pub(crate) fn name(client: &ObjectClient) -> String {
    client.snapshot().client.to_string()
}

/// A put that must succeed, or says of what kind its failure is.
pub(crate) async fn put(client: &ObjectClient, key: impl Into<String>) -> Option<ErrorKind> {
    client.put(key, "body").await.err().map(|error| error.kind())
}
