//! Creates whose answer was lost: whose object is there?

use crate::{
    store::{Store, Trouble},
    writes::kind_of,
};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    client::object_store::FailoverStore,
    provider::{Capabilities, Capability, Memory, ObjectProvider},
    request::{Key, object::Put},
};
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, PutResult, path::Path};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn at(memory: Memory) -> (FailoverStore, Store) {
    let here = Store::on(memory);
    let client = ObjectClient::builder().endpoint(Endpoint::new("here", here.clone()));
    (FailoverStore::new(client.seed(7).build().unwrap()), here)
}

/// An entry of a log, which nobody replaces.
fn commit(version: u32) -> Path {
    Path::from(format!("_delta_log/{version:020}.json"))
}

async fn create(store: &FailoverStore, version: u32) -> Result<PutResult, Error> {
    let mine = PutPayload::from_static(b"mine");
    store.put_opts(&commit(version), mine, PutMode::Create.into()).await
}

/// Another program's write of it.
fn object(version: u32, body: &'static str) -> Put {
    Put::new(Key::new(commit(version).to_string()).unwrap(), body)
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_was_lost_finds_its_own_object_or_another_s() {
    let (store, here) = at(Memory::new());
    let create = |version| create(&store, version);
    // It was stored, and the retry recognises it.
    here.next("put", [Trouble::LostAnswer]);
    create(0).await.unwrap();
    // Another's was there before, and the answer that said so was lost.
    here.memory.put(object(1, "another's")).await.unwrap();
    here.next("put", [Trouble::LostAnswer]);
    let error = create(1).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    // Nothing was stored, and another's comes in between.
    here.next("put", [Trouble::Reset, Trouble::Slow(SECOND)]);
    let other = async {
        tokio::time::sleep(SECOND / 2).await;
        here.memory.put(object(2, "another's")).await.unwrap();
    };
    let (created, ()) = tokio::join!(create(2), other);
    let error = created.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    for (version, body) in [(0, "mine"), (1, "another's"), (2, "another's")] {
        assert_eq!(store.get(&commit(version)).await.unwrap().bytes().await.unwrap(), body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_of_unknown_fate_waits_for_the_home_and_then_knows() {
    for (at_home, is_stored) in [(Trouble::LostAnswer, true), (Trouble::Reset, false)] {
        for another_s in [false, true] {
            let (store, here) = at(Memory::new());
            here.next("put", [at_home]);
            here.always(Trouble::Refused);
            let healing = async {
                tokio::time::sleep(3 * SECOND).await;
                if another_s && !is_stored {
                    here.memory.put(object(0, "another's")).await.unwrap();
                }
                here.heal();
            };
            let (created, ()) = tokio::join!(create(&store, 0), healing);
            match another_s && !is_stored {
                true => assert!(matches!(created, Err(Error::AlreadyExists { .. })), "{created:?}"),
                false => drop(created.unwrap()),
            }
            let there = store.get(&commit(0)).await.unwrap().bytes().await.unwrap();
            assert_eq!(there == "another's", another_s && !is_stored);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_creates_finds_its_own_object_or_another_s() {
    let (store, here) = at(Memory::new().with_capabilities(Capabilities::all(Capability::Kept).with_copy()));
    let source = Path::from("tmp");
    store.put(&source, "mine".into()).await.unwrap();
    here.next("copy", [Trouble::LostAnswer]);
    store.copy_if_not_exists(&source, &commit(0)).await.unwrap();
    here.memory.put(object(1, "another's")).await.unwrap();
    here.next("copy", [Trouble::LostAnswer]);
    let error = store.copy_if_not_exists(&source, &commit(1)).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
}

/// Without an id nobody knows whose object lies there.
#[tokio::test(start_paused = true)]
async fn at_a_store_without_write_ids_a_lost_answer_stays_unknown() {
    for replication in [Replication::provider_managed(), Replication::write_once()] {
        let memory = Memory::new();
        let here = Store::on(memory.with_capabilities(Capabilities::all(Capability::Kept).without_write_ids()));
        let builder = ObjectClient::builder()
            .endpoint(Endpoint::new("here", here.clone()))
            .replication(replication);
        let store = FailoverStore::new(builder.seed(7).build().unwrap());
        here.memory.put(object(0, "whose?")).await.unwrap();
        here.next("put", [Trouble::LostAnswer]);
        let error = create(&store, 0).await.unwrap_err();
        assert_eq!(kind_of(&error), ErrorKind::MaybeApplied);
        // No answer was lost: what is there was there before.
        let error = create(&store, 0).await.unwrap_err();
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    }
}
