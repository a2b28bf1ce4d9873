//! The traits of `object_store`, each method given on. An `ObjectClient` is a store without options.

use super::store::FailoverStore;
use crate::client::ObjectClient;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, RenameTargetMode, Result,
    list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore},
    multipart::{MultipartStore, PartId},
    path::Path,
};
use std::ops::Range;

/// The traits for a type that has, or is, a `FailoverStore`.
macro_rules! store {
    ($type:ty, $this:ident => $store:expr) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl ObjectStore for $type {
            async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
                let $this = self;
                $store.store(location, payload, opts).await
            }

            async fn put_multipart_opts(
                &self,
                location: &Path,
                opts: PutMultipartOptions,
            ) -> Result<Box<dyn MultipartUpload>> {
                let $this = self;
                $store.store_in_parts(location, &opts).await
            }

            async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
                let $this = self;
                $store.read(location, options).await
            }

            async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
                let $this = self;
                $store.read_ranges(location, ranges).await
            }

            fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
                let $this = self;
                $store.remove(locations)
            }

            fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
                let $this = self;
                FailoverStore::list(&$store, prefix, None)
            }

            fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
                let $this = self;
                FailoverStore::list(&$store, prefix, Some(offset))
            }

            async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
                let $this = self;
                $store.list_folder(prefix).await
            }

            async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
                let $this = self;
                $store.copy(from, to, options.mode == CopyMode::Create).await
            }

            async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
                let $this = self;
                $store
                    .rename(from, to, options.target_mode == RenameTargetMode::Create)
                    .await
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl MultipartStore for $type {
            async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
                let $this = self;
                $store.begin_detached(path, &PutMultipartOptions::default()).await
            }

            async fn create_multipart_opts(&self, path: &Path, opts: PutMultipartOptions) -> Result<MultipartId> {
                let $this = self;
                $store.begin_detached(path, &opts).await
            }

            async fn put_part(
                &self,
                path: &Path,
                id: &MultipartId,
                part_idx: usize,
                data: PutPayload,
            ) -> Result<PartId> {
                let $this = self;
                $store.store_part(path, id, part_idx, data).await
            }

            async fn complete_multipart(&self, path: &Path, id: &MultipartId, parts: Vec<PartId>) -> Result<PutResult> {
                let $this = self;
                $store.finish(path, id, &parts).await
            }

            async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
                let $this = self;
                $store.give_up(path, id).await
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl PaginatedListStore for $type {
            async fn list_paginated(
                &self,
                prefix: Option<&str>,
                opts: PaginatedListOptions,
            ) -> Result<PaginatedListResult> {
                let $this = self;
                $store.list_page(prefix, opts).await
            }
        }

        #[cfg(feature = "object_store_http")]
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl object_store::signer::Signer for $type {
            async fn signed_url(
                &self,
                method: http::Method,
                path: &Path,
                expires_in: std::time::Duration,
            ) -> Result<object_store::signer::Url> {
                let $this = self;
                $store.sign(&method, path, expires_in).await
            }

            async fn signed_url_opts(
                &self,
                method: http::Method,
                path: &Path,
                expires_in: std::time::Duration,
                options: &object_store::signer::SignedUrlOptions,
            ) -> Result<object_store::signer::Url> {
                let $this = self;
                super::sign::without_extras(options)?;
                $store.sign(&method, path, expires_in).await
            }

            async fn signed_urls(
                &self,
                method: http::Method,
                paths: &[Path],
                expires_in: std::time::Duration,
            ) -> Result<Vec<object_store::signer::Url>> {
                let $this = self;
                let store = $store;
                let mut urls = Vec::with_capacity(paths.len());
                for path in paths {
                    urls.push(store.sign(&method, path, expires_in).await?);
                }
                Ok(urls)
            }
        }
    };
}

store!(FailoverStore, this => this);
store!(ObjectClient, this => FailoverStore::new(this.clone()));
