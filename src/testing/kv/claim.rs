use crate::testing::claims::Claims;

/// Something that good tables do and not all do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// Keys may be written again. (Not so under write-once.)
    Overwrite,
    /// A second create of a key is refused.
    Create,
    /// ... also when both come at the same time.
    AtomicCreate,
    /// A put or a delete with a version is refused unless it is the current one.
    CompareAndSet,
    /// ... also when several come at the same time.
    AtomicCompareAndSet,
    /// A time to live is kept to the second.
    TimeToLive,
    /// Several values can be stored in one call.
    PutMany,
    /// Keys can be gone through in their order.
    Scan,
    /// Scans come in pages. (A whole client gives one.)
    Paging,
    /// Keys as long as the limits say work, and longer ones are refused.
    Limits,
    /// What does not exist is *not found*. (A write-once client needs the word of every endpoint for that, so not while one is
    /// dead.)
    Absence,
    /// Deletes succeed. (A write-once client needs every endpoint for that, too.)
    Delete,
}

impl Claims<Claim> {
    /// Everything.
    pub fn all() -> Self {
        Self::none_missing()
    }
}
