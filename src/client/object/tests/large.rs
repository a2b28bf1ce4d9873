//! Whole gets of large objects whose body breaks off.

use crate::{
    Endpoint, Error, ErrorKind, ObjectClient, Replication,
    client::object::ObjectClientBuilder,
    model::{clock, crc},
    provider::{Arriving, Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Again, Key, WriteId, Writer,
        object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode},
    },
    stack::retry::Budget,
    telemetry::Event,
    verdict::{Outcome, Sent, Verdict},
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    future::pending,
    ops::Range,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
    time::{Duration, UNIX_EPOCH},
};

const MIB: usize = 1 << 20;
const SIZE: usize = 24 * MIB;
const KEY: &str = "film";

/// How the body of a get ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The connection breaks after so many bytes.
    Cut(usize),
    /// Nothing comes any more after so many bytes.
    Silent(usize),
    /// Nothing comes for half a second after so many bytes, and then the rest.
    Pause(usize),
}

/// A store that gives its bodies piece by piece. Clones share everything.
#[derive(Clone, Default)]
struct Store {
    memory: Memory,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    ends: VecDeque<End>,
    /// Whether the first of these ends is the store's.
    dies: bool,
    is_dead: bool,
    /// The ranges that were asked for. `None`: the whole.
    asked: Vec<Option<Range<u64>>>,
    without_tags: bool,
}

impl Store {
    async fn with(body: Bytes, id: Option<&str>) -> Self {
        let store = Self::default();
        store.lay(body, id).await;
        store
    }

    async fn lay(&self, body: Bytes, id: Option<&str>) {
        let mut put = Put::new(Key::new(KEY).unwrap(), body);
        (put.mode, put.write_id) = (PutMode::Overwrite, id.map(WriteId::new));
        self.memory.put(put).await.unwrap();
    }

    fn ends(&self, ends: impl IntoIterator<Item = End>) {
        self.state().ends.extend(ends);
    }

    /// The store gives no more answers once a body has ended so.
    fn dies(&self, end: End) {
        self.ends([end]);
        self.state().dies = true;
    }

    fn asked(&self) -> Vec<Option<Range<u64>>> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl ObjectProvider for Store {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.memory.put(put).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        let range = get.range.as_ref().map(|range| range.of(u64::MAX).unwrap());
        let (end, without_tags) = {
            let mut state = self.state();
            state.asked.push(range);
            if state.is_dead {
                let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
                return Err(ProviderError::new(ProviderErrorKind::Failed, outcome));
            }
            (state.ends.pop_front(), state.without_tags)
        };
        get.progress.begin(0);
        let progress = get.progress.clone();
        let is_whole = get.range.is_none();
        let mut object = self.memory.get(get).await?;
        if without_tags {
            object.meta.etag = None;
        }
        let mut arriving = Arriving::behind_its_head(&progress, Some(object.body.len() as u64));
        if is_whole {
            arriving.of_whole(|| object.meta.clone());
        }
        let (Some(End::Cut(comes) | End::Silent(comes) | End::Pause(comes)), body) = (end, &object.body) else {
            arriving.push(object.body.clone());
            return Ok(object);
        };
        for piece in body[..comes].chunks(64 << 10) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            arriving.push(body.slice_ref(piece));
        }
        {
            let mut state = self.state();
            state.is_dead = state.dies;
        }
        match end {
            Some(End::Silent(_)) => pending().await,
            Some(End::Pause(_)) => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                arriving.push(body.slice(comes..));
                Ok(object)
            }
            _ => Err(ProviderError::faulty("the connection was reset")),
        }
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.memory.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.memory.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.memory.list(list).await
    }
}

/// Made once, as that takes a debug build its time.
static FILM: LazyLock<Bytes> = LazyLock::new(|| (0..SIZE as u32).map(|at| (at / 251 % 199) as u8).collect());

fn film() -> Bytes {
    FILM.clone()
}

fn alone(home: &Store) -> ObjectClientBuilder {
    ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .seed(7)
}

fn client(home: &Store, copy: &Store) -> ObjectClientBuilder {
    alone(home)
        .endpoint(Endpoint::new("copy", copy.clone()).read_only())
        .replication(Replication::provider_managed())
}

/// Whether the ranges lie next to each other and cover these bytes.
fn cover(asked: &[Option<Range<u64>>], from: usize) -> bool {
    let ends = asked.iter().try_fold(from as u64, |at, range| {
        let range = range.clone().filter(|range| range.start == at)?;
        Some(range.end)
    });
    ends == Some(SIZE as u64)
}

#[tokio::test(start_paused = true)]
async fn a_large_get_goes_on_elsewhere_from_where_its_body_broke_off() {
    for end in [
        End::Cut(20 * MIB),
        End::Silent(20 * MIB),
        End::Cut(SIZE - 1),
        End::Cut(4 * MIB),
    ] {
        let (End::Cut(came) | End::Silent(came) | End::Pause(came)) = end;
        let [home, copy] = [
            Store::with(film(), Some("w1")).await,
            Store::with(film(), Some("w1")).await,
        ];
        home.dies(end);
        let resumed = Arc::new(Mutex::new(Vec::new()));
        let heard = resumed.clone();
        let client = client(&home, &copy)
            .on_event(move |event| {
                if let Event::DownloadResumed { at, .. } = event {
                    heard.lock().unwrap().push(*at);
                }
            })
            .build()
            .unwrap();
        let began = clock::now();
        let (got, explained) = client.get(KEY).explained().await.unwrap();
        assert!(*got.body() == film(), "{end:?}");
        assert_eq!((got.endpoint(), got.range().clone()), ("home", 0..SIZE as u64));
        assert_eq!(home.asked(), [None], "{end:?}");
        assert!(cover(&copy.asked(), came), "{end:?}: {:?}", copy.asked());
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{end:?}: {:?}",
            began.elapsed()
        );
        assert_eq!(*resumed.lock().unwrap(), [came as u64], "{end:?}");
        assert_eq!(explained.attempts().len(), 1 + copy.asked().len());
    }
}

/// What a get gives, and what was asked of home and copy.
async fn got(client: &ObjectClient) -> Result<Bytes, Error> {
    Ok(client.get(KEY).await?.into_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_large_get_goes_on_at_its_only_endpoint() {
    let home = Store::with(film(), None).await;
    home.ends([End::Cut(9 * MIB), End::Cut(100), End::Cut(1_000)]);
    assert!(got(&alone(&home).build().unwrap()).await.unwrap() == film());
    let asked = home.asked();
    assert_eq!(asked[0], None);
    // Two parts break off, and are fetched again.
    assert_eq!((&asked[1], &asked[2]), (&asked[2], &asked[3]));
    assert!(cover(&asked[3..], 9 * MIB), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_get_whose_beginning_is_small_is_made_again() {
    let [home, copy] = [
        Store::with(film(), Some("w1")).await,
        Store::with(film(), Some("w1")).await,
    ];
    home.ends([End::Cut(4 * MIB - 1)]);
    assert!(got(&client(&home, &copy).build().unwrap()).await.unwrap() == film());
    assert_eq!((home.asked(), copy.asked()), (vec![None], vec![None]));
}

/// As an SDK that compares a checksum of its own once all bytes have come: there is nothing to go on with.
#[tokio::test(start_paused = true)]
async fn a_large_get_that_fails_at_its_very_end_is_made_again() {
    let [home, copy] = [
        Store::with(film(), Some("w1")).await,
        Store::with(film(), Some("w1")).await,
    ];
    home.dies(End::Cut(SIZE));
    assert!(got(&client(&home, &copy).build().unwrap()).await.unwrap() == film());
    assert_eq!((home.asked(), copy.asked()), (vec![None], vec![None]));
}

/// Bytes of two endpoints that do not fit together say nothing about either.
#[tokio::test(start_paused = true)]
async fn a_mixed_body_that_is_wrong_blames_nobody() {
    let id = Writer::new([7; 15], || UNIX_EPOCH).write_id(None, KEY, Some(SIZE as u64), Some(crc::of(&film())));
    let mut rotten = film().to_vec();
    rotten[SIZE - 1] ^= 1;
    let [home, copy] = [
        Store::with(film(), Some(id.as_str())).await,
        Store::with(rotten.into(), Some(id.as_str())).await,
    ];
    home.ends([End::Cut(20 * MIB)]);
    let blamed = Arc::new(Mutex::new(0));
    let heard = blamed.clone();
    let client = client(&home, &copy).on_event(move |event| {
        *heard.lock().unwrap() += usize::from(matches!(event, Event::WrongChecksum { .. }));
    });
    assert!(got(&client.build().unwrap()).await.unwrap() == film());
    assert_eq!(home.asked(), [None, None]);
    assert_eq!(*blamed.lock().unwrap(), 0);
}

/// Nothing was delivered yet, so that another version is as good an answer as ever.
#[tokio::test(start_paused = true)]
async fn a_large_get_is_made_again_where_nobody_has_the_same() {
    let older = Bytes::from(vec![7; 10 * MIB]);
    for id in [Some("w0"), None] {
        let [home, copy] = [
            Store::with(film(), Some("w1")).await,
            Store::with(older.clone(), id).await,
        ];
        home.dies(End::Cut(20 * MIB));
        let got = client(&home, &copy).build().unwrap().get(KEY).await.unwrap();
        assert!(*got.body() == older && got.is_possibly_stale());
        let asked = copy.asked();
        assert!(asked.len() == 2 && asked[1].is_none(), "{asked:?}");
        // It was asked for a small part to find that out.
        assert!(
            asked[0].as_ref().is_some_and(|part| part.end - part.start <= 256 << 10),
            "{asked:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_get_without_tag_or_id_is_made_again() {
    let home = Store::with(film(), None).await;
    home.state().without_tags = true;
    home.ends([End::Cut(20 * MIB)]);
    assert!(got(&alone(&home).build().unwrap()).await.unwrap() == film());
    assert_eq!(home.asked(), [None, None]);
}

#[tokio::test(start_paused = true)]
async fn a_large_get_never_mixes_two_versions() {
    let newer = Bytes::from(vec![7; SIZE]);
    let home = Store::with(film(), Some("w1")).await;
    home.ends([End::Cut(20 * MIB)]);
    let client = alone(&home).build().unwrap();
    let replaces = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        home.lay(newer.clone(), Some("w2")).await;
    };
    let (got, ()) = tokio::join!(got(&client), replaces);
    assert!(got.unwrap() == newer);
}

#[tokio::test(start_paused = true)]
async fn a_large_get_whose_body_breaks_off_is_not_tried_again_beyond_what_the_caller_allows() {
    let home = Store::with(film(), Some("w1")).await;
    let broken = || home.ends([End::Cut(20 * MIB)]);
    // No attempt may follow.
    broken();
    let call = alone(&home).build().unwrap().get(KEY).retry_when(|_| Again::Never);
    assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(home.asked().len(), 1);
    // The budget is empty.
    broken();
    let error = got(&alone(&home).budget(Budget::new(0.0, 0.0)).build().unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("budget"), "{error}");
    assert_eq!(home.asked().len(), 2);
    // The time is up before the rest is there.
    home.ends([End::Cut(20 * MIB), End::Silent(100), End::Silent(100)]);
    let began = clock::now();
    let call = alone(&home)
        .build()
        .unwrap()
        .get(KEY)
        .deadline(Duration::from_millis(900));
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

/// The body is silent for a moment, and goes on: a hedge would have fetched everything a second time.
#[tokio::test(start_paused = true)]
async fn a_large_body_that_pauses_is_not_fetched_twice() {
    let [home, copy] = [
        Store::with(film(), Some("w1")).await,
        Store::with(film(), Some("w1")).await,
    ];
    home.ends([End::Pause(20 * MIB)]);
    assert!(got(&client(&home, &copy).build().unwrap()).await.unwrap() == film());
    assert_eq!((home.asked(), copy.asked()), (vec![None], vec![]));
}

/// A failure of the rest is this call's failure, and the beginning is freed with it.
#[tokio::test(start_paused = true)]
async fn a_large_get_at_a_dead_endpoint_ends() {
    let home = Store::with(film(), Some("w1")).await;
    home.dies(End::Cut(20 * MIB));
    let began = clock::now();
    let error = got(&alone(&home).build().unwrap()).await.unwrap_err();
    assert!(error.is_retryable() && error.delivered().is_none(), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
