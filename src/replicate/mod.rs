//! How data gets to the other endpoints, and what the client can therefore promise.

mod absence;
mod authority;
#[cfg(test)]
mod copies;
pub(crate) mod copy;
mod create;
mod declined;
mod fence;
mod fit;
mod upload;
mod write_once;

pub(crate) use absence::{read, read_elsewhere};
pub(crate) use authority::{authority, of_the_home};
pub(crate) use upload::{Completed, Incomplete, aim_of_upload, complete, recognise};

use crate::{
    call::{Aim, Answer, Context, Error, Mode, Pen, Protocol, Reply},
    model::{ErrorKind, clock},
    provider::ProviderErrorKind,
    request::{WriteId, bit},
    stack::retry::Exception,
};
use std::sync::Arc;

/// The condition of a write, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No condition: the write may be sent again after a lost answer.
    None,
    /// Only if the key is absent.
    Create,
    /// Only if this endpoint's tag is still current.
    Match { given_by: Arc<str> },
}

/// A write on its way.
pub(crate) struct Write<P: Protocol> {
    pub(crate) request: P::Request,
    /// The request that reads back whose write is there.
    pub(crate) look: P::Request,
    pub(crate) condition: Condition,
    pub(crate) mark: Mark,
    /// Whether the caller chose the id, so that an earlier call may have stored it.
    pub(crate) known_id: bool,
    /// Whether the write leaves nothing there.
    pub(crate) removes: bool,
    /// Whether no attempt of the write may undo a later write.
    pub(crate) fenced: bool,
}

/// What a write is recognised by.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) id: WriteId,
    /// How many bytes it stores. An id that a caller chose for an upload of unknown length names the key alone.
    pub(crate) length: Option<u64>,
}

impl Mark {
    /// Whether what lies there, with this id and of this length, is the write's. The length counts where one of the ids
    /// does not know it: a layer that encrypts or compresses stores another length than was written.
    fn is_of(&self, id: &WriteId, length: u64) -> bool {
        let knows_length = |id: &WriteId| id.stamp().is_some_and(|stamp| stamp.bind() != 0);
        let is_known = knows_length(id) && knows_length(&self.id);
        id.names_same_write(&self.id) && (is_known || self.length.is_none_or(|own| own == length))
    }
}

/// A write that took place, by this attempt or an earlier one.
pub(crate) struct Accepted<P: Protocol> {
    pub(crate) tag: Option<P::Tag>,
    pub(crate) endpoint: Option<usize>,
    /// Whether an attempt may still land, and change what is there then.
    pub(crate) unresolved: bool,
}

/// Stores a value, or removes it on a condition.
pub(crate) async fn write<P: Protocol>(cx: &Context<P>, write: Write<P>) -> Result<Accepted<P>, Error> {
    let (id, look, removes) = (write.mark.id.clone(), write.look.clone(), write.removes);
    let pen = pen(cx, &look);
    let accepted = match (cx.plan.mode, &write.condition) {
        (Mode::WriteOnce, _) => write_once::write(cx, write).await,
        (Mode::ProviderManaged | Mode::Strong, Condition::None) => fence::write(cx, write, pen.as_ref()).await,
        (Mode::ProviderManaged | Mode::Strong, _) => authority::write(cx, write).await,
    };
    match accepted {
        Ok(accepted) => {
            written::<P>(pen.as_ref(), accepted.tag.as_ref().filter(|_| !removes));
            Ok(accepted)
        }
        Err(error) => Err(error.with_write_id(Some(id))),
    }
}

/// Removes what is there, whatever it is.
pub(crate) async fn delete<P: Protocol>(cx: &Arc<Context<P>>, write: Write<P>) -> Result<Accepted<P>, Error> {
    let look = write.look.clone();
    let pen = pen(cx, &look);
    let accepted = match cx.plan.mode {
        Mode::WriteOnce => write_once::delete(cx, write.request).await,
        Mode::ProviderManaged | Mode::Strong => fence::write(cx, write, pen.as_ref()).await,
    }?;
    written::<P>(pen.as_ref(), None);
    Ok(accepted)
}

/// Removes what is there if this endpoint's tag is still current, or nothing is there. Returns which endpoint
/// confirmed.
pub(crate) async fn delete_if<P: Protocol>(
    cx: &Context<P>,
    request: P::Request,
    look: P::Request,
    given_by: Arc<str>,
) -> Result<Accepted<P>, Error> {
    let pen = pen(cx, &look);
    let accepted = authority::delete_if(cx, request, look.clone(), given_by).await?;
    written::<P>(pen.as_ref(), None);
    Ok(accepted)
}

/// Keeps the tag that a read of this request's key found, for the next write of the key.
fn remember<P: Protocol>(cx: &Context<P>, request: &P::Request, tag: &P::Tag) {
    let Some(key) = P::key(request).filter(|_| cx.plan.tags) else {
        return;
    };
    if P::judge_of(tag).is_some() {
        cx.core.fences.learn(key, tag, cx.started);
    }
}

/// Notes that a write of this key begins. `None`: no tag fences this client's writes.
fn pen<'a, P: Protocol>(cx: &'a Context<P>, look: &P::Request) -> Option<Pen<'a, P::Tag>> {
    let key = P::key(look).filter(|_| cx.plan.tags)?;
    Some(cx.core.fences.write(key))
}

/// Notes that the write was done. `tag` is `None` if what the write left has no tag, or nothing is there.
fn written<P: Protocol>(pen: Option<&Pen<'_, P::Tag>>, tag: Option<&P::Tag>) {
    if let Some(pen) = pen {
        pen.done(tag.filter(|tag| P::judge_of(tag).is_some()).cloned(), clock::now());
    }
}

impl<P: Protocol> Accepted<P> {
    fn from(reply: Reply<P>, cx: &Context<P>) -> Result<Self, Error> {
        let endpoint = reply.endpoint();
        match reply.result {
            Ok(response) => match P::accepted(response) {
                Some(tag) => Ok(Self {
                    tag,
                    ..Self::at(endpoint, cx)
                }),
                None => Err(cx.nonsense()),
            },
            Err(_) => Err(cx.fail(reply)),
        }
    }

    fn at(endpoint: Option<usize>, cx: &Context<P>) -> Self {
        Self {
            tag: None,
            endpoint,
            unresolved: cx.unresolved() > 0,
        }
    }

    /// The accepted write, recognised by its id in what lies there.
    fn recognised(tag: Option<P::Tag>, endpoint: usize, known_id: bool, cx: &Context<P>) -> Self {
        Self {
            tag,
            endpoint: Some(endpoint),
            // One of them is what was found, unless an earlier call may have stored it.
            unresolved: cx.unresolved() > usize::from(!known_id),
        }
    }

    pub(crate) fn answer(&self, cx: &Context<P>) -> Answer {
        Answer {
            endpoint: self.endpoint.map(|endpoint| cx.name(endpoint)),
            possibly_stale: false,
            unresolved: self.unresolved,
            served: Vec::new(),
        }
    }
}

/// Whose write is there after a conditional write was refused.
enum Owner<P: Protocol> {
    /// This call's write, by its id: an earlier attempt was applied.
    Own(Option<P::Tag>),
    /// Another write's.
    Foreign,
    /// Ours or another's: the store keeps no ids.
    Unnamed,
    /// Nothing is there, or not any more.
    Gone,
    /// The endpoint could not be asked.
    Unknown,
}

/// Asks at `aim`, as a confirmation that passes the breaker if need be: only that endpoint knows what became of the
/// lost attempt.
async fn owner<P: Protocol>(cx: &Context<P>, look: P::Request, mark: &Mark, aim: Aim) -> Owner<P> {
    let reply = cx.ask(look, aim).await;
    if reply.refusal() == Some(ProviderErrorKind::NotFound) {
        return Owner::Gone;
    }
    let endpoint = reply.endpoint();
    match reply.result.ok().and_then(P::found) {
        Some((Some(found), length, tag)) if mark.is_of(&found, length) => Owner::Own(tag),
        Some((None, ..)) if !endpoint.is_some_and(|at| cx.core.keeps_ids(at)) => Owner::Unnamed,
        Some(_) => Owner::Foreign,
        None => Owner::Unknown,
    }
}

/// The end of a conditional write. If the write was refused where an earlier attempt may have been applied, looks whose
/// write is there. `lost`: endpoints that lost an answer in an earlier pass.
async fn settle<P: Protocol>(
    cx: &Context<P>,
    reply: Reply<P>,
    look: P::Request,
    (condition, mark, known_id): (Condition, Mark, bool),
    lost: u64,
) -> Result<Accepted<P>, Error> {
    let met = match reply.refusal() {
        Some(ProviderErrorKind::AlreadyExists) => ErrorKind::AlreadyExists,
        Some(ProviderErrorKind::PreconditionFailed) => ErrorKind::PreconditionFailed,
        Some(ProviderErrorKind::Conflict) => return unexplained(cx, reply, look, (&mark, known_id), lost).await,
        _ => return Accepted::from(reply, cx),
    };
    let Some(endpoint) = reply.endpoint().filter(|_| condition != Condition::None) else {
        return Err(cx.fail(reply));
    };
    let unknown_at = reply.maybe_applied_at() | lost;
    let visible = if cx.plan.witness.knows_all {
        unknown_at
    } else {
        unknown_at & bit(endpoint)
    };
    if !known_id && visible == 0 {
        return Err(cx.fail(reply));
    }
    let mut aim = Aim::confirm(endpoint);
    if visible == 0 {
        // Of this call no answer was lost: it is an earlier call's write that is looked for.
        aim.beyond = Some(Exception::Recognition);
    }
    match owner(cx, look, &mark, aim).await {
        Owner::Own(tag) => Ok(Accepted::recognised(tag, endpoint, known_id, cx)),
        Owner::Foreign | Owner::Gone if cx.plan.witness.foreign_is_definite && unknown_at & !bit(endpoint) == 0 => {
            Err(cx.fail(reply).with_kind(met))
        }
        Owner::Foreign | Owner::Gone => Err(cx.fail(reply)),
        Owner::Unnamed => Err(cx.fail(reply).with_kind(ErrorKind::MaybeApplied).retryable(false)),
        Owner::Unknown => Err(cx.fail(reply).with_kind(ErrorKind::MaybeApplied).retryable(true)),
    }
}

/// The end of a create that met an unexplained conflict: only what lies there can tell.
async fn unexplained<P: Protocol>(
    cx: &Context<P>,
    reply: Reply<P>,
    look: P::Request,
    (mark, known_id): (&Mark, bool),
    lost: u64,
) -> Result<Accepted<P>, Error> {
    let Some(endpoint) = reply.endpoint() else {
        return Err(cx.fail(reply));
    };
    let lost_elsewhere = (reply.maybe_applied_at() | lost) & !bit(endpoint) != 0;
    match owner(cx, look, mark, Aim::confirm(endpoint)).await {
        Owner::Own(tag) => Ok(Accepted::recognised(tag, endpoint, known_id, cx)),
        Owner::Foreign if !lost_elsewhere => Err(cx.fail(reply).with_kind(ErrorKind::AlreadyExists)),
        Owner::Unnamed => Err(cx.fail(reply).with_kind(ErrorKind::MaybeApplied).retryable(false)),
        // Nothing is there, or that cannot be told: who answered so may not have been the store, which may yet act.
        _ => Err(cx.fail(reply).with_kind(ErrorKind::MaybeApplied).retryable(true)),
    }
}
