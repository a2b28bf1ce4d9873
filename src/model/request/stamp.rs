use sha2::{Digest, Sha256};
use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What the id of a write says about the write: when, by whom, of what. An id that a client draws is a stamp as text.
///
/// The text has 55 characters of visible ASCII: `~1`, one character for the kind, and 39 bytes in base64url without
/// padding. All numbers are big-endian. `docs/STAMP.md` in the repository is the page for other tools.
///
/// | part | bits | meaning |
/// |---|---|---|
/// | `kind` | 6 | kind (4 bits), and whether `write` is a hash and `crc` is there |
/// | [`at`](Self::at) | 56 | microseconds since 1970, by the writer's clock, which never goes back |
/// | [`writer`](Self::writer) | 48 | the client that made the stamp: random |
/// | [`write`](Self::write) | 72 | the write: unique in its writer, or the hash of an id that the caller chose |
/// | [`over`](Self::over) | 36 | the [`digest`](Self::digest) of the stamp that this write replaces; 0 if unknown |
/// | [`bind`](Self::bind) | 36 | the digest of the key and the body's length; 0 if unknown |
/// | [`crc`](Self::crc) | 64 | CRC-64/NVME of the body, if known |
///
/// Two stamps are equal if all but `crc` is equal. Stamps are ordered by `at`, `writer` and `write`; the other parts
/// decide only between stamps that have these three in common.
///
/// ```
/// use evenkeel::{Endpoint, ObjectClient, provider::Memory, request::{StampKind, WriteId}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
/// client.put("k", "v").write_id(WriteId::new("order-42")).await?;
/// let id = client.head("k").await?.into_meta().write_id.unwrap();
/// let stamp = id.stamp().unwrap();
/// assert_eq!(stamp.kind(), StampKind::VALUE);
/// assert!(stamp.is_hashed() && id.names_same_write(&WriteId::new("order-42")));
/// assert!(WriteId::new("order-42").stamp().is_none());
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub(crate) at: u64,
    pub(crate) writer: u64,
    pub(crate) write: u128,
    pub(crate) over: u64,
    pub(crate) bind: u64,
    pub(crate) crc: Option<u64>,
    pub(crate) kind: StampKind,
    pub(crate) hashed: bool,
}

/// What lies under a stamp. A kind that this version does not know is kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StampKind(u8);

impl StampKind {
    /// An object or a value.
    pub const VALUE: Self = Self(0);
    /// The record of a delete.
    pub const TOMBSTONE: Self = Self(1);
    /// The record of a write whose body lies elsewhere.
    pub const WITNESS: Self = Self(2);

    /// The number of the kind: 0 to 15.
    pub const fn code(self) -> u8 {
        self.0
    }
}

/// How a stamp begins: a character that no base64 and no hex has, and the version of the format.
const PREFIX: &[u8] = b"~1";
/// The bytes behind prefix and kind.
const BYTES: usize = 39;
const HASHED: u8 = 1 << 4;
const HAS_CRC: u8 = 1 << 5;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NO_DIGIT: u8 = 64;
/// By character: the value of a digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

const AT: u64 = (1 << 56) - 1;
pub(super) const WRITE: u128 = (1 << 72) - 1;
const DIGEST: u64 = (1 << 36) - 1;

impl Stamp {
    /// The length of the text in bytes.
    pub const TEXT_BYTES: usize = 55;

    /// When the write was made, by its writer's clock.
    pub fn at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.at)
    }

    /// The writer: 48 bits.
    pub const fn writer(&self) -> u64 {
        self.writer
    }

    /// The write: 72 bits.
    pub const fn write(&self) -> u128 {
        self.write
    }

    /// Whether [`write`](Self::write) is the hash of an id that the caller chose: the first 72 bits of its SHA-256.
    pub const fn is_hashed(&self) -> bool {
        self.hashed
    }

    /// The [`digest`](Self::digest) of the stamp that this write replaces. 0: unknown, or nothing was there. Today it
    /// is always 0.
    pub const fn over(&self) -> u64 {
        self.over
    }

    /// The digest of the key and the body's length. 0: unknown.
    pub const fn bind(&self) -> u64 {
        self.bind
    }

    /// The CRC-64/NVME of the body. `None`: whoever made the stamp did not have the whole body. A
    /// [put](crate::ObjectClient::put) has it; an upload in parts, a copy and a value of a table have not.
    pub const fn crc(&self) -> Option<u64> {
        self.crc
    }

    /// The kind of what lies there.
    pub const fn kind(&self) -> StampKind {
        self.kind
    }

    /// What a successor has as its [`over`](Self::over): the first 36 bits of the SHA-256 of `at`, `writer` and `write`
    /// as 22 bytes; never 0.
    pub fn digest(&self) -> u64 {
        digest(Sha256::new().chain_update(&self.bytes()[..22]))
    }

    /// Whether the stamp was made for this key and a body of this many bytes. A stamp that does not fit came along with
    /// a copy that evenkeel did not make, and proves nothing. A stamp without [`bind`](Self::bind) fits everywhere.
    pub fn fits(&self, key: &str, size: u64) -> bool {
        self.bind == 0 || self.bind == bind(key, size)
    }

    /// The earliest time of a stamp that is to be above this one.
    #[cfg(test)]
    pub(crate) fn later(&self) -> u64 {
        after(self.at)
    }

    /// The stamp of exactly this text. Every other text is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (&[kind], digits) = text.as_bytes().strip_prefix(PREFIX)?.split_first_chunk()?;
        let digits: &[u8; BYTES / 3 * 4] = digits.try_into().ok()?;
        let kind = DIGITS[usize::from(kind)];
        // With a wrong digit the sum has a bit above the six.
        let mut all = kind;
        let mut bytes = [0; BYTES];
        for (four, three) in digits.chunks_exact(4).zip(bytes.chunks_exact_mut(3)) {
            let mut value = 0;
            for &digit in four {
                let digit = DIGITS[usize::from(digit)];
                all |= digit;
                value = value << 6 | u32::from(digit);
            }
            three.copy_from_slice(&value.to_be_bytes()[1..]);
        }
        let number = |from: usize, to: usize| bytes[from..to].iter().fold(0, |sum, &byte| sum << 8 | u128::from(byte));
        let (over_and_bind, crc) = (number(22, 31), number(31, 39) as u64);
        let has_crc = kind & HAS_CRC != 0;
        let valid = all < NO_DIGIT && (has_crc || crc == 0);
        valid.then_some(Self {
            at: number(0, 7) as u64,
            writer: number(7, 13) as u64,
            write: number(13, 22),
            over: (over_and_bind >> 36) as u64,
            bind: over_and_bind as u64 & DIGEST,
            crc: has_crc.then_some(crc),
            kind: StampKind(kind & 0xf),
            hashed: kind & HASHED != 0,
        })
    }

    fn bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let over_and_bind = u128::from(self.over & DIGEST) << 36 | u128::from(self.bind & DIGEST);
        bytes[..7].copy_from_slice(&self.at.to_be_bytes()[1..]);
        bytes[7..13].copy_from_slice(&self.writer.to_be_bytes()[2..]);
        bytes[13..22].copy_from_slice(&self.write.to_be_bytes()[7..]);
        bytes[22..31].copy_from_slice(&over_and_bind.to_be_bytes()[7..]);
        bytes[31..].copy_from_slice(&self.crc.unwrap_or(0).to_be_bytes());
        bytes
    }

    pub(super) fn text(&self) -> [u8; Self::TEXT_BYTES] {
        let mut text = [0; Self::TEXT_BYTES];
        let flag = |is_set, bit| if is_set { bit } else { 0 };
        let kind = self.kind.0 | flag(self.hashed, HASHED) | flag(self.crc.is_some(), HAS_CRC);
        text[..2].copy_from_slice(PREFIX);
        text[2] = ALPHABET[usize::from(kind & 63)];
        for (three, four) in self.bytes().chunks_exact(3).zip(text[3..].chunks_exact_mut(4)) {
            four.copy_from_slice(&base64(three[0], three[1], three[2]));
        }
        text
    }

    const fn order(&self) -> (u64, u64, u128, u64, u64, StampKind, bool) {
        (
            self.at,
            self.writer,
            self.write,
            self.over,
            self.bind,
            self.kind,
            self.hashed,
        )
    }
}

/// Three bytes as four characters of base64url.
pub(super) fn base64(one: u8, two: u8, three: u8) -> [u8; 4] {
    let value = u32::from_be_bytes([0, one, two, three]);
    [18, 12, 6, 0].map(|shift| ALPHABET[(value >> shift) as usize & 63])
}

pub(super) fn is_base64(text: &str) -> bool {
    text.bytes().all(|byte| DIGITS[usize::from(byte)] != NO_DIGIT)
}

/// Microseconds since 1970, in 56 bits: 0 before 1970, and the most after the year 4253.
pub(super) fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(AT).min(AT)
}

/// The microsecond after this one.
pub(super) fn after(at: u64) -> u64 {
    (at + 1).min(AT)
}

/// What binds a stamp to a key and a body's length: the first 36 bits of the SHA-256 of the length as 8 bytes, and the
/// key; never 0.
pub(super) fn bind(key: &str, size: u64) -> u64 {
    digest(Sha256::new().chain_update(size.to_be_bytes()).chain_update(key))
}

/// What names an id that a caller chose: the first 72 bits of its SHA-256.
pub(super) fn hash(id: &str) -> u128 {
    first_bytes(Sha256::new().chain_update(id)) >> 56
}

fn digest(hash: Sha256) -> u64 {
    ((first_bytes(hash) >> 92) as u64).max(1)
}

fn first_bytes(hash: Sha256) -> u128 {
    let hash: [u8; 32] = hash.finalize().into();
    hash.first_chunk().map_or(0, |first| u128::from_be_bytes(*first))
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Stamp {}

impl Hash for Stamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.order().hash(state);
    }
}

impl Ord for Stamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The text.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All of it is ASCII.
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
