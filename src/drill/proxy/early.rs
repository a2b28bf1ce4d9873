//! A server may answer before it has read the whole request, and then read no more. Its answer is passed on as any
//! other.
//!
//! Such a server closes with unread bytes, which resets the connection. A sender that stops at the failed write never
//! reads the answer that came before the reset.

use super::{body, counts::Meter};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    runtime::Handle,
};

/// A connection to the server on which writing never fails. Bytes that the server does not take are thrown away.
/// Reading shows what the server has said.
#[derive(Debug)]
pub(super) struct Forgiving {
    stream: TcpStream,
    deaf: Arc<AtomicBool>,
}

impl Forgiving {
    /// The connection, and a flag that says whether a write has failed. After a failed write the connection serves no
    /// further request.
    pub(super) fn new(stream: TcpStream) -> (Self, Arc<AtomicBool>) {
        let deaf = Arc::new(AtomicBool::new(false));
        let forgiving = Self {
            stream,
            deaf: deaf.clone(),
        };
        (forgiving, deaf)
    }

    fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Acquire)
    }
}

impl AsyncRead for Forgiving {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Forgiving {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.is_deaf() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, bytes)) {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(_) => self.deaf.store(true, Ordering::Release),
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.is_deaf() {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A request's body that is read to its end even when nobody needs it any more: a client that is still sending when its
/// connection closes sees no answer at all.
#[derive(Debug)]
pub(super) struct Drained {
    body: Option<Incoming>,
    meter: Meter,
}

impl Drained {
    pub(super) const fn new(incoming: Incoming, meter: Meter) -> Self {
        let body = Some(incoming);
        Self { body, meter }
    }
}

impl Body for Drained {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, meter } = &mut *self;
        let Some(incoming) = body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(incoming).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            meter.up(data.len());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let left = self.body.take().filter(|incoming| !incoming.is_end_stream());
        // The task ends with the client's connection at the latest.
        if let (Some(left), Ok(runtime)) = (left, Handle::try_current()) {
            let meter = self.meter.clone();
            runtime.spawn(body::drain(left, move |bytes| meter.up(bytes)));
        }
    }
}
