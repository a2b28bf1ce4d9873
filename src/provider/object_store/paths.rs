//! Which path a key has at a store, and which key is behind a path.

use super::{foreign, opendal};
use crate::{
    provider::{ProviderError, names},
    request::Key,
};
use object_store::path::Path;
use std::borrow::Cow;

/// Whose rules for names apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    Azures,
    OfFiles,
    /// OpenDAL's bridge has a path of its own for each key.
    OpenDals,
    Any,
}

impl Names {
    /// By the store's `Debug`.
    pub(super) fn by(shown: &str) -> Self {
        if shown.contains("MicrosoftAzure {") {
            Self::Azures
        } else if shown.contains("LocalFileSystem {") {
            Self::OfFiles
        } else if opendal::is_shown_in(shown) {
            Self::OpenDals
        } else {
            Self::Any
        }
    }

    pub(super) fn check(self, key: &Key) -> Result<(), ProviderError> {
        match self {
            Self::Azures => names::azure(key),
            Self::OfFiles => names::files(key, cfg!(windows)),
            Self::OpenDals | Self::Any => Ok(()),
        }
    }

    /// The path of a key, or of the whole segments of a prefix.
    pub(super) fn path(self, text: &str) -> Option<Path> {
        match self {
            Self::OpenDals => opendal::path(text),
            _ => Path::parse(text).ok().filter(|path| path.as_ref() == text),
        }
    }

    /// The key behind a listed path.
    pub(super) fn key(self, path: &Path) -> Cow<'_, str> {
        match self {
            Self::OpenDals => Cow::Owned(opendal::text(path)),
            _ => foreign::of(path),
        }
    }

    /// The prefix behind a listed common prefix.
    pub(super) fn prefix(self, path: &Path) -> String {
        match self {
            Self::OpenDals => format!("{}/", opendal::text(path)),
            _ => foreign::of_prefix(path),
        }
    }

    /// The path after which a listing may start, if the store's listings go by the order of the keys.
    pub(super) fn offset(self, after: &str) -> Option<Path> {
        let is_ordered = self != Self::OpenDals && !after.is_empty();
        Path::parse(after).ok().filter(|_| is_ordered)
    }
}
