use crate::{
    endpoint::Roster,
    model::{Human, clock},
    request::{CallRecord, Ended, LegKind, LegRecord},
    verdict::{Detail, Outcome, Sent, Verdict, table},
};
use std::{fmt, ops::Range, sync::Arc, time::Duration};

/// What a call did and why: which endpoints the call considered, what each attempt met, and which endpoint answered.
///
/// `Display` takes a few lines, for a log or a terminal, and shows no object key and no secret.
#[derive(Clone, Debug)]
pub struct Explanation {
    operation: &'static str,
    considered: Vec<Considered>,
    attempts: Vec<Attempt>,
    served: Vec<Served>,
    elapsed: Duration,
    answered_by: Option<Arc<str>>,
    possibly_stale: bool,
    unresolved: bool,
    /// The word for what the call asked for. `None`: a closure may ask for anything.
    noun: Option<&'static str>,
}

/// An endpoint of the client, and why this call did not use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    endpoint: Arc<str>,
    not_used: Option<String>,
}

/// Which endpoint gave which bytes of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Which bytes of the object.
    pub range: Range<u64>,
    /// The endpoint's name.
    pub endpoint: Arc<str>,
}

impl Served {
    pub(crate) const fn new(range: Range<u64>, endpoint: Arc<str>) -> Self {
        Self { range, endpoint }
    }

    /// Adds the next bytes: to the last ones, if the same endpoint gave them.
    pub(crate) fn add_to(self, all: &mut Vec<Self>) {
        match all.last_mut() {
            Some(last) if last.endpoint == self.endpoint && last.range.end == self.range.start => {
                last.range.end = self.range.end;
            }
            _ => all.push(self),
        }
    }
}

/// One attempt at one endpoint.
#[derive(Clone, Debug)]
pub struct Attempt {
    endpoint: Arc<str>,
    why: LegKind,
    outcome: Option<Outcome>,
    elapsed: Option<Duration>,
    detail: Option<Box<Detail>>,
}

impl Explanation {
    /// The explanation of several passes that began at `started`.
    pub(crate) fn new<'r>(
        operation: &'static str,
        considered: Vec<Considered>,
        roster: &Roster,
        started: clock::Instant,
        records: impl IntoIterator<Item = &'r CallRecord>,
    ) -> Self {
        let mut legs: Vec<_> = records
            .into_iter()
            .flat_map(|record| record.legs())
            .filter_map(|leg| Some((leg.started?, leg)))
            .collect();
        legs.sort_by_key(|&(started, _)| started);
        Self {
            operation,
            considered,
            attempts: legs.into_iter().map(|(_, leg)| Attempt::new(leg, roster)).collect(),
            served: Vec::new(),
            elapsed: clock::now().saturating_duration_since(started),
            answered_by: None,
            possibly_stale: false,
            unresolved: false,
            noun: None,
        }
    }

    /// The same under the name of the call that this was a part of.
    #[must_use]
    pub(crate) const fn called(mut self, operation: &'static str) -> Self {
        self.operation = operation;
        self
    }

    #[must_use]
    pub(crate) const fn unresolved(mut self, unresolved: bool) -> Self {
        self.unresolved = unresolved;
        self
    }

    #[must_use]
    pub(crate) fn about(mut self, noun: &'static str) -> Self {
        self.noun = Some(noun);
        self
    }

    pub(crate) const fn noun(&self) -> Option<&'static str> {
        self.noun
    }

    /// The body came from these.
    #[must_use]
    pub(crate) fn of_a_body(mut self, served: Vec<Served>) -> Self {
        self.served = served;
        self
    }

    /// A further part of a stream took these attempts.
    pub(crate) fn goes_on(&mut self, attempts: impl IntoIterator<Item = Attempt>, elapsed: Duration) {
        self.attempts.extend(attempts);
        self.elapsed = elapsed;
    }

    pub(crate) fn into_attempts(self) -> Vec<Attempt> {
        self.attempts
    }

    #[must_use]
    pub(crate) fn answered(mut self, by: Option<Arc<str>>, possibly_stale: bool) -> Self {
        self.answered_by = by;
        self.possibly_stale = possibly_stale;
        self
    }

    /// The operation: `get`, `put`, …, or the name that the call or its client was given.
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// All endpoints of the client, in its order.
    pub fn considered(&self) -> &[Considered] {
        &self.considered
    }

    /// The attempts in the order in which they left this process. A local refusal is no attempt.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Which endpoint gave which bytes of the body, in order: of a [stream](crate::client::object::Download::explanation),
    /// and of a [get](crate::ObjectClient::get) whose body broke off. Empty: the body came in one answer, or there is
    /// none.
    pub fn served(&self) -> &[Served] {
        &self.served
    }

    /// How long the call took. Of a stream, to its latest part.
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The endpoint whose answer decided. `None`: no single endpoint decided.
    pub fn answered_by(&self) -> Option<&str> {
        self.answered_by.as_deref()
    }

    /// Whether the value came from a copy that may lag behind the home.
    pub const fn possibly_stale(&self) -> bool {
        self.possibly_stale
    }

    /// Whether an attempt of this write was given up before its answer came, and may still land: see [late
    /// attempts](crate::client#late-attempts). Never true for a read.
    pub const fn earlier_attempt_unresolved(&self) -> bool {
        self.unresolved
    }
}

impl Considered {
    pub(crate) fn all(roster: &Roster, not_used: impl Fn(usize) -> Option<String>) -> Vec<Self> {
        let all = roster.iter().enumerate();
        all.map(|(index, profile)| Self {
            endpoint: profile.shared_name().clone(),
            not_used: not_used(index),
        })
        .collect()
    }

    /// The endpoint's name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Why the call could not use the endpoint, as a clause. `None`: the call could have used the endpoint.
    pub fn not_used(&self) -> Option<&str> {
        self.not_used.as_deref()
    }
}

impl Attempt {
    pub(crate) fn new(leg: LegRecord, roster: &Roster) -> Self {
        Self {
            endpoint: leg
                .endpoint
                .map_or_else(|| "?".into(), |index| roster.shared_name(index)),
            why: leg.kind,
            outcome: match leg.ended {
                Some(Ended::Judged(outcome)) => Some(outcome),
                Some(Ended::Abandoned(_)) | None => None,
            },
            elapsed: leg.elapsed,
            detail: leg.detail,
        }
    }

    /// The endpoint's name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) const fn shared_endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    /// Why the attempt was started.
    pub const fn why(&self) -> LegKind {
        self.why
    }

    /// The verdict on the attempt; `None` if the attempt was abandoned before an answer came.
    pub fn verdict(&self) -> Option<Verdict> {
        self.outcome.map(|outcome| outcome.verdict)
    }

    /// The verdict in one word, or `abandoned`.
    pub fn result(&self) -> &'static str {
        self.verdict().map_or("abandoned", Verdict::as_str)
    }

    /// How long the attempt took.
    pub const fn elapsed(&self) -> Option<Duration> {
        self.elapsed
    }

    /// Whether the attempt left this process, or tried to. A request that could not be built, or that its adapter
    /// refused, did not leave.
    pub(crate) fn has_left(&self) -> bool {
        let refused =
            matches!(self.outcome, Some(outcome) if outcome.verdict == Verdict::Caller && outcome.sent == Sent::No);
        !refused
            || self
                .code()
                .is_some_and(|code| code != table::Symptom::NotBuilt.as_str())
    }

    /// Whether another try would fail in the same way: the request or the configuration is at fault, not the moment.
    pub(crate) fn lasts(&self) -> bool {
        let is = |symptom: table::Symptom| self.code() == Some(symptom.as_str());
        match self.outcome {
            Some(outcome) if outcome.verdict == Verdict::Denied => {
                !outcome.credential && !is(table::Symptom::CredentialsNotLoaded)
            }
            Some(outcome) => outcome.verdict == Verdict::Caller || is(table::Symptom::NotTls),
            None => false,
        }
    }

    /// Whether the attempt was refused because the clocks differ.
    pub(crate) fn is_of_the_clock(&self) -> bool {
        let row = table::row_for_code(table::SKEWED);
        row.is_some_and(|row| self.message() == Some(row.phrase))
    }

    /// The provider's code.
    pub fn code(&self) -> Option<&str> {
        self.detail.as_ref()?.code.as_deref()
    }

    /// The provider's request id. The provider's support asks for this id.
    pub fn request_id(&self) -> Option<&str> {
        self.detail.as_ref()?.request_id.as_deref()
    }

    /// The adapter's phrase about the failure.
    pub fn message(&self) -> Option<&str> {
        self.detail.as_ref()?.message.as_deref()
    }
}

/// What the attempt met, as a clause: `virginia was unreachable: connection refused (ConnectRefused)`.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = match self.verdict() {
            Some(Verdict::Success) => "succeeded",
            Some(Verdict::Answer) => "refused",
            Some(Verdict::Absent) => "found nothing",
            Some(Verdict::Throttled) if self.detail.as_ref().is_some_and(|detail| detail.says_full()) => "had no room",
            Some(Verdict::Throttled) => "throttled the request",
            Some(Verdict::Unreachable) => "was unreachable",
            Some(Verdict::Faulty) => "failed",
            Some(Verdict::Denied) => "denied access",
            Some(Verdict::Caller) if !self.has_left() => "was not asked",
            Some(Verdict::Caller) => "rejected the request",
            None => "did not answer in time",
        };
        write!(f, "{} {met}", self.endpoint)?;
        if let Some(message) = self.message() {
            write!(f, ": {message}")?;
        }
        if let Some(code) = self.code() {
            write!(f, " ({code})")?;
        }
        Ok(())
    }
}

impl Explanation {
    /// Whether every failure would happen again.
    pub(crate) fn met_only_what_lasts(&self) -> bool {
        let is_healthy = |attempt: &&Attempt| attempt.verdict().is_some_and(Verdict::is_healthy);
        let mut failed = self.attempts.iter().filter(|attempt| !is_healthy(attempt)).peekable();
        failed.peek().is_some() && failed.all(Attempt::lasts)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = self.answered_by().unwrap_or("no single endpoint");
        write!(
            f,
            "{}: answered by {answered} after {}",
            self.operation,
            Human(self.elapsed)
        )?;
        if self.possibly_stale {
            f.write_str(", possibly stale")?;
        }
        if self.unresolved {
            f.write_str(", and an attempt that was given up may still land")?;
        }
        for (number, attempt) in (1..).zip(&self.attempts) {
            write!(f, "\n  {number}. {}: {attempt}", attempt.why.as_str())?;
            if let Some(elapsed) = attempt.elapsed {
                write!(f, ", after {}", Human(elapsed))?;
            }
            if let Some(id) = attempt.request_id() {
                write!(f, ", request id {id}")?;
            }
        }
        for Served { range, endpoint } in &self.served {
            write!(f, "\n  bytes {}..{} from {endpoint}", range.start, range.end)?;
        }
        for considered in &self.considered {
            if let Some(reason) = &considered.not_used {
                write!(f, "\n  not used: {}, because {reason}", considered.endpoint)?;
            }
        }
        Ok(())
    }
}
