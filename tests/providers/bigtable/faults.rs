//! The emulator behind a relay that does harm: the verdict, and whether it may have been sent.

use crate::{
    at, create, emulator, get, is, put,
    relay::{Harm, Relay},
};
use evenkeel::{
    Endpoint, ErrorKind, KvClient,
    provider::{Bigtable, KvProvider},
    request::WriteId,
    verdict::{Sent, Verdict},
};
use google_cloud_auth::credentials::anonymous;
use std::time::{Duration, Instant};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A connection is given up after 0.9 s. On a busy machine that is seen late; fifty of them in turn would take 45 s, and the
/// system's own limit two minutes.
const NOT_IN_TURN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn broken_connections_in_use_have_the_expected_outcome() {
    use Sent::Maybe;
    use Verdict::Faulty;
    let Some(emulator) = emulator("harm to a connection in use").await else {
        return;
    };
    let direct = at(emulator.addr);
    // Beside requests and answers HTTP/2 has frames of its own, which the relay cannot tell from them: after these two the
    // write was stored, unless one of those came first.
    let after = |harm: &Harm| matches!(harm, Harm::ResetAfter | Harm::CloseAfter);
    let cases = [
        Harm::ResetBefore,
        Harm::ResetAfter,
        Harm::CloseAfter,
        Harm::Answer("HTTP/1.1 400 Bad Request\r\n\r\n"),
        Harm::AnswerAndClose(""),
        Harm::AnswerAndClose("\0\0\u{4}\0"),
    ];
    for (case, harm) in cases.into_iter().enumerate() {
        let what = format!("{harm:?}");
        let mut tries = 0;
        let (relay, table, key) = loop {
            let relay = Relay::before(emulator.addr).await;
            let table = at(relay.addr);
            table.warm_up().await.unwrap();
            // What the two sides have to settle is settled.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let key = format!("case-{case}-{tries}");
            relay.does(harm.clone());
            let error = table.put(create(&key)).await.unwrap_err();
            is(&error, Faulty, Maybe, &what);
            let stored = direct.get(get(&key)).await.is_ok();
            assert!(!stored || after(&harm), "{what}");
            if stored == after(&harm) {
                break (relay, table, key);
            }
            tries += 1;
            assert!(tries < 20, "{what}: never stored");
        };
        // A read meets it while it connects anew, or later.
        assert!(
            !table.get(get(&key)).await.unwrap_err().outcome().verdict.is_healthy(),
            "{what}"
        );
        relay.does(Harm::None);
        if let Err(error) = table.put(put(&key)).await {
            // The connection that the harm left behind is met once.
            assert!(error.outcome().verdict.is_fault(), "{what}: {error}");
            table.put(put(&key)).await.unwrap();
        }
        assert_eq!(
            table.get(get(&key)).await.unwrap().write_id,
            Some(WriteId::new(key.as_str()))
        );
    }
}

#[tokio::test]
async fn failed_connects_are_unsent() {
    let Some(emulator) = emulator("harm while connecting").await else {
        return;
    };
    let elsewhere = |url: String| Bigtable::new(anonymous::Builder::new().build(), crate::TABLE).endpoint(url);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, code) in [
        (format!("http://{nobody}"), "connection refused"),
        (format!("https://{nobody}"), "connection refused"),
        ("http://no-such-host.invalid:1".to_owned(), "dns: no such name"),
        // TLS spoken to a server that has none.
        (format!("https://{}", emulator.addr), "no tls"),
    ] {
        let error = elsewhere(url.clone()).put(put("k")).await.unwrap_err();
        is(&error, Verdict::Unreachable, Sent::No, &url);
        assert_eq!(error.detail().code.as_deref(), Some(code), "{url}");
    }
    for url in ["", "no url", "ftp:/"] {
        let error = elsewhere(url.to_owned()).put(put("k")).await.unwrap_err();
        assert_eq!(error.outcome().sent, Sent::No, "{url}: {error}");
    }
    // A handshake that hangs: all who wait for it hear at once that it failed, not one after the other.
    let relay = Relay::before(emulator.addr).await;
    relay.does(Harm::Hang);
    let hanging = elsewhere(format!("https://{}", relay.addr));
    let start = Instant::now();
    for result in futures_util::future::join_all((0..50).map(|_| hanging.put(put("k")))).await {
        is(
            &result.unwrap_err(),
            Verdict::Unreachable,
            Sent::No,
            "a handshake that hangs",
        );
    }
    assert!(start.elapsed() < NOT_IN_TURN, "{:?}", start.elapsed());
    assert_eq!(relay.connections(), 1);
    assert!(at(emulator.addr).get(get("k")).await.is_err());
}

#[tokio::test]
async fn a_silent_connection_is_replaced() {
    let Some(emulator) = emulator("a connection that falls silent").await else {
        return;
    };
    let relay = Relay::before(emulator.addr).await;
    let table = at(relay.addr);
    let puts = (0..50).map(|i| {
        let table = table.clone();
        async move { table.put(put(&format!("k{i}"))).await }
    });
    for result in futures_util::future::join_all(puts).await {
        result.unwrap();
    }
    assert_eq!(relay.connections(), 1);
    relay.does(Harm::Hang);
    // Given up early, as a hedge that lost is: the connection is as good as before.
    assert!(timeout(Duration::from_millis(50), table.get(get("k1"))).await.is_err());
    relay.does(Harm::None);
    timeout(Duration::from_secs(5), table.get(get("k1")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(relay.connections(), 1);
    relay.does(Harm::Hang);
    assert!(timeout(Duration::from_millis(700), table.get(get("k1"))).await.is_err());
    relay.does(Harm::None);
    // Given up late: the next call has a new one.
    timeout(Duration::from_secs(5), table.get(get("k1")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(relay.connections(), 2);
}

/// A connection that ended between two calls is not connected again behind our back: the call that meets its end is unsent,
/// and the next has a new one.
#[tokio::test]
async fn a_closed_connection_is_replaced_after_one_unsent_call() {
    let Some(emulator) = emulator("a connection that ended between two calls").await else {
        return;
    };
    let relay = Relay::before(emulator.addr).await;
    let table = at(relay.addr);
    table.put(put("k")).await.unwrap();
    // Somebody else's request ends the connection; nobody of ours is under way.
    relay.does(Harm::CloseAfter);
    let error = table.get(get("k")).await.unwrap_err();
    is(&error, Verdict::Faulty, Sent::Maybe, "the end");
    relay.does(Harm::None);
    let results = futures_util::future::join_all((0..20).map(|_| table.put(put("k")))).await;
    for result in results {
        if let Err(error) = result {
            assert_eq!(error.outcome().sent, Sent::No, "{error}");
        }
    }
    table.put(put("k")).await.unwrap();
    assert_eq!(relay.connections(), 2);
}

/// Google ends connections that are idle, or an hour old. Nobody meets that.
#[tokio::test]
async fn a_connection_closed_while_idle_fails_no_call() {
    let Some(emulator) = emulator("a connection that ended while nobody used it").await else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let table = at(listener.local_addr().unwrap());
    let passed_on = async |mut client: TcpStream| {
        let mut server = TcpStream::connect(emulator.addr).await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut server).await;
    };
    for _ in 0..5 {
        let put = table.put(put("k"));
        let relay = async { passed_on(listener.accept().await.unwrap().0).await };
        // The relay ends with the call.
        tokio::select! {
            stored = put => drop(stored.unwrap()),
            () = relay => panic!("the connection ended under the call"),
        }
        // Its end has arrived, and has been read.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_dripping_answer_is_slow_and_correct() {
    let Some(emulator) = emulator("a drip").await else {
        return;
    };
    let relay = Relay::before(emulator.addr).await;
    let table = at(relay.addr);
    table.put(put("k")).await.unwrap();
    relay.does(Harm::Drip(Duration::from_millis(2)));
    let start = Instant::now();
    assert_eq!(table.get(get("k")).await.unwrap().bytes, "v");
    assert!(start.elapsed() > Duration::from_millis(50), "{:?}", start.elapsed());
}

#[tokio::test]
async fn lost_answers_cause_no_false_conflict() {
    let Some(emulator) = emulator("a client whose answers are lost").await else {
        return;
    };
    let relay = Relay::before(emulator.addr).await;
    let client = KvClient::builder()
        .endpoint(Endpoint::new("bigtable", at(relay.addr)))
        .build()
        .unwrap();
    let first = client.put("warm", "v").await.unwrap();
    relay.does(Harm::LoseOneAnswer);
    client.put_if_absent("lease", "me").await.unwrap();
    let second = client.put_if_absent("lease", "you").await.unwrap_err();
    assert_eq!(second.kind(), ErrorKind::AlreadyExists);
    relay.does(Harm::LoseOneAnswer);
    client
        .compare_and_set("warm", first.version().unwrap().clone(), "w")
        .await
        .unwrap();
    // A service that hangs for good is a write of unknown fate.
    relay.does(Harm::Hang);
    let error = client
        .put_if_absent("other", "me")
        .deadline(Duration::from_secs(3))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
    assert_eq!(error.attempts()[0].verdict(), Some(Verdict::Faulty));
}
