//! What errors say, and what they never show.

#[cfg(feature = "s3")]
mod addresses;

use crate::promise::Promise;
use evenkeel::{
    Endpoint, ObjectClient,
    provider::{ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer},
    verdict::{Outcome, Sent, Verdict},
};
use libtest_mimic::Trial;
use std::{error::Error, fmt::Write};

pub(crate) fn trials() -> Vec<Trial> {
    #[cfg_attr(not(feature = "s3"), allow(unused_mut))]
    let mut trials = vec![Promise::Words.paused("error_text::quoted_words_are_short_visible_and_no_key", quoted)];
    #[cfg(feature = "s3")]
    trials.extend(s3::trials().into_iter().chain(addresses::trials()));
    trials
}

/// All that an error can be made to print: as anyhow and its kin do, with every source.
fn printed(error: &(dyn Error + 'static)) -> String {
    let mut all = format!("{error}\n{error:?}\n{error:#}\n{error:#?}\n");
    let mut next = error.source();
    while let Some(source) = next {
        let _ = writeln!(all, "{source}\n{source:?}");
        next = source.source();
    }
    all
}

/// A run of a letter that is longer than anything shown.
fn longest_run(text: &str, letter: char) -> usize {
    text.split(|c| c != letter).map(str::len).max().unwrap_or(0)
}

fn is_visible(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_graphic() || c == ' ' || c == '\n' || c == 'µ')
}

/// A text that a server might choose: what it was asked for, with something around it; a page; escapes.
fn hostile(rng: &mut fastrand::Rng, key: &str) -> String {
    match rng.u8(0..7) {
        0 => key.to_owned(),
        1 => format!("/bucket/{key}"),
        2 => format!("no such thing: {key}"),
        3 => "x".repeat(rng.usize(129..4_000)),
        4 => "\u{1b}]0;gotcha\u{7}\u{202e}".to_owned(),
        5 => "two\r\nlines\0".to_owned(),
        _ => (0..rng.usize(1..300)).map(|_| rng.char(..)).collect(),
    }
}

/// An adapter of a user's own, which passes on whatever its server says.
#[derive(Clone)]
struct Quoting(u64);

impl Quoting {
    fn says(&self, key: &str) -> ProviderError {
        let mut rng = fastrand::Rng::with_seed(self.0);
        let outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);
        let error = ProviderError::new(ProviderErrorKind::Failed, outcome)
            .with_code(hostile(&mut rng, key))
            .with_request_id(hostile(&mut rng, key));
        match rng.bool() {
            true => error.with_message(hostile(&mut rng, key)),
            false => error,
        }
    }
}

impl ObjectProvider for Quoting {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        Err(self.says(put.key.as_str()))
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        Err(self.says(get.key.as_str()))
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        Err(self.says(head.key.as_str()))
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        Err(self.says(delete.key.as_str()))
    }

    async fn list(&self, _: List) -> Result<ListPage, ProviderError> {
        Err(self.says("nothing"))
    }
}

async fn quoted() {
    let mut rng = fastrand::Rng::with_seed(crate::promise::seed());
    for round in 0..crate::promise::rounds(300) {
        Promise::Words.tried();
        let key = format!("customers/{:08x}/invoice-{round}.pdf", rng.u32(..));
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("a", Quoting(rng.u64(..))))
            .build()
            .unwrap();
        let error = match round % 4 {
            0 => client.put(&*key, "x").await.map(drop).unwrap_err(),
            1 => client.get(&*key).await.map(drop).unwrap_err(),
            2 => client.head(&*key).await.map(drop).unwrap_err(),
            _ => client.delete(&*key).await.unwrap_err(),
        };
        let all = format!("{}\n{}", printed(&error), error.explanation());
        assert!(!all.contains(&key), "{all}");
        assert!(is_visible(&all), "{all:?}");
        assert!(longest_run(&all, 'x') <= 128, "{all}");
        for attempt in error.attempts() {
            let texts = [attempt.code(), attempt.request_id(), attempt.message()];
            for text in texts.into_iter().flatten() {
                assert!(text.len() <= 128 && !text.contains(&key), "{text}");
            }
        }
    }
}

#[cfg(feature = "s3")]
mod s3 {
    use super::{is_visible, longest_run, printed};
    use crate::{
        promise::{Promise, rounds, seed},
        script::{Asked, Server, answer, serve},
    };
    use aws_sdk_s3::{
        Client,
        config::{BehaviorVersion, Credentials, Region},
    };
    use evenkeel::{Endpoint, ObjectClient, provider::s3::S3};
    use libtest_mimic::Trial;
    use std::{
        fmt::Debug,
        sync::{Arc, Mutex},
    };
    use tracing::{
        Metadata, Subscriber,
        field::{Field, Visit},
        instrument::WithSubscriber,
        span::{Attributes, Id, Record},
    };

    const ACCESS: &str = "AKIAIOSFODNN7EXAMPLE";
    const TOKEN: &str = "IQoJb3JpZ2luX2VjEOL-session-token-of-somebody";

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Words.trial("error_text::words_of_an_s3_are_short_visible_and_no_secret", chosen),
            Promise::Words.trial("error_text::codes_and_ids_of_real_stores_are_shown", real),
        ]
    }

    fn client(server: &Server) -> ObjectClient {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(server.url())
            .force_path_style(true)
            .credentials_provider(Credentials::new(ACCESS, "secret", Some(TOKEN.into()), None, "static"))
            .build();
        let store = S3::new(Client::from_conf(config), "bucket");
        ObjectClient::builder()
            .endpoint(Endpoint::new("a", store))
            .build()
            .unwrap()
    }

    /// Keeps all that spans and events are told.
    #[derive(Clone, Default)]
    pub(super) struct Told(pub(super) Arc<Mutex<String>>);

    impl Visit for Told {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.lock().unwrap().push_str(&format!("{field}={value:?}\n"));
        }
    }

    impl Subscriber for Told {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("evenkeel")
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            span.record(&mut self.clone());
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, values: &Record<'_>) {
            values.record(&mut self.clone());
        }

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            event.record(&mut self.clone());
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    /// What a header can carry of what the server likes to say.
    fn said(rng: &mut fastrand::Rng, asked: &Asked) -> String {
        let key = asked.path().trim_start_matches("/bucket/");
        match rng.u8(0..8) {
            0 => key.to_owned(),
            1 => asked.path().to_owned(),
            2 => key.rsplit('/').next().unwrap_or_default().to_owned(),
            3 => ACCESS.to_owned(),
            4 => asked.header("x-amz-security-token").unwrap_or_default().to_owned(),
            5 => asked.header("authorization").unwrap_or_default().to_owned(),
            6 => "x".repeat(2_000),
            _ => {
                let signature = asked.header("authorization").unwrap_or_default();
                signature.rsplit('=').next().unwrap_or_default().to_owned()
            }
        }
    }

    async fn chosen() {
        let rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed())));
        let server = serve(move |asked| {
            let rng = rng.clone();
            async move {
                let (status, id, code, message) = {
                    let mut rng = rng.lock().unwrap();
                    let status = [400, 403, 404, 409, 412, 500, 503, 200][rng.usize(0..8)];
                    let mut said = || said(&mut rng, &asked);
                    (status, said(), said(), said())
                };
                let body = format!(
                    "<Error><Code>{code}</Code><Message>{message}\u{1b}[2J</Message><Key>{message}</Key></Error>"
                );
                let etag = ("etag", "\"e\"");
                let headers = [("x-amz-request-id", &*id), ("x-amz-id-2", &*id), etag];
                match status {
                    200 => answer(200, &headers, "body"),
                    status => answer(status, &headers[..2], body),
                }
            }
        })
        .await;
        let client = client(&server);
        let told = Told::default();
        let mut rng = fastrand::Rng::with_seed(seed());
        let asking = async {
            for round in 0..rounds(200) {
                Promise::Words.tried();
                let secret = format!("{:08x}-{round}.pdf", rng.u32(..));
                let key = format!("customers/{secret}");
                let error = match round % 4 {
                    0 => client.put(&*key, "x").await.map(drop).err(),
                    1 => client.get(&*key).await.map(drop).err(),
                    2 => client.head(&*key).await.map(drop).err(),
                    _ => client.delete(&*key).await.err(),
                };
                let told = std::mem::take(&mut *told.0.lock().unwrap());
                let said = error.map(|error| format!("{}\n{}", printed(&error), error.explanation()));
                let all = format!("{}\n{told}", said.unwrap_or_default());
                for hidden in [&*secret, ACCESS, TOKEN, "Signature", "xxxxxxxxxxxxxxxx"] {
                    assert!(!all.contains(hidden), "{hidden}: {all}");
                }
                for attempt in client.snapshot().endpoints {
                    assert!(!format!("{attempt:?}").contains(&*secret));
                }
                assert!(is_visible(&all) && longest_run(&all, 'x') <= 128, "{all:?}");
            }
        };
        asking.with_subscriber(told.clone()).await;
    }

    /// The guard must not hide what support asks for.
    async fn real() {
        for (code, id) in [
            ("NoSuchBucket", "79104EXAMPLEB723"),
            ("XMinioStorageFull", "17A5B1F4C0D1E2F3"),
            ("QuotaExceeded", "tx000001a2b3c4d5e6f-0065a1b2c3-1234-default"),
        ] {
            let server = serve(move |_| async move {
                let body = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
                answer(400, &[("x-amz-request-id", id)], body)
            })
            .await;
            let error = client(&server).get("some/key").await.unwrap_err();
            let attempt = &error.attempts()[0];
            assert_eq!((attempt.code(), attempt.request_id()), (Some(code), Some(id)));
        }
    }
}
