//! A relay before a TCP server that does harm on purpose, whatever is spoken.

#![allow(dead_code)] // each test binary uses the part it needs

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What becomes of what is said from now on, on all connections.
#[derive(Clone, Debug)]
pub(crate) enum Harm {
    None,
    /// Requests are read and passed on when it is over.
    Hang,
    /// A request is read and answered with an RST.
    ResetBefore,
    /// A request is passed on, and its answer becomes an RST.
    ResetAfter,
    /// The same, and all is well again.
    LoseOneAnswer,
    /// A request is passed on, and its answer becomes a FIN.
    CloseAfter,
    /// Every request is answered with this, and goes nowhere.
    Answer(&'static str),
    /// Every request is answered with this, then comes a FIN.
    AnswerAndClose(&'static str),
    /// Answers trickle, a byte at a time.
    Drip(Duration),
}

/// Ends with its connections when dropped.
pub(crate) struct Relay {
    pub(crate) addr: SocketAddr,
    harm: Arc<Mutex<Harm>>,
    accepted: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Relay {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let harm = Arc::new(Mutex::new(Harm::None));
        let accepted = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let (shared, counter) = (harm.clone(), accepted.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                connections.spawn(pass(client, server, shared.clone()));
            }
        });
        Self {
            addr,
            harm,
            accepted,
            _tasks: tasks,
        }
    }

    pub(crate) fn does(&self, harm: Harm) {
        *self.harm.lock().unwrap() = harm;
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, harm: Arc<Mutex<Harm>>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let Ok(bytes @ 1..) = read else { return };
                while matches!(*harm.lock().unwrap(), Harm::Hang) {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                let now = harm.lock().unwrap().clone();
                match now {
                    Harm::ResetBefore => {
                        let _ = client.set_zero_linger();
                        return;
                    }
                    Harm::Answer(text) => client.write_all(text.as_bytes()).await.unwrap_or(()),
                    Harm::AnswerAndClose(text) => {
                        let _ = client.write_all(text.as_bytes()).await;
                        return;
                    }
                    _ if server.write_all(&request[..bytes]).await.is_err() => return,
                    _ => {}
                }
            }
            read = server.read(&mut answer) => {
                let Ok(bytes @ 1..) = read else { return };
                let now = harm.lock().unwrap().clone();
                match now {
                    Harm::ResetAfter | Harm::LoseOneAnswer => {
                        if matches!(now, Harm::LoseOneAnswer) {
                            *harm.lock().unwrap() = Harm::None;
                        }
                        let _ = client.set_zero_linger();
                        return;
                    }
                    Harm::CloseAfter => return,
                    Harm::Drip(pause) => {
                        for byte in &answer[..bytes] {
                            tokio::time::sleep(pause).await;
                            if client.write_all(&[*byte]).await.is_err() {
                                return;
                            }
                        }
                    }
                    _ if client.write_all(&answer[..bytes]).await.is_err() => return,
                    _ => {}
                }
            }
        }
    }
}
