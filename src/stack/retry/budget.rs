use crate::{
    model::{bounds::Bounds, clock::Instant},
    stack::{
        striped::Striped,
        sync::{
            Mutex, MutexGuard,
            atomic::{AtomicU64, Ordering},
        },
    },
};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

/// A client's one budget for every request beyond those that its calls need: retries, hedges, and repeated questions.
/// Exceptions from the budget have names and bounds: [`Exception`](super::Exception).
///
/// Every call deposits a tenth of a token, every extra attempt takes a whole one. So extra load stays at 10 % of the
/// calls, however much fails (Finagle's `RetryBudget`; in 2021, retries that no budget bounded kept the outage alive).
/// Deposits are banked for 10 s, so that a burst of faults after healthy traffic can be met at once. The budget also
/// grants one token per second, so that a client with little traffic can fail over at all. The repetitions of an upload,
/// which can wait, leave half of what the last 10 s brought to calls that cannot.
///
/// ```
/// use evenkeel::stack::retry::Budget;
///
/// let budget = Budget::default();
/// let now = tokio::time::Instant::now();
/// assert!((0..11).map(|_| budget.withdraw(now)).filter(|granted| *granted).count() <= 10);
/// ```
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Which of the given numbers made no sense.
    wrong: Option<String>,
    /// Calls that the bank does not know of yet: a deposit costs one addition.
    calls: Striped<AtomicU64>,
    bank: Mutex<Bank>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Self::SHARE, Self::PER_SECOND)
    }
}

impl Budget {
    /// Extra attempts per call.
    pub const SHARE: f64 = 0.1;
    /// Extra attempts per second that are granted whatever the traffic.
    pub const PER_SECOND: f64 = 1.0;
    /// The part of what the last 10 s brought that an upload leaves to others.
    pub(crate) const SPARED: f64 = 0.5;

    /// A budget of `share` extra attempts per call, at most 1,000, and `per_second` extra attempts whatever the
    /// traffic, at most a million. Neither is negative. The budget replaces a number outside these bounds by the
    /// nearest within them, and a value that is no number (NaN) by zero. A client refuses a budget that replaced a
    /// number.
    pub fn new(mut share: f64, mut per_second: f64) -> Self {
        let mut bounds = Bounds::default();
        bounds.number("budget.share", &mut share, 0.0, 1e3);
        bounds.number("budget.per_second", &mut per_second, 0.0, 1e6);
        Self(Arc::new(Shared {
            wrong: bounds.wrong(),
            calls: Striped::new(|| AtomicU64::new(0)),
            bank: Mutex::new(Bank::new(share, per_second)),
        }))
    }

    /// A full budget of the same size, from which nobody else draws.
    #[cfg(any(test, feature = "drill"))]
    pub(crate) fn anew(&self) -> Self {
        let bank = self.0.bank.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = |milli: u64| milli as f64 / TOKEN as f64;
        Self::new(whole(bank.per_call), whole(bank.per_second))
    }

    /// Which of the given numbers made no sense.
    pub(crate) fn wrong(&self) -> Option<&str> {
        self.0.wrong.as_deref()
    }

    /// A call was made.
    #[inline]
    pub fn deposit(&self) {
        self.0.calls.mine().fetch_add(1, Ordering::Relaxed);
    }

    /// Whether to report now that the budget is used up: at most once a second.
    pub(crate) fn may_tell(&self, now: Instant) -> bool {
        let mut bank = self.bank(now);
        let due = bank
            .told
            .is_none_or(|at| now.saturating_duration_since(at) >= Duration::from_secs(1));
        if due {
            bank.told = Some(now);
        }
        due
    }

    /// Asks for an extra attempt. `now` is tokio's clock, so that a test with paused time can run the budget.
    pub fn withdraw(&self, now: Instant) -> bool {
        self.bank(now).withdraw(now)
    }

    /// As [`withdraw`](Self::withdraw), for one who can wait: leaves half of what the last 10 s brought to those who
    /// cannot.
    pub(crate) fn withdraw_sparing(&self, now: Instant) -> bool {
        let mut bank = self.bank(now);
        bank.available(now) > bank.spared() && bank.withdraw(now)
    }

    /// Gives back an extra attempt that was granted and not made.
    pub fn refund(&self, now: Instant) {
        self.bank(now).refund(now);
    }

    /// How many whole extra attempts the budget would grant now.
    pub fn available(&self, now: Instant) -> u64 {
        self.bank(now).available(now)
    }

    /// The bank, after it has heard of every call so far.
    fn bank(&self, now: Instant) -> MutexGuard<'_, Bank> {
        let mut bank = self.0.bank.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = self.0.calls.iter().map(|calls| calls.swap(0, Ordering::Relaxed)).sum();
        bank.deposit(now, calls);
        bank
    }
}

/// Thousandths of tokens, in one slot per second of the last ten. Pure.
#[derive(Clone, Debug)]
struct Bank {
    per_call: u64,
    per_second: u64,
    slots: [u64; SLOTS],
    /// What each slot held before anything was taken.
    brought: [u64; SLOTS],
    current: usize,
    current_start: Option<Instant>,
    /// When exhaustion was last reported.
    told: Option<Instant>,
    told_of_calls: Option<Instant>,
}

const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_secs(1);
const TOKEN: u64 = 1_000;

impl Bank {
    fn new(share: f64, per_second: f64) -> Self {
        let milli = |value: f64| (value.max(0.0) * TOKEN as f64).round() as u64;
        Self {
            per_call: milli(share),
            per_second: milli(per_second),
            // A client that starts into an outage has its bank full.
            slots: [milli(per_second); SLOTS],
            brought: [milli(per_second); SLOTS],
            current: 0,
            current_start: None,
            told: None,
            told_of_calls: None,
        }
    }

    /// Adds the deposits of `calls` calls since the last deposit, spread evenly as far as is known. Calls older than
    /// the bank's memory are forgotten.
    fn deposit(&mut self, now: Instant, calls: u64) {
        self.advance(now);
        let since = self
            .told_of_calls
            .replace(now)
            .map(|at| now.saturating_duration_since(at));
        let memory = SLOT * SLOTS as u32;
        let remembered = match since {
            Some(since) if since > memory => (calls as f64 * memory.as_secs_f64() / since.as_secs_f64()) as u64,
            _ => calls,
        };
        let slots = since.map_or(1, |since| since.as_secs().clamp(1, SLOTS as u64)) as usize;
        let each = remembered.saturating_mul(self.per_call) / slots as u64;
        for age in 0..slots {
            let at = (self.current + SLOTS - age) % SLOTS;
            for slot in [&mut self.slots[at], &mut self.brought[at]] {
                // Far above what anybody withdraws, and far below what overflows when slots are added up.
                *slot = slot.saturating_add(each).min(u64::MAX / 64);
            }
        }
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        if self.available(now) == 0 {
            return false;
        }
        // Oldest first: those expire first.
        let mut owed = TOKEN;
        for age in 1..=SLOTS {
            let slot = &mut self.slots[(self.current + age) % SLOTS];
            let taken = owed.min(*slot);
            *slot -= taken;
            owed -= taken;
        }
        true
    }

    fn refund(&mut self, now: Instant) {
        self.advance(now);
        self.slots[self.current] = self.slots[self.current].saturating_add(TOKEN);
    }

    fn available(&mut self, now: Instant) -> u64 {
        self.advance(now);
        self.slots.iter().sum::<u64>() / TOKEN
    }

    /// How many whole extra attempts are not for one who can wait. None of a single one.
    fn spared(&self) -> u64 {
        let brought = self.brought.iter().sum::<u64>() / TOKEN;
        (brought as f64 * Budget::SPARED) as u64
    }

    fn advance(&mut self, now: Instant) {
        let Some(start) = self.current_start else {
            self.current_start = Some(now);
            return;
        };
        let steps = now.saturating_duration_since(start).as_secs() / SLOT.as_secs();
        for _ in 0..steps.min(SLOTS as u64) {
            self.current = (self.current + 1) % SLOTS;
            self.slots[self.current] = self.per_second;
            self.brought[self.current] = self.per_second;
        }
        self.current_start = Some(start + SLOT * u32::try_from(steps).unwrap_or(u32::MAX));
    }
}

#[cfg(all(test, evenkeel_loom))]
#[path = "budget_loom_tests.rs"]
mod loom_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tenth_of_the_calls_stays_available_for_ten_seconds() {
        let t0 = crate::model::clock::now();
        let budget = Budget::new(0.1, 0.0);
        for i in 0..1_000 {
            budget.deposit();
            budget.available(t0 + Duration::from_millis(i));
        }
        assert_eq!(budget.available(t0 + Duration::from_secs(1)), 100);
        assert_eq!(budget.available(t0 + Duration::from_secs(11)), 0);
    }

    #[test]
    fn a_budget_anew_has_the_same_size_and_is_drawn_on_apart() {
        let t0 = crate::model::clock::now();
        let budget = Budget::new(0.25, 3.0);
        let anew = budget.anew();
        while budget.withdraw(t0) {}
        assert_eq!((budget.available(t0), anew.available(t0)), (0, 30));
        (0..8).for_each(|_| anew.deposit());
        assert_eq!((budget.available(t0), anew.available(t0)), (0, 32));
    }

    #[test]
    fn who_can_wait_leaves_half() {
        let t0 = crate::model::clock::now();
        let at = |seconds| t0 + Duration::from_secs(seconds);
        let budget = Budget::default();
        let taken = |now| (0..100).filter(|_| budget.withdraw_sparing(now)).count();
        assert_eq!(taken(t0), 5);
        // From then on as many as come.
        assert_eq!((1..=20).map(|second| taken(at(second))).sum::<usize>(), 20);
        assert_eq!((0..100).filter(|_| budget.withdraw(at(20))).count(), 5);
        // Those who cannot wait have taken theirs: it has to come again first.
        assert_eq!((21..=25).map(|second| taken(at(second))).sum::<usize>(), 0);
        assert_eq!((26..=30).map(|second| taken(at(second))).sum::<usize>(), 5);
        // Of busy traffic it is half, too, and of a single attempt none.
        let busy = Budget::new(0.1, 0.0);
        (0..1_000).for_each(|_| busy.deposit());
        assert_eq!((0..200).filter(|_| busy.withdraw_sparing(t0)).count(), 50);
        assert!(Budget::new(0.0, 0.1).withdraw_sparing(t0));
        assert!(!Budget::new(0.0, 0.0).withdraw_sparing(t0));
    }

    #[test]
    fn a_refund_restores_the_token() {
        let now = crate::model::clock::now();
        let budget = Budget::new(0.0, 0.1);
        assert!(budget.withdraw(now) && !budget.withdraw(now));
        budget.refund(now);
        assert!(budget.withdraw(now));
    }

    proptest! {
        /// Over any history, the budget grants at most a tenth of the calls, one a second, and the first bank of ten.
        #[test]
        fn grants_stay_within_the_budget(steps in proptest::collection::vec((0_u64..500, any::<bool>()), 1..2_000)) {
            let t0 = crate::model::clock::now();
            let (mut now, mut calls, mut granted) = (t0, 0_u32, 0_u32);
            let budget = Budget::default();
            for (gap, call) in steps {
                now += Duration::from_millis(gap);
                if call {
                    calls += 1;
                    budget.deposit();
                } else {
                    granted += u32::from(budget.withdraw(now));
                }
            }
            let bound = f64::from(calls) * 0.1 + (now - t0).as_secs_f64() + 10.0 + 1e-9;
            prop_assert!(f64::from(granted) <= bound, "{granted} > {bound}");
        }
    }
}
