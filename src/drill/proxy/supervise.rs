//! The proxy's main task: it opens and closes the gate as the phases demand, and owns the connections.

use super::{
    Shared,
    gate::{Door, Gate},
    serve,
};
use crate::{
    drill::Fault,
    model::clock::{self, Instant},
    request::OpClass,
};
use std::{sync::Arc, time::Duration};
use tokio::{select, sync::watch, task::JoinSet, time::sleep_until};

/// How soon a failed turn of the gate is tried again: this host is out of ports, or of file descriptors.
const REBIND: Duration = Duration::from_millis(20);

pub(super) async fn run(mut gate: Gate, shared: Arc<Shared>) {
    let mut changes = shared.timeline.changes();
    // Each new number resets all connections that are open.
    let resets = watch::Sender::new(0_u64);
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    let mut before = Door::Open;
    loop {
        changes.mark_unchanged();
        let now = clock::now();
        let door = shared.door(now);
        let mut until = shared.timeline.next_change(now);
        match gate.turn(door).await {
            // They were there before it turned.
            Ok(before) => before.into_iter().for_each(|stream| {
                connections.spawn(serve::serve(stream, shared.clone(), resets.subscribe()));
            }),
            Err(_) => until = Some(now + REBIND),
        }
        if door != before && door == Door::Closed {
            resets.send_modify(|number| *number += 1);
        }
        before = door;
        // Biased, so that nothing is left to an unseeded draw.
        select! {
            biased;
            _ = changes.changed() => {}
            () = wait(until) => {}
            Some(_) = connections.join_next() => {}
            stream = gate.accept() => {
                connections.spawn(serve::serve(stream, shared.clone(), resets.subscribe()));
            }
        }
    }
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

impl Shared {
    /// What happens to new connections at `now`. Any class will do: the check at `bind` made sure that such rules are
    /// for all classes.
    fn door(&self, now: Instant) -> Door {
        let rules = self.timeline.rules(now, &self.profile, OpClass::Read);
        rules
            .filter_map(|(_, rule)| match rule.fault {
                Fault::Refuse => Some(Door::Closed),
                Fault::HangConnect => Some(Door::Stalled),
                _ => None,
            })
            .next()
            .unwrap_or(Door::Open)
    }
}
