//! The proxy's listening socket, and how it is closed so that a client notices nothing but what a real outage shows.

use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};

/// How connecting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Connections are accepted.
    Open,
    /// Connecting hangs.
    Stalled,
    /// Connecting is refused.
    Closed,
}

#[derive(Debug)]
pub(super) struct Gate {
    addr: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    /// The queue of connections to be accepted is full of our own.
    Stalled {
        _listener: TcpListener,
        _fill: Vec<TcpStream>,
    },
    /// Bound and not listening: whoever connects is refused, and nobody else can take the port.
    Closed(TcpSocket),
    /// The port could not be bound again, for the moment.
    Lost,
}

/// As many as tokio's own listeners let wait.
const BACKLOG: u32 = 1024;

/// On loopback, connecting takes microseconds; when it takes this long, on however busy a machine, the queue is full.
const FULL: Duration = Duration::from_millis(100);

/// Linux holds one connection more than the backlog says; other systems some more. This many means that it does not work.
const MOST_FILL: usize = 64;

impl Gate {
    pub(super) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        Ok(Self {
            addr: listener.local_addr()?,
            state: State::Open(listener),
        })
    }

    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Brings the gate into this position; does nothing if it is there.
    pub(super) async fn turn(&mut self, door: Door) -> io::Result<()> {
        match (&self.state, door) {
            (State::Open(_), Door::Open)
            | (State::Stalled { .. }, Door::Stalled)
            | (State::Closed(_), Door::Closed) => return Ok(()),
            _ => {}
        }
        let socket = self.bound()?;
        self.state = match door {
            Door::Open => State::Open(socket.listen(BACKLOG)?),
            Door::Closed => State::Closed(socket),
            Door::Stalled => {
                let listener = socket.listen(1)?;
                let mut fill = Vec::new();
                while fill.len() < MOST_FILL {
                    match timeout(FULL, TcpStream::connect(self.addr)).await {
                        Ok(stream) => fill.push(stream?),
                        Err(_) => break,
                    }
                }
                State::Stalled {
                    _listener: listener,
                    _fill: fill,
                }
            }
        };
        Ok(())
    }

    /// A socket that is bound to our port and does not listen.
    fn bound(&mut self) -> io::Result<TcpSocket> {
        // The old one goes first: two sockets can share the port (both reuse addresses) unless one of them listens.
        if let State::Closed(socket) = std::mem::replace(&mut self.state, State::Lost) {
            return Ok(socket);
        }
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.addr)?;
        Ok(socket)
    }

    /// The next connection; never, while the gate is not open.
    pub(super) async fn accept(&self) -> TcpStream {
        let State::Open(listener) = &self.state else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_position_is_what_a_client_meets() {
        let mut gate = Gate::bind().await.unwrap();
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
