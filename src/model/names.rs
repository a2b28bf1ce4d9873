use std::sync::OnceLock;

/// How many names at one endpoint have a place of their own. Later names share one place. (A name is a kind of call,
/// written into the program, and no run-time value: a program has few.)
pub const NAMES: usize = 16;

/// One value for each name, made when the name is first seen. Every named call reads it, so the reading takes no lock.
#[derive(Debug)]
pub(crate) struct Names<T>(OnceLock<Box<Places<T>>>);

#[derive(Debug, Default)]
struct Places<T> {
    each: [OnceLock<(&'static str, T)>; NAMES],
    shared: T,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: Default> Names<T> {
    /// The value of this name, if the name has a place of its own.
    pub(crate) fn own(&self, name: &'static str) -> Option<&T> {
        let places = self.0.get_or_init(Box::default);
        places.each.iter().find_map(|place| {
            // Who comes first takes the first place that is free.
            let (taken_by, value) = place.get_or_init(|| (name, T::default()));
            (*taken_by == name).then_some(value)
        })
    }

    /// The value that all names without a place of their own share.
    pub(crate) fn shared(&self) -> &T {
        &self.0.get_or_init(Box::default).shared
    }

    /// The value of this name.
    pub(crate) fn of(&self, name: &'static str) -> &T {
        self.own(name).unwrap_or_else(|| self.shared())
    }

    /// Every name that has a place of its own, in the order of arrival.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let places = self.0.get().into_iter().flat_map(|places| &places.each);
        places.filter_map(|place| place.get().map(|(name, value)| (*name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Names as a program has them: for ever.
    fn name(number: usize) -> &'static str {
        Box::leak(format!("report {number}").into_boxed_str())
    }

    #[test]
    fn names_beyond_the_bound_share_one_slot() {
        let names = Names::<AtomicU32>::default();
        assert_eq!(names.each().count(), 0);
        for number in 0..NAMES + 5 {
            names.of(name(number)).fetch_add(1, Ordering::Relaxed);
            // Equal texts are one name, wherever they lie.
            names.of(name(number)).fetch_add(1, Ordering::Relaxed);
        }
        let each: Vec<_> = names
            .each()
            .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
            .collect();
        assert_eq!(each, (0..NAMES).map(|number| (name(number), 2)).collect::<Vec<_>>());
        assert_eq!(names.of("one more").load(Ordering::Relaxed), 2 * 5);
    }

    #[test]
    fn concurrent_threads_share_one_slot_per_name() {
        let names = Names::<AtomicU32>::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let names = &names;
                scope.spawn(move || {
                    for number in 0..NAMES {
                        names
                            .of(name((number + thread) % NAMES))
                            .fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(names.each().count(), NAMES);
        assert!(names.each().all(|(_, count)| count.load(Ordering::Relaxed) == 4));
    }
}
