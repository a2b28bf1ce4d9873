//! Redis behind a relay that does harm: the verdict, and whether it may have been sent.

use crate::{
    raw,
    redis_server::{Server, client, is_installed},
    relay::{Harm, Relay},
};
use evenkeel::{
    Endpoint, ErrorKind, KvClient,
    provider::{KvProvider, ProviderError, Redis},
    request::{
        WriteId,
        kv::{Condition, Get, Key, Put},
    },
    verdict::{Sent, Verdict},
};
use std::time::{Duration, Instant};
use tokio::{net::TcpListener, time::timeout};

fn put(id: &str) -> Put {
    Put::new(Key::new(id).unwrap(), "v", WriteId::new(id)).on(Condition::Absent)
}

fn get(key: &str) -> Get {
    Get::new(Key::new(key).unwrap())
}

async fn stored(server: &Server, key: &str) -> bool {
    server.tell(&["EXISTS", key]).await == redis::Value::Int(1)
}

fn is(error: &ProviderError, verdict: Verdict, sent: Sent, what: &str) {
    let met = error.outcome();
    assert_eq!((met.verdict, met.sent), (verdict, sent), "{what}: {error}");
}

/// A connection is given up after 0.9 s. On a busy machine that is seen late; fifty of them in turn would take 45 s, and the
/// system's own limit two minutes.
const NOT_IN_TURN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn broken_connections_in_use_have_the_expected_outcome() {
    use Sent::{Maybe, No};
    use Verdict::{Caller, Denied, Faulty, Throttled};

    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    #[rustfmt::skip]
    let cases = [
        (Harm::ResetBefore, Faulty, Maybe, false),
        (Harm::ResetAfter, Faulty, Maybe, true),
        (Harm::CloseAfter, Faulty, Maybe, true),
        (Harm::Answer("-LOADING Redis is loading the dataset in memory\r\n"), Faulty, No, false),
        (Harm::Answer("-READONLY You can't write against a read only replica.\r\n"), Faulty, No, false),
        (Harm::Answer("-MASTERDOWN Link with MASTER is down\r\n"), Faulty, No, false),
        (Harm::Answer("-CLUSTERDOWN The cluster is down\r\n"), Faulty, No, false),
        (Harm::Answer("-MOVED 3999 127.0.0.1:6381\r\n"), Faulty, No, false),
        (Harm::Answer("-ASK 3999 127.0.0.1:6381\r\n"), Faulty, No, false),
        (Harm::Answer("-TRYAGAIN the slot is being moved\r\n"), Throttled, No, false),
        (Harm::Answer("-BUSY Redis is busy running a script\r\n"), Faulty, No, false),
        (Harm::Answer("-OOM command not allowed\r\n"), Throttled, No, false),
        (Harm::Answer("-NOAUTH Authentication required.\r\n"), Denied, No, false),
        (Harm::Answer("-NOPERM no permission\r\n"), Denied, No, false),
        (Harm::Answer("-ERR unknown command\r\n"), Caller, Maybe, false),
        (Harm::Answer("+OK\r\n"), Faulty, Maybe, false),
        (Harm::Answer(":4711\r\n"), Faulty, Maybe, false),
        (Harm::Answer("HTTP/1.1 400 Bad Request\r\n\r\n"), Faulty, Maybe, false),
        (Harm::AnswerAndClose("$100\r\nhalf of it"), Faulty, Maybe, false),
        (Harm::AnswerAndClose(""), Faulty, Maybe, false),
    ];
    for (at, (harm, verdict, sent, was_stored)) in cases.into_iter().enumerate() {
        let what = format!("{harm:?}");
        let relay = Relay::before(server.addr).await;
        let redis = Redis::new(client(relay.addr));
        redis.warm_up().await.unwrap();
        let key = format!("case-{at}");
        redis.put(put(&format!("warm-{at}"))).await.unwrap();
        relay.does(harm.clone());
        let error = redis.put(put(&key)).await.unwrap_err();
        is(&error, verdict, sent, &what);
        assert_eq!(stored(&server, &key).await, was_stored, "{what}");
        // A read meets the same, perhaps while it connects anew. And once it is over the adapter recovers by itself.
        let met = redis.get(get(&key)).await.unwrap_err().outcome().verdict;
        assert!(!met.is_healthy(), "{what}: {met}");
        relay.does(Harm::None);
        let again = redis.put(put(&key)).await;
        if let Err(error) = again {
            // The connection that the harm left behind is met once.
            assert!(error.outcome().verdict.is_fault(), "{what}: {error}");
            redis.put(put(&key)).await.unwrap();
        }
        assert_eq!(
            redis.get(get(&key)).await.unwrap().write_id,
            Some(WriteId::new(key.as_str()))
        );
    }
}

#[tokio::test]
async fn failed_connects_are_unsent() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    // Nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = Redis::new(client(port)).put(put("k")).await.unwrap_err();
    is(&refused, Verdict::Unreachable, Sent::No, "refused");
    assert_eq!(refused.detail().code.as_deref(), Some("connection refused"));
    // Nobody answers at all.
    let hole = raw::black_hole().await;
    let start = Instant::now();
    let error = Redis::new(client(hole.addr)).put(put("k")).await.unwrap_err();
    is(&error, Verdict::Unreachable, Sent::No, "black hole");
    assert_eq!(error.detail().code.as_deref(), Some("connect timeout"));
    assert!(start.elapsed() < NOT_IN_TURN, "{:?}", start.elapsed());
    // Connected and silent, or nonsense, before anything of ours was said.
    for (harm, verdict) in [
        (Harm::Hang, Verdict::Unreachable),
        (Harm::ResetBefore, Verdict::Unreachable),
        (Harm::AnswerAndClose(""), Verdict::Unreachable),
    ] {
        let relay = Relay::before(server.addr).await;
        relay.does(harm.clone());
        let start = Instant::now();
        let error = Redis::new(client(relay.addr)).put(put("k")).await.unwrap_err();
        is(&error, verdict, Sent::No, &format!("{harm:?}"));
        assert!(start.elapsed() < NOT_IN_TURN, "{:?}", start.elapsed());
    }
    // TLS spoken to a server that has none.
    let tls = redis::Client::open(format!("rediss://{}", server.addr)).unwrap();
    let error = Redis::new(tls).put(put("k")).await.unwrap_err();
    is(&error, Verdict::Unreachable, Sent::No, "tls");
    // A name that does not exist.
    let unknown = redis::Client::open("redis://no-such-host.invalid:6379").unwrap();
    let error = Redis::new(unknown).put(put("k")).await.unwrap_err();
    is(&error, Verdict::Unreachable, Sent::No, "dns");
    assert!(!stored(&server, "k").await);
}

#[tokio::test]
async fn a_silent_connection_is_replaced() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let relay = Relay::before(server.addr).await;
    let redis = Redis::new(client(relay.addr));
    redis.warm_up().await.unwrap();
    assert_eq!(relay.connections(), 1);
    relay.does(Harm::Hang);
    // Given up early, as a hedge that lost is: the connection is as good as before.
    assert!(timeout(Duration::from_millis(50), redis.get(get("k"))).await.is_err());
    relay.does(Harm::None);
    let absent = timeout(Duration::from_secs(5), redis.get(get("k")))
        .await
        .unwrap()
        .unwrap_err();
    is(&absent, Verdict::Absent, Sent::Maybe, "a get of nothing");
    assert_eq!(relay.connections(), 1);
    relay.does(Harm::Hang);
    assert!(timeout(Duration::from_millis(700), redis.get(get("k"))).await.is_err());
    relay.does(Harm::None);
    // Given up late: the next call has a new one.
    timeout(Duration::from_secs(5), redis.put(put("k")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(relay.connections(), 2);
}

#[tokio::test]
async fn concurrent_calls_share_one_connect() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let relay = Relay::before(server.addr).await;
    let redis = Redis::new(client(relay.addr));
    let puts = (0..50).map(|i| {
        let redis = redis.clone();
        async move { redis.put(put(&format!("k{i}"))).await }
    });
    for result in futures_util::future::join_all(puts).await {
        result.unwrap();
    }
    assert_eq!(relay.connections(), 1);
    // Also one that cannot be made: nobody waits for the others' attempts in turn.
    relay.does(Harm::Hang);
    let dead = Redis::new(client(relay.addr));
    let start = Instant::now();
    let puts = (0..50).map(|_| dead.put(put("x")));
    for result in futures_util::future::join_all(puts).await {
        is(&result.unwrap_err(), Verdict::Unreachable, Sent::No, "hang");
    }
    assert!(start.elapsed() < NOT_IN_TURN, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_dripping_answer_is_slow_and_correct() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let relay = Relay::before(server.addr).await;
    let redis = Redis::new(client(relay.addr));
    redis.put(put("k")).await.unwrap();
    relay.does(Harm::Drip(Duration::from_millis(3)));
    let start = Instant::now();
    assert_eq!(redis.get(get("k")).await.unwrap().bytes, "v");
    assert!(start.elapsed() > Duration::from_millis(30));
}

#[tokio::test]
async fn lost_answers_cause_no_false_conflict() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let relay = Relay::before(server.addr).await;
    let client = KvClient::builder()
        .endpoint(Endpoint::new("redis", Redis::new(client(relay.addr))))
        .build()
        .unwrap();
    client.put("warm", "v").await.unwrap();
    relay.does(Harm::LoseOneAnswer);
    client.put_if_absent("lease", "me").await.unwrap();
    assert_eq!(
        client.put_if_absent("lease", "you").await.unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    // A server that hangs for good is a write of unknown fate.
    relay.does(Harm::Hang);
    let error = client
        .put_if_absent("other", "me")
        .deadline(Duration::from_secs(3))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
    assert_eq!(error.attempts()[0].verdict(), Some(Verdict::Faulty));
}

/// A plain server takes TLS's greeting for the beginning of a command, and waits for its end.
#[tokio::test]
async fn tls_to_a_plain_port_is_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let store = Redis::new(redis::Client::open(format!("rediss://{address}")).unwrap());
    let error = store.get(get("k")).await.unwrap_err();
    is(&error, Verdict::Unreachable, Sent::No, "tls to plain");
    assert!(error.to_string().contains("does the server speak TLS?"), "{error}");
    drop(listener);
}
