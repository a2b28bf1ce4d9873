//! OpenDAL's service for S3.

use crate::{
    client::{Contestant, Failed, Pieces},
    server::{BUCKET, KEYS, REGION},
    task::{PART, UPLOADED},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use opendal::{Operator, services::S3};

pub(crate) struct Dal(Operator);

impl Dal {
    pub(crate) fn new(url: &str) -> Result<Self, Failed> {
        opendal::install_default();
        let service = S3::default()
            .endpoint(url)
            .bucket(BUCKET)
            .region(REGION)
            .access_key_id(KEYS.0)
            .secret_access_key(KEYS.1)
            .disable_config_load()
            .disable_ec2_metadata();
        Ok(Self(Operator::new(service)?))
    }
}

impl Contestant for Dal {
    async fn warm_up(&self, key: &str) -> Result<(), Failed> {
        self.0.stat(key).await?;
        Ok(())
    }

    async fn one_stream(&self, key: &str) -> Result<Pieces, Failed> {
        let pieces = self.0.reader(key).await?.into_bytes_stream(..).await?;
        Ok(pieces.map_err(Failed::from).boxed())
    }

    async fn ranged(&self, key: &str, at_once: usize) -> Result<Pieces, Failed> {
        let reader = self.0.reader_with(key).chunk(PART).concurrent(at_once).await?;
        let pieces = reader.into_bytes_stream(..).await?;
        Ok(pieces.map_err(Failed::from).boxed())
    }

    async fn upload(&self, pieces: Vec<Bytes>, at_once: usize) -> Result<(), Failed> {
        let mut writer = self.0.writer_with(UPLOADED).chunk(PART).concurrent(at_once).await?;
        for piece in pieces {
            writer.write(piece).await?;
        }
        writer.close().await?;
        Ok(())
    }
}
