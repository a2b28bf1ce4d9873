//! A whole object in one answer, whose body may break off.

use super::{
    AT_ONCE, FIRST, PART, intact,
    part::{Parts, Shared, Terms},
};
use crate::{
    call::{Answer, Context, Error, Served, options::CallOptions},
    client::object::Objects,
    model::{ErrorKind, clock},
    provider::Beginning,
    replicate,
    request::{
        OpClass,
        object::{Get, Object, ObjectMeta, ObjectRequest, ObjectResponse},
    },
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::{sync::Arc, time::Duration};

/// In how many rounds a part of the rest is asked for: in the first one others than the endpoint that failed. The waits
/// before the further ones are 350 ms at most, as somebody waits for this call.
const ROUNDS: u32 = 4;

/// Fetches an object, and compares a whole one with the checksum of its write.
pub(in crate::client::object) async fn get(cx: &Arc<Context<Objects>>, get: Get) -> Result<(Object, Answer), Error> {
    let got = fetch(cx, get.clone()).await?;
    intact::or_elsewhere(cx, &get, got).await
}

/// Fetches an object with one request. If a large body breaks off, fetches the rest in parts, where the content is
/// provably the same; if nobody has the same, fetches the whole once more.
async fn fetch(cx: &Arc<Context<Objects>>, get: Get) -> Result<(Object, Answer), Error> {
    let broke_off = match ask(cx, get.clone()).await {
        Ok(got) => return Ok(got),
        Err(error) => error,
    };
    match cx.broken_off() {
        // Boxed: few calls come here, and each would be larger.
        Some(beginning) => Box::pin(go_on(cx, get, beginning, broke_off)).await,
        None => Err(broke_off),
    }
}

async fn ask(cx: &Arc<Context<Objects>>, get: Get) -> Result<(Object, Answer), Error> {
    match replicate::read(cx, ObjectRequest::Get(get)).await? {
        (ObjectResponse::Get(object), answer) => Ok((object, answer)),
        _ => Err(cx.nonsense()),
    }
}

async fn go_on(
    cx: &Arc<Context<Objects>>,
    get: Get,
    (home, Beginning { meta, mut body }): (usize, Beginning),
    broke_off: Error,
) -> Result<(Object, Answer), Error> {
    let is_over = || clock::now() >= cx.deadline;
    if is_over() {
        return Err(broke_off);
    }
    let name = cx.name(home);
    let meta = ObjectMeta {
        etag: meta.etag.map(|tag| tag.at(&name)),
        ..meta
    };
    let shared = Shared::new(
        cx.core.clone(),
        CallOptions::default(),
        None,
        get.key.clone(),
        meta,
        Some(home),
    );
    let failed = match shared.is_provable() {
        true => match rest(cx, &shared, (home, &name), &mut body).await {
            Ok(served) => {
                let meta = shared.meta().clone();
                let answer = Answer {
                    endpoint: Some(name.clone()),
                    possibly_stale: cx.core.plan.may_lag(Some(home)),
                    unresolved: false,
                    served,
                };
                return Ok((Object::new(meta, 0..shared.meta().size, body.freeze()), answer));
            }
            Err(failed) => failed,
        },
        false => broke_off,
    };
    // Nothing was delivered, so that the whole may come from whoever has another version.
    let is_elsewhere = shared.met_unfit() || !shared.is_provable() || failed.kind() == ErrorKind::PreconditionFailed;
    if !is_elsewhere || is_over() || !cx.may_ask_more(OpClass::Read) {
        return Err(failed);
    }
    drop(body);
    ask(cx, get).await
}

/// Fetches what the body lacks: first a small part, which finds out who has the same.
async fn rest(
    cx: &Arc<Context<Objects>>,
    shared: &Shared,
    (home, name): (usize, &Arc<str>),
    body: &mut BytesMut,
) -> Result<Vec<Served>, Error> {
    let mut served = vec![Served::new(0..body.len() as u64, name.clone())];
    let mut parts = Parts::new(body.len() as u64..shared.meta().size, FIRST / 2, PART);
    let mut terms = Terms {
        rounds: ROUNDS,
        failed: Some(home),
        // As any retry of a get, which would else take each token in the moment in which it comes.
        patience: Duration::ZERO,
    };
    let mut add = |(bytes, next): (Bytes, Served)| {
        body.extend_from_slice(&bytes);
        next.add_to(&mut served);
    };
    if let Some(first) = parts.next() {
        add(shared.part(cx, first, terms).await?);
    }
    terms.failed = None;
    let parts = stream::iter(std::iter::from_fn(|| parts.next()));
    let mut fetched = parts.map(|range| shared.part(cx, range, terms)).buffered(AT_ONCE);
    while let Some(part) = fetched.try_next().await? {
        add(part);
    }
    Ok(served)
}
