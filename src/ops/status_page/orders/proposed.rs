//! What a dry run shows.

use serde::{Deserialize, Serialize};

/// An order that is not given yet, and what it would do at this moment.
#[derive(Debug, Serialize)]
pub(super) struct Proposed {
    pub(super) instance: String,
    pub(super) client: Named,
    pub(super) order: Kind,
    /// What the order that is lifted does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lifts: Option<Lifted>,
    pub(super) selector: String,
    pub(super) reason: String,
    pub(super) by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) for_s: Option<u64>,
    /// The endpoints that the order is about.
    pub(super) affected: Vec<String>,
    pub(super) left: Left,
    /// Why the order would be refused.
    pub(super) refused: Option<String>,
    /// The digest of all that.
    pub(super) effect: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Named {
    pub(super) id: u64,
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Lifted {
    pub(super) number: u64,
    pub(super) action: &'static str,
    pub(super) by: Option<String>,
}

/// The endpoints that would be left to serve.
#[derive(Debug, Serialize)]
pub(super) struct Left {
    pub(super) reads: Vec<String>,
    pub(super) writes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Drain,
    DrainWrites,
    Force,
    Freeze,
    PassThrough,
    Lift,
}
