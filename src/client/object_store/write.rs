//! Writes, and what is done with objects as a whole.

use super::{
    convert,
    error::{generic, never_matches, of},
    store::{FailoverStore, Way},
    tag,
};
use crate::{
    ErrorKind,
    client::object::{CopyCall, Stored, Upload, UploadCall},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{
    Error as StoreError, MultipartUpload, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
    path::Path,
};
use std::fmt;

impl FailoverStore {
    pub(super) async fn store(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult, StoreError> {
        let way = match &options.mode {
            PutMode::Overwrite => self.overwrite()?,
            PutMode::Create => self.create(),
            PutMode::Update(known) => {
                let tag = known.e_tag.as_deref().filter(|_| known.version.is_none());
                let way = self.update(tag.and_then(tag::read))?;
                way.ok_or_else(|| never_matches(location.as_ref()))?
            }
        };
        let (attributes, terms) = convert::asked(&options.attributes, &options.tags)?;
        let call = self
            .client
            .put(location.as_ref(), Bytes::from(payload))
            .described(attributes, terms);
        let is_update = matches!(way, Way::IfMatch(_));
        let stored = match way {
            Way::Overwrite => call.overwrite().await,
            Way::Create => call.await,
            Way::CreateAt(endpoint) => call.pin(endpoint).await,
            Way::IfMatch(tag) => call.if_match(tag).await,
        };
        match stored {
            Ok(stored) => Ok(result(stored)),
            // There is nothing with this tag.
            Err(error) if is_update && error.kind() == ErrorKind::NotFound => Err(StoreError::Precondition {
                path: location.to_string(),
                source: Box::new(error),
            }),
            Err(error) => Err(of(error, location.as_ref())),
        }
    }

    /// The call that begins an upload. Its completion overwrites, as `object_store` has it.
    pub(super) fn upload(&self, location: &Path, options: &PutMultipartOptions) -> Result<UploadCall, StoreError> {
        let way = self.overwrite()?;
        let (attributes, terms) = convert::asked(&options.attributes, &options.tags)?;
        let call = self.client.upload(location.as_ref()).described(attributes, terms);
        Ok(match way {
            Way::Overwrite => call.overwrite(),
            _ => call,
        })
    }

    pub(super) async fn store_in_parts(
        &self,
        location: &Path,
        options: &PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let upload = self
            .upload(location, options)?
            .await
            .map_err(|error| of(error, location.as_ref()))?;
        Ok(Box::new(InParts {
            location: location.clone(),
            upload: Some(upload),
        }))
    }

    /// A copy or a rename. `creates`: only if nothing is there.
    pub(super) async fn copy(&self, call: CopyCall, creates: bool, from: &Path, to: &Path) -> Result<(), StoreError> {
        let way = if creates { self.create() } else { self.overwrite()? };
        let copied = match way {
            Way::Overwrite => call.overwrite().await,
            Way::CreateAt(endpoint) => call.only_to(endpoint).await,
            Way::Create | Way::IfMatch(_) => call.await,
        };
        match copied {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(of(error, from.as_ref())),
            Err(error) => Err(of(error, to.as_ref())),
        }
    }

    pub(super) fn remove(
        &self,
        locations: BoxStream<'static, Result<Path, StoreError>>,
    ) -> BoxStream<'static, Result<Path, StoreError>> {
        let client = self.client.clone();
        let removals = locations.map(move |location| {
            let client = client.clone();
            async move {
                let location = location?;
                match client.delete(location.as_ref()).await {
                    Ok(()) => Ok(location),
                    Err(error) => Err(of(error, location.as_ref())),
                }
            }
        });
        removals.buffered(self.settings.at_once).boxed()
    }
}

/// The client's own words about the write lie in the extensions.
pub(super) fn result(stored: Stored) -> PutResult {
    let mut result = PutResult {
        e_tag: tag::shown(stored.etag()),
        version: None,
        extensions: object_store::Extensions::new(),
    };
    result.extensions.insert(stored);
    result
}

/// An upload under way. Dropping it gives it up.
struct InParts {
    location: Path,
    upload: Option<Upload>,
}

impl InParts {
    fn is_over() -> StoreError {
        generic("the upload was completed or given up")
    }
}

/// Shows no location.
impl fmt::Debug for InParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InParts")
            .field("upload", &self.upload)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartUpload for InParts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let location = self.location.clone();
        // The part takes its number now, whenever its future is polled.
        let part = self.upload.as_mut().map(|upload| upload.part(Bytes::from(data)));
        Box::pin(async move {
            match part {
                Some(part) => part.await.map_err(|error| of(error, location.as_ref())),
                None => Err(Self::is_over()),
            }
        })
    }

    async fn complete(&mut self) -> Result<PutResult, StoreError> {
        let upload = self.upload.take().ok_or_else(Self::is_over)?;
        let stored = upload
            .complete()
            .await
            .map_err(|error| of(error, self.location.as_ref()))?;
        Ok(result(stored))
    }

    /// A completion that failed has given the upload up already.
    async fn abort(&mut self) -> Result<(), StoreError> {
        match self.upload.take() {
            Some(upload) => upload.abort().await.map_err(|error| of(error, self.location.as_ref())),
            None => Ok(()),
        }
    }
}
