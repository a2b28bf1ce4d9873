//! Keys and values that a store would reinterpret, and what a write must not lose on the way.

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![]
}
