use super::{ObjectDoor, Refused};
use crate::{
    ErrorKind, ObjectClient,
    provider::ProviderErrorKind,
    request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode},
};

/// A whole client is a door, too. The client streams a listing where a store pages it, so the door gives one page with
/// everything.
impl ObjectDoor for ObjectClient {
    async fn put(&self, put: Put) -> Result<PutAnswer, Refused> {
        let mut call = self.put(put.key.as_str(), put.body);
        for (name, value) in &put.attributes.metadata {
            call = call.metadata(name, value);
        }
        if let Some(value) = &put.attributes.content_type {
            call = call.content_type(value);
        }
        if let Some(value) = &put.attributes.cache_control {
            call = call.cache_control(value);
        }
        if let Some(value) = &put.attributes.content_disposition {
            call = call.content_disposition(value);
        }
        if let Some(value) = &put.attributes.content_encoding {
            call = call.content_encoding(value);
        }
        if let Some(value) = &put.attributes.content_language {
            call = call.content_language(value);
        }
        if let Some(id) = put.write_id {
            call = call.write_id(id);
        }
        call = match put.mode {
            PutMode::Create => call,
            PutMode::Overwrite => call.overwrite(),
            PutMode::IfMatch(tag) => call.if_match(tag),
        };
        Ok(PutAnswer::new(call.await?.etag().cloned()))
    }

    async fn get(&self, get: Get) -> Result<Object, Refused> {
        let mut call = self.get(get.key.as_str());
        let ranged = get.range.is_some();
        if let Some(range) = get.range {
            call = call.range(range);
        }
        if let Some(tag) = get.if_match {
            call = call.if_match(tag);
        }
        if let Some(tag) = get.if_none_match {
            call = call.if_none_match(tag);
        }
        let fetched = call.await.map_err(|error| match error.kind() {
            // A client refuses an empty range before it asks anyone: the same refusal, said sooner.
            ErrorKind::InvalidInput if ranged => {
                Refused::new(ProviderErrorKind::RangeNotSatisfiable, error.to_string())
            }
            _ => error.into(),
        });
        Ok(fetched?.into_object())
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, Refused> {
        let call = self.head(head.key.as_str());
        let meta = match head.if_match {
            Some(tag) => call.if_match(tag).await?,
            None => call.await?,
        };
        Ok(meta.into_meta())
    }

    async fn delete(&self, delete: Delete) -> Result<(), Refused> {
        let call = self.delete(delete.key.as_str());
        match delete.if_match {
            Some(tag) => call.if_match(tag).await?,
            None => call.await?,
        }
        Ok(())
    }

    async fn list(&self, list: List) -> Result<ListPage, Refused> {
        let mut call = self.list(list.prefix);
        if let Some(start_after) = list.start_after {
            call = call.start_after(start_after);
        }
        if let Some(delimiter) = list.delimiter {
            call = call.delimiter(delimiter);
        }
        if let Some(limit) = list.limit {
            call = call.limit(limit);
        }
        Ok(ListPage::new(call.collect_all().await?.entries, None))
    }
}
