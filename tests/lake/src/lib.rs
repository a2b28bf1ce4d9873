//! A store of `object_store` 0.14 for those that still ask for one of 0.13: DataFusion 55 and Delta Lake 1.1.
//!
//! The two versions differ in extensions alone. What 0.14 has in the extensions of an answer is lost here, and a request's
//! extensions are not passed on, because their types differ.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store as new;
use object_store_13 as old;
use old::path::Path;
use std::{fmt, ops::Range, sync::Arc};

type Result<T, E = old::Error> = std::result::Result<T, E>;

/// A store of 0.14, as one of 0.13.
#[derive(Clone, Debug)]
pub struct Bridge(pub Arc<dyn new::ObjectStore>);

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl old::ObjectStore for Bridge {
    async fn put_opts(&self, at: &Path, body: old::PutPayload, options: old::PutOptions) -> Result<old::PutResult> {
        let mode = match options.mode {
            old::PutMode::Overwrite => new::PutMode::Overwrite,
            old::PutMode::Create => new::PutMode::Create,
            old::PutMode::Update(old::UpdateVersion { e_tag, version }) => {
                new::PutMode::Update(new::UpdateVersion { e_tag, version })
            }
        };
        let options = new::PutOptions {
            mode,
            tags: tags(&options.tags),
            attributes: attributes(&options.attributes),
            ..Default::default()
        };
        let stored = self.0.put_opts(&path(at)?, payload(body), options).await;
        stored.map(put_result).map_err(error)
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: old::PutMultipartOptions,
    ) -> Result<Box<dyn old::MultipartUpload>> {
        let options = new::PutMultipartOptions {
            tags: tags(&options.tags),
            attributes: attributes(&options.attributes),
            ..Default::default()
        };
        let upload = self.0.put_multipart_opts(&path(at)?, options).await.map_err(error)?;
        Ok(Box::new(Upload(upload)))
    }

    async fn get_opts(&self, at: &Path, options: old::GetOptions) -> Result<old::GetResult> {
        let options = new::GetOptions {
            if_match: options.if_match,
            if_none_match: options.if_none_match,
            if_modified_since: options.if_modified_since,
            if_unmodified_since: options.if_unmodified_since,
            range: options.range.map(|range| match range {
                old::GetRange::Bounded(range) => new::GetRange::Bounded(range),
                old::GetRange::Offset(start) => new::GetRange::Offset(start),
                old::GetRange::Suffix(last) => new::GetRange::Suffix(last),
            }),
            version: options.version,
            head: options.head,
            ..Default::default()
        };
        let got = self.0.get_opts(&path(at)?, options).await.map_err(error)?;
        Ok(old::GetResult {
            meta: meta(&got.meta)?,
            range: got.range.clone(),
            attributes: attributes_back(&got.attributes),
            payload: old::GetResultPayload::Stream(got.into_stream().map_err(error).boxed()),
        })
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.get_ranges(&path(at)?, ranges).await.map_err(error)
    }

    fn delete_stream(&self, all: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // An error among the locations comes out where it came in.
        let all = all.map(|at| at.and_then(|at| path(&at)).map_err(|error| generic(Box::new(error))));
        let removed = self.0.delete_stream(all.boxed());
        removed
            .map(|at| at.map_err(error).and_then(|at| path_back(&at)))
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<old::ObjectMeta>> {
        match prefix.map(path).transpose() {
            Ok(prefix) => listed(self.0.list(prefix.as_ref())),
            Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
        }
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<old::ObjectMeta>> {
        match prefix
            .map(path)
            .transpose()
            .and_then(|prefix| Ok((prefix, path(offset)?)))
        {
            Ok((prefix, offset)) => listed(self.0.list_with_offset(prefix.as_ref(), &offset)),
            Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<old::ListResult> {
        let prefix = prefix.map(path).transpose()?;
        let level = self.0.list_with_delimiter(prefix.as_ref()).await.map_err(error)?;
        Ok(old::ListResult {
            common_prefixes: level.common_prefixes.iter().map(path_back).collect::<Result<_>>()?,
            objects: level.objects.iter().map(meta).collect::<Result<_>>()?,
        })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: old::CopyOptions) -> Result<()> {
        let mode = match options.mode {
            old::CopyMode::Overwrite => new::CopyMode::Overwrite,
            old::CopyMode::Create => new::CopyMode::Create,
        };
        let options = new::CopyOptions::new().with_mode(mode);
        self.0.copy_opts(&path(from)?, &path(to)?, options).await.map_err(error)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: old::RenameOptions) -> Result<()> {
        let mode = match options.target_mode {
            old::RenameTargetMode::Overwrite => new::RenameTargetMode::Overwrite,
            old::RenameTargetMode::Create => new::RenameTargetMode::Create,
        };
        let options = new::RenameOptions::new().with_target_mode(mode);
        self.0
            .rename_opts(&path(from)?, &path(to)?, options)
            .await
            .map_err(error)
    }
}

#[derive(Debug)]
struct Upload(Box<dyn new::MultipartUpload>);

#[async_trait]
impl old::MultipartUpload for Upload {
    fn put_part(&mut self, data: old::PutPayload) -> old::UploadPart {
        let part = self.0.put_part(payload(data));
        Box::pin(async move { part.await.map_err(error) })
    }

    async fn complete(&mut self) -> Result<old::PutResult> {
        self.0.complete().await.map(put_result).map_err(error)
    }

    async fn abort(&mut self) -> Result<()> {
        self.0.abort().await.map_err(error)
    }
}

fn listed(all: BoxStream<'static, new::Result<new::ObjectMeta>>) -> BoxStream<'static, Result<old::ObjectMeta>> {
    all.map(|found| found.map_err(error).and_then(|found| meta(&found)))
        .boxed()
}

fn path(at: &Path) -> Result<new::path::Path> {
    new::path::Path::parse(at.as_ref()).map_err(|why| old_generic(Box::new(why)))
}

fn path_back(at: &new::path::Path) -> Result<Path> {
    Ok(Path::parse(at.as_ref())?)
}

/// Shares the bytes.
fn payload(body: old::PutPayload) -> new::PutPayload {
    body.into_iter().collect()
}

fn put_result(stored: new::PutResult) -> old::PutResult {
    old::PutResult {
        e_tag: stored.e_tag,
        version: stored.version,
    }
}

fn meta(found: &new::ObjectMeta) -> Result<old::ObjectMeta> {
    Ok(old::ObjectMeta {
        location: path_back(&found.location)?,
        last_modified: found.last_modified,
        size: found.size,
        e_tag: found.e_tag.clone(),
        version: found.version.clone(),
    })
}

/// The attributes of the one version as those of the other.
macro_rules! attributes {
    ($name:ident: $from:ident => $to:ident) => {
        fn $name(given: &$from::Attributes) -> $to::Attributes {
            use $from::Attribute as From;
            use $to::Attribute as To;
            let all = given.iter().filter_map(|(attribute, value)| {
                let attribute = match attribute {
                    From::ContentDisposition => To::ContentDisposition,
                    From::ContentEncoding => To::ContentEncoding,
                    From::ContentLanguage => To::ContentLanguage,
                    From::ContentType => To::ContentType,
                    From::CacheControl => To::CacheControl,
                    From::StorageClass => To::StorageClass,
                    From::Metadata(name) => To::Metadata(name.clone()),
                    // Neither version has another one.
                    _ => return None,
                };
                Some((attribute, value.to_string()))
            });
            all.collect()
        }
    };
}

attributes!(attributes: old => new);
attributes!(attributes_back: new => old);

fn tags(given: &old::TagSet) -> new::TagSet {
    let mut tags = new::TagSet::default();
    for (name, value) in url::form_urlencoded::parse(given.encoded().as_bytes()) {
        tags.push(&name, &value);
    }
    tags
}

fn old_generic(source: Box<dyn std::error::Error + Send + Sync>) -> old::Error {
    old::Error::Generic {
        store: "bridge",
        source,
    }
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> new::Error {
    new::Error::Generic {
        store: "bridge",
        source,
    }
}

/// The kinds are the same in both versions.
fn error(error: new::Error) -> old::Error {
    use new::Error as New;
    use old::Error as Old;
    match error {
        New::Generic { store, source } => Old::Generic { store, source },
        New::NotFound { path, source } => Old::NotFound { path, source },
        New::NotSupported { source } => Old::NotSupported { source },
        New::AlreadyExists { path, source } => Old::AlreadyExists { path, source },
        New::Precondition { path, source } => Old::Precondition { path, source },
        New::NotModified { path, source } => Old::NotModified { path, source },
        New::NotImplemented { operation, implementer } => Old::NotImplemented { operation, implementer },
        New::PermissionDenied { path, source } => Old::PermissionDenied { path, source },
        New::Unauthenticated { path, source } => Old::Unauthenticated { path, source },
        other => old_generic(Box::new(other)),
    }
}
