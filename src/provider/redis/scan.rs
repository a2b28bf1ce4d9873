//! A sorted page from a store without order: a walk over all keys that keeps the smallest keys.

use super::{
    Answer, Redis,
    cluster::{Cluster, Survey},
    error::{failed, nonsense},
    item::{answered, read, value},
    link::Link,
    wire::Wire,
};
use crate::{
    provider::ProviderError,
    request::kv::{Entry, Scan, ScanPage},
};
use futures_util::future::try_join_all;
use std::collections::{BTreeSet, HashSet};

/// Values in a page, unless the scan asks for fewer.
const PAGE: usize = 1_000;
/// Keys that the server looks at in one step. Between two steps the server serves other clients.
const STEP: usize = 1_000;

pub(super) async fn page(redis: &Redis, scan: &Scan) -> Result<ScanPage, ProviderError> {
    let limit = scan.limit.unwrap_or(PAGE).min(PAGE);
    if limit == 0 || scan.is_empty() {
        return Ok(ScanPage::default());
    }
    let walk = Walk {
        scan,
        namespace: &redis.namespace,
        pattern: pattern(&redis.namespace, &scan.prefix),
        // One more than the page has, to know whether there is more.
        most: limit + 1,
    };
    let smallest = match &*redis.wire {
        Wire::Server(link) => {
            allowed(count(link).await?, redis.scan_up_to)?;
            walk.of(link).await?
        }
        Wire::Cluster(cluster) => walk.of_all(cluster, redis.scan_up_to).await?,
    };
    let more = smallest.keys.len() > limit;
    let keys: Vec<String> = smallest.keys.iter().take(limit).cloned().collect();
    let next = keys.last().filter(|_| more).cloned();
    let (entries, foreign) = values(redis, keys).await?;
    Ok(ScanPage {
        foreign: foreign + smallest.foreign,
        ..ScanPage::new(entries, next)
    })
}

fn allowed(keys: u64, scan_up_to: u64) -> Result<(), ProviderError> {
    if keys <= scan_up_to {
        return Ok(());
    }
    Err(ProviderError::unsupported(format!(
        "the database has {keys} keys and a scan walks over all of them for every page; up to {scan_up_to} are allowed"
    )))
}

/// What a walk looks for.
struct Walk<'s> {
    scan: &'s Scan,
    namespace: &'s str,
    pattern: String,
    most: usize,
}

impl Walk<'_> {
    /// Walks over all keys of one server.
    async fn of(&self, link: &Link) -> Result<Smallest, ProviderError> {
        let mut smallest = Smallest::new(self.most);
        let mut cursor = b"0".to_vec();
        // A server counts its cursor up, in an order of its own: one that comes back never ends.
        let mut seen = HashSet::new();
        loop {
            let (next, keys) = step(link, &cursor, &self.pattern).await?;
            for key in keys {
                // What is no text under our namespace was not written by us. It has no place in the order of keys, so that
                // the first page tells of it.
                let Ok(key) = String::from_utf8(key) else {
                    smallest.foreign += u64::from(self.scan.after.is_none());
                    continue;
                };
                let key = key.strip_prefix(self.namespace);
                if let Some(key) = key.filter(|key| self.scan.contains(key)) {
                    smallest.offer(key);
                }
            }
            if next == b"0" {
                return Ok(smallest);
            }
            if !seen.insert(next.clone()) {
                return Err(ProviderError::faulty(
                    "the server's walk over its keys leads back to an earlier cursor",
                ));
            }
            cursor = next;
            tokio::task::consume_budget().await;
        }
    }

    /// Walks over all keys of a cluster.
    ///
    /// A key may move during the walk. Then the key can be ahead of the walk at its old node, and behind the walk at
    /// its new node. If any slot was moving, all nodes are therefore walked a second time. A key that moved before the
    /// first walks ended is at its new node for all of the second walk. Any other key was at its old node for all of
    /// the first walk.
    async fn of_all(&self, cluster: &Cluster, scan_up_to: u64) -> Result<Smallest, ProviderError> {
        let before = cluster.survey().await?;
        allowed(before.keys, scan_up_to)?;
        let mut smallest = self.of_each(&before).await?;
        let after = cluster.survey().await?;
        if !after.is_as_still_as(&before) {
            smallest.take(self.of_each(&after).await?);
        }
        Ok(smallest)
    }

    async fn of_each(&self, survey: &Survey) -> Result<Smallest, ProviderError> {
        let mut all = Smallest::new(self.most);
        for of_one in try_join_all(survey.links().map(|link| self.of(link))).await? {
            all.take(of_one);
        }
        Ok(all)
    }
}

/// The smallest of the offered keys. A walk can offer a key twice.
struct Smallest {
    most: usize,
    keys: BTreeSet<String>,
    /// The number of keys that are no text.
    foreign: u64,
}

impl Smallest {
    const fn new(most: usize) -> Self {
        Self {
            most,
            keys: BTreeSet::new(),
            foreign: 0,
        }
    }

    fn take(&mut self, other: Self) {
        self.foreign += other.foreign;
        for key in &other.keys {
            self.offer(key);
        }
    }

    fn offer(&mut self, key: &str) {
        if self.keys.len() == self.most && self.keys.last().is_some_and(|largest| key >= largest.as_str()) {
            return;
        }
        self.keys.insert(key.to_owned());
        if self.keys.len() > self.most {
            self.keys.pop_last();
        }
    }
}

async fn count(link: &Link) -> Result<u64, ProviderError> {
    let answer = link.command(&redis::cmd("DBSIZE")).await?;
    match answer.map_err(|error| failed(&error))? {
        Answer::Int(count) => u64::try_from(count).map_err(|_| nonsense()),
        _ => Err(nonsense()),
    }
}

/// One step of the walk: where it goes on, and the keys.
async fn step(link: &Link, cursor: &[u8], pattern: &str) -> Result<(Vec<u8>, Vec<Vec<u8>>), ProviderError> {
    let mut command = redis::cmd("SCAN");
    command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(STEP);
    command.arg("TYPE").arg("hash");
    let answer = link.command(&command).await?.map_err(|error| failed(&error))?;
    let Answer::Array(parts) = answer else {
        return Err(nonsense());
    };
    let Ok([Answer::BulkString(next), Answer::Array(keys)]) = <[Answer; 2]>::try_from(parts) else {
        return Err(nonsense());
    };
    let keys = keys.into_iter().map(|key| match key {
        Answer::BulkString(key) => Ok(key),
        _ => Err(nonsense()),
    });
    Ok((next, keys.collect::<Result<_, _>>()?))
}

/// The values of these keys, without values that have expired meanwhile. And how many of the keys hold another
/// program's data.
async fn values(redis: &Redis, keys: Vec<String>) -> Result<(Vec<Entry>, u64), ProviderError> {
    let full: Vec<_> = keys.iter().map(|key| redis.full(key)).collect();
    let replies = redis.wire.each(&full, |at, _| read(&full[at])).await?;
    let (mut entries, mut foreign) = (Vec::with_capacity(keys.len()), 0);
    for (key, reply) in keys.into_iter().zip(replies) {
        let value = match answered(reply).and_then(value) {
            Ok(value) => value,
            Err(error) if error.outcome().verdict == crate::verdict::Verdict::Caller => {
                foreign += 1;
                None
            }
            Err(error) => return Err(error),
        };
        entries.extend(value.map(|value| Entry::new(key, value)));
    }
    Ok((entries, foreign))
}

/// The glob of all keys with this prefix. Characters with a meaning in globs are escaped.
fn pattern(namespace: &str, prefix: &str) -> String {
    let mut pattern = String::new();
    for c in namespace.chars().chain(prefix.chars()) {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_prefix_is_escaped() {
        assert_eq!(pattern("ns:", "a*[b]?\\"), "ns:a\\*\\[b\\]\\?\\\\*");
    }

    #[test]
    fn a_scan_keeps_the_smallest_keys_in_any_order() {
        let mut smallest = Smallest::new(3);
        for key in ["e", "b", "b", "d", "a", "c", "b"] {
            smallest.offer(key);
        }
        assert_eq!(smallest.keys.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
