//! Credentials that outlive an outage of the token service.
//!
//! A token service is a failure domain of its own: in 2020 (Kinesis, Google's identity service), 2021 (Azure AD) and 2025
//! stores were well, and nobody could sign a request. The SDKs ask for new tokens when the old ones are about to
//! expire, and let every call wait for the answer. A [`Keeper`] stands between an SDK and whatever gives the tokens:
//!
//! ```
//! use evenkeel::credentials::{Keeper, Lease};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn ask() -> Result<Lease<String>, std::io::Error> {
//!     Ok(Lease::lasting("a token".to_owned(), Duration::from_secs(3600)))
//! }
//! let keeper = Keeper::new("role", ask).asks("sts.eu-west-1.amazonaws.com");
//! assert_eq!(keeper.current().await?, "a token");
//! # Ok(()) }
//! ```
//!
//! - It **fetches early**: when three fifths of their life are left, jittered; see [`Settings`].
//! - It **keeps what is valid**. Calls use it while the fetch is under way, hangs or fails.
//! - It **asks with a budget**: one fetch at a time whoever waits, at most five in a row and two a minute after that, with
//!   full jitter. Four hundred calls without a token are one question.
//! - It **says at once that there is nothing**, when that is so: a call waits at most 200 ms, below the limits of the stack.
//!   *Credentials could not be loaded* is denied, **not sent**: even a write that must not happen twice goes elsewhere.
//! - It **rotates without a restart**: [`Keeper::rotate`] for a planned change, [`Keeper::forget`] for a key that leaked. With
//!   [`Endpoint::credentials`](crate::Endpoint::credentials) what a provider refuses (`ExpiredToken`, `InvalidAccessKeyId`)
//!   is fetched anew, once, within the budget.
//! - It **tells**: [`Event::CredentialsKept`](crate::telemetry::Event), `CredentialsLost`, `CredentialsRenewed`; the snapshot
//!   of a client shows how they [stand](Standing). Never a secret: neither `Debug` nor an event nor an error has one.
//!
//! # Which SDK
//! | feature | wraps | is |
//! |---|---|---|
//! | `s3`, `dynamodb` | a `ProvideCredentials`: `Keeper::aws` | a `ProvideCredentials`; `.s3(config)` and `.dynamodb(config)` put it in |
//! | `azure_blob`, `cosmos` | an `Arc<dyn TokenCredential>`, for given scopes: `Keeper::azure` | a `TokenCredential` |
//! | `gcs` | a function of yours that gives a `BearerToken`: `Keeper::new` | a `CredentialsProvider`, so `Credentials::from(keeper)` |
//! | any | a function of yours: [`Keeper::new`] | [`Keeper::current`], asked within the closure of a [`Failover`](crate::Failover) |
//!
//! Each keeper resolves by itself: no provider's credentials wait for another's. Redis' user and password belong to its client
//! and cannot be exchanged while it runs.
//!
//! # Where the SDKs' own providers ask
//! They are opaque, so [`asks`](Keeper::asks) or [`depends_on`](crate::Endpoint::depends_on) must say it:
//!
//! | credentials | host | source |
//! |---|---|---|
//! | EC2 instance profile | `169.254.169.254`, `fd00:ec2::254` | *IPv6 on AWS*, instance metadata service |
//! | ECS task role, EKS pod identity | `169.254.170.2`; `169.254.170.23`, `fd00:ec2::23` | AWS SDKs reference, *Container credential provider*; EKS user guide, *Set up the Pod Identity Agent* |
//! | assumed role, web identity (IRSA) | `sts.<region>.amazonaws.com`; `sts.amazonaws.com` if that is asked for, which in opt-in regions is in us-east-1 | AWS SDKs reference, *AWS STS Regional endpoints* |
//! | IAM Identity Center | `portal.sso.<region>.amazonaws.com`, `oidc.<region>.amazonaws.com` | its user guide |
//! | Entra ID: client secret, certificate, workload identity | `login.microsoftonline.com` | Microsoft identity platform, *national clouds* |
//! | Azure managed identity | `169.254.169.254` on a virtual machine; what `IDENTITY_ENDPOINT` says on App Service | *managed identities for Azure resources* |
//! | Google service account key | none: it signs its tokens itself | google-cloud-auth 1.18, `service_account` |
//! | Google user account; external account; impersonation | `oauth2.googleapis.com`; `sts.googleapis.com`; `iamcredentials.googleapis.com` | google-cloud-auth 1.18 |
//! | Google metadata server | `metadata.google.internal` | google-cloud-auth 1.18, `mds` |
//!
//! # Promises
//! - **Cancel safety**: dropping a call's future ends its wait only. The fetch is a task of its own, ended with the last
//!   keeper or after 10 s; if its runtime ends before, the next call begins another.
//! - A host that was asleep takes a token for younger than it is; what the provider then refuses is fetched anew.
//! - A clock that is wrong by more than a token's life makes every token look expired: [`Lease::lasting`] does not look at it.

#[cfg(feature = "_aws")]
mod aws;
#[cfg(any(feature = "azure_blob", feature = "cosmos"))]
mod azure;
#[cfg(feature = "gcs")]
mod google;
mod keeper;
mod lease;
mod policy;
#[cfg(test)]
mod policy_tests;
mod settings;
mod standing;

pub use crate::model::NotLoaded;
#[cfg(any(feature = "azure_blob", feature = "cosmos"))]
pub use azure::ScopedToken;
#[cfg(feature = "gcs")]
pub use google::BearerToken;
pub use keeper::Keeper;
pub use lease::Lease;
pub use policy::Condition;
pub use settings::Settings;
pub use standing::{CredentialsSnapshot, Standing};
