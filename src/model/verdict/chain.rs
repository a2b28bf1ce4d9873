//! What the chain of sources of an HTTP client's error says.

pub(crate) use super::any_error::chain;
use super::{
    Finding,
    table::{self, Symptom},
};
use std::{error::Error, io};

type AnyError = dyn Error + 'static;

/// The first error of this type in the chain.
pub(crate) fn find<E: Error + 'static>(error: &AnyError) -> Option<&E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// Judges an error that came instead of an answer. `None`: no error in the chain is known here.
pub(crate) fn transport(error: &AnyError) -> Option<Finding> {
    // Proof that nothing was sent: hyper-util says that it failed to *connect*, which includes the look-up of the name and the
    // TLS handshake. Other errors may come from a connection that was in use, unless the server says that it read nothing.
    let connecting = chain(error)
        .filter_map(|error| error.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect);
    if connecting {
        return Some(Finding::symptom(connect(error)));
    }
    if is_refused_stream(error) {
        return Some(Finding::symptom(Symptom::Unread).of_a_connection());
    }
    let io = chain(error)
        .filter_map(|e| e.downcast_ref::<io::Error>())
        .last()
        .map(io::Error::kind);
    if let Some(hyper) = find::<hyper::Error>(error) {
        if io == Some(io::ErrorKind::UnexpectedEof) {
            return Some(Finding::symptom(Symptom::ShortBody).of_a_connection());
        }
        let mut finding = Finding::symptom(if hyper.is_user() {
            Symptom::Misuse
        } else if hyper.is_timeout() {
            Symptom::AttemptTimeout
        } else if hyper.is_parse() {
            Symptom::Nonsense
        } else {
            // Closed, cancelled, an incomplete message, an I/O error.
            Symptom::Reset
        });
        // A server that speaks TLS answers plain HTTP with an alert.
        if hyper.is_parse() && chain(error).any(|error| error.to_string().contains("invalid HTTP version")) {
            finding.detail.message = Some("the answer is not HTTP, perhaps TLS: check scheme and port".to_owned());
        }
        return Some(finding);
    }
    if find::<hyper_util::client::legacy::Error>(error).is_some() {
        return Some(Finding::symptom(Symptom::Reset));
    }
    io.map(|kind| {
        let mut finding = Finding::symptom(Symptom::Unknown);
        finding.outcome = table::for_io(kind);
        finding.detail.code = Some(kind.to_string());
        finding.detail.message = table::IO
            .iter()
            .find(|row| row.symptom == kind)
            .map(|row| row.phrase.to_owned());
        finding
    })
}

/// HTTP/2's promise that a request was not acted on (RFC 9113, 8.7).
#[cfg(any(feature = "_aws", feature = "gcs", feature = "bigtable"))]
fn is_refused_stream(error: &AnyError) -> bool {
    let refused = |error: &h2::Error| error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    find(error).is_some_and(refused)
}

/// The other features have no client that speaks HTTP/2.
#[cfg(not(any(feature = "_aws", feature = "gcs", feature = "bigtable")))]
const fn is_refused_stream(_error: &AnyError) -> bool {
    false
}

/// The same promise for a request beyond the last that a GOAWAY accepts (RFC 9113, 6.8). Used only where every request
/// has a body, as in gRPC. For a request without a body, hyper (1.12) may report the connection's end as the request's
/// own although the request's head has been sent.
#[cfg(feature = "bigtable")]
pub(crate) fn is_going_away(error: &AnyError) -> bool {
    find(error).is_some_and(|error: &h2::Error| error.is_remote() && error.is_go_away())
}

/// How connecting failed. Some of these symptoms are recognised by their text, where the types are private or the
/// resolver is the C library's. All of them have the same verdict, so a wrong match can only get a word wrong.
pub(crate) fn connect(error: &AnyError) -> Symptom {
    let says = |phrases: &[&str]| {
        chain(error).any(|error| {
            let text = error.to_string();
            phrases.iter().any(|phrase| text.contains(phrase))
        })
    };
    let kinds: Vec<_> = chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind)
        .collect();
    let is = |kind| kinds.contains(&kind);
    if says(&["dns error"]) {
        return if says(&["not known", "No such host", "nodename nor servname", "not exist"]) {
            Symptom::DnsNoSuchName
        } else if says(&["No address associated"]) {
            Symptom::DnsEmpty
        } else {
            Symptom::DnsFailed
        };
    }
    if is(io::ErrorKind::ConnectionRefused) {
        Symptom::ConnectRefused
    } else if is(io::ErrorKind::TimedOut) || says(&["connect timeout", "operation timed out"]) {
        // hyper-util's limit or reqwest's, whichever looked first.
        Symptom::ConnectTimeout
    } else if is(io::ErrorKind::NotConnected) {
        // hyper-util's connector, asked to try no address at all.
        Symptom::DnsEmpty
    } else if says(&["InvalidContentType"]) {
        // rustls' word for a first record that is none of TLS's.
        Symptom::NotTls
    } else if is(io::ErrorKind::InvalidData) || is(io::ErrorKind::UnexpectedEof) {
        // TCP alone cannot fail so.
        Symptom::TlsHandshake
    } else {
        Symptom::ConnectFailed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Outcome, Sent, Verdict};

    #[derive(Debug, thiserror::Error)]
    #[error("wrapped")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn the_chain_includes_errors_wrapped_by_io_errors() {
        let inner = io::Error::other(Wrapped(io::ErrorKind::BrokenPipe.into()));
        let outer = io::Error::new(io::ErrorKind::ConnectionReset, inner);
        assert_eq!(chain(&outer).count(), 4);
        assert!(find::<Wrapped>(&outer).is_some());
    }

    #[test]
    fn a_bare_connection_refusal_may_have_been_sent() {
        let refused = Wrapped(io::ErrorKind::ConnectionRefused.into());
        let found = transport(&refused).unwrap();
        assert_eq!(found.outcome, Outcome::new(Verdict::Unreachable, Sent::Maybe));
        assert_eq!(found.detail.message.as_deref(), Some("the connection was refused"));
        assert!(transport(&std::fmt::Error).is_none());
    }
}
