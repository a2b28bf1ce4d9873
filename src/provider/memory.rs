//! A store in this process.
use super::*;
/// A store in this process.
#[derive(Clone, Debug, Default)]
pub struct Memory;
impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self
    }
}
impl ObjectProvider for Memory {
    async fn put(&self, _: Put) -> Result<PutAnswer, ProviderError> {
        Err(ProviderError::not_found())
    }
    async fn get(&self, _: Get) -> Result<Object, ProviderError> {
        Err(ProviderError::not_found())
    }
    async fn head(&self, _: Head) -> Result<ObjectMeta, ProviderError> {
        Err(ProviderError::not_found())
    }
    async fn delete(&self, _: Delete) -> Result<(), ProviderError> {
        Err(ProviderError::not_found())
    }
    async fn list(&self, _: List) -> Result<ListPage, ProviderError> {
        Err(ProviderError::not_found())
    }
}
