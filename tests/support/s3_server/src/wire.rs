//! A connection: how fast it is, and how it ends.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
    time::{Instant, Sleep},
};

/// What all of a server's connections heed.
#[derive(Debug, Default)]
pub(crate) struct Common {
    /// Bytes a second in each direction of each connection; 0 for no limit.
    pub(crate) rate: AtomicU64,
    /// Every connection that ends is reset.
    pub(crate) is_killed: AtomicBool,
}

/// How one connection is to end.
#[derive(Debug, Default)]
pub(crate) struct End {
    is_reset: AtomicBool,
    is_cut: AtomicBool,
    over: Notify,
}

impl End {
    /// Ends it at once with an RST: what was written and not yet sent is lost.
    pub(crate) fn reset(&self) {
        self.is_reset.store(true, SeqCst);
        self.over.notify_one();
    }

    /// Ends it once everything that was written so far is on its way. For a body that says no more.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, SeqCst);
    }

    /// Ready when the connection is to end at once.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }
}

/// A socket, no faster than it may be.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: TcpStream,
    end: Arc<End>,
    common: Arc<Common>,
    read: Pace,
    write: Pace,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream, end: Arc<End>, common: Arc<Common>) -> Self {
        // Without it an answer in two packets waits for an ACK: 40 ms that no server at a cloud takes.
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            end,
            common,
            read: Pace::default(),
            write: Pace::default(),
        }
    }

    fn rate(&self) -> Option<u64> {
        Some(self.common.rate.load(SeqCst)).filter(|rate| *rate > 0)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.end.is_reset.load(SeqCst) || self.common.is_killed.load(SeqCst) {
            // With a linger of zero, closing sends an RST instead of a FIN.
            let _ = self.socket.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(rate) = self.rate() else {
            return Pin::new(&mut self.socket).poll_read(context, buf);
        };
        let most = ready!(self.read.poll_most(rate, context)).min(buf.remaining());
        let mut some = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut some))?;
        let read = some.filled().len();
        buf.advance(read);
        self.read.moved(read, rate);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(rate) = self.rate() else {
            return Pin::new(&mut self.socket).poll_write(context, bytes);
        };
        let most = ready!(self.write.poll_most(rate, context)).min(bytes.len());
        let wrote = ready!(Pin::new(&mut self.socket).poll_write(context, &bytes[..most]))?;
        self.write.moved(wrote, rate);
        Poll::Ready(Ok(wrote))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.rate().is_none() {
            return Pin::new(&mut self.socket).poll_write_vectored(context, bytes);
        }
        let first = bytes.iter().find(|slice| !slice.is_empty());
        self.poll_write(context, first.map_or(&[], |slice| &slice[..]))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// HTTP asks for it once all that it had is written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(context))?;
        if self.end.is_cut.load(SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// How much is moved between two waits.
const STEP: Duration = Duration::from_millis(5);

/// What one direction has moved, and when it may move more.
#[derive(Debug, Default)]
struct Pace {
    next: Option<Instant>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// How many bytes may be moved, as soon as any may.
    fn poll_most(&mut self, rate: u64, context: &mut Context<'_>) -> Poll<usize> {
        if let Some(next) = self.next
            && next > now()
        {
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            ready!(waiting.as_mut().poll(context));
        }
        self.waiting = None;
        let step = rate.saturating_mul(STEP.as_millis() as u64) / 1_000;
        Poll::Ready(step.clamp(512, 1 << 20) as usize)
    }

    fn moved(&mut self, bytes: usize, rate: u64) {
        let took = Duration::from_secs_f64(bytes as f64 / rate as f64);
        let now = now();
        // A timer is late by up to a millisecond or two. What it cost is made up for, and an idle time is not.
        let credit = now.checked_sub(2 * STEP).unwrap_or(now);
        self.next = Some(self.next.unwrap_or(now).max(credit) + took);
    }
}

#[expect(clippy::disallowed_methods, reason = "a server of its own has a clock of its own")]
fn now() -> Instant {
    Instant::now()
}
