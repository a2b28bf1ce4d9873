//! One request and its answer, and what the drill does to them.

use super::{
    Shared,
    answer::respond,
    body::{self, Body},
    connection::{Connection, Ending},
    counts::Meter,
    dialect::{Dialect, asked},
};
use crate::{
    BoxError,
    drill::plan::{Answer, End, Plan},
    model::clock::{self, Instant},
    request::OpClass,
};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::{
    future::pending,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// The proxy's answer.
type Answered = Result<Response<Body>, BoxError>;

impl Shared {
    pub(super) fn plan(&self, class: OpClass, now: Instant) -> Option<Plan> {
        let rules = self.timeline.rules(now, &self.profile, class);
        // A client that got here is connected: faults in connecting do not concern this request.
        let rules = rules.filter(|(_, rule)| !rule.fault.is_met_while_connecting());
        self.dice
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .plan(rules, now)
    }
}

pub(super) async fn exchange(request: Request<Incoming>, connection: Arc<Connection>) -> Answered {
    let (dialect, class) = asked(&request);
    let arrived = clock::now();
    let Shared { counters, .. } = &*connection.shared;
    counters.saw(class);
    let meter = Meter::new(connection.shared.clone(), class);
    let distance = connection.shared.distance();
    let plan = connection.shared.plan(class, arrived);
    if plan.is_some() {
        counters.faulted(class);
    }
    match plan.as_ref().and_then(|plan| plan.end.as_ref()) {
        Some(End::Hang) => return pending().await,
        Some(End::ResetBeforeRequest) => {
            connection.end(Ending::Reset);
            return pending().await;
        }
        Some(End::Answer(answer)) => {
            // Read to its end, because a client that is still sending when its connection closes sees no answer at all.
            body::drain(request.into_body(), |bytes| meter.up(bytes)).await;
            due(plan.as_ref(), distance, arrived).await;
            return Ok(respond(answer, dialect));
        }
        _ => {}
    }
    counters.forwarded(class);
    let response = connection.forward(request, meter.clone()).await;
    due(plan.as_ref(), distance, arrived).await;
    let Ok(response) = response else {
        let gateway = Answer {
            status: 502,
            s3_code: None,
            retry_after: None,
        };
        return Ok(respond(&gateway, dialect));
    };
    let is_good = response.status().is_success();
    let metered = |body: Body| match is_good {
        true => body::counted(body, meter),
        false => body,
    };
    let Some(plan) = plan else {
        return Ok(response.map(body::whole).map(metered));
    };
    if plan.end == Some(End::ResetAfterRequest) {
        body::drain(response.into_body(), |_| {}).await;
        connection.end(Ending::Reset);
        return pending().await;
    }
    if dialect == (Dialect::S3 { is_head: true }) {
        // Its length is announced, but there is no body to cut or to slow.
        return Ok(response.map(body::whole));
    }
    Ok(spoil(response, &plan, connection).await?.map(metered))
}

/// Waits until the answer to a request that arrived at `arrived` is due. All time since then counts as the server's.
/// The distance comes on top.
async fn due(plan: Option<&Plan>, distance: Duration, arrived: Instant) {
    let took = clock::now().saturating_duration_since(arrived);
    let due = plan.map_or(took, |plan| plan.due(took)).saturating_add(distance);
    let late = due.saturating_sub(took);
    if !late.is_zero() {
        sleep(late).await;
    }
}

/// The answer with its body slowed and cut.
async fn spoil(response: Response<Incoming>, plan: &Plan, connection: Arc<Connection>) -> Answered {
    let slow = |body: Body| match plan.bytes_per_second {
        Some(rate) => body::dripping(body, rate),
        None => body,
    };
    let Some(cut) = plan.cut else {
        return Ok(response.map(|incoming| slow(body::whole(incoming))));
    };
    // Collected, so that its length can be announced before it is broken off. A drill's objects fit into memory.
    let (mut head, incoming) = response.into_parts();
    let whole = incoming.collect().await?.to_bytes();
    head.headers.remove(header::TRANSFER_ENCODING);
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let kept = cut.of(whole.len() as u64).and_then(|kept| usize::try_from(kept).ok());
    let body = match kept {
        None => slow(body::full(whole)),
        Some(kept) => {
            let kept = slow(body::boxed(Full::new(whole.slice(..kept))));
            body::then(kept, move || connection.end(Ending::Close))
        }
    };
    Ok(Response::from_parts(head, body))
}
