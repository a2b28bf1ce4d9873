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
async fn a_slow_body_is_requested_once() {
    paced::a_slow_body_is_requested_once(WORDS, at).await;
}

#[tokio::test]
async fn a_slow_upload_is_sent_once() {
    paced::a_slow_upload_is_sent_once(WORDS, at).await;
}

#[tokio::test]
async fn a_stalled_body_is_read_elsewhere() {
    paced::a_stalled_body_is_read_elsewhere(WORDS, at).await;
}

#[tokio::test]
async fn a_stalled_body_is_named_in_the_error() {
    paced::a_stalled_body_is_named_in_the_error(WORDS, at).await;
}

#[tokio::test]
async fn a_stalled_upload_is_given_up() {
    paced::a_stalled_upload_is_given_up(WORDS, at).await;
}
