//! What speaks for a store behind `GenericStore`: servers that redirect, gateways, and stores with foreign keys in them.

use crate::{
    generic::{opaque, over},
    raw::{self, Act},
    script::{self, Answer, Server, answer, s3_refusal},
};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient,
    provider::{GenericStore, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key,
        object::{ByteRange, Delete, Get, Head, List, ListEntry, Put, PutMode},
    },
    verdict::{Sent, Verdict},
};
use http::Method;
use std::sync::Arc;

/// By both ways to bring one.
fn stores(server: &Server) -> [(&'static str, GenericStore); 2] {
    [
        ("ours", over(server.addr)),
        ("opaque", opaque(server.addr).trusting_transport()),
    ]
}

async fn serve(answer: impl Fn(&Method, &str) -> Answer + Send + Sync + 'static) -> Server {
    let answer = Arc::new(answer);
    script::serve(move |asked| std::future::ready(answer(&asked.method, &asked.uri.to_string()))).await
}

const MARKED: [(&str, &str); 1] = [("x-amz-request-id", "REQ42")];

fn key() -> Key {
    Key::new("secret-key").unwrap()
}

async fn each(store: &GenericStore) -> Vec<(&'static str, Result<(), ProviderError>)> {
    let mut overwrite = Put::new(key(), "secret-value");
    overwrite.mode = PutMode::Overwrite;
    let folded = || {
        let mut list = List::default();
        list.delimiter = Some("/".into());
        list
    };
    vec![
        ("create", store.put(Put::new(key(), "secret-value")).await.map(drop)),
        ("put", store.put(overwrite).await.map(drop)),
        ("get", store.get(Get::new(key())).await.map(drop)),
        ("head", store.head(Head::new(key())).await.map(drop)),
        ("delete", store.delete(Delete::new(key())).await),
        ("list", store.list(List::default()).await.map(drop)),
        ("folded list", store.list(folded()).await.map(drop)),
        ("warm_up", store.warm_up().await),
    ]
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = serve(|_, _| answer(200, &[("etag", "\"stolen\"")], "stolen")).await;
        let port = elsewhere.addr.port();
        let server = serve(move |_, uri| {
            let location = format!("http://localhost:{port}{uri}");
            answer(status, &[("location", &location)], "")
        })
        .await;
        for (what, result) in each(&over(server.addr)).await {
            let error = result.unwrap_err();
            assert_eq!(error.outcome().verdict, Verdict::Caller, "{status}, {what}: {error}");
        }
        assert_eq!((elsewhere.count(), server.count()), (0, 8), "{status}");
    }
}

/// Well-formed HTTP that is no answer of a store's: no content, half a body, a part that does not say which, a page of another
/// question, a page that is compressed.
#[tokio::test]
async fn mismatched_responses_are_no_object() {
    const MARKS: &str = "x-amz-request-id: REQ42\r\netag: \"1\"\r\nlast-modified: Fri, 27 Nov 2026 08:57:14 GMT\r\n";
    let part = || {
        let mut get = Get::new(key());
        get.range = Some(ByteRange::Bounded(0..4));
        get
    };
    let mut believed = Vec::new();
    for (what, head, body) in [
        ("no content", format!("204 No Content\r\n{MARKS}"), ""),
        ("short", format!("200 OK\r\n{MARKS}content-length: 100\r\n"), "body"),
        (
            "short chunks",
            format!("200 OK\r\n{MARKS}transfer-encoding: chunked\r\n"),
            "4\r\nbody\r\n",
        ),
        ("neither length nor body", format!("200 OK\r\n{MARKS}"), ""),
        (
            "an unsaid part",
            format!("206 Partial Content\r\n{MARKS}content-length: 4\r\n"),
            "body",
        ),
        (
            "another part",
            format!("206 Partial Content\r\n{MARKS}content-range: bytes 4-7/8\r\ncontent-length: 4\r\n"),
            "body",
        ),
        (
            "compressed",
            "200 OK\r\ncontent-type: text/html\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n".to_owned(),
            "\u{1f}\u{8}\0\0",
        ),
    ] {
        let said = format!("HTTP/1.1 {head}connection: close\r\n\r\n{body}");
        let server = raw::serve(Act::Answer(said.into_bytes())).await;
        for (whose, store) in [
            ("ours", over(server.addr)),
            ("opaque", opaque(server.addr).trusting_transport()),
        ] {
            for (question, ended) in [
                ("get", store.get(Get::new(key())).await.map(drop)),
                ("get part", store.get(part()).await.map(drop)),
                ("list", store.list(List::default()).await.map(drop)),
            ] {
                // What its own transport gives it, such a store takes for the whole.
                let is_hidden = whose == "opaque" && question == "get" && head.starts_with("206");
                match ended {
                    _ if is_hidden => {}
                    Err(error) if error.outcome().verdict == Verdict::Faulty => {}
                    ended => believed.push(format!("{what}, {whose}, {question}: {ended:?}")),
                }
            }
        }
    }
    assert!(believed.is_empty(), "{believed:#?}");
}

/// Without a word about its transport a store is not asked.
#[tokio::test]
async fn an_opaque_store_is_refused_until_it_is_trusted() {
    let server = serve(|_, _| answer(200, &[("etag", "\"1\"")], "x")).await;
    let store = opaque(server.addr);
    for (what, result) in each(&store).await {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome().sent),
            (ProviderErrorKind::Unsupported, Sent::No),
            "{what}: {error}"
        );
        assert!(error.to_string().contains("trusting_transport"), "{error}");
    }
    assert_eq!(server.count(), 0);
    assert_eq!(store.trusting_transport().get(Get::new(key())).await.unwrap().body, "x");
    // ... and one of whose two clients one is ours is not.
    assert!(over(server.addr).get(Get::new(key())).await.is_ok());
}

#[tokio::test]
async fn a_gateways_page_is_no_success() {
    const PAGE: &str = "<!DOCTYPE html><html><body><p>Welcome</p></body></html>";
    for page in [PAGE, "", "{\"ok\":true}", "<html></html>"] {
        let server = serve(move |_, _| answer(200, &[("content-type", "text/html")], page)).await;
        for (whose, store) in stores(&server) {
            for (what, result) in each(&store).await {
                let error = result.expect_err(&format!("{whose}, {what}, {page:?}"));
                assert_eq!(
                    error.outcome().verdict,
                    Verdict::Faulty,
                    "{whose}, {what}, {page:?}: {error}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_gateways_404_is_no_absence() {
    for body in ["", "<html>no</html>", "{\"message\":\"no route\"}"] {
        let server = serve(move |_, _| answer(404, &[("server", "envoy")], body)).await;
        for (whose, store) in stores(&server) {
            for (what, result) in each(&store).await {
                let error = result.expect_err(&format!("{whose}, {what}"));
                assert_eq!(
                    error.outcome().verdict,
                    Verdict::Faulty,
                    "{whose}, {what}, {body:?}: {error}"
                );
            }
        }
    }
    // Nor is it a success with no content.
    let server = serve(|_, _| answer(204, &[("server", "envoy")], "")).await;
    for (whose, store) in stores(&server) {
        let error = store.delete(Delete::new(key())).await.expect_err(whose);
        assert_eq!(error.outcome().verdict, Verdict::Faulty, "{whose}: {error}");
    }
}

/// A HEAD's 404 says neither whose it is nor of what.
#[tokio::test]
async fn absence_needs_proof() {
    use ProviderErrorKind::{Failed, Invalid, NotFound};
    for marked in [false, true] {
        for (look, kind) in [
            (s3_refusal(404, "NoSuchKey"), NotFound),
            (s3_refusal(404, "NoSuchBucket"), Invalid),
            (answer(404, &MARKED, ""), Failed),
            // It is there, and empty; or not.
            (s3_refusal(416, "InvalidRange"), Failed),
            (
                answer(206, &[("etag", "\"1\""), ("content-range", "bytes 0-0/1")], "x"),
                Failed,
            ),
            (answer(200, &[], "<html></html>"), Failed),
        ] {
            let server = serve(move |method, _| match *method {
                Method::HEAD if marked => answer(404, &MARKED, ""),
                Method::HEAD => answer(404, &[], ""),
                _ => look.clone(),
            })
            .await;
            for (whose, store) in stores(&server) {
                let before = server.count();
                let error = store.head(Head::new(key())).await.unwrap_err();
                assert_eq!(error.kind(), kind, "{whose}, {marked}: {error}");
                assert_eq!(server.count() - before, 2, "{whose}, {marked}");
                if kind == NotFound {
                    // The bucket is there, now: a mark is enough.
                    store.head(Head::new(key())).await.unwrap_err();
                    let asked = if marked && whose == "ours" { 3 } else { 4 };
                    assert_eq!(server.count() - before, asked, "{whose}, {marked}");
                }
            }
        }
    }
}

fn listing(names: &[&str], prefixes: &[&str], next: Option<&str>) -> Answer {
    let mut body = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>orders</Name><Prefix></Prefix>",
    );
    for name in names {
        body += &format!(
            "<Contents><Key>{name}</Key><LastModified>2026-11-27T09:00:00.000Z</LastModified><ETag>\"1\"</ETag><Size>1</Size></Contents>"
        );
    }
    for prefix in prefixes {
        body += &format!("<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>");
    }
    if let Some(next) = next {
        body += &format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>");
    }
    answer(200, &MARKED, body + "</ListBucketResult>")
}

fn names(entries: &[ListEntry]) -> Vec<&str> {
    entries.iter().map(ListEntry::name).collect()
}

#[tokio::test]
async fn an_unreadable_date_hides_no_object() {
    for date in ["2026-11-27T08:57:14Z", "yesterday", ""] {
        let server =
            serve(move |_, _| answer(200, &[("etag", "\"1\""), ("last-modified", date), MARKED[0]], "body")).await;
        let store = over(server.addr);
        let got = store.get(Get::new(key())).await.unwrap();
        assert_eq!((&got.body[..], got.meta.last_modified), (&b"body"[..], None), "{date}");
        assert_eq!(
            store.head(Head::new(key())).await.unwrap().last_modified,
            None,
            "{date}"
        );
    }
    let dated = serve(|_, _| {
        let date = ("last-modified", "Fri, 27 Nov 2026 08:57:14 GMT");
        answer(200, &[("etag", "\"1\""), date, MARKED[0]], "body")
    })
    .await;
    let got = over(dated.addr).get(Get::new(key())).await.unwrap();
    assert!(got.meta.last_modified.is_some());
}

#[tokio::test]
async fn foreign_keys_are_listed_as_they_are() {
    let all = ["./q", "/a", "a&#x1;b", "a&amp;b", "dir", "dir/", "m//n", "z"];
    let expected = ["./q", "/a", "a\u{1}b", "a&b", "dir", "dir/", "m//n", "z"];
    let server = serve(move |_, uri| match uri.contains("delimiter") {
        true => listing(&["a&#x1;b", "dir", "z"], &["./", "/", "dir/", "m/"], None),
        false => listing(&all, &[], None),
    })
    .await;
    for store in [over(server.addr), over(server.addr).listing_in_order()] {
        let mut list = List::default();
        assert_eq!(names(&store.list(list.clone()).await.unwrap().entries), expected);
        list.limit = Some(3);
        let page = store.list(list.clone()).await.unwrap();
        assert_eq!(
            (names(&page.entries), page.continuation.as_deref()),
            (expected[..3].to_vec(), Some("a\u{1}b"))
        );
        list.continuation = page.continuation;
        assert_eq!(names(&store.list(list).await.unwrap().entries), expected[3..6]);
        let mut below = List::default();
        below.prefix = "m//".into();
        assert_eq!(names(&store.list(below.clone()).await.unwrap().entries), ["m//n"]);
        below.delimiter = Some("/".into());
        // The server of this test folds by another prefix than it was asked for.
        let mut folded = List::default();
        folded.delimiter = Some("/".into());
        assert_eq!(
            names(&store.list(folded).await.unwrap().entries),
            ["./", "/", "a\u{1}b", "dir", "dir/", "m/", "z"]
        );
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("here", store))
            .build()
            .unwrap();
        let listed = client.list("").collect_all().await.unwrap();
        assert_eq!(names(&listed.entries), expected);
    }
    // What was brought cannot be helped, but told.
    let error = opaque(server.addr)
        .trusting_transport()
        .list(List::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
    assert!(error.to_string().contains("no path for"), "{error}");
    assert!(!error.to_string().contains("region"), "{error}");
}

#[tokio::test]
async fn a_malformed_listing_is_an_error() {
    let broken = serve(|_, _| {
        answer(
            200,
            &MARKED,
            "<ListBucketResult><Contents><Key>a</Key></ListBucketResult>",
        )
    })
    .await;
    for (whose, store) in stores(&broken) {
        let error = store.list(List::default()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the listing is not readable XML (nonsense)",
            "{whose}"
        );
        assert_eq!(error.outcome().verdict, Verdict::Faulty);
    }
    let endless = serve(|_, _| listing(&[], &[], Some("again"))).await;
    let error = over(endless.addr).list(List::default()).await.unwrap_err();
    assert_eq!(
        error.to_string().split(" (").next(),
        Some("the listing leads back to an earlier page")
    );
    assert_eq!(endless.count(), 2);
    let same = serve(|_, uri| {
        let n: u32 = uri
            .split("token=")
            .nth(1)
            .and_then(|n| n.split('&').next()?.parse().ok())
            .unwrap_or(0);
        listing(&["a"], &[], Some(&(n + 1).to_string()))
    })
    .await;
    let error = over(same.addr)
        .listing_in_order()
        .list(List::default())
        .await
        .unwrap_err();
    assert_eq!(error.outcome().verdict, Verdict::Faulty, "{error}");
    // In a circle of three pages, from a store that promises no order.
    let circle = serve(|_, uri| {
        let token = uri.split("token=").nth(1).and_then(|token| token.chars().next());
        match token {
            Some('x') => listing(&["c", "d"], &[], Some("y")),
            Some('y') => listing(&["e", "f"], &[], Some("z")),
            _ => listing(&["a", "b"], &[], Some("x")),
        }
    })
    .await;
    for (whose, store) in stores(&circle) {
        let error = store.list(List::default()).await.unwrap_err();
        let said = error.to_string();
        assert_eq!(
            said.split(" (").next(),
            Some("the listing leads back to an earlier page"),
            "{whose}"
        );
    }
    assert!(circle.count() <= 2 * 12, "{}", circle.count());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", over(endless.addr)))
        .build()
        .unwrap();
    let error = client.list("").collect_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_confirmed_answer_is_believed() {
    let server = serve(|method, uri| match *method {
        Method::POST => answer(
            200,
            &MARKED,
            "<DeleteResult><Deleted><Key>secret-key</Key></Deleted></DeleteResult>",
        ),
        _ if uri.contains("list-type") => listing(&[], &[], None),
        _ => s3_refusal(404, "NoSuchKey"),
    })
    .await;
    for (whose, store) in stores(&server) {
        store.delete(Delete::new(key())).await.expect(whose);
        assert!(store.list(List::default()).await.expect(whose).entries.is_empty());
        store.warm_up().await.expect(whose);
    }
}
