use super::{KvDoor, Refused};
use crate::{
    Error, KvClient,
    request::kv::{
        Condition, Delete, Get, GetMany, Key, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value, Version,
    },
};

/// A whole client is a door, too. The client streams a scan where a store pages it, so the door gives one page with
/// everything.
impl KvDoor for KvClient {
    async fn get(&self, get: Get) -> Result<Value, Refused> {
        Ok(self.get(get.key.as_str()).await?.into_value())
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, Refused> {
        let key = put.key.as_str();
        let mut call = match put.condition {
            Condition::Always => self.put(key, put.value),
            Condition::Absent => self.put_if_absent(key, put.value),
            Condition::Version(version) => self.compare_and_set(key, version, put.value),
        };
        if let Some(time_to_live) = put.time_to_live {
            call = call.time_to_live(time_to_live);
        }
        if put.without_expiry {
            call = call.without_expiry();
        }
        Ok(answer(call.write_id(put.write_id).await?.version().cloned()))
    }

    async fn delete(&self, delete: Delete) -> Result<(), Refused> {
        match delete.if_version {
            None => Ok(self.delete(delete.key.as_str()).await?),
            Some(version) => Ok(self.delete_if(delete.key.as_str(), version).await?),
        }
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, Refused>>, Refused> {
        let results = self.get_many(many.keys.iter().map(Key::as_str)).await?;
        let results = results.into_iter();
        Ok(results
            .map(|result| result.map(|fetched| fetched.into_value()).map_err(Refused::from))
            .collect())
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, Refused>>, Refused> {
        let values = many.puts.iter().map(|put| (put.key.as_str(), put.value.clone()));
        let results = self.put_many(values).await?.into_iter();
        Ok(results
            .map(|result: Result<_, Error>| Ok(answer(result?.version().cloned())))
            .collect())
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, Refused> {
        let mut call = self.scan(scan.prefix);
        if let Some(from) = scan.from {
            call = call.from_key(from);
        }
        if let Some(until) = scan.until {
            call = call.until(until);
        }
        if let Some(after) = scan.after {
            call = call.after(after);
        }
        if let Some(limit) = scan.limit {
            call = call.limit(limit);
        }
        Ok(ScanPage::new(call.collect_all().await?.entries, None))
    }

    fn limits(&self) -> Limits {
        self.limits()
    }
}

/// Every adapter gives a version. The checks compare the versions.
fn answer(version: Option<Version>) -> PutAnswer {
    PutAnswer::new(version.unwrap_or_else(|| Version::new("", "")))
}
