//! Writes, and what is done with objects as a whole.

use super::{
    convert,
    error::{generic, never_matches, not_supported, of},
    store::{FailoverStore, Way},
    tag::{self, Named, Tags},
};
use crate::{
    Error, ErrorKind,
    client::object::{CopyCall, Moved, Stored, Upload, UploadCall, remove_together, removed_at_once},
    request::{
        OpClass, WriteId,
        object::{Attributes, ETag, Terms},
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use object_store::{
    Error as StoreError, MultipartUpload, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
    path::Path,
};
use std::{
    fmt,
    future::{Future, IntoFuture},
};

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
                self.updates()?;
                let text = known.e_tag.as_deref().filter(|_| known.version.is_none());
                Way::IfMatch(self.current(location, text.and_then(tag::read)).await?)
            }
        };
        let (attributes, terms) = convert::asked(&options.attributes, &options.tags)?;
        let is_update = matches!(way, Way::IfMatch(_));
        let body = Bytes::from(payload);
        let put = |left, id: Option<WriteId>| {
            let call = self.client.put(location.as_ref(), body.clone()).deadline(left);
            let call = call.described(attributes.clone(), terms.clone());
            let call = match id {
                Some(id) => call.write_id(id),
                None => call,
            };
            let call = match &way {
                Way::Overwrite => call.overwrite(),
                Way::Create => call,
                Way::CreateAt(endpoint) => call.pin(endpoint.clone()),
                Way::IfMatch(tag) => call.if_match(tag.clone()),
            };
            call.into_future()
        };
        let stored = match &way {
            Way::Create | Way::CreateAt(_) => self.until_known(put).await,
            Way::Overwrite | Way::IfMatch(_) => self.patiently(OpClass::Write, |left| put(left, None)).await,
        };
        match stored {
            Ok(stored) => Ok(result(stored, self.tags)),
            Err(error) if is_update => Err(of_update(error, location)),
            Err(error) => Err(of(error, location.as_ref())),
        }
    }

    /// The home's own tag of the version that the application names. A stamp is looked up at the home.
    async fn current(&self, location: &Path, named: Option<Named>) -> Result<ETag, StoreError> {
        let stamp = match named {
            Some(Named::At(tag)) if self.can_judge(&tag) => return Ok(tag),
            Some(Named::Stamp(stamp)) if self.tags.stamps => stamp,
            _ => return Err(never_matches(location.as_ref())),
        };
        let head = |left| {
            let call = self.client.head(location.as_ref()).deadline(left);
            match self.home() {
                Some(home) => call.pin(home).into_future(),
                None => call.into_future(),
            }
        };
        let meta = match self.patiently(OpClass::Read, head).await {
            Ok(found) => found.into_meta(),
            Err(error) => return Err(of_update(error, location)),
        };
        let is_it = self
            .tags
            .of(&meta)
            .is_some_and(|shown| tag::read(&shown) == Some(Named::Stamp(stamp)));
        match meta.etag.filter(|tag| tag.unfit().is_none()) {
            _ if !is_it => Err(StoreError::Precondition {
                path: location.to_string(),
                source: "the object was replaced".into(),
            }),
            Some(tag) => Ok(tag),
            None => Err(not_supported("the store gives no ETag on which a write could depend")),
        }
    }

    /// The call that begins an upload. Its completion overwrites, as `object_store` has it.
    pub(super) fn upload(
        &self,
        location: &Path,
        attributes: &Attributes,
        terms: &Terms,
    ) -> Result<UploadCall, StoreError> {
        let call = self
            .client
            .upload(location.as_ref())
            .described(attributes.clone(), terms.clone());
        Ok(match self.overwrite()? {
            Way::Overwrite => call.overwrite(),
            _ => call,
        })
    }

    /// Begins an upload, by one of the two ways to hold one.
    pub(super) async fn begin<T, F>(
        &self,
        location: &Path,
        (attributes, terms): (&Attributes, &Terms),
        begin: impl Fn(UploadCall) -> F + Send + Sync,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let call = self.upload(location, attributes, terms)?;
        let begun = self.patiently(OpClass::Write, |_| begin(call.clone())).await;
        begun.map_err(|error| of(error, location.as_ref()))
    }

    pub(super) async fn store_in_parts(
        &self,
        location: &Path,
        options: &PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let (attributes, terms) = convert::asked(&options.attributes, &options.tags)?;
        let upload = self
            .begin(location, (&attributes, &terms), UploadCall::into_future)
            .await?;
        Ok(Box::new(InParts {
            location: location.clone(),
            tags: self.tags,
            upload: Some(upload),
        }))
    }

    pub(super) async fn copy(&self, from: &Path, to: &Path, creates: bool) -> Result<(), StoreError> {
        let call = self.client.copy(from.as_ref(), to.as_ref());
        self.first_step(call, creates, from, to).await.map(drop)
    }

    pub(super) async fn rename(&self, from: &Path, to: &Path, creates: bool) -> Result<(), StoreError> {
        let call = self.client.rename(from.as_ref(), to.as_ref());
        let moved = self.first_step(call, creates, from, to).await?;
        // The copy is stored: it is not made again because its source cannot be removed now.
        let removed = self.patiently(OpClass::Write, |_| moved.remove_source()).await;
        removed.map_err(|error| of(error, from.as_ref()))
    }

    /// Stores the copy. `creates`: only if nothing is there.
    async fn first_step(&self, call: CopyCall, creates: bool, from: &Path, to: &Path) -> Result<Moved, StoreError> {
        let call = match if creates { self.create() } else { self.overwrite()? } {
            Way::Overwrite => call.overwrite(),
            Way::CreateAt(endpoint) => call.only_to(endpoint),
            Way::Create | Way::IfMatch(_) => call,
        };
        // A rename is not made again by its id: the source may be another one by then, and would be removed.
        let copied = match creates && !call.moves() {
            true => self.until_known(|_, id| call.clone().by_id(id).first_step()).await,
            false => self.patiently(OpClass::Write, |_| call.clone().first_step()).await,
        };
        copied.map_err(|error| match error.kind() {
            ErrorKind::NotFound => of(error, from.as_ref()),
            _ => of(error, to.as_ref()),
        })
    }

    pub(super) fn remove(
        &self,
        locations: BoxStream<'static, Result<Path, StoreError>>,
    ) -> BoxStream<'static, Result<Path, StoreError>> {
        let (together, this) = (self.client.clone(), self.clone());
        // As many as are at hand go with one request, where the store has one.
        let chunks = locations.ready_chunks(removed_at_once(&together).unwrap_or(1));
        let removed = chunks.then(move |chunk| {
            let client = together.clone();
            async move {
                let keys: Vec<String> = chunk.iter().flatten().map(Path::to_string).collect();
                let mut removed = remove_together(&client, &keys).await.into_iter();
                let mut is_removed = |_: &Path| removed.next().is_some_and(|removed| matches!(removed, Some(Ok(()))));
                let chunk: Vec<_> = chunk
                    .into_iter()
                    .map(|location| {
                        let is_removed = location.as_ref().is_ok_and(&mut is_removed);
                        (location, is_removed)
                    })
                    .collect();
                stream::iter(chunk)
            }
        });
        let removals = removed.flatten().map(move |(location, is_removed)| {
            let this = this.clone();
            async move {
                let location = location?;
                if is_removed {
                    return Ok(location);
                }
                let delete = |left| this.client.delete(location.as_ref()).deadline(left).into_future();
                match this.patiently(OpClass::Write, delete).await {
                    Ok(()) => Ok(location),
                    Err(error) => Err(of(error, location.as_ref())),
                }
            }
        });
        removals.buffered(self.settings.at_once).boxed()
    }
}

/// What is not there has not the version that was named.
fn of_update(error: Error, location: &Path) -> StoreError {
    match error.kind() {
        ErrorKind::NotFound => StoreError::Precondition {
            path: location.to_string(),
            source: Box::new(error),
        },
        _ => of(error, location.as_ref()),
    }
}

/// The client's own words about the write lie in the extensions.
pub(super) fn result(stored: Stored, tags: Tags) -> PutResult {
    let mut result = PutResult {
        e_tag: tags.shown(Some(stored.write_id()), stored.etag()),
        version: None,
        extensions: object_store::Extensions::new(),
    };
    result.extensions.insert(stored);
    result
}

/// An upload under way. Dropping it gives it up.
struct InParts {
    location: Path,
    tags: Tags,
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
        Ok(result(stored, self.tags))
    }

    /// A completion that failed has given the upload up already.
    async fn abort(&mut self) -> Result<(), StoreError> {
        match self.upload.take() {
            Some(upload) => upload.abort().await.map_err(|error| of(error, self.location.as_ref())),
            None => Ok(()),
        }
    }
}
