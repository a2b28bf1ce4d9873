use crate::model::clock;
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// Credentials, and how long they are valid.
#[derive(Clone)]
pub struct Lease<T> {
    pub(super) value: T,
    /// `None`: without end.
    pub(super) life: Option<Duration>,
}

impl<T> Lease<T> {
    /// Credentials that are valid until `expiry`, by this host's clock. Expired credentials get a life of zero.
    pub fn until(value: T, expiry: SystemTime) -> Self {
        let life = expiry.duration_since(clock::wall()).unwrap_or_default();
        Self::lasting(value, life)
    }

    /// Credentials that are valid for this long from now: the `expires_in` of OAuth's answers. Prefer this constructor,
    /// which needs no clock.
    pub const fn lasting(value: T, life: Duration) -> Self {
        Self {
            value,
            life: Some(life),
        }
    }

    /// Credentials without an expiry: a key in a file. They are fetched anew when they are
    /// [rotated](super::Keeper::rotate) or [refused](crate::Endpoint::credentials).
    pub const fn without_end(value: T) -> Self {
        Self { value, life: None }
    }
}

/// Does not show the credentials.
impl<T> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
