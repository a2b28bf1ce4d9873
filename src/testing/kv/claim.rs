use crate::testing::claims::Claims;

/// A capability of good tables that not every table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// Keys may be written again. (Not so under write-once.)
    Overwrite,
    /// A second create of a key is refused.
    Create,
    /// Of two creates of a key at the same time, one is refused.
    AtomicCreate,
    /// A put or a delete with a version is refused unless the version is the current one.
    CompareAndSet,
    /// Of several such writes at the same time with one version, all but one are refused.
    AtomicCompareAndSet,
    /// A time to live is kept to the second.
    TimeToLive,
    /// One call can store several values.
    PutMany,
    /// Keys can be read in their order.
    Scan,
    /// Scans come in pages. (A whole client gives one page.)
    Paging,
    /// Keys as long as the limits say work, and longer ones are refused.
    Limits,
    /// A key that does not exist is *not found*. (A write-once client needs the word of every endpoint for that, so it
    /// does not claim this while an endpoint is dead.)
    Absence,
    /// Deletes succeed. (A write-once client needs every endpoint for that, too.)
    Delete,
}

impl Claims<Claim> {
    /// All claims.
    pub fn all() -> Self {
        Self::none_missing()
    }
}
