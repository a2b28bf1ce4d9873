//! `object_store`'s store for S3.

use crate::{
    client::{Contestant, Failed, Pieces, ranges},
    server::{BUCKET, KEYS, REGION},
    task::{PART, UPLOADED},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    ObjectStoreExt as _, WriteMultipart,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use std::sync::Arc;

pub(crate) struct Store(Arc<AmazonS3>);

impl Store {
    pub(crate) fn new(url: &str) -> Result<Self, Failed> {
        let builder = AmazonS3Builder::new()
            .with_endpoint(url)
            .with_allow_http(true)
            .with_bucket_name(BUCKET)
            .with_region(REGION)
            .with_access_key_id(KEYS.0)
            .with_secret_access_key(KEYS.1);
        Ok(Self(Arc::new(builder.build()?)))
    }
}

impl Contestant for Store {
    async fn warm_up(&self, key: &str) -> Result<(), Failed> {
        self.0.head(&Path::from(key)).await?;
        Ok(())
    }

    async fn one_stream(&self, key: &str) -> Result<Pieces, Failed> {
        let got = self.0.get(&Path::from(key)).await?;
        Ok(got.into_stream().map_err(Failed::from).boxed())
    }

    async fn ranged(&self, key: &str, at_once: usize) -> Result<Pieces, Failed> {
        let path = Path::from(key);
        let size = self.0.head(&path).await?.size;
        let store = self.0.clone();
        let parts = stream::iter(ranges(size)).map(move |range| {
            let (store, path) = (store.clone(), path.clone());
            async move { Ok(store.get_range(&path, range).await?) }
        });
        Ok(parts.buffered(at_once).boxed())
    }

    async fn upload(&self, pieces: Vec<Bytes>, at_once: usize) -> Result<(), Failed> {
        let upload = self.0.put_multipart(&Path::from(UPLOADED)).await?;
        let mut write = WriteMultipart::new_with_chunk_size(upload, PART);
        for piece in pieces {
            // So many are under way before the next one is filled.
            write.wait_for_capacity(at_once - 1).await?;
            write.write(&piece);
        }
        write.finish().await?;
        Ok(())
    }
}
