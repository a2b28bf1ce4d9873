//! The list of cases.

use crate::{bodies, burst, connections, miss, mixed, report::Case, stop};
use std::{future::Future, pin::Pin};

/// One case.
pub(crate) struct Listed {
    pub(crate) name: &'static str,
    /// What its figures are to be.
    pub(crate) reach: &'static str,
    pub(crate) how: How,
    pub(crate) play: fn() -> Playing,
}

pub(crate) type Playing = Pin<Box<dyn Future<Output = Case> + Send>>;

/// Whether it can be played beside others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// It waits for its servers.
    Waits,
    /// It takes what the machine has.
    Works,
}

macro_rules! case {
    ($name:literal, $how:ident, $play:path, $reach:literal) => {
        Listed {
            name: $name,
            reach: $reach,
            how: How::$how,
            play: || Box::pin($play()),
        }
    };
}

pub(crate) const CASES: [Listed; 9] = [
    case!(
        "stop",
        Works,
        stop::play,
        "processes are stopped for 3 to 5 s with 30 calls under way: no opening at a healthy primary in 20; a fault that began \
         in the pause is found"
    ),
    case!(
        "burst",
        Works,
        burst::alone,
        "a server with one worker, 200 calls in turn, then 1,000, 16 at a time: none refused, in 1.1 of the plain SDK's time"
    ),
    case!(
        "burst2",
        Works,
        burst::with_a_second,
        "the same with a second endpoint under write_once: every acknowledged object can be read"
    ),
    case!(
        "slowbody",
        Waits,
        bodies::slow,
        "30 MB at 10 MB/s from cold, three times: one request each, in 1.1 of the plain SDK's time"
    ),
    case!(
        "uplink",
        Waits,
        bodies::uplink,
        "8 MB put at 0.5 MB/s, deadline 40 s: one upload, stored, in 1.1 of the plain SDK's time"
    ),
    case!(
        "mixed",
        Works,
        mixed::play,
        "small reads of 3 to 6 ms beside objects of 400 ms, both endpoints healthy: no small read goes elsewhere first"
    ),
    case!(
        "pool",
        Works,
        connections::pool,
        "40 pooled connections answer their next request with a reset, new ones work: home again within 2 s; with one \
         endpoint no read and no repeatable write fails"
    ),
    case!(
        "h2dead",
        Waits,
        connections::h2dead,
        "an HTTP/2 connection goes silent, new ones work: calls succeed again within 3 s, with one endpoint and with two"
    ),
    case!(
        "miss",
        Waits,
        miss::play,
        "a key that does not exist, under write_once, while one of two endpoints hangs: Unavailable, the first within 1.2 s, \
         later ones within 20 ms"
    ),
];
