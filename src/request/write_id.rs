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

    /// Whether it travels unchanged as a header, an attribute or a field: visible ASCII, at most 64 bytes.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.0.len() > 64 {
            return Err("a write id must be at most 64 bytes long".to_owned());
        }
        if self.0.is_empty() || self.0.trim() != &*self.0 || !self.0.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
            return Err("a write id must be visible ASCII, not empty, and without space around it".to_owned());
        }
        Ok(())
    }
}
