//! Writes in parts: where an upload may begin, and how it ends.
//!
//! An upload lives at one endpoint. Nothing is visible before its completion, so until then it may be given up and made
//! again elsewhere. The completion is the write:
//!
//! | the completion | then |
//! |---|---|
//! | is answered | the object is stored |
//! | is refused on its condition | as for a put: after a lost answer the object is looked at, and this write's id decides |
//! | finds the upload gone, and the object there has this write's id | an earlier attempt completed it |
//! | finds the upload gone, and no answer was lost | nothing was stored: the upload may be made again |
//! | finds the upload gone after a lost answer, and the object is another's or absent | it may have been stored, and replaced since |
//! | stays without an answer | it may be applied |

use super::{
    Accepted, Condition, Mark, Owner, Write,
    authority::{authority, may_judge, of_the_home, pinned_to_a_writable},
    fit::fit,
    owner, pen, settle, written,
};
use crate::{
    call::{Aim, Context, Error, Mode, Protocol},
    model::ErrorKind,
    provider::{Conditional, ProviderErrorKind},
    request::bit,
};

/// Where an upload on this condition may begin, among the endpoints that take objects in parts.
pub(crate) async fn aim_of_upload<P: Protocol>(
    cx: &Context<P>,
    condition: &Condition,
    in_parts: u64,
) -> Result<Aim, Error> {
    let aim = match cx.plan.mode {
        Mode::WriteOnce => {
            if *condition != Condition::Create {
                return Err(cx.refuse(
                    ErrorKind::Unsupported,
                    "under write_once an upload only creates: overwrite and if-match are refused",
                ));
            }
            pinned_to_a_writable(cx)?;
            Aim {
                barred: !cx.plan.write_to,
                ..Aim::default()
            }
        }
        Mode::ProviderManaged | Mode::Strong => authority(cx)?,
    };
    let here = match aim.pin.or(cx.pin) {
        Some(pin) => bit(pin),
        None => !aim.barred & cx.plan.write_to,
    };
    if here & in_parts == 0 {
        let message = format!("{} does not take objects in parts", cx.names(here).join(" or "));
        return Err(cx.refuse(ErrorKind::Unsupported, message));
    }
    // What a store does with conditions of puts says nothing of those of completions.
    let asked = (*condition != Condition::None).then_some(Conditional::Complete);
    match (cx.plan.mode, asked) {
        (Mode::WriteOnce, Some(asked)) => {
            let fit = fit(cx, here & in_parts, asked).await?;
            Ok(Aim { barred: !fit, ..aim })
        }
        _ => {
            may_judge(cx, condition, asked).await?;
            Ok(aim)
        }
    }
}

/// The end of a completion that succeeded.
pub(crate) struct Completed<P: Protocol> {
    pub(crate) accepted: Accepted<P>,
    /// The completion was answered. Otherwise the object was recognised, and the upload may still be open.
    pub(crate) was_answered: bool,
}

/// The end of a completion that did not succeed.
pub(crate) struct Incomplete {
    pub(crate) error: Error,
    /// The upload ended, and nothing was stored: the same bytes may be uploaded again.
    pub(crate) is_gone: bool,
}

impl From<Error> for Incomplete {
    fn from(error: Error) -> Self {
        Self { error, is_gone: false }
    }
}

/// Sends a completion to its endpoint once. `lost`: the endpoint lost the answer of an earlier pass.
pub(crate) async fn complete<P: Protocol>(
    cx: &Context<P>,
    write: Write<P>,
    (endpoint, aim): (usize, Aim),
    lost: bool,
) -> Result<Completed<P>, Incomplete> {
    let pen = pen(cx, &write.look);
    let about = (write.condition, write.mark.clone(), write.known_id);
    let reply = cx.ask(write.request, aim).await;
    let was_answered = reply.is_ok();
    let lost = lost || reply.maybe_applied_at() != 0;
    let accepted = if reply.refusal() == Some(ProviderErrorKind::UploadGone) {
        match owner(cx, write.look, &write.mark, Aim::confirm(endpoint)).await {
            Owner::Own(tag) => Ok(Accepted::recognised(tag, endpoint, write.known_id, cx)),
            // Under an id of the caller's, an earlier call may have completed it.
            Owner::Foreign | Owner::Gone if !lost && !write.known_id => {
                return Err(Incomplete {
                    error: cx.fail(reply).with_write_id(Some(write.mark.id)),
                    is_gone: true,
                });
            }
            _ => Err(cx.fail(reply).with_kind(ErrorKind::MaybeApplied).retryable(true)),
        }
    } else {
        let lost_at = if lost { bit(endpoint) } else { 0 };
        settle(cx, reply, write.look, about, lost_at).await
    };
    match accepted {
        Ok(accepted) => {
            written::<P>(pen.as_ref(), accepted.tag.as_ref());
            Ok(Completed { accepted, was_answered })
        }
        Err(error) => Err(of_the_home(cx, error).with_write_id(Some(write.mark.id)).into()),
    }
}

/// Whose write lies there, after a completion without an answer.
pub(crate) async fn recognise<P: Protocol>(
    cx: &Context<P>,
    look: P::Request,
    mark: &Mark,
    known_id: bool,
    endpoint: usize,
) -> Option<Accepted<P>> {
    match owner(cx, look, mark, Aim::confirm(endpoint)).await {
        Owner::Own(tag) => Some(Accepted::recognised(tag, endpoint, known_id, cx)),
        Owner::Foreign | Owner::Gone | Owner::Unnamed | Owner::Unknown => None,
    }
}
