//! Whether the bytes that came are the bytes that were written: the stamp of a write has the checksum of its body.

use crate::{
    call::{Answer, Context, Error},
    client::object::Objects,
    model::{ErrorKind, crc},
    replicate,
    request::{
        OpClass, bit,
        object::{Get, Object, ObjectMeta, ObjectRequest, ObjectResponse, WriteId},
    },
    telemetry::Event,
};
use std::sync::Arc;

/// The checksum of a stream's bytes so far, beside that of the whole.
pub(super) struct Sum {
    of_whole: u64,
    so_far: u64,
}

impl Sum {
    /// Of the whole object whose first bytes are here. `None`: its checksum is not known.
    pub(super) fn of(meta: &ObjectMeta, first: &[u8]) -> Option<Self> {
        let stamp = meta.write_id.as_ref()?.stamp()?;
        let of_whole = stamp.crc().filter(|_| stamp.fits(&meta.key, meta.size))?;
        let so_far = crc::of(first);
        Some(Self { of_whole, so_far })
    }

    pub(super) fn add(&mut self, crc: u64, bytes: usize) {
        self.so_far = crc::joined(self.so_far, crc, bytes as u64);
    }

    pub(super) const fn is_right(&self) -> bool {
        self.so_far == self.of_whole
    }
}

/// Whether the body has the checksum that its write left, as far as that is known. A part has none.
fn is_intact(object: &Object) -> bool {
    let meta = &object.meta;
    let stamp = meta.write_id.as_ref().filter(|_| object.range == (0..meta.size));
    let Some(stamp) = stamp.and_then(WriteId::stamp) else {
        return true;
    };
    // Whether the stamp fits costs more than the checksum of a small body.
    let is_right = stamp.crc().is_none_or(|crc| crc == crc::of(&object.body));
    is_right || !stamp.fits(&meta.key, meta.size)
}

/// The object, if its body is as it was written. Else other endpoints are asked, as the budget grants.
pub(super) async fn or_elsewhere(
    cx: &Arc<Context<Objects>>,
    get: &Get,
    (mut object, mut answer): (Object, Answer),
) -> Result<(Object, Answer), Error> {
    let mut barred = 0;
    // Bytes of several endpoints prove nothing about any of them: the whole is fetched once from one.
    if !is_intact(&object) && answer.served.len() > 1 {
        let whole = match cx.may_ask_more(OpClass::Read) {
            true => Box::pin(replicate::read(cx, ObjectRequest::Get(get.clone()))).await?,
            false => return Err(wrong(cx, "more than one endpoint")),
        };
        (object, answer) = match whole {
            (ObjectResponse::Get(object), answer) => (object, answer),
            _ => return Err(cx.nonsense()),
        };
    }
    while !is_intact(&object) {
        let damaged = answer.endpoint.unwrap_or_else(|| "?".into());
        let at = cx.core.engine.roster.index_of(&damaged);
        let was_asked = at.is_none_or(|at| barred & bit(at) != 0);
        barred |= at.map_or(0, bit);
        report(cx, at);
        let others = cx.reach(cx.core.permitted()) & !barred;
        let may_ask = !was_asked && others != 0 && get.if_match.is_none() && cx.core.retry.max_attempts > 1;
        let further = match may_ask && cx.may_ask_more(OpClass::Read) {
            // Boxed: few calls come here, and each would be larger.
            true => Box::pin(replicate::read_elsewhere(cx, ObjectRequest::Get(get.clone()), barred)).await,
            false => return Err(wrong(cx, &damaged)),
        };
        (object, answer) = match further {
            Ok((ObjectResponse::Get(object), answer)) => (object, answer),
            Ok(_) => return Err(cx.nonsense()),
            Err(_) => return Err(wrong(cx, &damaged)),
        };
    }
    Ok((object, answer))
}

/// Says that an endpoint gave other bytes than were written.
pub(super) fn report(cx: &Context<Objects>, endpoint: Option<usize>) {
    if let Some(endpoint) = endpoint {
        let name = cx.name(endpoint);
        let reporter = cx.core.verifier.reporter(endpoint);
        reporter.report(Event::WrongChecksum { endpoint: name });
    }
}

pub(super) fn wrong(cx: &Context<Objects>, endpoint: &str) -> Error {
    let message = format!(
        "the bytes that {endpoint} gave do not have the checksum with which the object was written: they are damaged, or \
         somebody else replaced them in place and kept evenkeel's metadata"
    );
    cx.refuse(ErrorKind::Unavailable, message)
}
