use crate::model::clock;
use std::{
    fmt,
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
