//! What the answers of Redis and Valkey mean. Feature `redis`.
//!
//! Redis checks before it acts. A server that answers with one of these codes has not executed the command. A fault
//! with such a code is therefore *not sent* in the sense of [`Sent::No`]: the server provably did not act, and any
//! command is safe to try elsewhere. A broken connection or nonsense proves nothing.
//!
//! ```
//! use evenkeel::{provider::RedisVerdicts, verdict::{Classify, Sent, Verdict}};
//!
//! let readonly = redis::make_extension_error("READONLY".into(), Some("You can't write against a read only replica.".into()));
//! let outcome = RedisVerdicts.classify(Err::<&(), _>(&readonly));
//! assert_eq!((outcome.verdict, outcome.sent), (Verdict::Faulty, Sent::No));
//! ```
//!
//! `RedisVerdicts` does not look at the client's own retries. A `MultiplexedConnection` has none. A `ConnectionManager`
//! only reconnects. A cluster client needs `retries(0)`: after a broken connection it repeats a command, applied or
//! not, and counts these repetitions together with the redirects that it follows. With `retries(0)` a redirect is an
//! error, *not sent*, and the client has learnt the way for the next attempt.
//! ([`provider::Redis::cluster`](crate::provider::Redis::cluster) follows redirects and repeats nothing.)

use crate::verdict::{
    Classify, Detail, Finding, Outcome, Sent,
    Sent::{Maybe, No},
    Standard, Verdict,
    Verdict::{Caller, Denied, Faulty, Throttled, Unreachable},
    table::{self, Symptom},
    words,
};
use ::redis::{ErrorKind, RedisError};
use std::{error::Error, io, sync::Arc};

/// One code and its meaning.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The first word of the server's answer, or the client's word for the failure.
    pub code: &'static str,
    /// The verdict on this code.
    pub verdict: Verdict,
    /// Whether the server may have acted on the command.
    pub sent: Sent,
    /// The words that an error shows.
    pub phrase: &'static str,
    /// The reason for the verdict.
    pub why: &'static str,
}

const fn row(code: &'static str, verdict: Verdict, sent: Sent, phrase: &'static str, why: &'static str) -> Row {
    Row {
        code,
        verdict,
        sent,
        phrase,
        why,
    }
}

/// The codes of servers.
#[rustfmt::skip]
pub const CODES: &[Row] = &[
    row("LOADING", Faulty, No, "the server is loading its data", "it has restarted; minutes for a large data set"),
    row("READONLY", Faulty, No, "the server is a read-only replica", "a failover has demoted it, or the address is a replica's"),
    row("MASTERDOWN", Faulty, No, "the replica has lost its primary", "and is told not to serve what it has"),
    row("CLUSTERDOWN", Faulty, No, "the cluster is down", "a slot has no primary"),
    row("MOVED", Faulty, No, "the key lies at another node", "slots are moving, or a cluster is spoken to as if it were one server"),
    row("ASK", Faulty, No, "the key is moving to another node", "slots are moving, or a cluster is spoken to as if it were one server"),
    row("TRYAGAIN", Throttled, No, "the slot is being moved, try again", "the cluster is healthy and rebalancing"),
    row("BUSY", Faulty, No, "the server is busy with a script", "a script runs longer than the server allows; nothing else is served"),
    row("MISCONF", Faulty, No, "the server cannot write to its disk", "and is told to refuse writes then"),
    row("NOREPLICAS", Faulty, No, "the server has too few replicas", "min-replicas-to-write: it may be cut off from them"),
    row("OOM", Throttled, No, "the server is out of memory", "healthy and full: reads work, and evictions or deletes make room"),
    row("NOAUTH", Denied, No, "authentication is required", "the client has no password, or a proxy has lost the session"),
    row("WRONGPASS", Denied, No, "user or password is wrong", "or the service that knows them is down"),
    row("NOPERM", Denied, No, "the user may not do this", "the permission, not the credential"),
    row("NOSCRIPT", Caller, No, "the script is not known", "send it whole"),
    row("CROSSSLOT", Caller, No, "the keys lie in several slots", "and would at the next attempt"),
    row("WRONGTYPE", Caller, No, "the key holds another kind of value", "somebody else's, or an old version's"),
    row("EXECABORT", Caller, No, "the transaction was refused", "one of its commands is wrong"),
    row("NOTBUSY", Caller, No, "no script is running", "asked for, and answered"),
    row("NOPROTO", Caller, No, "the server does not speak this protocol", "wrong here, wrong everywhere"),
    row("ERR", Caller, Maybe, "the command was refused", "wrong here, wrong everywhere"),
];

/// Known parts of the server's text after `ERR`.
#[rustfmt::skip]
pub const MESSAGES: &[Row] = &[
    row("max number of clients", Throttled, No, "the server has too many clients", "healthy and full"),
    row("invalid password", Denied, No, "user or password is wrong", "the words of Redis 5 and older"),
    row("without any password configured", Denied, No, "the server has no password", "a client with one speaks to a server without"),
];

/// The client's own kinds of failure.
#[rustfmt::skip]
pub const KINDS: &[(ErrorKind, Row)] = &[
    (ErrorKind::AuthenticationFailed, row("AUTH", Denied, No, "user or password is wrong", "or the service that knows them is down")),
    (ErrorKind::Parse, row("nonsense", Faulty, Maybe, "the answer made no sense", "something else than Redis, or half an answer")),
    (ErrorKind::UnexpectedReturnType, row("nonsense", Faulty, Maybe, "the answer made no sense", "not what the command returns")),
    (ErrorKind::InvalidClientConfig, row("client configuration", Caller, No, "the client's configuration is not valid", "wrong here, wrong everywhere")),
    (ErrorKind::RESP3NotSupported, row("NOPROTO", Caller, No, "the server does not speak this protocol", "wrong here, wrong everywhere")),
    (ErrorKind::ClusterConnectionNotFound, row("no cluster connection", Unreachable, No, "no connection to the key's node", "the cluster client has none to send on")),
    (ErrorKind::MasterNameNotFoundBySentinel, row("sentinel", Unreachable, No, "no sentinel knows the primary", "nothing could be sent")),
    (ErrorKind::NoValidReplicasFoundBySentinel, row("sentinel", Unreachable, No, "no sentinel knows a replica", "nothing could be sent")),
    (ErrorKind::EmptySentinelList, row("sentinel", Caller, No, "there are no sentinels", "wrong here, wrong everywhere")),
    (ErrorKind::Client, row("client", Faulty, Maybe, "the client failed", "TLS, or something of the client's own")),
];

/// [`Classify`] for `redis::RedisError`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisVerdicts;

impl<T> Classify<T, RedisError> for RedisVerdicts {
    fn classify(&self, result: Result<&T, &RedisError>) -> Outcome {
        result.map_or_else(|error| finding(error).outcome, |_| Outcome::SUCCESS)
    }

    fn detail(&self, result: Result<&T, &RedisError>) -> Detail {
        result.err().map(|error| finding(error).detail).unwrap_or_default()
    }
}

/// What an error means. The server's message can quote the command, so the message is read and never shown.
pub(crate) fn finding(error: &RedisError) -> Finding {
    if let Some(code) = error.code() {
        let message = error.detail().unwrap_or_default();
        let by_message = MESSAGES.iter().find(|row| code == "ERR" && message.contains(row.code));
        let by_code = CODES.iter().find(|row| row.code == code);
        return match by_message.or(by_code) {
            Some(row) => found(row, code),
            None => Finding {
                // A code that nobody knows: the server refused, for whatever reason.
                outcome: Outcome::new(Caller, Maybe),
                detail: Detail {
                    code: words::code(code).map(str::to_owned),
                    ..Detail::default()
                },
            },
        };
    }
    if let Some((_, row)) = KINDS.iter().find(|(kind, _)| *kind == error.kind()) {
        return found(row, row.code);
    }
    match io_kind(error) {
        // Of all commands that were under way on the connection.
        Some(io::ErrorKind::UnexpectedEof) => Finding::symptom(Symptom::ShortBody).of_a_connection(),
        Some(kind) => Finding {
            outcome: table::for_io(kind),
            ..Finding::symptom(Symptom::Reset)
        },
        None if error.is_io_error() => Finding::symptom(Symptom::Reset),
        None => Finding::symptom(Symptom::Unknown),
    }
}

/// What an error while connecting means, when nothing of the command had been written.
pub(crate) fn connecting(error: &RedisError) -> Finding {
    let mut found = if error.is_io_error() || error.kind() == ErrorKind::Client {
        Finding::symptom(match io_kind(error) {
            Some(io::ErrorKind::ConnectionRefused) => Symptom::ConnectRefused,
            Some(io::ErrorKind::TimedOut) => Symptom::ConnectTimeout,
            // What rustls says of a peer that it cannot talk to.
            Some(io::ErrorKind::InvalidData) => Symptom::TlsHandshake,
            None if error.kind() == ErrorKind::Client => Symptom::TlsHandshake,
            _ if error.to_string().contains("lookup address") => Symptom::DnsFailed,
            _ => Symptom::ConnectFailed,
        })
    } else {
        finding(error)
    };
    found.outcome.sent = No;
    found
}

fn found(row: &Row, code: &str) -> Finding {
    let outcome = Outcome::new(row.verdict, row.sent);
    Finding {
        outcome: match row.verdict {
            Denied if row.code != "NOPERM" => outcome.naming_the_credential(),
            _ => outcome,
        },
        detail: Detail {
            code: Some(code.to_owned()),
            request_id: None,
            message: Some(row.phrase.to_owned()),
        },
    }
}

fn io_kind(error: &RedisError) -> Option<io::ErrorKind> {
    let source = error.source()?;
    // What lies beneath is shared, and the `Arc` itself is what the source shows.
    let shared = source.downcast_ref::<Arc<dyn Error + Send + Sync>>();
    let io = shared.and_then(|shared| shared.downcast_ref::<io::Error>());
    io.or_else(|| source.downcast_ref()).map(io::Error::kind)
}

impl<T> Classify<T, ::redis::RedisError> for Standard {
    fn classify(&self, result: Result<&T, &::redis::RedisError>) -> Outcome {
        RedisVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &::redis::RedisError>) -> Detail {
        RedisVerdicts.detail(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::redis::parse_redis_value;

    /// What a server's line becomes.
    fn of(line: &str) -> Finding {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        finding(&value.extract_error().unwrap_err())
    }

    #[test]
    fn each_server_error_has_its_verdict() {
        #[rustfmt::skip]
        let cases = [
            ("LOADING Redis is loading the dataset in memory", Faulty, No, false),
            ("READONLY You can't write against a read only replica.", Faulty, No, false),
            ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Faulty, No, false),
            ("CLUSTERDOWN The cluster is down", Faulty, No, false),
            ("CLUSTERDOWN Hash slot not served", Faulty, No, false),
            ("MOVED 3999 127.0.0.1:6381", Faulty, No, false),
            ("ASK 3999 127.0.0.1:6381", Faulty, No, false),
            ("TRYAGAIN Multiple keys request during rehashing of slot", Throttled, No, false),
            ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", Faulty, No, false),
            ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", Faulty, No, false),
            ("NOREPLICAS Not enough good replicas to write.", Faulty, No, false),
            ("OOM command not allowed when used memory > 'maxmemory'.", Throttled, No, false),
            ("NOAUTH Authentication required.", Denied, No, true),
            ("WRONGPASS invalid username-password pair or user is disabled.", Denied, No, true),
            ("NOPERM User app has no permissions to run the 'eval' command", Denied, No, false),
            ("NOSCRIPT No matching script. Please use EVAL.", Caller, No, false),
            ("CROSSSLOT Keys in request don't hash to the same slot", Caller, No, false),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Caller, No, false),
            ("EXECABORT Transaction discarded because of previous errors.", Caller, No, false),
            ("ERR max number of clients reached", Throttled, No, false),
            ("ERR invalid password", Denied, No, true),
            ("ERR AUTH <password> called without any password configured for the default user.", Denied, No, true),
            ("ERR unknown command 'EVALSHA', with args beginning with: 'customer-4711'", Caller, Maybe, false),
            ("SURPRISE of a module", Caller, Maybe, false),
        ];
        for (line, verdict, sent, credential) in cases {
            let Finding { outcome, detail } = of(line);
            let met = (outcome.verdict, outcome.sent, outcome.credential);
            assert_eq!(met, (verdict, sent, credential), "{line}");
            let said = format!("{detail:?}");
            assert!(!said.contains("4711") && !said.contains("127.0.0.1"), "{said}");
            assert_eq!(detail.code.as_deref(), line.split(' ').next(), "{line}");
        }
    }

    #[test]
    fn a_fault_named_by_the_server_is_unsent() {
        for row in CODES {
            assert!(!row.verdict.is_fault() || row.sent == No, "{}", row.code);
        }
    }

    #[test]
    fn connection_failures_have_the_codes_of_the_table() {
        let refused = RedisError::from(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(connecting(&refused).detail.code.as_deref(), Some("connection refused"));
        let silent = RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
        assert_eq!(connecting(&silent).detail.code.as_deref(), Some("connect timeout"));
    }

    #[test]
    fn a_lost_connection_is_maybe_sent_and_a_failed_connect_unsent() {
        for kind in [
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::TimedOut,
            io::ErrorKind::ConnectionRefused,
        ] {
            let error = RedisError::from(io::Error::from(kind));
            let under_way = finding(&error).outcome;
            assert!(under_way.verdict.is_fault() && under_way.sent == Maybe, "{kind}");
            let connecting = connecting(&error).outcome;
            assert_eq!((connecting.verdict, connecting.sent), (Unreachable, No), "{kind}");
        }
        let nonsense = parse_redis_value(b"HTTP/1.1 400 Bad Request\r\n").unwrap_err();
        let nonsense = finding(&nonsense).outcome;
        assert_eq!((nonsense.verdict, nonsense.sent), (Faulty, Maybe));
    }
}
