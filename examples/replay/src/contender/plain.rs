//! The AWS SDK at a bucket.

use super::{super::load, Contender, Right, Tally, chain, compare};
use aws_sdk_s3::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    primitives::ByteStream,
};
use evenkeel::BoxError;
use std::{sync::Arc, time::Duration};

/// The SDK as it comes, with its default retries, at the first place.
#[derive(Clone)]
pub(crate) struct PlainSdk {
    pub(crate) client: aws_sdk_s3::Client,
    pub(crate) bucket: &'static str,
}

impl Contender for PlainSdk {
    /// It has no limit of its own for a whole call; ten seconds is evenkeel's default.
    const CUT: Duration = Duration::from_secs(10);

    async fn get(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let request = self.client.get_object().bucket(self.bucket).key(key);
        let answer = request.customize().interceptor(Count(tally.clone())).send().await;
        let object = answer.map_err(|error| chain(&error))?;
        let body = object.body.collect().await.map_err(|error| chain(&error))?;
        compare(key, &body.into_bytes()).map(|()| None)
    }

    /// Without a condition: a retry that met its own first success would fail on one, and that would be our doing.
    async fn put(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let body = ByteStream::from(load::body(key));
        let request = self.client.put_object().bucket(self.bucket).key(key).body(body);
        let answer = request.customize().interceptor(Count(tally.clone())).send().await;
        answer.map(|_| None).map_err(|error| chain(&error))
    }
}

/// Counts one call's attempts.
#[derive(Debug)]
pub(super) struct Count(pub(super) Arc<Tally>);

impl Intercept for Count {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.attempt(0);
        Ok(())
    }
}
