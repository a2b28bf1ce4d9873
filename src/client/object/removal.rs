//! Many objects removed: by the store's own request for it, and one by one what that request leaves.

use super::{ObjectClient, Objects, door};
use crate::{
    call::{Answer, Authority, Context, Error, Operation},
    model::{ErrorKind, clock},
    provider::ObjectProvider as _,
    replicate,
    request::{
        Key, OpClass,
        object::{DeleteMany, ObjectRequest, ObjectResponse},
    },
};
use futures_util::{StreamExt as _, stream};
use std::{collections::BTreeSet, future::IntoFuture as _, sync::Arc};

/// How many objects are removed at a time, each by itself.
const SINGLES: usize = 16;

/// Removes these objects, each in any case. The results have the order of the keys.
pub(super) async fn many(client: &ObjectClient, keys: Vec<String>) -> Vec<Result<(), Error>> {
    let mut results = together(client, &keys).await;
    let left = keys
        .into_iter()
        .enumerate()
        .filter(|(place, _)| results[*place].is_none());
    let left: Vec<_> = left
        .map(|(place, key)| {
            let call = client.delete(key).into_future();
            async move { (place, call.await) }
        })
        .collect();
    let mut singly = stream::iter(left).buffer_unordered(SINGLES);
    while let Some((place, result)) = singly.next().await {
        results[place] = Some(result);
    }
    // Each place was filled by one of the two ways.
    results.into_iter().flatten().collect()
}

/// Removes these objects as far as the store's own request for many does it. `None`: the key needs a request of its own.
pub(in crate::client) async fn together(client: &ObjectClient, keys: &[String]) -> Vec<Option<Result<(), Error>>> {
    let mut results: Vec<Option<Result<(), Error>>> = keys.iter().map(|_| None).collect();
    let Some(most) = at_once(client) else {
        return results;
    };
    // One after the other: a store counts each key, and slows down whoever removes too many.
    for together in unfenced(client, keys).chunks(most).filter(|keys| keys.len() > 1) {
        let (places, keys): (Vec<_>, Vec<_>) = together.iter().cloned().unzip();
        match client.call(DeleteTogether(keys.into())).await {
            Ok(removed) => {
                let removed = places.into_iter().zip(removed).filter(|(_, removed)| *removed);
                removed.for_each(|(place, _)| results[place] = Some(Ok(())));
            }
            // The store does not do it this way.
            Err(error) if is_about_the_request(&error) => break,
            Err(error) => places
                .into_iter()
                .for_each(|place| results[place] = Some(Err(error.shared()))),
        }
    }
    results
}

/// How many keys one request of the home may name. `None`: each delete needs its own, because it goes to several
/// endpoints, or is fenced, or the store has no such request.
pub(in crate::client) fn at_once(client: &ObjectClient) -> Option<usize> {
    let core = &client.core;
    match core.plan.authority {
        Authority::Home(home) if !core.fenced => core.provider(home)?.capabilities().bulk_delete,
        Authority::Home(_) | Authority::Replicas | Authority::Nobody => None,
    }
    .filter(|most| *most > 1)
}

/// The keys that need no request of their own, with their places: a delete of a key whose tag is known carries the tag, so
/// that it removes nothing that is stored later.
fn unfenced(client: &ObjectClient, keys: &[String]) -> Vec<(usize, Key)> {
    let now = clock::now();
    let mut named = BTreeSet::new();
    let keys = keys.iter().enumerate();
    let valid = keys.filter_map(|(place, key)| Some((place, door::key_of(key.as_str()).ok()?)));
    valid
        .filter(|(_, key)| client.core.fences.tag(key.as_str(), now).is_none())
        .filter(|(_, key)| client.core.providers().all(|(_, store)| store.check_key(key).is_ok()))
        .filter(|(_, key)| named.insert(key.clone()))
        .collect()
}

/// Whether the store refused the request as such. It may do the same with a request for each key.
fn is_about_the_request(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported | ErrorKind::Rejected | ErrorKind::Denied
    )
}

/// One request for several keys.
struct DeleteTogether(Arc<[Key]>);

impl Operation for DeleteTogether {
    type Protocol = Objects;
    /// Which of them are removed.
    type Value = Vec<bool>;
    const NAME: &'static str = "delete_many";
    const CLASS: OpClass = OpClass::Write;

    async fn run(self, cx: &Arc<Context<Objects>>) -> Result<(Vec<bool>, Answer), Error> {
        let aim = replicate::authority(cx)?;
        // The client's own knowledge of these keys ends here, as with every write.
        let pens: Vec<_> = self.0.iter().map(|key| cx.core.fences.write(key.as_str())).collect();
        let reply = cx
            .ask(ObjectRequest::DeleteMany(DeleteMany::new(self.0.clone())), aim)
            .await;
        let answers = match reply.result {
            Ok(ObjectResponse::DeleteMany(answers)) => answers,
            Ok(_) => return Err(cx.nonsense()),
            Err(_) => return Err(replicate::of_the_home(cx, cx.fail(reply))),
        };
        let removed: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        for (pen, _) in pens.iter().zip(&removed).filter(|(_, removed)| **removed) {
            pen.done(None, clock::now());
        }
        Ok((removed, Answer::default()))
    }
}
