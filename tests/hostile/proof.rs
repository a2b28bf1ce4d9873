//! Gateways, captive portals and half-broken stores that speak for a provider: absence and success are proven or not said.

#[cfg(feature = "azure_blob")]
mod azure;
#[cfg(feature = "s3")]
mod full_store;
#[cfg(feature = "s3")]
mod headers;
#[cfg(feature = "s3")]
mod refusals;
#[cfg(feature = "s3")]
mod s3;

use crate::{promise::Promise, script};
use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    #[allow(unused_mut)]
    let mut all = vec![Promise::Words.trial("script::the_scripted_server_records_requests", a_server)];
    #[cfg(feature = "s3")]
    all.extend(
        [
            full_store::trials(),
            headers::trials(),
            refusals::trials(),
            s3::trials(),
        ]
        .into_iter()
        .flatten(),
    );
    #[cfg(feature = "azure_blob")]
    all.extend(azure::trials());
    all
}

/// Else no trial here shows what was sent.
async fn a_server() {
    let server = script::always(404, &[], "").await;
    let socket = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(socket))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let request = http::Request::get("/bucket/key")
        .header("host", "here")
        .body(String::new());
    assert_eq!(sender.send_request(request.unwrap()).await.unwrap().status(), 404);
    assert_eq!((server.count(), server.asked()[0].path()), (1, "/bucket/key"));
    driver.abort();
}

/// What stands in between says of everything: a status, its headers, a page.
#[cfg(any(feature = "s3", feature = "azure_blob"))]
type Page = (u16, &'static [(&'static str, &'static str)], &'static str);

/// No store's *not found*.
#[cfg(any(feature = "s3", feature = "azure_blob"))]
const GATEWAYS: [Page; 6] = [
    (404, &[("server", "envoy")], ""),
    (404, &[("server", "envoy"), ("x-request-id", "3e2b7f3a")], ""),
    (
        404,
        &[("content-type", "text/html")],
        "<html><h1>404 Not Found</h1></html>",
    ),
    (
        404,
        &[("content-type", "application/json")],
        r#"{"detail":"Not Found"}"#,
    ),
    (404, &[("content-type", "text/plain")], "404 page not found\n"),
    (
        404,
        &[("content-type", "application/xml")],
        "<Error><Code>NoSuchRoute</Code></Error>",
    ),
];

/// No store's success.
#[cfg(any(feature = "s3", feature = "azure_blob"))]
const PORTALS: [Page; 4] = [
    (
        200,
        &[("content-type", "text/html")],
        "<html>welcome to this hotel</html>",
    ),
    (200, &[("server", "envoy")], ""),
    (200, &[("content-type", "application/json")], "{}"),
    (204, &[], ""),
];
