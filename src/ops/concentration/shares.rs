//! The arithmetic of shares.

use super::{Index, Part, Shares};
use std::collections::BTreeMap;

/// What one endpoint contributes to the shares of a dimension.
pub(super) struct Contribution<'a> {
    /// What the endpoint declares: one name, or several where names overlap. `None`: nothing is declared.
    pub(super) names: Option<Vec<&'a str>>,
    /// How much. `None`: unknown.
    pub(super) amount: Option<u64>,
}

/// `overlaps`: an endpoint may count under several names, so that the shares do not add up.
pub(super) fn shares(all: &[Contribution<'_>], overlaps: bool) -> Shares {
    let mut by_name = BTreeMap::<&str, Option<u64>>::new();
    for one in all {
        for name in one.names.iter().flatten() {
            let amount = by_name.entry(name).or_insert(Some(0));
            *amount = amount.zip(one.amount).map(|(sum, more)| sum.saturating_add(more));
        }
    }
    let sum = |which: &dyn Fn(&&Contribution<'_>) -> bool| {
        let amounts = all.iter().filter(which).map(|one| one.amount);
        amounts.sum::<Option<u64>>()
    };
    let total = sum(&|_| true);
    let undeclared = sum(&|one| one.names.is_none());
    let of_total = |amount: Option<u64>| share(amount?, total?);
    let mut parts: Vec<_> = by_name
        .into_iter()
        .map(|(name, amount)| Part {
            name: name.to_owned(),
            amount,
            share: of_total(amount),
            at_most: of_total(amount.zip(undeclared).map(|(amount, unknown)| amount + unknown)),
        })
        .collect();
    parts.sort_by(|one, other| other.amount.cmp(&one.amount).then_with(|| one.name.cmp(&other.name)));
    let unknown = || all.iter().filter(|one| one.names.is_none()).map(|one| one.amount);
    Shares {
        coverage: of_total(total.zip(undeclared).map(|(total, unknown)| total - unknown)),
        index: (!overlaps)
            .then(|| {
                let known: Option<Vec<u64>> = parts.iter().map(|part| part.amount).collect();
                index(&known?, &unknown().collect::<Option<Vec<_>>>()?)
            })
            .flatten(),
        total,
        parts,
        undeclared,
    }
}

/// `amount` of `total`, to four digits. `None`: of nothing.
pub(super) fn share(amount: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| rounded(amount as f64 / total as f64))
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

/// The Herfindahl–Hirschman index of these amounts: the sum of the squares of their shares. Each of `unknown` belongs
/// to one part, and nobody knows to which. At the least each is a part of its own, at the most all belong to the
/// largest.
fn index(known: &[u64], unknown: &[u64]) -> Option<Index> {
    let total: f64 = known.iter().chain(unknown).map(|amount| *amount as f64).sum();
    if total <= 0.0 {
        return None;
    }
    let square = |amount: f64| (amount / total).powi(2);
    let squares: f64 = known.iter().map(|amount| square(*amount as f64)).sum();
    let apart: f64 = unknown.iter().map(|amount| square(*amount as f64)).sum();
    let rest: f64 = unknown.iter().map(|amount| *amount as f64).sum();
    let largest = known.iter().max().copied().unwrap_or(0) as f64;
    Some(Index {
        at_least: rounded(squares + apart),
        at_most: rounded(squares - square(largest) + square(largest + rest)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of<'a>(names: Option<&[&'a str]>, amount: impl Into<Option<u64>>) -> Contribution<'a> {
        Contribution {
            names: names.map(<[&str]>::to_vec),
            amount: amount.into(),
        }
    }

    #[test]
    fn the_index_is_the_sum_of_the_squared_shares() {
        // The example of the US Department of Justice: 30, 30, 20 and 20 percent make 2,600 of 10,000.
        let all = [("a", 30), ("b", 30), ("c", 20), ("d", 20)].map(|(name, amount)| of(Some(&[name]), amount));
        let shares = shares(&all, false);
        let index = Index {
            at_least: 0.26,
            at_most: 0.26,
        };
        assert_eq!((shares.index, shares.coverage), (Some(index), Some(1.0)));
        assert_eq!((shares.parts[0].share, shares.parts[3].share), (Some(0.3), Some(0.2)));
    }

    #[test]
    fn what_is_undeclared_widens_the_bounds() {
        let all = [of(Some(&["a"]), 50), of(Some(&["b"]), 30), of(None, 10), of(None, 10)];
        let shares = shares(&all, false);
        // Two more parts of a tenth each, or 70 and 30 percent.
        let index = Index {
            at_least: 0.36,
            at_most: 0.58,
        };
        assert_eq!((shares.index, shares.coverage), (Some(index), Some(0.8)));
        assert_eq!((shares.parts[1].share, shares.parts[1].at_most), (Some(0.3), Some(0.5)));
        let unknown = super::shares(&[of(None, 10)], false);
        let all_or_one = Index {
            at_least: 1.0,
            at_most: 1.0,
        };
        assert_eq!(
            (unknown.index, unknown.coverage),
            (Some(all_or_one), Some(0.0)),
            "one endpoint is one part, whichever it is"
        );
    }

    #[test]
    fn laws_overlap_and_have_no_index() {
        let all = [of(Some(&["US", "EU"]), 60), of(Some(&["EU"]), 30), of(None, 10)];
        let shares = shares(&all, true);
        let parts: Vec<_> = shares.parts.iter().map(|part| (&*part.name, part.share)).collect();
        assert_eq!(parts, [("EU", Some(0.9)), ("US", Some(0.6))]);
        assert_eq!(shares.parts[1].at_most, Some(0.7));
        assert_eq!(shares.index, None);
    }

    #[test]
    fn nothing_and_the_unknown_have_no_share() {
        let idle = shares(&[of(Some(&["a"]), 0), of(None, 0)], false);
        assert_eq!((idle.total, idle.coverage, idle.index), (Some(0), None, None));
        assert_eq!((idle.parts[0].amount, idle.parts[0].share), (Some(0), None));
        let opaque = shares(&[of(Some(&["a"]), 5), of(Some(&["b"]), None)], false);
        assert_eq!((opaque.total, opaque.coverage, opaque.index), (None, None, None));
        assert_eq!((&*opaque.parts[0].name, opaque.parts[0].amount), ("a", Some(5)));
        assert_eq!(
            (opaque.parts[0].share, opaque.parts[1].amount),
            (None, None),
            "a share of what?"
        );
        assert_eq!(shares(&[], false).total, Some(0));
    }

    proptest! {
        #[test]
        fn every_guess_at_the_undeclared_lies_within_the_bounds(
            known in prop::collection::vec(0_u64..1_000, 0..5),
            unknown in prop::collection::vec((0_u64..1_000, 0_usize..8), 0..6),
        ) {
            let amounts: Vec<_> = unknown.iter().map(|(amount, _)| *amount).collect();
            // Each endpoint of unknown place is put into one of the known parts, or into one of some more.
            let mut guess = known.clone();
            guess.resize(8, 0);
            for (amount, part) in unknown {
                guess[part] += amount;
            }
            match (index(&known, &amounts), index(&guess, &[])) {
                (Some(bounds), Some(guessed)) => {
                    prop_assert!(bounds.at_least <= guessed.at_least + 1e-3, "{bounds:?} {guessed:?}");
                    prop_assert!(bounds.at_most >= guessed.at_most - 1e-3, "{bounds:?} {guessed:?}");
                    prop_assert!((0.0..=1.0).contains(&bounds.at_least) && bounds.at_most <= 1.0);
                }
                (bounds, guessed) => prop_assert_eq!(bounds, guessed),
            }
        }
    }
}
