//! Connections that do not speak HTTP/1.1: passed on byte by byte, with the faults that need no more than bytes.

use super::{Shared, connection::Ending};
use crate::{
    drill::{
        Fault,
        plan::{End, Plan},
    },
    model::clock::{self, Instant},
    request::OpClass,
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    select,
    time::sleep,
};

/// How often the proxy checks whether a hang is over.
const LOOK: Duration = Duration::from_millis(10);

/// The protocol of a client, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Http1,
    /// Without TLS, from the first byte on, as gRPC is spoken on loopback.
    Http2,
    /// TLS, Redis, or any other: each piece that the client sends is a request, and what comes back is an answer.
    Other,
}

/// `None`: the client left without sending anything.
pub(super) async fn spoken(client: &TcpStream) -> Option<Spoken> {
    const PREFACE: &[u8; 4] = b"PRI ";
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = client.peek(&mut first).await.ok().filter(|&seen| seen > 0)?;
        let so_far = &first[..seen];
        if so_far == PREFACE {
            return Some(Spoken::Http2);
        }
        if !PREFACE.starts_with(so_far) {
            let method = so_far.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b' ');
            return Some(if method { Spoken::Http1 } else { Spoken::Other });
        }
        // A `P` alone may yet be a `PUT`.
        sleep(Duration::from_millis(1)).await;
    }
}

/// Passes bytes on until one of both sides leaves, or a fault ends the connection.
pub(super) async fn pass(client: &mut TcpStream, shared: &Shared, spoken: Spoken) -> Ending {
    let Ok(mut server) = TcpStream::connect(shared.upstream).await else {
        return Ending::Reset;
    };
    let _ = server.set_nodelay(true);
    let (mut from_server, to_server) = server.split();
    let (mut requests, mut answers) = (Frames::of_the_client(spoken), Frames::of_the_server(spoken));
    let (mut request, mut answer) = (vec![0; 1 << 14], vec![0; 1 << 14]);
    let mut asked: Option<(Plan, Instant)> = None;
    let mut rate = None;
    // What of the request the server has not taken yet. While it takes nothing, what it says is passed on all the same.
    let mut left = 0..0;
    let mut deaf = false;
    loop {
        // Biased, so that nothing is left to an unseeded draw.
        select! {
            biased;
            _ = to_server.writable(), if !left.is_empty() => match to_server.try_write(&request[left.clone()]) {
                Ok(bytes @ 1..) => left.start += bytes,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // It may have answered before it stopped reading.
                _ => (deaf, left) = (true, 0..0),
            },
            read = client.read(&mut request), if left.is_empty() => {
                let Ok(bytes @ 1..) = read else { return Ending::Close };
                if deaf {
                    continue;
                }
                for _ in 0..requests.begun(&request[..bytes]) {
                    let now = clock::now();
                    let Ok(plan) = shared.plan_unread(now) else { return Ending::Reset };
                    match plan.as_ref().and_then(|plan| plan.end.as_ref()) {
                        Some(End::Hang) => shared.hang_is_over().await,
                        Some(End::ResetBeforeRequest | End::Answer(_)) => return Ending::Reset,
                        _ => {}
                    }
                    rate = plan.as_ref().and_then(|plan| plan.bytes_per_second);
                    asked = plan.map(|plan| (plan, now));
                }
                left = 0..bytes;
            }
            read = from_server.read(&mut answer) => {
                let Ok(bytes @ 1..) = read else { return Ending::Close };
                let mut bytes = &answer[..bytes];
                let begun = answers.begun(bytes) > 0;
                let mut cut = None;
                if let Some((plan, at)) = asked.take_if(|_| begun) {
                    if plan.end == Some(End::ResetAfterRequest) {
                        return Ending::Reset;
                    }
                    let took = clock::now().saturating_duration_since(at);
                    sleep(plan.due(took).saturating_sub(took)).await;
                    cut = plan.cut.and_then(|cut| cut.of(bytes.len() as u64));
                }
                if let Some(kept) = cut {
                    bytes = &bytes[..kept as usize];
                }
                if trickle(client, bytes, rate).await.is_err() || cut.is_some() {
                    return Ending::Close;
                }
            }
        }
    }
}

/// Sends all bytes at once, or a piece each twentieth of a second.
async fn trickle(client: &mut TcpStream, bytes: &[u8], rate: Option<u64>) -> std::io::Result<()> {
    let Some(rate) = rate else {
        return client.write_all(bytes).await;
    };
    let piece = usize::try_from(rate / 20).unwrap_or(usize::MAX).max(1);
    for piece in bytes.chunks(piece) {
        sleep(Duration::from_micros(piece.len() as u64 * 1_000_000 / rate.max(1))).await;
        client.write_all(piece).await?;
    }
    Ok(())
}

impl Shared {
    /// What an unreadable request meets. `Err`: the request's class would decide.
    fn plan_unread(&self, now: Instant) -> Result<Option<Plan>, ()> {
        let of_some = |class| {
            let mut rules = self.timeline.rules(now, &self.profile, class);
            rules.any(|(_, rule)| !rule.covers_all_classes())
        };
        if OpClass::ALL.into_iter().any(of_some) {
            return Err(());
        }
        Ok(self.plan(OpClass::Read, now))
    }

    /// Waits until the hang is over. Bytes that were sent are not lost: they are passed on when the phase is over, as
    /// TCP does once the way is free again.
    async fn hang_is_over(&self) {
        let hangs = || {
            let now = clock::now();
            let mut rules = self.timeline.rules(now, &self.profile, OpClass::Read);
            rules.any(|(_, rule)| rule.fault == Fault::Hang)
        };
        while hangs() {
            sleep(LOOK).await;
        }
    }
}

/// Counts the requests, or the answers, that begin in a stream of bytes: HTTP/2's frames of headers. (The frames that
/// end a gRPC answer are counted, too, when no request waits any more.)
#[derive(Debug)]
struct Frames {
    http2: bool,
    /// How many bytes of the preface, or of the current frame, are still to be skipped.
    skip: usize,
    head: Vec<u8>,
}

impl Frames {
    const PREFACE: usize = 24;
    const HEAD: usize = 9;
    const HEADERS: u8 = 1;

    fn of_the_client(spoken: Spoken) -> Self {
        Self {
            skip: Self::PREFACE,
            ..Self::of_the_server(spoken)
        }
    }

    fn of_the_server(spoken: Spoken) -> Self {
        Self {
            http2: spoken == Spoken::Http2,
            skip: 0,
            head: Vec::with_capacity(Self::HEAD),
        }
    }

    fn begun(&mut self, mut bytes: &[u8]) -> usize {
        if !self.http2 {
            return 1;
        }
        let mut begun = 0;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let (head, rest) = bytes.split_at(bytes.len().min(Self::HEAD - self.head.len()));
            self.head.extend_from_slice(head);
            bytes = rest;
            if let [high, middle, low, kind, ..] = self.head[..]
                && self.head.len() == Self::HEAD
            {
                begun += usize::from(kind == Self::HEADERS);
                self.skip = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.head.clear();
            }
        }
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let mut frame = (length as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, 0, 0, 0, 0, 1]);
        frame.extend(vec![1; length]);
        frame
    }

    #[test]
    fn requests_are_counted_across_chunk_boundaries() {
        let mut stream = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for (kind, length) in [(4, 18), (1, 40), (0, 300), (8, 4), (1, 0), (0, 0), (1, 20_000)] {
            stream.extend(frame(kind, length));
        }
        for size in [1, 2, 7, 9, 24, 33, 1_000, stream.len()] {
            let mut frames = Frames::of_the_client(Spoken::Http2);
            let begun: usize = stream.chunks(size).map(|piece| frames.begun(piece)).sum();
            assert_eq!(begun, 3, "in pieces of {size}");
        }
        assert_eq!(Frames::of_the_client(Spoken::Other).begun(b"*1"), 1);
    }
}
