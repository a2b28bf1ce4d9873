//! Uploads in virtual time, over [`Line`].

use crate::{
    downloads::{film, standing_still},
    line::{At, Line, OTHER, REPLACED, Trouble},
    seeds,
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, Error, ErrorKind, ObjectClient, Replication,
    client::object::{Source, Stored},
    provider::ObjectProvider as _,
    request::{
        Key,
        object::{Get, ListUploads},
    },
};
use futures_util::stream;
use std::time::Duration;
use tokio::time::Instant;

const KEY: &str = "film";
/// What was there before an overwrite.
const OLD: &[u8] = b"an old film";
/// Until then everything that was late has taken effect, and everything that was given up in the background is freed.
const SETTLED: Duration = Duration::from_secs(300);
/// Three uploads at most, and each ends with nine rounds of one request, whose waits are ten seconds at most, and each of
/// which has some stall limits at most.
const LONGEST: Duration = Duration::from_secs(150);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Create,
    Overwrite,
    IfMatch,
    /// At any of two endpoints.
    WriteOnce,
}

#[derive(Clone, Copy, Debug)]
enum From {
    Bytes,
    Again { is_sized: bool },
    Once { is_sized: bool },
}

#[derive(Clone, Debug)]
struct Case {
    size: usize,
    part: u64,
    concurrency: usize,
    mode: Mode,
    from: From,
    /// When the caller drops the call.
    patience: Option<Duration>,
    /// After so long the process stands still for so long.
    stands_still: Option<(Duration, Duration)>,
    at_a: Vec<(At, Trouble)>,
    at_b: Vec<(At, Trouble)>,
}

fn ms(rng: &mut fastrand::Rng, most: u64) -> Duration {
    Duration::from_millis(rng.u64(1..most))
}

fn trouble(rng: &mut fastrand::Rng) -> Trouble {
    match rng.u8(..16) {
        0..3 => Trouble::Cut,
        3..5 => Trouble::Stall,
        5 => Trouble::Crawl(rng.u64(1..12 << 10)),
        6..9 => Trouble::Late(ms(rng, 20_000)),
        9 => Trouble::Killed(None),
        10..12 => Trouble::Killed(Some(ms(rng, 1_500))),
        12 => Trouble::Frozen(ms(rng, 8_000)),
        13 => Trouble::Refuses("SlowDown", ms(rng, 1_000)),
        14 => Trouble::Refuses("InternalError", ms(rng, 1_000)),
        _ => Trouble::Replaced,
    }
}

/// A random byte, or a random moment of a request: the one that matters most is the completion.
fn at(rng: &mut fastrand::Rng, size: usize) -> At {
    let nth = rng.usize(1..4);
    match rng.u8(..12) {
        0 => At::Sent("begin_upload", 1),
        1 => At::Done("begin_upload", 1),
        2 => At::Sent("put_part", nth),
        3 => At::Done("put_part", nth),
        4 | 5 => At::Sent("complete_upload", nth.min(2)),
        6 | 7 => At::Done("complete_upload", nth.min(2)),
        8 => At::Sent("head", 1),
        9 => At::Sent("abort_upload", 1),
        _ => At::Byte(rng.u64(..size as u64)),
    }
}

impl Case {
    fn of(rng: &mut fastrand::Rng) -> Self {
        let size = match rng.u8(..10) {
            0 => rng.usize(..64),
            _ => rng.usize(1..700 << 10),
        };
        let mut troubles = |most| -> Vec<_> {
            let some = 0..rng.usize(..=most);
            some.map(|_| (at(rng, size.max(1)), trouble(rng))).collect()
        };
        let (at_a, at_b) = (troubles(3), troubles(2));
        let is_sized = rng.bool();
        Self {
            size,
            part: rng.u64(16 << 10..160 << 10),
            concurrency: rng.usize(1..5),
            mode: match rng.u8(..6) {
                0 | 1 => Mode::Create,
                2 => Mode::Overwrite,
                3 => Mode::IfMatch,
                _ => Mode::WriteOnce,
            },
            from: match rng.u8(..3) {
                0 => From::Bytes,
                1 => From::Again { is_sized },
                _ => From::Once { is_sized },
            },
            patience: (rng.u8(..8) == 0).then(|| ms(rng, 500)),
            stands_still: (rng.u8(..6) == 0).then(|| (ms(rng, 100), ms(rng, 20_000))),
            at_a,
            at_b,
        }
    }

    fn source(&self, film: &Bytes) -> Source {
        let pieces = |film: Bytes| {
            let length = film.len();
            let starts = (0..length).step_by(10_007);
            stream::iter(starts.map(move |at| std::io::Result::Ok(film.slice(at..length.min(at + 10_007)))))
        };
        let said = |source: Source, is_sized: bool| match is_sized {
            true => source.size(self.size as u64),
            false => source,
        };
        let film = film.clone();
        match self.from {
            From::Bytes => Source::bytes(film),
            From::Again { is_sized } => said(
                Source::repeatable(move || std::future::ready(std::io::Result::Ok(pieces(film.clone())))),
                is_sized,
            ),
            From::Once { is_sized } => said(Source::stream(pieces(film)), is_sized),
        }
    }

    fn is_replaced(&self) -> bool {
        let mut all = self.at_a.iter().chain(&self.at_b);
        all.any(|(_, trouble)| *trouble == Trouble::Replaced)
    }

    /// A part or a completion is ill for a second or two at most: the upload waits, and tries again.
    fn passes(&self) -> bool {
        self.size as u64 > self.part
            && self.patience.is_none()
            && self.at_a.len() < 2
            && self.at_a.iter().all(|(at, trouble)| {
                let in_an_upload = match at {
                    At::Byte(_) => true,
                    At::Sent(name, _) | At::Done(name, _) => ["put_part", "complete_upload"].contains(name),
                };
                in_an_upload
                    && match trouble {
                        Trouble::Killed(back) => back.is_some(),
                        Trouble::Frozen(time) => *time < Duration::from_secs(2),
                        Trouble::Replaced => false,
                        _ => true,
                    }
            })
    }
}

/// What the endpoint holds. `None`: nothing.
async fn held(line: &Line) -> Option<Bytes> {
    let got = line.memory.get(Get::new(Key::new(KEY).unwrap())).await;
    got.ok().map(|object| object.body)
}

async fn run(seed: u64) -> Result<(), String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let case = Case::of(&mut rng);
    let film = film(case.size);
    let (a, b) = (Line::default(), Line::default());
    let builder = ObjectClient::builder()
        .seed(seed)
        .endpoint(Endpoint::new("a", a.clone()));
    let builder = match case.mode {
        Mode::WriteOnce => builder
            .endpoint(Endpoint::new("b", b.clone()))
            .replication(Replication::write_once()),
        _ => builder.replication(Replication::provider_managed()),
    };
    let client = builder.build().unwrap();
    let source = case.source(&film);
    let call = client
        .put_stream(KEY, source)
        .part_size(case.part)
        .concurrency(case.concurrency);
    let call = match case.mode {
        Mode::Create | Mode::WriteOnce => call,
        Mode::Overwrite => {
            a.lay(KEY, OLD, "w0").await;
            call.overwrite()
        }
        Mode::IfMatch => {
            a.lay(KEY, OLD, "w0").await;
            call.if_match(client.head(KEY).await.unwrap().meta().etag.clone().unwrap())
        }
    };
    a.befall(case.at_a.iter().copied());
    b.befall(case.at_b.iter().copied());
    let began = Instant::now();
    let patience = case.patience.unwrap_or(2 * LONGEST);
    let call = tokio::time::timeout(patience, call);
    let ended = standing_still(case.stands_still, call).await.ok();
    let took = began.elapsed();
    for line in [&a, &b] {
        line.heal();
    }
    tokio::time::sleep(SETTLED).await;
    let failed = |why: String| format!("{why} after {took:?}\n    {case:?}");
    let at = match &ended {
        Some(Ok(stored)) if stored.endpoint() == "b" => &b,
        _ => &a,
    };
    let there = [held(&a).await, held(&b).await];
    judge(&case, &film, &ended, &there, held(at).await).map_err(failed)?;
    if took > LONGEST {
        return Err(failed(format!("took longer than {LONGEST:?}")));
    }
    let swept = client.sweep_uploads(Duration::ZERO).await.unwrap();
    if !swept.failed.is_empty() || swept.kept > 0 {
        return Err(failed(format!("{swept:?}")));
    }
    for (name, line) in [("a", &a), ("b", &b)] {
        let open = line.memory.list_uploads(ListUploads::default()).await.unwrap().uploads;
        if !open.is_empty() {
            return Err(failed(format!("{} uploads stay open at {name}", open.len())));
        }
    }
    Ok(())
}

fn judge(
    case: &Case,
    film: &Bytes,
    ended: &Option<Result<Stored, Error>>,
    there: &[Option<Bytes>],
    where_stored: Option<Bytes>,
) -> Result<(), String> {
    let is_film = |held: &Option<Bytes>| held.as_ref().is_some_and(|held| held == film);
    let is_other = |held: &Option<Bytes>| held.as_ref().is_some_and(|held| *held == vec![OTHER; REPLACED]);
    let is_old = |held: &Option<Bytes>| match case.mode {
        Mode::Create | Mode::WriteOnce => held.is_none(),
        Mode::Overwrite | Mode::IfMatch => held.as_ref().is_some_and(|held| held == OLD),
    };
    for held in there {
        let is_whole = is_film(held) || held.is_none() || is_old(held) || is_other(held) && case.is_replaced();
        if !is_whole {
            return Err("holds what nobody wrote".to_owned());
        }
    }
    let Some(ended) = ended else {
        return match case.patience {
            Some(_) => Ok(()),
            None => Err("hangs".to_owned()),
        };
    };
    let error = match ended {
        Ok(_) if is_film(&where_stored) || case.is_replaced() => return Ok(()),
        Ok(stored) => return Err(format!("is stored at {}, and is not there", stored.endpoint())),
        Err(error) => error,
    };
    let told = format!("{:?}: {error}", error.kind());
    use ErrorKind::{
        AlreadyExists, HomeUnavailable, MaybeApplied, PreconditionFailed, Rejected, Throttled, Unavailable,
    };
    match error.kind() {
        MaybeApplied => {}
        _ if there.iter().any(is_film) => return Err(format!("is stored, and yet {told}")),
        Unavailable | HomeUnavailable | Throttled => {}
        AlreadyExists | PreconditionFailed if case.is_replaced() => {}
        // A part that lands after its repetition has another tag here, as under a key of one's own at S3.
        Rejected
            if case
                .at_a
                .iter()
                .chain(&case.at_b)
                .any(|(_, trouble)| matches!(trouble, Trouble::Late(_))) => {}
        _ => return Err(told),
    }
    match case.passes() && error.kind() != Rejected {
        true => Err(told),
        false => Ok(()),
    }
}

/// A success means that the object is there and is the same. An error means that it is not there, or says that it may be.
/// Nothing is ever there in part. No upload stays open after a sweep, also where the caller went away half-way.
#[test]
fn uploads_survive_whatever_befalls_their_endpoint_at_a_random_byte() {
    seeds::in_virtual_time(300, run);
}
