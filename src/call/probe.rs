//! The requests that check whether an endpoint is well.

use super::{EndpointService, Protocol, core::Parts};
use crate::{
    ops::probe::{Prober, Sender, Sent, lanes},
    provider::ObjectVerdicts,
    request::{Call, CallRecord, LegKind, OpClass, Safety},
    stack::Composed,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Starts the client's probes in the background.
pub(super) fn start<P: Protocol>(parts: &Parts<P>, composed: &Composed<EndpointService<P>, ObjectVerdicts>) -> Prober {
    let lanes = lanes(
        &parts.roster,
        composed,
        &parts.settings.probes,
        &parts.settings.stack.audience,
    );
    let (Some(read), Some(write)) = (P::probe(OpClass::Read), P::probe(OpClass::Write)) else {
        return Prober::none();
    };
    let route = composed.route.clone();
    let send: Sender = Arc::new(move |endpoint, class| {
        let (request, safety) = match class {
            OpClass::Write => (write.clone(), Safety::Idempotent),
            OpClass::Read | OpClass::List => (read.clone(), Safety::ReadOnly),
        };
        let record = CallRecord::new(class, safety)
            .earning(false)
            .pinned(Some(endpoint))
            .starting_as(LegKind::Probe)
            .weighed()
            .called(P::operation(&request));
        let call = Call::on_record(request, record);
        // Its type is forgotten: the compiler cannot tell otherwise that the probe may change threads.
        let attempt: BoxFuture<'static, _> = Box::pin(route.send(call.clone()));
        Box::pin(async move {
            // How it ended is in the record.
            let _ = attempt.await;
            Sent::of(call.record())
        })
    });
    Prober::start(parts.settings.probes.clone(), lanes, send, !parts.settings.stack.seed)
}
