//! Which answers of which store count.

use super::{GenericStore, error, error::failed};
use crate::provider::{ProviderError, ProviderErrorKind, refusal::Asked};
use object_store::{GetOptions, GetRange, path::Path};
use std::sync::atomic::Ordering;

/// A path that nobody uses.
pub(super) const NOWHERE: &str = ".evenkeel/warm-up";

/// Who ensures that no request leaves for another place, and that no gateway is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// evenkeel's transport: `NoRedirects`.
    Ours,
    /// The user who brought the store declared it.
    Trusted,
    Unknown,
}

impl Transport {
    /// By the `Debug` of the store's clients. A store may have several: one for the data, one for credentials.
    pub(super) fn by(shown: &str) -> Self {
        let (clients, ours) = ("HttpClient(", "HttpClient(NoRedirects)");
        match (shown.matches(clients).count(), shown.matches(ours).count()) {
            (all, seen) if all > 0 && all == seen => Self::Ours,
            _ => Self::Unknown,
        }
    }
}

impl GenericStore {
    pub(super) fn admitted(&self) -> Result<(), ProviderError> {
        match self.transport {
            Transport::Ours | Transport::Trusted => Ok(()),
            Transport::Unknown => Err(ProviderError::unsupported(
                "the store's own HTTP client may follow redirects out of the permitted locations: build the store with \
                 `NoRedirects`, or say `trusting_transport`",
            )),
        }
    }

    /// Looks at what is under a path, by a GET of one byte: only the refusal of a GET says in its body whose refusal it
    /// is.
    pub(super) async fn look(&self, path: &Path) -> Result<(), ProviderError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(0..1)),
            ..GetOptions::default()
        };
        let found = match self.store.get_opts(path, options).await {
            Ok(got) => self
                .confirmed(self.tag(got.meta.e_tag.as_ref(), got.meta.version.as_ref()))
                .map(drop),
            Err(error) => match failed(Asked::Read, &error) {
                // It is there, and empty.
                empty if empty.kind() == ProviderErrorKind::RangeNotSatisfiable => Ok(()),
                failed => Err(failed),
            },
        };
        if found
            .as_ref()
            .err()
            .is_none_or(|error| error.kind() == ProviderErrorKind::NotFound)
        {
            self.is_there.store(true, Ordering::Relaxed);
        }
        found
    }

    /// Whether a store answers here, by the answer for this path.
    pub(super) async fn answers(&self, path: &Path) -> Result<(), ProviderError> {
        match self.look(path).await {
            Err(absent) if absent.kind() == ProviderErrorKind::NotFound => Ok(()),
            answer => answer,
        }
    }

    /// Why a HEAD failed. A HEAD's 404 has no body. A gateway's 404 looks like a store's, and a missing bucket's like a
    /// missing object's.
    pub(super) async fn missing(&self, path: &Path, error: &object_store::Error) -> ProviderError {
        let believed = error::is_known_absence(error) && self.is_there.load(Ordering::Relaxed);
        if believed || !error::is_http_404(error) {
            return failed(Asked::Read, error);
        }
        match self.look(path).await {
            Err(proven) => proven,
            Ok(()) => ProviderError::faulty("the store said that the object does not exist, but serves it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transport_is_read_from_debug_output() {
        let of = Transport::by;
        assert_eq!(of("InMemory"), Transport::Unknown);
        assert_eq!(of("AmazonS3 { client: HttpClient(Client { .. }) }"), Transport::Unknown);
        assert_eq!(of("AmazonS3 { client: HttpClient(NoRedirects) }"), Transport::Ours);
        // One of two is not enough.
        let two = "Both(AmazonS3 { client: HttpClient(NoRedirects) }, AmazonS3 { client: HttpClient(Client) })";
        assert_eq!(of(two), Transport::Unknown);
    }
}
