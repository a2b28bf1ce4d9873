//! A store in this process that can be told what to meet, and that remembers what it was asked.

#![allow(dead_code)] // each test binary uses the part it needs

use evenkeel::{
    provider::{Capabilities, KvProvider, Memory, MemoryTable, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        kv,
        object::{
            AbortUpload, BeginUpload, CompleteUpload, Copy, Delete, DeleteMany, Get, Head, List, ListPage, ListUploads,
            Object, ObjectMeta, PartTag, Put, PutAnswer, PutPart, UploadId, UploadPage,
        },
    },
    verdict::{Outcome, Sent, Verdict, table},
};
use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// What an operation meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// None.
    None,
    /// It is done so much later.
    Slow(Duration),
    /// It is done, and the connection breaks under the answer.
    LostAnswer,
    /// No connection: not sent.
    Refused,
    /// A reset before it was done, which nobody can know.
    Reset,
    /// Never answered, never done.
    Hang,
    /// A refusal with this S3 code.
    Code(&'static str),
    /// A fault with this code, which no table knows.
    Foreign(&'static str),
}

/// A [`Memory`], or a [`MemoryTable`], with troubles before it. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Store<M = Memory> {
    pub(crate) memory: M,
    state: Arc<Mutex<State>>,
}

pub(crate) type Table = Store<MemoryTable>;

#[derive(Default)]
struct State {
    script: VecDeque<Trouble>,
    always: Option<Trouble>,
    only_writes: Option<Trouble>,
    only_heads: Option<Trouble>,
    next: Vec<(&'static str, Trouble)>,
    log: Vec<&'static str>,
}

impl<M: Default> Store<M> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn on(memory: M) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }
}

impl<M> Store<M> {
    /// The next operations meet these.
    pub(crate) fn then(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.state().script.extend(troubles);
    }

    /// All operations meet this from now on.
    pub(crate) fn always(&self, trouble: Trouble) {
        self.state().always = Some(trouble);
    }

    /// Writes meet this from now on.
    pub(crate) fn writes_meet(&self, trouble: Trouble) {
        self.state().only_writes = Some(trouble);
    }

    /// Heads meet this from now on.
    pub(crate) fn heads_meet(&self, trouble: Trouble) {
        self.state().only_heads = Some(trouble);
    }

    /// The next operations of this name meet these.
    pub(crate) fn next(&self, operation: &'static str, troubles: impl IntoIterator<Item = Trouble>) {
        let troubles = troubles.into_iter().map(|trouble| (operation, trouble));
        self.state().next.extend(troubles);
    }

    /// All is well again.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.script.clear();
        state.next.clear();
        (state.always, state.only_writes, state.only_heads) = (None, None, None);
    }

    /// What it was asked so far, warm-ups included.
    pub(crate) fn log(&self) -> Vec<&'static str> {
        self.state().log.clone()
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state().log.len()
    }

    pub(crate) fn forget(&self) {
        self.state().log.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn meet<T>(
        &self,
        what: &'static str,
        act: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let trouble = {
            let mut state = self.state();
            state.log.push(what);
            let is_write = !matches!(
                what,
                "get" | "head" | "list" | "list_uploads" | "scan" | "get_many" | "warm_up"
            );
            let of_writes = state.only_writes.filter(|_| is_write);
            let of_class = of_writes.or(state.only_heads.filter(|_| what == "head"));
            let next = state.next.iter().position(|(operation, _)| *operation == what);
            let next = next.map(|at| state.next.remove(at).1);
            let scripted = next.or_else(|| state.script.pop_front());
            scripted.or(of_class).or(state.always).unwrap_or(Trouble::None)
        };
        match trouble {
            Trouble::None => act.await,
            Trouble::Slow(by) => {
                tokio::time::sleep(by).await;
                act.await
            }
            Trouble::LostAnswer => {
                let _ = act.await;
                Err(ProviderError::faulty("the connection was reset"))
            }
            Trouble::Refused => {
                let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
                Err(ProviderError::new(ProviderErrorKind::Failed, outcome).with_message("connection refused"))
            }
            Trouble::Reset => Err(ProviderError::faulty("the connection was reset")),
            Trouble::Hang => pending().await,
            Trouble::Foreign(code) => Err(ProviderError::faulty("it failed").with_code(code)),
            Trouble::Code(code) => {
                let outcome = table::for_code(code).expect("a code of the table");
                let kind = match outcome.verdict {
                    Verdict::Absent => ProviderErrorKind::NotFound,
                    Verdict::Throttled if code.ends_with("StorageFull") => ProviderErrorKind::Full,
                    Verdict::Throttled => ProviderErrorKind::Throttled,
                    Verdict::Denied => ProviderErrorKind::Denied,
                    Verdict::Caller => ProviderErrorKind::Invalid,
                    Verdict::Answer => ProviderErrorKind::AlreadyExists,
                    _ => ProviderErrorKind::Failed,
                };
                Err(ProviderError::new(kind, outcome)
                    .with_code(code)
                    .with_request_id("req-1"))
            }
        }
    }
}

impl ObjectProvider for Store {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.meet("put", self.memory.put(put)).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.meet("get", self.memory.get(get)).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.meet("head", self.memory.head(head)).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.meet("delete", self.memory.delete(delete)).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.meet("list", self.memory.list(list)).await
    }

    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        self.meet("begin_upload", self.memory.begin_upload(begin)).await
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        self.meet("put_part", self.memory.put_part(part)).await
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        self.meet("complete_upload", self.memory.complete_upload(complete))
            .await
    }

    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        self.meet("abort_upload", self.memory.abort_upload(abort)).await
    }

    async fn list_uploads(&self, list: ListUploads) -> Result<UploadPage, ProviderError> {
        self.meet("list_uploads", self.memory.list_uploads(list)).await
    }

    async fn copy(&self, copy: Copy) -> Result<PutAnswer, ProviderError> {
        self.meet("copy", self.memory.copy(copy)).await
    }

    async fn delete_many(&self, many: DeleteMany) -> Result<Vec<Result<(), ProviderError>>, ProviderError> {
        self.meet("delete_many", self.memory.delete_many(many)).await
    }

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.meet("warm_up", async { Ok(()) }).await
    }
}

impl KvProvider for Table {
    async fn get(&self, get: kv::Get) -> Result<kv::Value, ProviderError> {
        self.meet("get", self.memory.get(get)).await
    }

    async fn put(&self, put: kv::Put) -> Result<kv::PutAnswer, ProviderError> {
        self.meet("put", self.memory.put(put)).await
    }

    async fn delete(&self, delete: kv::Delete) -> Result<(), ProviderError> {
        self.meet("delete", self.memory.delete(delete)).await
    }

    async fn scan(&self, scan: kv::Scan) -> Result<kv::ScanPage, ProviderError> {
        self.meet("scan", self.memory.scan(scan)).await
    }

    async fn get_many(&self, many: kv::GetMany) -> Result<Vec<Result<kv::Value, ProviderError>>, ProviderError> {
        self.meet("get_many", self.memory.get_many(many)).await
    }

    async fn put_many(&self, many: kv::PutMany) -> Result<Vec<Result<kv::PutAnswer, ProviderError>>, ProviderError> {
        self.meet("put_many", self.memory.put_many(many)).await
    }

    fn limits(&self) -> kv::Limits {
        self.memory.limits()
    }

    fn has_strong_replicas(&self) -> bool {
        self.memory.has_strong_replicas()
    }
}
