//! What cannot refuse a number: layers used alone, budgets, keepers, policies, the memory providers.

use super::{every, now};
use crate::promise::{self, Promise};
use evenkeel::{
    BoxError,
    credentials::{Keeper, Lease},
    provider::{KvProvider, Memory, MemoryTable, ObjectProvider},
    request::{Call, CallRecord, Key, OpClass, Safety, WriteId, kv, object},
    stack::{
        breaker::{Breaker, BreakerLayer},
        deadline::DeadlineLayer,
        health::Tracker,
        hedge::{Delay, HedgeLayer},
        limit::{Admission, LimitLayer},
        retry::{Budget, RetryLayer},
        timeout::{Limit, TimeoutLayer},
    },
};
use fastrand::Rng;
use libtest_mimic::Trial;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tower::{Layer, Service, ServiceExt};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::BadInput.paused(
            "settings::no_layer_alone_panics_in_a_call",
            no_layer_alone_panics_in_a_call,
        ),
        Promise::BadInput.paused("settings::no_keeper_panics_in_a_call", no_keeper_panics_in_a_call),
        Promise::BadInput.paused("settings::no_budget_overflows", || async { no_budget_overflows() }),
        Promise::BadInput.paused("settings::no_memory_provider_panics", no_memory_provider_panics),
        #[cfg(feature = "drill")]
        Promise::BadInput.paused("settings::no_drill_plays_nonsense", drill::no_drill_plays_nonsense),
    ]
}

const TIMES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_secs(1),
    Duration::from_secs(1 << 40),
    Duration::from_secs(1 << 62),
    Duration::MAX,
];
const SHARES: [f64; 9] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -1.0,
    0.0,
    f64::MIN_POSITIVE,
    0.5,
    1e9,
    1e308,
];

/// Fails, answers and hangs in turn.
fn moody()
-> impl Service<Call<()>, Response = u32, Error = BoxError, Future: Send + 'static> + Clone + Send + Sync + 'static {
    let calls = Arc::new(AtomicU32::new(0));
    tower::service_fn(move |_: Call<()>| {
        let number = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            match number % 9 {
                0..4 => Err(BoxError::from("down")),
                4 => std::future::pending().await,
                _ => Ok(number),
            }
        }
    })
}

/// Thirty calls, over an hour. How they end is not the question.
async fn hour<S>(service: S)
where
    S: Service<Call<()>> + Clone,
{
    Promise::BadInput.tried();
    for number in 0..30 {
        let record = match number % 3 {
            0 => CallRecord::new(OpClass::Read, Safety::ReadOnly),
            1 => CallRecord::new(OpClass::Write, Safety::Idempotent),
            _ => CallRecord::new(OpClass::Write, Safety::Once).allowing(TIMES[number % TIMES.len()]),
        };
        let call = service.clone().oneshot(Call::on_record((), record));
        let _ = tokio::time::timeout(Duration::from_secs(30), call).await;
        tokio::time::sleep(Duration::from_millis(number as u64 * 300)).await;
    }
}

async fn no_layer_alone_panics_in_a_call() {
    for time in TIMES {
        hour(DeadlineLayer::new(time).layer(moody())).await;
        hour(TimeoutLayer::new(Limit::fixed(time)).layer(moody())).await;
        hour(HedgeLayer::new(Delay::fixed(time), Budget::default()).layer(moody())).await;
        let both = TimeoutLayer::new(Limit::fixed(time)).layer(moody());
        hour(DeadlineLayer::new(time).layer(HedgeLayer::new(Delay::fixed(time), Budget::default()).layer(both))).await;
    }
    for share in SHARES {
        hour(LimitLayer::new(Admission::new(Some(share))).layer(moody())).await;
        hour(RetryLayer::new(Default::default(), Budget::new(share, share), 1).layer(moody())).await;
    }
    let settings = every();
    for round in 0..promise::rounds(100) as u64 {
        let rng = &mut Rng::with_seed(promise::seed().wrapping_add(round));
        let mut all = super::All::default();
        for _ in 0..rng.usize(1..4) {
            let (_, set) = settings[rng.usize(..settings.len())];
            for number in super::drawn(rng) {
                set(&mut all, number);
            }
        }
        println!("case {round}: {all:?}");
        let budget = all
            .budget
            .map_or_else(Budget::default, |[share, per_second]| Budget::new(share, per_second));
        let breaker = BreakerLayer::new(Breaker::new(all.breaker.clone(), round)).clearing(Arc::new(Tracker::new()));
        hour(RetryLayer::new(all.retry.clone(), budget, round).layer(breaker.layer(moody()))).await;
    }
}

async fn no_keeper_panics_in_a_call() {
    let settings = every();
    for round in 0..promise::rounds(100) as u64 {
        Promise::BadInput.tried();
        let rng = &mut Rng::with_seed(promise::seed().wrapping_add(round));
        let mut all = super::All::default();
        for _ in 0..rng.usize(1..6) {
            let (_, set) = settings[rng.usize(..settings.len())];
            for number in super::drawn(rng) {
                set(&mut all, number);
            }
        }
        println!("case {round}: {:?}", all.keeper);
        let life = TIMES[rng.usize(..TIMES.len())];
        let calls = AtomicU32::new(0);
        let keeper = Keeper::with_settings("token", all.keeper.clone(), move || {
            let number = calls.fetch_add(1, Ordering::Relaxed);
            async move {
                match number % 3 {
                    0 => Err(io::Error::other("down")),
                    1 => std::future::pending().await,
                    _ => Ok(Lease::lasting(number, life)),
                }
            }
        });
        for _ in 0..20 {
            let _ = tokio::time::timeout(Duration::from_secs(60), keeper.current()).await;
            let _ = tokio::time::timeout(Duration::from_secs(60), keeper.rotate()).await;
            tokio::time::sleep(Duration::from_secs(rng.u64(..40))).await;
        }
        let _ = keeper.standing().snapshot();
    }
}

fn no_budget_overflows() {
    let start = now();
    for (share, per_second) in SHARES.into_iter().flat_map(|share| SHARES.map(|other| (share, other))) {
        Promise::BadInput.tried();
        let budget = Budget::new(share, per_second);
        for step in 0..40 {
            let now = start + Duration::from_millis(700) * step;
            (0..100).for_each(|_| budget.deposit());
            budget.refund(now);
            let _ = (budget.withdraw(now), budget.available(now));
        }
        // Beyond all bounds is no licence, and nonsense none at all.
        let extra = (0..1_000)
            .filter(|_| Budget::new(f64::NAN, f64::NAN).withdraw(start))
            .count();
        assert_eq!(extra, 0);
    }
}

async fn no_memory_provider_panics() {
    for (from, to) in TIMES.into_iter().flat_map(|from| TIMES.map(|to| (from, to))) {
        Promise::BadInput.tried();
        let objects = Memory::new().with_latency(from..to, 3);
        let put = objects.put(object::Put::new(Key::new("a").unwrap(), "body"));
        let _ = tokio::time::timeout(Duration::from_secs(2), put).await;
        // Lives as long as the request says, which no door has looked at.
        let table = MemoryTable::new();
        let key = kv::Key::new("a").unwrap();
        let put = kv::Put::new(key.clone(), "value", WriteId::new("1")).expiring(to);
        let _ = table.put(put).await;
        let _ = table.get(kv::Get::new(key)).await;
        let _ = table.scan(kv::Scan::default()).await;
    }
}

#[cfg(feature = "drill")]
mod drill {
    use super::{SHARES, TIMES};
    use evenkeel::{
        Endpoint, ObjectClient,
        drill::{FaultLayer, Guard, Scenario, Timeline},
        provider::Memory,
    };

    pub(super) async fn no_drill_plays_nonsense() {
        let dark =
            r#"{ "name": "dark", "phases": [{ "name": "all", "duration": "1h", "rules": [{ "fault": "refuse" }] }] }"#;
        for share in SHARES {
            for time in TIMES {
                let guard = Guard::lasting(time).success_floor(share).window(time).min_calls(1);
                let Ok(timeline) = Timeline::guarded(Scenario::from_json(dark).unwrap(), 7, guard) else {
                    continue;
                };
                timeline.start_now();
                let faults = timeline.clone();
                let client = ObjectClient::builder()
                    .endpoint(Endpoint::new("here", Memory::new()))
                    .endpoint_layer(move |profile| FaultLayer::new(faults.clone(), profile.clone()).share(share))
                    .build()
                    .unwrap();
                let mut met = 0;
                for number in 0..5 {
                    met += u32::from(client.put(format!("{number}"), "body").overwrite().await.is_err());
                    timeline.observe(number % 2 == 0);
                }
                if share.is_nan() {
                    assert_eq!(met, 0, "a share that is no number is none");
                }
            }
        }
    }
}
