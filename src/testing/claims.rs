//! What a store claims to do, what was run, and what was skipped.

/// What a store claims to do: everything, except the named gaps.
#[derive(Clone, Debug)]
pub struct Claims<C> {
    gaps: Vec<(C, &'static str)>,
}

/// The results of a suite.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report<C> {
    /// The checks that passed, by name.
    pub passed: Vec<&'static str>,
    /// The checks that did not apply.
    pub skipped: Vec<Skipped<C>>,
}

/// A check that did not apply.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Skipped<C> {
    /// The check's name.
    pub check: &'static str,
    /// The claim that the check needs and the store does not make.
    pub claim: C,
    /// The reason for the gap.
    pub reason: &'static str,
}

impl<C: Copy + PartialEq> Claims<C> {
    pub(super) const fn none_missing() -> Self {
        Self { gaps: Vec::new() }
    }

    /// Removes this claim, for this reason.
    #[must_use]
    pub fn without(mut self, claim: C, reason: &'static str) -> Self {
        self.gaps.push((claim, reason));
        self
    }

    pub(super) fn with(mut self, claim: C) -> Self {
        self.gaps.retain(|(gap, _)| *gap != claim);
        self
    }

    /// The first of these claims that the store does not make, and the reason.
    pub fn gap(&self, needed: &[C]) -> Option<(C, &'static str)> {
        needed
            .iter()
            .find_map(|needed| self.gaps.iter().find(|(claim, _)| claim == needed).copied())
    }
}

impl<C> Default for Report<C> {
    fn default() -> Self {
        Self {
            passed: Vec::new(),
            skipped: Vec::new(),
        }
    }
}

/// Lists every check with the claims that it needs, and makes the function that runs all checks. In scope must be
/// `Room`, `Claim`, `Claims` and `Report`.
macro_rules! suite {
    ($door:ident, $room:expr; $($module:ident::$check:ident [$($claim:ident),*];)*) => {
        /// Every check, and the claims that it needs.
        pub const CHECKS: &[(&str, &[Claim])] = &[$((stringify!($check), &[$(Claim::$claim),*])),*];

        /// Runs every check that the claims admit, one after the other, and prints the skipped checks.
        ///
        /// # Panics
        /// At the first check that fails.
        pub async fn run<D: $door>(store: &str, door: &D, claims: &Claims) -> Report {
            let mut report = Report::default();
            $(
                let check = stringify!($check);
                match claims.gap(&[$(Claim::$claim),*]) {
                    Some((claim, reason)) => {
                        println!("{store}: {check} skipped, no {claim:?}: {reason}");
                        report.skipped.push(crate::testing::claims::Skipped { check, claim, reason });
                    }
                    None => {
                        let room = Room {
                            door,
                            name: format!("{store}: {check}"),
                            prefix: $room(check),
                        };
                        $module::$check(&room).await;
                        report.passed.push(check);
                    }
                }
            )*
            report
        }
    };
}
pub(super) use suite;
