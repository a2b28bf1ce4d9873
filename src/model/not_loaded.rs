use crate::BoxError;
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// There are no valid credentials. Nothing was sent.
#[derive(Clone)]
pub struct NotLoaded {
    name: Arc<str>,
    why: Why,
}

#[derive(Clone)]
pub(crate) enum Why {
    /// No caller has asked yet, or the fetch is under way.
    Pending,
    /// The source failed, with this error.
    Failed(Arc<dyn Error + Send + Sync>),
    /// The source did not answer in time.
    Hung(Duration),
    /// The source panicked.
    Panicked,
    /// The source gave credentials that had expired.
    Expired,
    /// A person wanted new credentials sooner than the budget allows.
    NoBudget,
}

impl NotLoaded {
    pub(crate) const fn new(name: Arc<str>, why: Why) -> Self {
        Self { name, why }
    }

    /// The name of the credentials' [`Keeper`](crate::credentials::Keeper).
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Why {
    pub(crate) fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed(error.into().into())
    }

    /// The reason in a few words, none of them the source's.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "the source has not answered yet",
            Self::Failed(_) => "the source failed",
            Self::Hung(_) => "the source hung",
            Self::Panicked => "the source panicked",
            Self::Expired => "the source gave credentials that had expired",
            Self::NoBudget => "the source was asked too often",
        }
    }
}

impl fmt::Display for NotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no valid credentials `{}`: {}", self.name, self.why.as_str())?;
        match self.why {
            Why::Hung(limit) => write!(f, " for {limit:?}"),
            _ => Ok(()),
        }
    }
}

/// Prints nothing of the source's error: nobody knows what that error would print.
impl fmt::Debug for NotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotLoaded({self})")
    }
}

impl Error for NotLoaded {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.why {
            Why::Failed(error) => Some(&**error),
            _ => None,
        }
    }
}
