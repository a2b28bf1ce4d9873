//! The real admission, behind its real layer, in every interleaving of a few callers.

use super::{Admission, Full, LimitLayer};
use crate::{
    BoxError,
    request::Call,
    stack::sync::{
        atomic::{AtomicUsize, Ordering},
        explore,
    },
};
use futures_util::future::{BoxFuture, pending};
use loom::thread;
use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service, service_fn, util::BoxCloneSyncService};

/// One endpoint behind its admission.
#[derive(Clone)]
struct Endpoint {
    admission: Admission,
    under_way: Arc<AtomicUsize>,
    most: usize,
    admitted: Arc<AtomicUsize>,
}

type Attempt = BoxFuture<'static, Result<(), BoxError>>;

impl Endpoint {
    fn new(admission: Admission, most: usize) -> Self {
        Self {
            admission,
            under_way: Arc::new(AtomicUsize::new(0)),
            most,
            admitted: Arc::new(AtomicUsize::new(0)),
        }
    }

    fn call(&self, hangs: bool, may_queue: bool) -> Attempt {
        let endpoint = self.clone();
        let inner = service_fn(move |_: Call<()>| {
            let here = Here::at(&endpoint);
            async move {
                let _here = here;
                match hangs {
                    true => pending().await,
                    false => Ok::<_, BoxError>(()),
                }
            }
        });
        let mut service = BoxCloneSyncService::new(LimitLayer::new(self.admission.clone()).layer(inner));
        Box::pin(service.call(Call::read(()).dispatched(false, may_queue)))
    }

    /// Polls an attempt once and drops it.
    fn attempt(&self, hangs: bool, may_queue: bool) -> Poll<Result<(), BoxError>> {
        let mut call = self.call(hangs, may_queue);
        call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn admitted(&self) -> usize {
        self.admitted.load(Ordering::Acquire)
    }
}

/// An attempt that is at the endpoint.
struct Here(Endpoint);

impl Here {
    fn at(endpoint: &Endpoint) -> Self {
        endpoint.admitted.fetch_add(1, Ordering::AcqRel);
        let before = endpoint.under_way.fetch_add(1, Ordering::AcqRel);
        assert!(before < endpoint.most, "{} at once", before + 1);
        Self(endpoint.clone())
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

fn three_at_once(endpoint: &Endpoint, acts: [fn(&Endpoint); 3]) {
    let [first, second, third] = acts;
    let others = [first, second].map(|act| {
        let endpoint = endpoint.clone();
        thread::spawn(move || act(&endpoint))
    });
    third(endpoint);
    for other in others {
        other.join().unwrap();
    }
}

#[test]
fn concurrency_stays_within_its_limit_and_no_slot_leaks() {
    for most in [1, 2] {
        explore(move || {
            let endpoint = Endpoint::new(Admission::with(None, most), most as usize);
            three_at_once(
                &endpoint,
                [
                    |endpoint| drop(endpoint.attempt(false, false)),
                    // Dropped at its first await, and before its first poll.
                    |endpoint| drop(endpoint.attempt(true, false)),
                    |endpoint| drop(endpoint.call(true, false)),
                ],
            );
            // One place may be held by the one that never goes on.
            assert!(
                endpoint.admitted() + 1 >= most as usize,
                "refused though there was room"
            );
            assert_eq!(endpoint.admission.in_flight(), 0);
            // All places are there again.
            let again: Vec<_> = (0..most).map(|_| endpoint.call(true, false)).collect();
            assert_eq!(endpoint.admission.in_flight(), most);
            assert!(matches!(endpoint.attempt(false, false), Poll::Ready(Err(error)) if error.is::<Full>()));
            drop(again);
            assert_eq!(endpoint.admission.in_flight(), 0);
        });
    }
}

#[test]
fn admission_stays_within_the_rate_and_loses_no_turn() {
    for (per_second, burst) in [(10.0, 1), (20.0, 2)] {
        explore(move || {
            let endpoint = Endpoint::new(Admission::new(Some(per_second)), 3);
            three_at_once(&endpoint, [|endpoint| drop(endpoint.attempt(false, false)); 3]);
            // Time stands still, so exactly a burst is let in, whoever comes first.
            assert_eq!(endpoint.admitted(), burst);
            assert_eq!(endpoint.admission.in_flight(), 0);
        });
    }
}

#[test]
fn a_dropped_queued_attempt_frees_its_slot() {
    explore(|| {
        // Given a rate of one call each 40 ms, a burst of two and a patience of 50 ms,
        let endpoint = Endpoint::new(Admission::new(Some(25.0)), 2);
        three_at_once(&endpoint, [|endpoint| drop(endpoint.attempt(false, true)); 3]);
        // when three come, then two are let in, one is dropped in the queue, and nothing remains.
        assert_eq!(endpoint.admitted(), 2);
        assert_eq!(endpoint.admission.in_flight(), 0);
    });
}
