use sha2::{Digest, Sha256};

/// A share of the callers, by a hash of a key that each caller has: a tenant, a user, a device.
///
/// The same key is in or out for as long as share and seed are the same, in every process and on every platform. A
/// larger share with the same seed contains the smaller. Another seed chooses other callers: draw one for each drill,
/// so that it does not always hit the same.
///
/// ```
/// use evenkeel::drill::cohort::Cohort;
///
/// let cohort = Cohort::new(0.01, 2026_11)?;
/// let chosen = (0..100_000).filter(|tenant| cohort.contains(format!("tenant-{tenant}"))).count();
/// assert!((850..1_150).contains(&chosen), "{chosen}");
/// assert!(Cohort::new(0.0, 7).is_err() && Cohort::new(f64::NAN, 7).is_err());
/// # Ok::<(), evenkeel::drill::cohort::InvalidShare>(())
/// ```
///
/// The hash is SHA-256 over `evenkeel cohort 1`, a line feed, the seed in eight bytes with the highest first, and the
/// key. Its first 53 bits, as a fraction, are compared with the share. So a caller who knows the seed can choose a key
/// that is in; keep it from callers who would.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cohort {
    share: f64,
    seed: u64,
}

/// A share of the callers that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a share of {0} of the callers is not above 0 and up to 1")]
pub struct InvalidShare(f64);

impl Cohort {
    /// This share of the callers: 0.01 is one in a hundred.
    ///
    /// # Errors
    /// The share is not above 0 and up to 1.
    pub fn new(share: f64, seed: u64) -> Result<Self, InvalidShare> {
        match share > 0.0 && share <= 1.0 {
            true => Ok(Self { share, seed }),
            false => Err(InvalidShare(share)),
        }
    }

    /// Whether the caller with this key is one of them.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        let hash = Sha256::new()
            .chain_update(b"evenkeel cohort 1\n")
            .chain_update(self.seed.to_be_bytes())
            .chain_update(key)
            .finalize();
        let first = hash.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        // A fraction below 1 with all the bits that an f64 holds exactly.
        let fraction = (first >> 11) as f64 / (1_u64 << 53) as f64;
        fraction < self.share
    }

    /// The share.
    pub const fn share(&self) -> f64 {
        self.share
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_share_that_makes_no_sense_is_refused() {
        for share in [f64::NAN, 0.0, -0.0, -0.1, 1.000_001, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Cohort::new(share, 7).is_err(), "{share}");
        }
        assert!(Cohort::new(f64::MIN_POSITIVE, 7).is_ok());
        let all = Cohort::new(1.0, 7).unwrap();
        assert!((0..1_000).all(|key: u32| all.contains(key.to_be_bytes())));
    }

    /// Computed once in Python: processes of other builds and platforms choose the same callers.
    #[test]
    fn the_choice_is_the_same_everywhere() {
        let cohort = Cohort::new(0.5, 7).unwrap();
        let chosen: Vec<_> = ["", "a", "tenant-1", "tenant-2", "müller", "\0"]
            .map(|key| cohort.contains(key))
            .into();
        assert_eq!(chosen, CHOSEN);
    }

    const CHOSEN: [bool; 6] = [true, false, false, true, true, false];

    proptest! {
        #[test]
        fn a_larger_share_contains_the_smaller(key: Vec<u8>, seed: u64, one in 0.001_f64..1.0, other in 0.001_f64..1.0) {
            let [small, large] = [one.min(other), one.max(other)].map(|share| Cohort::new(share, seed).unwrap());
            prop_assert!(!small.contains(&key) || large.contains(&key));
        }

        /// Six standard deviations around the share.
        #[test]
        fn as_many_are_chosen_as_the_share_says(seed: u64, share in 0.01_f64..0.99) {
            let cohort = Cohort::new(share, seed).unwrap();
            let n = 5_000;
            let chosen = (0..n).filter(|key: &u32| cohort.contains(format!("user {key}"))).count() as f64;
            let (mean, deviation) = (f64::from(n) * share, (f64::from(n) * share * (1.0 - share)).sqrt());
            prop_assert!((chosen - mean).abs() < 6.0 * deviation, "{chosen} of {mean}");
        }

        #[test]
        fn another_seed_chooses_others(seed: u64, other: u64) {
            prop_assume!(seed != other);
            let [one, two] = [seed, other].map(|seed| Cohort::new(0.1, seed).unwrap());
            let both = (0..2_000_u32).filter(|key| one.contains(key.to_be_bytes()) && two.contains(key.to_be_bytes()));
            // By chance a hundredth of them: 20, and six standard deviations.
            prop_assert!(both.count() < 50);
        }
    }
}
