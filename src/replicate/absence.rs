//! Reads, and the proof of *not found*.

use crate::call::Mode;
use crate::{
    call::{Aim, Answer, Context, Core, Error, Protocol, Reply, winner},
    model::ErrorKind,
    provider::ProviderErrorKind,
    request::{bit, members},
    verdict::Verdict,
};
use futures_util::{StreamExt, stream::FuturesUnordered};

/// The endpoints that have to say *absent*, and those that have said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    voters: u64,
    absent: u64,
    /// One voter's word is enough: the voters are replicas in step.
    any: bool,
}

impl Tally {
    /// `absent`: the endpoints that have said so already.
    pub(crate) fn new<P: Protocol>(core: &Core<P>, absent: u64) -> Self {
        Self {
            voters: voters(core),
            absent,
            any: core.mode == Mode::Strong,
        }
    }

    pub(crate) const fn note(&mut self, endpoint: usize) {
        self.absent |= bit(endpoint);
    }

    pub(crate) const fn absent(self) -> u64 {
        self.absent
    }

    pub(crate) const fn is_proven(self) -> bool {
        self.missing() == 0
    }

    /// The endpoints whose word is still needed.
    pub(crate) const fn missing(self) -> u64 {
        if self.any && self.voters & self.absent != 0 {
            0
        } else {
            self.voters & !self.absent
        }
    }
}

/// The endpoints whose *absent* counts. A read-only copy lags behind its source, so it has no vote beside a writable
/// endpoint.
fn voters<P: Protocol>(core: &Core<P>) -> u64 {
    match core.mode {
        Mode::ProviderManaged { home: Some(home) } => bit(home),
        Mode::WriteOnce | Mode::Strong if core.writable() != 0 => core.writable(),
        Mode::ProviderManaged { home: None } | Mode::WriteOnce | Mode::Strong => core.permitted(),
    }
}

/// The endpoints that may hold the key although the asked endpoint does not.
pub(crate) fn holders<P: Protocol>(core: &Core<P>) -> u64 {
    match core.mode {
        Mode::ProviderManaged { home: Some(home) } => bit(home),
        Mode::Strong => voters(core),
        Mode::ProviderManaged { home: None } | Mode::WriteOnce => core.permitted(),
    }
}

/// A get or a head of one key.
///
/// A pinned read asks that endpoint only. A conditional read asks the endpoint that gave the tag first. If that
/// endpoint cannot answer, and the budget grants it, the read goes on elsewhere. There the tag means nothing and is not
/// shown, so the read returns the body.
pub(crate) async fn read<P: Protocol>(cx: &Context<P>, request: P::Request) -> Result<(P::Response, Answer), Error> {
    if let Some(endpoint) = giver_of_the_tag(cx, &request) {
        let aim = Aim {
            deadline: Some(cx.preferring()),
            ..Aim::only(endpoint)
        };
        let reply = cx.ask(request.clone(), aim).await;
        if has_answered(&reply) {
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

fn giver_of_the_tag<P: Protocol>(cx: &Context<P>, request: &P::Request) -> Option<usize> {
    let endpoint = cx.core.engine.roster.index_of(P::tag_given_by(request)?)?;
    (cx.pin.is_none() && cx.barred & bit(endpoint) == 0).then_some(endpoint)
}

fn has_answered<P: Protocol>(reply: &Reply<P>) -> bool {
    use ProviderErrorKind::{NotFound, NotModified, RangeNotSatisfiable};
    reply.is_ok() || matches!(reply.refusal(), Some(NotFound | NotModified | RangeNotSatisfiable))
}

async fn decide<P: Protocol>(
    cx: &Context<P>,
    request: P::Request,
    reply: Reply<P>,
) -> Result<(P::Response, Answer), Error> {
    match reply.refusal() {
        // S3 says 403 for a missing key to whoever may not list: not absence, but no reason to stop looking either.
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
    let possibly_stale = cx.core.may_lag(endpoint);
    match reply.result {
        Ok(response) => {
            if !possibly_stale && let Some(tag) = P::tag_of(reply.call.request(), &response) {
                super::remember(cx, reply.call.request(), tag);
            }
            let answer = Answer {
                endpoint: endpoint.map(|endpoint| cx.name(endpoint)),
                possibly_stale,
                unresolved: false,
            };
            Ok((response, answer))
        }
        Err(_) => Err(cx.fail(reply)),
    }
}

/// Asks all endpoints that may hold the key, at once. The first endpoint that has the key wins.
async fn prove<P: Protocol>(
    cx: &Context<P>,
    request: P::Request,
    first: Reply<P>,
) -> Result<(P::Response, Answer), Error> {
    let mut tally = Tally::new(&cx.core, first.absent_at());
    let denied_by = match first.refusal() {
        Some(ProviderErrorKind::Denied) => winner(first.record(), Verdict::Denied),
        _ => None,
    };
    let was_denied = first.refusal() == Some(ProviderErrorKind::Denied);
    let asked_already = tally.absent | denied_by.map_or(0, bit);
    let mut failed: Vec<(usize, Reply<P>)> = Vec::new();
    let mut absent = None;
    if !tally.is_proven() {
        let mut asks: FuturesUnordered<_> = members(holders(&cx.core) & !asked_already & !cx.barred)
            .map(|endpoint| {
                let request = request.clone();
                async move { (endpoint, cx.ask(request, Aim::proof(endpoint)).await) }
            })
            .collect();
        while let Some((endpoint, reply)) = asks.next().await {
            match reply.refusal() {
                Some(ProviderErrorKind::NotFound) => {
                    tally.note(endpoint);
                    absent = Some(reply);
                    if tally.is_proven() {
                        break;
                    }
                }
                _ if has_answered(&reply) => return answer(cx, reply),
                _ => failed.push((endpoint, reply)),
            }
        }
    }
    let absent_at = cx.names(tally.absent);
    if tally.is_proven() {
        let said_so = if was_denied { absent.unwrap_or(first) } else { first };
        return Err(cx.fail(said_so).with_absence(absent_at, Vec::new()));
    }
    let missing = members(tally.missing())
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
        .refuse(ErrorKind::Unavailable, "whether it exists could not be told")
        .with_absence(absent_at, missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_needs_every_voter_and_nobody_else() {
        let mut tally = Tally {
            voters: 0b011,
            absent: 0b100,
            any: false,
        };
        assert!(!tally.is_proven());
        tally.absent |= 0b001;
        assert_eq!(tally.missing(), 0b010);
        tally.absent |= 0b010;
        assert!(tally.is_proven());
    }

    #[test]
    fn one_strong_replica_proves_absence_for_all() {
        let mut tally = Tally {
            voters: 0b011,
            absent: 0b100,
            any: true,
        };
        assert_eq!(tally.missing(), 0b011);
        tally.note(1);
        assert!(tally.is_proven());
    }
}
