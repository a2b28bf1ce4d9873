//! Late attempts, lost answers and stores that hold two.

mod delete;
mod early;
mod late;
mod lost;
mod played;
mod wire;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    let parts = [
        late::trials(),
        lost::trials(),
        played::trials(),
        delete::trials(),
        early::trials(),
    ];
    parts.into_iter().flatten().collect()
}
