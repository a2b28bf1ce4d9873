//! The same faults on the way to a real server, for every adapter over HTTP: what it makes of them.

use crate::raw::{self, Act, http};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient,
    drill::{Fault, FaultProxy, Rule, Scenario, Timeline},
    provider::{AnyObjectProvider, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key,
        object::{Get, List, Put, PutMode},
    },
    verdict::{Outcome, Sent, Verdict},
};
use std::{net::SocketAddr, time::Duration};
use tokio::time::timeout;

pub(crate) const UNSENT: Outcome = Outcome::new(Verdict::Unreachable, Sent::No);
pub(crate) const FAULTY: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);
pub(crate) const THROTTLED: Outcome = Outcome::new(Verdict::Throttled, Sent::Maybe);

/// Ample on loopback, and less than any SDK waits before it repeats or gives up.
pub(crate) const A_WHILE: Duration = Duration::from_millis(400);

pub(crate) fn key() -> Key {
    Key::new("secret-key").unwrap()
}

pub(crate) fn overwrite(body: impl Into<bytes::Bytes>) -> Put {
    let mut put = Put::new(key(), body);
    put.mode = PutMode::Overwrite;
    put
}

/// An adapter, as made for a server at an address, and such a server.
pub(crate) struct Subject<F> {
    pub(crate) name: &'static str,
    pub(crate) at: F,
    pub(crate) server: SocketAddr,
    /// Its connects are bounded, so that a black hole is known to be unsent.
    pub(crate) connects_in_time: bool,
    /// S3's error documents, which the proxy sends, have codes that it knows.
    pub(crate) reads_s3_documents: bool,
}

pub(crate) fn rule(json: &str) -> Fault {
    serde_json::from_str(json).unwrap()
}

impl<F: Fn(SocketAddr) -> AnyObjectProvider> Subject<F> {
    /// The adapter behind a proxy that plays this from now on.
    pub(crate) async fn behind(&self, fault: Fault) -> (AnyObjectProvider, FaultProxy) {
        let mut scenario = Scenario::builtin("fastly-2021").unwrap();
        scenario.phases.truncate(1);
        scenario.phases[0].duration = Duration::from_secs(3600);
        scenario.phases[0].rules = vec![Rule::new(fault)];
        let timeline = Timeline::new(scenario, 7).unwrap();
        let profile = Endpoint::new("endpoint", ()).profile().clone();
        let proxy = FaultProxy::bind(self.server, profile, timeline.clone()).await.unwrap();
        timeline.start_now();
        ((self.at)(proxy.addr()), proxy)
    }

    fn judge(&self, what: &str, error: &ProviderError, expected: Outcome) {
        // Whether a connection broke is asked elsewhere.
        let met = Outcome {
            broken: expected.broken,
            ..error.outcome()
        };
        assert_eq!(met, expected, "{}: {what}: {error} {error:?}", self.name);
        shows_nothing(error);
    }

    async fn put_meets(&self, fault: Fault, expected: Outcome) {
        let name = fault.name();
        let (store, _proxy) = self.behind(fault).await;
        // A gate that turns takes the proxy's task a moment, in which a connection may get through; a throttle lets the first
        // few pass.
        for _ in 0..100 {
            match store.put(overwrite("body")).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => return self.judge(name, &error, expected),
            }
        }
        panic!("{}: {name} never struck", self.name);
    }

    async fn get_meets(&self, fault: Fault, expected: Outcome) {
        let name = fault.name();
        let (store, _proxy) = self.behind(fault).await;
        let error = store.get(Get::new(key())).await.unwrap_err();
        self.judge(name, &error, expected);
    }

    /// Faults that the drill's proxy plays before the real server.
    pub(crate) async fn over_the_proxy(&self) {
        let real = (self.at)(self.server);
        real.put(overwrite(vec![7; 20_000])).await.unwrap();
        self.get_meets(rule(r#"{ "truncate": { "share": 0.5 } }"#), FAULTY)
            .await;
        self.put_meets(Fault::Refuse, UNSENT).await;
        if self.connects_in_time {
            self.put_meets(Fault::HangConnect, UNSENT).await;
        } else {
            // Nothing bounds it but the stack's limit, so that nobody knows whether it was sent.
            let (store, _proxy) = self.behind(Fault::HangConnect).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            let hung = timeout(A_WHILE, store.put(overwrite("body"))).await;
            assert!(hung.is_err(), "{}: {hung:?}", self.name);
        }
        self.put_meets(Fault::ResetBeforeRequest, FAULTY).await;
        self.put_meets(Fault::ResetAfterRequest, FAULTY).await;
        self.get_meets(Fault::ResetAfterRequest, FAULTY).await;
        for status in [500, 502, 503, 504] {
            let fault = format!(r#"{{ "status": {{ "code": {status} }} }}"#);
            self.put_meets(rule(&fault), FAULTY).await;
            self.get_meets(rule(&fault), FAULTY).await;
        }
        self.put_meets(rule(r#"{ "status": { "code": 429 } }"#), THROTTLED)
            .await;
        if self.reads_s3_documents {
            let throttle = rule(r#"{ "throttle": { "calls_per_second": 0.001 } }"#);
            self.put_meets(throttle, THROTTLED).await;
            let denied = Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential();
            let expired = rule(r#"{ "authentication": { "s3_code": "ExpiredToken" } }"#);
            self.put_meets(expired, denied).await;
        } else {
            let denied = Outcome::new(Verdict::Denied, Sent::Maybe);
            self.put_meets(rule(r#"{ "status": { "code": 403 } }"#), denied).await;
        }
        real.put(overwrite(vec![7; 20_000])).await.unwrap();
        self.waits().await;
        self.the_stack_ends_a_hang().await;
    }

    /// A hang and a trickle have no end of their own: nothing in the adapter decides before the stack's limit does.
    async fn waits(&self) {
        for fault in [Fault::Hang, rule(r#"{ "drip": { "bytes_per_second": 1000 } }"#)] {
            let name = fault.name();
            let (store, _proxy) = self.behind(fault).await;
            let got = timeout(A_WHILE, store.get(Get::new(key()))).await;
            assert!(got.is_err(), "{}: {name}: {got:?}", self.name);
        }
    }

    async fn the_stack_ends_a_hang(&self) {
        let (store, proxy) = self.behind(Fault::Hang).await;
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("endpoint", store))
            .deadline(Duration::from_millis(1_500));
        let error = client.build().unwrap().put("secret-key", "body").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{}: {error}", self.name);
        let met = error.attempts().first().unwrap().verdict();
        assert_eq!(met, Some(Verdict::Faulty), "{}", self.name);
        drop(proxy);
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("endpoint", (self.at)(raw::nobody().await)))
            .deadline(Duration::from_millis(1_500));
        let error = client.build().unwrap().put("secret-key", "body").await.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::MaybeApplied, "{}: {error}", self.name);
    }

    /// Servers that are none.
    pub(crate) async fn at_nonsense(&self) {
        let page = "<html>welcome to this hotel</html>";
        for (what, act) in [
            ("a page", http("200 OK", &[("content-type", "text/html")], page)),
            (
                "a page for what is not there",
                http("404 Not Found", &[("content-type", "text/html")], page),
            ),
            ("no HTTP", Act::Answer(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())),
            ("half a head", Act::Answer(b"HTTP/1.1 200 O".to_vec())),
            ("a reset", Act::ReadAndReset),
            ("an end", Act::ReadAndClose),
        ] {
            let server = raw::serve(act).await;
            let store = (self.at)(server.addr);
            let error = store.get(Get::new(key())).await.unwrap_err();
            self.judge(&format!("get, {what}"), &error, FAULTY);
            if what != "a page for what is not there" {
                let error = store.put(Put::new(key(), "x")).await.unwrap_err();
                self.judge(&format!("put, {what}"), &error, FAULTY);
                // A list may speak another protocol, whose handshake such a server fails.
                let error = store.list(List::default()).await.unwrap_err();
                assert!(
                    error.outcome().verdict.is_fault(),
                    "{}: list, {what}: {error:?}",
                    self.name
                );
                shows_nothing(&error);
            }
        }
        let server = raw::serve(Act::Hang).await;
        let store = (self.at)(server.addr);
        let hung = timeout(A_WHILE, store.put(Put::new(key(), "x"))).await;
        assert!(hung.is_err(), "{}: {hung:?}", self.name);
    }

    /// An SDK that repeats by itself would connect again.
    pub(crate) async fn one_put_is_one_attempt(&self) {
        for act in [http("503 Service Unavailable", &[], ""), Act::ReadAndReset] {
            let server = raw::serve(act.clone()).await;
            let store = (self.at)(server.addr);
            store.put(Put::new(key(), "x")).await.unwrap_err();
            assert_eq!(server.connections(), 1, "{}: {act:?}", self.name);
            let server = raw::serve(act.clone()).await;
            let store = (self.at)(server.addr);
            store.get(Get::new(key())).await.unwrap_err();
            assert_eq!(server.connections(), 1, "{}: a get: {act:?}", self.name);
        }
    }

    /// What the provider's own refusals mean.
    pub(crate) async fn refusals(&self, rows: &[(Act, ProviderErrorKind, Verdict)]) {
        for (act, kind, verdict) in rows {
            let server = raw::serve(act.clone()).await;
            let error = (self.at)(server.addr).put(Put::new(key(), "x")).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.outcome().verdict, error.outcome().sent),
                (*kind, *verdict, Sent::Maybe),
                "{}: {act:?}: {error:?}",
                self.name
            );
            shows_nothing(&error);
        }
    }
}

/// Neither the key nor a credential, in any form.
pub(crate) fn shows_nothing(error: &ProviderError) {
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        shown += &format!(" {error} {error:?}");
        source = error.source();
    }
    for secret in ["secret-key", "test-access-key", "test-secret-key", "sig=", "Signature="] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
}
