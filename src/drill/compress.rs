use super::Scenario;
use std::time::Duration;

impl Scenario {
    /// The same scenario in `total`. Phases keep their proportions, but each phase gets at least a twentieth of the
    /// whole, so that a phase of minutes in an incident of hours stays visible. (With more than ten phases the minimum
    /// is less: half of an equal share.) The longer phases give in proportion what the short phases gain.
    ///
    /// Only phases shrink. Delays, rates and probabilities stay: a client sees a hang of the original length.
    #[must_use]
    pub fn compressed(&self, total: Duration) -> Self {
        let mut compressed = self.clone();
        let wanted: Vec<u128> = self.phases.iter().map(|phase| phase.duration.as_nanos()).collect();
        for (phase, nanos) in compressed.phases.iter_mut().zip(shares(&wanted, total.as_nanos())) {
            phase.duration = from_nanos(nanos);
        }
        compressed
    }
}

/// Divides `total` in proportion to `wanted`. Each part has the minimum that [`Scenario::compressed`] promises.
fn shares(wanted: &[u128], total: u128) -> Vec<u128> {
    let floor = total / (2 * wanted.len().max(10)) as u128;
    let mut lifted = vec![false; wanted.len()];
    // Lifting one phase shrinks the rest, which may push another below the floor: at most one round per phase.
    loop {
        let fixed = floor * lifted.iter().filter(|l| **l).count() as u128;
        let free = total - fixed;
        let sum: u128 = unlifted(wanted, &lifted).sum::<u128>().max(1);
        // Multiplied in two steps, because the product of two long durations in nanoseconds could overflow.
        let part = |want: u128| (free / sum) * want + (free % sum).saturating_mul(want) / sum;
        let low = |i: usize| !lifted[i] && part(wanted[i]) < floor;
        if let Some(index) = (0..wanted.len()).find(|i| low(*i)) {
            lifted[index] = true;
            continue;
        }
        let mut parts: Vec<u128> = wanted
            .iter()
            .zip(&lifted)
            .map(|(want, lifted)| if *lifted { floor } else { part(*want) })
            .collect();
        // What rounding left over goes to the longest phase, so that the sum is exact.
        let rest = total.saturating_sub(parts.iter().sum());
        if let Some(longest) = (0..parts.len()).max_by_key(|i| parts[*i]) {
            parts[longest] += rest;
        }
        return parts;
    }
}

fn unlifted<'a>(wanted: &'a [u128], lifted: &'a [bool]) -> impl Iterator<Item = u128> + 'a {
    wanted
        .iter()
        .zip(lifted)
        .filter(|(_, lifted)| !**lifted)
        .map(|(want, _)| *want)
}

fn from_nanos(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    Duration::new(
        u64::try_from(nanos / SECOND).unwrap_or(u64::MAX),
        u32::try_from(nanos % SECOND).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::scenario::tests::scenario;
    use proptest::prelude::*;

    #[test]
    fn compression_keeps_short_phases_at_the_cost_of_long_ones() {
        let hours = scenario(&[8_000_000, 60_000, 2_000_000]);
        let short = hours.compressed(Duration::from_secs(30));
        assert_eq!(short.duration(), Duration::from_secs(30));
        assert_eq!(short.phases[1].duration, Duration::from_millis(1500));
        // The others keep the ratio of 4 to 1 that they had.
        assert_eq!(short.phases[0].duration.as_millis(), 22_800);
        assert_eq!(short.phases[2].duration.as_millis(), 5_700);
    }

    proptest! {
        #[test]
        fn compression_keeps_total_floor_and_order(
            durations in prop::collection::vec(1u64..10_000_000_000, 1..30),
            total in 1_000u64..100_000_000,
        ) {
            let total = Duration::from_millis(total);
            let before = scenario(&durations);
            let after = before.compressed(total);
            prop_assert_eq!(after.duration(), total);
            let floor = total / u32::try_from(2 * durations.len().max(10)).unwrap();
            for (one, a) in before.phases.iter().zip(&after.phases) {
                prop_assert!(a.duration >= floor);
                for (other, b) in before.phases.iter().zip(&after.phases) {
                    // A phase that was longer does not become the shorter one, up to a rounded nanosecond.
                    prop_assert!(one.duration <= other.duration || a.duration + Duration::from_nanos(1) >= b.duration);
                }
            }
        }
    }
}
