//! What is not there, while one of two stores hangs: `ObjectClient` under `write_once` has to ask both.

use crate::{
    case::{Case, Time, ms},
    figures::Seen,
    heard::Heard,
    objects::{Store, Trouble},
    ours::NAMES,
    row::Row,
};
use evenkeel::{Endpoint, ErrorKind, ObjectClient, Replication, provider::Memory};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Plays it: during the fault the store at this place hangs. A call has succeeded that ends with `Unavailable`, or that finds
/// what is there. The calls that count ask for what is not there, and as many others read an object.
pub(crate) fn play(case: &Case, hanging: usize, seed: u64) -> Row {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let heard = Heard::default();
    let calls = runtime.block_on(calls(case, hanging, seed, &heard));
    Row::of(case, calls, &heard.events())
}

async fn calls(case: &Case, hanging: usize, seed: u64, heard: &Heard) -> Vec<Seen> {
    let start = Instant::now();
    let mut rng = fastrand::Rng::with_seed(seed);
    let stores: Vec<Store> = case
        .places
        .iter()
        .map(|place| {
            let Time::Uniform(from, to) = place.usual else {
                unreachable!("the cases of misses are uniform")
            };
            let usual = ms(from)..ms(to);
            Store::on(Memory::new().with_latency(usual, rng.u64(..)))
        })
        .collect();
    let endpoints = NAMES.into_iter().zip(&stores);
    let client = ObjectClient::builder()
        .endpoints(endpoints.map(|(name, store)| Endpoint::new(name, store.clone())))
        .replication(Replication::write_once())
        .on_event(heard.listener(start))
        .seed(rng.u64(..))
        .build()
        .unwrap();
    client.put("there", "body").await.unwrap();
    let fault = case.schedule;
    let mut tasks = Vec::new();
    let mut next = start;
    let mut well = true;
    loop {
        next += Duration::from_secs_f64(-(1.0 - rng.f64()).ln() / case.rate);
        if next - start >= fault.end {
            break;
        }
        sleep_until(next).await;
        let struck = (fault.fault_from..fault.fault_to).contains(&(next - start));
        if struck && well {
            stores[hanging].always(Trouble::Hang);
        } else if !struck && !well {
            stores[hanging].heal();
        }
        well = !struck;
        let ask = case.ask(&mut rng);
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let began = Instant::now();
            let counted = ask.kind == 0;
            let key = if counted { "not there" } else { "there" };
            let result = client.get(key).await;
            let attempts = result.as_ref().err().map_or(&[][..], |error| error.attempts());
            let kind = result.as_ref().err().map(|error| error.kind());
            let ok = match (counted, struck) {
                (true, true) => kind == Some(ErrorKind::Unavailable),
                (true, false) => kind == Some(ErrorKind::NotFound),
                (false, _) => kind.is_none(),
            };
            Seen {
                at: began - start,
                took: began.elapsed(),
                ok,
                refused: kind == Some(ErrorKind::Overloaded),
                kind: ask.kind,
                primary: attempts.iter().filter(|attempt| attempt.endpoint() == NAMES[0]).count() as u32,
                attempts: attempts.len() as u32,
            }
        }));
    }
    let mut seen = Vec::with_capacity(tasks.len());
    for task in tasks {
        seen.push(task.await.unwrap());
    }
    seen
}
