use super::{Outcome, table, words};
use std::io;

/// Turns a client's result into an [`Outcome`].
///
/// Implement this trait for the client that you wrap with [`Failover`](crate::Failover). The page
/// [`verdict::table`](super::table) is the mapping to build on, and [`crate::guide::classify`] walks through one
/// implementation.
///
/// A classifier sees successes too, because some clients return failures as `Ok` (an HTTP client gives back a 503 as a
/// response). The request path calls the classifier once per attempt: no I/O, no locks.
///
/// A call whose closure has an error without a classifier does not compile. For an error type of yours, begin with
/// [`ByCause`](super::ByCause). [`Standard`](super::Standard) judges a `Box<dyn Error + Send + Sync>` by its causes. For an
/// `anyhow::Error` write a `Classify` of its own: [`crate::guide::classify`] has one.
///
/// ```compile_fail,E0277
/// # use evenkeel::{Endpoint, Failover};
/// #[derive(Debug, thiserror::Error)]
/// #[error("the ledger is corrupt")]
/// struct Corrupt;
/// # async fn total(_: u8) -> Result<u64, Corrupt> { Err(Corrupt) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
///
/// let ledgers = Failover::builder().endpoint(Endpoint::new("virginia", 1)).build()?;
/// ledgers.read(total).await?;
/// # Ok(()) }
/// ```
///
/// ```
/// # use evenkeel::{Endpoint, Failover, verdict::ByCause};
/// # #[derive(Debug, thiserror::Error)]
/// # #[error("the ledger is corrupt")]
/// # struct Corrupt;
/// # async fn total(_: u8) -> Result<u64, Corrupt> { Err(Corrupt) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let ledgers = Failover::builder().endpoint(Endpoint::new("virginia", 1)).classify(ByCause).build()?;
/// ledgers.read(total).await?;
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "nothing says what the error `{E}` means: whose fault it is, and whether the request was sent",
    label = "`{Self}` does not judge a `Result<{T}, {E}>`",
    note = "an error of your own: `.classify(evenkeel::verdict::ByCause)` on the builder judges it by the known causes beneath it; write a `Classify` for it that knows more, as `evenkeel::guide::classify` shows",
    note = "an `anyhow::Error`: `.classify(..)` with a `Classify<T, anyhow::Error>` of yours, which may fall back on `ByCause::outcome`; `evenkeel::guide::classify` has one",
    note = "a `String`, or where no classifier is wanted: `.map_err(evenkeel::verdict::AnyError::new)` at the end of the closure, and no `.classify(..)`",
    note = "an error of a cloud's SDK: turn on evenkeel's feature for it (`s3`, `dynamodb`, `azure_core`, `google_cloud`, `cosmos`, `redis`, `bigtable`, `http`)"
)]
pub trait Classify<T, E> {
    /// The verdict on this result.
    fn classify(&self, result: Result<&T, &E>) -> Outcome;

    /// Words for errors and spans about a failed result: the provider's code and request id. No secrets, no keys.
    fn detail(&self, result: Result<&T, &E>) -> Detail {
        let _ = result;
        Detail::default()
    }
}

/// What an error or a span says about one failed attempt besides its verdict. Errors, spans and explanations show only
/// the visible ASCII of each text, at most 128 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// The provider's own code: `SlowDown`, `NoSuchBucket`, `connect timeout`.
    pub code: Option<String>,
    /// The provider's request id, for which its support asks.
    pub request_id: Option<String>,
    /// One phrase for a person. No secrets, no object keys.
    pub message: Option<String>,
}

impl Detail {
    /// The part of each text that may be shown, by whatever author. See [`words`].
    pub(crate) fn shown(self) -> Self {
        Self {
            code: self.code.map(words::shown),
            request_id: self.request_id.map(words::shown),
            message: self.message.map(words::shown),
        }
    }

    /// Drops the texts that repeat `secret`, the key that was asked for, which must not be shown. A `known` message is
    /// ours. A code that we know is no secret, unless the code equals the key.
    pub(crate) fn without(&mut self, secret: &str, known: bool) {
        let ours = |code: &str| known && (table::row_for_code(code).is_some() || code.contains(' '));
        self.code
            .take_if(|code| code == secret || (!ours(code) && words::repeats(code, secret)));
        self.request_id.take_if(|id| words::repeats(id, secret));
        self.message
            .take_if(|message| message == secret || (!known && words::repeats(message, secret)));
    }

    /// Whether the texts say that the store is full, in the words of the table or of Redis.
    pub(crate) fn says_full(&self) -> bool {
        self.message.as_deref() == Some(table::FULL) || self.code.as_deref() == Some("OOM")
    }
}

/// What a classification found: the outcome with its words.
#[cfg(any(feature = "http", feature = "redis"))]
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) outcome: Outcome,
    pub(crate) detail: Detail,
}

#[cfg(any(feature = "http", feature = "redis"))]
impl Finding {
    /// The finding of a symptom without a provider's answer.
    pub(crate) fn symptom(symptom: table::Symptom) -> Self {
        let row = table::row_for_symptom(symptom);
        Self {
            outcome: row.outcome(),
            detail: Detail {
                code: Some(symptom.as_str().to_owned()),
                request_id: None,
                message: Some(row.phrase.to_owned()),
            },
        }
    }
}

#[cfg(any(feature = "http", feature = "redis"))]
impl Finding {
    /// Marks the connection as broken, whatever the symptom is called.
    pub(crate) fn of_a_connection(mut self) -> Self {
        self.outcome.broken = true;
        self
    }
}

#[cfg(feature = "http")]
impl Finding {
    /// A provider's refusal. The message is read and never shown: providers quote keys and account numbers in their
    /// messages. The phrase shown is the table's.
    pub(crate) fn refusal(status: u16, code: Option<&str>, message: Option<&str>) -> Self {
        let known = match message {
            Some(message) if table::is_of_the_clock(code, message) => table::row_for_code(table::SKEWED),
            _ => code.and_then(table::row_for_code),
        };
        let full = (status == 507).then_some(table::FULL);
        Self {
            outcome: table::for_answer(status, code, message),
            detail: Detail {
                code: Some(
                    code.and_then(words::code)
                        .map_or_else(|| format!("HTTP {status}"), str::to_owned),
                ),
                request_id: None,
                message: known
                    .map(|row| row.phrase)
                    .or(full)
                    .or_else(|| table::of_a_gateway(status, code))
                    .map(str::to_owned),
            },
        }
    }

    /// A *not found* without proof that the provider itself said so.
    #[cfg_attr(
        not(any(feature = "_aws", feature = "azure_core", feature = "google_cloud")),
        allow(dead_code)
    )]
    pub(crate) fn of_a_gateway(request_id: Option<&str>) -> Self {
        let mut finding = Self::symptom(table::Symptom::Nonsense).with_request_id(request_id);
        finding.detail.message = Some("the 404 is not the provider's own: something in between answered".to_owned());
        finding
    }

    /// Adds the provider's request id, if the text looks like a request id.
    pub(crate) fn with_request_id(mut self, id: Option<&str>) -> Self {
        self.detail.request_id = id.and_then(words::id).map(str::to_owned);
        self
    }
}

/// [`Classify`] for clients whose error is [`std::io::Error`].
#[derive(Clone, Copy, Debug, Default)]
pub struct IoVerdicts;

impl<T> Classify<T, io::Error> for IoVerdicts {
    fn classify(&self, result: Result<&T, &io::Error>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) => table::for_io(error.kind()),
        }
    }

    fn detail(&self, result: Result<&T, &io::Error>) -> Detail {
        Detail {
            code: result.err().map(|e| e.kind().to_string()),
            ..Detail::default()
        }
    }
}
