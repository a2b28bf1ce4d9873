//! Bodies on their way through SDKs other than Amazon's.

use crate::{
    azure, gcs, generic,
    paced::{self, Words},
};
use evenkeel::provider::AnyObjectProvider;
use std::net::SocketAddr;

const AZURE: Words = Words {
    fetched: |_| "x-ms-request-id: REQ42\r\netag: \"tag\"\r\nx-ms-blob-type: BlockBlob\r\n".to_owned(),
    stored: || {
        "HTTP/1.1 201 Created\r\nx-ms-request-id: REQ42\r\netag: \"tag\"\r\ncontent-length: 0\r\n\r\n".to_owned()
    },
};

const GOOGLE: Words = Words {
    fetched: |length| {
        format!(
            "x-goog-generation: 1\r\nx-goog-metageneration: 1\r\nx-goog-stored-content-length: {length}\r\n\
             x-goog-stored-content-encoding: identity\r\ncontent-type: text/plain\r\n"
        )
    },
    stored: || {
        let object =
            r#"{"kind":"storage#object","name":"key","bucket":"orders","generation":"1","metageneration":"1"}"#;
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{object}",
            object.len()
        )
    },
};

const AMAZON: Words = Words {
    fetched: |_| {
        "x-amz-request-id: REQ42\r\netag: \"tag\"\r\nlast-modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n".to_owned()
    },
    stored: || "HTTP/1.1 200 OK\r\nx-amz-request-id: REQ42\r\netag: \"tag\"\r\ncontent-length: 0\r\n\r\n".to_owned(),
};

fn azure(addr: SocketAddr) -> AnyObjectProvider {
    AnyObjectProvider::new(azure::with_key(addr))
}

fn generic(addr: SocketAddr) -> AnyObjectProvider {
    AnyObjectProvider::new(generic::over(addr).trusting_conditions())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_requested_once() {
    tokio::join!(
        paced::a_slow_body_is_requested_once(AZURE, azure),
        paced::a_slow_body_is_requested_once(GOOGLE, gcs::made),
        paced::a_slow_body_is_requested_once(AMAZON, generic),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upload_is_sent_once() {
    tokio::join!(
        paced::a_slow_upload_is_sent_once(AZURE, azure),
        paced::a_slow_upload_is_sent_once(GOOGLE, gcs::made),
        paced::a_slow_upload_is_sent_once(AMAZON, generic),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_body_is_read_elsewhere() {
    paced::a_stalled_body_is_read_elsewhere(AZURE, azure).await;
    paced::a_stalled_body_is_read_elsewhere(GOOGLE, gcs::made).await;
    paced::a_stalled_body_is_read_elsewhere(AMAZON, generic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_upload_is_given_up() {
    tokio::join!(
        paced::a_stalled_upload_is_given_up(AZURE, azure),
        paced::a_stalled_upload_is_given_up(GOOGLE, gcs::made),
        paced::a_stalled_upload_is_given_up(AMAZON, generic),
    );
}
