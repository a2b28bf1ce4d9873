//! A server's end of one connection, which can be slow, forgotten, or silent.

use std::{
    future::Future,
    io::{self, ErrorKind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

/// What became of the connections that a server has accepted.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    accepted: AtomicU64,
    forgotten: AtomicU64,
    silent: AtomicU64,
    mute: AtomicU64,
}

impl Lines {
    /// How many were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(SeqCst) as usize
    }

    /// Each that is open now answers what it is sent next with a reset.
    pub(crate) fn forget(&self) {
        self.forgotten.store(self.accepted.load(SeqCst), SeqCst);
    }

    /// Each that is open now ends with a reset where its next answer would be.
    pub(crate) fn lose_answers(&self) {
        self.mute.store(self.accepted.load(SeqCst), SeqCst);
    }

    /// So does each that is opened from now on.
    pub(crate) fn lose_all_answers(&self) {
        self.mute.store(u64::MAX, SeqCst);
    }

    /// Each that is open now stays open and says nothing any more.
    pub(crate) fn silence(&self) {
        self.silent.store(self.accepted.load(SeqCst), SeqCst);
    }
}

pub(crate) struct Wire {
    socket: TcpStream,
    lines: Arc<Lines>,
    number: u64,
    reading: Option<Pace>,
    writing: Option<Pace>,
}

impl Wire {
    /// At so many bytes a second, each way.
    pub(crate) fn new(socket: TcpStream, lines: &Arc<Lines>, pace: Option<u32>) -> Self {
        // Without it an answer in two packets waits for an ACK: 40 ms that no server at a cloud takes.
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            number: lines.accepted.fetch_add(1, SeqCst),
            lines: lines.clone(),
            reading: pace.map(Pace::new),
            writing: pace.map(Pace::new),
        }
    }

    fn is_silent(&self) -> bool {
        self.number < self.lines.silent.load(SeqCst)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_silent() {
            return Poll::Pending;
        }
        let most = match &mut self.reading {
            Some(pace) => ready!(pace.poll_ready(cx)),
            None => usize::MAX,
        };
        let most = most.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        if read > 0 && self.is_silent() {
            return Poll::Pending;
        }
        if read > 0 && self.number < self.lines.forgotten.load(SeqCst) {
            self.socket.set_zero_linger()?;
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        buf.advance(read);
        if let Some(pace) = &mut self.reading {
            pace.passed(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_silent() {
            return Poll::Pending;
        }
        if self.number < self.lines.mute.load(SeqCst) {
            self.socket.set_zero_linger()?;
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let most = match &mut self.writing {
            Some(pace) => ready!(pace.poll_ready(cx)),
            None => usize::MAX,
        };
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &buf[..buf.len().min(most)]))?;
        if let Some(pace) = &mut self.writing {
            pace.passed(written);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_silent() {
            return Poll::Pending;
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// So many bytes a second.
struct Pace {
    per_second: u32,
    free: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Pace {
    /// In pieces of some milliseconds.
    const PIECES: u32 = 150;
    /// A timer that was late is made up for.
    const LATE: Duration = Duration::from_millis(50);

    fn new(per_second: u32) -> Self {
        Self {
            per_second,
            free: Instant::now(),
            sleep: Box::pin(sleep(Duration::ZERO)),
        }
    }

    /// How much may pass now.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        ready!(self.sleep.as_mut().poll(cx));
        Poll::Ready((self.per_second / Self::PIECES) as usize)
    }

    fn passed(&mut self, bytes: usize) {
        let start = self.free.max(Instant::now() - Self::LATE);
        self.free = start + Duration::from_secs_f64(bytes as f64 / f64::from(self.per_second));
        self.sleep.as_mut().reset(self.free);
    }
}
