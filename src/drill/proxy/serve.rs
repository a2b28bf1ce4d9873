//! One client's connection, from its first byte to its end.

use super::{
    Shared,
    connection::{Connection, Ending},
    exchange,
    relay::{self, Spoken},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::{net::TcpStream, select, sync::watch};

/// Serves one client until the client leaves, a fault ends the connection, or `resets` says that all connections are to
/// be reset.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>, mut resets: watch::Receiver<u64>) {
    // Without it a small answer can wait for the ACK of the one before; a client would see 40 ms that no fault asked for.
    let _ = stream.set_nodelay(true);
    let unread = async {
        match relay::spoken(&stream).await? {
            Spoken::Http1 => None,
            other => Some(relay::pass(&mut stream, &shared, other).await),
        }
    };
    let ending = select! {
        biased;
        ending = unread => ending,
        _ = resets.changed() => Some(Ending::Reset),
    };
    match ending {
        None => {}
        Some(ending) => return end(&stream, ending),
    }
    let (ending, mut endings) = watch::channel(None);
    let connection = Arc::new(Connection::new(shared, ending));
    let service = service_fn(move |request| exchange::exchange(request, connection.clone()));
    let mut serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // Serving comes first: it flushes what it has before an ending that it asked for itself is seen.
    let ending = select! {
        biased;
        _ = &mut serving => return,
        _ = resets.changed() => Some(Ending::Reset),
        _ = endings.changed() => *endings.borrow(),
    };
    let stream = serving.into_parts().io.into_inner();
    end(&stream, ending.unwrap_or(Ending::Close));
}

/// Sets how the connection ends when it is dropped next.
fn end(stream: &TcpStream, ending: Ending) {
    if ending == Ending::Reset {
        // With a linger of zero, closing sends an RST instead of a FIN.
        let _ = stream.set_zero_linger();
    }
}
