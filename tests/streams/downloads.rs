//! Downloads in virtual time, over [`Line`].

use crate::{
    line::{At, Line, OTHER, RATE, REPLACED, Trouble},
    seeds,
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    client::object::{Download, DownloadCall},
};
use futures_util::TryStreamExt as _;
use std::{ops::Range, time::Duration};
use tokio::time::Instant;

const KEY: &str = "film";
/// What a copy holds that lags.
const STALE: u8 = 0xdd;
/// Silence beyond which an endpoint is left: between two pieces of a body, and before an answer while nothing is learnt.
const STALL_LIMIT: Duration = Duration::from_secs(1);
/// What asking elsewhere may take on top, the wait for the other's first byte included.
const RECONNECT: Duration = Duration::from_secs(1);
/// Nine rounds at the only endpoint, whose waits are ten seconds at most, and each has a stall limit at most.
const HOPELESS: Duration = Duration::from_secs(30);

pub(crate) fn film(size: usize) -> Bytes {
    (0..size as u32).map(|at| (at / 251 % 199) as u8).collect()
}

/// What a copy has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Copy {
    Same,
    Other,
    Nothing,
    Dead,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    All,
    Between(u64, u64),
    From(u64),
    Last(u64),
}

#[derive(Clone, Debug)]
struct Case {
    size: usize,
    part: u64,
    concurrency: usize,
    wanted: Wanted,
    /// Small reads beforehand, from which limits are learnt.
    taught: bool,
    copies: Vec<Copy>,
    /// After so long the process stands still for so long: its bytes and its limits are due at once.
    stands_still: Option<(Duration, Duration)>,
    at_home: Vec<(At, Trouble)>,
    /// Only at the first copy.
    at_copy: Vec<(At, Trouble)>,
}

fn ms(rng: &mut fastrand::Rng, range: Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

fn trouble(rng: &mut fastrand::Rng) -> Trouble {
    match rng.u8(..12) {
        0 | 1 => Trouble::Cut,
        2 | 3 => Trouble::Stall,
        4 => Trouble::Crawl(rng.u64(1..12 << 10)),
        5 | 6 => Trouble::Killed(None),
        7 => Trouble::Killed(Some(ms(rng, 1..1_500))),
        8 => Trouble::Frozen(ms(rng, 1..10_000)),
        9 => Trouble::Refuses("SlowDown", ms(rng, 1..1_000)),
        10 => Trouble::Refuses("InternalError", ms(rng, 1..1_000)),
        _ => Trouble::Replaced,
    }
}

impl Case {
    fn of(rng: &mut fastrand::Rng) -> Self {
        let size = match rng.u8(..10) {
            0 => rng.usize(1..64),
            1 => 256 << 10,
            2 => 512 << 10,
            _ => rng.usize(1..700 << 10),
        };
        let whole = size as u64;
        let wanted = match rng.u8(..8) {
            0 => {
                let start = rng.u64(..whole);
                Wanted::Between(start, rng.u64(start + 1..=whole + 1_000))
            }
            1 => Wanted::From(rng.u64(..whole)),
            2 => Wanted::Last(rng.u64(1..=whole)),
            _ => Wanted::All,
        };
        let copies = (0..rng.usize(..3))
            .map(|_| match rng.u8(..6) {
                0 => Copy::Other,
                1 => Copy::Nothing,
                2 => Copy::Dead,
                _ => Copy::Same,
            })
            .collect::<Vec<_>>();
        let mut case = Self {
            size,
            part: rng.u64(8 << 10..128 << 10),
            concurrency: rng.usize(1..5),
            wanted,
            taught: rng.bool(),
            copies,
            stands_still: (rng.u8(..6) == 0).then(|| (ms(rng, 1..100), ms(rng, 100..20_000))),
            at_home: Vec::new(),
            at_copy: Vec::new(),
        };
        let bytes = case.range().len() as u64;
        let at = |rng: &mut fastrand::Rng| match rng.u8(..5) {
            0 => At::Sent("get", rng.usize(1..5)),
            _ => At::Byte(rng.u64(..bytes)),
        };
        case.at_home.push((at(rng), trouble(rng)));
        if rng.u8(..4) == 0 {
            case.at_home.push((at(rng), trouble(rng)));
        }
        if rng.u8(..4) == 0 {
            case.at_copy.push((at(rng), trouble(rng)));
        }
        case
    }

    fn range(&self) -> Range<usize> {
        match self.wanted {
            Wanted::All => 0..self.size,
            Wanted::Between(start, end) => self.size.min(start as usize)..self.size.min(end as usize),
            Wanted::From(start) => self.size.min(start as usize)..self.size,
            Wanted::Last(bytes) => self.size.saturating_sub(bytes as usize)..self.size,
        }
    }

    fn is_replaced(&self) -> bool {
        let mut all = self.at_home.iter().chain(&self.at_copy);
        all.any(|(_, trouble)| *trouble == Trouble::Replaced)
    }

    /// Some copy has the same all the time.
    fn has_refuge(&self) -> bool {
        let mut copies = self.copies.iter().enumerate();
        copies.any(|(at, copy)| *copy == Copy::Same && (at > 0 || self.at_copy.is_empty()))
    }

    /// The home is ill for a second or two at most, as a server that restarts is, and no dead copy uses up the budget
    /// meanwhile.
    fn passes(&self) -> bool {
        let is_alone = !self.copies.contains(&Copy::Dead) && self.at_copy.is_empty();
        is_alone
            && self.at_home.iter().all(|(_, trouble)| match trouble {
                Trouble::Killed(back) => back.is_some(),
                Trouble::Frozen(time) => *time < Duration::from_secs(2),
                _ => true,
            })
    }

    /// All that the key may have had, cut as the download is.
    fn versions(&self, film: &Bytes) -> Vec<Vec<u8>> {
        let mut all = vec![film[self.range()].to_vec()];
        if self.copies.contains(&Copy::Other) {
            all.push(vec![STALE; self.range().len()]);
        }
        if self.is_replaced() {
            let new = Self {
                size: REPLACED,
                ..self.clone()
            };
            all.push(vec![OTHER; new.range().len()]);
        }
        all
    }

    fn call(&self, client: &ObjectClient) -> DownloadCall {
        let call = client
            .get_stream(KEY)
            .part_size(self.part)
            .concurrency(self.concurrency);
        match self.wanted {
            Wanted::All => call,
            Wanted::Between(start, end) => call.range(start..end),
            Wanted::From(start) => call.range(start..),
            Wanted::Last(bytes) => call.suffix(bytes),
        }
    }

    /// How long it takes where nothing goes wrong, and twice that.
    fn fair(&self) -> Duration {
        let bytes = self.range().len() as u64;
        let requests = 3 + bytes.div_ceil(self.part) as u32;
        2 * (Duration::from_secs_f64(bytes as f64 / RATE as f64) + requests * Duration::from_millis(4))
    }

    /// The longest that it may take where some endpoint has the same all the time.
    fn bound(&self) -> Duration {
        let at_copy = self.at_copy.iter().filter(|_| !self.copies.is_empty());
        let troubles = self.at_home.iter().chain(at_copy);
        let costs = troubles.map(|(_, trouble)| match trouble {
            // It is looked at once a stall limit has passed, and may have gone well until shortly before.
            Trouble::Crawl(_) => 2 * STALL_LIMIT + RECONNECT,
            _ => STALL_LIMIT + RECONNECT,
        });
        let stood_still = self.stands_still.map(|(_, time)| time + STALL_LIMIT + RECONNECT);
        self.fair() + costs.sum::<Duration>() + stood_still.unwrap_or_default()
    }
}

pub(crate) async fn rest(download: &mut Download, all: &mut Vec<u8>) -> Result<(), evenkeel::Error> {
    while let Some(part) = download.try_next().await? {
        all.extend_from_slice(&part);
    }
    Ok(())
}

/// Lets the process stand still meanwhile.
pub(crate) async fn standing_still<T>(when: Option<(Duration, Duration)>, work: impl Future<Output = T>) -> T {
    let standing = async {
        if let Some((after, time)) = when {
            tokio::time::sleep(after).await;
            tokio::time::advance(time).await;
        }
        std::future::pending().await
    };
    tokio::select! {
        done = work => done,
        never = standing => never,
    }
}

async fn run(seed: u64) -> Result<(), String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let case = Case::of(&mut rng);
    let film = film(case.size);
    let home = Line::default();
    home.lay(KEY, film.clone(), "w1").await;
    let mut builder = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .replication(Replication::provider_managed())
        .seed(seed);
    for (at, kind) in case.copies.iter().enumerate() {
        let copy = Line::default();
        match kind {
            Copy::Same => copy.lay(KEY, film.clone(), "w1").await,
            Copy::Other => copy.lay(KEY, vec![STALE; case.size], "w0").await,
            Copy::Nothing => {}
            Copy::Dead => copy.befall([(At::Sent("get", 1), Trouble::Killed(None))]),
        }
        if at == 0 {
            copy.befall(case.at_copy.iter().copied());
        }
        builder = builder.endpoint(Endpoint::new(format!("copy{at}"), copy).read_only());
    }
    let client = builder.build().unwrap();
    if case.taught {
        for _ in 0..30 {
            client.get(KEY).range(0..1).await.unwrap();
        }
    }
    home.befall(case.at_home.iter().copied());
    let began = Instant::now();
    let mut all = Vec::new();
    let mut is_stale = false;
    let transfer = async {
        match case.call(&client).await {
            Ok(mut download) => {
                is_stale = download.is_possibly_stale();
                rest(&mut download, &mut all).await.map_err(|error| (error, true))
            }
            Err(error) => Err((error, false)),
        }
    };
    let ended = standing_still(case.stands_still, transfer).await;
    let took = began.elapsed();
    judge(&case, &film, (&all, is_stale), ended, took)
        .map_err(|why| format!("{why} after {took:?} and {} bytes\n    {case:?}", all.len()))
}

fn judge(
    case: &Case,
    film: &Bytes,
    (all, is_stale): (&[u8], bool),
    ended: Result<(), (evenkeel::Error, bool)>,
    took: Duration,
) -> Result<(), String> {
    let versions = case.versions(film);
    let is_of_the_film = !all.is_empty() && versions[0].starts_with(all);
    // The first part is a get like any other: it is not tried for long, and where a copy lacks the object, the home alone
    // is asked whether there is one. What a copy holds that lags is nowhere else.
    let is_safe = case.has_refuge()
        && if all.is_empty() {
            !case.copies.contains(&Copy::Nothing)
        } else {
            is_of_the_film
        };
    let bound = if is_safe { case.bound() } else { case.bound() + HOPELESS };
    if took > bound {
        return Err(format!("took longer than {bound:?}"));
    }
    let Err((error, has_begun)) = ended else {
        return match versions.iter().position(|version| all == version) {
            None => Err("other bytes than there ever were".to_owned()),
            // Only the copy has them, and nobody can tell whether they are the latest.
            Some(1) if case.copies.contains(&Copy::Other) && !is_stale => {
                Err("an old copy, not called stale".to_owned())
            }
            Some(_) => Ok(()),
        };
    };
    let told = format!("{:?}: {error}", error.kind());
    if !versions.iter().any(|version| version.starts_with(all)) {
        return Err(format!("wrong bytes before {told}"));
    }
    if has_begun && error.delivered() != Some(all.len() as u64) {
        return Err(format!(
            "says that {:?} bytes were delivered: {told}",
            error.delivered()
        ));
    }
    // A get has ten seconds by default, of which others may have used some.
    let stood_still = case.stands_still.is_some_and(|(_, time)| time > Duration::from_secs(8));
    if error.kind() == ErrorKind::DeadlineExceeded && !has_begun && stood_still {
        return Ok(());
    }
    use ErrorKind::{HomeUnavailable, PreconditionFailed, RangeNotSatisfiable, Throttled, Unavailable};
    let is_clear = match error.kind() {
        Unavailable | HomeUnavailable | Throttled => true,
        PreconditionFailed | RangeNotSatisfiable => case.is_replaced(),
        _ => false,
    };
    let may_fail = case.is_replaced() || !(is_safe || is_of_the_film && case.passes());
    match is_clear && may_fail {
        true => Ok(()),
        false => Err(told),
    }
}

/// Byte for byte one version, or a clear error before a byte of another, whatever befalls the endpoints at whichever byte.
/// Where a copy has the same all the time, the download does not fail, and loses a stall limit and a reconnect for each
/// thing that befell. Where the home alone has it and comes back within a second or two, a download that has begun does
/// not fail.
#[test]
fn downloads_survive_whatever_befalls_their_endpoint_at_a_random_byte() {
    seeds::in_virtual_time(900, run);
}
