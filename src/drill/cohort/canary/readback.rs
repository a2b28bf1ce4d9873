//! What is there after the drill.

use super::{
    Place,
    ledger::{Ledger, Shown},
    rounds::Notes,
};
use crate::{ErrorKind, ObjectClient};
use futures_util::future::join_all;

/// How many are read at a time.
const AT_A_TIME: usize = 8;

/// After so many turns in which nothing could be read, the rest is not tried.
const FAILED_TURNS: u32 = 3;

/// Reads each canary that was acknowledged, as any other client of the same stores would.
pub(crate) async fn read_back(client: &ObjectClient, place: &Place, bytes: usize, notes: &Notes) {
    let acknowledged = notes.with(|ledger, _| ledger.acknowledged());
    let mut failed_turns = 0;
    for turn in acknowledged.chunks(AT_A_TIME) {
        if failed_turns == FAILED_TURNS {
            notes.with(|_, findings| findings.unread += turn.len() as u64);
            continue;
        }
        let shown = join_all(turn.iter().map(|number| look(client, place, *number, bytes, notes))).await;
        failed_turns = if shown.iter().all(Option::is_none) {
            failed_turns + 1
        } else {
            0
        };
        notes.with(|_, findings| {
            for shown in shown {
                match shown {
                    None => findings.unread += 1,
                    Some(shown) => {
                        findings.read_back += 1;
                        findings.lost += u64::from(shown == Shown::Lost);
                        findings.stale += u64::from(shown == Shown::Stale);
                    }
                }
            }
        });
    }
}

/// `None`: it could not be read, or only from a copy that may lag.
async fn look(client: &ObjectClient, place: &Place, number: u32, bytes: usize, notes: &Notes) -> Option<Shown> {
    let shown = |version| notes.with(|ledger: &mut Ledger, _| ledger.shown(number, version));
    match client.own_get(place.key(number)?).await {
        Ok(found) => {
            let seen = shown(place.version(number, found.body(), bytes));
            seen.filter(|seen| *seen == Shown::AsWritten || !found.is_possibly_stale())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => shown(None),
        Err(_) => None,
    }
}
