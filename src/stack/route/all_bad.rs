use crate::{
    request::OpClass,
    telemetry::{Event, Reporter},
};
use std::sync::atomic::{AtomicBool, Ordering};

/// Per class: every endpoint looked bad at the last pick. A gauge counts the clients of which that is so: a client that
/// is dropped meanwhile counts no longer.
#[derive(Debug)]
pub(super) struct AllBad {
    flags: [AtomicBool; 3],
    reporter: Reporter,
}

impl AllBad {
    pub(super) const fn new(reporter: Reporter) -> Self {
        Self {
            flags: [const { AtomicBool::new(false) }; 3],
            reporter,
        }
    }

    /// Notes that everything looks bad, or no longer does. Reported once per change.
    pub(super) fn note(&self, class: OpClass, bad: bool) {
        let flag = &self.flags[class.index()];
        if flag.load(Ordering::Relaxed) != bad && flag.swap(bad, Ordering::Relaxed) != bad {
            self.reporter.report(if bad {
                Event::AllBad { class }
            } else {
                Event::NoLongerAllBad { class }
            });
        }
    }
}

impl Drop for AllBad {
    fn drop(&mut self) {
        for (class, flag) in OpClass::ALL.into_iter().zip(&mut self.flags) {
            if *flag.get_mut() {
                self.reporter.gone_all_bad(class);
            }
        }
    }
}
