use super::{Keeper, KeeperSettings, Lease};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::{Error, ErrorKind},
    time::{Duration, OffsetDateTime},
};
use std::{sync::Arc, time::SystemTime};

/// A token of Entra ID, and its scopes.
#[derive(Clone)]
pub struct ScopedToken {
    token: AccessToken,
    scopes: Arc<[String]>,
}

/// `azure_core` has a cache of its own, which asks anew 5 min before the expiry, under a lock that every call waits
/// for. (Cosmos DB's SDK has no cache, and asks with every request.) A token that expires in so short a time is asked
/// for at every call; the keeper answers at once.
const ASKED_AGAIN: Duration = Duration::seconds(1);

/// For Azure's SDKs: a credential around another credential (of `azure_identity`, or your own). Use the keeper as
/// `Credential::Token(Arc::new(keeper))`, or wherever else the SDK takes a `TokenCredential`.
impl Keeper<ScopedToken> {
    /// Keeps the token that this credential returns for these scopes: `["https://storage.azure.com/.default"]`. Other
    /// scopes need another keeper.
    pub fn azure<S: Into<String>>(
        name: impl Into<Arc<str>>,
        credential: Arc<dyn TokenCredential>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::azure_with_settings(name, KeeperSettings::default(), credential, scopes)
    }

    /// Does the same as [`azure`](Self::azure), with other settings.
    pub fn azure_with_settings<S: Into<String>>(
        name: impl Into<Arc<str>>,
        settings: KeeperSettings,
        credential: Arc<dyn TokenCredential>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let scopes: Arc<[String]> = scopes.into_iter().map(Into::into).collect();
        Self::with_settings(name, settings, move || {
            let (credential, scopes) = (credential.clone(), scopes.clone());
            async move {
                let asked: Vec<&str> = scopes.iter().map(String::as_str).collect();
                let token = credential.get_token(&asked, None).await?;
                let expiry = SystemTime::from(token.expires_on);
                Ok::<_, Error>(Lease::until(ScopedToken { token, scopes }, expiry))
            }
        })
    }
}

#[async_trait::async_trait]
impl TokenCredential for Keeper<ScopedToken> {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let held = self.current().await;
        let ScopedToken {
            token,
            scopes: kept_for,
        } = held.map_err(|error| Error::new(ErrorKind::Credential, error))?;
        if !kept_for.iter().map(String::as_str).eq(scopes.iter().copied()) {
            let other = format!(
                "`{}` keeps a token for other scopes than were asked for",
                self.standing().name()
            );
            return Err(Error::with_message(ErrorKind::Credential, other));
        }
        let soon = OffsetDateTime::now_utc() + ASKED_AGAIN;
        Ok(AccessToken {
            expires_on: token.expires_on.min(soon),
            ..token
        })
    }
}
