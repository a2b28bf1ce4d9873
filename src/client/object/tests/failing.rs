//! How failures read.

use super::{Fault, Scripted, client, said};
use crate::{
    Endpoint, Error, ErrorKind, Explanation, ObjectClient, Replication,
    endpoint::{Profile, Roster},
    ops::operator::Selector,
    provider::Memory,
    request::{Call, CallRecord, LegKind, OpClass, Safety, object::WriteId},
};
use std::{error::Error as _, time::Duration};

#[tokio::test(start_paused = true)]
async fn a_wrong_bucket_is_rejected_and_named() {
    let (client, [virginia, _]) = client::<2>(Replication::write_once());
    virginia.always(Fault::WrongBucket);
    let error = client.put("k", "v").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Rejected,
            "put failed after 1 attempt: virginia rejected the request: the bucket does not exist (NoSuchBucket); check \
             the request and the endpoint's configuration"
                .to_owned()
        )
    );
    assert_eq!(error.endpoint(), Some("virginia"));
    assert_eq!(error.attempts()[0].request_id(), Some("4711"));
    assert!(!error.is_retryable() && !error.may_have_been_applied());
    assert_eq!(
        error.source().unwrap().to_string(),
        "the bucket does not exist (NoSuchBucket)"
    );
    assert!(error.into_provider_error().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_is_unavailable_and_named() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.always(Fault::Refused);
    let error = client.put("k", "v").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Unavailable,
            "put failed after 3 attempts: no endpoint could answer, virginia was unreachable (connection refused); \
             trying again later may help"
                .to_owned()
        )
    );
    assert!(error.is_retryable());
    let whys: Vec<_> = error.attempts().iter().map(|a| a.why()).collect();
    assert_eq!(whys, [LegKind::First, LegKind::Retry, LegKind::Retry]);
}

#[tokio::test(start_paused = true)]
async fn invalid_input_is_refused_before_anything_is_sent() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    let error = client.put("../etc/passwd", "v").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::InvalidInput,
            "put failed before anything was sent: an object key must not have a `.` or `..` segment".to_owned()
        )
    );
    for error in [
        client.get("k").suffix(0).await.unwrap_err(),
        client.get("k").range(7..7).await.unwrap_err(),
        client.get("k").pin("nowhere").await.unwrap_err(),
        client.get("k").deadline(Duration::ZERO).await.unwrap_err(),
        client.put("k", "v").metadata("Upper", "v").await.unwrap_err(),
        client.put("k", "v").content_type("a\nb").await.unwrap_err(),
        client.put("k", "v").write_id(WriteId::new("")).await.unwrap_err(),
        client.list("").delimiter("").collect_all().await.unwrap_err(),
        client.list("a\0").collect_all().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(!error.is_retryable());
    }
    assert_eq!(virginia.log(), [""; 0], "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn errors_show_no_key() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    let mut errors = vec![client.get("patient-smith").await.unwrap_err()];
    virginia.always(Fault::Lost);
    ireland.always(Fault::Denied);
    errors.push(client.put("patient-smith", "v").await.unwrap_err());
    errors.push(client.get("patient-smith").await.unwrap_err());
    errors.push(client.delete("patient-smith").await.unwrap_err());
    for error in errors {
        let words = format!("{error} {error:?} {} {:?}", error.explanation(), error.explanation());
        assert!(!words.contains("smith"), "{words}");
    }
    assert!(!format!("{client:?}").contains("smith"));
}

#[tokio::test(start_paused = true)]
async fn an_exceeded_deadline_names_the_silent_endpoint() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.always(Fault::Hang);
    let error = client.get("k").deadline(Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::DeadlineExceeded,
            "get failed after 1 attempt: the call's deadline of 200 ms ran out, virginia did not answer in time; trying again \
             later may help"
                .to_owned()
        )
    );
    // A write that hung may have been applied.
    let error = client
        .put("k", "v")
        .deadline(Duration::from_millis(200))
        .await
        .unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::MaybeApplied,
            "put failed after 1 attempt: the write may have been applied, virginia did not answer in time; repeating the call is safe"
                .to_owned()
        )
    );
}

#[tokio::test(start_paused = true)]
async fn throttling_everywhere_is_throttled() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    virginia.always(Fault::Throttled);
    let error = client.get("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert!(
        error.to_string().contains("virginia throttled the request (SlowDown)"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_once_only_write_that_may_be_applied_is_not_retryable() {
    let store = super::Scripted::default();
    store.always(Fault::Lost);
    let roster = Roster::new([Profile::new("virginia")]).unwrap();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", store.clone()))
        .build()
        .unwrap();
    let stack = client.service();
    for (safety, retryable) in [(Safety::Once, false), (Safety::Idempotent, true)] {
        let put = crate::request::object::Put::new(crate::request::Key::new("k").unwrap(), "v");
        let call = Call::on_record(
            crate::request::object::ObjectRequest::Put(put),
            CallRecord::new(OpClass::Write, safety),
        );
        let result = tower::ServiceExt::oneshot(stack.clone(), call.clone()).await;
        store.remove("k");
        let explanation = Explanation::new("write", Vec::new(), &roster, call.record().started(), [call.record()]);
        let error: Error = Error::judged(result.unwrap_err(), call.record(), &roster, explanation);
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (ErrorKind::MaybeApplied, retryable)
        );
        assert!(error.may_have_been_applied());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaks_nothing() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    virginia.then([Fault::Hang]);
    let mut call = Box::pin(std::future::IntoFuture::into_future(client.put("k", "v")));
    assert!(futures_util::poll!(call.as_mut()).is_pending());
    drop(call);
    assert_eq!((virginia.log(), ireland.log()), (vec!["put"], vec![]));
    assert_eq!(client.put("k", "v").await.unwrap().endpoint(), "virginia");
    let mut listing = client.list("").stream();
    virginia.then([Fault::Hang]);
    assert!(futures_util::poll!(futures_util::StreamExt::next(&mut listing)).is_pending());
    drop(listing);
    assert_eq!(client.list("").collect_all().await.unwrap().entries.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_explanation_prints_every_attempt() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    ireland.insert("k", "an older one");
    virginia.then([Fault::Refused]);
    let (value, explanation) = client.get("k").explained().await.unwrap();
    assert!(value.is_possibly_stale());
    assert_eq!(
        explanation.to_string(),
        "get: answered by ireland after 0 µs, possibly stale\n  1. first: virginia was unreachable (connection refused), \
         after 0 µs\n  2. retry: ireland succeeded, after 0 µs"
    );
    let (_, explanation) = client.get("k").pin("ireland").explained().await.unwrap();
    assert_eq!(
        explanation.to_string(),
        "get: answered by ireland after 0 µs, possibly stale\n  1. first: ireland succeeded, after 0 µs\n  not used: \
         virginia, because the call is pinned to ireland"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_condition_says_that_the_object_has_changed() {
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", Memory::new()))
        .build()
        .unwrap();
    let tag = client.put("k", "1").await.unwrap().etag().unwrap().clone();
    client.put("k", "somebody else's").overwrite().await.unwrap();
    let changed = "failed after 1 attempt: the object at virginia has changed";
    let put = client.put("k", "2").if_match(tag.clone()).await.unwrap_err();
    assert_eq!(said(&put), (ErrorKind::PreconditionFailed, format!("put {changed}")));
    // It looks first whether anything is there: what it finds is no reason.
    let delete = client.delete("k").if_match(tag).await.unwrap_err();
    assert_eq!(
        said(&delete),
        (
            ErrorKind::PreconditionFailed,
            format!("delete {}", changed.replace("1 attempt", "2 attempts"))
        )
    );
    assert_eq!(delete.source().unwrap().to_string(), "the content has changed");
}

#[tokio::test(start_paused = true)]
async fn an_error_names_the_deadline_as_given() {
    let (client, [virginia]) = client::<1>(Replication::provider_managed());
    let tag = client.put("k", "1").await.unwrap().etag().unwrap().clone();
    virginia.always(Fault::Hang);
    // A second pass begins when a part of the time is over.
    let call = client.get("k").if_none_match(tag).deadline(Duration::from_millis(300));
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(
        error.to_string().contains("the call's deadline of 300 ms ran out"),
        "{error}"
    );
    assert_eq!(
        error.source().unwrap().to_string(),
        "the call's deadline of 300 ms ran out"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_names_each_excluded_endpoint_and_why() {
    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
    let hour = Duration::from_secs(3_600);
    let drain = |name: &str| client.operator().drain(Selector::endpoint(name), "change", hour);
    let order = drain("virginia").apply().unwrap();
    let error = client.put("k", "v").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::HomeUnavailable,
            "put failed before anything was sent: the home cannot take the write now: virginia was not used because \
             the operator has drained it; trying again later may help"
                .to_owned()
        )
    );
    let error = client.get("k").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Unavailable,
            "get failed after 1 attempt: the client could not tell whether the object exists: absent at ireland, \
             but virginia was not asked because the operator has drained it; trying again later may help"
                .to_owned()
        )
    );
    let not_used = |error: &Error| error.explanation().considered()[0].not_used().map(str::to_owned);
    assert_eq!(not_used(&error).as_deref(), Some("the operator has drained it"));
    let both = drain("ireland").apply_regardless().unwrap();
    let error = client.get("k").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "get failed before anything was sent: no endpoint is left for this call: virginia was not used because the \
         operator has drained it and ireland was not used because the operator has drained it; trying again later may help"
    );
    client.operator().lift(order);
    client.operator().lift(both);
    let forced = client
        .operator()
        .force(Selector::endpoint("ireland"), "test", hour)
        .apply();
    assert_eq!(
        not_used(&client.put("k", "v").await.unwrap_err()).as_deref(),
        Some("the operator forces calls elsewhere")
    );
    client.operator().lift(forced.unwrap());

    virginia.always(Fault::Broken);
    ireland.insert("k", "v");
    for _ in 0..20 {
        client.get("k").await.unwrap();
    }
    let (_, explanation) = client.get("k").explained().await.unwrap();
    assert_eq!(
        explanation.considered()[0].not_used(),
        Some("its circuit breaker is open"),
        "{explanation}"
    );
}

#[tokio::test(start_paused = true)]
async fn errors_suggest_a_retry_only_where_a_retry_may_help() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    for store in [&virginia, &ireland] {
        store.always(Fault::WrongBucket);
    }
    let error = client.delete("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.is_retryable() && !error.to_string().contains("later"), "{error}");
    virginia.always(Fault::None);
    let error = client.delete("k").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::MaybeApplied,
            "delete failed after 2 attempts: not every endpoint confirmed the delete: confirmed by virginia, but ireland \
             rejected the request: the bucket does not exist (NoSuchBucket); mend that, then repeat the call"
                .to_owned()
        )
    );
    ireland.always(Fault::Refused);
    let error = client.delete("k").await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    // One of two that are missing comes back, and may hold it.
    let (client, [_, ireland, frankfurt]) = self::client::<3>(Replication::write_once());
    ireland.always(Fault::WrongBucket);
    frankfurt.always(Fault::Refused);
    let error = client.get("k").await.unwrap_err();
    assert!(
        error.is_retryable() && error.to_string().ends_with("trying again later may help"),
        "{error}"
    );
    frankfurt.always(Fault::WrongBucket);
    let error = client.get("k").await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");

    // The home alone can say that it does not exist, and this call must not ask it.
    let [home, copy] = [Scripted::default(), Scripted::default()];
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home).location("DE"))
        .endpoint(Endpoint::new("copy", copy).location("IE"))
        .replication(Replication::provider_managed())
        .build()
        .unwrap();
    let error = client.get("k").only_locations(["IE"]).await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Unavailable,
            "get failed after 1 attempt: the client could not tell whether the object exists: absent at copy, but \
             home may not be asked because it lies in DE, which is not among the permitted locations"
                .to_owned()
        )
    );
    assert!(!error.is_retryable());
    let error = client.get("k").only_locations(["FR"]).await.unwrap_err();
    assert!(!error.is_retryable() && !error.to_string().contains("later"), "{error}");
}
