//! The steps of an outage, from what a client decided: pure, for whoever reports them.

mod signs;

#[cfg(not(feature = "recorder"))]
use signs::Sign;
pub(crate) use signs::sign;
#[cfg(feature = "recorder")]
pub(crate) use signs::{Sign, text};

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};

/// What an outage struck.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Subject {
    /// An endpoint, for one class of calls.
    Endpoint {
        /// The client.
        client: String,
        /// The endpoint.
        endpoint: String,
        /// `read`, `write` or `list`.
        class: String,
    },
    /// An endpoint, for writes of a megabyte and more.
    LargeWrites {
        /// The client.
        client: String,
        /// The endpoint.
        endpoint: String,
    },
    /// All endpoints of a client at once: this host's own network, DNS or credentials are suspected.
    AllEndpoints {
        /// The client.
        client: String,
        /// `read`, `write` or `list`.
        class: String,
    },
    /// Credentials, which are lost.
    Credentials {
        /// The name of their keeper.
        name: String,
    },
}

impl Subject {
    /// The client; `None` for credentials.
    pub fn client(&self) -> Option<&str> {
        match self {
            Self::Endpoint { client, .. } | Self::LargeWrites { client, .. } | Self::AllEndpoints { client, .. } => {
                Some(client)
            }
            Self::Credentials { .. } => None,
        }
    }

    /// The endpoint, if it is one.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Endpoint { endpoint, .. } | Self::LargeWrites { endpoint, .. } => Some(endpoint),
            Self::AllEndpoints { .. } | Self::Credentials { .. } => None,
        }
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint {
                client,
                endpoint,
                class,
            } => write!(f, "{endpoint}: {class}s of {client}"),
            Self::LargeWrites { client, endpoint } => {
                write!(f, "{endpoint}: writes of a megabyte and more of {client}")
            }
            Self::AllEndpoints { client, class } => write!(f, "all endpoints: {class}s of {client}"),
            Self::Credentials { name } => write!(f, "credentials {name}"),
        }
    }
}

/// How something stands at the end of what is known.
#[cfg_attr(not(feature = "recorder"), allow(unreachable_pub))] // nobody else shows it
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Standing {
    /// It is out.
    Out,
    /// Its return has begun, and was not seen to be complete.
    Returning,
    /// It is as it was.
    Whole,
}

/// A step of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// The first sign of trouble.
    Onset,
    /// Calls no longer go there.
    Left,
    /// Calls go there again, more and more of them.
    ReturnBegun,
    /// It was left again.
    Relapse,
    /// All of its calls go there again.
    Complete,
}

/// What follows from a sign.
pub(crate) struct Followed {
    /// The steps, in their order.
    pub(crate) steps: Vec<Step>,
    pub(crate) standing: Standing,
}

/// What a sign makes of a subject that stood like this after these steps.
pub(crate) fn follow(standing: Standing, before: impl Iterator<Item = Step>, sign: &Sign) -> Followed {
    let (mut is_known, mut was_left) = (false, false);
    for step in before {
        is_known = true;
        was_left |= step != Step::Onset;
    }
    let onset = (!is_known).then_some(Step::Onset);
    let (steps, standing) = match sign {
        Sign::Trouble => (vec![onset], standing),
        Sign::Left => {
            let left = if was_left { Step::Relapse } else { Step::Left };
            let left = (standing != Standing::Out).then_some(left);
            (vec![onset, left], Standing::Out)
        }
        Sign::ProbeFailed => {
            // Without a step, it was left before anybody looked.
            let is_relapse = standing == Standing::Returning || (standing == Standing::Whole && is_known);
            (vec![is_relapse.then_some(Step::Relapse)], Standing::Out)
        }
        Sign::Probed if standing == Standing::Whole => (Vec::new(), Standing::Out),
        Sign::Probed => (Vec::new(), standing),
        Sign::Back => (vec![Some(Step::ReturnBegun)], Standing::Returning),
        Sign::Whole => (vec![Some(Step::ReturnBegun), Some(Step::Complete)], Standing::Whole),
    };
    Followed {
        steps: steps.into_iter().flatten().collect(),
        standing,
    }
}
