//! What real services do on an ordinary day: throttled answers, skewed clocks, closing connections, slow bodies.

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![]
}
