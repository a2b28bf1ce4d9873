//! The user's probe, its types forgotten.

use super::{Invoke, Op};
use crate::{
    probe::{Sender, Sent},
    request::{Call, CallRecord, LegKind, OpClass, Safety},
    stack::Routed,
    verdict::Classify,
};
use std::{fmt, sync::Arc};

type MakeSender<C, K> = dyn Fn(Routed<Invoke<C>, K>) -> Sender + Send + Sync;

/// Makes, once the endpoints' stacks exist, the sender of the probe through them.
pub(super) struct Probe<C, K>(Arc<MakeSender<C, K>>);

impl<C, K> Probe<C, K> {
    pub(super) fn new<F, Fut, T, E>(probe: F) -> Self
    where
        C: Clone + Send + Sync + 'static,
        K: Classify<T, E> + Clone + Send + Sync + 'static,
        F: Fn(C) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let probe = Arc::new(probe);
        Self(Arc::new(move |route| {
            let probe = probe.clone();
            Arc::new(move |endpoint, class: OpClass| {
                let record = CallRecord::new(class, Safety::ReadOnly)
                    .earning(false)
                    .pinned(Some(endpoint))
                    .starting_as(LegKind::Probe);
                let probe = probe.clone();
                let call = Call::on_record(Op::new(move |client| probe(client)), record);
                let attempt = route.send(call.clone());
                Box::pin(async move {
                    // How it ended is in the record.
                    let _ = attempt.await;
                    Sent::of(call.record())
                })
            })
        }))
    }

    pub(super) fn sender(&self, route: Routed<Invoke<C>, K>) -> Sender {
        (self.0)(route)
    }
}

impl<C, K> Clone for Probe<C, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C, K> fmt::Debug for Probe<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}
