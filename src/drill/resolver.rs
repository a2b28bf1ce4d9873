//! Plays `dns_empty` for the AWS SDK: a resolver for the SDK's HTTP client.
//!
//! A proxy cannot make a name resolve to nothing, and an address needs no resolving. Therefore give the SDK an endpoint
//! with a *name* and the proxy's port, and this resolver. The resolver answers 127.0.0.1 for every name, and nothing at
//! all while the drill plays `dns_empty`. Open connections stay in the SDK's pool and go on working, as they did in
//! 2025.
//!
//! ```
//! use aws_smithy_http_client::{Builder, tls};
//! use evenkeel::drill::{DrillResolver, Scenario, Timeline};
//! use evenkeel::Endpoint;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::new("virginia", ()).provider("aws").region("us-east-1");
//! let timeline = Timeline::new(Scenario::builtin("aws-dynamodb-2025").unwrap(), 7)?;
//! let resolver = DrillResolver::new(timeline, endpoint.profile().clone())?;
//! let http = Builder::new()
//!     .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc)) // http:// works with it, too
//!     .build_with_resolver(resolver);
//! let config = aws_sdk_s3::Config::builder()
//!     .http_client(http)
//!     .endpoint_url("http://s3.us-east-1.drill.test:9000"); // a name, and the proxy's port
//! # let _ = config;
//! # Ok(()) }
//! ```
//!
//! The SDK reports this as a dispatch failure of the I/O kind, whose source chain holds hyper-util's client error with
//! `is_connect()` — provably not sent.

use super::{Fault, PlayerKind, Timeline, Unplayable, plan::Dice};
use crate::{endpoint::Profile, model::clock, request::OpClass};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Resolves every name to 127.0.0.1, or to nothing while the drill plays `dns_empty` at its endpoint.
#[derive(Clone, Debug)]
pub struct DrillResolver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    timeline: Timeline,
    profile: Profile,
    dice: Mutex<Dice>,
}

impl DrillResolver {
    /// A resolver for the client of the endpoint that `profile` describes.
    ///
    /// # Errors
    /// If the drill plays `dns_empty` there for some classes of work only: a look-up does not know for which class it
    /// is.
    pub fn new(timeline: Timeline, profile: Profile) -> Result<Self, Unplayable> {
        timeline.check(PlayerKind::Resolver, &profile)?;
        let dice = Mutex::new(Dice::new(timeline.rng("resolver", &profile)));
        Ok(Self(Arc::new(Inner {
            timeline,
            profile,
            dice,
        })))
    }

    fn is_empty(&self) -> bool {
        let Inner {
            timeline,
            profile,
            dice,
        } = &*self.0;
        let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
        // Any class will do: the check saw to it that the rule is for all.
        timeline
            .rules(clock::now(), profile, OpClass::Read)
            .any(|(_, rule)| rule.fault == Fault::DnsEmpty && dice.throw(rule.probability))
    }
}

impl ResolveDns for DrillResolver {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        DnsFuture::ready(Ok(if self.is_empty() { vec![] } else { vec![loopback] }))
    }
}
