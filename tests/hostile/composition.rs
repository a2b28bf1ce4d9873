//! Layers, closures and listeners of the caller's own: slow, never ready, panicking, in between.

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![]
}
