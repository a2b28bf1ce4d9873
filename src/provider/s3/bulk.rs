//! Many deletes in one request.

use super::{S3, error::failed};
use crate::{
    provider::{
        ProviderError,
        aws::{Repeats, again},
        refusal::{Asked, refused, wrong},
        span::record,
    },
    request::{Key, object::DeleteMany},
    verdict::{Finding, table::Symptom},
};
use aws_sdk_s3::{
    operation::RequestId,
    types::{Delete, ObjectIdentifier},
};
use std::collections::BTreeMap;

/// The most keys of one `DeleteObjects`.
pub(super) const MOST: usize = 1_000;
/// The status of a refusal that stands in the body of a success: a known code says more.
const FAILED: u16 = 500;

impl S3 {
    pub(super) async fn removed(&self, many: DeleteMany) -> Result<Vec<Result<(), ProviderError>>, ProviderError> {
        let named = many.keys.iter().filter(|key| is_kept_by_xml(key));
        let named = named.map(|key| ObjectIdentifier::builder().key(key.as_str()).build());
        // The builders miss nothing: each key is there.
        let delete = named
            .collect::<Result<Vec<_>, _>>()
            .and_then(|named| Delete::builder().set_objects(Some(named)).quiet(false).build());
        let Ok(delete) = delete else {
            return Err(ProviderError::unsupported("these keys cannot be named in one request"));
        };
        if delete.objects().is_empty() || delete.objects().len() > MOST {
            return Err(ProviderError::unsupported("one request removes 1 to 1,000 objects"));
        }
        let ask = || {
            let request = self.client.delete_objects().bucket(&*self.bucket);
            request.delete(delete.clone()).send()
        };
        let answer = again(Repeats::Success, ask).await;
        let answer = answer.map_err(|error| failed(Asked::List, &error))?;
        record(answer.request_id());
        let id = answer.request_id();
        let mut said: BTreeMap<&str, Result<(), ProviderError>> = BTreeMap::new();
        for removed in answer.deleted() {
            if let Some(key) = removed.key() {
                said.insert(key, Ok(()));
            }
        }
        for error in answer.errors() {
            if let Some(key) = error.key() {
                said.insert(key, of_one(error, id));
            }
        }
        let answers: Vec<_> = many
            .keys
            .iter()
            .map(|key| match said.remove(key.as_str()) {
                Some(said) => said,
                None if is_kept_by_xml(key) => Err(wrong(Symptom::ErrorDocument, id)),
                None => Err(ProviderError::unsupported("XML would not keep the key as it is")),
            })
            .collect();
        match answers.iter().all(Result::is_err) {
            true => answers.into_iter().next().unwrap_or(Ok(())).map(|()| Vec::new()),
            false => Ok(answers),
        }
    }
}

/// A server that reads XML may drop blanks at either end, and would remove another object.
fn is_kept_by_xml(key: &Key) -> bool {
    let key = key.as_str();
    key.trim() == key && !key.chars().any(char::is_control)
}

/// What the store says of one key.
fn of_one(error: &aws_sdk_s3::types::Error, id: Option<&str>) -> Result<(), ProviderError> {
    if error.code() == Some("NoSuchKey") {
        return Ok(());
    }
    let finding = Finding::refusal(FAILED, error.code(), error.message()).with_request_id(id);
    Err(refused(Asked::List, finding, Some(FAILED)))
}
