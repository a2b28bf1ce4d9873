//! Every numeric setting of every builder, with numbers that make no sense.

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![]
}
