/// What went wrong below, or without, an HTTP answer, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Symptom {
    /// The connection was refused.
    ConnectRefused,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The name does not exist (NXDOMAIN).
    DnsNoSuchName,
    /// The name exists and has no address.
    DnsEmpty,
    /// The resolver failed (SERVFAIL, or no answer from it).
    DnsFailed,
    /// TCP was connected, TLS was not.
    TlsHandshake,
    /// TCP was connected, and the other side did not speak TLS.
    NotTls,
    /// The connection was not made, for another reason.
    ConnectFailed,
    /// The server says that it did not read the request: its connection was about to end, or had too many requests.
    Unread,
    /// The name was not resolved, and nothing proves that this happened before the request.
    DnsUnproven,
    /// The connection broke while, or after, the request may have been written.
    Reset,
    /// An attempt's time limit ran out, ours or the client's.
    AttemptTimeout,
    /// The body was shorter, or longer, than announced.
    ShortBody,
    /// The body does not have the announced checksum.
    WrongChecksum,
    /// The answer could not be understood.
    Nonsense,
    /// A success that carries an error document, or lacks what every success has (S3: an ETag).
    ErrorDocument,
    /// Credentials could not be loaded.
    CredentialsNotLoaded,
    /// The client could not build the request.
    NotBuilt,
    /// Plain HTTP was sent to a TLS port.
    PlainToTls,
    /// The client was misused, or the request's own body failed.
    Misuse,
    /// The client gave up for an unknown reason.
    Unknown,
}

impl Symptom {
    /// The value in `Detail::code`: short, for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectRefused => "connection refused",
            Self::ConnectTimeout => "connect timeout",
            Self::DnsNoSuchName => "dns: no such name",
            Self::DnsEmpty => "dns: no address",
            Self::DnsFailed => "dns: resolver failed",
            Self::TlsHandshake => "tls handshake failed",
            Self::NotTls => "no tls",
            Self::ConnectFailed => "connect failed",
            Self::Unread => "unread",
            Self::DnsUnproven => "dns, unproven",
            Self::Reset => "connection reset",
            Self::AttemptTimeout => "attempt timeout",
            Self::ShortBody => "wrong length",
            Self::WrongChecksum => "wrong checksum",
            Self::Nonsense => "nonsense",
            Self::ErrorDocument => "error in a success",
            Self::CredentialsNotLoaded => "credentials not loaded",
            Self::NotBuilt => "request not built",
            Self::PlainToTls => "plain http to tls",
            Self::Misuse => "client misused",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Symptom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
