//! One table behind all endpoints: a write may go to any replica.

use super::{Accepted, Condition, Witness, Write, settle, write_once::pinned_to_a_writable};
use crate::{
    call::{Aim, Context, Error, Protocol},
    model::ErrorKind,
};

pub(super) async fn write<P: Protocol>(cx: &Context<P>, write: Write<P>) -> Result<Accepted<P>, Error> {
    let aim = aim(cx)?;
    if let Condition::Match { given_by } = &write.condition {
        // A version of a replica that lags is no current one, and the condition then fails as it should.
        if cx.core.engine.roster.index_of(given_by).is_none() {
            let message = format!(
                "the {} was given by {given_by}, which is no replica of this table; read it again",
                P::TAG
            );
            return Err(cx.refuse(ErrorKind::InvalidInput, message));
        }
    }
    let reply = cx.ask(write.request, aim).await;
    // Any replica shows what another has applied. But somebody else may have replaced it since.
    let witness = Witness {
        knows_all: true,
        foreign_is_definite: false,
        lost: 0,
    };
    settle(
        cx,
        reply,
        write.look,
        (write.condition, write.id, write.known_id),
        witness,
    )
    .await
}

pub(super) fn aim<P: Protocol>(cx: &Context<P>) -> Result<Aim, Error> {
    pinned_to_a_writable(cx)?;
    if cx.core.writable() == 0 {
        return Err(cx.refuse(ErrorKind::Unsupported, "every endpoint of this client is read-only"));
    }
    Ok(Aim {
        barred: !cx.core.writable(),
        ..Aim::default()
    })
}
