//! Reads, and the proof of *not found*.

use crate::{
    call::{Aim, Answer, Context, Error, Protocol, Reply, gather, winner},
    model::ErrorKind,
    provider::ProviderErrorKind,
    request::{bit, members},
    verdict::Verdict,
};
use std::{ops::ControlFlow, sync::Arc};

/// A get or a head of one key.
///
/// A pinned read asks that endpoint only. So does a read that depends on an endpoint's tag. A conditional read asks the endpoint that gave the tag first. If that
/// endpoint cannot answer, and the budget grants it, the read goes on elsewhere. There the tag means nothing and is not
/// shown, so the read returns the body.
pub(crate) async fn read<P: Protocol>(
    cx: &Arc<Context<P>>,
    request: P::Request,
) -> Result<(P::Response, Answer), Error> {
    if let Some(given_by) = P::bound_to(&request) {
        let endpoint = bound(cx, given_by)?;
        let reply = cx.ask(request, Aim::only(endpoint)).await;
        return answer(cx, reply);
    }
    if let Some(endpoint) = giver_of_the_tag(cx, &request) {
        let aim = Aim {
            deadline: Some(cx.preferring()),
            ..Aim::only(endpoint)
        };
        let reply = cx.ask(request.clone(), aim).await;
        if has_answered(&reply) || reply.record().has_beginning() {
            return decide(cx, request, reply).await;
        }
        if cx.ends_with(&reply) {
            return Err(cx.fail(reply));
        }
        if !cx.may_ask_more(P::class(&request)) {
            reply.record().note_withheld();
            return Err(cx.fail(reply));
        }
        let reply = cx.ask(request.clone(), Aim::default().again()).await;
        return decide(cx, request, reply).await;
    }
    let reply = cx.ask(request.clone(), Aim::default()).await;
    decide(cx, request, reply).await
}

/// A further read of one key, at any endpoint but these.
pub(crate) async fn read_elsewhere<P: Protocol>(
    cx: &Arc<Context<P>>,
    request: P::Request,
    barred: u64,
) -> Result<(P::Response, Answer), Error> {
    let aim = Aim {
        barred,
        ..Aim::default().again()
    };
    let reply = cx.ask(request.clone(), aim).await;
    decide(cx, request, reply).await
}

/// The endpoint that gave the tag, if this call may ask it.
fn bound<P: Protocol>(cx: &Context<P>, given_by: &str) -> Result<usize, Error> {
    let index = cx.core.engine.roster.index_of(given_by);
    let refuse = |why: String| {
        cx.refuse(
            ErrorKind::InvalidInput,
            format!("the {} was given by {given_by}, {why}", P::TAG),
        )
    };
    match index {
        None => Err(refuse("which is no endpoint of this client".to_owned())),
        Some(index) if cx.pin.is_some_and(|pin| pin != index) => {
            Err(refuse("and the call is pinned elsewhere".to_owned()))
        }
        Some(index) => match cx.violation(index) {
            Some(violation) => Err(refuse(format!("which may not be used, because {violation}"))),
            None => Ok(index),
        },
    }
}

fn giver_of_the_tag<P: Protocol>(cx: &Context<P>, request: &P::Request) -> Option<usize> {
    let endpoint = cx.core.engine.roster.index_of(P::tag_given_by(request)?)?;
    (cx.pin.is_none() && cx.barred & bit(endpoint) == 0).then_some(endpoint)
}

fn has_answered<P: Protocol>(reply: &Reply<P>) -> bool {
    use ProviderErrorKind::{NotFound, NotModified, RangeNotSatisfiable};
    reply.is_ok() || matches!(reply.refusal(), Some(NotFound | NotModified | RangeNotSatisfiable))
}

async fn decide<P: Protocol>(
    cx: &Arc<Context<P>>,
    request: P::Request,
    reply: Reply<P>,
) -> Result<(P::Response, Answer), Error> {
    match reply.refusal() {
        // S3 says 403 for a missing key to a caller that may not list: not absence, but no reason to stop looking
        // either.
        Some(ProviderErrorKind::NotFound | ProviderErrorKind::Denied) if cx.pin.is_none() => {
            prove(cx, request, reply).await
        }
        Some(ProviderErrorKind::NotFound) => {
            let absent = cx.names(reply.absent_at());
            Err(cx.fail(reply).with_absence(absent, Vec::new()))
        }
        _ => answer(cx, reply),
    }
}

fn answer<P: Protocol>(cx: &Context<P>, reply: Reply<P>) -> Result<(P::Response, Answer), Error> {
    let endpoint = reply.endpoint();
    let possibly_stale = cx.core.plan.may_lag(endpoint);
    match reply.result {
        Ok(response) => {
            if !possibly_stale && let Some(tag) = P::tag_of(reply.call.request(), &response) {
                super::remember(cx, reply.call.request(), tag);
            }
            let answer = Answer {
                endpoint: endpoint.map(|endpoint| cx.name(endpoint)),
                possibly_stale,
                unresolved: false,
                served: Vec::new(),
            };
            Ok((response, answer))
        }
        Err(_) => Err(cx.fail(reply)),
    }
}

/// Asks all endpoints that may hold the key, at once. The first endpoint that has the key wins. If the absence cannot be
/// proven so, an endpoint that lags may have the key: the others are asked one after the other, as the budget grants.
async fn prove<P: Protocol>(
    cx: &Arc<Context<P>>,
    request: P::Request,
    first: Reply<P>,
) -> Result<(P::Response, Answer), Error> {
    let mut absent = first.absent_at();
    let was_denied = first.refusal() == Some(ProviderErrorKind::Denied);
    let denied_by = was_denied.then(|| winner(first.record(), Verdict::Denied)).flatten();
    let mut failed: Vec<(usize, Reply<P>)> = Vec::new();
    let mut last = None;
    if cx.plan.missing(absent) != 0 {
        let asked_already = absent | denied_by.map_or(0, bit);
        let legs = members(cx.plan.holders & !asked_already);
        let legs = legs.map(|endpoint| (endpoint, cx.leg(request.clone(), Aim::proof(endpoint))));
        // Breaks with the answer, or with nothing once the absence is proven.
        let ended = gather(legs, |endpoint, reply| {
            match reply.refusal() {
                Some(ProviderErrorKind::NotFound) => {
                    absent |= bit(endpoint);
                    last = Some(reply);
                    if cx.plan.missing(absent) == 0 {
                        return ControlFlow::Break(None);
                    }
                }
                _ if has_answered(&reply) => return ControlFlow::Break(Some(reply)),
                _ => failed.push((endpoint, reply)),
            }
            ControlFlow::Continue(())
        });
        if let Some(Some(reply)) = ended.await {
            return answer(cx, reply);
        }
    }
    let failed_at = failed.iter().fold(0, |set, (endpoint, _)| set | bit(*endpoint));
    // Whom an endpoint denies access, no copy lets in.
    let mut left = match was_denied {
        true => 0,
        false => cx.reach(cx.core.permitted()) & !(absent | failed_at | first.record().picked()),
    };
    while left != 0 && cx.plan.missing(absent) != 0 && cx.may_ask_more(P::class(&request)) {
        let aim = Aim {
            barred: !left,
            ..Aim::default().again()
        };
        let reply = cx.ask(request.clone(), aim).await;
        if reply.refusal() != Some(ProviderErrorKind::NotFound) && has_answered(&reply) {
            return answer(cx, reply);
        }
        if reply.record().attempts() == 0 {
            cx.give_back();
            break;
        }
        absent |= reply.absent_at();
        left &= !reply.record().picked();
    }
    let absent_at = cx.names(absent);
    let missing = cx.plan.missing(absent);
    if missing == 0 {
        let said_so = if was_denied { last.unwrap_or(first) } else { first };
        return Err(cx.fail(said_so).with_absence(absent_at, Vec::new()));
    }
    let missing = members(missing)
        .filter(|&endpoint| Some(endpoint) != denied_by)
        .map(|endpoint| {
            let place = failed.iter().position(|&(failed, _)| failed == endpoint);
            cx.not_asked(endpoint, place.map(|place| failed.swap_remove(place).1))
        })
        .collect();
    if was_denied {
        return Err(cx.fail(first).with_absence(absent_at, missing));
    }
    Err(cx
        .refuse(
            ErrorKind::Unavailable,
            format!("the client could not tell whether the {} exists", P::NOUN),
        )
        .with_absence(absent_at, missing))
}
