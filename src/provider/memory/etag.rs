use std::sync::Arc;

/// A tag that no other write has.
pub(super) fn unique(write: u64) -> Arc<str> {
    format!("\"{write:016x}\"").into()
}

/// A tag that depends on the bytes alone: FNV-1a over 128 bits. The hash must tell apart what tests write, and need not
/// withstand an attacker, so that a dependency on a cryptographic hash is not worth it.
pub(super) fn of(bytes: &[u8]) -> Arc<str> {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = bytes
        .iter()
        .fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
    format!("\"{hash:032x}\"").into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn fnv_matches_the_published_vectors() {
        // Test vectors of the FNV draft (draft-eastlake-fnv, FNV-1a 128).
        assert_eq!(&*super::of(b""), "\"6c62272e07bb014262b821756295c58d\"");
        assert_eq!(&*super::of(b"a"), "\"d228cb696f1a8caf78912b704e4a8964\"");
        assert_eq!(&*super::of(b"foobar"), "\"343e1662793c64bf6f0d3597ba446f18\"");
    }
}
