//! An endpoint with what was counted there, and what it declares.

use super::{
    Amount,
    reading::{Seen, SeenEndpoint},
};
use crate::endpoint::Profile;

/// An endpoint with what was counted there.
pub(super) struct Counted<'r> {
    pub(super) client: &'r Seen,
    pub(super) seen: &'r SeenEndpoint,
    /// By [`Traffic`](crate::request::Traffic).
    pub(super) amounts: [Amount; 3],
}

/// A blank text declares nothing.
pub(super) fn declared(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

pub(super) fn provider(profile: &Profile) -> Option<String> {
    declared(profile.provider()).map(str::to_owned)
}

pub(super) fn location(profile: &Profile) -> Option<String> {
    declared(profile.location()).map(str::to_owned)
}

/// A provider's region.
pub(super) fn region(profile: &Profile) -> Option<String> {
    named_region(profile, profile.region())
}

/// A region of the endpoint's provider.
pub(super) fn named_region(profile: &Profile, region: Option<&str>) -> Option<String> {
    let (provider, region) = declared(profile.provider()).zip(declared(region))?;
    Some(format!("{provider} {region}"))
}

/// A list that is empty is declared: no law is known to reach the operator.
pub(super) fn jurisdictions(profile: &Profile) -> Option<Vec<String>> {
    Some(profile.jurisdictions()?.map(str::to_owned).collect())
}
