//! URLs for those who have no credentials.

use super::{S3, error::failed, terms::described};
use crate::{
    provider::{ProviderError, attributes::invalid, check_terms, refusal::Asked},
    request::{
        WriteId,
        object::{Attributes, Presign, PresignMethod, PresignedUrl, Terms},
    },
};
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use std::{ops::RangeInclusive, time::Duration};

/// What the signature allows (version 4), in whole seconds.
const VALID: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 60 * 60);

impl S3 {
    pub(super) async fn presigned(&self, presign: Presign) -> Result<PresignedUrl, ProviderError> {
        let refused = || invalid("a presigned URL is valid for one second to seven days");
        if !VALID.contains(&presign.expires_in) {
            return Err(refused());
        }
        let valid = PresigningConfig::expires_in(presign.expires_in).map_err(|_| refused())?;
        let key = presign.key.as_str();
        let signed = match presign.method {
            PresignMethod::Get => {
                let get = self.client.get_object().bucket(&*self.bucket).key(key);
                let signed = get.presigned(valid).await;
                signed.map_err(|error| failed(Asked::Read, &error))?
            }
            PresignMethod::Put => {
                check_terms(&self.defaults)?;
                let put = self.client.put_object().bucket(&*self.bucket).key(key);
                let put = described!(put, &Attributes::default(), None, &self.defaults);
                let signed = put.presigned(valid).await;
                signed.map_err(|error| failed(Asked::Overwrite, &error))?
            }
        };
        Ok(url(&signed))
    }
}

fn url(signed: &PresignedRequest) -> PresignedUrl {
    let headers = signed.headers();
    PresignedUrl {
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        ..PresignedUrl::new(signed.uri().to_owned())
    }
}
