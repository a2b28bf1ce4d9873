//! Answers that are well-formed HTTP and not the store's: compressed, chunked, of HTTP/1.0, too short, of another length, of
//! another bucket.

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    #[cfg(all(feature = "s3", feature = "azure_blob"))]
    return of_stores::trials();
    #[cfg(not(all(feature = "s3", feature = "azure_blob")))]
    return Vec::new();
}

#[cfg(all(feature = "s3", feature = "azure_blob"))]
mod of_stores {
    use crate::promise::Promise;
    use aws_sdk_s3::{
        Client,
        config::{Credentials, RequestChecksumCalculation::WhenRequired},
    };
    use azure_core::http::Url;
    use evenkeel::{
        Endpoint, ObjectClient,
        provider::{
            AnyObjectProvider, AzureBlob, ObjectProvider, ProviderError, ProviderErrorKind,
            azure_blob::Credential,
            s3::{
                S3,
                preset::{self, Addressing},
            },
        },
        request::{
            Key,
            object::{ByteRange, Delete, Get, Head, List, Put, PutMode},
        },
        verdict::Verdict,
    };
    use libtest_mimic::Trial;
    use std::{net::SocketAddr, sync::Arc};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        task::JoinSet,
    };

    /// "<html>no such page</html>", compressed.
    const GZIPPED: &[u8] = &[
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xb3, 0xc9, 0x28, 0xc9, 0xcd, 0xb1, 0xcb, 0xcb,
        0x57, 0x28, 0x2e, 0x4d, 0xce, 0x50, 0x28, 0x48, 0x4c, 0x4f, 0xb5, 0xd1, 0x07, 0x0b, 0x01, 0x00, 0x7d, 0xa5,
        0x5d, 0x9e, 0x19, 0x00, 0x00, 0x00,
    ];

    type Say = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

    /// Says this to each request (whose first line it gets), and closes.
    async fn raw(say: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (mut tasks, say) = (JoinSet::new(), Arc::new(say) as Say);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(converse(socket, say.clone()));
            }
        });
        (addr, tasks)
    }

    async fn converse(mut socket: TcpStream, say: Say) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = socket.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        if head.contains("expect: 100-continue") {
            let _ = socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        let _ = socket.read_exact(&mut body).await;
        let _ = socket.write_all(&say(head.lines().next().unwrap_or_default())).await;
        let _ = socket.shutdown().await;
    }

    fn s3(addr: SocketAddr) -> S3 {
        let config = preset::generic(format!("http://{addr}"), "us-east-1", Addressing::Path, WhenRequired)
            .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
        S3::new(Client::from_conf(config.build()), "bucket").trusting_conditions()
    }

    fn azure(addr: SocketAddr) -> AzureBlob {
        let url = Url::parse(&format!("http://{addr}/account/orders")).unwrap();
        AzureBlob::new(url, Credential::InTheUrl).unwrap()
    }

    fn key() -> Key {
        Key::new("some/key").unwrap()
    }

    async fn all<P: ObjectProvider>(store: &P) -> Vec<(&'static str, Result<(), ProviderError>)> {
        let mut overwrite = Put::new(key(), "body");
        overwrite.mode = PutMode::Overwrite;
        let part = || {
            let mut get = Get::new(key());
            get.range = Some(ByteRange::Bounded(0..4));
            get
        };
        vec![
            ("get", store.get(Get::new(key())).await.map(drop)),
            ("get part", store.get(part()).await.map(drop)),
            ("head", store.head(Head::new(key())).await.map(drop)),
            ("delete", store.delete(Delete::new(key())).await),
            ("create", store.put(Put::new(key(), "body")).await.map(drop)),
            ("overwrite", store.put(overwrite).await.map(drop)),
            ("list", store.list(List::default()).await.map(drop)),
            ("warm_up", store.warm_up().await),
        ]
    }

    const MARKS: &str = "x-amz-request-id: REQ42\r\nx-ms-request-id: 42\r\n";

    /// Nobody believes it, and the fault is the endpoint's.
    async fn nobody_believes(what: &str, said: Vec<u8>, but: &[&str]) {
        let (addr, _tasks) = raw(move |_| said.clone()).await;
        let mut met: Vec<_> = all(&s3(addr)).await.into_iter().map(|it| ("s3", it)).collect();
        met.extend(all(&azure(addr)).await.into_iter().map(|it| ("azure", it)));
        let mut believed = Vec::new();
        for (who, (operation, ended)) in met {
            Promise::Proven.tried();
            if but
                .iter()
                .any(|but| *but == operation || *but == format!("{who} {operation}"))
            {
                continue;
            }
            match ended {
                Err(error)
                    if error.kind() == ProviderErrorKind::Failed && error.outcome().verdict == Verdict::Faulty => {}
                ended => believed.push(format!("{who} {operation}: {ended:?}")),
            }
        }
        assert!(believed.is_empty(), "{what}: {believed:#?}");
    }

    fn http(head: &str, body: &[u8]) -> Vec<u8> {
        let mut said = format!("{head}\r\n\r\n")
            .replace('\n', "\r\n")
            .replace("\r\r", "\r")
            .into_bytes();
        said.extend(body);
        said
    }

    fn chunked(head: &str, body: &[u8]) -> Vec<u8> {
        let mut chunks = format!("{:x}\r\n", body.len()).into_bytes();
        chunks.extend(body);
        chunks.extend(b"\r\n0\r\n\r\n");
        http(&format!("{head}\r\ntransfer-encoding: chunked"), &chunks)
    }

    const PAGE: &[u8] = b"<html><h1>Not Found</h1></html>";

    /// What was asked for is left out by a proxy, or the page is of another question.
    async fn a_page_of_other_keys() {
        let entry = "<Contents><Key>theirs/1</Key><Size>4</Size></Contents>";
        let of_s3 =
            format!("<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{entry}</ListBucketResult>");
        let blob = "<Blob><Name>theirs/1</Name><Properties><Content-Length>4</Content-Length><Etag>1</Etag></Properties></Blob>";
        let of_azure = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>{blob}</Blobs><NextMarker/></EnumerationResults>"
        );
        for (who, page) in [("s3", of_s3), ("azure", of_azure)] {
            let head = format!(
                "HTTP/1.1 200 OK\r\n{MARKS}content-type: application/xml\r\ncontent-length: {}",
                page.len()
            );
            let said = http(&head, page.as_bytes());
            let (addr, _tasks) = raw(move |_| said.clone()).await;
            let endpoint = match who {
                "s3" => Endpoint::new("a", AnyObjectProvider::new(s3(addr))),
                _ => Endpoint::new("a", AnyObjectProvider::new(azure(addr))),
            };
            let client = ObjectClient::builder().endpoint(endpoint).build().unwrap();
            let theirs = client.list("theirs/").collect_all().await.unwrap();
            assert_eq!(theirs.entries.len(), 1, "{who}");
            let ours = client.list("ours/").collect_all().await;
            assert!(ours.is_err(), "{who}: {ours:?}");
        }
    }

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Proven.trial("gateways::a_404_page_with_a_proxys_request_id_is_no_absence", || async {
                // A HEAD's 404 with the store's mark is looked into with a GET, which says a page.
                let said = http(&format!("HTTP/1.1 404 Not Found\r\n{MARKS}content-type: text/html\r\ncontent-length: 31"), PAGE);
                nobody_believes("a page with the store's mark", said, &[]).await;
            }),
            Promise::Proven.trial("gateways::a_compressed_page_is_no_object", || async {
                for status in ["200 OK", "404 Not Found"] {
                    for marks in ["", MARKS] {
                        let said = http(
                            &format!("HTTP/1.1 {status}\r\n{marks}content-type: text/html\r\ncontent-encoding: gzip\r\ncontent-length: {}", GZIPPED.len()),
                            GZIPPED,
                        );
                        // With a mark a delete was done, and Azure's container is there: nothing else is in such an answer.
                        let is_marked = !marks.is_empty() && status == "200 OK";
                        let but: &[&str] = if is_marked { &["delete", "azure warm_up"] } else { &[] };
                        nobody_believes(&format!("{status}, {} bytes of marks", marks.len()), said, but).await;
                    }
                }
            }),
            Promise::Proven.trial("gateways::a_chunked_page_is_no_object", || async {
                for status in ["200 OK", "404 Not Found"] {
                    let said = chunked(&format!("HTTP/1.1 {status}\r\ncontent-type: text/html"), PAGE);
                    nobody_believes(status, said, &[]).await;
                }
            }),
            Promise::Proven.trial("gateways::a_page_of_http_1_0_is_no_object", || async {
                for status in ["200 OK", "404 Not Found"] {
                    let said = http(&format!("HTTP/1.0 {status}\r\ncontent-type: text/html"), PAGE);
                    nobody_believes(status, said, &[]).await;
                }
            }),
            Promise::Proven.trial("gateways::no_content_is_no_object", || async {
                let said = http("HTTP/1.1 204 No Content\r\nserver: envoy", b"");
                nobody_believes("204", said, &[]).await;
                let said = http(&format!("HTTP/1.1 204 No Content\r\n{MARKS}etag: \"1\""), b"");
                // A put that is answered so, with a tag, is one; and so is a delete.
                nobody_believes("204 with marks", said, &["delete", "create", "overwrite", "warm_up"]).await;
            }),
            Promise::Proven.trial("gateways::a_part_without_a_range_is_no_object", || async {
                let said = http(&format!("HTTP/1.1 206 Partial Content\r\n{MARKS}etag: \"1\"\r\ncontent-length: 4"), b"body");
                nobody_believes("206", said, &["head", "delete", "create", "overwrite", "warm_up"]).await;
                let said = http(
                    &format!("HTTP/1.1 206 Partial Content\r\n{MARKS}etag: \"1\"\r\ncontent-range: bytes 4-7/8\r\ncontent-length: 4"),
                    b"body",
                );
                nobody_believes("206 of another part", said, &["head", "delete", "create", "overwrite", "warm_up"]).await;
            }),
            Promise::Proven.trial("gateways::a_truncated_body_is_no_object", || async {
                let said = http(&format!("HTTP/1.1 200 OK\r\n{MARKS}etag: \"1\"\r\ncontent-length: 100"), b"body");
                nobody_believes("short", said, &["head", "delete", "create", "overwrite", "warm_up"]).await;
                let said = http(
                    &format!("HTTP/1.1 200 OK\r\n{MARKS}etag: \"1\"\r\ntransfer-encoding: chunked"),
                    b"4\r\nbody\r\n",
                );
                nobody_believes("short chunks", said, &["head", "delete", "create", "overwrite", "warm_up"]).await;
                // Its end is the connection's: what came before it was lost is nobody's guess, unless it is nothing.
                let said = http(&format!("HTTP/1.0 200 OK\r\n{MARKS}etag: \"1\""), b"");
                nobody_believes("neither length nor body", said, &["head", "delete", "create", "overwrite", "warm_up"]).await;
            }),
            Promise::Healthy.trial("gateways::an_empty_chunked_object_is_read", || async {
                let head = format!("HTTP/1.1 200 OK\r\n{MARKS}etag: \"1\"\r\ntransfer-encoding: chunked");
                let said = http(&head, b"0\r\n\r\n");
                let (addr, _tasks) = raw(move |_| said.clone()).await;
                let (at_s3, at_azure) = (s3(addr).get(Get::new(key())).await, azure(addr).get(Get::new(key())).await);
                for object in [at_s3, at_azure] {
                    assert!(object.unwrap().body.is_empty());
                }
            }),
            Promise::Proven.trial("gateways::a_listing_of_other_keys_is_refused", a_page_of_other_keys),
        ]
    }
}
