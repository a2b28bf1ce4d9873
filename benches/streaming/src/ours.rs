//! evenkeel, with its defaults, over one endpoint.

use crate::{
    client::{Contestant, Failed, Pieces},
    sdk,
    server::BUCKET,
    task::{MIB, PART, UPLOADED},
};
use bytes::Bytes;
use evenkeel::{Endpoint, ObjectClient, Replication, client::object::Source, provider::S3};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

pub(crate) struct Ours(ObjectClient);

impl Ours {
    pub(crate) fn new(url: &str) -> Result<Self, Failed> {
        let store = S3::new(aws_sdk_s3::Client::from_conf(sdk::config(url)), BUCKET).trusting_all_conditions();
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("home", store))
            .replication(Replication::provider_managed())
            .build()?;
        Ok(Self(client))
    }
}

impl Contestant for Ours {
    async fn warm_up(&self, key: &str) -> Result<(), Failed> {
        self.0.head(key).await?;
        Ok(())
    }

    async fn one_stream(&self, key: &str) -> Result<Pieces, Failed> {
        Ok(self.0.get_stream(key).await?.map_err(Failed::from).boxed())
    }

    async fn ranged(&self, key: &str, at_once: usize) -> Result<Pieces, Failed> {
        let call = self.0.get_stream(key).part_size(PART as u64).concurrency(at_once);
        Ok(call.await?.map_err(Failed::from).boxed())
    }

    async fn upload(&self, pieces: Vec<Bytes>, at_once: usize) -> Result<(), Failed> {
        let size = (pieces.len() * MIB) as u64;
        let pieces = stream::iter(pieces.into_iter().map(std::io::Result::Ok));
        let call = self.0.put_stream(UPLOADED, Source::stream(pieces).size(size));
        call.part_size(PART as u64).concurrency(at_once).overwrite().await?;
        Ok(())
    }
}
