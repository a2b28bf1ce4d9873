//! The plain AWS SDK, with its defaults.

use crate::{
    client::{Contestant, Failed, Pieces, parts, ranges},
    server::{BUCKET, KEYS, REGION},
    task::UPLOADED,
};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region},
    types::{CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

pub(crate) struct Sdk(Client);

pub(crate) fn config(url: &str) -> Config {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .force_path_style(true)
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(KEYS.0, KEYS.1, None, None, "bench"))
        .build()
}

impl Sdk {
    pub(crate) fn new(url: &str) -> Self {
        Self(Client::from_conf(config(url)))
    }

    async fn size(&self, key: &str) -> Result<u64, Failed> {
        let known = self.0.head_object().bucket(BUCKET).key(key).send().await?;
        Ok(known.content_length().unwrap_or_default() as u64)
    }

    /// An upload to any key.
    pub(crate) async fn put(&self, key: &str, pieces: Vec<Bytes>, at_once: usize) -> Result<(), Failed> {
        let begun = self.0.create_multipart_upload().bucket(BUCKET).key(key).send().await?;
        let id = begun.upload_id().unwrap_or_default();
        let put = |(number, part): (usize, Bytes)| async move {
            let number = number as i32 + 1;
            let request = self.0.upload_part().bucket(BUCKET).key(key).upload_id(id);
            let stored = request.part_number(number).body(part.into()).send().await?;
            let part = CompletedPart::builder().part_number(number);
            let part = part.set_e_tag(stored.e_tag).set_checksum_crc32(stored.checksum_crc32);
            Ok::<_, Failed>(part.build())
        };
        let stored = parts(pieces).enumerate().map(put).buffered(at_once);
        let stored = stored.try_collect().await?;
        let all = CompletedMultipartUpload::builder().set_parts(Some(stored)).build();
        let complete = self.0.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
        complete.multipart_upload(all).send().await?;
        Ok(())
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Failed> {
        self.0.delete_object().bucket(BUCKET).key(key).send().await?;
        Ok(())
    }
}

impl Contestant for Sdk {
    async fn warm_up(&self, key: &str) -> Result<(), Failed> {
        self.size(key).await.map(drop)
    }

    async fn one_stream(&self, key: &str) -> Result<Pieces, Failed> {
        let got = self.0.get_object().bucket(BUCKET).key(key).send().await?;
        let pieces = stream::try_unfold(got.body, |mut body| async move {
            Ok(body.try_next().await?.map(|piece| (piece, body)))
        });
        Ok(pieces.boxed())
    }

    async fn ranged(&self, key: &str, at_once: usize) -> Result<Pieces, Failed> {
        let size = self.size(key).await?;
        let get = self.0.get_object().bucket(BUCKET).key(key);
        let parts = stream::iter(ranges(size)).map(move |range| {
            let get = get.clone().range(format!("bytes={}-{}", range.start, range.end - 1));
            async move { Ok(get.send().await?.body.collect().await?.into_bytes()) }
        });
        Ok(parts.buffered(at_once).boxed())
    }

    async fn upload(&self, pieces: Vec<Bytes>, at_once: usize) -> Result<(), Failed> {
        self.put(UPLOADED, pieces, at_once).await
    }
}
