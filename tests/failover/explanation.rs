//! A property: what a call explains is what the providers saw.

use crate::{
    scripted::{ms, secs},
    store::{Store, Trouble},
};
use evenkeel::{Endpoint, Explanation, ObjectClient, Replication, ops::probe};
use std::collections::BTreeMap;
use tokio::time::sleep;

const NAMES: [&str; 3] = ["virginia", "ireland", "frankfurt"];

fn trouble(rng: &mut fastrand::Rng) -> Trouble {
    match rng.u8(..20) {
        0..=8 => Trouble::None,
        9 | 10 => Trouble::Slow(ms(rng.u64(1..400))),
        11 => Trouble::LostAnswer,
        12 => Trouble::Refused,
        13 => Trouble::Reset,
        14 => Trouble::Hang,
        15 => Trouble::Code("SlowDown"),
        16 => Trouble::Code("InternalError"),
        17 => Trouble::Code("InvalidAccessKeyId"),
        18 => Trouble::Code("AccessDenied"),
        _ => Trouble::Code("NoSuchKey"),
    }
}

fn explained(explanation: &Explanation) -> BTreeMap<&str, usize> {
    let mut attempts = BTreeMap::new();
    for attempt in explanation.attempts() {
        *attempts.entry(attempt.endpoint()).or_default() += 1;
    }
    attempts
}

/// Random troubles, random calls; after each call the attempts it explains, by endpoint, are those that arrived.
#[tokio::test(start_paused = true)]
async fn explained_attempts_match_what_providers_saw() {
    let only = std::env::var("EVENKEEL_SEED")
        .ok()
        .and_then(|seed| seed.parse::<u64>().ok());
    let seeds = only.map_or(0..60, |seed| seed..seed + 1);
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let stores = NAMES.map(|_| Store::new());
        let replication = if rng.bool() {
            Replication::write_once()
        } else {
            Replication::provider_managed()
        };
        let endpoints: Vec<_> = NAMES
            .iter()
            .zip(&stores)
            .map(|(name, store)| Endpoint::new(*name, store.clone()))
            .collect();
        let builder = ObjectClient::builder().endpoints(endpoints).replication(replication);
        // A probe is no call's attempt.
        let client = builder.probes(probe::ProbeSettings::off()).seed(seed).build().unwrap();
        for n in 0..60 {
            for store in &stores {
                store.heal();
                store.forget();
                store.then((0..4).map(|_| trouble(&mut rng)));
            }
            let key = format!("k/{}", rng.u32(..20));
            let limit = if rng.u8(..4) == 0 {
                ms(rng.u64(1..300))
            } else {
                secs(10)
            };
            let explanation = match rng.u8(..4) {
                0 => client
                    .put(&key, "v")
                    .deadline(limit)
                    .explained()
                    .await
                    .map(|(_, why)| why),
                1 => client.get(&key).deadline(limit).explained().await.map(|(_, why)| why),
                2 => client.head(&key).deadline(limit).explained().await.map(|(_, why)| why),
                _ => client
                    .delete(&key)
                    .deadline(limit)
                    .explained()
                    .await
                    .map(|(_, why)| why),
            };
            let explanation = explanation.unwrap_or_else(|error| error.explanation().clone());
            let saw: BTreeMap<_, _> = NAMES
                .iter()
                .zip(&stores)
                .map(|(name, store)| (*name, store.asked()))
                .filter(|(_, asked)| *asked > 0)
                .collect();
            assert_eq!(
                explained(&explanation),
                saw,
                "call {n} of seed {seed} (EVENKEEL_SEED={seed} replays it): {explanation}"
            );
            sleep(ms(rng.u64(0..2_000))).await;
        }
    }
}
