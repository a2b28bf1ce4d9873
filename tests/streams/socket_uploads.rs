//! Uploads over real sockets: the real SDK, and our S3 server with faults of its own.

use crate::{
    downloads::film,
    s3s_server::Server,
    seeds,
    small::Small,
    sockets::{BUCKET, s3},
};
use bytes::Bytes;
use evenkeel::{Endpoint, Error, ErrorKind, ObjectClient, Replication, client::object::Stored, stack::retry::Budget};
use evenkeel_s3_server::{Fault, Operation, Rule, Settings};
use futures_util::{StreamExt as _, stream};
use std::time::Duration;

const SIZE: usize = 300 << 10;
const PART: u64 = 64 << 10;
const SEEDS: u64 = 60;
const AT_ONCE: usize = 10;
/// A server that stays dead ends an upload in ten seconds or twenty. See the downloads' bound.
const HANGS: Duration = Duration::from_secs(120);

/// A server that takes small parts.
pub(crate) async fn server() -> Server {
    let inner = evenkeel_s3_server::Server::start(Settings::new(&[BUCKET]).min_part_size(1)).await;
    let inner = inner.unwrap();
    Server {
        addr: inner.addr(),
        inner,
    }
}

pub(crate) fn client(home: &str) -> ObjectClient {
    ObjectClient::builder()
        .endpoint(Endpoint::new("home", Small(s3(home).trusting_all_conditions())))
        .replication(Replication::provider_managed())
        .budget(Budget::new(1.0, 1_000.0))
        .build()
        .unwrap()
}

#[derive(Clone, Debug)]
enum Trouble {
    /// Befalls the nth request of this kind.
    Server(Operation, usize, Fault),
    /// The server's process ends after so long, and is back after so long.
    Killed(Duration, Option<Duration>),
    /// Every connection crawls from then on, for a second.
    Crawls(Duration),
    /// The caller goes away.
    Dropped(Duration),
}

fn ms(rng: &mut fastrand::Rng, most: u64) -> Duration {
    Duration::from_millis(rng.u64(1..most))
}

fn trouble(rng: &mut fastrand::Rng) -> Trouble {
    let operation = match rng.u8(..8) {
        0 => Operation::CreateMultipartUpload,
        1..4 => Operation::UploadPart,
        4..7 => Operation::CompleteMultipartUpload,
        _ => Operation::AbortMultipartUpload,
    };
    let fault = match rng.u8(..8) {
        0 => Fault::Drop,
        1 => Fault::DropAnswer,
        2 => Fault::ApplyLate(ms(rng, 1_000)),
        3 => Fault::Duplicate(ms(rng, 1_000)),
        4 => Fault::DoThenDelay(ms(rng, 3_000)),
        5 => Fault::Status(503, "SlowDown"),
        6 => Fault::DoThenStatus(500, "InternalError"),
        _ => Fault::Conflict,
    };
    match rng.u8(..10) {
        0 => Trouble::Killed(ms(rng, 150), None),
        1 | 2 => Trouble::Killed(ms(rng, 150), Some(ms(rng, 1_000))),
        3 => Trouble::Crawls(ms(rng, 150)),
        4 => Trouble::Dropped(ms(rng, 200)),
        _ => Trouble::Server(operation, rng.usize(1..3), fault),
    }
}

async fn run(store: &Server, film: &Bytes, seed: u64) -> Result<(), String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (home, key) = (store.copy().await, format!("film-{seed:05}"));
    let trouble = trouble(&mut rng);
    let failed = |why: String| format!("{why}\n    {trouble:?}");
    if let Trouble::Server(operation, nth, fault) = &trouble {
        home.inner.faults().add(Rule::on(*operation, fault.clone()).nth(*nth));
    }
    let striking = async {
        match &trouble {
            Trouble::Server(..) | Trouble::Dropped(_) => {}
            Trouble::Killed(after, back) => {
                tokio::time::sleep(*after).await;
                home.inner.kill().await;
                if let Some(back) = back {
                    tokio::time::sleep(*back).await;
                    home.inner.revive().await.unwrap();
                }
            }
            Trouble::Crawls(after) => {
                tokio::time::sleep(*after).await;
                home.inner.set_rate(Some(1_000));
                tokio::time::sleep(Duration::from_secs(1)).await;
                home.inner.set_rate(None);
            }
        }
    };
    let uploading = async {
        let client = client(&home.inner.url());
        let call = client.put_stream(key.as_str(), film.clone()).part_size(PART);
        let call = call.concurrency(rng.usize(1..4));
        let patience = match trouble {
            Trouble::Dropped(after) => after,
            _ => HANGS,
        };
        tokio::time::timeout(patience, call).await.ok()
    };
    let (ended, ()) = tokio::join!(uploading, striking);
    if matches!(trouble, Trouble::Killed(_, None)) {
        home.inner.revive().await.unwrap();
    }
    home.inner.faults().clear();
    home.inner.settled().await;
    let stored = home.inner.store().object(BUCKET, &key).map(|stored| stored.body);
    judge(&trouble, film, ended, stored).map_err(failed)?;
    let swept = client(&home.inner.url())
        .sweep_uploads(Duration::ZERO)
        .prefix(key.as_str())
        .await;
    let swept = swept.map_err(|error| failed(error.to_string()))?;
    if !swept.failed.is_empty() || swept.kept > 0 {
        return Err(failed(format!("{swept:?}")));
    }
    let open = home.inner.store().uploads(BUCKET);
    match open.iter().filter(|open| open.key == key).count() {
        0 => Ok(()),
        open => Err(failed(format!("{open} uploads stay open"))),
    }
}

fn judge(
    trouble: &Trouble,
    film: &Bytes,
    ended: Option<Result<Stored, Error>>,
    stored: Option<Bytes>,
) -> Result<(), String> {
    let is_there = stored.as_ref().is_some_and(|stored| stored == film);
    if stored.is_some() && !is_there {
        return Err("holds what nobody wrote".to_owned());
    }
    match (ended, trouble) {
        (None, Trouble::Dropped(_)) => Ok(()),
        (None, _) => Err("hangs".to_owned()),
        (Some(Ok(_)), _) if is_there => Ok(()),
        (Some(Ok(_)), _) => Err("is stored, and is not there".to_owned()),
        // One request that fails, or a server that is back soon, is waited for. Its first request is a call like any other.
        (Some(Err(error)), Trouble::Server(operation, ..)) if *operation != Operation::CreateMultipartUpload => {
            Err(format!("{:?}: {error}", error.kind()))
        }
        (Some(Err(error)), _) if is_there && error.kind() != ErrorKind::MaybeApplied => {
            Err(format!("is stored, and yet {:?}: {error}", error.kind()))
        }
        (Some(Err(error)), _) => match error.kind() {
            ErrorKind::MaybeApplied | ErrorKind::Unavailable | ErrorKind::HomeUnavailable | ErrorKind::Throttled => {
                Ok(())
            }
            kind => Err(format!("{kind:?}: {error}")),
        },
    }
}

/// As in virtual time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_over_sockets_survive_whatever_befalls_their_server_at_a_random_moment() {
    let store = server().await;
    let film = film(SIZE);
    let failed = stream::iter(seeds::of(SEEDS))
        .map(async |seed| run(&store, &film, seed).await.map_err(|why| (seed, why)))
        .buffer_unordered(AT_ONCE)
        .filter_map(async |ended| ended.err())
        .collect()
        .await;
    seeds::none(failed);
}
