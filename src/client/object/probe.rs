//! What is sent to look whether an endpoint is well.

use super::ObjectParts;
use crate::{
    client::{
        ObjectStack,
        stack::{Composed, lanes},
    },
    probe::{Prober, Sender},
    provider::ObjectVerdicts,
    request::{
        Call, CallRecord, Key, LegKind, OpClass, Safety,
        object::{Head, ObjectRequest, Put, PutMode},
    },
};
use bytes::Bytes;
use std::sync::Arc;
use tower::ServiceExt;

/// What a write probe stores. A person who finds it should know whence it came.
const BODY: &[u8] = b"evenkeel stores this to see whether writes succeed; it may be deleted\n";

/// Starts the client's probes in the background.
pub(super) fn start(parts: &ObjectParts, composed: &Composed<ObjectStack, ObjectVerdicts>) -> Prober {
    let roster = &parts.roster;
    let barred = roster.set_of(|_, profile| parts.constraints.check(profile).is_err());
    let lanes = lanes(roster, &composed.vitals, barred, &parts.settings);
    let Ok(key) = Key::new(Key::PROBE) else {
        return Prober::none();
    };
    let route = ObjectStack::new(composed.route.clone());
    let send: Sender = Arc::new(move |endpoint, class| {
        let (request, safety) = match class {
            OpClass::Write => {
                let put = Put {
                    mode: PutMode::Overwrite,
                    ..Put::new(key.clone(), Bytes::from_static(BODY))
                };
                (ObjectRequest::Put(put), Safety::Idempotent)
            }
            OpClass::Read | OpClass::List => (ObjectRequest::Head(Head::new(key.clone())), Safety::ReadOnly),
        };
        let record = CallRecord::new(class, safety)
            .earning(false)
            .pinned(Some(endpoint))
            .barring(barred)
            .starting_as(LegKind::Probe);
        let call = Call::on_record(request, record);
        let record = call.record().clone();
        let attempt = route.clone().oneshot(call);
        Box::pin(async move {
            // How it ended is in the record.
            let _ = attempt.await;
            record
        })
    });
    Prober::start(parts.settings.probes.clone(), lanes, send, !parts.settings.seed)
}
