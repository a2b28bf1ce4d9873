//! The proxy's listening socket. It closes in such a way that a client notices only what a real outage shows.

use futures_util::FutureExt as _;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};

/// What happens to new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Connections are accepted.
    Open,
    /// Connecting hangs.
    Stalled,
    /// Connecting is refused.
    Closed,
}

/// Three sockets share the port. The kernel's rule decides where a SYN goes: to a listener at 127.0.0.1 before a
/// listener at every address. Connecting can therefore be made to hang from one moment to the next: the queue of the
/// second listener was filled beforehand, through another address, while the first listener was open. At no moment can
/// a client get into that queue.
#[derive(Debug)]
pub(super) struct Gate {
    addr: SocketAddr,
    /// Bound and not listening. Without another socket, connecting is refused, and no other process can take the port.
    _held: TcpSocket,
    open: Option<TcpListener>,
    hole: Option<Hole>,
    /// How many connections fill a hole, once that is known.
    fills: Option<usize>,
}

/// A listener at every address, whose queue of connections to be accepted is full of the proxy's own connections.
#[derive(Debug)]
struct Hole {
    _listener: TcpListener,
    fill: Vec<TcpStream>,
}

/// The backlog of tokio's own listeners.
const BACKLOG: u32 = 1024;

/// On loopback, connecting takes microseconds. If connecting takes this long, on however busy a machine, the queue is
/// full.
const FULL: Duration = Duration::from_millis(100);

/// Linux holds one connection more than the backlog, other systems some more. If this many connections do not fill the
/// queue, the method does not work.
const MOST_FILL: usize = 64;

/// A loopback address to which no client connects.
const BACK_DOOR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

impl Gate {
    /// Opens the gate, with a hole beforehand if the drill ever makes connecting hang: filling the hole takes a tenth
    /// of a second.
    pub(super) async fn bind(stalls: bool) -> io::Result<Self> {
        let held = shared(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let mut gate = Self {
            addr: held.local_addr()?,
            _held: held,
            open: None,
            hole: None,
            fills: None,
        };
        gate.open()?;
        if stalls {
            gate.dig().await?;
        }
        Ok(gate)
    }

    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Brings the gate into this position. Does nothing if the gate is in it. Returns the connections that were made
    /// before and not accepted yet.
    pub(super) async fn turn(&mut self, door: Door) -> io::Result<Vec<TcpStream>> {
        let mut before = Vec::new();
        match door {
            Door::Open => self.open()?,
            Door::Closed => (self.open, self.hole) = (None, None),
            Door::Stalled => {
                let was_open = self.open.is_some();
                if self.hole.is_none() {
                    // A client that comes while the queue fills must not fall in.
                    self.open()?;
                    self.dig().await?;
                }
                // The closing of a listener resets who waits there: nobody may, who had a right to be served.
                if let Some(open) = self.open.take()
                    && was_open
                {
                    while let Some(Ok((stream, _))) = open.accept().now_or_never() {
                        before.push(stream);
                    }
                }
            }
        }
        Ok(before)
    }

    fn open(&mut self) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(shared(self.addr)?.listen(BACKLOG)?);
        }
        Ok(())
    }

    async fn dig(&mut self) -> io::Result<()> {
        let hole = Hole::dig(self.addr.port(), self.fills.unwrap_or(MOST_FILL)).await?;
        self.fills = Some(hole.fill.len());
        self.hole = Some(hole);
        Ok(())
    }

    /// The next connection. Waits for ever while the gate is not open.
    pub(super) async fn accept(&self) -> TcpStream {
        let Some(listener) = &self.open else {
            return std::future::pending().await;
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                // Out of file descriptors, most likely: others may be closed meanwhile.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

impl Hole {
    async fn dig(port: u16, most: usize) -> io::Result<Self> {
        let listener = shared(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?.listen(0)?;
        let mut fill = Vec::new();
        while fill.len() < most {
            match timeout(FULL, TcpStream::connect((BACK_DOOR, port))).await {
                Ok(stream) => fill.push(stream?),
                Err(_) => break,
            }
        }
        Ok(Self {
            _listener: listener,
            fill,
        })
    }
}

/// A socket that is bound here beside the proxy's other sockets.
fn shared(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    #[cfg(target_os = "linux")]
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn clients_meet_the_gate_in_each_position() {
        for stalls in [false, true] {
            let mut gate = Gate::bind(stalls).await.unwrap();
            let addr = gate.addr();
            let connect = || timeout(Duration::from_millis(300), TcpStream::connect(addr));
            for door in [
                Door::Closed,
                Door::Open,
                Door::Stalled,
                Door::Open,
                Door::Stalled,
                Door::Closed,
                Door::Stalled,
                Door::Open,
            ] {
                gate.turn(door).await.unwrap();
                let met = connect().await;
                match door {
                    Door::Open => {
                        met.unwrap().unwrap();
                        gate.accept().await;
                    }
                    Door::Closed => assert_eq!(met.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionRefused),
                    Door::Stalled => assert!(met.is_err(), "connected, or refused, instead of timing out: {met:?}"),
                }
            }
        }
    }

    /// Clients connect without a pause while the gate turns. Every connected client is served, or reset in the moment
    /// of the change. No client is connected and left alone.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_turning_gate_strands_no_connection() {
        const SILENCE: Duration = Duration::from_millis(800);
        for from in [Door::Open, Door::Closed] {
            let mut gate = Gate::bind(true).await.unwrap();
            let addr = gate.addr();
            let over = Arc::new(AtomicBool::new(false));
            let served = Arc::new(AtomicUsize::new(0));
            let clients: Vec<_> = (0..8)
                .map(|_| {
                    let (over, served) = (over.clone(), served.clone());
                    tokio::spawn(async move {
                        while !over.load(SeqCst) {
                            let Ok(Ok(mut stream)) = timeout(Duration::from_millis(5), TcpStream::connect(addr)).await
                            else {
                                continue;
                            };
                            let mut byte = [0];
                            let answer = timeout(SILENCE, stream.read(&mut byte)).await;
                            let answer = answer.expect("connected, and never answered");
                            if answer.is_ok_and(|bytes| bytes == 1) {
                                served.fetch_add(1, SeqCst);
                            }
                        }
                    })
                })
                .collect();
            let serve = async |mut stream: TcpStream| drop(stream.write_all(b"x").await);
            for _ in 0..4 {
                for (door, pause) in [(from, SILENCE / 10), (Door::Stalled, SILENCE + SILENCE / 5)] {
                    for stream in gate.turn(door).await.unwrap() {
                        serve(stream).await;
                    }
                    let pause = sleep(pause);
                    tokio::pin!(pause);
                    loop {
                        tokio::select! {
                            () = &mut pause => break,
                            stream = gate.accept() => serve(stream).await,
                        }
                    }
                }
            }
            over.store(true, SeqCst);
            drop(gate);
            for client in clients {
                client.await.unwrap();
            }
            assert!(from == Door::Closed || served.load(SeqCst) > 0);
        }
    }
}
