//! CRC-64/NVME: the checksum of a body, which is that of its parts put together.

use crc_fast::CrcAlgorithm;

/// The checksum of these bytes.
pub(crate) fn of(bytes: &[u8]) -> u64 {
    crc_fast::crc64_nvme(bytes)
}

/// The checksum of two bodies, one after the other; the second has so many bytes.
pub(crate) fn joined(first: u64, second: u64, bytes: u64) -> u64 {
    crc_fast::checksum_combine(CrcAlgorithm::Crc64Nvme, first, second, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_catalogue() {
        assert_eq!(of(b"123456789"), 0xae8b_1486_0a79_9888);
        assert_eq!(of(b""), 0);
    }

    #[test]
    fn the_checksum_of_parts_is_that_of_the_whole() {
        let whole: Vec<u8> = (0..100_000_u32).map(|at| (at / 7) as u8).collect();
        for at in [0, 1, 15, 4_096, 77_777, whole.len()] {
            let (one, other) = whole.split_at(at);
            assert_eq!(joined(of(one), of(other), other.len() as u64), of(&whole), "{at}");
        }
    }
}
