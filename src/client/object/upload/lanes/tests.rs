//! Uploads that drive two and three lanes, as a write to several copies will.

use super::{
    super::{
        Ends, PutStreamCall, Source, Upload,
        chunks::Chunks,
        lane::{Fault, Lane},
    },
    BeforeCompletion, Course, Lanes, Stand, course,
};
use crate::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    provider::{Capabilities, Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key, WriteId,
        object::{
            AbortUpload, BeginUpload, CompleteUpload, Delete, Get, Head, List, ListPage, ListUploads, Object,
            ObjectMeta, PartTag, Put, PutAnswer, PutPart, UploadId, UploadPage,
        },
    },
    verdict::{Outcome, Sent, Verdict},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

const PARTS: u32 = 5;
const PART: usize = 100;
const NAMES: [&str; 3] = ["a", "b", "c"];

/// What befalls a store until it is healed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    /// From this part on it refuses connections.
    Refuses(u32),
    /// From this part on it is silent.
    Silent(u32),
    /// Each part takes so long.
    Slow(Duration),
    /// It completes, and no answer comes; then it is silent.
    LosesCompletion,
}

#[derive(Clone)]
struct Store {
    memory: Memory,
    trouble: Trouble,
    is_down: Arc<AtomicBool>,
    is_healed: Arc<AtomicBool>,
    completions: Arc<AtomicUsize>,
}

impl Store {
    fn with(trouble: Trouble) -> Self {
        Self {
            memory: Memory::new(),
            trouble,
            is_down: Arc::default(),
            is_healed: Arc::default(),
            completions: Arc::default(),
        }
    }

    fn heal(&self) {
        self.is_healed.store(true, Ordering::Relaxed);
    }

    async fn reached(&self) -> Result<(), ProviderError> {
        if !self.is_down.load(Ordering::Relaxed) || self.is_healed.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.trouble {
            Trouble::Refuses(_) => {
                let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
                Err(ProviderError::new(ProviderErrorKind::Failed, outcome))
            }
            _ => pending().await,
        }
    }

    async fn film(&self) -> Option<Bytes> {
        let got = self.memory.get(Get::new(Key::new("film").unwrap())).await;
        got.ok().map(|object| object.body)
    }

    async fn open_uploads(&self) -> usize {
        let listed = self.memory.list_uploads(ListUploads::default()).await;
        listed.unwrap().uploads.len()
    }
}

impl ObjectProvider for Store {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.memory.put(put).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.memory.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.reached().await?;
        self.memory.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.memory.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.memory.list(list).await
    }

    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        self.memory.begin_upload(begin).await
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        match self.trouble {
            Trouble::Refuses(from) | Trouble::Silent(from) if part.number >= from => {
                self.is_down.store(true, Ordering::Relaxed);
            }
            Trouble::Slow(by) => tokio::time::sleep(by).await,
            _ => {}
        }
        self.reached().await?;
        self.memory.put_part(part).await
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        self.reached().await?;
        self.completions.fetch_add(1, Ordering::Relaxed);
        let answer = self.memory.complete_upload(complete).await;
        if self.trouble == Trouble::LosesCompletion {
            self.is_down.store(true, Ordering::Relaxed);
        }
        self.reached().await?;
        answer
    }

    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        self.reached().await?;
        self.memory.abort_upload(abort).await
    }

    async fn list_uploads(&self, list: ListUploads) -> Result<UploadPage, ProviderError> {
        self.memory.list_uploads(list).await
    }
}

/// What the hook was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u64>>>);

impl Told {
    /// Notes the endpoints, and that no store had completed before.
    fn hook(&self, stores: &[Store], fails: bool) -> Option<BeforeCompletion> {
        let (told, stores) = (self.0.clone(), stores.to_vec());
        Some(Box::new(move |endpoints| {
            told.lock().unwrap().push(endpoints);
            let early: usize = stores
                .iter()
                .map(|store| store.completions.load(Ordering::Relaxed))
                .sum();
            assert_eq!(early, 0, "completed before the hook");
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                match fails {
                    true => Err(refused()),
                    false => Ok(()),
                }
            })
        }))
    }

    fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

/// An error with a text of its own.
fn refused() -> crate::Error {
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("x", Memory::new()))
        .build();
    let (cx, _) = crate::call::enter(client.unwrap().core.clone(), "upload", &Default::default());
    cx.refuse(ErrorKind::Unavailable, "the journal is full")
}

fn client(stores: &[Store]) -> ObjectClient {
    let endpoints = NAMES.iter().zip(stores);
    let endpoints = endpoints.map(|(name, store)| Endpoint::new(*name, store.clone()));
    let builder = ObjectClient::builder().endpoints(endpoints).seed(3);
    builder.replication(Replication::write_once()).build().unwrap()
}

/// One lane for each store, of one write.
async fn lanes(stores: &[Store], needed: usize, hook: Option<BeforeCompletion>) -> Lanes {
    let client = client(stores);
    let mut all: Vec<Lane> = Vec::new();
    for name in NAMES.iter().take(stores.len()) {
        let call = client.upload("film").pin(*name).write_id(WriteId::new("film-1"));
        all.push(call.lane().await.unwrap());
    }
    let first = all.remove(0);
    Lanes::new(first, all, (needed, false), hook)
}

fn part(number: u32) -> Bytes {
    vec![number as u8; PART].into()
}

fn film() -> Bytes {
    (1..=PARTS).map(part).collect::<Vec<_>>().concat().into()
}

async fn all_parts(upload: &mut Upload) -> Result<(), crate::Error> {
    for number in 1..=PARTS {
        upload.part(part(number)).await?;
    }
    Ok(())
}

async fn completed(upload: &Upload) -> Result<u64, Fault> {
    upload.shared.lanes.complete().await.map(|(_, owed)| owed)
}

/// Nothing stays open, once those who were down are back.
async fn frees_everything(stores: &[Store], upload: Upload) {
    stores.iter().for_each(Store::heal);
    drop(upload);
    tokio::time::sleep(Duration::from_secs(60)).await;
    for (name, store) in NAMES.iter().zip(stores) {
        assert_eq!(store.open_uploads().await, 0, "at {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_lane_gets_every_part() {
    for count in [2, 3] {
        let stores = [Trouble::None; 3].map(Store::with);
        let (stores, told) = (&stores[..count], Told::default());
        let mut upload = Upload::of(lanes(stores, count, told.hook(stores, false)).await);
        all_parts(&mut upload).await.unwrap();
        assert_eq!(completed(&upload).await.ok(), Some(0));
        assert_eq!(told.all(), [(1 << count) - 1]);
        for store in stores {
            assert!(store.film().await == Some(film()));
        }
        assert!(upload.shared.lanes.are_over());
        frees_everything(stores, upload).await;
    }
}

/// And is owed the object. The others do not wait for it for long.
#[tokio::test(start_paused = true)]
async fn a_lane_that_dies_half_way_is_dropped() {
    for (trouble, dies) in [
        (Trouble::Refuses(3), 2),
        (Trouble::Silent(3), 1),
        // The one that speaks for the upload.
        (Trouble::Refuses(2), 0),
        (Trouble::Silent(PARTS), 0),
    ] {
        for count in [2, 3] {
            let dies = dies.min(count - 1);
            let mut stores: Vec<_> = (0..count).map(|_| Store::with(Trouble::None)).collect();
            stores[dies] = Store::with(trouble);
            let (told, began) = (Told::default(), crate::model::clock::now());
            let mut upload = Upload::of(lanes(&stores, count - 1, told.hook(&stores, false)).await);
            all_parts(&mut upload).await.unwrap();
            assert_eq!(completed(&upload).await.ok(), Some(1 << dies), "{trouble:?}");
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{trouble:?}: {:?}",
                began.elapsed()
            );
            assert_eq!(told.all(), [((1 << count) - 1) & !(1 << dies)], "{trouble:?}");
            for (at, store) in stores.iter().enumerate() {
                let expected = (at != dies).then(film);
                assert!(store.film().await == expected, "{trouble:?} at {}", NAMES[at]);
            }
            frees_everything(&stores, upload).await;
            assert!(stores[dies].film().await.is_none(), "{trouble:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn too_few_lanes_complete_nothing() {
    for (troubles, needed) in [
        ([Trouble::Refuses(2), Trouble::Silent(3), Trouble::Refuses(4)], 1),
        ([Trouble::None, Trouble::Refuses(2), Trouble::Refuses(4)], 2),
    ] {
        let (stores, told) = (troubles.map(Store::with), Told::default());
        let mut upload = Upload::of(lanes(&stores, needed, told.hook(&stores, false)).await);
        let failed = all_parts(&mut upload).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Unavailable, "{failed}");
        // The first failure is the last word, also when all are back.
        stores.iter().for_each(Store::heal);
        assert!(upload.part(part(9)).await.is_err());
        let refused = upload.shared.complete().await.err().unwrap();
        assert_eq!(refused.error.kind(), ErrorKind::Unavailable);
        assert!(told.all().is_empty());
        frees_everything(&stores, upload).await;
        for store in &stores {
            assert!(store.film().await.is_none());
            assert_eq!(store.completions.load(Ordering::Relaxed), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_completes_nothing() {
    let (stores, told) = ([Trouble::None; 3].map(Store::with), Told::default());
    let mut upload = Upload::of(lanes(&stores, 1, told.hook(&stores, true)).await);
    all_parts(&mut upload).await.unwrap();
    let failed = upload.shared.complete().await.err().unwrap();
    assert!(
        failed.error.to_string().contains("the journal is full"),
        "{}",
        failed.error
    );
    assert!(!failed.may_restart && !failed.error.may_have_been_applied());
    // It is the last word.
    assert!(upload.shared.complete().await.is_err());
    assert_eq!(told.all(), [0b111]);
    frees_everything(&stores, upload).await;
    for store in &stores {
        assert!(store.film().await.is_none());
        assert_eq!(store.completions.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_completion_of_unknown_fate_counts_for_nothing() {
    for needed in [1, 2] {
        let stores = [Trouble::LosesCompletion, Trouble::None].map(Store::with);
        let mut upload = Upload::of(lanes(&stores, needed, None).await);
        all_parts(&mut upload).await.unwrap();
        let completed = upload.shared.lanes.complete().await;
        match (needed, completed) {
            (1, Ok((stored, owed))) => {
                assert_eq!((stored.endpoint(), owed), ("b", 1));
                assert!(stored.earlier_attempt_unresolved());
            }
            (2, Err(fault)) => {
                assert_eq!(fault.error.kind(), ErrorKind::MaybeApplied, "{}", fault.error);
                assert!(!fault.may_restart);
            }
            (_, completed) => panic!("{needed}: {:?}", completed.err().map(|fault| fault.error)),
        }
        frees_everything(&stores, upload).await;
    }
}

/// No lane is ahead of the slowest by more than what is under way at a time.
#[tokio::test(start_paused = true)]
async fn a_slow_lane_sets_the_pace() {
    let slow = Trouble::Slow(Duration::from_secs(1) / 2);
    let stores = [Trouble::None, slow].map(Store::with);
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let pieces = stream::iter(1..=50).map(move |number| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(part(number))
    });
    let client = client(&stores);
    let call = PutStreamCall::new(&client, Ok(Key::new("film").unwrap()), Source::bytes("")).concurrency(3);
    let lanes = lanes(&stores, 1, None).await;
    let transfer = call.transfer(lanes, Chunks::new(pieces.boxed()), (PART, Ends::after(None)));
    let half_way = tokio::time::timeout(Duration::from_secs(2), transfer).await;
    assert!(half_way.is_err());
    // Three at a time, four times, and one piece that is held.
    assert!((10..=14).contains(&read.load(Ordering::Relaxed)), "{read:?}");
}

#[test]
fn an_upload_goes_on_while_enough_lanes_can_still_store_it() {
    use Stand::{Lost, Stored, UnderWay, Unknown};
    for (stands, needed, expected) in [
        (&[UnderWay][..], 1, Course::GoesOn),
        (&[Lost], 1, Course::Failed),
        (&[Unknown], 1, Course::Unknown),
        (&[Stored], 1, Course::Stored),
        (&[UnderWay, Lost, UnderWay], 2, Course::GoesOn),
        (&[UnderWay, Lost, Lost], 2, Course::Failed),
        (&[Stored, UnderWay, Lost], 2, Course::GoesOn),
        (&[Stored, UnderWay, UnderWay], 1, Course::GoesOn),
        (&[Stored, Lost, Stored], 2, Course::Stored),
        (&[Stored, Unknown, Stored], 2, Course::Stored),
        (&[Stored, Unknown, Lost], 2, Course::Unknown),
        (&[Stored, Lost, Lost], 2, Course::Unknown),
        (&[Unknown, Unknown, Lost], 2, Course::Unknown),
        (&[Lost, Lost, Lost], 1, Course::Failed),
    ] {
        assert_eq!(course(stands.iter().copied(), needed), expected, "{stands:?}, {needed}");
    }
}
