//! Batches. A batch may leave keys unprocessed (throttled, or beyond the 16 MB of an answer): that is a result of those
//! keys. The client knows the budget and the deadline, and decides whether and when to ask for those keys again.

use super::{
    DynamoDb,
    error::{confirmed, failed},
    item::{self, Item},
};
use crate::{
    model::clock,
    provider::{
        ProviderError, ProviderErrorKind,
        aws::{Repeats, again},
    },
    request::kv::{Condition, GetMany, PutAnswer, PutMany, Value},
    verdict::{Outcome, Sent, Verdict},
};
use aws_sdk_dynamodb::{
    operation::RequestId,
    types::{KeysAndAttributes, PutRequest, WriteRequest},
};
use std::collections::{HashMap, HashSet};

/// The most keys in a BatchGetItem.
pub(super) const GETS: usize = 100;
/// The most items in a BatchWriteItem.
pub(super) const PUTS: usize = 25;

type Results<T> = Result<Vec<Result<T, ProviderError>>, ProviderError>;

pub(super) async fn get(db: &DynamoDb, many: &GetMany) -> Results<Value> {
    if many.keys.is_empty() {
        return Ok(Vec::new());
    }
    let asked = KeysAndAttributes::builder()
        .set_keys(Some(many.keys.iter().map(|key| db.key(key)).collect()))
        .consistent_read(db.consistent(many.fresh))
        .build()
        .map_err(|error| ProviderError::unsupported(error.to_string()))?;
    let request = db.client.batch_get_item().request_items(&*db.table, asked);
    let ask = || request.clone().send();
    let answer = again(Repeats::Freely, ask).await.map_err(|error| failed(&error))?;
    confirmed(answer.request_id())?;
    let unprocessed = answer.unprocessed_keys.unwrap_or_default();
    let unprocessed = named(unprocessed.values().flat_map(|keys| &keys.keys));
    let items = answer.responses.unwrap_or_default();
    let mut items = by_key(items.into_values().flatten());
    let now = clock::wall();
    let result = |key: &str| match items.remove(key) {
        Some(item) => item::value(item)?.alive(now).ok_or_else(ProviderError::not_found),
        None if unprocessed.contains(key) => Err(left_unprocessed()),
        None => Err(ProviderError::not_found()),
    };
    Ok(many.keys.iter().map(|key| key.as_str()).map(result).collect())
}

pub(super) async fn put(db: &DynamoDb, many: &PutMany) -> Results<PutAnswer> {
    if many.puts.is_empty() {
        return Ok(Vec::new());
    }
    if many.puts.iter().any(|put| put.condition != Condition::Always) {
        return Err(ProviderError::unsupported("a batch of DynamoDB takes no conditions"));
    }
    many.puts.iter().try_for_each(|put| db.check(put))?;
    let now = clock::wall();
    let items: Vec<Item> = many.puts.iter().map(|put| db.item(put, now)).collect();
    let versions = many.puts.iter().zip(&items);
    let versions: Vec<_> = versions.map(|(put, item)| item::version(item, &put.write_id)).collect();
    let puts = items.into_iter().map(|item| {
        let put = PutRequest::builder().set_item(Some(item)).build();
        let put = put.map_err(|error| ProviderError::unsupported(error.to_string()))?;
        Ok(WriteRequest::builder().put_request(put).build())
    });
    let puts = puts.collect::<Result<Vec<_>, ProviderError>>()?;
    let request = db.client.batch_write_item().request_items(&*db.table, puts);
    let answer = request.send().await.map_err(|error| failed(&error))?;
    confirmed(answer.request_id())?;
    let unprocessed = answer.unprocessed_items.unwrap_or_default();
    let unprocessed = unprocessed.values().flatten().filter_map(WriteRequest::put_request);
    let unprocessed = named(unprocessed.map(PutRequest::item));
    let results = many.puts.iter().zip(versions);
    let results = results.map(|(put, version)| match unprocessed.contains(put.key.as_str()) {
        true => Err(left_unprocessed()),
        false => Ok(PutAnswer::new(version)),
    });
    Ok(results.collect())
}

fn by_key(items: impl Iterator<Item = Item>) -> HashMap<String, Item> {
    let keyed = |item: Item| Some((item::key(&item)?.to_owned(), item));
    items.filter_map(keyed).collect()
}

fn named<'a>(items: impl Iterator<Item = &'a Item>) -> HashSet<&'a str> {
    items.filter_map(item::key).collect()
}

fn left_unprocessed() -> ProviderError {
    let outcome = Outcome::new(Verdict::Throttled, Sent::Maybe);
    ProviderError::new(ProviderErrorKind::Throttled, outcome)
        .with_code("Unprocessed")
        .with_message("the batch left this key unprocessed")
}
