//! Requests, and what travels with them.
//!
//! A [`Call`] is a request on its way through the stack. All attempts of one call share one [`CallRecord`]. The record
//! holds the deadline, the picked endpoints, how each attempt ended, and the one timer that serves every limit of the
//! call. Layers are `tower::Service<Call<R>>`, so each can be used alone:
//!
//! ```
//! use evenkeel::request::{Call, OpClass, Safety};
//!
//! let call = Call::new("anything"); // assumes the worst: a write that must not be repeated
//! assert_eq!((call.class(), call.safety()), (OpClass::Write, Safety::Once));
//! let call = Call::read("anything");
//! assert_eq!((call.class(), call.safety()), (OpClass::Read, Safety::ReadOnly));
//! ```

mod after;
mod call;
mod first;
mod kept;
pub(crate) mod key;
pub mod kv;
mod leg;
pub mod object;
mod options;
mod progress;
mod record;
mod rule;
mod stamp;
mod terms;
mod timer;
mod upload;
mod work;
mod write_id;
mod writer;

pub(crate) use after::After;
pub use call::Call;
pub(crate) use call::Tally;
pub(crate) use kept::Kept;
pub use key::{InvalidKey, Key};
pub(crate) use leg::Moved;
pub use leg::{Abandoned, Ended, Leg, LegKind, LegRecord, Traffic};
pub use options::Options;
pub(crate) use options::Told;
pub use progress::Progress;
pub(crate) use progress::{Flow, Seen, Stage};
pub use record::CallRecord;
pub(crate) use record::{bit, members};
pub use rule::{Again, Rule};
pub use stamp::{Stamp, StampKind};
pub(crate) use timer::{Own, Timer};
pub use work::Work;
pub use write_id::WriteId;
pub(crate) use writer::Writer;

/// The kind of a call's work. Health is kept per endpoint *and* class, because reads heal before writes (S3, 2017).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "drill",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum OpClass {
    /// The call fetches something.
    Read,
    /// The call changes something.
    Write,
    /// The call enumerates.
    List,
}

impl OpClass {
    /// All classes, in index order.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::List];

    /// 0, 1 or 2: for arrays with a slot per class.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The value of metric labels and span fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
        }
    }
}

impl std::fmt::Display for OpClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What may be done when the fate of an attempt is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Safety {
    /// A call that changes nothing. It may be hedged and repeated.
    ReadOnly,
    /// A write whose repetition has no further effect. It may be repeated, and is never hedged.
    Idempotent,
    /// A write that must not happen twice. It is repeated only if it was provably not sent.
    Once,
}
