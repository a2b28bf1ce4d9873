use super::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What goes wrong for a call that a rule selects.
///
/// In JSON a fault without parameters is a string (`"hang"`), a fault with parameters an object (`{"status": {"code":
/// 500}}`).
///
/// Several rules can hit one call. Faults that only *change* an answer (`slow`, `delay`, `drip`, `truncate`,
/// `stale_reads`) add up. Of the faults that *end* a call, the first in the order of the rules decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// The server accepts the connection and never answers the request.
    Hang,
    /// The server never accepts the connection: connecting lasts until the client gives up. Open connections are not
    /// touched. Add a `hang` for those.
    HangConnect,
    /// The server refuses connections and resets open connections.
    Refuse,
    /// The name resolves to nothing. Open connections go on working.
    DnsEmpty,
    /// The connection is reset when the request arrives. The server never sees the request.
    ResetBeforeRequest,
    /// The server executes the request, and then the connection is reset instead of an answer.
    ResetAfterRequest,
    /// An answer with this HTTP status instead of the server's.
    Status {
        /// 200 to 599. With 200 and an `s3_code` this is S3's success with an error document in it.
        code: u16,
        /// The `Code` of the S3 error document. Without a code the answer has no document, as from a proxy or a CDN.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        s3_code: Option<String>,
        /// The time to wait that the answer asks for, sent in whole seconds.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "duration::optional")]
        retry_after: Option<Duration>,
    },
    /// The answer takes `factor` times as long as the server's answer.
    Slow {
        /// At least 1.
        factor: f64,
    },
    /// The answer comes later.
    Delay {
        /// By how much the answer is delayed.
        #[serde(with = "duration")]
        by: Duration,
    },
    /// Above this many calls per second the answer is 503 SlowDown. Each refusal costs half a unit of capacity. A
    /// client that does not back off therefore keeps the endpoint busy with refusing (at twice the capacity nothing
    /// gets through), as in a metastable overload.
    Throttle {
        /// The capacity.
        calls_per_second: f64,
    },
    /// The answer's body trickles.
    Drip {
        /// The rate of the body.
        bytes_per_second: u64,
    },
    /// The answer's body ends before its announced length. Set one of the two fields. An answer that is not longer than
    /// the cut stays whole.
    Truncate {
        /// The number of bytes before the cut.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_bytes: Option<u64>,
        /// The share of the body before the cut, 0 to below 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share: Option<f64>,
    },
    /// 403 with a code that names the credential: the credentials are valid, but the provider cannot tell.
    Authentication {
        /// `InvalidAccessKeyId`, `ExpiredToken`, `SignatureDoesNotMatch`, …
        #[serde(default = "invalid_access_key_id")]
        s3_code: String,
    },
    /// Reads and listings show earlier answers. Writes take effect but stay invisible.
    StaleReads,
}

fn invalid_access_key_id() -> String {
    "InvalidAccessKeyId".into()
}

impl Fault {
    /// The fault's name in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::HangConnect => "hang_connect",
            Self::Refuse => "refuse",
            Self::DnsEmpty => "dns_empty",
            Self::ResetBeforeRequest => "reset_before_request",
            Self::ResetAfterRequest => "reset_after_request",
            Self::Status { .. } => "status",
            Self::Slow { .. } => "slow",
            Self::Delay { .. } => "delay",
            Self::Throttle { .. } => "throttle",
            Self::Drip { .. } => "drip",
            Self::Truncate { .. } => "truncate",
            Self::Authentication { .. } => "authentication",
            Self::StaleReads => "stale_reads",
        }
    }

    /// Whether the fault strikes while connecting, when nobody knows yet which request will follow.
    pub const fn is_met_while_connecting(&self) -> bool {
        matches!(self, Self::HangConnect | Self::Refuse | Self::DnsEmpty)
    }

    /// The field that makes no sense, and the reason.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Status { code, s3_code, .. } => {
                if !(200..=599).contains(code) {
                    return Err((
                        "code",
                        format!("{code} is not an HTTP status of an answer (200 to 599)"),
                    ));
                }
                s3_code.as_deref().map_or(Ok(()), check_code)
            }
            Self::Authentication { s3_code } => check_code(s3_code),
            Self::Slow { factor } if !(1.0..=f64::MAX).contains(factor) => Err((
                "factor",
                format!("a factor of {factor} does not slow anything: give 1 or more"),
            )),
            Self::Delay { by } if by.is_zero() => Err(("by", "a delay of nothing is no delay".into())),
            Self::Throttle { calls_per_second } if !(calls_per_second.is_finite() && *calls_per_second > 0.0) => Err((
                "calls_per_second",
                format!("a capacity of {calls_per_second} calls per second is not above zero"),
            )),
            Self::Drip { bytes_per_second: 0 } => Err((
                "bytes_per_second",
                "a drip of 0 bytes per second is a hang: use `hang`".into(),
            )),
            Self::Truncate { after_bytes, share } => match (after_bytes, share) {
                (Some(_), None) => Ok(()),
                (None, Some(share)) if (0.0..1.0).contains(share) => Ok(()),
                (None, Some(share)) => Err(("share", format!("a share of {share} is not at least 0 and below 1"))),
                _ => Err(("", "a truncation needs either after_bytes or share".into())),
            },
            _ => Ok(()),
        }
    }
}

/// A code goes unchanged into an XML document and into error messages.
fn check_code(code: &str) -> Result<(), (&'static str, String)> {
    if !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)) {
        return Ok(());
    }
    Err((
        "s3_code",
        format!("{code:?} is not an S3 error code: letters, digits and . - _ only"),
    ))
}
