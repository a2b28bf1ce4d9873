use std::sync::Arc;

/// Identifies one logical write across its attempts: 128 random bits in hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteId(Arc<str>);

impl WriteId {
    /// The name of the id in an object's metadata.
    pub const METADATA_KEY: &'static str = "evenkeel-write";

    /// The longest id in bytes.
    pub const MAX_BYTES: usize = 64;

    /// A new id from this generator.
    pub(crate) fn generate(rng: &mut fastrand::Rng) -> Self {
        Self(format!("{:032x}", rng.u128(..)).into())
    }

    /// An id that the caller chose, or that was read back: 1 to 64 visible ASCII characters, without blanks. A put
    /// refuses any other id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that the id travels unchanged as a header, an attribute or a field: 1 to 64 characters of visible ASCII.
    pub(crate) fn check(&self) -> Result<(), String> {
        let visible = self.0.bytes().all(|b| b.is_ascii_graphic());
        match visible && (1..=Self::MAX_BYTES).contains(&self.0.len()) {
            true => Ok(()),
            false => Err(format!(
                "a write id must be 1 to {} visible ASCII characters, without blanks",
                Self::MAX_BYTES
            )),
        }
    }
}
