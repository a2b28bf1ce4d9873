//! Reads: one state, in bounded memory, wherever it comes from.

use crate::{
    store::{Store, Trouble},
    worlds::builder,
};
use evenkeel::{
    Endpoint, ObjectClient,
    client::object_store::{FailoverStore, Transfer},
};
use futures_util::StreamExt as _;
use object_store::{Attribute, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, path::Path};

const MIB: u64 = 1 << 20;

fn bytes(size: u64, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| rng.u8(..))
        .take(usize::try_from(size).unwrap())
        .collect()
}

fn one() -> (FailoverStore, Store) {
    let store = Store::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", store.clone()))
        .seed(7)
        .build()
        .unwrap();
    (FailoverStore::new(client), store)
}

/// A home and its copy, which has the same.
fn two() -> (FailoverStore, Store, Store) {
    let home: Store = Store::new();
    let twin = Store::on(home.memory.clone());
    let client = builder(&home, &twin, &twin).seed(7).build().unwrap();
    (FailoverStore::new(client), home, twin)
}

fn gets(store: &Store) -> usize {
    store.log().iter().filter(|asked| **asked == "get").count()
}

#[tokio::test(start_paused = true)]
async fn a_read_goes_on_elsewhere_and_its_handle_says_so() {
    let (store, home, _) = two();
    let (path, body) = (Path::from("film"), bytes(20 * MIB, 1));
    store.put(&path, body.clone().into()).await.unwrap();
    let film = store.get(&path).await.unwrap();
    assert_eq!((film.meta.size, film.range.clone()), (20 * MIB, 0..20 * MIB));
    let transfer = film.extensions.get::<Transfer>().unwrap().clone();
    let mut stream = film.into_stream();
    let mut read = stream.next().await.unwrap().unwrap().to_vec();
    assert_eq!(
        (&*transfer.endpoint(), transfer.resumes(), transfer.delivered()),
        ("home", 0, read.len() as u64)
    );
    home.always(Trouble::Refused);
    while let Some(part) = stream.next().await {
        read.extend_from_slice(&part.unwrap());
    }
    assert!(read == body);
    assert_eq!((transfer.resumes(), transfer.delivered()), (1, 20 * MIB));
    assert_ne!(&*transfer.endpoint(), "home");
    assert!(transfer.attempts() > 4);
    assert_eq!(transfer.served().last().unwrap().range.end, 20 * MIB);
    assert!(stream.next().await.is_none());
}

/// A reader that gives up on a part wants to know why.
#[tokio::test(start_paused = true)]
async fn the_handle_counts_attempts_while_a_part_is_on_its_way() {
    let (store, home, twin) = two();
    let path = Path::from("film");
    store.put(&path, bytes(20 * MIB, 1).into()).await.unwrap();
    let film = store.get(&path).await.unwrap();
    let transfer = film.extensions.get::<Transfer>().unwrap().clone();
    home.always(Trouble::Refused);
    twin.always(Trouble::Refused);
    let mut stream = film.into_stream();
    stream.next().await.unwrap().unwrap();
    let before = transfer.attempts();
    let next = tokio::time::timeout(std::time::Duration::from_secs(1), stream.next()).await;
    assert!(next.is_err(), "nobody could answer");
    assert!(transfer.attempts() > before, "{before} attempts");
    assert_eq!((transfer.resumes(), &*transfer.endpoint()), (0, "home"));
}

#[tokio::test(start_paused = true)]
async fn what_fits_one_request_takes_one() {
    let (store, here) = one();
    let (path, body) = (Path::from("a"), bytes(10 * MIB, 1));
    store.put(&path, body.clone().into()).await.unwrap();
    for (range, place) in [
        (GetRange::Bounded(5..3 * MIB), 5..3 * MIB),
        (GetRange::Bounded(9 * MIB..12 * MIB), 9 * MIB..10 * MIB),
        (GetRange::Suffix(8), 10 * MIB - 8..10 * MIB),
    ] {
        here.forget();
        let options = GetOptions::new().with_range(Some(range.clone()));
        let got = store.get_opts(&path, options).await.unwrap();
        let transfer = got.extensions.get::<Transfer>().unwrap().clone();
        assert_eq!(
            (got.range.clone(), got.meta.size, transfer.attempts()),
            (place.clone(), 10 * MIB, 1)
        );
        let place = usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap();
        assert!(got.bytes().await.unwrap() == body[place], "{range:?}");
        assert_eq!(
            here.log().iter().filter(|asked| **asked != "warm_up").count(),
            1,
            "{range:?}"
        );
    }
    for (range, place) in [
        (GetRange::Offset(1), 1..10 * MIB),
        (GetRange::Suffix(9 * MIB), MIB..10 * MIB),
    ] {
        let options = GetOptions::new().with_range(Some(range));
        let got = store.get_opts(&path, options).await.unwrap();
        assert_eq!(got.range, place);
        let place = usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap();
        assert!(got.bytes().await.unwrap() == body[place]);
    }
    for wrong in [
        GetRange::Bounded(3..3),
        GetRange::Bounded(10 * MIB..11 * MIB),
        GetRange::Offset(10 * MIB),
    ] {
        let options = GetOptions::new().with_range(Some(wrong.clone()));
        let error = store.get_opts(&path, options).await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{wrong:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_moves_no_body() {
    let (store, here) = one();
    let path = Path::from("a");
    store.put(&path, bytes(MIB, 1).into()).await.unwrap();
    here.forget();
    let got = store.get_opts(&path, GetOptions::new().with_head(true)).await.unwrap();
    assert_eq!((got.meta.size, got.range.clone()), (MIB, 0..MIB));
    assert_eq!(got.bytes().await.unwrap().len(), 0);
    assert_eq!(gets(&here), 0);
}

#[tokio::test(start_paused = true)]
async fn near_ranges_come_with_one_request_and_far_ones_side_by_side() {
    let (store, here) = one();
    let (path, body) = (Path::from("a"), bytes(20 * MIB, 1));
    store.put(&path, body.clone().into()).await.unwrap();
    let wanted = [
        100..200,
        0..10,
        19 * MIB..22 * MIB,
        2 * MIB + 300..2 * MIB + 301,
        7..7,
        150..160,
    ];
    for (store, requests) in [
        (store.clone(), 3),
        (store.clone().coalesce(0), 4),
        (store.coalesce(4 * MIB), 2),
    ] {
        here.forget();
        let got = store.get_ranges(&path, &wanted).await.unwrap();
        for (range, got) in wanted.iter().zip(got) {
            let end = usize::try_from(range.end).unwrap().min(body.len());
            assert!(got == body[usize::try_from(range.start).unwrap()..end], "{range:?}");
        }
        assert_eq!(gets(&here), requests);
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_ten_ranges_are_fetched_at_a_time() {
    let (store, here) = one();
    let path = Path::from("a");
    store.put(&path, bytes(MIB, 1).into()).await.unwrap();
    let wanted: Vec<_> = (0..30).map(|at| at * 1000..at * 1000 + 10).collect();
    for (store, most) in [(store.clone().coalesce(0), 10), (store.coalesce(0).concurrency(3), 3)] {
        here.heal();
        here.forget();
        here.always(Trouble::Hang);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(100), store.get_ranges(&path, &wanted)).await;
        assert_eq!(gets(&here), most);
    }
}

#[tokio::test(start_paused = true)]
#[allow(clippy::reversed_empty_ranges)]
async fn a_range_after_the_end_is_an_error() {
    let (store, _) = one();
    let path = Path::from("a");
    store.put(&path, "abc".into()).await.unwrap();
    assert_eq!(store.get_ranges(&path, &[]).await.unwrap().len(), 0);
    assert_eq!(store.get_ranges(&path, &[1..9]).await.unwrap(), ["bc"]);
    for wrong in [vec![3..4], vec![0..1, 9..10], vec![2..1]] {
        let error = store.get_ranges(&path, &wrong).await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{wrong:?}: {error}");
    }
    let error = store
        .get_ranges(&Path::from("none"), &[0..1, 5 * MIB..6 * MIB])
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn ranges_are_of_one_state_though_the_home_fails_for_some_of_them() {
    let (home, copy) = (Store::new(), Store::new());
    let store = FailoverStore::new(builder(&home, &copy, &copy).seed(7).build().unwrap()).coalesce(0);
    let (path, old, new) = (Path::from("a"), bytes(MIB, 1), bytes(MIB, 2));
    // The copy has another version of the same length.
    FailoverStore::new(builder(&copy, &home, &home).seed(8).build().unwrap())
        .put(&path, old.into())
        .await
        .unwrap();
    store.put(&path, new.clone().into()).await.unwrap();
    home.next("get", [Trouble::None, Trouble::Refused]);
    let got = store.get_ranges(&path, &[0..10, 1000..1010, 2000..2010]).await.unwrap();
    assert!(got[0] == new[0..10] && got[1] == new[1000..1010] && got[2] == new[2000..2010]);
    assert!(gets(&copy) > 0, "the copy was not asked");
}

#[tokio::test(start_paused = true)]
async fn ranges_come_from_a_copy_of_the_same_state() {
    let (store, home, twin) = two();
    let (store, path, body) = (store.coalesce(0), Path::from("a"), bytes(MIB, 1));
    store.put(&path, body.clone().into()).await.unwrap();
    home.next("get", [Trouble::None, Trouble::Refused]);
    let got = store.get_ranges(&path, &[0..10, 1000..1010]).await.unwrap();
    assert!(got[0] == body[0..10] && got[1] == body[1000..1010]);
    assert_eq!((gets(&home), gets(&twin)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn absence_that_nobody_can_prove_is_not_said() {
    let (store, home, _) = two();
    let path = Path::from("none");
    let error = store.get(&path).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    home.always(Trouble::Refused);
    for error in [
        store.get(&path).await.unwrap_err(),
        store.head(&path).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Generic { .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_from_bad_credentials() {
    let (store, here) = one();
    let path = Path::from("a");
    here.always(Trouble::Code("AccessDenied"));
    let error = store.get(&path).await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
    here.always(Trouble::Code("ExpiredToken"));
    let error = store.get(&path).await.unwrap_err();
    assert!(matches!(error, Error::Unauthenticated { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn attributes_come_back() {
    let (store, _) = one();
    let path = Path::from("a");
    let sent = object_store::Attributes::from_iter([
        (Attribute::ContentType, "text/plain"),
        (Attribute::ContentLanguage, "de"),
        (Attribute::Metadata("colour_2".into()), "blue"),
    ]);
    store.put_opts(&path, "1".into(), sent.clone().into()).await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().attributes, sent);
    let head = store.get_opts(&path, GetOptions::new().with_head(true)).await.unwrap();
    assert_eq!(head.attributes, sent);
}
