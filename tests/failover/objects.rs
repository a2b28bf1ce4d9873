//! Objects over several endpoints: lost answers, absence, staleness, dropped calls.

use crate::{
    scripted::{ms, secs},
    store::{Store, Trouble},
};
use evenkeel::{Endpoint, ErrorKind, ObjectClient, Replication, stack::retry::Budget};
use futures_util::StreamExt;
use std::future::IntoFuture;
use tokio::time::{sleep, timeout};

fn client<const N: usize>(replication: Replication) -> (ObjectClient, [Store; N]) {
    const NAMES: [&str; 4] = ["virginia", "ireland", "frankfurt", "zurich"];
    let stores = [(); N].map(|()| Store::new());
    let endpoints = NAMES.iter().zip(&stores);
    let endpoints = endpoints.map(|(name, store)| Endpoint::new(*name, store.clone()));
    let builder = ObjectClient::builder().endpoints(endpoints.collect::<Vec<_>>());
    // Roomy, so that what a call does depends on the troubles and not on the calls before it.
    let roomy = Budget::new(1.0, 1_000.0);
    let client = builder.replication(replication).budget(roomy).seed(7).build().unwrap();
    (client, stores)
}

fn nothing_in_flight(client: &ObjectClient) -> bool {
    client
        .snapshot()
        .endpoints
        .iter()
        .all(|endpoint| endpoint.in_flight as usize == endpoint.probes.iter().filter(|probe| probe.under_way).count())
}

#[tokio::test(start_paused = true)]
async fn a_create_with_a_lost_answer_succeeds_where_found() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.then([Trouble::LostAnswer]);
    client.put("k", "v").await.unwrap();
    assert_eq!(virginia.log(), ["put", "head"]);
    // And somebody else's object of that name is still a conflict.
    let conflict = client.put("k", "w").await.unwrap_err();
    assert_eq!(conflict.kind(), ErrorKind::AlreadyExists);
    assert_eq!(client.get("k").await.unwrap().body().as_ref(), b"v");
}

#[tokio::test(start_paused = true)]
async fn under_write_once_a_create_with_a_lost_answer_fails_over() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    // It is not at virginia, as far as can be seen there,
    virginia.then([Trouble::Reset]);
    let stored = client.put("k", "v").await.unwrap();
    assert_eq!(
        (stored.endpoint(), stored.earlier_attempt_unresolved()),
        ("ireland", true)
    );
    assert_eq!((virginia.log(), ireland.log()), (vec!["put", "head"], vec!["put"]));
    assert_eq!(client.get("k").await.unwrap().body().as_ref(), b"v");
    // or virginia does not say.
    virginia.then([Trouble::LostAnswer, Trouble::Hang]);
    let stored = client.put("l", "v").await.unwrap();
    assert_eq!(
        (stored.endpoint(), stored.earlier_attempt_unresolved()),
        ("ireland", true)
    );
}

#[tokio::test(start_paused = true)]
async fn an_if_match_with_a_lost_answer_recognises_itself_on_retry() {
    let (client, [virginia, _]) = client::<2>(Replication::provider_managed());
    let stored = client.put("k", "v1").await.unwrap();
    virginia.then([Trouble::LostAnswer]);
    let again = client
        .put("k", "v2")
        .if_match(stored.etag().unwrap().clone())
        .await
        .unwrap();
    assert_ne!(again.etag(), stored.etag());
    // And the tag that came back is the current one.
    client
        .put("k", "v3")
        .if_match(again.etag().unwrap().clone())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_repeated_put_recognises_the_object_of_the_failed_call() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    // Given a call that lost its first answer and failed for good,
    virginia.then([Trouble::LostAnswer]);
    virginia.then([Trouble::Reset; 5]);
    let error = client.put("k", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied);
    assert!(error.may_have_been_applied() && error.is_retryable());
    // when it is repeated under its id, then it is a success.
    let id = error.write_id().unwrap().clone();
    client.put("k", "v").write_id(id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_404_at_a_standby_proves_no_absence() {
    for replication in [Replication::provider_managed(), Replication::write_once()] {
        let (client, [virginia, ireland]) = client::<2>(replication);
        client.put("k", "v").await.unwrap();
        // Given that the one endpoint that has it is down, in each way,
        for trouble in [
            Trouble::Refused,
            Trouble::Hang,
            Trouble::Code("InternalError"),
            Trouble::Code("SlowDown"),
        ] {
            virginia.always(trouble);
            for _ in 0..5 {
                // then ireland's 404 is never the answer,
                let error = client.get("k").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{trouble:?}: {error}");
                assert_eq!(error.absent_at().collect::<Vec<_>>(), ["ireland"]);
                let error = client.head("k").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{trouble:?}: {error}");
                assert_eq!(error.not_asked()[0].endpoint(), "virginia");
            }
            virginia.heal();
            sleep(secs(31)).await;
            client.get("k").await.unwrap();
        }
        // and once all can be asked, "not found" is said, with who said so.
        ireland.heal();
        let error = client.get("other").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.absent_at().any(|name| name == "virginia"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_only_at_the_standby_is_found_despite_a_404() {
    let (client, [virginia, ireland, _]) = client::<3>(Replication::write_once());
    virginia.always(Trouble::Refused);
    client.put("k", "v").await.unwrap();
    assert_eq!(ireland.log(), ["put"]);
    virginia.heal();
    sleep(secs(31)).await;
    assert_eq!(client.get("k").await.unwrap().endpoint(), "ireland");
}

#[tokio::test(start_paused = true)]
async fn a_possibly_stale_read_is_marked() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    client.put("k", "new").await.unwrap();
    let seeded = evenkeel::request::object::Put::new(evenkeel::request::Key::new("k").unwrap(), "old");
    evenkeel::provider::ObjectProvider::put(&ireland.memory, seeded)
        .await
        .unwrap();
    assert!(!client.get("k").await.unwrap().is_possibly_stale());
    virginia.always(Trouble::Refused);
    let (old, explanation) = client.get("k").explained().await.unwrap();
    assert_eq!((old.body().as_ref(), old.is_possibly_stale()), (&b"old"[..], true));
    assert!(explanation.possibly_stale());
    assert!(client.head("k").await.unwrap().is_possibly_stale());
    assert!(client.list("").collect_all().await.unwrap().possibly_stale);
    // A write has nowhere else to go.
    let error = client.put("k2", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HomeUnavailable, "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_overwrite_never_fails_over() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    virginia.always(Trouble::Refused);
    client.put("k", "v").overwrite().await.unwrap_err();
    client.put("k", "v").await.unwrap_err();
    client.delete("k").await.unwrap_err();
    assert_eq!(ireland.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pass_makes_at_most_three_attempts() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.always(Trouble::Reset);
    let error = client.get("k").await.unwrap_err();
    assert_eq!((virginia.asked(), error.attempts_made()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn dropping_any_operation_at_any_await_leaks_nothing() {
    for replication in [Replication::write_once(), Replication::provider_managed()] {
        let (client, stores) = client::<3>(replication);
        for (index, store) in stores.iter().enumerate() {
            store.always(Trouble::Slow(ms(7 + 5 * index as u64)));
        }
        for age in 0..60 {
            if age == 30 {
                stores[0].always(Trouble::Hang);
            }
            let age = ms(age);
            let _ = timeout(age, client.put(format!("k/{age:?}"), "v").into_future()).await;
            let _ = timeout(age, client.get(format!("k/{age:?}")).into_future()).await;
            let _ = timeout(age, client.head("absent").into_future()).await;
            let _ = timeout(age, client.delete(format!("k/{age:?}")).into_future()).await;
            let _ = timeout(age, client.list("").collect_all()).await;
            let _ = timeout(age, client.list("").stream().next()).await;
            assert!(nothing_in_flight(&client), "left after {age:?}");
        }
        for store in &stores {
            store.heal();
        }
        sleep(secs(31)).await;
        client.put("after", "v").await.unwrap();
        assert_eq!(client.get("after").await.unwrap().body().as_ref(), b"v");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_for_every_operation() {
    for trouble in [Trouble::Hang, Trouble::Slow(secs(30)), Trouble::Code("SlowDown")] {
        for replication in [Replication::write_once(), Replication::provider_managed()] {
            let (client, stores) = client::<3>(replication);
            for store in &stores {
                store.always(trouble);
            }
            for limit in [ms(5), ms(500), secs(3)] {
                let start = tokio::time::Instant::now();
                let took = |what: &str| {
                    let took = start.elapsed();
                    assert!(
                        took <= limit + ms(2),
                        "{what} took {took:?} of {limit:?} under {trouble:?}"
                    );
                };
                let put = async {
                    client.put("k", "v").deadline(limit).await.unwrap_err();
                    took("put");
                };
                let get = async {
                    client.get("k").deadline(limit).await.unwrap_err();
                    took("get");
                };
                let head = async {
                    client.head("k").deadline(limit).await.unwrap_err();
                    took("head");
                };
                let delete = async {
                    client.delete("k").deadline(limit).await.unwrap_err();
                    took("delete");
                };
                let list = async {
                    client.list("").deadline(limit).collect_all().await.unwrap_err();
                    took("list");
                };
                futures_util::join!(put, get, head, delete, list);
                assert!(nothing_in_flight(&client));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_names_the_confirming_and_missing_endpoints() {
    let (client, [virginia, _]) = client::<2>(Replication::write_once());
    client.put("k", "v").await.unwrap();
    virginia.always(Trouble::Refused);
    let error = client.delete("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
    assert_eq!(error.confirmed_by().collect::<Vec<_>>(), ["ireland"]);
    assert_eq!(error.not_asked()[0].endpoint(), "virginia");
    assert!(error.is_retryable());
    virginia.heal();
    client.delete("k").await.unwrap();
    assert_eq!(client.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn errors_for_wrong_bucket_dead_endpoint_and_bad_key_are_clear() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.always(Trouble::Code("NoSuchBucket"));
    let wrong_bucket = client.put("customer-4711", "v").await.unwrap_err();
    virginia.always(Trouble::Refused);
    let dead = client.get("customer-4711").await.unwrap_err();
    let bad_key = client.get("../customer-4711").await.unwrap_err();
    let kinds = [&wrong_bucket, &dead, &bad_key].map(|error| error.kind());
    assert_eq!(
        kinds,
        [ErrorKind::Rejected, ErrorKind::Unavailable, ErrorKind::InvalidInput]
    );
    for (error, part) in [
        (&wrong_bucket, "NoSuchBucket"),
        (&dead, "connection refused"),
        (&bad_key, "`..` segment"),
    ] {
        assert!(error.to_string().contains(part), "{error}");
        assert!(
            !format!("{error} {error:?} {}", error.explanation()).contains("4711"),
            "{error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn listings_beside_a_dead_endpoint_spare_the_retry_budget() {
    let stores = [(); 2].map(|()| Store::new());
    let endpoints = ["virginia", "ireland"].iter().zip(&stores);
    let endpoints = endpoints.map(|(name, store)| Endpoint::new(*name, store.clone()));
    let builder = ObjectClient::builder().endpoints(endpoints.collect::<Vec<_>>());
    let client = builder.replication(Replication::write_once()).seed(7).build().unwrap();
    // Given that the preferred endpoint is dead, and five listings a second,
    stores[0].always(Trouble::Refused);
    for n in 0..200 {
        let listed = client.list("").collect_all().await.unwrap();
        assert_eq!(listed.missing[0].endpoint(), "virginia");
        assert_eq!(listed.entries.len(), n);
        // then a put never lacks the budget for its one retry,
        client.put(format!("k/{n:03}"), "v").await.unwrap();
        sleep(ms(200)).await;
    }
    // and the dead one is not asked three times by each of them.
    let lists = stores[0].log().iter().filter(|what| **what == "list").count();
    assert!(
        lists < 100,
        "{lists} of 600 attempts to list were made at a dead endpoint"
    );
}

#[tokio::test(start_paused = true)]
async fn only_first_attempts_earn_budget() {
    let stores = [(); 4].map(|()| Store::new());
    let endpoints = ["a", "b", "c", "d"].iter().zip(&stores);
    let endpoints = endpoints.map(|(name, store)| Endpoint::new(*name, store.clone()));
    let budget = Budget::new(0.1, 0.0);
    let builder = ObjectClient::builder().endpoints(endpoints.collect::<Vec<_>>());
    let builder = builder.replication(Replication::write_once()).budget(budget.clone());
    let client = builder.seed(7).build().unwrap();
    // Given a hundred calls, of which each asks four endpoints,
    for n in 0..50 {
        client.get(format!("absent/{n}")).await.unwrap_err();
        client.delete(format!("absent/{n}")).await.unwrap();
    }
    // then they earned ten retries, not forty.
    assert_eq!(budget.available(tokio::time::Instant::now()), 10);
}

#[tokio::test(start_paused = true)]
async fn an_object_is_readable_as_soon_as_its_only_endpoint_is_back() {
    let (client, [virginia, _]) = client::<2>(Replication::write_once());
    for n in 0..20 {
        client.put(format!("k/{n}"), "v").await.unwrap();
        client.get(format!("k/{n}")).await.unwrap();
        sleep(secs(1)).await;
    }
    // Given that the only holder was away for some seconds, at one read a second,
    virginia.always(Trouble::Reset);
    for n in 0..5 {
        client.get(format!("k/{n}")).await.unwrap_err();
        sleep(secs(1)).await;
    }
    virginia.heal();
    // then it can be read within a few seconds of its return, not only after the breaker's half minute.
    sleep(secs(5)).await;
    client.get("k/1").await.unwrap();
}
