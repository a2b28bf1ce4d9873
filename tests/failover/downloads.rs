//! Downloads that lose their endpoint half-way: they go on elsewhere where the content is provably the same, or say how
//! far they came.

use crate::{
    scripted::{ms, secs},
    store::{Store, Trouble},
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, Error, ErrorKind, ObjectClient, Replication,
    backfill::Backfill,
    client::object::{Download, Served},
    ops::operator::Selector,
    provider::{Memory, ObjectProvider, ProviderError},
    request::{
        Key, WriteId,
        object::{Delete, ETag, Get, Head, Object, ObjectMeta, Put, PutMode},
    },
    stack::retry::Budget,
    telemetry::Event,
};
use futures_util::{StreamExt, TryStreamExt};
use std::{
    ops::Range,
    sync::{Arc, Mutex},
};
use tokio::time::Instant;

const SIZE: usize = 4 << 20;
const PART: u64 = 512 << 10;

fn film() -> Bytes {
    (0..SIZE).map(|at| (at / 7) as u8).collect()
}

/// Puts the body there directly, as a provider's own replication does: the write id travels along.
async fn lay(store: &Store, body: impl Into<Bytes>, id: Option<&str>) {
    let mut put = Put::new(Key::new("film").unwrap(), body);
    (put.mode, put.write_id) = (PutMode::Overwrite, id.map(WriteId::new));
    store.memory.put(put).await.unwrap();
}

struct Cinema {
    client: ObjectClient,
    home: Store,
    copy: Store,
    resumed: Arc<Mutex<Vec<u64>>>,
}

/// A home and a copy, which has the same film under this id.
async fn cinema(id: Option<&str>, at_the_copy: Option<&str>) -> Cinema {
    let (home, copy) = (Store::new(), Store::new());
    lay(&home, film(), id).await;
    lay(&copy, film(), at_the_copy).await;
    let resumed = Arc::new(Mutex::new(Vec::new()));
    let heard = resumed.clone();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .endpoint(Endpoint::new("copy", copy.clone()).read_only())
        .replication(Replication::provider_managed())
        .on_event(move |event| {
            if let Event::DownloadResumed { at, .. } = event {
                heard.lock().unwrap().push(*at);
            }
        })
        .seed(7)
        .build()
        .unwrap();
    Cinema {
        client,
        home,
        copy,
        resumed,
    }
}

async fn rest(download: &mut Download) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(part) = download.try_next().await? {
        all.extend_from_slice(&part);
    }
    Ok(all)
}

/// The error in which a download ends.
async fn fails(download: &mut Download) -> Error {
    match rest(download).await {
        Ok(all) => panic!("{} bytes came, and no error", all.len()),
        Err(error) => error,
    }
}

fn ranges(sources: &[Served]) -> Vec<(&str, Range<u64>)> {
    let all = sources.iter();
    all.map(|source| (&*source.endpoint, source.range.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_whole_download_comes_in_growing_parts_from_one_endpoint() {
    let Cinema { client, home, copy, .. } = cinema(Some("w1"), Some("w1")).await;
    let mut download = client.get_stream("film").part_size(PART).await.unwrap();
    assert_eq!((download.meta().size, download.delivered()), (SIZE as u64, 0));
    assert!(rest(&mut download).await.unwrap() == film());
    assert_eq!(download.delivered(), SIZE as u64);
    assert_eq!(ranges(download.served()), [("home", 0..SIZE as u64)]);
    // 256 KiB, and then parts of 512.
    assert_eq!((home.asked(), copy.asked()), (9, 0));
    // After its end it stays ended.
    assert!(download.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn ranges_suffixes_and_small_objects_are_exact() {
    let Cinema { client, .. } = cinema(Some("w1"), None).await;
    let film = film();
    for (range, expected) in [
        (100..1_000_000, 100..1_000_000),
        (3..4, 3..4),
        (4_000_000..9_000_000, 4_000_000..SIZE),
    ] {
        let mut download = client.get_stream("film").range(range).part_size(PART).await.unwrap();
        assert!(rest(&mut download).await.unwrap() == film[expected]);
    }
    let mut download = client.get_stream("film").range(3_000_000..).await.unwrap();
    assert!(rest(&mut download).await.unwrap() == film[3_000_000..]);
    let mut download = client.get_stream("film").suffix(700_000).await.unwrap();
    assert!(rest(&mut download).await.unwrap() == film[SIZE - 700_000..]);
    client.put("small", "tiny").await.unwrap();
    client.put("empty", "").await.unwrap();
    let mut small = client.get_stream("small").await.unwrap();
    assert_eq!(rest(&mut small).await.unwrap(), b"tiny");
    let mut empty = client.get_stream("empty").await.unwrap();
    assert_eq!((empty.meta().size, rest(&mut empty).await.unwrap()), (0, Vec::new()));
    assert!(empty.next().await.is_none());
    // What no download can be is refused before a byte.
    let absent = client.get_stream("absent").await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    let outside = client.get_stream("film").range(9_000_000..).await.unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::RangeNotSatisfiable);
    for refused in [
        client.get_stream("film").part_size(0),
        client.get_stream("film").concurrency(0),
        client.get_stream(""),
    ] {
        assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_goes_on_at_a_copy_whatever_the_home_meets() {
    for trouble in [
        Trouble::Refused,
        Trouble::Reset,
        Trouble::LostAnswer,
        Trouble::Hang,
        Trouble::Slow(secs(600)),
        Trouble::Code("InternalError"),
        Trouble::Code("SlowDown"),
    ] {
        let Cinema {
            client, home, resumed, ..
        } = cinema(Some("w1"), Some("w1")).await;
        // A little traffic, so that the client knows how fast the home is.
        for _ in 0..50 {
            client.get("film").range(0..10).await.unwrap();
        }
        let mut download = client.get_stream("film").part_size(PART).await.unwrap();
        let first = download.next().await.unwrap().unwrap();
        home.always(trouble);
        let began = Instant::now();
        let rest = rest(&mut download)
            .await
            .unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
        assert!([&first[..], &rest].concat() == film(), "{trouble:?}");
        assert!(began.elapsed() < secs(3), "{trouble:?}: {:?}", began.elapsed());
        assert_eq!(resumed.lock().unwrap().len(), 1, "{trouble:?}");
        let sources = ranges(download.served());
        assert_eq!(
            (sources.first().unwrap().0, sources.last().unwrap().0),
            ("home", "copy"),
            "{trouble:?}"
        );
        assert_eq!(
            sources.iter().map(|(_, range)| range.end - range.start).sum::<u64>(),
            SIZE as u64
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_explained_download_says_where_each_part_came_from() {
    let Cinema { client, home, copy, .. } = cinema(Some("w1"), Some("w1")).await;
    let mut download = client.get_stream("film").part_size(PART).explained().await.unwrap();
    assert_eq!(download.explanation().unwrap().attempts().len(), 1);
    let first = download.next().await.unwrap().unwrap();
    home.always(Trouble::Refused);
    rest(&mut download).await.unwrap();
    let explanation = download.explanation().unwrap();
    assert_eq!(explanation.attempts().len() as u64, download.attempts());
    let by = |name: &str| {
        let attempts = explanation.attempts().iter();
        attempts.filter(|attempt| attempt.endpoint() == name).count()
    };
    assert_eq!((by("home"), by("copy")), (home.asked(), copy.asked()));
    assert_eq!(explanation.served(), download.served());
    assert_eq!(explanation.answered_by(), Some("home"));
    let text = explanation.to_string();
    let line = format!("bytes {}..{SIZE} from copy", first.len());
    assert!(text.contains(&line), "{text}");
    assert!(
        text.contains("home was unreachable") && !text.contains("film"),
        "{text}"
    );
    // The part that failed is in it, too.
    home.heal();
    copy.heal();
    let mut download = client
        .get_stream("film")
        .part_size(PART)
        .concurrency(1)
        .explained()
        .await
        .unwrap();
    download.next().await.unwrap().unwrap();
    for store in [&home, &copy] {
        store.always(Trouble::Code("AccessDenied"));
    }
    fails(&mut download).await;
    let denied = download.explanation().unwrap();
    assert!(denied.to_string().contains("denied access"), "{denied}");
    // Nothing is remembered unasked.
    home.heal();
    assert!(client.get_stream("film").await.unwrap().explanation().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_download_goes_on_only_where_the_content_is_provably_the_same() {
    // Another write, no write id at the copy, none anywhere: equal bytes alone are no proof.
    for (at_home, at_the_copy) in [(Some("w1"), Some("w2")), (Some("w1"), None), (None, None)] {
        let Cinema { client, home, .. } = cinema(at_home, at_the_copy).await;
        let mut download = client.get_stream("film").part_size(PART).await.unwrap();
        let first = download.next().await.unwrap().unwrap();
        home.always(Trouble::Refused);
        let error = fails(&mut download).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.delivered() >= Some(first.len() as u64), "{error}");
        assert!(error.to_string().contains("the stream had delivered"), "{error}");
        assert!(download.next().await.is_none(), "it ends with its error");
    }
}

/// The id under which a client stores so much of the film under this key.
async fn stamp(key: &str, size: usize) -> String {
    let client = ObjectClient::builder().endpoint(Endpoint::new("elsewhere", Memory::new()));
    let client = client.build().unwrap();
    client.put(key, film().slice(..size)).await.unwrap();
    let meta = client.head(key).await.unwrap().into_meta();
    meta.write_id.unwrap().as_str().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_stamp_proves_the_content_of_the_key_and_length_that_it_was_made_for() {
    for (key, size, proves) in [
        ("film", SIZE, true),
        ("another film", SIZE, false),
        ("film", SIZE - 1, false),
    ] {
        let id = stamp(key, size).await;
        let Cinema { client, home, .. } = cinema(Some(&id), Some(&id)).await;
        let mut download = client.get_stream("film").part_size(PART).await.unwrap();
        download.next().await.unwrap().unwrap();
        home.always(Trouble::Refused);
        match proves {
            true => drop(rest(&mut download).await.unwrap()),
            // A foreign copy carried the stamp along.
            false => assert_eq!(fails(&mut download).await.kind(), ErrorKind::Unavailable),
        }
        // Where the store has no tag, such a stamp is as good as none.
        let store = Store::new();
        lay(&store, film(), Some(&id)).await;
        let client = ObjectClient::builder().endpoint(Endpoint::new("home", Vague(store, None)));
        let begun = client.build().unwrap().get_stream("film").part_size(PART).await;
        assert_eq!(begun.is_ok(), proves, "{key} {size}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_goes_on_at_a_copy_that_keeps_the_stamp_though_the_home_has_no_tags() {
    let id = stamp("film", SIZE).await;
    let (home, copy): (Store, Store) = (Store::new(), Store::new());
    lay(&home, film(), Some(&id)).await;
    let vague = Vague(home.clone(), Some("W/\"1\""));
    let backfill = Backfill::objects(
        Endpoint::new("home", vague.clone()),
        Endpoint::new("copy", copy.memory.clone()),
    );
    assert!(backfill.run().await.unwrap().is_clean());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", vague))
        .endpoint(Endpoint::new("copy", copy).read_only());
    let client = client.seed(7).build().unwrap();
    let mut download = client.get_stream("film").part_size(PART).await.unwrap();
    let first = download.next().await.unwrap().unwrap();
    home.always(Trouble::Refused);
    let rest = rest(&mut download).await.unwrap();
    assert!([&first[..], &rest].concat() == film());
}

/// The film has a write id or is a foreign object, and is replaced after it was copied or not.
#[tokio::test(start_paused = true)]
async fn a_download_goes_on_at_a_backfilled_copy_of_the_same_version() {
    for (id, replaced) in [(Some("w1"), false), (None, false), (Some("w1"), true), (None, true)] {
        let Cinema { client, home, copy, .. } = cinema(id, None).await;
        copy.memory
            .delete(Delete::new(Key::new("film").unwrap()))
            .await
            .unwrap();
        let backfill = Backfill::objects(
            Endpoint::new("home", home.memory.clone()),
            Endpoint::new("copy", copy.memory.clone()),
        );
        assert!(backfill.run().await.unwrap().is_clean());
        if replaced {
            lay(&home, film(), id).await;
        }
        let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
        let first = download.next().await.unwrap().unwrap();
        home.always(Trouble::Refused);
        if replaced {
            // Equal bytes, but not the version that was copied.
            assert_eq!(fails(&mut download).await.kind(), ErrorKind::Unavailable);
            continue;
        }
        let second = download.next().await.unwrap().unwrap();
        // The copy goes, and the home is back.
        home.heal();
        copy.always(Trouble::Reset);
        let rest = rest(&mut download)
            .await
            .unwrap_or_else(|error| panic!("{id:?}: {error}"));
        assert!([&first[..], &second, &rest].concat() == film());
        let served: Vec<_> = ranges(download.served())
            .iter()
            .map(|(endpoint, _)| *endpoint)
            .collect();
        assert_eq!(served, ["home", "copy", "home"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_leaves_an_endpoint_that_the_operator_drains() {
    let Cinema { client, home, .. } = cinema(Some("w1"), Some("w1")).await;
    let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
    assert!(!download.is_possibly_stale());
    download.next().await.unwrap().unwrap();
    let drain = client
        .operator()
        .drain(Selector::endpoint("home"), "maintenance", secs(600));
    drain.apply().unwrap();
    home.forget();
    rest(&mut download).await.unwrap();
    assert_eq!(home.asked(), 0);
    // A download that begins now is of the copy's version.
    assert!(client.get_stream("film").await.unwrap().is_possibly_stale());
}

/// A copy that lags has no word on what there is: a further copy may have it.
#[tokio::test(start_paused = true)]
async fn a_copy_that_lacks_the_object_does_not_hide_it_at_another_copy() {
    for trouble in [Trouble::Refused, Trouble::Hang, Trouble::Code("InternalError")] {
        let [home, first, second] = [(); 3].map(|()| Store::new());
        lay(&home, film(), Some("w1")).await;
        lay(&second, film(), Some("w1")).await;
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("home", home.clone()))
            .endpoint(Endpoint::new("first", first.clone()).read_only())
            .endpoint(Endpoint::new("second", second.clone()).read_only())
            .replication(Replication::provider_managed())
            .seed(7)
            .build()
            .unwrap();
        home.always(trouble);
        let began = Instant::now();
        let got = client
            .get("film")
            .await
            .unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
        assert!(*got.body() == film() && got.is_possibly_stale());
        let mut download = client.get_stream("film").part_size(PART).await.unwrap();
        assert!(rest(&mut download).await.unwrap() == film() && download.is_possibly_stale());
        assert!(began.elapsed() < secs(6), "{trouble:?}: {:?}", began.elapsed());
        // Where no copy has it, nobody can tell.
        let error = client.get("another").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(error.absent_at().count(), 2, "{error}");
        // Once the home speaks, its word is enough.
        home.heal();
        home.memory
            .delete(Delete::new(Key::new("film").unwrap()))
            .await
            .unwrap();
        second.forget();
        let error = client.get("film").pin("home").await.unwrap_err();
        assert_eq!((error.kind(), second.asked()), (ErrorKind::NotFound, 0), "{error}");
    }
}

/// The film with one byte changed, under the id of the right one.
fn damaged() -> Bytes {
    let mut film = film().to_vec();
    film[SIZE - 5] ^= 1;
    film.into()
}

struct Museum {
    client: ObjectClient,
    home: Store,
    copy: Store,
    wrong: Arc<Mutex<Vec<Arc<str>>>>,
}

/// A home and a copy with these films, each under this id.
async fn museum(id: &str, at_home: Bytes, at_the_copy: Bytes) -> Museum {
    let (home, copy) = (Store::new(), Store::new());
    lay(&home, at_home, Some(id)).await;
    lay(&copy, at_the_copy, Some(id)).await;
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let heard = wrong.clone();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .endpoint(Endpoint::new("copy", copy.clone()).read_only())
        .replication(Replication::provider_managed())
        .on_event(move |event| {
            if let Event::WrongChecksum { endpoint } = event {
                heard.lock().unwrap().push(endpoint.clone());
            }
        })
        .seed(7)
        .build()
        .unwrap();
    Museum {
        client,
        home,
        copy,
        wrong,
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_takes_a_body_that_is_not_what_was_written_from_elsewhere() {
    let id = stamp("film", SIZE).await;
    let Museum {
        client,
        home,
        copy,
        wrong,
    } = museum(&id, damaged(), film()).await;
    let got = client.get("film").await.unwrap();
    assert!(*got.body() == film());
    assert_eq!((got.endpoint(), home.asked(), copy.asked()), ("copy", 1, 1));
    assert_eq!(wrong.lock().unwrap().as_slice(), [Arc::<str>::from("home")]);
    // Nobody else may be asked, or has it right.
    let tag = client.head("film").await.unwrap().etag().unwrap().clone();
    for call in [client.get("film").pin("home"), client.get("film").if_match(tag)] {
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(
            error.to_string().contains("home gave do not have the checksum"),
            "{error}"
        );
    }
    lay(&copy, damaged(), Some(&id)).await;
    home.forget();
    copy.forget();
    let error = client.get("film").await.unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    assert_eq!((home.asked(), copy.asked()), (1, 1));
    // The copy cannot be asked.
    copy.always(Trouble::Refused);
    let error = client.get("film").await.unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_small_object_that_is_not_what_was_written_comes_from_elsewhere_as_a_stream_too() {
    let Museum { client, home, copy, .. } = museum("w1", film(), film()).await;
    client.put("small", "right").await.unwrap();
    let id = client.head("small").await.unwrap().into_meta().write_id;
    for (store, body) in [(&home, "wrong"), (&copy, "right")] {
        let mut put = Put::new(Key::new("small").unwrap(), body);
        (put.mode, put.write_id) = (PutMode::Overwrite, id.clone());
        store.memory.put(put).await.unwrap();
    }
    let mut small = client.get_stream("small").await.unwrap();
    assert_eq!(rest(&mut small).await.unwrap(), b"right");
    assert_eq!(ranges(small.served()), [("copy", 0..5)]);
}

#[tokio::test(start_paused = true)]
async fn a_download_that_is_not_what_was_written_fails_before_its_last_part() {
    let id = stamp("film", SIZE).await;
    for (at_home, is_right) in [(damaged(), false), (film(), true)] {
        let Museum { client, wrong, .. } = museum(&id, at_home, film()).await;
        for concurrency in [1, 3] {
            let call = client.get_stream("film").part_size(PART).concurrency(concurrency);
            let mut download = call.await.unwrap();
            let ended = rest(&mut download).await;
            if is_right {
                assert!(ended.unwrap() == film());
                assert!(wrong.lock().unwrap().is_empty());
                continue;
            }
            let error = ended.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.to_string().contains("checksum"), "{error}");
            assert_eq!(error.explanation().attempts().len(), 1, "{error}");
            let delivered = error.delivered().unwrap();
            assert!(
                delivered < SIZE as u64 && delivered + PART >= SIZE as u64,
                "{delivered}"
            );
            assert_eq!(
                (download.delivered(), download.next().await.is_none()),
                (delivered, true)
            );
            assert!(!wrong.lock().unwrap().is_empty());
        }
    }
}

/// Two endpoints give it, and it is right as a whole.
#[tokio::test(start_paused = true)]
async fn a_download_from_two_endpoints_has_one_checksum() {
    let id = stamp("film", SIZE).await;
    let Museum { client, home, .. } = museum(&id, film(), film()).await;
    let mut download = client.get_stream("film").part_size(PART).await.unwrap();
    let first = download.next().await.unwrap().unwrap();
    home.always(Trouble::Refused);
    let rest = rest(&mut download).await.unwrap();
    assert!([&first[..], &rest].concat() == film());
}

#[tokio::test(start_paused = true)]
async fn a_checksum_is_that_of_a_whole_object_and_of_the_key_that_it_was_made_for() {
    let id = stamp("film", SIZE).await;
    let Museum { client, .. } = museum(&id, damaged(), damaged()).await;
    let part = client.get("film").range(SIZE as u64 - 10..).await.unwrap();
    assert!(*part.body() == damaged()[SIZE - 10..]);
    let mut most = client.get_stream("film").range(1..).part_size(PART).await.unwrap();
    assert!(rest(&mut most).await.unwrap() == damaged()[1..]);
    // A foreign copy carried the stamp of another key along; and an upload in parts left no checksum.
    let other = stamp("another film", SIZE).await;
    let Museum { client, .. } = museum(&other, damaged(), damaged()).await;
    assert!(*client.get("film").await.unwrap().body() == damaged());
    let mut upload = client.upload("parts").await.unwrap();
    upload.part(film()).await.unwrap();
    upload.complete().await.unwrap();
    let id = client.head("parts").await.unwrap().into_meta().write_id.unwrap();
    assert_eq!(id.stamp().unwrap().crc(), None);
}

/// A store that gives weak tags, or none, and no write id.
#[derive(Clone)]
struct Vague(Store, Option<&'static str>);

impl Vague {
    fn blur(&self, mut meta: ObjectMeta) -> ObjectMeta {
        meta.etag = self.1.map(|tag| ETag::new(tag, ""));
        meta
    }
}

impl ObjectProvider for Vague {
    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        let object = ObjectProvider::get(&self.0, get).await?;
        Ok(Object::new(self.blur(object.meta), object.range, object.body))
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        Ok(self.blur(ObjectProvider::head(&self.0, head).await?))
    }

    objects_through!(self.0: put delete list);
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_parts_prove_nothing_is_refused_before_its_first_byte() {
    for (tag, id, refused) in [
        (Some("W/\"1\""), None, true),
        (None, None, true),
        (Some("W/\"1\""), Some("w1"), false),
        (None, Some("w1"), false),
    ] {
        let store = Store::new();
        lay(&store, film(), id).await;
        let client = ObjectClient::builder().endpoint(Endpoint::new("home", Vague(store.clone(), tag)));
        let client = client.seed(7).build().unwrap();
        match client.get_stream("film").part_size(PART).await {
            Ok(mut download) => {
                assert!(!refused, "{tag:?}");
                assert!(rest(&mut download).await.unwrap() == film());
            }
            Err(error) => {
                assert!(refused, "{tag:?}, {error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            }
        }
        // One part needs no proof.
        let mut start = client.get_stream("film").range(0..1_000).await.unwrap();
        assert!(rest(&mut start).await.unwrap() == film()[..1_000]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_named_after_size_alone_proves_nothing() {
    let (home, copy): (Store, Store) = (Store::new(), Store::new());
    lay(&home, vec![1; SIZE], None).await;
    let backfill = Backfill::objects(
        Endpoint::new("home", Vague(home.clone(), None)),
        Endpoint::new("copy", copy.memory.clone()),
    );
    assert!(backfill.run().await.unwrap().is_clean());
    lay(&home, vec![2; SIZE], Some("w2")).await;
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", Vague(home.clone(), None)))
        .endpoint(Endpoint::new("copy", copy).read_only())
        .seed(7)
        .build()
        .unwrap();
    let mut download = client.get_stream("film").part_size(PART).await.unwrap();
    download.next().await.unwrap().unwrap();
    home.always(Trouble::Refused);
    fails(&mut download).await;
}

#[tokio::test(start_paused = true)]
async fn a_suffix_is_of_one_version() {
    let Cinema { client, home, .. } = cinema(Some("w1"), None).await;
    // The object is replaced by a longer one between the question for its size and the question for its end.
    home.then([Trouble::None, Trouble::Slow(ms(100))]);
    let longer = home.clone();
    tokio::spawn(async move {
        tokio::time::sleep(ms(50)).await;
        lay(&longer, vec![9; 2 * SIZE], Some("w2")).await;
    });
    let mut end = client.get_stream("film").suffix(1_000).await.unwrap();
    assert!(rest(&mut end).await.unwrap() == [9; 1_000]);
}

#[tokio::test(start_paused = true)]
async fn a_download_waits_for_the_budget_and_not_for_ever() {
    let home = Store::new();
    lay(&home, film(), None).await;
    let client = ObjectClient::builder().endpoint(Endpoint::new("home", home.clone()));
    let client = client.budget(Budget::new(0.0, 0.0)).seed(7).build().unwrap();
    let mut download = client.get_stream("film").part_size(PART).await.unwrap();
    download.next().await.unwrap().unwrap();
    home.then([Trouble::Reset, Trouble::Reset]);
    let began = Instant::now();
    let error = fails(&mut download).await;
    assert!(began.elapsed() < secs(15), "{:?}", began.elapsed());
    assert!(error.to_string().contains("budget"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn every_candidate_is_asked_once_in_a_round() {
    let stores = [(); 4].map(|()| Store::new());
    let [home, denies, other, same] = &stores;
    lay(home, film(), Some("w1")).await;
    lay(other, film(), Some("w2")).await;
    lay(same, film(), Some("w1")).await;
    let names = ["home", "denies", "other", "same"];
    let endpoints = names.iter().zip(&stores);
    let client = ObjectClient::builder()
        .endpoints(
            endpoints
                .map(|(name, store)| Endpoint::new(*name, store.clone()))
                .collect::<Vec<_>>(),
        )
        .replication(Replication::write_once())
        .budget(Budget::new(1.0, 1_000.0))
        .seed(7)
        .build()
        .unwrap();
    let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
    download.next().await.unwrap().unwrap();
    home.always(Trouble::Refused);
    denies.always(Trouble::Code("AccessDenied"));
    stores.iter().for_each(Store::forget);
    rest(&mut download).await.unwrap();
    let asked = stores
        .each_ref()
        .map(|store| store.log().iter().filter(|asked| **asked == "get").count());
    assert!(
        asked[0] <= 3 && asked[1] <= 2 && asked[2] <= 2 && asked[3] >= 8,
        "{asked:?}"
    );
}

/// Two parts are under way when the home falls silent: the second does not go back to it.
#[tokio::test(start_paused = true)]
async fn parts_under_way_do_not_ask_a_silent_home_again() {
    let Cinema { client, home, .. } = cinema(Some("w1"), Some("w1")).await;
    let mut download = client.get_stream("film").part_size(PART).concurrency(2).await.unwrap();
    home.always(Trouble::Hang);
    home.forget();
    let began = Instant::now();
    rest(&mut download).await.unwrap();
    let asked = home.log().iter().filter(|asked| **asked == "get").count();
    assert!(
        asked <= 2 && began.elapsed() < ms(2_500),
        "{asked} gets, {:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_reader_cannot_outlast_the_deadline() {
    let Cinema { client, home, .. } = cinema(Some("w1"), None).await;
    let mut download = client
        .get_stream("film")
        .part_size(PART)
        .concurrency(1)
        .deadline(secs(2))
        .await
        .unwrap();
    download.next().await.unwrap().unwrap();
    tokio::time::sleep(secs(3)).await;
    let before = home.asked();
    let error = fails(&mut download).await;
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert!(error.to_string().contains("2 s"), "{error}");
    assert_eq!(home.asked(), before);
}

#[tokio::test(start_paused = true)]
async fn a_home_with_an_open_breaker_is_asked_where_nobody_else_can_answer() {
    let Cinema { client, home, copy, .. } = cinema(Some("w1"), None).await;
    let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
    download.next().await.unwrap().unwrap();
    copy.always(Trouble::Refused);
    home.always(Trouble::Refused);
    for _ in 0..20 {
        let _ = client.get("film").range(0..1).await;
    }
    home.heal();
    let began = Instant::now();
    rest(&mut download).await.unwrap();
    assert!(began.elapsed() < secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_ends_its_downloads() {
    let Cinema { client, .. } = cinema(Some("w1"), None).await;
    let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
    download.next().await.unwrap().unwrap();
    client.close();
    while let Some(part) = download.next().await {
        if let Err(error) = part {
            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
            return;
        }
    }
    panic!("it went on");
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_another_size_is_not_the_same() {
    let Cinema { client, home, copy, .. } = cinema(Some("w1"), None).await;
    lay(&copy, film().slice(..SIZE - 1), Some("w1")).await;
    let mut download = client.get_stream("film").part_size(PART).await.unwrap();
    download.next().await.unwrap().unwrap();
    home.always(Trouble::Refused);
    fails(&mut download).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_replaced_during_its_download_is_an_error_and_never_mixed() {
    for id in [Some("w2"), None] {
        let Cinema { client, home, .. } = cinema(Some("w1"), None).await;
        let mut download = client.get_stream("film").part_size(PART).await.unwrap();
        download.next().await.unwrap().unwrap();
        lay(&home, vec![0; SIZE], id).await;
        let error = fails(&mut download).await;
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
        assert!(error.delivered() < Some(SIZE as u64));
    }
    // And so is one that was removed.
    let Cinema { client, home, .. } = cinema(Some("w1"), None).await;
    let mut download = client.get_stream("film").part_size(PART).await.unwrap();
    download.next().await.unwrap().unwrap();
    home.memory
        .delete(Delete::new(Key::new("film").unwrap()))
        .await
        .unwrap();
    assert_eq!(fails(&mut download).await.kind(), ErrorKind::PreconditionFailed);
}

/// Once a defect: the first endpoint's *not found* ended the download, though another had the very same bytes.
#[tokio::test(start_paused = true)]
async fn a_home_that_denies_the_object_in_the_middle_is_left_for_the_same_bytes() {
    let deny = async |home: &Store| {
        let key = Key::new("film").unwrap();
        home.memory.delete(Delete::new(key)).await.unwrap();
    };
    let start = async |client: &ObjectClient| {
        let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
        download.next().await.unwrap().unwrap();
        download
    };
    let Cinema {
        client, home, resumed, ..
    } = cinema(Some("w1"), Some("w1")).await;
    let mut download = start(&client).await;
    deny(&home).await;
    rest(&mut download).await.unwrap();
    assert_eq!(download.delivered(), SIZE as u64);
    assert_eq!(resumed.lock().unwrap().len(), 1);
    // Where nobody has the same, it was removed; nobody waits for it to come back.
    for other in [Some("w2"), None] {
        let Cinema { client, home, .. } = cinema(Some("w1"), other).await;
        let mut download = start(&client).await;
        deny(&home).await;
        let began = Instant::now();
        let error = fails(&mut download).await;
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
        assert!(
            error.delivered() > Some(0) && began.elapsed() < secs(1),
            "{:?}",
            began.elapsed()
        );
    }
    // Where the others cannot be asked, it is asked for a while, and then says why it ended.
    let Cinema { client, home, copy, .. } = cinema(Some("w1"), Some("w1")).await;
    let mut download = start(&client).await;
    deny(&home).await;
    copy.always(Trouble::Refused);
    let error = fails(&mut download).await;
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_of_the_only_endpoint_is_waited_for() {
    let home = Store::new();
    lay(&home, film(), None).await;
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .seed(7);
    let client = client.build().unwrap();
    let mut download = client.get_stream("film").part_size(PART).concurrency(1).await.unwrap();
    download.next().await.unwrap().unwrap();
    home.always(Trouble::Refused);
    let heals = home.clone();
    tokio::spawn(async move {
        tokio::time::sleep(ms(500)).await;
        heals.heal();
    });
    assert_eq!(rest(&mut download).await.unwrap().len(), SIZE - (256 << 10));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_stays_dead_ends_the_download_in_bounded_time() {
    let home = Store::new();
    lay(&home, film(), None).await;
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .seed(7);
    let client = client.build().unwrap();
    for trouble in [Trouble::Refused, Trouble::Hang] {
        home.heal();
        let mut download = client.get_stream("film").part_size(PART).await.unwrap();
        download.next().await.unwrap().unwrap();
        home.always(trouble);
        let began = Instant::now();
        let error = fails(&mut download).await;
        assert!(error.is_retryable(), "{error}");
        assert!(began.elapsed() < secs(60), "{trouble:?}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_whole_download() {
    let Cinema { client, home, .. } = cinema(Some("w1"), None).await;
    let began = Instant::now();
    let mut download = client
        .get_stream("film")
        .part_size(PART)
        .deadline(secs(2))
        .await
        .unwrap();
    home.always(Trouble::Slow(ms(900)));
    let error = fails(&mut download).await;
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert!(began.elapsed() <= ms(2_100), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_idle_reader_holds_its_parts_and_a_dropped_download_none() {
    let Cinema { client, home, .. } = cinema(Some("w1"), None).await;
    let mut download = client.get_stream("film").part_size(PART).concurrency(3).await.unwrap();
    download.next().await.unwrap().unwrap();
    tokio::time::sleep(secs(20)).await;
    assert_eq!(home.asked(), 4, "the first part, and three that wait");
    home.always(Trouble::Hang);
    download.next().await.unwrap().unwrap();
    drop(download);
    tokio::task::yield_now().await;
    let in_flight: u32 = client
        .snapshot()
        .endpoints
        .iter()
        .map(|endpoint| endpoint.in_flight)
        .sum();
    assert_eq!(in_flight, 0);
}

/// Twenty readers at an endpoint that takes two requests at a time: busy, and well.
#[tokio::test(start_paused = true)]
async fn downloads_at_a_busy_endpoint_wait_for_their_turn() {
    let home = Store::new();
    lay(&home, film(), None).await;
    home.always(Trouble::Slow(ms(20)));
    let endpoint = Endpoint::new("home", home.clone()).max_in_flight(2);
    let client = ObjectClient::builder().endpoint(endpoint).seed(7).build().unwrap();
    let readers = (0..20).map(|_| async {
        let mut download = client.get_stream("film").part_size(PART).await?;
        rest(&mut download).await
    });
    for all in futures_util::future::join_all(readers).await {
        let all = all.unwrap_or_else(|error| panic!("{error}"));
        assert!(all == film());
    }
}
