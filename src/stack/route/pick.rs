//! The choice, pure: the known state of each endpoint goes in, one index comes out.

/// Envoy's over-provisioning factor: a tier keeps all its traffic until under 1/1.4 = 71 % of the tier is healthy. The
/// rest of the tier is assumed to have that much room.
pub(crate) const OVERPROVISIONING: f64 = 1.4;

/// What the choice knows of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Candidate {
    /// Its index.
    pub index: usize,
    /// Lower is preferred.
    pub tier: u8,
    /// The share of its normal traffic that it may carry, 0–1: 0 with an open breaker, less than 1 on the ramp.
    pub share: f64,
    /// The share of its normal traffic, 0–1, that its throttling or its [neighbours](super::neighbours) leave.
    pub admitted: f64,
    /// What one more attempt there would cost: peak-EWMA × (in flight + 1).
    pub cost: f64,
}

impl Candidate {
    /// The cost as if the endpoint's whole traffic were what it may carry now.
    fn weighed_cost(&self) -> f64 {
        self.cost / (self.share * self.admitted)
    }
}

/// Chooses one of these candidates, with `draw` uniform in 0–1. `None` if no candidate has a share.
///
/// *Between* tiers traffic spills in proportion. The most preferred tier takes what its health allows: 1.4 × the mean
/// of the shares, at most all, and of that what its throttling admits. The next tier takes the same portion of what is
/// left. What is left after the last tier goes back to the most preferred tier that has any share. *Within* a tier the
/// cheapest candidate is chosen: cost divided by share and by what its throttling admits.
pub(crate) fn choose(candidates: &[Candidate], draw: f64) -> Option<usize> {
    let tiers = Tiers(candidates);
    let mut left = 1.0;
    let mut drawn = draw;
    let mut tier = tiers.first();
    while let Some(current) = tier {
        let load = left * tiers.health(current) * tiers.admitted(current);
        if drawn < load {
            return tiers.cheapest(current);
        }
        drawn -= load;
        left -= load;
        tier = tiers.after(current);
    }
    // Every tier is partly sick: the rest has nowhere better to go.
    let mut tier = tiers.first();
    while let Some(current) = tier {
        if let Some(index) = tiers.cheapest(current) {
            return Some(index);
        }
        tier = tiers.after(current);
    }
    None
}

/// Candidates seen tier by tier, without sorting: there are two to six of them.
struct Tiers<'a>(&'a [Candidate]);

impl Tiers<'_> {
    fn first(&self) -> Option<u8> {
        self.0.iter().map(|c| c.tier).min()
    }

    fn after(&self, tier: u8) -> Option<u8> {
        self.0.iter().map(|c| c.tier).filter(|t| *t > tier).min()
    }

    fn of(&self, tier: u8) -> impl Iterator<Item = &Candidate> {
        self.0.iter().filter(move |c| c.tier == tier)
    }

    fn health(&self, tier: u8) -> f64 {
        let (sum, count) = self.of(tier).fold((0.0, 0.0), |(sum, n), c| (sum + c.share, n + 1.0));
        (OVERPROVISIONING * sum / f64::max(count, 1.0)).min(1.0)
    }

    fn admitted(&self, tier: u8) -> f64 {
        let (sum, count) = self
            .of(tier)
            .fold((0.0, 0.0), |(sum, n), c| (sum + c.admitted, n + 1.0));
        sum / f64::max(count, 1.0)
    }

    fn cheapest(&self, tier: u8) -> Option<usize> {
        self.of(tier)
            .filter(|c| c.share > 0.0)
            .min_by(|a, b| f64::total_cmp(&a.weighed_cost(), &b.weighed_cost()))
            .map(|c| c.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(index: usize, tier: u8, share: f64, cost: f64) -> Candidate {
        Candidate {
            index,
            tier,
            share,
            admitted: 1.0,
            cost,
        }
    }

    fn shares(candidates: &[Candidate]) -> Vec<f64> {
        let mut counts = vec![0.0; candidates.len()];
        for step in 0..1_000 {
            if let Some(index) = choose(candidates, f64::from(step) / 1_000.0) {
                counts[index] += 0.001;
            }
        }
        counts
    }

    #[test]
    fn a_tier_on_its_ramp_spills_what_it_cannot_bear() {
        let well = |index, tier| Candidate {
            index,
            tier,
            share: 1.0,
            admitted: 1.0,
            cost: 1.0,
        };
        // The first tier takes everything.
        assert_eq!(choose(&[well(0, 0), well(1, 1)], 0.99), Some(0));
        // Half up its ramp it takes 1.4 × 0.5 = 70 %, and the rest spills.
        let back = Candidate {
            share: 0.5,
            ..well(0, 0)
        };
        assert_eq!(choose(&[back, well(1, 1)], 0.69), Some(0));
        assert_eq!(choose(&[back, well(1, 1)], 0.71), Some(1));
    }

    #[test]
    fn a_healthy_tier_takes_everything() {
        let all = [candidate(0, 0, 0.75, 9.0), candidate(1, 1, 1.0, 1.0)];
        assert_eq!(shares(&all)[1], 0.0);
    }

    #[test]
    fn a_sick_endpoint_spills_in_proportion() {
        let all = [candidate(0, 0, 0.5, 1.0), candidate(1, 1, 1.0, 1.0)];
        assert!((shares(&all)[1] - 0.3).abs() < 0.01, "{:?}", shares(&all));
    }

    #[test]
    fn open_endpoints_get_no_traffic() {
        let all = [candidate(0, 0, 0.0, 1.0), candidate(1, 1, 0.1, 1.0)];
        assert_eq!(shares(&all)[0], 0.0);
        assert!((shares(&all)[1] - 1.0).abs() < 0.01);
        assert_eq!(choose(&[candidate(0, 0, 0.0, 1.0)], 0.5), None);
        assert_eq!(choose(&[], 0.5), None);
    }

    #[test]
    fn a_throttling_endpoint_gets_what_it_bears_and_no_more() {
        let mut all = [candidate(0, 0, 1.0, 1.0), candidate(1, 1, 1.0, 1.0)];
        all[0].admitted = 0.5;
        assert!((shares(&all)[0] - 0.5).abs() < 0.01, "{:?}", shares(&all));
    }

    #[test]
    fn within_a_tier_the_cheapest_wins_and_a_ramp_raises_the_cost() {
        let all = [candidate(0, 0, 1.0, 2.0), candidate(1, 0, 1.0, 1.0)];
        assert_eq!(choose(&all, 0.5), Some(1));
        let all = [candidate(0, 0, 1.0, 2.0), candidate(1, 0, 0.1, 1.0)];
        assert_eq!(choose(&all, 0.5), Some(0));
    }

    proptest! {
        #[test]
        fn an_endpoint_with_a_share_is_always_chosen(
            raw in proptest::collection::vec((0_u8..4, 0.0_f64..=1.0, 0.0_f64..1e9, any::<bool>()), 0..8),
            draw in 0.0_f64..1.0,
        ) {
            let all: Vec<_> = raw.iter().enumerate()
                .map(|(i, (tier, share, cost, open))| candidate(i, *tier, if *open { 0.0 } else { *share }, *cost))
                .collect();
            match choose(&all, draw) {
                Some(index) => prop_assert!(all[index].share > 0.0),
                None => prop_assert!(all.iter().all(|c| c.share == 0.0)),
            }
        }
    }
}
