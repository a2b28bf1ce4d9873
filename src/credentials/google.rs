use super::Keeper;
use google_cloud_auth::{
    credentials::{CacheableResource, CredentialsProvider, EntityTag},
    errors::CredentialsError,
};
use http::{Extensions, HeaderMap, HeaderValue, header::AUTHORIZATION};

/// The headers that authorise a request to Google.
#[derive(Clone)]
pub struct BearerToken {
    headers: HeaderMap,
    tag: EntityTag,
}

impl BearerToken {
    /// `Authorization: Bearer …`. `None`: no header can carry it.
    pub fn new(token: &str) -> Option<Self> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(Self {
            headers: HeaderMap::from_iter([(AUTHORIZATION, value)]),
            tag: EntityTag::new(),
        })
    }

    /// With other headers: `x-goog-user-project` to bill another project.
    #[must_use]
    pub fn with_headers(mut self, others: HeaderMap) -> Self {
        self.headers.extend(others);
        self
    }
}

/// For Google's SDKs: `Credentials::from(keeper)` is what their builders' `with_credentials` takes.
///
/// The SDK's own credentials refresh in the background, and end that for good when their token service says no once in a
/// way that the SDK takes for permanent: then only a restart helps. They do not say when their tokens expire, so that
/// there is nothing to keep: give the keeper a source of your own, which asks the metadata service or the token service.
impl CredentialsProvider for Keeper<BearerToken> {
    async fn headers(&self, extensions: Extensions) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        // Transient or not: whoever asks has the stack to try again.
        let token = self.current().await;
        let BearerToken { headers, tag } = token.map_err(|error| CredentialsError::from_source(false, error))?;
        Ok(match extensions.get::<EntityTag>() {
            Some(known) if *known == tag => CacheableResource::NotModified,
            _ => CacheableResource::New {
                entity_tag: tag,
                data: headers,
            },
        })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}
