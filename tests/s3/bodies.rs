//! Bodies on their way through the AWS SDK.

use crate::{
    outcome,
    paced::{self, Words},
};
use evenkeel::provider::AnyObjectProvider;
use std::net::SocketAddr;

const WORDS: Words = Words {
    fetched: |_| "x-amz-request-id: REQ42\r\netag: \"tag\"\r\n".to_owned(),
    stored: || "HTTP/1.1 200 OK\r\nx-amz-request-id: REQ42\r\netag: \"tag\"\r\ncontent-length: 0\r\n\r\n".to_owned(),
};

fn at(addr: SocketAddr) -> AnyObjectProvider {
    AnyObjectProvider::new(outcome::at(addr).trusting_conditions())
}

#[tokio::test]
async fn a_slow_body_is_asked_for_once() {
    paced::a_slow_body_is_asked_for_once(WORDS, at).await;
}

#[tokio::test]
async fn a_slow_uplink_is_used_once() {
    paced::a_slow_uplink_is_used_once(WORDS, at).await;
}

#[tokio::test]
async fn a_body_that_stops_is_read_elsewhere() {
    paced::a_body_that_stops_is_read_elsewhere(WORDS, at).await;
}

#[tokio::test]
async fn a_body_that_stops_is_named() {
    paced::a_body_that_stops_is_named(WORDS, at).await;
}

#[tokio::test]
async fn an_upload_that_stops_is_given_up() {
    paced::an_upload_that_stops_is_given_up(WORDS, at).await;
}
