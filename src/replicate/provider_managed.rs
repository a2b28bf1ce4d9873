//! Writes to a fixed home; the provider copies.

use super::{Accepted, settle};
use crate::{
    client::object::context::{Aim, Context},
    error::{Error, ErrorKind},
    request::object::{Delete, ObjectRequest, ObjectResponse, Put, PutMode, WriteId},
};

pub(super) async fn put(
    cx: &Context,
    home: Option<usize>,
    put: Put,
    id: &WriteId,
    known_id: bool,
) -> Result<Accepted, Error> {
    let home = usable(cx, home)?;
    if let PutMode::IfMatch(tag) = &put.mode
        && tag.endpoint() != cx.core.roster.name(home)
    {
        return Err(cx.refuse(
            ErrorKind::InvalidInput,
            format!(
                "the ETag was given by {}, and under provider_managed writes go to the home {} only; fetch the object \
                 from there",
                tag.endpoint(),
                cx.core.roster.name(home)
            ),
        ));
    }
    let what = (put.key.clone(), put.mode.clone());
    let reply = cx.ask(ObjectRequest::Put(put), Aim::only(home)).await;
    // Another writer may have overwritten what a lost attempt stored, so a foreign object proves nothing here.
    let settled = settle(cx, reply, what, id, known_id, false).await;
    settled.map_err(|error| of_the_home(cx, error))
}

pub(super) async fn delete(cx: &Context, home: Option<usize>, delete: Delete) -> Result<Option<usize>, Error> {
    let home = usable(cx, home)?;
    let reply = cx.ask(ObjectRequest::Delete(delete), Aim::only(home)).await;
    match reply.result {
        Ok(ObjectResponse::Delete) => Ok(Some(home)),
        _ => Err(of_the_home(cx, cx.fail(reply))),
    }
}

/// The home, if this call may write to it.
fn usable(cx: &Context, home: Option<usize>) -> Result<usize, Error> {
    let Some(home) = home else {
        return Err(cx.refuse(ErrorKind::Unsupported, "every endpoint of this client is read-only"));
    };
    let name = cx.core.roster.name(home);
    if cx.pin.is_some_and(|pin| pin != home) {
        let message =
            format!("under provider_managed writes go to the home {name} only, and the call is pinned elsewhere");
        return Err(cx.refuse(ErrorKind::InvalidInput, message));
    }
    if let Some(violation) = &cx.violations[home] {
        let message = format!("the home {name} may not be used, as {violation}");
        return Err(cx.refuse(ErrorKind::HomeUnavailable, message).retryable(false));
    }
    Ok(home)
}

/// With copies beside it, a home that cannot answer has a name of its own: reads still work.
fn of_the_home(cx: &Context, error: Error) -> Error {
    if error.kind() == ErrorKind::Unavailable && cx.core.permitted().count_ones() > 1 {
        error.with_kind(ErrorKind::HomeUnavailable)
    } else {
        error
    }
}
