//! Credentials that outlive an outage of the token service.
//!
//! A token service is a failure domain of its own: in 2020 (Kinesis, Google's identity service), 2021 (Azure AD) and
//! 2025 stores were well, and nobody could sign a request. The SDKs ask for new tokens when the old ones are about to
//! expire, and let every call wait for the answer. A [`Keeper`] stands between an SDK and the source of the tokens:
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
//! - A keeper **fetches early**: when three fifths of the tokens' life are left, jittered; see [`KeeperSettings`].
//! - A keeper **keeps valid credentials**. Calls use them while the fetch is under way, hangs or fails.
//! - A keeper **asks with a budget**: one fetch at a time however many calls wait, at most five in a row and two a
//!   minute after that, with full jitter. Four hundred calls without a token are one question.
//! - A keeper **says at once that there are no credentials**: a call waits at most 200 ms, below the limits of the
//!   stack. *Credentials could not be loaded* is denied, **not sent**: even a write that must not happen twice goes
//!   elsewhere.
//! - A keeper **rotates without a restart**: [`Keeper::rotate`] for a planned change, [`Keeper::forget`] for a leaked
//!   key. With [`Endpoint::credentials`](crate::Endpoint::credentials), a keeper fetches credentials that a provider
//!   refuses (`ExpiredToken`, `InvalidAccessKeyId`) anew, once, within the budget.
//! - A keeper **reports**: [`Event::CredentialsKept`](crate::telemetry::Event), `CredentialsLost`,
//!   `CredentialsRenewed`. The snapshot of a client shows the credentials' [standing](Standing). `Debug`, events and
//!   errors never hold a secret.
//!
//! # Which SDK
//! | feature | wraps | the keeper is |
//! |---|---|---|
//! | `s3`, `dynamodb` | a `ProvideCredentials`: `Keeper::aws` | a `ProvideCredentials`; `.s3(config)` and `.dynamodb(config)` put the keeper in |
//! | `azure_blob`, `cosmos` | an `Arc<dyn TokenCredential>`, for given scopes: `Keeper::azure` | a `TokenCredential` |
//! | `gcs` | a function of yours that returns a `BearerToken`: `Keeper::new` | a `CredentialsProvider`, so `Credentials::from(keeper)` |
//! | any | a function of yours: [`Keeper::new`] | [`Keeper::current`], called within the closure of a [`Failover`](crate::Failover) |
//!
//! Each keeper resolves by itself: no provider's credentials wait for another's. Redis' user and password belong to its
//! client and cannot change while the client runs.
//!
//! # Where the SDKs' own providers ask
//! The SDKs' providers are opaque, so declare their hosts with [`asks`](Keeper::asks) or
//! [`depends_on`](crate::Endpoint::depends_on):
//!
//! | credentials | host | source |
//! |---|---|---|
//! | EC2 instance profile | `169.254.169.254`, `fd00:ec2::254` | *IPv6 on AWS*, instance metadata service |
//! | ECS task role, EKS pod identity | `169.254.170.2`; `169.254.170.23`, `fd00:ec2::23` | AWS SDKs reference, *Container credential provider*; EKS user guide, *Set up the Pod Identity Agent* |
//! | assumed role, web identity (IRSA) | `sts.<region>.amazonaws.com`; `sts.amazonaws.com` if the client is configured for it (in opt-in regions this host is in us-east-1) | AWS SDKs reference, *AWS STS Regional endpoints* |
//! | IAM Identity Center | `portal.sso.<region>.amazonaws.com`, `oidc.<region>.amazonaws.com` | its user guide |
//! | Entra ID: client secret, certificate, workload identity | `login.microsoftonline.com` | Microsoft identity platform, *national clouds* |
//! | Azure managed identity | `169.254.169.254` on a virtual machine; the address in `IDENTITY_ENDPOINT` on App Service | *managed identities for Azure resources* |
//! | Google service account key | none: it signs its tokens itself | google-cloud-auth 1.18, `service_account` |
//! | Google user account; external account; impersonation | `oauth2.googleapis.com`; `sts.googleapis.com`; `iamcredentials.googleapis.com` | google-cloud-auth 1.18 |
//! | Google metadata server | `metadata.google.internal` | google-cloud-auth 1.18, `mds` |
//!
//! # Promises
//! - **Cancel safety**: dropping a call's future ends its wait only. The fetch is a task of its own, and ends with the
//!   last keeper or after 10 s. If the fetch's runtime ends before, the next call begins another fetch.
//! - A host that was asleep believes that a token is younger than it is. If the provider then refuses the token, the
//!   keeper fetches another.
//! - If the host's clock is wrong by more than a token's life, every token looks expired. [`Lease::lasting`] does not
//!   use the clock.

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
pub use settings::KeeperSettings;
pub use standing::{CredentialsSnapshot, Standing};
