//! Gateways, captive portals and half-broken stores that speak for a provider: absence and success are proven or not said.

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![]
}
