//! Orders by way of the page: who may give them, what they must say, and that their effect was looked at.

use crate::{
    hostile,
    served::{get, json, serve, text},
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    ops::{
        operator::Selector,
        status_page::{OperablePage, PageBody, StatusPage, TokenError},
    },
    provider::Memory,
    telemetry::{Event, Instance},
};
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
use tower::ServiceExt;

pub(crate) const TOKEN: &str = "correct-horse-battery-staple";
const SECOND: Duration = Duration::from_secs(1);

fn photos(page: &StatusPage) -> ObjectClient {
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("virginia", Memory::new())
                .provider("aws")
                .region("us-east-1")
                .location("US"),
        )
        .endpoint(
            Endpoint::new("ireland", Memory::new())
                .provider("aws")
                .region("eu-west-1")
                .location("IE"),
        )
        .endpoint(
            Endpoint::new("shanghai", Memory::new())
                .provider("aliyun")
                .location("CN"),
        )
        .only_locations(["US", "IE"])
        .replication(Replication::write_once())
        .on_event_record(page.listener())
        .build()
        .unwrap();
    page.show(client.view());
    client
}

fn world() -> (StatusPage, OperablePage, ObjectClient) {
    let page = StatusPage::new();
    let client = photos(&page);
    let operable = page.operable(TOKEN).unwrap();
    (page, operable, client)
}

/// Drains virginia, for an hour.
fn drain() -> Value {
    json!({
        "instance": Instance::current().to_string(), "client": "photos", "order": "drain",
        "selector": { "endpoint": "virginia" }, "reason": "change 4711", "for_s": 3_600, "by": "anna",
    })
}

fn with(mut ask: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            ask.as_object_mut().unwrap().remove(name);
        } else {
            ask[name] = value.clone();
        }
    }
    ask
}

fn request(headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::post("/orders");
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::new(body.into())).unwrap()
}

fn headers() -> [(&'static str, &'static str); 3] {
    [
        ("host", "localhost:80"),
        ("authorization", "Bearer correct-horse-battery-staple"),
        ("content-type", "application/json"),
    ]
}

async fn said(answer: Response<PageBody>) -> (u16, Value) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(
        answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("frame-ancestors 'none'"),
        "as every answer"
    );
    assert!(!answer.headers().contains_key("set-cookie"));
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(!body.contains(TOKEN), "{body}");
    (status, serde_json::from_str(&body).unwrap())
}

async fn ask(page: &OperablePage, ask: Value) -> (u16, Value) {
    let answer = page
        .clone()
        .oneshot(request(&headers(), ask.to_string()))
        .await
        .unwrap();
    said(answer).await
}

/// Looks at the effect, and gives the order.
async fn give(page: &OperablePage, order: Value) -> (u16, Value) {
    let (status, tried) = ask(page, order.clone()).await;
    assert_eq!((status, &tried["dry_run"]), (200, &json!(true)), "{tried}");
    let effect = &tried["proposal"]["effect"];
    ask(page, with(order, &json!({ "dry_run": false, "effect": effect }))).await
}

fn in_force(client: &ObjectClient) -> Vec<String> {
    let orders = client.operator().orders();
    let each = orders.iter();
    each.map(|order| format!("{} {}", order.action().as_str(), order.selector()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_order_is_tried_then_given_then_lifted() {
    let (page, operable, client) = world();
    let (status, tried) = ask(&operable, drain()).await;
    assert_eq!(status, 200);
    let proposal = &tried["proposal"];
    assert_eq!(proposal["affected"], json!(["virginia"]));
    assert_eq!(proposal["left"], json!({ "reads": ["ireland"], "writes": ["ireland"] }));
    assert_eq!(proposal["refused"], Value::Null);
    assert!(in_force(&client).is_empty(), "without a word an order is only tried");
    let (status, dry) = ask(&operable, with(drain(), &json!({ "dry_run": true, "effect": "x" }))).await;
    assert_eq!(
        (status, &dry["proposal"]),
        (200, proposal),
        "the same effect, the same digest"
    );

    let (status, given) = give(&operable, drain()).await;
    assert_eq!((status, &given["dry_run"]), (200, &json!(false)), "{given}");
    assert_eq!(given["expires_in_ms"], 3_600_000);
    assert_eq!(in_force(&client), ["drain virginia"]);
    assert_eq!(client.put("k", "v").await.unwrap().endpoint(), "ireland");
    let all = json(&page).await;
    let order = &all["state"]["clients"][0]["status"]["orders"][0];
    assert_eq!(
        (&order["by"], &order["reason"]),
        (&json!("anna"), &json!("change 4711"))
    );
    let sentence = all["events"][0]["entry"]["sentence"].as_str().unwrap();
    assert_eq!(sentence, "anna ordered: drain virginia for at most 3600s (change 4711)");

    let lift = json!({
        "instance": Instance::current().to_string(), "client": 0, "order": "lift", "number": given["number"], "by": "bob",
    });
    let (status, tried) = ask(&operable, lift.clone()).await;
    assert_eq!(status, 200, "{tried}");
    assert_eq!(tried["proposal"]["lifts"]["action"], "drain");
    assert_eq!(tried["proposal"]["affected"], json!(["virginia"]));
    assert_eq!(tried["proposal"]["left"]["reads"], json!(["virginia", "ireland"]));
    assert_eq!(in_force(&client).len(), 1);
    assert_eq!(give(&operable, lift.clone()).await.0, 200);
    assert!(in_force(&client).is_empty());
    let (status, again) = ask(&operable, lift).await;
    assert_eq!((status, &again["error"]), (404, &json!("no-order")));
    let all = json(&page).await;
    let sentence = all["events"][1]["entry"]["sentence"].as_str().unwrap();
    assert_eq!(sentence, "bob lifted the order: drain virginia (change 4711)");
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_order_can_be_given() {
    let (_, operable, client) = world();
    for (kind, selector, said) in [
        ("drain", json!({ "endpoint": "ireland" }), "drain ireland"),
        (
            "drain_writes",
            json!({ "provider": "aws", "region": "us-east-1" }),
            "drain writes aws us-east-1",
        ),
        ("force", json!({ "provider": "aws" }), "force provider aws"),
        ("freeze", json!({ "endpoint": "virginia" }), "freeze failback virginia"),
        ("pass_through", json!({ "endpoint": "ireland" }), "shadow ireland"),
    ] {
        let order = with(drain(), &json!({ "order": kind, "selector": selector }));
        let (status, given) = give(&operable, order).await;
        assert_eq!(status, 200, "{kind}: {given}");
        assert_eq!(in_force(&client), [said]);
        client.operator().lift(given["number"].as_u64().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_through_leaves_the_one_endpoint_and_constraints_bind() {
    let (_, operable, client) = world();
    let pass = |selector: Value| with(drain(), &json!({ "order": "pass_through", "selector": selector }));
    let (_, tried) = ask(&operable, pass(json!({ "provider": "aws" }))).await;
    assert_eq!(tried["proposal"]["affected"], json!(["virginia", "ireland"]));
    assert_eq!(
        tried["proposal"]["left"]["reads"],
        json!(["virginia"]),
        "the most preferred takes them all"
    );
    let (status, refused) = give(&operable, pass(json!({ "endpoint": "shanghai" }))).await;
    assert_eq!((status, &refused["error"]), (422, &json!("refused")));
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.contains("no endpoint would be left") && message.contains("shanghai cannot"),
        "{message}"
    );
    let (status, refused) = give(
        &operable,
        with(
            drain(),
            &json!({ "order": "force", "selector": { "endpoint": "shanghai" } }),
        ),
    )
    .await;
    assert_eq!((status, &refused["error"]), (422, &json!("refused")), "{refused}");

    let (status, given) = give(&operable, pass(json!({ "endpoint": "ireland" }))).await;
    assert_eq!(status, 200, "{given}");
    assert_eq!(client.put("k", "v").await.unwrap().endpoint(), "ireland");
    // It expires as every order does.
    tokio::time::sleep(3_600 * SECOND).await;
    assert!(in_force(&client).is_empty());
    assert_eq!(client.put("k2", "v").await.unwrap().endpoint(), "virginia");
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_effect_was_not_looked_at_is_refused_with_the_effect() {
    let (_, operable, client) = world();
    let real = |effect: &Value| with(drain(), &json!({ "dry_run": false, "effect": effect }));
    let (status, unseen) = ask(&operable, real(&Value::Null)).await;
    assert_eq!((status, &unseen["error"]), (409, &json!("effect")));
    let effect = unseen["proposal"]["effect"].clone();

    // The effect of another order is another.
    let (_, other) = ask(&operable, with(drain(), &json!({ "for_s": 60 }))).await;
    assert_eq!(ask(&operable, real(&other["proposal"]["effect"])).await.0, 409);

    // Somebody else drains ireland meanwhile, and nothing would be left.
    let ireland = client
        .operator()
        .drain(Selector::endpoint("ireland"), "other", 60 * SECOND)
        .apply()
        .unwrap();
    let (status, changed) = ask(&operable, real(&effect)).await;
    assert_eq!((status, &changed["error"]), (409, &json!("effect")));
    assert_eq!(changed["proposal"]["left"]["reads"], json!([]));
    assert!(
        changed["proposal"]["refused"]
            .as_str()
            .unwrap()
            .contains("no endpoint would be left")
    );
    let (status, refused) = ask(&operable, real(&changed["proposal"]["effect"])).await;
    assert_eq!((status, &refused["error"]), (422, &json!("refused")));
    assert_eq!(in_force(&client), ["drain ireland"]);

    client.operator().lift(ireland);
    assert_eq!(ask(&operable, real(&effect)).await.0, 200, "it is as it was");
}

#[tokio::test(start_paused = true)]
async fn of_two_orders_at_once_that_leave_nothing_together_one_is_given() {
    let (_, operable, client) = world();
    let ireland = with(drain(), &json!({ "selector": { "endpoint": "ireland" } }));
    let (first, second) = tokio::join!(give(&operable, drain()), give(&operable, ireland));
    assert_eq!(
        [first.0, second.0].iter().filter(|status| **status == 200).count(),
        1,
        "{first:?} {second:?}"
    );
    assert_eq!(in_force(&client).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_without_a_token_takes_no_orders_and_shows_no_buttons() {
    let (page, operable, client) = world();
    let order = with(drain(), &json!({ "dry_run": false })).to_string();
    let answer = page.clone().oneshot(request(&headers(), order)).await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(in_force(&client).is_empty());
    let shell = text(&page, "/").await;
    assert!(!shell.contains("</form>") && !shell.contains("Give an order"));

    let read = |path: &str| {
        let request = Request::get(path).body(Full::<Bytes>::default()).unwrap();
        operable.clone().oneshot(request)
    };
    let shell = read("/").await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert!(shell.len() < 60_000);
    assert!(String::from_utf8_lossy(&shell).contains("</form>"));
    assert_eq!(read("/status.json").await.unwrap().status(), 200);
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = Request::builder()
            .method(&method)
            .uri("/orders")
            .body(Full::<Bytes>::default());
        let answer = operable.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"POST".parse().unwrap()),
            "{method}"
        );
    }
    for path in ["/orders/", "/orders/1"] {
        let request = Request::post(path).body(Full::<Bytes>::default()).unwrap();
        assert_eq!(operable.clone().oneshot(request).await.unwrap().status(), 404);
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_right_token_gives_orders_and_wrong_ones_lock_nobody_out() {
    let (page, operable, client) = world();
    assert_eq!(page.operable("short").unwrap_err(), TokenError::Short);
    assert!(!format!("{operable:?}").contains(TOKEN));
    let try_with = |token: Option<&'static str>| {
        let order = drain().to_string();
        let mut all = headers().to_vec();
        all.retain(|(name, _)| *name != "authorization");
        all.extend(token.map(|token| ("authorization", token)));
        operable.clone().oneshot(request(&all, order))
    };
    let missing = try_with(None).await.unwrap();
    assert_eq!(missing.headers()["www-authenticate"], "Bearer realm=\"orders\"");
    let (status, told) = said(missing).await;
    assert_eq!((status, &told["error"]), (401, &json!("no-token")));
    for wrong in [
        "Bearer correct-horse-battery-stapl",
        "Bearer correct-horse-battery-staple1",
        "Bearer x",
    ] {
        let answer = try_with(Some(wrong)).await.unwrap();
        assert!(
            answer.headers()["www-authenticate"]
                .to_str()
                .unwrap()
                .contains("invalid_token")
        );
        assert_eq!(said(answer).await.0, 401, "{wrong}");
    }
    for _ in 0..20 {
        let _ = try_with(Some("Bearer wrong")).await.unwrap();
    }
    let many = try_with(Some("Bearer wrong")).await.unwrap();
    assert_eq!(many.headers()["retry-after"], "1");
    assert_eq!(said(many).await.0, 429);
    let right = try_with(Some("Bearer correct-horse-battery-staple")).await.unwrap();
    assert_eq!(said(right).await.0, 200, "whoever has the token gets in meanwhile");
    assert!(in_force(&client).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_order_from_a_foreign_page_or_under_a_foreign_name_is_refused() {
    let (_, operable, _client) = world();
    let named = operable.clone().hosts(["Status.example", "other.example:8443"]);
    let from = |page: &OperablePage, host: &'static str, origin: Option<&'static str>| {
        let mut all = headers().to_vec();
        all[0] = ("host", host);
        all.extend(origin.map(|origin| ("origin", origin)));
        page.clone().oneshot(request(&all, drain().to_string()))
    };
    for (host, origin, status, error) in [
        ("evil.example", None, 421, "host"),
        ("evil.example", Some("http://evil.example"), 421, "host"),
        ("status.example", Some("https://status.example"), 421, "host"),
        ("localhost", Some("http://evil.example"), 403, "origin"),
        ("localhost", Some("null"), 403, "origin"),
        ("localhost:80", Some("http://localhost:81"), 403, "origin"),
    ] {
        let (got, told) = said(from(&operable, host, origin).await.unwrap()).await;
        assert_eq!((got, &told["error"]), (status, &json!(error)), "{host} {origin:?}");
    }
    for (page, host, origin) in [
        (&operable, "localhost:80", Some("http://localhost:80")),
        (&operable, "[::1]:80", None),
        (&operable, "10.0.0.1", Some("https://10.0.0.1")),
        (&named, "status.example", Some("https://status.example")),
        (&named, "other.example:8443", None),
    ] {
        let (got, told) = said(from(page, host, origin).await.unwrap()).await;
        assert_eq!(got, 200, "{host}: {told}");
    }
    let no_host = request(&headers()[1..], drain().to_string());
    assert_eq!(operable.clone().oneshot(no_host).await.unwrap().status(), 421);
    // A foreign page does not even learn whether its token is right.
    let mut all = headers().to_vec();
    all[0] = ("host", "evil.example");
    all[1] = ("authorization", "Bearer wrong");
    assert_eq!(
        operable.clone().oneshot(request(&all, "{}")).await.unwrap().status(),
        421
    );
}

#[tokio::test(start_paused = true)]
async fn an_order_for_another_process_or_an_unknown_client_is_refused() {
    let (page, operable, client) = world();
    for (more, status, error) in [
        (json!({ "instance": "0000000000000000" }), 409, "instance"),
        (json!({ "instance": "" }), 409, "instance"),
        (json!({ "client": "nobody" }), 404, "no-client"),
        (json!({ "client": 7 }), 404, "no-client"),
    ] {
        let (got, told) = ask(&operable, with(drain(), &more)).await;
        assert_eq!((got, &told["error"]), (status, &json!(error)), "{more}");
    }
    let twin = photos(&page);
    let (got, told) = ask(&operable, drain()).await;
    assert_eq!((got, &told["error"]), (409, &json!("two-clients")));
    let (got, _) = give(&operable, with(drain(), &json!({ "client": 1 }))).await;
    assert_eq!((got, in_force(&client).len(), in_force(&twin).len()), (200, 0, 1));
    drop(twin);
    let (got, told) = ask(&operable, with(drain(), &json!({ "client": 1 }))).await;
    assert_eq!(
        (got, &told["error"]),
        (404, &json!("no-client")),
        "a client that is gone takes no orders"
    );
    assert_eq!(ask(&operable, drain()).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_says_too_little_too_much_or_nonsense_is_refused() {
    let (page, operable, client) = world();
    let long = |length: usize| "x".repeat(length);
    for more in [
        json!({ "by": "" }),
        json!({ "by": " \u{a0}" }),
        json!({ "by": null }),
        json!({ "by": long(201) }),
        json!({ "by": "anna\u{202e}" }),
        json!({ "reason": null }),
        json!({ "reason": "  " }),
        json!({ "reason": long(1_001) }),
        json!({ "reason": "one\ntwo" }),
        json!({ "reason": "\u{0}" }),
        json!({ "reason": "\u{1b}[31m" }),
        json!({ "reason": "\u{2028}" }),
        json!({ "for_s": null }),
        json!({ "for_s": -1 }),
        json!({ "for_s": 0.5 }),
        json!({ "for_s": "60" }),
        json!({ "order": "shutdown" }),
        json!({ "order": null }),
        json!({ "order": "lift" }),
        json!({ "order": "lift", "number": 1 }),
        json!({ "number": 1 }),
        json!({ "selector": null }),
        json!({ "selector": {} }),
        json!({ "selector": "virginia" }),
        json!({ "selector": { "endpoint": "virginia", "provider": "aws" } }),
        json!({ "selector": { "region": "us-east-1" } }),
        json!({ "selector": { "endpoint": "virginia", "extra": 1 } }),
        json!({ "selector": { "endpoint": "vir\tginia" } }),
        json!({ "dry_run": "no" }),
        json!({ "dryrun": true }),
        json!({ "extra": 1 }),
        json!({ "client": ["photos"] }),
    ] {
        let (status, told) = ask(&operable, with(drain(), &more)).await;
        assert_eq!((status, &told["error"]), (400, &json!("body")), "{more}: {told}");
        assert!(!told["message"].as_str().unwrap().is_empty());
    }
    for body in [
        "",
        "null",
        "[]",
        "{",
        "\u{0}",
        "{}{}",
        r#"{"by":"a","by":"b"}"#,
        &"[".repeat(10_000),
    ] {
        let answer = operable
            .clone()
            .oneshot(request(&headers(), body.to_owned()))
            .await
            .unwrap();
        assert_eq!(said(answer).await.0, 400, "{body:.20}");
    }
    // These make sense, and the guard would refuse them.
    for more in [
        json!({ "for_s": 0 }),
        json!({ "for_s": 604_801 }),
        json!({ "for_s": u64::MAX }),
        json!({ "selector": { "endpoint": "nowhere" } }),
    ] {
        let (status, tried) = ask(&operable, with(drain(), &more)).await;
        assert_eq!(status, 200, "{more}");
        assert!(tried["proposal"]["refused"].is_string(), "{tried}");
        let (status, refused) = give(&operable, with(drain(), &more)).await;
        assert_eq!((status, &refused["error"]), (422, &json!("refused")), "{more}");
    }
    assert!(in_force(&client).is_empty());
    let all = json(&page).await;
    let kinds: Vec<_> = all["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["entry"]["kind"])
        .collect();
    assert_eq!(
        kinds, ["order-refused"; 4],
        "only what was meant in earnest is an event"
    );
}

#[tokio::test(start_paused = true)]
async fn an_order_is_json_by_its_own_word_short_and_in_time() {
    let (_, operable, client) = world();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "",
    ] {
        let mut all = headers();
        all[2].1 = kind;
        let answer = operable
            .clone()
            .oneshot(request(&all, drain().to_string()))
            .await
            .unwrap();
        assert_eq!(said(answer).await.0, 415, "a form of a foreign page: {kind}");
    }
    let mut all = headers();
    all[2].1 = "Application/JSON; charset=utf-8";
    let answer = operable
        .clone()
        .oneshot(request(&all, drain().to_string()))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);

    let padded = |length: usize| format!("{}{}", drain(), " ".repeat(length - drain().to_string().len()));
    for (length, status) in [(16 << 10, 200), ((16 << 10) + 1, 413)] {
        let answer = operable
            .clone()
            .oneshot(request(&headers(), padded(length)))
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{length} bytes");
    }
    let streamed = |chunks: Vec<Result<&'static [u8], std::io::Error>>, then_waits: bool| {
        let chunks = stream::iter(chunks).map(|chunk| chunk.map(|chunk| Frame::data(Bytes::from_static(chunk))));
        let chunks = if then_waits {
            chunks.chain(stream::pending()).boxed()
        } else {
            chunks.boxed()
        };
        let head = request(&headers(), "").into_parts().0;
        operable
            .clone()
            .oneshot(Request::from_parts(head, StreamBody::new(chunks)))
    };
    static MUCH: [u8; 10_000] = [b' '; 10_000];
    let answer = streamed(vec![Ok(&MUCH), Ok(&MUCH)], true).await.unwrap();
    assert_eq!(said(answer).await.0, 413, "nobody waits for the rest");
    let began = tokio::time::Instant::now();
    let answer = streamed(vec![Ok(b"{")], true).await.unwrap();
    assert_eq!(said(answer).await.0, 408);
    assert_eq!(began.elapsed(), 10 * SECOND);
    let answer = streamed(vec![Ok(b"{"), Err(std::io::ErrorKind::ConnectionReset.into())], false)
        .await
        .unwrap();
    assert_eq!(said(answer).await.0, 400);
    assert!(in_force(&client).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_sender_goes_away_is_not_given() {
    let (_, operable, client) = world();
    let (_, tried) = ask(&operable, drain()).await;
    let real = with(
        drain(),
        &json!({ "dry_run": false, "effect": tried["proposal"]["effect"] }),
    )
    .to_string();
    let (first, rest) = real.split_at(real.len() / 2);
    let (first, rest) = (first.to_owned(), rest.to_owned());
    let chunks = stream::iter([first]).chain(stream::once(async move {
        sleep(5 * SECOND).await;
        rest
    }));
    let chunks = chunks
        .map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from(chunk))))
        .boxed();
    let head = request(&headers(), "").into_parts().0;
    let answer = operable
        .clone()
        .oneshot(Request::from_parts(head, StreamBody::new(chunks)));
    assert!(tokio::time::timeout(SECOND, answer).await.is_err());
    sleep(20 * SECOND).await;
    assert!(in_force(&client).is_empty());
}

#[tokio::test(start_paused = true)]
async fn hostile_names_and_reasons_are_data_in_answers() {
    let page = StatusPage::new();
    let _client = hostile::client(&page).await;
    let operable = page.operable(TOKEN).unwrap();
    let all = json(&page).await;
    let name = &all["state"]["clients"][0]["status"]["endpoints"][0]["name"];
    let evil = "</script><img src=x onerror=window.pwned=1>";
    let order = with(
        drain(),
        &json!({ "client": 0, "selector": { "endpoint": name }, "reason": evil, "by": evil }),
    );
    let (status, tried) = ask(&operable, order).await;
    assert_eq!(status, 200, "{tried}");
    assert_eq!(
        (&tried["proposal"]["affected"][0], &tried["proposal"]["reason"]),
        (name, &json!(evil))
    );
    // Whatever an endpoint is called, it can be drained.
    for endpoint in all["state"]["clients"][0]["status"]["endpoints"].as_array().unwrap() {
        let selector = json!({ "endpoint": endpoint["name"] });
        let order = with(drain(), &json!({ "client": 0, "selector": selector }));
        let (status, tried) = ask(&operable, order).await;
        assert_eq!((status, &tried["proposal"]["affected"][0]), (200, &endpoint["name"]));
    }
    let head = get(&page, "/").await;
    assert!(
        head.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("frame-ancestors 'none'")
    );
}

#[tokio::test]
async fn bare_hyper_serves_orders() {
    let (_, operable, client) = world();
    let served = serve(operable).await;
    let post = async |body: &str| {
        let mut socket = TcpStream::connect(served.addr).await.unwrap();
        let head = format!(
            "POST /orders HTTP/1.1\r\nHost: {}\r\nOrigin: http://{}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            served.addr,
            served.addr,
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let tried = post(&drain().to_string()).await;
    assert!(tried.starts_with("HTTP/1.1 200 OK\r\n"), "{tried}");
    let (_, body) = tried.split_once("\r\n\r\n").unwrap();
    let effect = serde_json::from_str::<Value>(body).unwrap()["proposal"]["effect"].clone();
    let given = post(&with(drain(), &json!({ "dry_run": false, "effect": effect })).to_string()).await;
    assert!(given.starts_with("HTTP/1.1 200 OK\r\n"), "{given}");
    assert_eq!(in_force(&client), ["drain virginia"]);
    assert!(post(&"x".repeat(100_000)).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test(start_paused = true)]
async fn a_refused_order_tells_who_wanted_it() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = heard.clone();
    let page = StatusPage::new();
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoint(Endpoint::new("virginia", Memory::new()))
        .on_event(move |event: &Event| ears.lock().unwrap().push(event.to_string()))
        .build()
        .unwrap();
    page.show(client.view());
    let operable = page.operable(TOKEN).unwrap();
    let (status, _) = give(&operable, drain()).await;
    assert_eq!(status, 422);
    let told = heard.lock().unwrap().join("\n");
    assert!(
        told.contains("anna gave no order: the order to drain virginia was refused"),
        "{told}"
    );
}
