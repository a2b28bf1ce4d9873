//! The fault proxy before a server that answers and stops reading.

use libtest_mimic::Trial;

pub(super) fn trials() -> Vec<Trial> {
    Vec::new()
}
