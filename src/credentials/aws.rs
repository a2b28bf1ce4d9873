use super::{Keeper, KeeperSettings, Lease};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use std::sync::Arc;

/// For the AWS SDKs: a provider of credentials around another provider.
///
/// The SDKs have a cache of their own (`IdentityCache::lazy()`). That cache asks anew 10 s before the expiry, lets every
/// call wait for the answer (6 to 22 s by default, by the client's retries), and forgets its credentials before it asks.
/// Turn the cache off; otherwise the SDK does not ask the keeper. `s3` and `dynamodb` (each with its feature) set the
/// keeper and turn the cache off. For another SDK:
/// `.credentials_provider(keeper.clone()).identity_cache(IdentityCache::no_cache())`.
impl Keeper<Credentials> {
    /// Keeps the credentials of this provider. Give a provider without a cache of its own, and without retries.
    pub fn aws(name: impl Into<Arc<str>>, provider: impl ProvideCredentials + 'static) -> Self {
        Self::aws_with_settings(name, KeeperSettings::default(), provider)
    }

    /// Does the same as [`aws`](Self::aws), with other settings.
    pub fn aws_with_settings(
        name: impl Into<Arc<str>>,
        settings: KeeperSettings,
        provider: impl ProvideCredentials + 'static,
    ) -> Self {
        let provider = Arc::new(provider);
        Self::with_settings(name, settings, move || {
            let provider = provider.clone();
            async move {
                let credentials = provider.provide_credentials().await?;
                Ok::<_, CredentialsError>(match credentials.expiry() {
                    Some(expiry) => Lease::until(credentials, expiry),
                    None => Lease::without_end(credentials),
                })
            }
        })
    }

    /// This configuration with these credentials, and without the SDK's cache.
    #[cfg(feature = "s3")]
    #[must_use]
    pub fn s3(&self, config: aws_sdk_s3::config::Builder) -> aws_sdk_s3::config::Builder {
        config
            .credentials_provider(self.clone())
            .identity_cache(aws_sdk_s3::config::IdentityCache::no_cache())
    }

    /// This configuration with these credentials, and without the SDK's cache.
    #[cfg(feature = "dynamodb")]
    #[must_use]
    pub fn dynamodb(&self, config: aws_sdk_dynamodb::config::Builder) -> aws_sdk_dynamodb::config::Builder {
        config
            .credentials_provider(self.clone())
            .identity_cache(aws_sdk_dynamodb::config::IdentityCache::no_cache())
    }
}

impl ProvideCredentials for Keeper<Credentials> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.current().await.map_err(CredentialsError::provider_error) })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.held()
    }
}
