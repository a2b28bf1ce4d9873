//! Removes the canaries of drills whose process died.

use super::{
    CANARY_PREFIX, Canary, Place,
    clean::{Unanswered, answered, listed},
};
use crate::{
    ObjectClient,
    call::NotAsked,
    provider::{AnyObjectProvider, ObjectProvider as _, ProviderErrorKind},
    request::{
        Key,
        object::{Delete, Get},
    },
};
use std::time::{Duration, SystemTime};

/// What a sweep found and did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use = "it says which endpoints could not be swept"]
pub struct SweptCanaries {
    /// How many canaries were removed, counted at each endpoint.
    pub removed: u64,
    /// How many objects under the prefix are not old enough, or are not canaries.
    pub kept: u64,
    /// The endpoints that could not be swept, or not to the end, and why.
    pub failed: Vec<NotAsked>,
}

impl Canary {
    /// Removes what drills of crashed processes left under [`CANARY_PREFIX`], at every endpoint to which `client`
    /// writes. A canary's key says when its drill is over at the latest; one whose drill has been over for `older_than`
    /// is removed, so a drill under way anywhere keeps its canaries. (An hour is right if no clock is wrong by more.)
    /// Anything that is not a canary, by key and content, stays.
    ///
    /// The requests bypass breakers, limits and the budget, and count as no evidence. In a bucket with versioning the
    /// removed objects remain as old versions.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, drill::cohort::Canary, provider::Memory};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let photos = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// let swept = Canary::sweep(&photos, Duration::from_secs(3600)).await;
    /// assert_eq!((swept.removed, swept.failed.len()), (0, 0));
    /// # Ok(()) }
    /// ```
    pub async fn sweep(client: &ObjectClient, older_than: Duration) -> SweptCanaries {
        let now = client.snapshot().wall;
        let mut swept = SweptCanaries::default();
        let [written, _] = client.stores_by_role();
        for (profile, store) in written {
            if let Err(failure) = sweep_one(store, older_than, now, &mut swept).await {
                let name = profile.shared_name().clone();
                swept.failed.push(NotAsked::new(name, failure.to_string()));
            }
        }
        swept
    }
}

async fn sweep_one(
    store: &AnyObjectProvider,
    older_than: Duration,
    now: SystemTime,
    swept: &mut SweptCanaries,
) -> Result<(), Unanswered> {
    let old = |key: &str| {
        let parsed = Place::parse(key).filter(|(place, _)| place.is_older(older_than, now));
        Some(parsed.and_then(|(place, number)| Some((Key::new(key).ok()?, place, number))))
    };
    for found in listed(store, CANARY_PREFIX, old).await? {
        let Some((key, place, number)) = found else {
            swept.kept += 1;
            continue;
        };
        let object = match answered(store.get(Get::new(key.clone()))).await {
            Ok(object) => object,
            // Somebody else sweeps, too.
            Err(Unanswered::Refused(error)) if error.kind() == ProviderErrorKind::NotFound => continue,
            Err(failure) => return Err(failure),
        };
        if !place.is_in(number, &object.body) {
            swept.kept += 1;
            continue;
        }
        match answered(store.delete(Delete::new(key))).await {
            Ok(()) => swept.removed += 1,
            Err(Unanswered::Refused(error)) if error.kind() == ProviderErrorKind::NotFound => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}
