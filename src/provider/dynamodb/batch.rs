//! Batches, and what they leave unprocessed.

use super::{
    DynamoDb,
    error::{confirmed, failed},
    item::{self, Item},
};
use crate::{
    clock,
    provider::{ProviderError, ProviderErrorKind},
    request::kv::{Condition, GetMany, PutAnswer, PutMany, Value},
    verdict::{Outcome, Sent, Verdict},
};
use aws_sdk_dynamodb::{
    operation::RequestId,
    types::{KeysAndAttributes, PutRequest, WriteRequest},
};
use std::{
    collections::{HashMap, HashSet},
    time::SystemTime,
};

/// The most keys in a BatchGetItem.
pub(super) const GETS: usize = 100;
/// The most items in a BatchWriteItem.
pub(super) const PUTS: usize = 25;

/// How often a batch is asked, all in all: a hundred items of 400 KB come in three answers of 16 MB, and one more for luck.
/// There is no wait between them; waiting is the stack's, which knows the deadline.
const ROUNDS: usize = 4;

type Results<T> = Vec<Result<T, ProviderError>>;
/// A result for each key that a round asked for; `None`: left unprocessed.
type Round<T> = Result<Vec<Option<Result<T, ProviderError>>>, ProviderError>;

pub(super) async fn get(db: &DynamoDb, many: &GetMany) -> Result<Results<Value>, ProviderError> {
    let mut batch = Batch::of(many.keys.len());
    while let Some(left) = batch.round() {
        let answers = get_round(db, many, &left).await;
        batch.settle(&left, answers)?;
    }
    Ok(batch.results())
}

async fn get_round(db: &DynamoDb, many: &GetMany, left: &[usize]) -> Round<Value> {
    let keys = left.iter().map(|&i| db.key(&many.keys[i])).collect();
    let asked = KeysAndAttributes::builder()
        .set_keys(Some(keys))
        .consistent_read(db.consistent(many.fresh))
        .build()
        .map_err(|error| ProviderError::unsupported(error.to_string()))?;
    let request = db.client.batch_get_item().request_items(&*db.table, asked);
    let answer = request.send().await.map_err(|error| failed(&error))?;
    confirmed(answer.request_id())?;
    let unprocessed = answer.unprocessed_keys.unwrap_or_default();
    let unprocessed = named(unprocessed.values().flat_map(|keys| &keys.keys));
    let items = answer.responses.unwrap_or_default();
    let mut items = by_key(items.into_values().flatten());
    let now = clock::wall();
    let answer = |&i: &usize| {
        let key = many.keys[i].as_str();
        match items.remove(key) {
            Some(item) => {
                Some(item::value(item).and_then(|stored| stored.alive(now).ok_or_else(ProviderError::not_found)))
            }
            None if unprocessed.contains(key) => None,
            None => Some(Err(ProviderError::not_found())),
        }
    };
    Ok(left.iter().map(answer).collect())
}

pub(super) async fn put(db: &DynamoDb, many: &PutMany) -> Result<Results<PutAnswer>, ProviderError> {
    if many.puts.iter().any(|put| put.condition != Condition::Always) {
        return Err(ProviderError::unsupported("a batch of DynamoDB takes no conditions"));
    }
    many.puts.iter().try_for_each(|put| db.check(put))?;
    // Fixed once, so that a second round does not move an expiry.
    let now = clock::wall();
    let mut batch = Batch::of(many.puts.len());
    while let Some(left) = batch.round() {
        let answers = put_round(db, many, &left, now).await;
        batch.settle(&left, answers)?;
    }
    Ok(batch.results())
}

async fn put_round(db: &DynamoDb, many: &PutMany, left: &[usize], now: SystemTime) -> Round<PutAnswer> {
    let put = |&i: &usize| {
        let put = PutRequest::builder().set_item(Some(db.item(&many.puts[i], now)));
        let put = put
            .build()
            .map_err(|error| ProviderError::unsupported(error.to_string()))?;
        Ok(WriteRequest::builder().put_request(put).build())
    };
    let puts = left.iter().map(put).collect::<Result<Vec<_>, ProviderError>>()?;
    let request = db.client.batch_write_item().request_items(&*db.table, puts);
    let answer = request.send().await.map_err(|error| failed(&error))?;
    confirmed(answer.request_id())?;
    let unprocessed = answer.unprocessed_items.unwrap_or_default();
    let unprocessed = unprocessed.values().flatten().filter_map(WriteRequest::put_request);
    let unprocessed = named(unprocessed.map(PutRequest::item));
    let answer = |&i: &usize| {
        let put = &many.puts[i];
        let stored = !unprocessed.contains(put.key.as_str());
        stored.then(|| Ok(PutAnswer::new(item::version(&put.write_id))))
    };
    Ok(left.iter().map(answer).collect())
}

/// A batch on its way: asked until every key has its result, a round gets nothing done, or the rounds are used up.
struct Batch<T> {
    results: Vec<Option<Result<T, ProviderError>>>,
    rounds: usize,
    /// What becomes of those that have no result in the end.
    rest: ProviderError,
}

impl<T> Batch<T> {
    fn of(keys: usize) -> Self {
        Self {
            results: (0..keys).map(|_| None).collect(),
            rounds: ROUNDS,
            rest: unprocessed(),
        }
    }

    /// What the next round asks for, by index. `None`: that was all.
    fn round(&mut self) -> Option<Vec<usize>> {
        self.rounds = self.rounds.checked_sub(1)?;
        let left: Vec<usize> = (0..self.results.len()).filter(|&i| self.results[i].is_none()).collect();
        (!left.is_empty()).then_some(left)
    }

    /// Takes a round's answers, one for each index that it asked for. If the first round fails, the batch does; a later
    /// one's failure is what those have met that it asked for.
    fn settle(&mut self, left: &[usize], answers: Round<T>) -> Result<(), ProviderError> {
        let first = left.len() == self.results.len();
        match answers {
            Err(error) if first => return Err(error),
            Err(error) => (self.rest, self.rounds) = (error, 0),
            Ok(answers) => {
                if answers.iter().all(Option::is_none) {
                    self.rounds = 0;
                }
                for (&i, answer) in left.iter().zip(answers) {
                    self.results[i] = answer;
                }
            }
        }
        Ok(())
    }

    fn results(self) -> Results<T> {
        let rest = self.rest;
        let results = self.results.into_iter();
        results
            .map(|result| result.unwrap_or_else(|| Err(rest.clone())))
            .collect()
    }
}

fn by_key(items: impl Iterator<Item = Item>) -> HashMap<String, Item> {
    let keyed = |item: Item| Some((item::key(&item)?.to_owned(), item));
    items.filter_map(keyed).collect()
}

fn named<'a>(items: impl Iterator<Item = &'a Item>) -> HashSet<&'a str> {
    items.filter_map(item::key).collect()
}

fn unprocessed() -> ProviderError {
    let outcome = Outcome::new(Verdict::Throttled, Sent::Maybe);
    ProviderError::new(ProviderErrorKind::Throttled, outcome)
        .with_code("Unprocessed")
        .with_message("the batch left this key unprocessed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(results: Results<usize>) -> Vec<Result<usize, ProviderErrorKind>> {
        results.into_iter().map(|result| result.map_err(|e| e.kind())).collect()
    }

    /// A batch of so many keys, each of whose rounds is answered so. With the number of rounds.
    fn run(
        keys: usize,
        mut answer: impl FnMut(&[usize]) -> Round<usize>,
    ) -> (Result<Vec<Result<usize, ProviderErrorKind>>, ProviderErrorKind>, usize) {
        let (mut batch, mut asked) = (Batch::of(keys), 0);
        while let Some(left) = batch.round() {
            asked += 1;
            if let Err(error) = batch.settle(&left, answer(&left)) {
                return (Err(error.kind()), asked);
            }
        }
        (Ok(kinds(batch.results())), asked)
    }

    /// The first of those asked for only.
    fn first(left: &[usize]) -> Round<usize> {
        Ok(left.iter().map(|&i| (i == left[0]).then_some(Ok(i))).collect())
    }

    #[test]
    fn what_is_left_is_asked_for_again_within_bounds() {
        assert_eq!(run(3, first), (Ok(vec![Ok(0), Ok(1), Ok(2)]), 3));
        let throttled = Err(ProviderErrorKind::Throttled);
        assert_eq!(
            run(6, first),
            (Ok(vec![Ok(0), Ok(1), Ok(2), Ok(3), throttled, throttled]), 4)
        );
        // A round that gets nothing done is the last.
        let nothing = |left: &[usize]| Ok(left.iter().map(|_| None).collect());
        assert_eq!(run(2, nothing), (Ok(vec![throttled, throttled]), 1));
        assert_eq!(run(0, first), (Ok(vec![]), 0));
    }

    #[test]
    fn a_round_that_fails_is_the_result_of_those_it_asked_for() {
        let reset = || Err(ProviderError::faulty("reset"));
        let second = |left: &[usize]| if left.len() == 2 { first(left) } else { reset() };
        assert_eq!(run(2, second), (Ok(vec![Ok(0), Err(ProviderErrorKind::Failed)]), 2));
        assert_eq!(run(2, |_| reset()), (Err(ProviderErrorKind::Failed), 1));
    }
}
