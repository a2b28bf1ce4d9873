//! State that threads need not share.

use std::{
    cell::Cell,
    num::NonZero,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// One `T` for each thread that runs at once (up to eight, beyond that threads share), so that threads that write at
/// the same time do not wait for each other's cache lines. The value is the sum of all stripes, as in Java's
/// `LongAdder`.
#[derive(Debug)]
pub(crate) struct Striped<T> {
    stripes: Box<[Stripe<T>]>,
}

/// A value on cache lines of its own: two, as processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe<T>(T);

/// The most stripes. More would cost memory, and threads that do meet lose only some nanoseconds.
const MOST: usize = 8;

impl<T> Striped<T> {
    pub(crate) fn new(mut make: impl FnMut() -> T) -> Self {
        static STRIPES: LazyLock<usize> = LazyLock::new(|| {
            let at_once = thread::available_parallelism().map_or(1, NonZero::get);
            at_once.next_power_of_two().min(MOST)
        });
        Self {
            stripes: (0..*STRIPES).map(|_| Stripe(make())).collect(),
        }
    }

    /// This thread's stripe: always the same one.
    #[inline]
    pub(crate) fn mine(&self) -> &T {
        &self.stripes[number() & (self.stripes.len() - 1)].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.stripes.iter().map(|stripe| &stripe.0)
    }
}

/// No number yet.
const NONE: usize = usize::MAX;

thread_local!(static NUMBER: Cell<usize> = const { Cell::new(NONE) });

/// This thread's number, counted from 0.
#[inline]
fn number() -> usize {
    match NUMBER.get() {
        NONE => draw_number(),
        number => number,
    }
}

#[cold]
fn draw_number() -> usize {
    static DRAWN: AtomicUsize = AtomicUsize::new(0);
    let number = DRAWN.fetch_add(1, Ordering::Relaxed);
    NUMBER.set(number);
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_one_stripe_and_all_stripes_add_up() {
        let counts = Striped::new(|| AtomicUsize::new(0));
        assert!(std::ptr::eq(counts.mine(), counts.mine()));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        counts.mine().fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let all: usize = counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        assert_eq!(all, 20_000);
    }
}
