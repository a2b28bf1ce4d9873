//! The AWS SDK at a table.

use super::{super::load, Contender, PlainSdk, Right, Tally, chain, compare, plain::Count};
use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use std::{sync::Arc, time::Duration};

/// The SDK as it comes, with its default retries, at the first place.
#[derive(Clone)]
pub(crate) struct PlainRows {
    pub(crate) client: Client,
    pub(crate) table: &'static str,
}

impl Contender for PlainRows {
    const CUT: Duration = PlainSdk::CUT;

    async fn get(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let request = self.client.get_item().table_name(self.table).consistent_read(true);
        let request = request.key("key", AttributeValue::S(key.to_owned()));
        let answer = request.customize().interceptor(Count(tally.clone())).send().await;
        let row = answer.map_err(|error| chain(&error))?.item;
        match row.as_ref().and_then(|row| row.get("value")) {
            Some(AttributeValue::B(value)) => compare(key, value.as_ref()).map(|()| None),
            _ => Err("answered without a value".to_owned()),
        }
    }

    /// Without a condition, as [`PlainSdk`] puts.
    async fn put(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let value = AttributeValue::B(Blob::new(load::body(key)));
        let request = self.client.put_item().table_name(self.table);
        let request = request
            .item("key", AttributeValue::S(key.to_owned()))
            .item("value", value);
        let answer = request.customize().interceptor(Count(tally.clone())).send().await;
        answer.map(|_| None).map_err(|error| chain(&error))
    }
}
