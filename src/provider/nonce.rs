//! Names that nobody else draws.

use super::{ProviderError, refusal::wrong};
use crate::verdict::table::Symptom;

/// 96 bits of the operating system's entropy: no seed of ours, so that no two processes draw the same.
pub(super) fn draw() -> Result<u128, ProviderError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| {
        wrong(Symptom::NotBuilt, None).with_message("the operating system has no entropy for the name of an upload")
    })?;
    Ok(u128::from_be_bytes(bytes) >> 32)
}

/// The digits of a text of [`written`].
const DIGITS: usize = 24;

/// What was drawn, as text.
pub(super) fn written(nonce: u128) -> String {
    format!("{nonce:0DIGITS$x}")
}

/// The nonce that was [`written`] so. `None`: none was.
pub(super) fn read(text: &str) -> Option<u128> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let is_one = text.len() == DIGITS && text.bytes().all(digit);
    u128::from_str_radix(text, 16).ok().filter(|_| is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ_and_are_read_back() {
        let (one, other) = (draw().unwrap(), draw().unwrap());
        assert_ne!(one, other);
        for nonce in [0, one, (1 << 96) - 1] {
            assert_eq!(read(&written(nonce)), Some(nonce));
        }
        for text in [
            "",
            "0000000000004711",
            "+00000000000000000000001",
            "00000000000000000000000G",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
