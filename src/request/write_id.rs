use std::sync::Arc;

/// Identifies one logical write across its attempts: 128 random bits in hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteId(Arc<str>);

impl WriteId {
    /// The name under which it travels in an object's metadata.
    pub const METADATA_KEY: &'static str = "evenkeel-write";

    /// A new id from this generator.
    pub fn generate(rng: &mut fastrand::Rng) -> Self {
        Self(format!("{:032x}", rng.u128(..)).into())
    }

    /// An id of the caller's, or one that was read back.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
