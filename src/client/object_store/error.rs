//! An error of the client as `object_store` names it.

use crate::{Error, ErrorKind};
use object_store::Error as StoreError;

/// The name in `object_store`'s own words: `Generic evenkeel error: …`.
pub(super) const STORE: &str = "evenkeel";

/// What failed for this location. The client's own error is the source, with its attempts.
pub(super) fn of(error: Error, location: &str) -> StoreError {
    let path = location.to_owned();
    let is_about_credentials = error
        .provider_error()
        .is_some_and(|refusal| refusal.outcome().credential);
    let kind = error.kind();
    let source = Box::new(error);
    match kind {
        ErrorKind::NotFound => StoreError::NotFound { path, source },
        ErrorKind::AlreadyExists => StoreError::AlreadyExists { path, source },
        ErrorKind::PreconditionFailed => StoreError::Precondition { path, source },
        ErrorKind::NotModified => StoreError::NotModified { path, source },
        ErrorKind::Denied if is_about_credentials => StoreError::Unauthenticated { path, source },
        ErrorKind::Denied => StoreError::PermissionDenied { path, source },
        ErrorKind::Unsupported => StoreError::NotSupported { source },
        // What nobody can know, above all: it is neither absence nor a condition that did not hold.
        _ => StoreError::Generic { store: STORE, source },
    }
}

/// What failed for no location: a listing.
pub(super) fn of_listing(error: Error) -> StoreError {
    match of(error, "") {
        // Absence of the bucket is none of an object.
        StoreError::NotFound { source, .. } => StoreError::Generic { store: STORE, source },
        other => other,
    }
}

pub(super) fn not_supported(why: &str) -> StoreError {
    StoreError::NotSupported { source: why.into() }
}

pub(super) fn generic(why: impl Into<crate::BoxError>) -> StoreError {
    StoreError::Generic {
        store: STORE,
        source: why.into(),
    }
}

/// The condition can never hold.
pub(super) fn never_matches(location: &str) -> StoreError {
    StoreError::Precondition {
        path: location.to_owned(),
        source: "no endpoint that takes part gave this ETag".into(),
    }
}
