//! The user's probe.

use super::{Invoke, Judges, Op};
use crate::{
    ops::probe::{Sender, Sent},
    request::{Call, CallRecord, LegKind, OpClass, Safety},
    stack::Routed,
    verdict::Classify,
};
use std::{fmt, future::Future, marker::PhantomData, sync::Arc};

/// A builder without a probe.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

/// A builder's probe, which gives `Result<T, E>`.
pub struct ProbeOf<F, T, E> {
    probe: Option<Arc<F>>,
    gives: PhantomData<fn() -> (T, E)>,
}

/// Sealed: what a builder may have as its probe.
pub trait Probe<C, K> {
    /// Once the endpoints' stacks are there: what sends the probe through them.
    fn sender(&self, route: Routed<Invoke<C>, Judges<K>>) -> Option<Sender>;
}

impl<F, T, E> ProbeOf<F, T, E> {
    pub(super) fn new(probe: Option<F>) -> Self {
        Self {
            probe: probe.map(Arc::new),
            gives: PhantomData,
        }
    }
}

impl<C, K> Probe<C, K> for NoProbe {
    fn sender(&self, _: Routed<Invoke<C>, Judges<K>>) -> Option<Sender> {
        None
    }
}

impl<C, K, F, Fut, T, E> Probe<C, K> for ProbeOf<F, T, E>
where
    C: Clone + Send + Sync + 'static,
    K: Classify<T, E> + Clone + Send + Sync + 'static,
    F: Fn(C) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + Sync + 'static,
{
    fn sender(&self, route: Routed<Invoke<C>, Judges<K>>) -> Option<Sender> {
        let probe = self.probe.clone()?;
        Some(Arc::new(move |endpoint, class: OpClass| {
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
        }))
    }
}

impl<F, T, E> Clone for ProbeOf<F, T, E> {
    fn clone(&self) -> Self {
        Self {
            probe: self.probe.clone(),
            gives: PhantomData,
        }
    }
}

impl<F, T, E> fmt::Debug for ProbeOf<F, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}
