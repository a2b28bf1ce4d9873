//! Servers that redirect: nobody follows, and no credential travels.

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![]
}
