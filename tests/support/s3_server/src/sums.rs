//! Checksums: what a client sends is verified, kept and given back.

use bytes::Bytes;
use s3s::{
    S3Result, TrailingHeaders,
    crypto::{Checksum as Hash, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256},
    dto::{Checksum, ChecksumAlgorithm, ChecksumType, CompletedPart},
    s3_error,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    pub(crate) fn named(name: &ChecksumAlgorithm) -> S3Result<Self> {
        let named = Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name.as_str());
        named.ok_or_else(|| s3_error!(InvalidRequest, "Checksum algorithm provided is unsupported."))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => ChecksumAlgorithm::CRC32,
            Self::Crc32c => ChecksumAlgorithm::CRC32C,
            Self::Crc64Nvme => ChecksumAlgorithm::CRC64NVME,
            Self::Sha1 => ChecksumAlgorithm::SHA1,
            Self::Sha256 => ChecksumAlgorithm::SHA256,
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    fn digest<'a>(self, content: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        match self {
            Self::Crc32 => digest::<Crc32>(content).to_vec(),
            Self::Crc32c => digest::<Crc32c>(content).to_vec(),
            Self::Crc64Nvme => digest::<Crc64Nvme>(content).to_vec(),
            Self::Sha1 => digest::<Sha1>(content).to_vec(),
            Self::Sha256 => digest::<Sha256>(content).to_vec(),
        }
    }

    pub(crate) fn of(self, content: &[Bytes]) -> String {
        base64(&self.digest(content.iter().map(|piece| &piece[..])))
    }

    /// A checksum over the parts' checksums.
    pub(crate) fn composite<'a>(self, parts: impl IntoIterator<Item = &'a Checksum>) -> String {
        let parts = parts.into_iter().map(|sums| self.value(sums).unwrap_or_default());
        let parts = parts.map(|sum| base64_simd::STANDARD.decode_to_vec(sum).unwrap_or_default());
        let parts: Vec<Vec<u8>> = parts.collect();
        let sum = base64(&self.digest(parts.iter().map(|part| &part[..])));
        format!("{sum}-{}", parts.len())
    }

    pub(crate) fn value(self, sums: &Checksum) -> Option<&str> {
        match self {
            Self::Crc32 => sums.checksum_crc32.as_deref(),
            Self::Crc32c => sums.checksum_crc32c.as_deref(),
            Self::Crc64Nvme => sums.checksum_crc64nvme.as_deref(),
            Self::Sha1 => sums.checksum_sha1.as_deref(),
            Self::Sha256 => sums.checksum_sha256.as_deref(),
        }
    }

    pub(crate) fn value_of_part(self, part: &CompletedPart) -> Option<&str> {
        match self {
            Self::Crc32 => part.checksum_crc32.as_deref(),
            Self::Crc32c => part.checksum_crc32c.as_deref(),
            Self::Crc64Nvme => part.checksum_crc64nvme.as_deref(),
            Self::Sha1 => part.checksum_sha1.as_deref(),
            Self::Sha256 => part.checksum_sha256.as_deref(),
        }
    }

    /// This algorithm's checksum, as S3 names it in its answers.
    pub(crate) fn as_sums(self, value: String, is_full_object: bool) -> Checksum {
        let mut sums = Checksum {
            checksum_type: Some(ChecksumType::from_static(if is_full_object {
                ChecksumType::FULL_OBJECT
            } else {
                ChecksumType::COMPOSITE
            })),
            ..Checksum::default()
        };
        self.set(&mut sums, value);
        sums
    }

    fn set(self, sums: &mut Checksum, value: String) {
        let slot = match self {
            Self::Crc32 => &mut sums.checksum_crc32,
            Self::Crc32c => &mut sums.checksum_crc32c,
            Self::Crc64Nvme => &mut sums.checksum_crc64nvme,
            Self::Sha1 => &mut sums.checksum_sha1,
            Self::Sha256 => &mut sums.checksum_sha256,
        };
        *slot = Some(value);
    }

    /// The algorithm that these checksums are of.
    pub(crate) fn in_use(sums: &Checksum) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.value(sums).is_some())
    }
}

/// The checksums that an input of s3s's names in its header.
macro_rules! given {
    ($input:expr) => {
        s3s::dto::Checksum {
            checksum_crc32: $input.checksum_crc32.take(),
            checksum_crc32c: $input.checksum_crc32c.take(),
            checksum_crc64nvme: $input.checksum_crc64nvme.take(),
            checksum_sha1: $input.checksum_sha1.take(),
            checksum_sha256: $input.checksum_sha256.take(),
            checksum_type: None,
        }
    };
}
pub(crate) use given;

/// Adds what came after the body. Only to be asked for once the body was read.
pub(crate) fn add_trailer(sums: &mut Checksum, trailer: Option<&TrailingHeaders>) {
    let Some(headers) = trailer.and_then(TrailingHeaders::take) else {
        return;
    };
    for algorithm in Algorithm::ALL {
        if let Some(Ok(value)) = headers.get(algorithm.header()).map(|value| value.to_str()) {
            algorithm.set(sums, value.to_owned());
        }
    }
}

/// Compares what the client said of a body with the body. The answer is the client's algorithm, if it named one.
pub(crate) fn verify(
    content: &Bytes,
    md5: &[u8; 16],
    content_md5: Option<&str>,
    given: &Checksum,
    algorithm: Option<&ChecksumAlgorithm>,
) -> S3Result<Option<Algorithm>> {
    if let Some(said) = content_md5 {
        match base64_simd::STANDARD.decode_to_vec(said) {
            Ok(said) if said == md5 => {}
            Ok(said) if said.len() == md5.len() => {
                return Err(s3_error!(
                    BadDigest,
                    "The Content-MD5 you specified did not match what we received."
                ));
            }
            _ => return Err(s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid.")),
        }
    }
    let said: Vec<_> = Algorithm::ALL
        .into_iter()
        .filter(|one| one.value(given).is_some())
        .collect();
    let Some(&one) = said.first() else {
        return match algorithm {
            None => Ok(None),
            Some(_) => Err(s3_error!(
                InvalidRequest,
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers \
                 were found."
            )),
        };
    };
    if said.len() > 1 {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    let sum = one.digest([&content[..]]);
    let value = base64_simd::STANDARD.decode_to_vec(one.value(given).unwrap_or_default());
    let value = value.unwrap_or_default();
    if value.len() != sum.len() {
        return Err(s3_error!(
            InvalidRequest,
            "Value for {} header is invalid.",
            one.header()
        ));
    }
    if value != sum {
        return Err(s3_error!(
            BadDigest,
            "The {} you specified did not match the calculated checksum.",
            one.name()
        ));
    }
    Ok(Some(one))
}

pub(crate) fn md5(content: &[Bytes]) -> [u8; 16] {
    digest::<Md5>(content.iter().map(|piece| &piece[..]))
}

/// The ETag of an upload: the digest of the parts' digests, and how many there are.
pub(crate) fn multipart_etag(parts: &[[u8; 16]]) -> String {
    let all = digest::<Md5>(parts.iter().map(|md5| &md5[..]));
    format!("{}-{}", crate::store::hex(&all), parts.len())
}

fn digest<'a, H: Hash>(content: impl IntoIterator<Item = &'a [u8]>) -> H::Output {
    let mut hash = H::new();
    content.into_iter().for_each(|piece| hash.update(piece));
    hash.finalize()
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}
