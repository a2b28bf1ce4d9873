//! The two that are compared: evenkeel, and the plain SDK.

use crate::server::{BUCKET, Server};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, SharedHttpClient},
    primitives::ByteStream,
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, ObjectClient, Replication, client::object::ObjectClientBuilder, provider::S3, telemetry::Event,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

pub(crate) const HOME: &str = "home";
pub(crate) const AWAY: &str = "away";

/// The SDK as it comes, but for the address.
pub(crate) fn sdk(url: &str, http: Option<SharedHttpClient>) -> Client {
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .force_path_style(true)
        .credentials_provider(Credentials::new("gray", "gray", None, None, "gray"));
    config.set_http_client(http);
    Client::from_conf(config.build())
}

pub(crate) fn plain(server: &Server) -> Plain {
    at(server.addr)
}

pub(crate) fn at(addr: SocketAddr) -> Plain {
    Plain(sdk(&format!("http://{addr}"), None))
}

/// The plain SDK, with its default retries.
#[derive(Clone)]
pub(crate) struct Plain(pub(crate) Client);

impl Plain {
    pub(crate) async fn get(&self, key: &str) -> Result<Bytes, String> {
        let answer = self.0.get_object().bucket(BUCKET).key(key).send().await;
        let body = answer.map_err(|error| format!("{error:?}"))?.body.collect().await;
        body.map(|body| body.into_bytes()).map_err(|error| format!("{error:?}"))
    }

    pub(crate) async fn put(&self, key: &str, body: Bytes) -> Result<(), String> {
        let put = self.0.put_object().bucket(BUCKET).key(key).body(ByteStream::from(body));
        put.send().await.map(drop).map_err(|error| format!("{error:?}"))
    }
}

/// Counts the openings at home.
#[derive(Clone, Default)]
pub(crate) struct Openings(Arc<AtomicUsize>);

impl Openings {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A client of these endpoints, the home first, and its openings at home.
pub(crate) fn ours<'a>(
    clients: impl IntoIterator<Item = (&'static str, &'a Client)>,
) -> (ObjectClientBuilder, Openings) {
    let openings = Openings::default();
    let counting = openings.clone();
    let mut builder = ObjectClient::builder().seed(1).on_event(move |event| {
        if let Event::BreakerOpened { endpoint, .. } = event
            && **endpoint == *HOME
        {
            counting.0.fetch_add(1, Relaxed);
        }
        if std::env::var_os("GRAY_EVENTS").is_some() {
            eprintln!("           {event}");
        }
    });
    for (name, client) in clients {
        // The server looks and writes under one lock.
        builder = builder.endpoint(Endpoint::new(
            name,
            S3::new(client.clone(), BUCKET).trusting_conditions(),
        ));
    }
    (builder, openings)
}

/// At home alone.
pub(crate) fn ours_at(server: &Server) -> (ObjectClient, Openings) {
    let (builder, openings) = ours([(HOME, &plain(server).0)]);
    (builder.build().unwrap(), openings)
}

/// With a second endpoint: what was written once can be read at either.
pub(crate) fn ours_at_both(home: &Server, away: &Server) -> (ObjectClient, Openings) {
    let (builder, openings) = ours([(HOME, &plain(home).0), (AWAY, &plain(away).0)]);
    (
        builder.replication(Replication::write_once()).build().unwrap(),
        openings,
    )
}
