//! Many deletes in one request, at our own server and at misbehaving ones.

use crate::{
    outcome::{FAULTY, at, shows_nothing},
    raw::{self, http, refusal},
    s3s_server::config,
};
use aws_sdk_s3::Client;
use evenkeel::{
    Endpoint, ObjectClient,
    provider::{ObjectProvider, ProviderErrorKind, S3},
    request::{Key, object::DeleteMany},
    verdict::Verdict,
};
use evenkeel_s3_server::{Fault, Operation, Rule, Server, Settings};

fn many(keys: &[&str]) -> DeleteMany {
    DeleteMany::new(keys.iter().map(|key| Key::new(*key).unwrap()).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_client_empties_a_bucket_in_a_few_requests() {
    let server = Server::start(Settings::new(&["orders"])).await.unwrap();
    let bucket = || S3::new(Client::from_conf(config(&server.url()).build()), "orders").trusting_all_conditions();
    let client = || {
        ObjectClient::builder()
            .endpoint(Endpoint::new("here", bucket()))
            .build()
            .unwrap()
    };
    let keys: Vec<String> = (0..30).map(|number| format!("a/{number} & <ä>")).collect();
    let writer = client();
    for key in &keys {
        writer.put(key.as_str(), "x").await.unwrap();
    }
    writer.put("b", "stays").await.unwrap();
    server
        .faults()
        .add(Rule::on(Operation::DeleteObjects, Fault::DropAnswer).nth(1));
    let removed = client().delete_many(keys).await;
    assert!(removed.iter().all(Result::is_ok), "{removed:?}");
    assert_eq!(server.store().keys("orders"), ["b"]);
}

#[tokio::test]
async fn a_bulk_delete_has_the_store_s_word_for_each_key() {
    let answered = async |body: &str| {
        let server = raw::serve(http("200 OK", &[("content-type", "application/xml")], body)).await;
        at(server.addr)
            .delete_many(many(&["secret-key", "b", "c", "d", "e"]))
            .await
    };
    let some = "<DeleteResult><Deleted><Key>b</Key></Deleted>\
        <Error><Key>secret-key</Key><Code>AccessDenied</Code><Message>no secret-key</Message></Error>\
        <Error><Key>c</Key><Code>SlowDown</Code></Error><Error><Key>d</Key><Code>NoSuchKey</Code></Error></DeleteResult>";
    let answers = answered(some).await.unwrap();
    let met: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map_err(|error| error.kind()))
        .collect();
    use ProviderErrorKind::{Denied, Failed, Throttled};
    // Of the last one the store says nothing.
    assert_eq!(met, [Err(Denied), Ok(&()), Err(Throttled), Ok(&()), Err(Failed)]);

    let error = "<DeleteResult><Error><Key>b</Key><Code>InternalError</Code></Error></DeleteResult>";
    for nothing in [
        error,
        "<DeleteResult/>",
        "",
        "<html>welcome to this hotel</html>",
        "<DeleteResult><Deleted>",
    ] {
        let error = answered(nothing).await.unwrap_err();
        assert_eq!(error.outcome(), FAULTY, "{nothing:?}: {error:?}");
        shows_nothing(&error);
    }
    for (status, code, expected) in [
        ("501 Not Implemented", "NotImplemented", Verdict::Caller),
        ("400 Bad Request", "MalformedXML", Verdict::Caller),
        ("503 Slow Down", "SlowDown", Verdict::Throttled),
        ("403 Forbidden", "AccessDenied", Verdict::Denied),
        ("404 Not Found", "NoSuchBucket", Verdict::Caller),
    ] {
        let server = raw::serve(refusal(status, code)).await;
        let error = at(server.addr)
            .delete_many(many(&["secret-key", "b"]))
            .await
            .unwrap_err();
        assert_eq!(error.outcome().verdict, expected, "{code}");
        shows_nothing(&error);
    }
}

/// A server that trims what it reads would remove another object.
#[tokio::test]
async fn a_key_that_xml_may_change_is_not_named_there() {
    let server = Server::start(Settings::new(&["orders"])).await.unwrap();
    let store = S3::new(Client::from_conf(config(&server.url()).build()), "orders").trusting_all_conditions();
    let answers = store.delete_many(many(&["a", " a", "a\u{3000}"])).await.unwrap();
    let kinds: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map_err(|error| error.kind()))
        .collect();
    use ProviderErrorKind::Unsupported;
    assert_eq!(kinds, [Ok(&()), Err(Unsupported), Err(Unsupported)]);
    let refused = store.delete_many(many(&[" a", "b "])).await.unwrap_err();
    assert_eq!(refused.kind(), Unsupported);
}
