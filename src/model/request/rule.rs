use crate::verdict::Outcome;

/// Your own rule: after which outcomes of an attempt the call is tried again.
///
/// A rule is a table on one page, in Rust. The stack asks the rule only after an attempt that gave the call no result.
/// Success and answers (a failed precondition, *not modified*) are returned, whatever the rule would say.
///
/// | the rule says | read, idempotent write | write that must happen once |
/// |---|---|---|
/// | [`Table`](Again::Table) | as the [table](crate::stack::retry) says | as the table says |
/// | [`Never`](Again::Never) | returned | returned |
/// | [`WhereSafe`](Again::WhereSafe) | tried again | tried again if it was provably not sent, else returned |
///
/// No rule repeats a write that must happen once and may have been applied. No rule goes beyond
/// [`max_attempts`](crate::stack::retry::RetrySettings::max_attempts), the [budget](crate::stack::retry::Budget) or the deadline. A rule
/// does not apply to hedges, which follow no outcome. Nor does it apply to what a store client asks beyond the attempts
/// of one request: requests that prove absence, or find out whose write is there.
///
/// A rule is a plain function, or a closure that captures nothing: a rule has no state. It runs on the call's path,
/// after a failure.
///
/// ```
/// use evenkeel::stack::retry::{self, Again};
/// use evenkeel::verdict::Verdict;
/// use evenkeel::{Endpoint, Failover};
/// use std::io;
///
/// # #[derive(Clone)] struct Table(&'static str);
/// # impl Table {
/// #     async fn query(&self) -> Result<(), io::Error> { Err(io::ErrorKind::TimedOut.into()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut retry = retry::RetrySettings::default();
/// retry.when = Some(|outcome| match outcome.verdict {
///     Verdict::Throttled => Again::Never,              // our caller backs off by itself
///     Verdict::Absent => Again::WhereSafe,             // a copy may lag: ask the others
///     Verdict::Denied => Again::WhereSafe,             // permissions differ from region to region
///     _ if outcome.timed_out => Again::Never,          // a query that is too heavy is so everywhere
///     _ => Again::Table,
/// });
/// let tables = Failover::builder()
///     .endpoint(Endpoint::new("virginia", Table("virginia")))
///     .endpoint(Endpoint::new("ireland", Table("ireland")))
///     .retry(retry)
///     .build()?;
///
/// // One call may have its own.
/// let query = tables.read(|table| async move { table.query().await }).retry_when(|_| Again::Never);
/// assert_eq!(query.await.unwrap_err().attempts_made(), 1);
/// # Ok(()) }
/// ```
pub type Rule = fn(Outcome) -> Again;

/// What a [`Rule`] says of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Again {
    /// Decide as the [table](crate::stack::retry) does.
    Table,
    /// The call is not tried again.
    Never,
    /// The call is tried again wherever that can do no harm.
    WhereSafe,
}
