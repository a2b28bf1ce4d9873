//! Presigned URLs: a service SAS for one blob, signed by the account's key.

use super::AzureBlob;
use crate::{
    model::clock,
    provider::{ProviderError, attributes::invalid, refusal::wrong},
    request::object::{Presign, PresignMethod, PresignedUrl},
    verdict::table::Symptom,
};
use azure_core::time::{OffsetDateTime, to_rfc3339};
use std::time::{Duration, SystemTime};

/// The version of the service whose signatures these are.
const VERSION: &str = "2021-12-02";

impl AzureBlob {
    pub(super) fn signed(&self, presign: &Presign) -> Result<PresignedUrl, ProviderError> {
        let blob = self.blob(&presign.key)?;
        let Some(signer) = &self.signer else {
            return Err(ProviderError::unsupported(
                "Azure's presigned URLs need the account's key: a SAS would be given away, and a token cannot sign",
            ));
        };
        let end = clock::wall().checked_add(presign.expires_in).and_then(written);
        let end = end.filter(|_| presign.expires_in >= Duration::from_secs(1));
        let end =
            end.ok_or_else(|| invalid("a presigned URL is valid for a second at least, and not beyond the year 9999"))?;
        let (permissions, headers) = match presign.method {
            PresignMethod::Get => ("r", Vec::new()),
            PresignMethod::Put => ("cw", vec![("x-ms-blob-type".to_owned(), "BlockBlob".to_owned())]),
        };
        let mut url = blob.url().clone();
        let protocols = if url.scheme() == "https" { "https" } else { "https,http" };
        let (account, container, key) = (signer.account(), self.container(), presign.key.as_str());
        // Between them are what this signature does not use: a start, a policy, addresses, a snapshot, a scope,
        // headers.
        let text = format!(
            "{permissions}\n\n{end}\n/blob/{account}/{container}/{key}\n\n\n{protocols}\n{VERSION}\nb\n\n\n\n\n\n\n"
        );
        let signature = signer.sign(&text).map_err(|_| wrong(Symptom::NotBuilt, None))?;
        url.query_pairs_mut()
            .append_pair("sp", permissions)
            .append_pair("se", &end)
            .append_pair("spr", protocols)
            .append_pair("sv", VERSION)
            .append_pair("sr", "b")
            .append_pair("sig", &signature);
        let mut presigned = PresignedUrl::new(url.into());
        presigned.headers = headers;
        Ok(presigned)
    }
}

/// A moment as signatures have it, in whole seconds.
fn written(at: SystemTime) -> Option<String> {
    let whole = at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(whole).ok()?).ok()?;
    Some(to_rfc3339(&at))
}
