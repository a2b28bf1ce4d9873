//! Ed25519 keys, as people keep them.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;

/// A private key, which signs reports. `Debug` shows the public key alone.
pub struct SigningKey(Ed25519KeyPair);

/// A public key, which proves who signed. Get it from the signer, and not from the report.
///
/// `Display` is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; LENGTH]);

const LENGTH: usize = 32;

/// What `openssl` puts before an Ed25519 public key: RFC 8410.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A text or bytes that are no key. It does not show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is no private key.
    #[error("this is no Ed25519 private key: give PKCS#8 (PEM or DER), or a seed of 32 bytes or 64 hexadecimal digits")]
    Private,
    /// It is no public key.
    #[error("this is no Ed25519 public key: give PEM, or 64 hexadecimal digits")]
    Public,
    /// A private key was given where a public one belongs.
    #[error("this is a private key: keep it, and give the public one")]
    PrivateForPublic,
}

impl SigningKey {
    /// Reads a key as it lies in a file: PKCS#8 as PEM or DER, as `openssl genpkey -algorithm ed25519` makes it, or a seed
    /// of 32 bytes or 64 hexadecimal digits.
    ///
    /// # Errors
    /// If it is nothing of that.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = match std::str::from_utf8(bytes).map(str::trim) {
            Ok(text) if text.starts_with("-----BEGIN") => {
                let der = pem(text, "PRIVATE KEY").ok_or(KeyError::Private)?;
                Ed25519KeyPair::from_pkcs8(&der)
            }
            Ok(text) if text.len() == 2 * LENGTH => {
                let seed = hex(text).ok_or(KeyError::Private)?;
                Ed25519KeyPair::from_seed_unchecked(&seed)
            }
            _ if bytes.len() == LENGTH => Ed25519KeyPair::from_seed_unchecked(bytes),
            _ => Ed25519KeyPair::from_pkcs8(bytes),
        };
        key.map(Self).map_err(|_| KeyError::Private)
    }

    /// The public key, to be given to whoever will verify.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; LENGTH];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public_key()).finish()
    }
}

impl PublicKey {
    /// Reads a key as it lies in a file: PEM, as `openssl pkey -pubout` makes it, or 64 hexadecimal digits.
    ///
    /// # Errors
    /// If it is nothing of that.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::PrivateForPublic);
        }
        if let Some(der) = pem(text, "PUBLIC KEY") {
            let bytes = der.strip_prefix(&SPKI).ok_or(KeyError::Public)?;
            return bytes.try_into().map(Self).map_err(|_| KeyError::Public);
        }
        hex(text).map(Self).ok_or(KeyError::Public)
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

fn hex(text: &str) -> Option<[u8; LENGTH]> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| Some(digit.to_digit(16)? as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * LENGTH)?;
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(bytes)
}

/// The bytes between the lines of PEM with this label.
fn pem(text: &str, label: &str) -> Option<Vec<u8>> {
    let inner = text
        .strip_prefix(&format!("-----BEGIN {label}-----"))?
        .strip_suffix(&format!("-----END {label}-----"))?;
    let letters: String = inner.split_whitespace().collect();
    let full = letters.trim_end_matches('=');
    if !letters.len().is_multiple_of(4) || letters.len() - full.len() > 2 {
        return None;
    }
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in full.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    Some(bytes)
}
