//! Bodies that trickle or break off.

use super::counts::Meter;
use crate::BoxError;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use std::{pin::Pin, time::Duration};
use tokio::time::sleep;

pub(super) type Body = UnsyncBoxBody<Bytes, BoxError>;

pub(super) fn boxed<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// The body as it comes.
pub(super) fn whole(incoming: Incoming) -> Body {
    boxed(incoming)
}

/// A body of these bytes.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    boxed(Full::new(bytes.into()))
}

/// `body` at this rate, in pieces of a twentieth of a second. Such pieces look like a trickle to a throughput check,
/// and do not need a timer for every byte.
pub(super) fn dripping(body: Body, bytes_per_second: u64) -> Body {
    let piece = usize::try_from(bytes_per_second / 20).unwrap_or(usize::MAX).max(1);
    let pieces = stream::unfold((body, Bytes::new()), move |(mut body, mut left)| async move {
        while left.is_empty() {
            match body.frame().await?.map(Frame::into_data) {
                Ok(Ok(data)) => left = data,
                Ok(Err(other)) => return Some((Ok(other), (body, left))),
                Err(error) => return Some((Err(error), (body, left))),
            }
        }
        let bytes = left.split_to(piece.min(left.len()));
        sleep(Duration::from_micros(
            bytes.len() as u64 * 1_000_000 / bytes_per_second.max(1),
        ))
        .await;
        Some((Ok(Frame::data(bytes)), (body, left)))
    });
    boxed(StreamBody::new(pieces))
}

/// `body`. When all of it has been sent, `act` runs instead of an end.
pub(super) fn then(body: Body, act: impl FnOnce() + Send + 'static) -> Body {
    let end = stream::once(async move {
        act();
        std::future::pending().await
    });
    boxed(StreamBody::new(
        body.into_data_stream().map(|data| data.map(Frame::data)).chain(end),
    ))
}

/// Reads to the end, tells how long each piece is, and keeps nothing.
pub(super) async fn drain(mut incoming: Incoming, seen: impl Fn(usize)) {
    let mut incoming = Pin::new(&mut incoming);
    while let Some(Ok(frame)) = incoming.frame().await {
        frame.data_ref().map(Bytes::len).into_iter().for_each(&seen);
    }
}

/// `body`, each piece of which is counted when it is sent.
pub(super) fn counted(body: Body, meter: Meter) -> Body {
    boxed(body.map_frame(move |frame| {
        if let Some(data) = frame.data_ref() {
            meter.down(data.len());
        }
        frame
    }))
}
