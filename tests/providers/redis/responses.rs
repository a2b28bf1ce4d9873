//! What a real Redis answers in its states, and what the adapter makes of it.

use crate::redis_server::{Server, is_installed};
use evenkeel::{
    Endpoint, ErrorKind, Failover, KvClient,
    provider::{KvProvider, ProviderErrorKind, Redis},
    request::{
        WriteId,
        kv::{Condition, Get, Key, Put, Scan},
    },
    verdict::{Outcome, Sent, Verdict},
};
use std::time::Duration;

fn key(key: &str) -> Key {
    Key::new(key).unwrap()
}

fn put(id: &str) -> Put {
    Put::new(key("k"), "value", WriteId::new(id))
}

/// A put and what it fails with.
async fn refused(redis: &Redis) -> (ProviderErrorKind, Outcome) {
    let error = redis.put(put("refused")).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("value"), "{error:?}");
    (error.kind(), error.outcome())
}

#[tokio::test]
async fn a_demoted_primary_is_faulty_and_unsent() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let redis = Redis::new(server.client());
    redis.put(put("1")).await.unwrap();
    // A failover makes it a replica of somebody who is not there.
    server.tell(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let (kind, outcome) = refused(&redis).await;
    assert_eq!(
        (kind, outcome),
        (ProviderErrorKind::Failed, Outcome::new(Verdict::Faulty, Sent::No))
    );
    // It still shows what it has, unless it is told not to.
    redis.get(Get::new(key("k"))).await.unwrap();
    server.tell(&["CONFIG", "SET", "replica-serve-stale-data", "no"]).await;
    let error = redis.get(Get::new(key("k"))).await.unwrap_err();
    assert_eq!(error.detail().code.as_deref(), Some("MASTERDOWN"));
    server.tell(&["REPLICAOF", "NO", "ONE"]).await;
    redis.put(put("2")).await.unwrap();
}

#[tokio::test]
async fn a_server_without_memory_is_full_and_not_dead() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let redis = Redis::new(server.client());
    redis.put(put("1")).await.unwrap();
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]).await;
    // A value that is replaced is refused like a new one, and stays.
    let (kind, outcome) = refused(&redis).await;
    assert_eq!(
        (kind, outcome),
        (ProviderErrorKind::Full, Outcome::new(Verdict::Throttled, Sent::No))
    );
    let there = redis.get(Get::new(key("k"))).await.unwrap();
    assert_eq!(there.write_id, Some(WriteId::new("1")));
}

#[tokio::test]
async fn credentials_and_permissions_are_told_apart() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&["--requirepass", "right"]);
    let with = |credentials: &str| {
        let url = format!("redis://{credentials}{}", server.addr);
        Redis::new(redis::Client::open(url).unwrap())
    };
    let denied = Outcome::new(Verdict::Denied, Sent::No);
    for credentials in [":wrong@", "nobody:wrong@", ""] {
        let (kind, outcome) = refused(&with(credentials)).await;
        let expected = (ProviderErrorKind::Denied, denied.naming_the_credential());
        assert_eq!((kind, outcome), expected, "{credentials}");
    }
    let right = with(":right@");
    right.put(put("1")).await.unwrap();
    let mut admin = redis::Client::open(format!("redis://:right@{}", server.addr)).unwrap();
    redis::cmd("ACL")
        .arg(&["SETUSER", "reader", "on", ">pass", "~*", "+@read", "+ping"])
        .query::<()>(&mut admin)
        .unwrap();
    let reader = with("reader:pass@");
    reader.get(Get::new(key("k"))).await.unwrap();
    assert_eq!(refused(&reader).await, (ProviderErrorKind::Denied, denied));
    assert!(!format!("{right:?}").contains("right"));
}

#[tokio::test]
async fn foreign_values_are_left_alone() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let redis = Redis::new(server.client());
    for foreign in [vec!["SET", "k", "theirs"], vec!["HSET", "k", "field", "theirs"]] {
        server.tell(&["DEL", "k"]).await;
        server.tell(&foreign).await;
        for condition in [Condition::Always, Condition::Absent] {
            let error = redis.put(put("1").on(condition)).await.unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Invalid, "{foreign:?}: {error}");
            assert!(!error.outcome().may_have_been_applied());
        }
        assert!(redis.get(Get::new(key("k"))).await.is_err());
        assert!(redis.scan(Scan::default()).await.unwrap().entries.is_empty());
    }
}

#[tokio::test]
async fn a_forgotten_script_is_sent_again() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let redis = Redis::new(server.client());
    for id in ["1", "2", "3"] {
        server.tell(&["SCRIPT", "FLUSH"]).await;
        redis.put(put(id)).await.unwrap();
    }
}

#[tokio::test]
async fn the_stored_format_is_as_documented() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let redis = Redis::new(server.client()).namespace("ns:").scan_up_to(2);
    let expiring = put("id-1").expiring(Duration::from_secs(100));
    redis.put(expiring).await.unwrap();
    let text = |value: redis::Value| redis::from_redis_value::<String>(value).unwrap();
    assert_eq!(text(server.tell(&["HGET", "ns:k", "v"]).await), "value");
    assert_eq!(text(server.tell(&["HGET", "ns:k", "i"]).await), "id-1");
    let repeated: u64 = text(server.tell(&["HGET", "ns:k", "e"]).await).parse().unwrap();
    let expires: u64 = redis::from_redis_value(server.tell(&["PEXPIRETIME", "ns:k"]).await).unwrap();
    assert_eq!(repeated, expires);
    redis.put(put("id-2")).await.unwrap();
    assert_eq!(server.tell(&["HEXISTS", "ns:k", "e"]).await, redis::Value::Int(0));
    assert_eq!(server.tell(&["PTTL", "ns:k"]).await, redis::Value::Int(-1));
    // With more keys than a scan may walk over, it is refused rather than slow.
    assert_eq!(redis.scan(Scan::default()).await.unwrap().entries.len(), 1);
    server.tell(&["MSET", "a", "1", "b", "2"]).await;
    let error = redis.scan(Scan::default()).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
    assert!(error.to_string().starts_with("the database has 3 keys"), "{error}");
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let port = server.addr.port();
    let redis = Redis::new(server.client());
    let client = KvClient::builder()
        .endpoint(Endpoint::new("redis", redis))
        .build()
        .unwrap();
    client.put("k", "v").await.unwrap();
    drop(server);
    let error = client.put("k", "w").await.unwrap_err();
    assert!(
        [ErrorKind::Unavailable, ErrorKind::MaybeApplied].contains(&error.kind()),
        "{error}"
    );
    let _server = Server::start_on(port, &[]).unwrap();
    for _ in 0..100 {
        if client.put("k", "w").await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server is back and not found");
}

/// The lightest way in: one's own commands, failing over.
#[tokio::test]
async fn the_sdks_own_client_fails_over() {
    if !is_installed() {
        return;
    }
    let (primary, standby) = (Server::start(&[]), Server::start(&[]));
    standby.tell(&["SET", "greeting", "hello"]).await;
    let redis = Failover::builder()
        .endpoint(Endpoint::new("primary", primary.client()))
        .endpoint(Endpoint::new("standby", standby.client()))
        .build()
        .unwrap();
    primary.tell(&["REPLICAOF", "127.0.0.1", "1"]).await;
    // A write that the demoted primary refused was not done, so it may go elsewhere,
    let write = |client: redis::Client| async move {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("INCR").arg("n").query_async::<i64>(&mut connection).await
    };
    assert_eq!(redis.write(write).await.unwrap(), 1);
    drop(primary);
    let read = |client: redis::Client| async move {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("GET")
            .arg("greeting")
            .query_async::<String>(&mut connection)
            .await
    };
    assert_eq!(redis.read(read).await.unwrap(), "hello");
}

/// Another program's keys hide none of ours.
#[tokio::test]
async fn foreign_keys_are_skipped_and_counted() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let redis = Redis::new(server.client()).namespace("ns:");
    redis.put(put("1")).await.unwrap();
    server.tell(&["HSET", "ns:j", "v", "theirs"]).await;
    // Nothing of ours in it: as good as expired.
    server.tell(&["HSET", "ns:i", "field", "theirs"]).await;
    server.tell(&["HSET", "other", "field", "theirs"]).await;
    server
        .tell(&["EVAL", "return redis.call('HSET', 'ns:\\255', 'v', 'x')", "0"])
        .await;
    let page = redis.scan(Scan::default()).await.unwrap();
    assert_eq!(
        (page.entries.len(), page.entries[0].key.as_str(), page.foreign),
        (1, "k", 2)
    );
    let client = KvClient::builder()
        .endpoint(Endpoint::new("redis", redis))
        .build()
        .unwrap();
    let all = client.scan("").collect_all().await.unwrap();
    assert_eq!((all.entries.len(), all.foreign), (1, 2));
}

/// A server whose walk over the keys never comes to an end.
#[tokio::test]
async fn an_endless_scan_ends() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let steps = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = steps.clone();
    let server = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                    let asked = String::from_utf8_lossy(&buffer[..read]).to_ascii_uppercase();
                    // Commands come whole on loopback; a command is an array.
                    let is_array = |line: &&str| line.starts_with('*') && line.trim().len() > 1;
                    for _ in asked.split_inclusive("\r\n").filter(is_array) {
                        let answer = if asked.contains("SCAN") {
                            let step = counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            assert!(step < 1_000, "the walk does not end");
                            format!("*2\r\n$1\r\n{}\r\n*0\r\n", [7, 8, 9][step % 3])
                        } else if asked.contains("DBSIZE") {
                            ":1\r\n".to_owned()
                        } else {
                            "+OK\r\n".to_owned()
                        };
                        if socket.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    let redis = Redis::new(crate::redis_server::client(addr));
    let error = redis.scan(Scan::default()).await.unwrap_err();
    assert_eq!(error.outcome().verdict, Verdict::Faulty, "{error}");
    assert!(error.to_string().contains("leads back"), "{error}");
    assert_eq!(steps.load(std::sync::atomic::Ordering::SeqCst), 4);
    server.abort();
}
