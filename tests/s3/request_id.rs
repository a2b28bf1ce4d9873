//! The provider's request id reaches the span of the attempt.

use crate::{
    raw::{self, http, refusal},
    s3s_server::config,
};
use aws_sdk_s3::Client;
use evenkeel::{
    provider::{ObjectProvider, S3},
    request::{Key, object::Head},
};
use std::{
    io,
    sync::{Arc, Mutex},
};
use tracing::Instrument;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_request_id_is_recorded_for_answers_and_refusals() {
    for act in [
        http("200 OK", &[("etag", "\"a\"")], ""),
        refusal("403 Forbidden", "AccessDenied"),
    ] {
        let server = raw::serve(act).await;
        let config = config(&format!("http://{}", server.addr));
        let store = S3::new(Client::from_conf(config.build()), "bucket");

        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let span = tracing::info_span!("attempt", provider.request_id = tracing::field::Empty);
        let _ = store
            .head(Head::new(Key::new("secret-key").unwrap()))
            .instrument(span)
            .await;
        drop(guard);

        let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(said.contains("REQ42"), "{said:?}");
        assert!(!said.contains("secret-key"), "{said:?}");
    }
}
