//! Reads, and what it takes to say *not found*.

use super::Mode;
use crate::{
    client::object::{
        context::{Aim, Context, Core, Reply, members, winner},
        values::Answer,
    },
    error::{Error, ErrorKind},
    provider::ProviderErrorKind,
    request::{
        bit,
        object::{ObjectRequest, ObjectResponse},
    },
    verdict::Verdict,
};
use futures_util::{StreamExt, stream::FuturesUnordered};

/// Who has to say *absent* before it is proven, and who has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tally {
    voters: u64,
    absent: u64,
}

impl Tally {
    const fn is_proven(self) -> bool {
        self.voters & !self.absent == 0
    }

    const fn missing(self) -> u64 {
        self.voters & !self.absent
    }
}

/// Whose *absent* counts. A read-only copy lags behind what fills it, so it has no vote where there is a writable one.
fn voters(core: &Core) -> u64 {
    match core.mode {
        Mode::ProviderManaged { home: Some(home) } => bit(home),
        Mode::WriteOnce if core.writable() != 0 => core.writable(),
        Mode::ProviderManaged { home: None } | Mode::WriteOnce => core.permitted(),
    }
}

/// Who may hold the key although the endpoint that was asked does not.
fn holders(core: &Core) -> u64 {
    match core.mode {
        Mode::ProviderManaged { home: Some(home) } => bit(home),
        Mode::ProviderManaged { home: None } | Mode::WriteOnce => core.permitted(),
    }
}

/// A get or a head.
///
/// A pinned read asks that endpoint only. A conditional one asks the endpoint that gave the tag first; when that one
/// cannot answer, the read goes on elsewhere, where the tag means nothing and is not shown: it then returns the body.
pub(crate) async fn read(cx: &Context, request: ObjectRequest) -> Result<(ObjectResponse, Answer), Error> {
    if let Some(endpoint) = giver_of_the_tag(cx, &request) {
        let aim = Aim {
            deadline: Some(cx.preferring()),
            ..Aim::only(endpoint)
        };
        let reply = cx.ask(request.clone(), aim).await;
        if has_answered(&reply) {
            return decide(cx, request, reply).await;
        }
    }
    let reply = cx.ask(request.clone(), Aim::default()).await;
    decide(cx, request, reply).await
}

fn giver_of_the_tag(cx: &Context, request: &ObjectRequest) -> Option<usize> {
    let ObjectRequest::Get(get) = request else {
        return None;
    };
    let endpoint = cx.core.roster.index_of(get.if_none_match.as_ref()?.endpoint())?;
    (cx.pin.is_none() && cx.barred() & bit(endpoint) == 0).then_some(endpoint)
}

fn has_answered(reply: &Reply) -> bool {
    use ProviderErrorKind::{NotFound, NotModified, RangeNotSatisfiable};
    reply.is_ok() || matches!(reply.refusal(), Some(NotFound | NotModified | RangeNotSatisfiable))
}

async fn decide(cx: &Context, request: ObjectRequest, reply: Reply) -> Result<(ObjectResponse, Answer), Error> {
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

fn answer(cx: &Context, reply: Reply) -> Result<(ObjectResponse, Answer), Error> {
    let endpoint = reply.endpoint();
    let possibly_stale = match cx.core.mode {
        Mode::ProviderManaged { home } => home.is_none() || home != endpoint,
        // What is written once cannot be outdated.
        Mode::WriteOnce => false,
    };
    match reply.result {
        Ok(response) => Ok((
            response,
            Answer {
                endpoint: endpoint.map(|endpoint| cx.name(endpoint)),
                possibly_stale,
            },
        )),
        Err(_) => Err(cx.fail(reply)),
    }
}

/// Asks all who may hold the key, at once. The first that has it wins.
async fn prove(cx: &Context, request: ObjectRequest, first: Reply) -> Result<(ObjectResponse, Answer), Error> {
    let mut tally = Tally {
        voters: voters(&cx.core),
        absent: first.absent_at(),
    };
    let denied_by = match first.refusal() {
        Some(ProviderErrorKind::Denied) => winner(&first.record, Verdict::Denied),
        _ => None,
    };
    let was_denied = first.refusal() == Some(ProviderErrorKind::Denied);
    let asked_already = tally.absent | denied_by.map_or(0, bit);
    let mut failed: Vec<(usize, Reply)> = Vec::new();
    let mut absent = None;
    if !tally.is_proven() {
        let mut asks: FuturesUnordered<_> = members(holders(&cx.core) & !asked_already & !cx.barred())
            .map(|endpoint| {
                let request = request.clone();
                async move { (endpoint, cx.ask(request, Aim::proof(endpoint)).await) }
            })
            .collect();
        while let Some((endpoint, reply)) = asks.next().await {
            match reply.refusal() {
                Some(ProviderErrorKind::NotFound) => {
                    tally.absent |= bit(endpoint);
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
    fn absence_takes_every_voter_and_nobody_else() {
        let mut tally = Tally {
            voters: 0b011,
            absent: 0b100,
        };
        assert!(!tally.is_proven());
        tally.absent |= 0b001;
        assert_eq!(tally.missing(), 0b010);
        tally.absent |= 0b010;
        assert!(tally.is_proven());
    }
}
