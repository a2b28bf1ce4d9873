use super::{Core, Protocol};
use crate::{model::clock::Instant, request::bit, telemetry::Event};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long creates that other endpoints can take pass over an endpoint. People, or a nightly job, make room; a gateway
/// that answers for a store is soon gone.
const FOR: Duration = Duration::from_secs(30);

/// The endpoints that creates pass over for a while, because of an answer. If no other endpoint is left, creates go
/// there all the same.
#[derive(Debug, Default)]
pub(crate) struct PassedOver(Mutex<Vec<(usize, Why, Instant)>>);

/// The reason in an endpoint's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Full,
    NoCreates,
}

impl Why {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "it said that it is full",
            Self::NoCreates => "it said that it does not support creates",
        }
    }
}

impl PassedOver {
    pub(crate) fn set(&self, now: Instant) -> u64 {
        self.current(now)
            .iter()
            .fold(0, |set, &(endpoint, ..)| set | bit(endpoint))
    }

    pub(crate) fn why(&self, endpoint: usize, now: Instant) -> Option<Why> {
        let current = self.current(now);
        current.iter().find(|(at, ..)| *at == endpoint).map(|&(_, why, _)| why)
    }

    /// Notes the answer. Returns whether it is new.
    fn note(&self, endpoint: usize, why: Why, now: Instant) -> bool {
        let mut current = self.current(now);
        let before = current.len();
        current.retain(|&(at, ..)| at != endpoint);
        let new = current.len() == before;
        current.push((endpoint, why, now + FOR));
        new
    }

    fn current(&self, now: Instant) -> MutexGuard<'_, Vec<(usize, Why, Instant)>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|&(.., until)| now < until);
        all
    }
}

impl<P: Protocol> Core<P> {
    /// Notes that this endpoint takes no create.
    pub(crate) fn pass_over(&self, endpoint: usize, why: Why, now: Instant) {
        if self.passed_over.note(endpoint, why, now) {
            let reporter = self.verifier.reporter(endpoint);
            reporter.report(Event::PassedOver {
                endpoint: reporter.endpoint(),
                because: why.as_str(),
                duration: FOR,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;

    #[test]
    fn a_full_store_is_passed_over_for_a_while_and_reported_once() {
        let (passed, now) = (PassedOver::default(), clock::now());
        assert!(passed.note(1, Why::Full, now));
        assert!(!passed.note(1, Why::NoCreates, now));
        assert_eq!((passed.set(now), passed.why(1, now)), (2, Some(Why::NoCreates)));
        assert_eq!((passed.set(now + FOR), passed.why(1, now + FOR)), (0, None));
        assert!(passed.note(1, Why::Full, now + FOR));
    }
}
