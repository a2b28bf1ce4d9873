//! A token service like EC2's or a container's: JSON over HTTP, and a provider of credentials that asks it.

use crate::web::{Web, http};
use aws_credential_types::provider::{error::CredentialsError, future};
use aws_sdk_s3::config::{Credentials, ProvideCredentials};
use evenkeel::credentials::KeeperSettings;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Where it answers.
pub(crate) const HOST: &str = "127.0.0.1";

/// The keys that it gives one after the other: `key-0`, `key-1`, … with the secrets `s3cret-0`, …
pub(crate) struct Issuer {
    pub(crate) web: Web,
    given: Arc<AtomicUsize>,
    life: Duration,
}

/// What a token service does wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Hang,
    Refuse,
    Busy,
    Nonsense,
    Expired,
}

impl Trouble {
    pub(crate) const ALL: [Self; 5] = [Self::Hang, Self::Refuse, Self::Busy, Self::Nonsense, Self::Expired];
}

impl Issuer {
    /// Gives keys that live so long.
    pub(crate) async fn start(life: Duration) -> Self {
        let issuer = Self {
            web: Web::start(|_| None).await,
            given: Arc::default(),
            life,
        };
        issuer.heal_answers();
        issuer
    }

    fn heal_answers(&self) {
        let (given, life) = (self.given.clone(), self.life);
        self.web.now(move |_| Some(keys(given.fetch_add(1, SeqCst), life)));
    }

    pub(crate) async fn meets(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Hang => self.web.now(|_| None),
            Trouble::Refuse => self.web.stop().await,
            Trouble::Busy => self.web.now(|_| Some(http("503 Service Unavailable", &[], "s3cret"))),
            Trouble::Nonsense => self.web.now(|_| Some(http("200 OK", &[], "<html>s3cret</html>"))),
            Trouble::Expired => self.web.now(|_| Some(keys(999, Duration::ZERO))),
        }
    }

    pub(crate) fn heals(&mut self, trouble: Trouble) {
        self.heal_answers();
        if matches!(trouble, Trouble::Refuse) {
            self.web.listen();
        }
    }

    /// The number of the keys that it gave last.
    pub(crate) fn last(&self) -> usize {
        self.given.load(SeqCst) - 1
    }

    pub(crate) fn provider(&self) -> Provider {
        Provider(self.web.addr)
    }
}

fn keys(number: usize, life: Duration) -> String {
    let expires = (SystemTime::now() + life).duration_since(UNIX_EPOCH).unwrap();
    let body = format!(
        r#"{{"AccessKeyId":"key-{number}","SecretAccessKey":"s3cret-{number}","Token":"s3cret-token","Expiration":{}}}"#,
        expires.as_secs_f64()
    );
    http("200 OK", &["content-type: application/json"], &body)
}

/// Asks the token service, once.
#[derive(Clone, Debug)]
pub(crate) struct Provider(SocketAddr);

impl Provider {
    async fn ask(&self) -> Result<Credentials, Box<dyn std::error::Error + Send + Sync>> {
        let mut socket = TcpStream::connect(self.0).await?;
        socket
            .write_all(b"GET /credentials HTTP/1.1\r\nhost: issuer\r\n\r\n")
            .await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("it said {answer}").into());
        }
        let keys: serde_json::Value = serde_json::from_str(body)?;
        let text = |name: &str| keys[name].as_str().ok_or("a field is missing");
        let expires = Duration::from_secs_f64(keys["Expiration"].as_f64().ok_or("no expiry")?);
        Ok(Credentials::new(
            text("AccessKeyId")?,
            text("SecretAccessKey")?,
            Some(text("Token")?.to_owned()),
            Some(UNIX_EPOCH + expires),
            "test",
        ))
    }
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.ask().await.map_err(CredentialsError::provider_error) })
    }
}

/// What takes minutes elsewhere takes a fraction of a second here.
pub(crate) fn quick() -> KeeperSettings {
    let mut settings = KeeperSettings::default();
    settings.margin = Duration::from_millis(100);
    settings.limit = Duration::from_millis(250);
    settings.backoff = Duration::from_millis(5);
    settings.max_backoff = Duration::from_millis(40);
    settings.banked = 50;
    settings.refill = Duration::from_millis(50);
    settings
}
