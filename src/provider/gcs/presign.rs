//! Presigned URLs.

use super::Gcs;
use crate::{
    provider::{ProviderError, attributes::invalid, refusal::wrong},
    request::object::{Presign, PresignMethod, PresignedUrl},
    verdict::table::Symptom,
};
use google_cloud_storage::builder::storage::SignedUrlBuilder;
use std::time::Duration;

/// The longest that Google's signatures are valid.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

impl Gcs {
    pub(super) async fn signed(&self, presign: &Presign) -> Result<PresignedUrl, ProviderError> {
        let Some(signer) = &self.signer else {
            return Err(ProviderError::unsupported(
                "the adapter has no signer: give it one with `Gcs::presigning_with`",
            ));
        };
        if !(Duration::from_secs(1)..=LONGEST).contains(&presign.expires_in) {
            return Err(invalid("a presigned URL of Google is valid for 1 second to 7 days"));
        }
        let method = match presign.method {
            PresignMethod::Get => http::Method::GET,
            PresignMethod::Put => http::Method::PUT,
        };
        let url = SignedUrlBuilder::for_object(&*self.resource, presign.key.as_str())
            .with_method(method)
            .with_expiration(presign.expires_in)
            .sign_with(signer)
            .await;
        // Its words may quote the key.
        url.map(PresignedUrl::new)
            .map_err(|_| wrong(Symptom::CredentialsNotLoaded, None))
    }
}
