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
    /// `Authorization: Bearer …`. `None`: the token does not fit into a header.
    pub fn new(token: &str) -> Option<Self> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(Self {
            headers: HeaderMap::from_iter([(AUTHORIZATION, value)]),
            tag: EntityTag::new(),
        })
    }

    /// Adds other headers: `x-goog-user-project` to bill another project.
    #[must_use]
    pub fn with_headers(mut self, others: HeaderMap) -> Self {
        self.headers.extend(others);
        self
    }
}

/// For Google's SDKs: their builders' `with_credentials` takes `Credentials::from(keeper)`.
///
/// The SDK's own credentials refresh in the background. If their token service refuses once in a way that the SDK takes
/// for permanent, the refreshing ends for good; then only a restart helps. They do not say when their tokens expire, so
/// a keeper cannot keep them. Give the keeper a source of your own, which asks the metadata service or the token
/// service.
impl CredentialsProvider for Keeper<BearerToken> {
    async fn headers(&self, extensions: Extensions) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        // Transient or not: the caller has the stack to try again.
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
