//! A large body on its way to the store.

use crate::{
    provider::leaving::{PIECE, WORTH_TELLING, leave},
    request::Progress,
};
use async_trait::async_trait;
use azure_core::{
    http::{
        Body, Context, Request,
        policies::{Policy, PolicyResult},
    },
    stream::SeekableStream,
};
use bytes::Bytes;
use futures_util::io::AsyncRead;
use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

/// Reports how a call's body leaves, piece by piece as the connection takes it, if the call's context has a
/// [`Progress`]. This policy stands behind the policies that sign.
#[derive(Debug)]
pub(super) struct Sending;

#[async_trait]
#[allow(elided_lifetimes_in_paths)] // the trait's are late-bound
impl Policy for Sending {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if let (Some(progress), Body::Bytes(body)) = (ctx.value::<Progress>(), request.body()) {
            match body.len() > WORTH_TELLING && progress.is_heard() {
                false => progress.begin(0),
                true => {
                    progress.begin(body.len() as u64);
                    let told = Told {
                        body: body.clone(),
                        rest: body.clone(),
                        piece: Bytes::new(),
                        progress: progress.clone(),
                    };
                    request.set_body(Box::new(told) as Box<dyn SeekableStream>);
                }
            }
        }
        next[0].send(ctx, request, &next[1..]).await
    }
}

#[derive(Clone)]
struct Told {
    body: Bytes,
    rest: Bytes,
    /// The rest of the latest piece, which was not read yet.
    piece: Bytes,
    progress: Progress,
}

impl AsyncRead for Told {
    fn poll_read(mut self: Pin<&mut Self>, _cx: &mut task::Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.piece.is_empty() {
            this.piece = leave(&mut this.rest, &this.progress).unwrap_or_default();
        }
        let read = this.piece.split_to(buffer.len().min(this.piece.len()));
        buffer[..read.len()].copy_from_slice(&read);
        Poll::Ready(Ok(read.len()))
    }
}

#[async_trait]
impl SeekableStream for Told {
    async fn reset(&mut self) -> azure_core::Result<()> {
        (self.rest, self.piece) = (self.body.clone(), Bytes::new());
        Ok(())
    }

    fn len(&self) -> Option<u64> {
        Some(self.body.len() as u64)
    }

    fn buffer_size(&self) -> usize {
        PIECE
    }
}

/// Without the body.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}
