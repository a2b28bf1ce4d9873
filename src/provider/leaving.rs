//! Bodies that leave, and the reports of their progress.

use crate::request::Progress;
use bytes::Bytes;

/// A body of at most this many bytes is sent whole, without reports: any system takes over this much at once.
pub(super) const WORTH_TELLING: usize = 64 << 10;

/// hyper takes sixteen pieces of a body, and asks for more when the system has taken over all sixteen. Reports
/// therefore come in steps of 128 KiB, which a slow line carries in half a second.
pub(super) const PIECE: usize = 8 << 10;

/// Takes the next piece of the body to send, and reports it.
pub(super) fn leave(rest: &mut Bytes, progress: &Progress) -> Option<Bytes> {
    if rest.is_empty() {
        return None;
    }
    let piece = rest.split_to(rest.len().min(PIECE));
    progress.sent(piece.len());
    Some(piece)
}

/// A body of any kind that is taken piece by piece, with reports.
#[cfg(any(feature = "s3", feature = "object_store_http"))]
pub(super) struct Leaving<B> {
    body: B,
    /// The rest of the latest piece.
    rest: Bytes,
    progress: Progress,
}

#[cfg(any(feature = "s3", feature = "object_store_http"))]
mod frames {
    use super::{Leaving, leave};
    use crate::request::Progress;
    use bytes::Bytes;
    use hyper::body::{Body, Frame, SizeHint};
    use std::{
        pin::Pin,
        task::{Context, Poll, ready},
    };

    impl<B> Leaving<B> {
        pub(in crate::provider) const fn new(body: B, progress: Progress) -> Self {
            let rest = Bytes::new();
            Self { body, rest, progress }
        }
    }

    impl<B: Body<Data = Bytes> + Unpin> Body for Leaving<B> {
        type Data = Bytes;
        type Error = B::Error;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
            let this = &mut *self;
            loop {
                if let Some(piece) = leave(&mut this.rest, &this.progress) {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                    Some(Ok(frame)) => frame,
                    other => return Poll::Ready(other),
                };
                match frame.into_data() {
                    Ok(whole) => this.rest = whole,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                }
            }
        }

        fn is_end_stream(&self) -> bool {
            self.rest.is_empty() && self.body.is_end_stream()
        }

        fn size_hint(&self) -> SizeHint {
            let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
            let mut hint = SizeHint::new();
            hint.set_lower(body.lower() + rest);
            if let Some(upper) = body.upper() {
                hint.set_upper(upper + rest);
            }
            hint
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Call;

    #[test]
    fn leaving_pieces_add_up_to_the_whole_body() {
        let call = Call::read(());
        let progress = call.progress();
        let body: Bytes = (0..200_000_u32).map(|number| number as u8).collect();
        let (mut rest, mut left) = (body.clone(), Vec::new());
        while let Some(piece) = leave(&mut rest, &progress) {
            assert!(!piece.is_empty() && piece.len() <= PIECE);
            left.extend_from_slice(&piece);
        }
        assert_eq!(left, body);
        assert_eq!(call.record().bytes(call.leg()), 200_000);
    }
}
