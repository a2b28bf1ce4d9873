use crate::{
    request::{Abandoned, Ended, LegKind, OpClass},
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

/// What [`AttemptCounts`] is read from. An attempt that ends costs one addition to its thread's own counter.
#[derive(Debug)]
pub(super) struct Counts(Striped<[Class; 3]>);

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
        Self(Striped::new(|| OpClass::ALL.map(class)))
    }
}

impl Counts {
    #[inline]
    pub(super) fn ended(&self, class: OpClass, kind: LegKind, how: Ended) {
        self.0.mine()[class.index()].by_kind[kind as usize][ending(how)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn hedge_won(&self, class: OpClass) {
        self.0.mine()[class.index()].hedges_won.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self, class: OpClass) -> AttemptCounts {
        let mut sum = AttemptCounts::default();
        for stripe in self.0.iter() {
            let stripe = &stripe[class.index()];
            let all = stripe.by_kind.as_flattened().iter();
            for (sum, count) in sum.by_kind.as_flattened_mut().iter_mut().zip(all) {
                *sum += count.load(Ordering::Relaxed);
            }
            sum.hedges_won += stripe.hedges_won.load(Ordering::Relaxed);
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
                        counts.ended(OpClass::Read, LegKind::First, ended(Verdict::Success));
                        counts.ended(OpClass::Read, LegKind::Hedge, Ended::Abandoned(Abandoned::Late));
                        counts.ended(OpClass::Read, LegKind::Probe, ended(Verdict::Faulty));
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
    }
}
