//! Writers on a wire that delays and doubles their requests, played by chance: what was acknowledged stays, unless the answer
//! said that it may not.

use super::wire::{Fate, Wire};
use crate::promise::{Promise, rounds, seed};
use evenkeel::{
    Endpoint, Error, KvClient, ObjectClient,
    provider::{KvProvider, Memory, MemoryTable, ObjectProvider},
    request::{Key, kv, kv::Version, object, object::ETag},
};
use libtest_mimic::Trial;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::sleep;

/// What is under the key: the number of the write that stored it.
type State = Option<u32>;

/// What a writer does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Store,
    Create,
    Replace,
    Remove,
    RemoveIf,
    Look,
}

const ACTS: [Act; 8] = [
    Act::Store,
    Act::Store,
    Act::Store,
    Act::Create,
    Act::Replace,
    Act::Remove,
    Act::RemoveIf,
    Act::Look,
];

/// A client over a wire, and the tag that its writer read or wrote last.
enum Writer {
    Objects(ObjectClient, Wire<Memory>, Option<ETag>),
    Keys(KvClient, Wire<MemoryTable>, Option<Version>),
}

impl Writer {
    fn new(keys: bool, fenced: bool, seed: u64, draw: impl FnMut(&'static str, bool) -> Fate + Send + 'static) -> Self {
        if keys {
            let wire = Wire::to(MemoryTable::new()).drawing(draw);
            let builder = KvClient::builder()
                .endpoint(Endpoint::new("home", wire.clone()))
                .seed(seed);
            let builder = if fenced { builder.fenced() } else { builder };
            Self::Keys(builder.build().unwrap(), wire, None)
        } else {
            let wire = Wire::to(Memory::new()).drawing(draw);
            let builder = ObjectClient::builder()
                .endpoint(Endpoint::new("home", wire.clone()))
                .seed(seed);
            let builder = if fenced { builder.fenced() } else { builder };
            Self::Objects(builder.build().unwrap(), wire, None)
        }
    }

    /// Whether an attempt is unresolved. `None`: it was not done, as there is nothing to replace.
    async fn act(&mut self, act: Act, number: u32) -> Option<Result<bool, Error>> {
        let body = number.to_string();
        match self {
            Self::Objects(client, _, tag) => {
                let put = client.put("k", body);
                let put = match act {
                    Act::Store => put.overwrite(),
                    Act::Create => put,
                    Act::Replace => put.if_match(tag.clone()?),
                    Act::Remove | Act::RemoveIf => {
                        let delete = client.delete("k");
                        let delete = match act {
                            Act::RemoveIf => delete.if_match(tag.clone()?),
                            _ => delete,
                        };
                        let removed = delete.explained().await;
                        return Some(removed.map(|(_, explanation)| explanation.earlier_attempt_unresolved()));
                    }
                    Act::Look => {
                        *tag = client.head("k").await.ok()?.etag().cloned();
                        return None;
                    }
                };
                Some(put.explained().await.map(|(stored, explanation)| {
                    *tag = stored.etag().cloned();
                    assert_eq!(
                        stored.earlier_attempt_unresolved(),
                        explanation.earlier_attempt_unresolved()
                    );
                    stored.earlier_attempt_unresolved()
                }))
            }
            Self::Keys(client, _, version) => {
                let put = match act {
                    Act::Store => client.put("k", body),
                    Act::Create => client.put_if_absent("k", body),
                    Act::Replace => client.compare_and_set("k", version.clone()?, body),
                    Act::Remove | Act::RemoveIf => {
                        let delete = match act {
                            Act::RemoveIf => client.delete_if("k", version.clone()?),
                            _ => client.delete("k"),
                        };
                        let removed = delete.explained().await;
                        return Some(removed.map(|(_, explanation)| explanation.earlier_attempt_unresolved()));
                    }
                    Act::Look => {
                        *version = Some(client.get("k").await.ok()?.version().clone());
                        return None;
                    }
                };
                Some(put.await.map(|stored| {
                    *version = stored.version().cloned();
                    stored.earlier_attempt_unresolved()
                }))
            }
        }
    }

    /// What is there, past the wire.
    async fn truth(&self) -> State {
        let key = Key::new("k").unwrap();
        let bytes = match self {
            Self::Objects(_, wire, _) => wire.inner.get(object::Get::new(key)).await.ok()?.body,
            Self::Keys(_, wire, _) => {
                let key = kv::Key::new("k").unwrap();
                wire.inner.get(kv::Get::new(key)).await.ok()?.bytes
            }
        };
        std::str::from_utf8(&bytes).unwrap().parse().ok()
    }
}

/// What may be there.
#[derive(Debug, Default)]
struct Expected {
    acknowledged: State,
    /// What may land until the next acknowledged write.
    until_then: BTreeSet<State>,
    /// What was said to land at any time.
    said: BTreeSet<State>,
}

impl Expected {
    fn allows(&self, there: State) -> bool {
        there == self.acknowledged || self.until_then.contains(&there) || self.said.contains(&there)
    }

    fn may_be_absent(&self) -> bool {
        self.allows(None)
    }
}

/// One writer's story. How often something acknowledged was undone, which must have been said.
async fn play(keys: bool, fenced: bool, seed: u64) -> usize {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut wire = rng.fork();
    let draw = move |name: &'static str, create: bool| {
        let write = matches!(name, "put" | "delete");
        let millis = |rng: &mut fastrand::Rng| Duration::from_millis(rng.u64(1..30));
        let mut fate = Fate {
            there: millis(&mut wire),
            back: millis(&mut wire),
            ..Fate::default()
        };
        match wire.u8(0..10) {
            0 if write => fate.there = Duration::from_secs(wire.u64(2..600)),
            1 if write => fate.back = Duration::from_secs(600),
            2 if write => fate = Fate::lost_and_late(wire.u64(0..600)),
            3 if !write => fate.back = Duration::from_secs(wire.u64(1..600)),
            // What the network doubles by itself nobody can know of. A fence holds it off; a create's lets it in once the
            // object was removed.
            4..6 if write && fenced && !create => fate.again = Some(Duration::from_secs(wire.u64(0..600))),
            _ => {}
        }
        fate
    };
    let mut writer = Writer::new(keys, fenced, seed, draw);
    let mut expected = Expected::default();
    let mut undone = 0;
    for number in 1..=14 {
        let act = ACTS[rng.usize(0..ACTS.len())];
        let nothing_there = expected.may_be_absent();
        let removes = matches!(act, Act::Remove | Act::RemoveIf);
        let state = (!removes).then_some(number);
        // Where the version is the write's id, it comes back with a late copy of that write, and what was conditional on it
        // with the version.
        if keys && expected.said.contains(&writer.truth().await) {
            expected.said.insert(state);
        }
        match writer.act(act, number).await {
            None => {}
            Some(Ok(unresolved)) => {
                expected.acknowledged = state;
                if fenced {
                    expected.until_then.clear();
                    let create = matches!(act, Act::Store | Act::Create) && nothing_there;
                    assert!(!unresolved || create, "seed {seed}: {act:?} {number} is fenced");
                }
                if unresolved {
                    expected.said.insert(state);
                }
            }
            Some(Err(error)) if error.may_have_been_applied() => {
                // Fenced, it lands on what it saw or not at all; what was created may come back.
                match fenced && !nothing_there && !matches!(act, Act::Create) {
                    true => expected.until_then.insert(state),
                    false => expected.said.insert(state),
                };
            }
            Some(Err(_)) => {}
        }
        for pause in [Duration::ZERO, Duration::from_millis(rng.u64(0..120_000))] {
            sleep(pause).await;
            let there = writer.truth().await;
            assert!(
                expected.allows(there),
                "seed {seed}, {act:?} {number}: {there:?} is there, {expected:?}"
            );
            undone += usize::from(there != expected.acknowledged);
        }
    }
    sleep(Duration::from_secs(1_300)).await;
    let there = writer.truth().await;
    assert!(
        expected.allows(there),
        "seed {seed}, in the end: {there:?} is there, {expected:?}"
    );
    undone + usize::from(there != expected.acknowledged)
}

pub(super) fn trials() -> Vec<Trial> {
    let stories = [
        ("writes::no_late_attempt_undoes_an_object_unreported", false, false),
        ("writes::no_late_attempt_undoes_a_fenced_object", false, true),
        ("writes::no_late_attempt_undoes_a_value_unreported", true, false),
        ("writes::no_late_attempt_undoes_a_fenced_value", true, true),
    ];
    let trial = |(name, keys, fenced): (&'static str, bool, bool)| {
        Promise::Acknowledged.paused(name, move || async move {
            let mut undone = 0;
            for round in 0..rounds(150) {
                Promise::Acknowledged.tried();
                undone += play(keys, fenced, seed().wrapping_mul(1_000_003).wrapping_add(round as u64)).await;
            }
            assert!(fenced || undone > 0, "the wire was too kind");
        })
    };
    stories.into_iter().map(trial).collect()
}
