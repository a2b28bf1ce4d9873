//! Late attempts, lost answers and stores that hold two.

mod delete;
mod early_response;
mod late_attempt;
mod lost_response;
mod random;
mod wire;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    let parts = [
        late_attempt::trials(),
        lost_response::trials(),
        random::trials(),
        delete::trials(),
        early_response::trials(),
    ];
    parts.into_iter().flatten().collect()
}
