use super::Refused;
use crate::{
    provider::KvProvider,
    request::kv::{Delete, Get, GetMany, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value},
};
use std::future::Future;

/// Takes the requests of the checks. Every adapter is a door. Implement this trait for anything else that takes
/// requests for keys.
pub trait KvDoor: Send + Sync {
    /// Fetches a value.
    fn get(&self, get: Get) -> impl Future<Output = Result<Value, Refused>> + Send;
    /// Stores a value.
    fn put(&self, put: Put) -> impl Future<Output = Result<PutAnswer, Refused>> + Send;
    /// Removes a value.
    fn delete(&self, delete: Delete) -> impl Future<Output = Result<(), Refused>> + Send;
    /// Fetches several values.
    fn get_many(&self, many: GetMany) -> impl Future<Output = Result<Vec<Result<Value, Refused>>, Refused>> + Send;
    /// Stores several values.
    fn put_many(&self, many: PutMany) -> impl Future<Output = Result<Vec<Result<PutAnswer, Refused>>, Refused>> + Send;
    /// Fetches one page of a scan.
    fn scan(&self, scan: Scan) -> impl Future<Output = Result<ScanPage, Refused>> + Send;
    /// The table's limits.
    fn limits(&self) -> Limits;
}

impl<P: KvProvider> KvDoor for P {
    async fn get(&self, get: Get) -> Result<Value, Refused> {
        Ok(KvProvider::get(self, get).await?)
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, Refused> {
        Ok(KvProvider::put(self, put).await?)
    }

    async fn delete(&self, delete: Delete) -> Result<(), Refused> {
        Ok(KvProvider::delete(self, delete).await?)
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, Refused>>, Refused> {
        let results = KvProvider::get_many(self, many).await?;
        Ok(results
            .into_iter()
            .map(|result| result.map_err(Refused::from))
            .collect())
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, Refused>>, Refused> {
        let results = KvProvider::put_many(self, many).await?;
        Ok(results
            .into_iter()
            .map(|result| result.map_err(Refused::from))
            .collect())
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, Refused> {
        Ok(KvProvider::scan(self, scan).await?)
    }

    fn limits(&self) -> Limits {
        KvProvider::limits(self)
    }
}
