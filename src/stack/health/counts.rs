use crate::{
    request::{Abandoned, Ended, LegKind, Moved, OpClass, Traffic},
    stack::striped::Striped,
    telemetry::{ENDINGS, ending},
    verdict::Verdict,
};
use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
};

/// How many attempts of one class ended at one endpoint since the client was built, by why they were started and how
/// they ended. Counts only grow: the difference of two is what happened between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptCounts {
    by_kind: [[u64; ENDINGS.len()]; LegKind::ALL.len()],
    hedges_won: u64,
}

impl AttemptCounts {
    /// Every count that is not 0: why the attempts were started, how they ended (the words of the label `verdict` in
    /// [metrics](crate::telemetry)), and how many there were.
    pub fn iter(&self) -> impl Iterator<Item = (LegKind, &'static str, u64)> {
        let each = LegKind::ALL.into_iter().zip(self.by_kind);
        let each = each.flat_map(|(kind, counts)| ENDINGS.into_iter().zip(counts).map(move |(how, n)| (kind, how, n)));
        each.filter(|(.., count)| *count > 0)
    }

    /// How many attempts of this kind ended. Hedges are issued as soon as they are sent, and counted when they end.
    pub fn of_kind(&self, kind: LegKind) -> u64 {
        self.by_kind[kind as usize].iter().sum()
    }

    /// How many attempts ended with this verdict. Background probes are left out.
    pub fn with_verdict(&self, verdict: Verdict) -> u64 {
        self.of_calls().map(|counts| counts[verdict as usize]).sum()
    }

    /// How many attempts were dropped before they came back, judged so by their age. Background probes are left out.
    pub fn abandoned(&self, how: Abandoned) -> u64 {
        self.of_calls()
            .map(|counts| counts[ending(Ended::Abandoned(how))])
            .sum()
    }

    /// How many attempts ended. Background probes are left out.
    pub fn total(&self) -> u64 {
        self.of_calls().map(|counts| counts.iter().sum::<u64>()).sum()
    }

    /// What ended since an earlier reading of the same endpoint and class.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        let earlier_counts = earlier.by_kind.as_flattened();
        for (count, earlier) in since.by_kind.as_flattened_mut().iter_mut().zip(earlier_counts) {
            *count = count.saturating_sub(*earlier);
        }
        since.hedges_won = since.hedges_won.saturating_sub(earlier.hedges_won);
        since
    }

    /// How many attempts of this traffic ended.
    pub fn of_traffic(&self, traffic: Traffic) -> u64 {
        let kinds = LegKind::ALL.into_iter().filter(|kind| kind.traffic() == traffic);
        kinds.map(|kind| self.of_kind(kind)).sum()
    }

    /// How many hedges came back with the answer that their call took.
    pub const fn hedges_won(&self) -> u64 {
        self.hedges_won
    }

    /// The counts of attempts that belong to a call.
    fn of_calls(&self) -> impl Iterator<Item = &[u64; ENDINGS.len()]> {
        let each = LegKind::ALL.iter().zip(&self.by_kind);
        each.filter_map(|(kind, counts)| (*kind != LegKind::Probe).then_some(counts))
    }
}

/// The bytes of bodies that the attempts at one endpoint moved since the client was built: of objects and values,
/// without their keys and heads, listings and error documents. Counts only grow.
///
/// | what an attempt moved | is counted |
/// |---|---|
/// | the body of an answer | as far as it arrived, if the adapter [reports](crate::request::Progress); else when it is there |
/// | the body of a request | as far as the connection took it, if the adapter reports; else whole, unless the request was certainly not sent |
/// | in a closure of a [`Failover`](crate::Failover) | if the closure reports; else nobody knows, and the attempt is [uncounted](Self::uncounted) |
///
/// A body of 64 KiB or less is handed over whole, and counts whole. Attempts count when they end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteCounts([Bytes; Traffic::ALL.len()]);

/// Bytes, and attempts whose bytes nobody counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bytes {
    up: u64,
    down: u64,
    uncounted: u64,
}

impl ByteCounts {
    /// The bytes that went to the endpoint.
    pub const fn up(&self, traffic: Traffic) -> u64 {
        self.0[traffic as usize].up
    }

    /// The bytes that came from the endpoint.
    pub const fn down(&self, traffic: Traffic) -> u64 {
        self.0[traffic as usize].down
    }

    /// How many attempts ended whose bytes nobody counted.
    pub const fn uncounted(&self, traffic: Traffic) -> u64 {
        self.0[traffic as usize].uncounted
    }

    /// What moved since an earlier reading of the same endpoint.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (bytes, earlier) in since.0.iter_mut().zip(&earlier.0) {
            bytes.up = bytes.up.saturating_sub(earlier.up);
            bytes.down = bytes.down.saturating_sub(earlier.down);
            bytes.uncounted = bytes.uncounted.saturating_sub(earlier.uncounted);
        }
        since
    }
}

/// What [`AttemptCounts`] and [`ByteCounts`] are read from. An attempt that ends costs one addition to its thread's own
/// counter, and one more for each body that it moved.
#[derive(Debug)]
pub(super) struct Counts(Striped<Stripe>);

/// One thread's counters. The bytes are not told apart by class, so that all fill the cache lines that the attempts
/// alone would begin: upwards they are writes' anyway, and downwards reads'.
#[derive(Debug)]
struct Stripe {
    classes: [Class; 3],
    bytes: [Moving; Traffic::ALL.len()],
}

#[derive(Debug, Default)]
struct Moving {
    up: AtomicU64,
    down: AtomicU64,
    uncounted: AtomicU64,
}

#[derive(Debug)]
struct Class {
    by_kind: [[AtomicU64; ENDINGS.len()]; LegKind::ALL.len()],
    hedges_won: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        let class = |_| Class {
            by_kind: array::from_fn(|_| array::from_fn(|_| zero())),
            hedges_won: zero(),
        };
        Self(Striped::new(|| Stripe {
            classes: OpClass::ALL.map(class),
            bytes: array::from_fn(|_| Moving::default()),
        }))
    }
}

impl Counts {
    #[inline]
    pub(super) fn ended(&self, class: OpClass, kind: LegKind, how: Ended, moved: Option<Moved>) {
        let mine = self.0.mine();
        mine.classes[class.index()].by_kind[kind as usize][ending(how)].fetch_add(1, Ordering::Relaxed);
        let bytes = &mine.bytes[kind.traffic() as usize];
        let Some(Moved { up, down }) = moved else {
            bytes.uncounted.fetch_add(1, Ordering::Relaxed);
            return;
        };
        for (counter, bytes) in [(&bytes.up, up), (&bytes.down, down)] {
            if bytes > 0 {
                counter.fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn hedge_won(&self, class: OpClass) {
        self.0.mine().classes[class.index()]
            .hedges_won
            .fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self, class: OpClass) -> AttemptCounts {
        let mut sum = AttemptCounts::default();
        for stripe in self.0.iter() {
            let stripe = &stripe.classes[class.index()];
            let all = stripe.by_kind.as_flattened().iter();
            for (sum, count) in sum.by_kind.as_flattened_mut().iter_mut().zip(all) {
                *sum += count.load(Ordering::Relaxed);
            }
            sum.hedges_won += stripe.hedges_won.load(Ordering::Relaxed);
        }
        sum
    }

    pub(super) fn bytes(&self) -> ByteCounts {
        let mut sum = ByteCounts::default();
        for stripe in self.0.iter() {
            for (sum, bytes) in sum.0.iter_mut().zip(&stripe.bytes) {
                sum.up += bytes.up.load(Ordering::Relaxed);
                sum.down += bytes.down.load(Ordering::Relaxed);
                sum.uncounted += bytes.uncounted.load(Ordering::Relaxed);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Outcome, Sent};

    #[test]
    fn every_attempt_of_many_threads_is_counted_once() {
        let counts = Counts::default();
        let ended = |verdict| Ended::Judged(Outcome::new(verdict, Sent::Maybe));
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let success = ended(Verdict::Success);
                        counts.ended(OpClass::Read, LegKind::First, success, Some(Moved { up: 3, down: 5 }));
                        let late = Ended::Abandoned(Abandoned::Late);
                        counts.ended(OpClass::Read, LegKind::Hedge, late, Some(Moved { up: 0, down: 7 }));
                        counts.ended(OpClass::Read, LegKind::Probe, ended(Verdict::Faulty), None);
                        counts.hedge_won(OpClass::Read);
                    }
                });
            }
        });
        let read = counts.read(OpClass::Read);
        assert_eq!(
            (read.total(), read.hedges_won()),
            (2_000, 1_000),
            "probes belong to no call"
        );
        assert_eq!(read.of_kind(LegKind::Hedge), 1_000);
        assert_eq!(
            (read.with_verdict(Verdict::Success), read.with_verdict(Verdict::Faulty)),
            (1_000, 0)
        );
        assert_eq!(
            (read.abandoned(Abandoned::Late), read.abandoned(Abandoned::Young)),
            (1_000, 0)
        );
        let all: Vec<_> = read.iter().collect();
        assert_eq!(
            all,
            [
                (LegKind::First, "success", 1_000),
                (LegKind::Hedge, "abandoned_late", 1_000),
                (LegKind::Probe, "faulty", 1_000)
            ]
        );
        assert_eq!(counts.read(OpClass::Write), AttemptCounts::default());
        let bytes = counts.bytes();
        let of = |traffic| (bytes.up(traffic), bytes.down(traffic), bytes.uncounted(traffic));
        assert_eq!(Traffic::ALL.map(of), [(3_000, 5_000, 0), (0, 7_000, 0), (0, 0, 1_000)]);
        assert_eq!(
            bytes.since(&bytes),
            ByteCounts::default(),
            "nothing moved between a reading and itself"
        );
        assert_eq!(read.since(&AttemptCounts::default()), read);
    }

    #[test]
    fn the_counters_of_bytes_fit_beside_those_of_attempts() {
        let line = 128;
        assert_eq!(
            size_of::<Stripe>().div_ceil(line),
            size_of::<[Class; 3]>().div_ceil(line)
        );
    }
}
