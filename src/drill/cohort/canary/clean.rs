//! Removes the canaries of one drill.

use super::{LeftBehind, Place};
use crate::{
    ObjectClient,
    endpoint::Profile,
    provider::{AnyObjectProvider, ObjectProvider as _, ProviderError, ProviderErrorKind},
    request::object::{Delete, List, ListEntry},
};
use futures_util::{StreamExt as _, future::join_all, stream};
use std::{collections::BTreeSet, future::Future, time::Duration};
use tokio::time::{sleep, timeout};

/// The limit of one request. A slower endpoint is tried again.
const LIMIT: Duration = Duration::from_secs(5);
/// How many are removed at a time.
const AT_A_TIME: usize = 8;
/// How often an endpoint is tried: after one, two, four and eight seconds again.
const ROUNDS: u32 = 5;

/// Removes canaries 0 to below `sent` at every endpoint to which the client writes, and what a late attempt left. Then
/// looks whether the copies have followed. Passes no station of the client.
pub(crate) async fn clean(client: &ObjectClient, place: &Place, sent: u32) -> Vec<LeftBehind> {
    if sent == 0 {
        return Vec::new();
    }
    let [written, copies] = client.stores_by_role();
    let written = written.into_iter().map(|(profile, store)| async move {
        let left = removed(store, place, sent).await;
        left.map(|(objects, why)| left_at(profile, objects, why))
    });
    let written = join_all(written).await;
    let copies = copies.into_iter().map(|(profile, store)| async move {
        let left = kept(store, place, sent).await;
        left.map(|(objects, why)| left_at(profile, objects, why))
    });
    let copies = join_all(copies).await;
    written.into_iter().chain(copies).flatten().collect()
}

fn left_at(profile: &Profile, objects: u32, why: String) -> LeftBehind {
    LeftBehind {
        endpoint: profile.shared_name().clone(),
        objects,
        why,
    }
}

/// How many a copy still holds, to which its provider writes and not the client.
async fn kept(store: &AnyObjectProvider, place: &Place, sent: u32) -> Option<(u32, String)> {
    let mut left = (0, String::new());
    for round in 0..ROUNDS {
        pause(round).await;
        left = match listed(store, &place.prefix(), |key| own(place, key)).await {
            Ok(found) if found.is_empty() => return None,
            Ok(found) => {
                let why = "the client does not write there: whoever fills the endpoint removes them";
                (count(found.len()), why.to_owned())
            }
            // The endpoint that it is a copy of has said that all were removed.
            Err(failure) if failure.is_unsupported() => return None,
            Err(failure) => (sent, format!("they could not be listed: {failure}")),
        };
    }
    Some(left)
}

async fn removed(store: &AnyObjectProvider, place: &Place, sent: u32) -> Option<(u32, String)> {
    let mut left: BTreeSet<u32> = (0..sent).collect();
    let mut why = String::new();
    for round in 0..ROUNDS {
        pause(round).await;
        match remove(store, place, &mut left).await {
            Err(failure) => why = failure,
            // An attempt that was given up may have landed since.
            Ok(()) => match listed(store, &place.prefix(), |key| own(place, key)).await {
                Ok(found) if found.is_empty() => return None,
                Ok(found) => {
                    left.extend(found);
                    why = "they were there again".to_owned();
                }
                // Each was removed by its name, and a store that does not list does not show them either.
                Err(failure) if failure.is_unsupported() => return None,
                Err(failure) => why = format!("each was removed by its name, and they could not be listed: {failure}"),
            },
        }
    }
    // Any may be there again where none is known to be left.
    let objects = if left.is_empty() { sent } else { count(left.len()) };
    Some((objects, why))
}

/// Before the second round one second, and twice as long before each further one.
async fn pause(round: u32) {
    if round > 0 {
        sleep(Duration::from_secs(1 << (round - 1))).await;
    }
}

fn count(objects: usize) -> u32 {
    u32::try_from(objects).unwrap_or(u32::MAX)
}

/// Removes these, and keeps what could not be removed. Stops at the first that fails.
async fn remove(store: &AnyObjectProvider, place: &Place, left: &mut BTreeSet<u32>) -> Result<(), String> {
    let wanted: Vec<_> = left.iter().copied().collect();
    let mut removals = stream::iter(wanted)
        .map(|number| async move {
            let Some(key) = place.key(number) else {
                return Ok(number);
            };
            match answered(store.delete(Delete::new(key))).await {
                Ok(()) => Ok(number),
                Err(Unanswered::Refused(error)) if error.kind() == ProviderErrorKind::NotFound => Ok(number),
                Err(failure) => Err(failure),
            }
        })
        .buffered(AT_A_TIME);
    while let Some(removal) = removals.next().await {
        match removal {
            Ok(number) => drop(left.remove(&number)),
            Err(failure) => return Err(failure.to_string()),
        }
    }
    Ok(())
}

fn own(place: &Place, key: &str) -> Option<u32> {
    let (of, number) = Place::parse(key)?;
    (of == *place).then_some(number)
}

/// What `wanted` makes of the keys under this prefix at one endpoint.
pub(super) async fn listed<T>(
    store: &AnyObjectProvider,
    prefix: &str,
    wanted: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Unanswered> {
    let mut list = List {
        prefix: prefix.to_owned(),
        ..List::default()
    };
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    loop {
        let page = answered(store.list(list.clone())).await?;
        let objects = page.entries.iter().filter_map(|entry| match entry {
            ListEntry::Object(meta) => wanted(&meta.key),
            ListEntry::CommonPrefix(_) => None,
        });
        found.extend(objects);
        match page.continuation {
            // A store that repeats itself would be listed for ever.
            Some(next) if seen.insert(next.clone()) => list.continuation = Some(next),
            _ => return Ok(found),
        }
    }
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("{0}")]
    Refused(ProviderError),
    #[error("no answer within {} s", LIMIT.as_secs())]
    Late,
}

impl Unanswered {
    /// Whether the store has no such request.
    fn is_unsupported(&self) -> bool {
        matches!(self, Self::Refused(error) if error.kind() == ProviderErrorKind::Unsupported)
    }
}

pub(super) async fn answered<T>(request: impl Future<Output = Result<T, ProviderError>>) -> Result<T, Unanswered> {
    match timeout(LIMIT, request).await {
        Ok(answer) => answer.map_err(Unanswered::Refused),
        Err(_) => Err(Unanswered::Late),
    }
}
