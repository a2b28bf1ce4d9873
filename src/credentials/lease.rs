use crate::{BoxError, clock};
use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Credentials, and how long they live.
#[derive(Clone)]
pub struct Lease<T> {
    pub(super) value: T,
    /// `None`: without end.
    pub(super) life: Option<Duration>,
}

impl<T> Lease<T> {
    /// Valid until then, by this host's clock. What has expired already lives for no time.
    pub fn until(value: T, expiry: SystemTime) -> Self {
        let life = expiry.duration_since(clock::wall()).unwrap_or_default();
        Self::lasting(value, life)
    }

    /// Valid for so long from now: `expires_in`, as OAuth's answers say it. The better one of the two, as it needs no clock.
    pub const fn lasting(value: T, life: Duration) -> Self {
        Self {
            value,
            life: Some(life),
        }
    }

    /// Valid until somebody says otherwise: a key in a file. It is fetched anew when it is [rotated](super::Keeper::rotate)
    /// or was [refused](crate::Endpoint::credentials).
    pub const fn without_end(value: T) -> Self {
        Self { value, life: None }
    }
}

/// Without the credentials.
impl<T> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

/// There are no valid credentials. Nothing was sent.
#[derive(Clone)]
pub struct NotLoaded {
    name: Arc<str>,
    why: Why,
}

#[derive(Clone)]
pub(super) enum Why {
    /// Nobody has asked yet, or the fetch is under way.
    Pending,
    /// The source failed, with this error.
    Failed(Arc<dyn Error + Send + Sync>),
    /// It did not answer in time.
    Hung(Duration),
    /// It panicked.
    Panicked,
    /// It gave credentials that had expired.
    Expired,
    /// A person wanted new ones sooner than the budget allows.
    NoBudget,
}

impl NotLoaded {
    pub(super) const fn new(name: Arc<str>, why: Why) -> Self {
        Self { name, why }
    }

    /// Whose they are: the name of the [`Keeper`](super::Keeper).
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Why {
    pub(super) fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed(error.into().into())
    }

    /// In a few words, none of them the source's.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "no answer yet",
            Self::Failed(_) => "the source failed",
            Self::Hung(_) => "the source hung",
            Self::Panicked => "the source panicked",
            Self::Expired => "the source gave credentials that had expired",
            Self::NoBudget => "asked too often",
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

/// What the source's error prints of itself is not known.
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
