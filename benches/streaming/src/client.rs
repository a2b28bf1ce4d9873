//! This program's role as a client: one contestant, one task.

use crate::{
    dal, ours, sdk, store,
    task::{MIB, PART, Sample, Task, What, Who, film},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use std::{
    error::Error,
    fs,
    pin::Pin,
    time::{Duration, Instant},
};

pub(crate) type Failed = Box<dyn Error + Send + Sync>;
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Failed>> + Send>>;

/// How often the first byte is waited for.
const FIRST_BYTES: usize = 50;

pub(crate) trait Contestant {
    /// Opens a connection, so that none is counted.
    async fn warm_up(&self, key: &str) -> Result<(), Failed>;
    /// The plain way.
    async fn one_stream(&self, key: &str) -> Result<Pieces, Failed>;
    /// Ranges of [`PART`], so many at a time, in order.
    async fn ranged(&self, key: &str, at_once: usize) -> Result<Pieces, Failed>;
    /// Parts of [`PART`], so many at a time.
    async fn upload(&self, pieces: Vec<Bytes>, at_once: usize) -> Result<(), Failed>;
}

pub(crate) async fn run(url: &str, task: Task) -> Result<Sample, Failed> {
    match task.who {
        Who::Sdk => measured(sdk::Sdk::new(url), task).await,
        Who::ObjectStore => measured(store::Store::new(url)?, task).await,
        Who::OpenDal => measured(dal::Dal::new(url)?, task).await,
        Who::Evenkeel => measured(ours::Ours::new(url)?, task).await,
    }
}

async fn measured(contestant: impl Contestant, task: Task) -> Result<Sample, Failed> {
    let key = film(task.mib);
    contestant.warm_up(&key).await?;
    let (cpu, began) = (cpu(), Instant::now());
    let (mut first_byte, mut mib) = (None, task.mib as f64);
    match task.what {
        What::OneStream | What::Ranged(_) => {
            let pieces = match task.what {
                What::Ranged(at_once) => contestant.ranged(&key, at_once).await?,
                _ => contestant.one_stream(&key).await?,
            };
            first_byte = Some(read(pieces, began, task.mib).await?);
        }
        What::Upload(at_once) => {
            // One megabyte is all that a source holds.
            let piece = Bytes::from(vec![7; MIB]);
            contestant.upload(vec![piece; task.mib], at_once).await?;
        }
        What::FirstByte => {
            let mut all = Vec::new();
            for _ in 0..FIRST_BYTES {
                let began = Instant::now();
                all.push(read(contestant.one_stream(&key).await?, began, task.mib).await?);
            }
            mib *= FIRST_BYTES as f64;
            all.sort();
            first_byte = Some(all[all.len() / 2]);
        }
    }
    Ok(Sample {
        mib_s: mib / began.elapsed().as_secs_f64(),
        first_byte_ms: first_byte.map(|time| time.as_secs_f64() * 1e3),
        peak_mib: peak(),
        cpu_s: (self::cpu() - cpu).as_secs_f64() * 1024.0 / mib,
    })
}

/// Reads all of it, and says how long the first byte took.
async fn read(mut pieces: Pieces, began: Instant, mib: usize) -> Result<Duration, Failed> {
    let (mut first, mut bytes) = (None, 0);
    while let Some(piece) = pieces.next().await {
        bytes += piece?.len();
        first.get_or_insert_with(|| began.elapsed());
    }
    if bytes != mib * MIB {
        return Err(format!("{bytes} bytes came of {mib} MiB").into());
    }
    Ok(first.unwrap_or_default())
}

/// The ranges of an object of this size.
pub(crate) fn ranges(size: u64) -> impl Iterator<Item = std::ops::Range<u64>> + Send {
    (0..size)
        .step_by(PART)
        .map(move |start| start..size.min(start + PART as u64))
}

/// Pieces put together to parts of [`PART`].
pub(crate) fn parts(pieces: Vec<Bytes>) -> impl Stream<Item = Bytes> + Send {
    let mut pieces = pieces.into_iter();
    stream::iter(std::iter::from_fn(move || {
        let mut part = Vec::with_capacity(PART);
        for piece in pieces.by_ref() {
            part.extend_from_slice(&piece);
            if part.len() >= PART {
                break;
            }
        }
        (!part.is_empty()).then(|| Bytes::from(part))
    }))
}

fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
