use super::target::CREDENTIALS_LAST;
use crate::{endpoint::Profile, model::clock::Instant};
use std::{collections::BTreeMap, time::Duration};

/// When the credentials expire that each endpoint had when their source was lost.
#[derive(Debug, Default)]
pub(super) struct Tokens(BTreeMap<Lost, Option<Instant>>);

/// The loss of the source of an endpoint's credentials.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lost {
    pub(super) endpoint: String,
    pub(super) host: Option<String>,
    pub(super) began: Instant,
}

impl Tokens {
    /// Forgets everything, for a new run.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the credentials of this endpoint have expired at `at`.
    ///
    /// The first look decides when that is, because the endpoint's keeper goes on fetching: the drill does not take its
    /// source away. `skipped`: how much of the drill lay in the past when it was started. The credentials count as older
    /// by that time.
    pub(super) fn have_expired(&mut self, lost: Lost, profile: &Profile, at: Instant, skipped: Duration) -> bool {
        let began = lost.began;
        let expiry = self.0.entry(lost).or_insert_with(|| {
            let Some(keeper) = profile.credentials() else {
                return Some(began + CREDENTIALS_LAST);
            };
            let held = keeper.snapshot();
            match held.valid_for {
                // Without credentials, there is nothing that could last.
                _ if !held.valid => Some(began),
                None => None,
                Some(left) => (at + left).checked_sub(skipped).or(Some(began)),
            }
        });
        expiry.is_some_and(|expiry| expiry <= at)
    }
}
