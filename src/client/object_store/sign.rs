//! URLs for those who have no credentials: `Signer`.

use super::{
    error::{generic, not_supported, of},
    store::FailoverStore,
};
use crate::request::object::PresignMethod;
use http::Method;
use object_store::{
    Error as StoreError,
    path::Path,
    signer::{SignedUrlOptions, Url},
};
use std::time::Duration;

/// What is not signed must not be dropped: the URL would allow more than was asked for.
pub(super) fn without_extras(options: &SignedUrlOptions) -> Result<(), StoreError> {
    match options.is_empty() {
        true => Ok(()),
        false => Err(not_supported("no further parameters or headers can be signed")),
    }
}

impl FailoverStore {
    pub(super) async fn sign(&self, method: &Method, location: &Path, expires_in: Duration) -> Result<Url, StoreError> {
        let method = match *method {
            Method::GET => PresignMethod::Get,
            Method::PUT => PresignMethod::Put,
            _ => return Err(not_supported("only GET and PUT can be signed")),
        };
        let signed = self.client.presign(location.as_ref(), method, expires_in).await;
        let signed = signed.map_err(|error| of(error, location.as_ref()))?;
        if !signed.url.headers.is_empty() {
            return Err(not_supported(
                "the URL holds only with headers, which have no place here: see ObjectClient::presign",
            ));
        }
        Url::parse(signed.url.as_str()).map_err(|_| generic("the store's URL cannot be read"))
    }
}
