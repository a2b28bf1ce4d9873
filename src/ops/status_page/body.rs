use super::{readers::Seat, stream::Frames};
use crate::model::clock;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

/// The body of an answer: a text, or the events of one reader, who keeps a place as long as this lives.
pub struct PageBody(Kind);

enum Kind {
    Text(Option<Bytes>),
    Events { frames: Frames, seat: Seat },
}

impl PageBody {
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Self(Kind::Text((!text.is_empty()).then_some(text)))
    }

    pub(super) const fn events(frames: Frames, seat: Seat) -> Self {
        Self(Kind::Events { frames, seat })
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Kind::Events { seat, .. } if !seat.touch(clock::now()) => Poll::Ready(None),
            Kind::Events { frames, .. } => {
                let next = frames.as_mut().poll_next(cx);
                next.map(|frame| frame.map(|frame| Ok(Frame::data(frame))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Text(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Kind::Events { .. } => SizeHint::default(),
        }
    }
}

impl fmt::Debug for PageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageBody").finish_non_exhaustive()
    }
}
