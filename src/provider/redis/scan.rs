//! A sorted page from a store without order: a walk over all keys that keeps the smallest.

use super::{
    Answer, Redis,
    error::{failed, nonsense},
    value,
};
use crate::{
    provider::ProviderError,
    request::kv::{Entry, Scan, ScanPage},
};
use redis::Pipeline;
use std::collections::BTreeSet;

/// Values in a page, unless fewer are asked for.
const PAGE: usize = 1_000;
/// Keys that the server looks at in one step, between which it serves others.
const STEP: usize = 1_000;

pub(super) async fn page(redis: &Redis, scan: &Scan) -> Result<ScanPage, ProviderError> {
    let limit = scan.limit.unwrap_or(PAGE).min(PAGE);
    if limit == 0 || scan.is_empty() {
        return Ok(ScanPage::default());
    }
    let all = count(redis).await?;
    if all > redis.scan_up_to {
        return Err(ProviderError::unsupported(format!(
            "the database has {all} keys and a scan walks over all of them for every page; up to {} are allowed",
            redis.scan_up_to
        )));
    }
    // One more than the page has, to know whether there is more.
    let mut smallest = Smallest {
        most: limit + 1,
        keys: BTreeSet::new(),
    };
    let pattern = pattern(&redis.namespace, &scan.prefix);
    let mut cursor = b"0".to_vec();
    loop {
        let (next, keys) = step(redis, &cursor, &pattern).await?;
        for key in keys {
            // What is no text under our namespace was not written by us.
            let key = String::from_utf8(key).ok();
            let key = key.as_deref().and_then(|key| key.strip_prefix(&*redis.namespace));
            if let Some(key) = key.filter(|key| scan.contains(key)) {
                smallest.offer(key);
            }
        }
        if next == b"0" {
            break;
        }
        cursor = next;
    }
    let more = smallest.keys.len() > limit;
    let keys: Vec<String> = smallest.keys.into_iter().take(limit).collect();
    let next = keys.last().filter(|_| more).cloned();
    Ok(ScanPage::new(values(redis, keys).await?, next))
}

/// The smallest keys that were offered. A walk can offer one twice.
struct Smallest {
    most: usize,
    keys: BTreeSet<String>,
}

impl Smallest {
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

async fn count(redis: &Redis) -> Result<u64, ProviderError> {
    let answer = redis.link.command(&redis::cmd("DBSIZE")).await?;
    match answer.map_err(|error| failed(&error))? {
        Answer::Int(count) => u64::try_from(count).map_err(|_| nonsense()),
        _ => Err(nonsense()),
    }
}

/// One step of the walk: where it goes on, and the keys.
async fn step(redis: &Redis, cursor: &[u8], pattern: &str) -> Result<(Vec<u8>, Vec<Vec<u8>>), ProviderError> {
    let mut command = redis::cmd("SCAN");
    command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(STEP);
    command.arg("TYPE").arg("hash");
    let answer = redis.link.command(&command).await?.map_err(|error| failed(&error))?;
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

/// The values of these keys. One that has expired meanwhile, or is somebody else's, is left out.
async fn values(redis: &Redis, keys: Vec<String>) -> Result<Vec<Entry>, ProviderError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = Pipeline::with_capacity(keys.len());
    for key in &keys {
        pipeline.add_command(redis.read(key));
    }
    let answers = redis.link.pipeline(pipeline).await?;
    let mut entries = Vec::with_capacity(keys.len());
    for (key, answer) in keys.into_iter().zip(answers) {
        let value = match answer.map_err(|error| failed(&error)).and_then(value) {
            Ok(value) => value,
            Err(error) if error.outcome().verdict == crate::verdict::Verdict::Caller => None,
            Err(error) => return Err(error),
        };
        entries.extend(value.map(|value| Entry::new(key, value)));
    }
    Ok(entries)
}

/// The glob of all keys that start so, with what a glob takes for itself escaped.
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
    fn a_prefix_is_taken_literally() {
        assert_eq!(pattern("ns:", "a*[b]?\\"), "ns:a\\*\\[b\\]\\?\\\\*");
    }

    #[test]
    fn the_smallest_are_kept_whatever_the_order() {
        let mut smallest = Smallest {
            most: 3,
            keys: BTreeSet::new(),
        };
        for key in ["e", "b", "b", "d", "a", "c", "b"] {
            smallest.offer(key);
        }
        assert_eq!(smallest.keys.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
